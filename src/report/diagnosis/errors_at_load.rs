//! Turns that fail from some load on, and hardly below it.

use std::collections::BTreeMap;

use super::failures::{Failures, clock};
use super::load::Load;
use super::{Finding, Kind};
use crate::report::bins::Bins;
use crate::report::layout::percent;
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, counted, grouped, grpc_code_name};

/// Seconds that are told apart, a day and a half; of a longer run two together, and so on.
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
    turns: u64,
    failed: u64,
}

/// Turns and failures among them.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    turns: u64,
    failed: u64,
}

impl Count {
    fn of<'a>(stretches: impl IntoIterator<Item = &'a Stretch>) -> Count {
        stretches
            .into_iter()
            .fold(Count::default(), |sum, s| Count {
                turns: sum.turns + s.turns,
                failed: sum.failed + s.failed,
            })
    }

    fn share(self) -> f64 {
        self.failed as f64 / self.turns.max(1) as f64
    }

    /// Log-likelihood of the count under its own share.
    fn likelihood(self) -> f64 {
        let part = |count: u64| match count {
            0 => 0.0,
            count => count as f64 * (count as f64 / self.turns as f64).ln(),
        };
        part(self.failed) + part(self.turns - self.failed)
    }
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
    pub(super) fn finding(&self, failures: &Failures, load: &Load<'_>) -> Option<Finding> {
        let mut stretches = self.stretches(failures, load);
        stretches.sort_unstable_by_key(|stretch| (stretch.load, stretch.at_ns));
        let at = split(&stretches)?;
        let (below, above) = stretches.split_at(at);
        if !goes_on(above) {
            return None;
        }
        let (low, high) = (Count::of(below), Count::of(above));
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
        evidence += &format!(
            " The first failed at {}, most of them with {}.",
            clock(first),
            usual(failures)
        );
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
                turns: *turns,
                failed: failed.min(*turns),
            })
        };
        let ended = self.ended.iter().filter(|(_, turns)| **turns > 0);
        ended.filter_map(stretch).collect()
    }
}

/// Where to split stretches, sorted by load, so that both sides are each most alike.
fn split(sorted: &[Stretch]) -> Option<usize> {
    let all = Count::of(sorted);
    let mut below = Count::default();
    let mut load_below = 0.0;
    let mut best: Option<(f64, usize)> = None;
    for (i, stretch) in sorted.iter().enumerate() {
        let above = Count {
            turns: all.turns - below.turns,
            failed: all.failed - below.failed,
        };
        let mean_below = load_below / below.turns.max(1) as f64;
        let is_edge = i > 0 && sorted[i - 1].load < stretch.load;
        let is_apart = f64::from(stretch.load) >= mean_below * LOADS_APART;
        let is_enough = below.turns >= FEWEST_BELOW
            && above.turns >= FEWEST_ABOVE
            && above.failed >= FEWEST_FAILURES;
        let is_worse = above.share() >= LEAST_SHARE && above.share() >= TIMES * below.share();
        if is_edge && is_apart && is_enough && is_worse {
            let ratio = 2.0 * (below.likelihood() + above.likelihood() - all.likelihood());
            if ratio >= LEAST_LIKELIHOOD && best.is_none_or(|(most, _)| ratio > most) {
                best = Some((ratio, i));
            }
        }
        below.turns += stretch.turns;
        below.failed += stretch.failed;
        load_below += f64::from(stretch.load) * stretch.turns as f64;
    }
    best.map(|(_, at)| at)
}

/// Whether turns fail again and again while the load lasts, and not in one moment, such as that of
/// a restart: in three of its four quarters.
fn goes_on(above: &[Stretch]) -> bool {
    let mut in_time = above.to_vec();
    in_time.sort_unstable_by_key(|stretch| stretch.at_ns);
    let all = Count::of(above).turns;
    let mut quarters = [0_u64; 4];
    let mut before = 0;
    for stretch in in_time {
        let quarter = (before * 4 / all.max(1)).min(3);
        quarters[quarter as usize] += stretch.failed;
        before += stretch.turns;
    }
    quarters.iter().filter(|failed| **failed > 0).count() >= 3
}

/// How most of the failures are called.
fn usual(failures: &Failures) -> String {
    let mut names: BTreeMap<String, u64> = BTreeMap::new();
    for failure in failures.unexplained() {
        let name = match failure.code {
            Ok(code) => grpc_code_name(code).map_or_else(|| format!("code {code}"), str::to_owned),
            Err(status) => status.name().to_owned(),
        };
        *names.entry(name).or_default() += 1;
    }
    let most = names.into_iter().max_by_key(|(_, count)| *count);
    most.map_or_else(String::new, |(name, _)| name)
}
