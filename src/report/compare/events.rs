//! Shares and rates of requests: their differences by formula, since failures can be so few that a
//! draw of them says nothing.

use super::significance::{Judged, by_error};

/// Requests of one block.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Block {
    /// All of them.
    pub rows: f64,
    /// Those in question.
    pub events: f64,
}

/// The requests of one run, by block; some blocks may be empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Events(pub Vec<Block>);

impl Events {
    /// Takes in a request of a block.
    pub(super) fn add(&mut self, block: u32, is_event: bool) {
        let block = block as usize;
        if self.0.len() <= block {
            self.0.resize(block + 1, Block::default());
        }
        if let Some(block) = self.0.get_mut(block) {
            block.rows += 1.0;
            block.events += f64::from(u8::from(is_event));
        }
    }

    fn sum(&self, of: impl Fn(&Block) -> f64) -> f64 {
        self.0.iter().map(of).sum()
    }

    /// All requests.
    pub(super) fn rows(&self) -> f64 {
        self.sum(|block| block.rows)
    }

    /// Those in question.
    pub(super) fn events(&self) -> f64 {
        self.sum(|block| block.events)
    }

    /// Those in question, as a share of all; null without requests.
    pub(super) fn share(&self) -> Option<f64> {
        let rows = self.rows();
        (rows > 0.0).then(|| self.events() / rows)
    }

    /// Blocks of equal size that would tell as much.
    fn clusters(&self) -> f64 {
        self.rows().powi(2) / self.sum(|block| block.rows.powi(2)).max(1.0)
    }

    /// How far each block moves the share.
    fn pulls(&self) -> impl Iterator<Item = f64> {
        let rows = self.rows().max(1.0);
        let share = self.share().unwrap_or(0.0);
        self.0
            .iter()
            .map(move |block| (block.events - share * block.rows) / rows)
    }
}

/// The difference of two shares, run less base; the same blocks are beside each other when `paired`.
///
/// Its variance is that between blocks, and that of one more block with failures in each run (as
/// Agresti and Caffo 2000 add one success and one failure), without which few failures look certain.
pub(super) fn shares(base: &Events, run: &Events, paired: bool) -> Option<(f64, Judged)> {
    let observed = run.share()? - base.share()?;
    let between = match paired {
        true => {
            let longest = base.0.len().max(run.0.len());
            let padded = |pulls: Vec<f64>| pulls.into_iter().chain(std::iter::repeat(0.0));
            let base = padded(base.pulls().collect());
            let pulls = padded(run.pulls().collect()).zip(base).take(longest);
            variance(pulls.map(|(run, base)| run - base))
        }
        false => variance(base.pulls()) + variance(run.pulls()),
    };
    let events = base.events() + run.events();
    let squares = |of: &Events| of.sum(|block| block.events.powi(2));
    let usual = match events > 0.0 {
        true => (squares(base) + squares(run)) / events,
        false => 1.0,
    };
    let more = (usual / base.rows()).powi(2) + (usual / run.rows()).powi(2);
    let clusters = base.clusters().min(run.clusters());
    Some((
        observed,
        by_error(observed, (between + more).sqrt(), clusters),
    ))
}

/// The difference of two rates a second, run less base, where a run took so many seconds.
///
/// A request more or less at the edges of the window is in every block's count.
pub(super) fn rates(base: (&Events, f64), run: (&Events, f64)) -> (f64, Judged) {
    let rate = |(events, seconds): (&Events, f64)| events.events() / seconds;
    let spread = |(events, seconds): (&Events, f64)| {
        let count = events.0.len().max(1) as f64;
        let mean = events.events() / count;
        let own = variance(events.0.iter().map(|block| block.events - mean));
        own.max(count * 0.25) / (seconds * seconds)
    };
    let observed = rate(run) - rate(base);
    let error = (spread(base) + spread(run)).sqrt();
    let clusters = base.0.0.len().min(run.0.0.len()) as f64;
    (observed, by_error(observed, error, clusters))
}

/// The variance of a sum of independent `parts` whose mean is 0.
fn variance(parts: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut squares) = (0.0_f64, 0.0);
    for part in parts {
        count += 1.0;
        squares += part * part;
    }
    squares * count / (count - 1.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    /// `failed` of 1,000 requests in blocks of five, wherever chance puts them.
    fn run(failed: usize) -> Events {
        let chance = |request: &u32| {
            let mut hash = DefaultHasher::new();
            request.hash(&mut hash);
            hash.finish()
        };
        let mut requests: Vec<u32> = (0..1_000).collect();
        requests.sort_by_key(chance);
        let mut events = Events::default();
        for (place, request) in requests.into_iter().enumerate() {
            events.add(request % 200, place < failed);
        }
        events
    }

    fn p_value(base: usize, other: usize) -> f64 {
        shares(&run(base), &run(other), false).unwrap().1.p_value
    }

    #[test]
    fn few_failures_are_no_proof_and_many_are() {
        assert_eq!(p_value(0, 0), 1.0);
        assert!(p_value(0, 3) > 0.1);
        assert!(p_value(0, 10) < 0.01);
        assert!(p_value(100, 120) > 0.1);
        assert!(p_value(10, 100) < 1e-6);
    }

    #[test]
    fn failures_of_one_session_are_one() {
        let alike = |sessions: u32| {
            let mut events = Events::default();
            for request in 0..1_000 {
                events.add(request / 10, request / 10 < sessions);
            }
            events
        };
        let (observed, judged) = shares(&alike(0), &alike(3), false).unwrap();
        assert!((observed - 0.03).abs() < 1e-12);
        assert!(judged.p_value > 0.1, "{judged:?}");
    }

    #[test]
    fn what_fails_in_both_runs_of_a_pair_is_no_difference() {
        let mut other = run(100);
        other.0[150].events += 1.0;
        let paired = shares(&run(100), &other, true).unwrap().1;
        let apart = shares(&run(100), &other, false).unwrap().1;
        let width = |judged: Judged| {
            let [low, high] = judged.interval.unwrap().map(Option::unwrap);
            high - low
        };
        assert!(width(paired) < width(apart) / 3.0);
    }

    #[test]
    fn rates_are_counted_by_user_and_know_the_edges_of_their_window() {
        let users = |requests: u32| {
            let mut events = Events::default();
            (0..requests).for_each(|i| events.add(i % 20, true));
            events
        };
        let p = |base: u32, other: u32| {
            let (_, judged) = rates((&users(base), 60.0), (&users(other), 60.0));
            judged.p_value
        };
        assert!(p(600, 603) > 0.2);
        assert!(p(600, 540) < 0.001);
    }
}
