//! Turns that fail from some load on, and hardly below it.

use super::count::{Count, Split, split};
use super::ended::Ended;
use super::failures::{Failures, clock};
use super::load::Load;
use super::{Finding, Kind, Seen};
use crate::units::{counted, grouped};

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

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    at_ns: i64,
    load: u32,
    count: Count,
}

/// Said when a load splits the turns into those that went well and those that often did not.
pub(super) fn finding(seen: &mut Seen<'_>) -> Option<Finding> {
    let mut stretches = stretches(&seen.ended, &seen.failures, &seen.load);
    stretches.sort_unstable_by_key(|stretch| (stretch.load, stretch.at_ns));
    let split = place(&stretches)?;
    let (below, above) = stretches.split_at(split.at);
    if !goes_on(above) {
        return None;
    }
    let (most_below, least_above) = (below.last()?.load, above.first()?.load);
    let failures = &mut seen.failures;
    let first = failures.unexplained().map(|failure| failure.at_ns).min()?;
    let mut evidence = format!(
        "Up to {} at once, {}; from {least_above} on, {} of {} did ({}). The first failed at {}.",
        counted(most_below.into(), "session"),
        split.below.said("turn", " failed"),
        grouped(split.above.failed),
        grouped(split.above.turns),
        split.above.percent(),
        clock(first),
    );
    let width = seen.ended.width();
    evidence += &failures.explain(|failure| {
        let from_ns = failure.at_ns.max(0) / width * width;
        let load = seen.load.most(from_ns, from_ns + width - 1);
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

fn stretches(ended: &Ended, failures: &Failures, load: &Load<'_>) -> Vec<Stretch> {
    let width = ended.width();
    let failed = failures.count_by(|failure| Some(failure.at_ns.max(0) / width));
    let stretch = |(start, turns): (i64, u64)| {
        let failed = failed.get(&(start / width)).copied().unwrap_or(0);
        let failed = failed.min(turns);
        Some(Stretch {
            at_ns: start,
            load: load.most(start, start + width - 1)?,
            count: Count { turns, failed },
        })
    };
    ended.stretches().filter_map(stretch).collect()
}

/// Where to split stretches, sorted by load, so that both sides are each most alike.
fn place(sorted: &[Stretch]) -> Option<Split> {
    let counts: Vec<Count> = sorted.iter().map(|stretch| stretch.count).collect();
    // Sums of the loads of the turns before each.
    let mut loads = vec![0.0];
    for stretch in sorted {
        let before = loads.last().copied().unwrap_or(0.0);
        loads.push(before + f64::from(stretch.load) * stretch.count.turns as f64);
    }
    split(&counts, LEAST_LIKELIHOOD, |Split { at, below, above }| {
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
