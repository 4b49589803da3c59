//! Runs of the same kind, one after the other, and how far they lie apart.

use std::collections::BTreeMap;
use std::fmt::Write;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::run::RunReport;
use crate::report::Summary;
use crate::report::stats::Percentiles;
use crate::results::manifest::Campaign;
use crate::units::{Human, share_percent};

/// A figure of a run's summary.
type Figure = fn(&Percentiles) -> Option<i64>;

/// Latencies whose spread is given besides that of the answer, and at which levels.
const OTHERS: [&str; 2] = ["e2e", "asr"];
const LEVELS: [(&str, Figure); 2] = [("p50", |of| of.p50_ns), ("p95", |of| of.p95_ns)];

/// How far one figure lies apart between runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepeatedFigure {
    /// Runs that have the figure.
    pub runs: u32,
    /// The figure of each run, nanoseconds; null where a run does not have it.
    pub values_ns: Vec<Option<i64>>,
    /// Their mean.
    pub mean_ns: i64,
    /// Smallest and largest.
    pub range_ns: [i64; 2],
    /// Largest less smallest, as a share of the mean; null when that is 0.
    pub share: Option<f64>,
}

/// Makes `of` runs with `make`, each but the first after `rest`, which says whether to go on; none after one
/// that was interrupted. Of several, each is told its place among them, with so long a rest.
///
/// # Errors
/// Those of `rest` and `make`.
pub fn repeat<E>(
    of: u32,
    cool_down_ns: i64,
    mut rest: impl FnMut(u32) -> Result<bool, E>,
    mut make: impl FnMut(Option<Campaign>) -> Result<RunReport, E>,
) -> Result<Vec<RunReport>, E> {
    let campaign_id = format!("{:032x}", rand::rng().random::<u128>());
    let mut runs: Vec<RunReport> = Vec::new();
    for number in 1..=of {
        let is_stopped = runs.last().is_some_and(|run| run.interrupted);
        if is_stopped || (number > 1 && !rest(number)?) {
            break;
        }
        runs.push(make((of > 1).then(|| Campaign {
            campaign_id: campaign_id.clone(),
            number,
            of,
            cool_down_ns,
        }))?);
    }
    Ok(runs)
}

/// How far the runs lie apart, for people: a few lines, or one that says so where that is not known.
#[must_use]
pub fn text(runs: &[RunReport]) -> String {
    let spreads = spreads(&runs.iter().map(RunReport::summary).collect::<Vec<_>>());
    let mut text = format!("\n{} runs", runs.len());
    if spreads.is_empty() {
        text += ": at least two with enough answers are needed to say how far runs lie apart\n";
        return text;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{:>17}{:>10}{:>10}{:>12}",
        "mean", "least", "most", "apart"
    );
    for (name, spread) in spreads {
        let [least, most] = spread.range_ns.map(|ns| Human(ns).to_string());
        let mean = Human(spread.mean_ns).to_string();
        let apart = spread
            .share
            .map_or("–".to_owned(), |share| share_percent(share, 1));
        let _ = writeln!(text, "{name:<14}{mean:>10}{least:>10}{most:>10}{apart:>12}");
    }
    text
}

/// The spread of each figure that at least two of these runs have, by name such as `response.p95`.
#[must_use]
pub fn spreads(runs: &[&Summary]) -> BTreeMap<String, RepeatedFigure> {
    let mut spreads = BTreeMap::new();
    let answer = runs.first().map(|run| run.answer_latency().name);
    for latency in answer.into_iter().chain(OTHERS) {
        for (level, figure) in LEVELS {
            let value = |run: &&Summary| figure(run.latencies.get(latency)?);
            let values: Vec<Option<i64>> = runs.iter().map(value).collect();
            if let Some(spread) = spread(values) {
                spreads.insert(format!("{latency}.{level}"), spread);
            }
        }
    }
    spreads
}

fn spread(values_ns: Vec<Option<i64>>) -> Option<RepeatedFigure> {
    let known: Vec<i64> = values_ns.iter().copied().flatten().collect();
    let (least, most) = (*known.iter().min()?, *known.iter().max()?);
    if known.len() < 2 {
        return None;
    }
    let sum: i128 = known.iter().map(|ns| i128::from(*ns)).sum();
    let mean_ns = i64::try_from(sum / known.len() as i128).unwrap_or(i64::MAX);
    Some(RepeatedFigure {
        runs: u32::try_from(known.len()).unwrap_or(u32::MAX),
        values_ns,
        mean_ns,
        range_ns: [least, most],
        share: (mean_ns != 0).then(|| (most - least) as f64 / mean_ns as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_over_the_runs_that_have_the_figure() {
        let spread = spread(vec![Some(90), None, Some(110)]).unwrap();
        assert_eq!((spread.runs, spread.mean_ns), (2, 100));
        assert_eq!((spread.range_ns, spread.share), ([90, 110], Some(0.2)));
        assert_eq!(super::spread(vec![Some(1), None]), None);
        assert_eq!(super::spread(Vec::new()), None);
    }
}
