//! How a recorded trace was answered when it was recorded, beside how it was answered now: pairs of
//! one turn each, so that the mix of turns does not matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::document::{Block, Table, Words};
use super::stats::{Percentiles, Quantile, Sample};
use crate::results::exclusion::Exclusion;
use crate::results::metrics::LATENCIES;
use crate::results::row::RequestRow;
use crate::units::terminal::Tone;
use crate::units::{Human, counted, grouped};

/// One latency of the turns of the headline figures, as recorded and as replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// As recorded, over the turns that have it in both.
    pub recorded: Percentiles,
    /// As replayed, over the same turns.
    pub replayed: Percentiles,
    /// Replayed less recorded, turn by turn: negative where the replay was faster.
    pub difference: Percentiles,
    /// Turns that have it only in the recording.
    pub only_recorded: u64,
    /// Turns that have it only in the replay.
    pub only_replayed: u64,
}

/// The names of the latencies that are compared, in the order of reports.
fn names() -> impl Iterator<Item = &'static str> {
    let recorded = LATENCIES
        .iter()
        .filter(|latency| latency.recorded.is_some());
    recorded.map(|latency| latency.name)
}

/// The pairs of one latency.
#[derive(Debug, Default)]
struct Pairs {
    recorded: Sample,
    replayed: Sample,
    difference: Sample,
    only_recorded: u64,
    only_replayed: u64,
}

/// The pairs of a run, counted turn by turn, of those latencies that recordings have.
#[derive(Debug, Default)]
pub(super) struct AllPairs([Pairs; LATENCIES.len()]);

/// The latencies that were recorded, by name.
pub type RecordedBaseline = BTreeMap<String, Paired>;

impl Counted for RecordedBaseline {
    type Counts = AllPairs;

    // Of turns that were recorded and count in the headline figures.
    fn add(counts: &mut AllPairs, row: &RequestRow, cluster: u32) {
        let recorded = LATENCIES.each_ref().map(|latency| (latency.recorded?)(row));
        if recorded == [None; LATENCIES.len()] || Exclusion::of(row).is_some() {
            return;
        }
        let latencies = LATENCIES.iter().zip(recorded).zip(&mut counts.0);
        for ((latency, recorded), pairs) in latencies {
            match (recorded, latency.of(row)) {
                (Some(recorded), Some(replayed)) => {
                    pairs.recorded.push(Some(recorded), cluster);
                    pairs.replayed.push(Some(replayed), cluster);
                    pairs.difference.push(Some(replayed - recorded), cluster);
                }
                (Some(_), None) => pairs.only_recorded += 1,
                (None, Some(_)) => pairs.only_replayed += 1,
                (None, None) => {}
            }
        }
    }

    fn finish(counts: AllPairs) -> Option<RecordedBaseline> {
        let pairs = LATENCIES.iter().zip(counts.0);
        let pairs = pairs.filter(|(latency, _)| latency.recorded.is_some());
        let all = pairs.map(|(latency, pairs)| {
            let paired = Paired {
                recorded: pairs.recorded.percentiles(),
                replayed: pairs.replayed.percentiles(),
                difference: pairs.difference.percentiles(),
                only_recorded: pairs.only_recorded,
                only_replayed: pairs.only_replayed,
            };
            (latency.name.to_owned(), paired)
        });
        let all: BTreeMap<_, _> = all.collect();
        let is_known =
            |paired: &Paired| paired.recorded.n + paired.only_recorded + paired.only_replayed > 0;
        all.values().any(is_known).then_some(all)
    }

    fn blocks(&self) -> Vec<Block> {
        let Some(response) = self.get("response") else {
            return Vec::new();
        };
        let rows = names().filter_map(|name| {
            let paired = self.get(name)?;
            let difference = match paired.difference.quantiles()[0] {
                Quantile::Value(ns) if ns > 0 => format!("+{}", Human(ns)),
                other => other.to_string(),
            };
            let mut row = vec![name.to_owned(), grouped(paired.difference.n)];
            row.extend(paired.recorded.p50_p95());
            row.extend(paired.replayed.p50_p95());
            row.push(difference);
            Some(row)
        });
        let heads = [
            "beside the recorded calls",
            "turns",
            "recorded",
            "p95",
            "replayed",
            "p95",
            "paired",
        ];
        let note = "p50 and p95 of turns that have both; paired is the median of replayed less recorded, turn \
                    by turn";
        let mut blocks = vec![
            Block::Heading("Recorded calls"),
            Block::Table(Table::figures(heads, rows)),
            Block::note(note),
        ];
        let (before, now) = (response.only_recorded, response.only_replayed);
        if before + now > 0 {
            let note = format!(
                "answered only when it was recorded: {}; only now: {}",
                counted(before, "turn"),
                counted(now, "turn")
            );
            blocks.push(Block::Note(Words::new(Tone::Warning, note)));
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::{Phase, Status};
    use crate::results::sample::{row, unanswered};

    fn recorded(row: RequestRow, response_ns: Option<i64>) -> RequestRow {
        RequestRow {
            recorded_response_ns: response_ns,
            recorded_total_ns: Some(2_000),
            ..row
        }
    }

    fn paired_up(rows: &[RequestRow]) -> BTreeMap<String, Paired> {
        let mut baseline = AllPairs::default();
        (0..)
            .zip(rows)
            .for_each(|(i, row)| RecordedBaseline::add(&mut baseline, row, i));
        RecordedBaseline::finish(baseline).unwrap_or_default()
    }

    #[test]
    fn turns_are_paired_with_themselves_and_single_ones_counted() {
        // Replayed after 200, 201 and 202 ms.
        let ms = 1_000_000;
        let warm_up = RequestRow {
            phase: Phase::Warmup,
            ..recorded(row(0), Some(1))
        };
        let found = paired_up(&[
            recorded(row(0), Some(900 * ms)),
            recorded(row(1), Some(100 * ms)),
            recorded(row(2), Some(300 * ms)),
            recorded(row(3), None),
            recorded(unanswered(4, Status::NoAnswer), Some(500 * ms)),
            recorded(unanswered(5, Status::NoAnswer), None),
            row(6),
            warm_up,
        ]);
        let response = &found["response"];
        assert_eq!(response.recorded.p50_ns, Some(300 * ms));
        assert_eq!(response.replayed.p50_ns, Some(201 * ms));
        assert_eq!(response.difference.p50_ns, Some(-98 * ms));
        assert_eq!(response.difference.n, 3);
        assert_eq!((response.only_recorded, response.only_replayed), (1, 1));
        let total = &found["total"];
        assert_eq!((total.recorded.n, total.only_recorded), (4, 2), "failed");
        assert_eq!(found["asr"].only_replayed, 4);
        assert!(names().eq(["response", "asr", "e2e", "total"]));
    }

    #[test]
    fn a_run_of_another_trace_has_no_baseline() {
        assert_eq!(paired_up(&[row(0), row(1)]), BTreeMap::new());
    }
}
