//! The figures that the Python load test gave, by its names, in seconds.
//!
//! It knew no steady phase: its figures are over every request of a run, whatever its phase, and a
//! latency is over the requests that have it. Quantiles are nearest ranks and are given for any number
//! of requests; those of the summary are the ones to rely on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::seconds::seconds;
use crate::report::stats::Level;
use crate::results::row::{RequestRow, Status};
use crate::units::NS_PER_S;

/// Most messages that are told apart.
const MOST_MESSAGES: usize = 10_000;
/// What stands for the messages beyond those.
const OTHERS: &str = "(other messages)";

/// How the requests of a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// When the run began: RFC 3339, UTC.
    pub timestamp: String,
    /// From the run's epoch to the last instant known.
    pub total_duration_seconds: f64,
    /// All requests: the sum of the next three.
    pub total_requests: u64,
    /// Successes.
    pub successful_requests: u64,
    /// Neither successes nor timeouts.
    pub failed_requests: u64,
    /// No audio within the timeout.
    pub timeout_requests: u64,
    /// Successes over all requests, from 0 to 1; 0 without any.
    pub success_rate: f64,
    /// All requests over the duration; 0 without duration.
    pub requests_per_second: f64,
}

/// A latency over every request that has it, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Requests that have it; all else is null without any.
    pub count: u64,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub median: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Standard deviation of a sample; null with fewer than two.
    pub stddev: Option<f64>,
}

impl Spread {
    fn of(mut values: Vec<i64>) -> Spread {
        values.sort_unstable();
        let count = values.len() as u64;
        let at = |level: Level| {
            let rank = usize::try_from(level.rank(count)).unwrap_or(usize::MAX);
            values.get(rank - 1).map(|ns| seconds(*ns))
        };
        let n = count as f64;
        let mean = (count > 0).then(|| values.iter().map(|ns| *ns as f64).sum::<f64>() / n);
        let stddev = mean.filter(|_| count > 1).map(|mean| {
            let squares = values.iter().map(|ns| (*ns as f64 - mean).powi(2));
            (squares.sum::<f64>() / (n - 1.0)).sqrt()
        });
        let in_seconds = |ns: f64| ns / NS_PER_S as f64;
        Spread {
            count,
            min: values.first().map(|ns| seconds(*ns)),
            max: values.last().map(|ns| seconds(*ns)),
            mean: mean.map(in_seconds),
            median: at(Level::P50),
            p90: at(Level::P90),
            p95: at(Level::P95),
            p99: at(Level::P99),
            stddev: stddev.map(in_seconds),
        }
    }
}

/// The latencies of the Python load test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// Final transcript to first audio.
    pub e2e: Spread,
    /// Start of the request to final transcript.
    pub asr: Spread,
    /// Final transcript to first text of the language model.
    pub llm_ttft: Spread,
    /// Final transcript to last text of the language model.
    pub llm_total: Spread,
    /// First text of the language model to first audio.
    pub tts: Spread,
    /// Start to end of the request.
    pub total_duration: Spread,
}

/// How the Python load test would have called the outcome of a request.
#[must_use]
pub(super) fn outcome(status: Status) -> &'static str {
    match status {
        status if status.is_success() => "success",
        Status::Timeout => "timeout",
        _ => "error",
    }
}

/// Why a request was no success: its error, or else its status; `None` for a success.
#[must_use]
pub(super) fn message(row: &RequestRow) -> Option<&str> {
    let failed = !row.status.is_success();
    failed.then(|| row.error.as_deref().unwrap_or(row.status.name()))
}

/// The figures under construction, request by request.
#[derive(Debug, Default)]
pub(super) struct OriginalTally {
    successes: u64,
    timeouts: u64,
    others: u64,
    messages: BTreeMap<String, u64>,
    e2e: Vec<i64>,
    asr: Vec<i64>,
    llm_ttft: Vec<i64>,
    llm_total: Vec<i64>,
    tts: Vec<i64>,
    total: Vec<i64>,
    /// The languages of the callers.
    pub(super) languages: BTreeSet<String>,
}

impl OriginalTally {
    /// Takes in a request.
    pub(super) fn add(&mut self, row: &RequestRow) {
        match outcome(row.status) {
            "success" => self.successes += 1,
            "timeout" => self.timeouts += 1,
            _ => self.others += 1,
        }
        if let Some(message) = message(row) {
            let is_full =
                self.messages.len() >= MOST_MESSAGES && !self.messages.contains_key(message);
            let message = if is_full { OTHERS } else { message };
            match self.messages.get_mut(message) {
                Some(count) => *count += 1,
                None => {
                    self.messages.insert(message.to_owned(), 1);
                }
            }
        }
        if !row.language_code.is_empty() && !self.languages.contains(&row.language_code) {
            self.languages.insert(row.language_code.clone());
        }
        self.e2e.extend(row.e2e_ns);
        self.asr.extend(row.asr_ns);
        self.llm_ttft.extend(row.llm_ttft_ns);
        self.llm_total.extend(row.llm_total_ns);
        self.tts.extend(row.tts_ns);
        self.total.extend(row.total_ns);
    }

    /// The outcomes of a run that began at `timestamp` and went on for so long.
    pub(super) fn totals(&self, timestamp: &str, elapsed_ns: i64) -> Totals {
        let total = self.successes + self.timeouts + self.others;
        let duration = seconds(elapsed_ns);
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Totals {
            timestamp: timestamp.to_owned(),
            total_duration_seconds: duration,
            total_requests: total,
            successful_requests: self.successes,
            failed_requests: self.others,
            timeout_requests: self.timeouts,
            success_rate: share(self.successes as f64, total as f64),
            requests_per_second: share(total as f64, duration),
        }
    }

    /// The latencies, and the requests that were no success by their message.
    pub(super) fn finish(self) -> (Latencies, BTreeMap<String, u64>) {
        let latencies = Latencies {
            e2e: Spread::of(self.e2e),
            asr: Spread::of(self.asr),
            llm_ttft: Spread::of(self.llm_ttft),
            llm_total: Spread::of(self.llm_total),
            tts: Spread::of(self.tts),
            total_duration: Spread::of(self.total),
        };
        (latencies, self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Phase;
    use crate::results::sample::{row, unanswered};
    use crate::units::NS_PER_MS;

    fn tally(rows: &[RequestRow]) -> OriginalTally {
        let mut tally = OriginalTally::default();
        rows.iter().for_each(|row| tally.add(row));
        tally
    }

    #[test]
    fn every_request_counts_once_and_every_failure_has_a_message() {
        let failed = RequestRow {
            error: Some("ASR failed".to_owned()),
            ..unanswered(1, Status::Error)
        };
        let warm_up = RequestRow {
            phase: Phase::Warmup,
            status: Status::BargedIn,
            ..row(0)
        };
        let silent = unanswered(2, Status::NoAnswer);
        let late = unanswered(3, Status::Timeout);
        let rows = [row(0), warm_up, failed.clone(), failed, silent, late];
        let tally = tally(&rows);
        let totals = tally.totals("2026-09-21T14:13:20Z", 3_000_000_000);
        assert_eq!(
            totals,
            Totals {
                timestamp: "2026-09-21T14:13:20Z".to_owned(),
                total_duration_seconds: 3.0,
                total_requests: 6,
                successful_requests: 2,
                failed_requests: 3,
                timeout_requests: 1,
                success_rate: 2.0 / 6.0,
                requests_per_second: 2.0,
            }
        );
        let (latencies, messages) = tally.finish();
        let expected = [("ASR failed", 2), ("no_answer", 1), ("timeout", 1)];
        let expected = expected.map(|(message, count)| (message.to_owned(), count));
        assert_eq!(messages, expected.into());
        assert_eq!(
            (latencies.e2e.count, latencies.total_duration.count),
            (2, 6)
        );
    }

    #[test]
    fn the_spread_is_that_of_a_sample_by_nearest_ranks() {
        let of = |ms: &[i64]| Spread::of(ms.iter().map(|ms| ms * NS_PER_MS).collect());
        let spread = of(&[4, 2, 4, 4, 5, 5, 7, 9]);
        assert_eq!(
            (spread.count, spread.min, spread.max),
            (8, Some(0.002), Some(0.009))
        );
        assert_eq!((spread.median, spread.p90), (Some(0.004), Some(0.009)));
        assert!((spread.mean.unwrap() - 0.005).abs() < 1e-12);
        let stddev = (32.0_f64 / 7.0).sqrt() / 1e3;
        assert!((spread.stddev.unwrap() - stddev).abs() < 1e-12);
        assert_eq!(of(&[]), Spread::default());
        assert_eq!((of(&[3]).p99, of(&[3]).stddev), (Some(0.003), None));
    }

    #[test]
    fn a_gateway_that_never_says_the_same_thing_twice_does_not_fill_the_memory() {
        let mut tally = OriginalTally::default();
        for n in 0..MOST_MESSAGES + 5 {
            let mut failed = unanswered(0, Status::Error);
            failed.error = Some(format!("request {n} failed"));
            tally.add(&failed);
        }
        let (_, messages) = tally.finish();
        assert_eq!((messages.len(), messages[OTHERS]), (MOST_MESSAGES + 1, 5));
    }

    #[test]
    fn no_request_gives_zeros_and_no_division() {
        let totals = OriginalTally::default().totals("", 0);
        assert_eq!(
            (totals.success_rate, totals.requests_per_second),
            (0.0, 0.0)
        );
    }
}
