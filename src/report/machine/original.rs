//! The figures that the Python load test gave, by its names, in seconds.
//!
//! It knew no steady phase: its figures are over every request of a run, whatever its phase, and a
//! latency is over the successes that have it. Beside it is the same over every request. Quantiles are
//! given for any number of requests; those of the summary are the ones to rely on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::latency::{LatencySummary, Values};
use super::seconds::seconds;
use crate::results::metrics::LATENCIES;
use crate::results::row::{RequestRow, Status};

/// Most messages that are distinguished.
const MOST_MESSAGES: usize = 10_000;
/// What stands for the messages beyond those.
const OTHERS: &str = "(other messages)";

/// How the requests of a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// When the run ended, in local time without a zone.
    pub timestamp: String,
    /// From the run's epoch to the last instant known.
    pub total_duration_seconds: f64,
    /// All requests but those in flight: the sum of the next three.
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

/// Requests that failed with the same message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Their error, or else their status.
    pub message: String,
    /// How many they are.
    pub count: u64,
}

/// How the Python load test would have called the outcome of a request.
#[must_use]
pub(super) fn outcome(status: Status) -> &'static str {
    match status {
        status if status.is_success() => "success",
        Status::Timeout => "timeout",
        // It knew none of these: a run that was killed had no results.
        Status::Interrupted => "in_flight",
        _ => "error",
    }
}

/// Why a request was no success: its error, or else its status; `None` for a success.
#[must_use]
pub(super) fn message(row: &RequestRow) -> Option<&str> {
    let failed = !row.status.is_success() && !row.status.is_in_flight();
    failed.then(|| row.error.as_deref().unwrap_or(row.status.name()))
}

/// Latencies and messages of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// As the Python load test had it: by name, over the successes that have it; none where none has.
    pub latency: BTreeMap<String, LatencySummary>,
    /// As the Python load test had it: failures by message, the most frequent first.
    pub errors: Vec<Failure>,
    /// Ours: by the same names, over every request that has it.
    pub latency_all: BTreeMap<String, LatencySummary>,
    /// Ours: requests that were no success, timeouts among them, by message.
    pub errors_all: BTreeMap<String, u64>,
}

/// The figures under construction, request by request.
#[derive(Debug, Default)]
pub(super) struct OriginalAccumulator {
    successes: u64,
    timeouts: u64,
    others: u64,
    /// Messages of failures.
    failures: BTreeMap<String, u64>,
    /// Messages of timeouts, which the Python load test did not list.
    late: BTreeMap<String, u64>,
    /// Of those latencies that the Python load test had.
    latencies: [Values; LATENCIES.len()],
    /// The languages of the callers.
    pub(super) languages: BTreeSet<String>,
}

impl OriginalAccumulator {
    /// Takes in a request.
    pub(super) fn add(&mut self, row: &RequestRow) {
        match outcome(row.status) {
            "success" => self.successes += 1,
            "timeout" => self.timeouts += 1,
            "in_flight" => {}
            _ => self.others += 1,
        }
        if let Some(message) = message(row) {
            let messages = match row.status {
                Status::Timeout => &mut self.late,
                _ => &mut self.failures,
            };
            count(messages, message);
        }
        if !row.language_code.is_empty() && !self.languages.contains(&row.language_code) {
            self.languages.insert(row.language_code.clone());
        }
        for (values, latency) in self.latencies.iter_mut().zip(&LATENCIES) {
            if latency.original.is_some() {
                values.add(row.status.is_success(), (latency.time)(row));
            }
        }
    }

    /// The outcomes of a run that ended at this instant of the wall clock, by the clocks of `zone`, and
    /// went on for so long.
    pub(super) fn totals(&self, ended: Timestamp, zone: &TimeZone, elapsed_ns: i64) -> Totals {
        let total = self.successes + self.timeouts + self.others;
        let duration = seconds(elapsed_ns);
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let ended = zone.to_datetime(ended);
        Totals {
            timestamp: ended.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
            total_duration_seconds: duration,
            total_requests: total,
            successful_requests: self.successes,
            failed_requests: self.others,
            timeout_requests: self.timeouts,
            success_rate: share(self.successes as f64, total as f64),
            requests_per_second: share(total as f64, duration),
        }
    }

    /// What there is to say of latencies and messages.
    pub(super) fn finish(self) -> Figures {
        let mut figures = Figures::default();
        let known = self.latencies.into_iter().zip(&LATENCIES);
        let known = known.filter_map(|(values, latency)| Some((values, latency.original?)));
        for (values, name) in known {
            let (successes, all) = values.finish();
            if let Some(successes) = successes {
                figures.latency.insert(name.to_owned(), successes);
            }
            figures.latency_all.insert(name.to_owned(), all);
        }
        let failures = self.failures.iter().map(|(message, count)| Failure {
            message: message.clone(),
            count: *count,
        });
        figures.errors = failures.collect();
        figures.errors.sort_by_key(|failure| Reverse(failure.count));
        figures.errors_all = self.failures;
        for (message, count) in self.late {
            *figures.errors_all.entry(message).or_default() += count;
        }
        figures
    }
}

/// Counts a message, as itself or as one of too many.
fn count(messages: &mut BTreeMap<String, u64>, message: &str) {
    let is_full = messages.len() >= MOST_MESSAGES && !messages.contains_key(message);
    let message = if is_full { OTHERS } else { message };
    match messages.get_mut(message) {
        Some(count) => *count += 1,
        None => {
            messages.insert(message.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Phase;
    use crate::results::sample::{row, unanswered};

    fn accumulator(rows: &[RequestRow]) -> OriginalAccumulator {
        let mut accumulator = OriginalAccumulator::default();
        rows.iter().for_each(|row| accumulator.add(row));
        accumulator
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
        let accumulator = accumulator(&rows);
        let ended = "2026-09-21T14:13:20.0123456Z".parse().unwrap();
        let berlin = TimeZone::fixed(jiff::tz::offset(2));
        let totals = accumulator.totals(ended, &berlin, 3_000_000_000);
        assert_eq!(
            totals,
            Totals {
                timestamp: "2026-09-21T16:13:20.012345".to_owned(),
                total_duration_seconds: 3.0,
                total_requests: 6,
                successful_requests: 2,
                failed_requests: 3,
                timeout_requests: 1,
                success_rate: 2.0 / 6.0,
                requests_per_second: 2.0,
            }
        );
        let figures = accumulator.finish();
        let failure = |message: &str, count| Failure {
            message: message.to_owned(),
            count,
        };
        assert_eq!(
            figures.errors,
            [failure("ASR failed", 2), failure("no_answer", 1)],
            "the most frequent first, and timeouts are counted elsewhere"
        );
        let expected = [("ASR failed", 2), ("no_answer", 1), ("timeout", 1)];
        let expected = expected.map(|(message, count)| (message.to_owned(), count));
        assert_eq!(figures.errors_all, expected.into());
        let counts = |name| (figures.latency[name].count, figures.latency_all[name].count);
        assert_eq!((counts("e2e"), counts("total_duration")), ((2, 2), (2, 6)));
    }

    #[test]
    fn a_latency_that_no_success_has_is_left_out_as_before() {
        let figures = accumulator(&[unanswered(0, Status::Timeout)]).finish();
        assert!(figures.latency.is_empty() && figures.errors.is_empty());
        assert_eq!(figures.latency_all["total_duration"].count, 1);
        assert_eq!(figures.latency_all["e2e"], LatencySummary::default());
    }

    #[test]
    fn a_gateway_that_never_says_the_same_thing_twice_does_not_fill_the_memory() {
        let mut accumulator = OriginalAccumulator::default();
        for n in 0..MOST_MESSAGES + 5 {
            let mut failed = unanswered(0, Status::Error);
            failed.error = Some(format!("request {n} failed"));
            accumulator.add(&failed);
        }
        let figures = accumulator.finish();
        let messages = figures.errors_all;
        assert_eq!((messages.len(), messages[OTHERS]), (MOST_MESSAGES + 1, 5));
        assert_eq!(figures.errors.len(), MOST_MESSAGES + 1);
    }

    #[test]
    fn no_request_gives_zeros_and_no_division() {
        let totals =
            OriginalAccumulator::default().totals(Timestamp::UNIX_EPOCH, &TimeZone::UTC, 0);
        assert_eq!(
            (totals.success_rate, totals.requests_per_second),
            (0.0, 0.0)
        );
    }
}
