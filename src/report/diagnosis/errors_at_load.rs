//! Turns that fail from some load on, and hardly below it.

use std::collections::BTreeMap;

use super::count::{Count, split};
use super::failures::{Failures, clock};
use super::load::Load;
use super::{Finding, Kind};
use crate::report::bins::Bins;
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, counted, grouped, percent};

/// Seconds that are distinguished, a day and a half; of a longer run two together, and so on.
const MOST_SECONDS: usize = 1 << 17;
/// Fewer turns below the load are no evidence that it goes well there.
const FEWEST_BELOW: u64 = 30;
/// Fewer turns from the load on, and fewer failures among them, are none.
const FEWEST_ABOVE: u64 = 20;
const FEWEST_FAILURES: u64 = 5;
/// A smaller share of failures is no sign of too much load.
const LEAST_SHARE: f64 = 0.02;
/// The share must be so many times that below.
const TIMES: f64 = 5.0;
/// Least likelihood ratio (2 ln Λ) of two shares against one: by chance it is over 30 in fewer than
/// one of ten million splits.
const LEAST_LIKELIHOOD: f64 = 30.0;
/// The load must be so many times the mean load below.
const LOADS_APART: f64 = 1.15;

/// Turns by the second in which they ended.
#[derive(Debug)]
pub(super) struct Turns {
    ended: Bins<u64>,
}

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    at_ns: i64,
    load: u32,
    count: Count,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns {
            ended: Bins::new(NS_PER_S, MOST_SECONDS),
        }
    }
}

impl Turns {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        use Status::{Cancelled, Interrupted, NotStarted};
        let at_ns = row.closed_ns.unwrap_or(row.intended_start_ns);
        let counts = match row.status {
            Interrupted | Cancelled => false,
            NotStarted => row.turn == 0,
            _ => true,
        };
        if counts {
            *self.ended.at(at_ns) += 1;
        }
    }

    /// How many turns ended from `from_ns` to `to_ns`, to the second, and how many in all.
    pub(super) fn within(&self, from_ns: i64, to_ns: i64) -> (u64, u64) {
        let width = self.ended.width();
        let all = self.ended.iter().map(|(_, turns)| turns).sum();
        let inside = self
            .ended
            .iter()
            .filter(|(start, _)| start + width > from_ns && *start <= to_ns);
        (inside.map(|(_, turns)| turns).sum(), all)
    }

    /// Said when a load splits the turns into those that went well and those that often did not.
    pub(super) fn finding(&self, failures: &mut Failures, load: &Load<'_>) -> Option<Finding> {
        let mut stretches = self.stretches(failures, load);
        stretches.sort_unstable_by_key(|stretch| (stretch.load, stretch.at_ns));
        let at = place(&stretches)?;
        let (below, above) = stretches.split_at(at);
        if !goes_on(above) {
            return None;
        }
        let all = |part: &[Stretch]| Count::sum(part.iter().map(|stretch| stretch.count));
        let (low, high) = (all(below), all(above));
        let (most_below, least_above) = (below.last()?.load, above.first()?.load);
        let mut evidence = format!(
            "Up to {} at once, {} of {} failed ({}); from {least_above} on, {} of {} did ({}).",
            counted(most_below.into(), "session"),
            grouped(low.failed),
            counted(low.turns, "turn"),
            percent(low.failed, low.turns),
            grouped(high.failed),
            grouped(high.turns),
            percent(high.failed, high.turns),
        );
        let first = failures.unexplained().map(|failure| failure.at_ns).min()?;
        evidence += &format!(" The first failed at {}.", clock(first));
        let width = self.ended.width();
        let second = |at_ns: i64| at_ns.max(0) / width * width;
        evidence += &failures.explain(|failure| {
            let from_ns = second(failure.at_ns);
            let load = load.most(from_ns, from_ns + width - 1);
            !failure.explained && load >= Some(least_above)
        });
        Some(Finding {
            kind: Kind::ErrorsAtLoad,
            title: format!("Turns fail from about {least_above} sessions at once"),
            evidence,
            advice: format!(
                "Take {most_below} sessions at once for what this gateway holds until its log and its \
                 memory, GPU and queues at that load say what runs out; then add replicas or raise \
                 that limit."
            ),
        })
    }

    fn stretches(&self, failures: &Failures, load: &Load<'_>) -> Vec<Stretch> {
        let width = self.ended.width();
        let mut failed: BTreeMap<i64, u64> = BTreeMap::new();
        for failure in failures.unexplained() {
            *failed.entry(failure.at_ns.max(0) / width).or_default() += failures.every();
        }
        let stretch = |(start, turns): (i64, &u64)| {
            let failed = failed.get(&(start / width)).copied().unwrap_or(0);
            Some(Stretch {
                at_ns: start,
                load: load.most(start, start + width - 1)?,
                count: Count {
                    turns: *turns,
                    failed: failed.min(*turns),
                },
            })
        };
        let ended = self.ended.iter().filter(|(_, turns)| **turns > 0);
        ended.filter_map(stretch).collect()
    }
}

/// Where to split stretches, sorted by load, so that both sides are each most alike.
fn place(sorted: &[Stretch]) -> Option<usize> {
    let counts: Vec<Count> = sorted.iter().map(|stretch| stretch.count).collect();
    // Sums of the loads of the turns before each.
    let mut loads = vec![0.0];
    for stretch in sorted {
        let before = loads.last().copied().unwrap_or(0.0);
        loads.push(before + f64::from(stretch.load) * stretch.count.turns as f64);
    }
    split(&counts, LEAST_LIKELIHOOD, |at, below, above| {
        let mean_below = loads[at] / below.turns.max(1) as f64;
        let is_edge = sorted[at - 1].load < sorted[at].load;
        let is_apart = f64::from(sorted[at].load) >= mean_below * LOADS_APART;
        let is_enough = below.turns >= FEWEST_BELOW
            && above.turns >= FEWEST_ABOVE
            && above.failed >= FEWEST_FAILURES;
        let is_worse = above.share() >= LEAST_SHARE && above.share() >= TIMES * below.share();
        is_edge && is_apart && is_enough && is_worse
    })
}

/// Whether turns fail again and again while the load lasts, and not in one moment, such as that of
/// a restart: in three of its four quarters.
fn goes_on(above: &[Stretch]) -> bool {
    let mut in_time = above.to_vec();
    in_time.sort_unstable_by_key(|stretch| stretch.at_ns);
    let all: u64 = above.iter().map(|stretch| stretch.count.turns).sum();
    let mut quarters = [0_u64; 4];
    let mut before = 0;
    for stretch in in_time {
        let quarter = (before * 4 / all.max(1)).min(3);
        quarters[quarter as usize] += stretch.count.failed;
        before += stretch.count.turns;
    }
    quarters.iter().filter(|failed| **failed > 0).count() >= 3
}
