//! Which latencies a report gives, and over which requests.

use std::collections::BTreeMap;

use super::stats::{Percentiles, Sample};
use crate::results::row::{Phase, RequestRow, Status};

/// One latency of the reports.
pub struct Latency {
    /// Its name: the column's without `_ns`.
    pub name: &'static str,
    /// Its two ends, for people.
    pub ends: &'static str,
    /// Its value in a row, nanoseconds.
    pub of: fn(&RequestRow) -> Option<i64>,
    /// Whether a row without it counts as longer than every row with it; the others are over the
    /// rows that have them, since a stage may not exist in a gateway or a turn.
    pub unanswered_counts: bool,
}

const fn headline(
    name: &'static str,
    ends: &'static str,
    of: fn(&RequestRow) -> Option<i64>,
) -> Latency {
    Latency {
        name,
        ends,
        of,
        unanswered_counts: true,
    }
}

const fn stage(
    name: &'static str,
    ends: &'static str,
    of: fn(&RequestRow) -> Option<i64>,
) -> Latency {
    Latency {
        name,
        ends,
        of,
        unanswered_counts: false,
    }
}

/// Every latency, in the order of reports.
pub const LATENCIES: [Latency; 10] = [
    headline("response", "end of speech → audio", |r| r.response_ns),
    headline("audible", "end of speech → sound", |r| r.audible_ns),
    stage("asr", "turn start → transcript", |r| r.asr_ns),
    stage("endpoint", "speech sent → processing", |r| r.endpoint_ns),
    stage("llm_ttft", "transcript → first text", |r| r.llm_ttft_ns),
    stage("llm_total", "transcript → last text", |r| r.llm_total_ns),
    stage("tts", "first text → audio", |r| r.tts_ns),
    stage("e2e", "transcript → audio", |r| r.e2e_ns),
    stage("barge_in_latency", "barge-in → last audio", |r| {
        r.barge_in_latency_ns
    }),
    stage("total", "turn start → turn end", |r| r.total_ns),
];

/// The requests that headline figures are over, and how many of the steady phase are not.
///
/// Each request left out is counted once, under the first reason that applies.
#[derive(Debug, Default)]
pub struct Selection<'a> {
    /// The requests that the figures are over.
    pub rows: Vec<&'a RequestRow>,
    /// Stopped by us before the caller is known to have finished speaking.
    pub stopped: u64,
    /// The clip has no speech: no answer is expected.
    pub no_speech: u64,
    /// The gateway began to answer before the end of speech.
    pub cut_off: u64,
    /// The utterance began before the answer to the one before had ended.
    pub overlapped: u64,
}

impl<'a> Selection<'a> {
    /// Selects among the rows of the steady phase.
    #[must_use]
    pub fn of(rows: impl IntoIterator<Item = &'a RequestRow>) -> Selection<'a> {
        let mut selection = Selection::default();
        for row in rows.into_iter().filter(|row| row.phase == Phase::Steady) {
            match row {
                row if stopped_while_speaking(row) => selection.stopped += 1,
                row if !expects_answer(row) => selection.no_speech += 1,
                row if row.early_endpoint => selection.cut_off += 1,
                row if row.overlapped => selection.overlapped += 1,
                row => selection.rows.push(row),
            }
        }
        selection
    }

    /// The quantiles of `latency`.
    #[must_use]
    pub fn percentiles(&self, latency: &Latency) -> Percentiles {
        let values = self.rows.iter().map(|row| (latency.of)(row));
        let sample: Sample = match latency.unanswered_counts {
            true => values.collect(),
            false => values.filter(Option::is_some).collect(),
        };
        sample.percentiles()
    }

    /// The quantiles of every latency, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Percentiles> {
        let named = |latency: &Latency| (latency.name.to_owned(), self.percentiles(latency));
        LATENCIES.iter().map(named).collect()
    }
}

/// Whether an answer to the request is expected at all: its clip has speech.
#[must_use]
pub fn expects_answer(row: &RequestRow) -> bool {
    row.intended_end_of_speech_ns.is_some()
}

fn stopped_while_speaking(row: &RequestRow) -> bool {
    let by_us = matches!(row.status, Status::Interrupted | Status::Cancelled);
    by_us && row.end_of_speech_sent_ns.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::{row, unanswered};

    #[test]
    fn rows_left_out_are_counted_once() {
        let rows = [
            row(0),
            unanswered(1, Status::Timeout),
            RequestRow {
                phase: Phase::Warmup,
                ..row(2)
            },
            RequestRow {
                early_endpoint: true,
                overlapped: true,
                ..row(3)
            },
            RequestRow {
                overlapped: true,
                ..row(4)
            },
            RequestRow {
                intended_end_of_speech_ns: None,
                ..row(5)
            },
            RequestRow {
                end_of_speech_sent_ns: None,
                ..unanswered(6, Status::Cancelled)
            },
            unanswered(7, Status::Interrupted),
        ];
        let selection = Selection::of(&rows);
        let turns: Vec<_> = selection.rows.iter().map(|row| row.turn).collect();
        assert_eq!(turns, [0, 1, 7]);
        let left_out = [
            selection.cut_off,
            selection.overlapped,
            selection.no_speech,
            selection.stopped,
        ];
        assert_eq!(left_out, [1; 4]);
    }

    #[test]
    fn a_missing_answer_is_long_and_a_missing_stage_is_not_there() {
        let rows = [row(0), unanswered(1, Status::Error)];
        let figures = Selection::of(&rows).all();
        let seen = |name: &str| (figures[name].n, figures[name].answered);
        assert_eq!(seen("response"), (2, 1));
        assert_eq!(seen("asr"), (1, 1));
        assert_eq!(seen("barge_in_latency"), (0, 0));
        assert_eq!(figures["response"].p50_ns, Some(200_000_000));
        assert_eq!(figures["response"].max_ns, None);
    }
}
