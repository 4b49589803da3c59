//! Which clip is spoken next.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

crate::names! {
    /// Which clip is spoken next.
    pub enum Pick {
        /// All turns of all sessions take the clips in turn.
        RoundRobin = "round-robin",
        /// Each turn takes any clip.
        Random = "random",
        /// Each session starts again at the first clip.
        Sequential = "sequential",
        /// Like round-robin, in an order that is shuffled anew each time around.
        Shuffle = "shuffle",
    }
}

/// Chooses clips.
#[derive(Debug)]
pub struct Picker {
    pick: Pick,
    clips: usize,
    /// The shuffled order; empty unless it is.
    order: Vec<usize>,
    next: usize,
    rng: ChaCha8Rng,
}

impl Picker {
    /// Chooses among `clips` clips, at least one; in turn from number `first` on.
    #[must_use]
    pub fn new(pick: Pick, clips: usize, first: usize, rng: ChaCha8Rng) -> Picker {
        let next = match pick {
            Pick::RoundRobin => first % clips.max(1),
            _ => 0,
        };
        Picker {
            pick,
            clips,
            order: Vec::new(),
            next,
            rng,
        }
    }

    /// What follows belongs to another session.
    pub fn begin_session(&mut self) {
        if self.pick == Pick::Sequential {
            self.next = 0;
        }
    }

    /// The number of the next clip.
    pub fn pick(&mut self) -> usize {
        if self.pick == Pick::Random {
            return self.rng.random_range(0..self.clips);
        }
        if self.next == 0 && self.pick == Pick::Shuffle {
            if self.order.is_empty() {
                self.order = (0..self.clips).collect();
            }
            self.order.shuffle(&mut self.rng);
        }
        let clip = self.order.get(self.next).copied().unwrap_or(self.next);
        self.next = (self.next + 1) % self.clips;
        clip
    }
}
