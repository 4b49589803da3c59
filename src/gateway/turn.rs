//! One utterance on its way from being heard to its answer.

use rand_chacha::ChaCha8Rng;

use super::model::turn_rng;
use super::script::Transcript;
use crate::clock::monotonic_ns;

/// An utterance that has begun, with the generator that all of its turn is drawn from.
pub(super) struct Utterance {
    rng: ChaCha8Rng,
    transcript: Transcript,
}

/// An utterance that has ended and waits for its answer.
pub(super) struct Turn {
    pub(super) rng: ChaCha8Rng,
    /// What was recognised or typed.
    pub(super) text: String,
    /// Monotonic instant at which the end of speech was noticed; none for what was typed.
    pub(super) ended_ns: Option<i64>,
}

impl Utterance {
    pub(super) fn new(seed: u64, session_id: &str, turn: u32) -> Utterance {
        let mut rng = turn_rng(seed, session_id, turn);
        let transcript = Transcript::draw(&mut rng);
        Utterance { rng, transcript }
    }

    /// What has been understood so far.
    pub(super) fn interim(&self, heard_ns: i64) -> String {
        self.transcript.interim(heard_ns)
    }

    /// Ends now, after `heard_ns` of speech.
    pub(super) fn spoken(self, heard_ns: i64) -> Turn {
        Turn {
            text: self.transcript.after(heard_ns),
            rng: self.rng,
            ended_ns: Some(monotonic_ns()),
        }
    }

    /// Was not spoken, but typed.
    pub(super) fn typed(self, text: String) -> Turn {
        Turn {
            text,
            rng: self.rng,
            ended_ns: None,
        }
    }
}
