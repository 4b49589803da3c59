//! What the receiver says of a run: its log of arrivals beside what the run says it sent.

mod gather;
pub mod text;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::results::ResultsError;
use crate::results::reader::RunDir;
use crate::units::{Human, NS_PER_MS, NS_PER_S};

use gather::{Gathered, Session};

/// A chunk arrived late beyond its interval, or beyond this where that is shorter.
const LATE_NS: i64 = 20 * NS_PER_MS;
/// Largest share of chunks that may arrive late.
const LATE_SHARE: f64 = 0.01;

/// A distribution of signed times: nearest ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many.
    pub n: u64,
    /// Least.
    pub min_ns: i64,
    /// Median.
    pub p50_ns: i64,
    /// 99th percentile.
    pub p99_ns: i64,
    /// 99.9th percentile.
    pub p999_ns: i64,
    /// Largest.
    pub max_ns: i64,
}

impl Spread {
    /// The distribution of `values`; `None` when there are none.
    #[must_use]
    pub fn of(mut values: Vec<i64>) -> Option<Spread> {
        values.sort_unstable();
        let at = |q: f64| values[((values.len() as f64 * q).ceil() as usize).max(1) - 1];
        Some(Spread {
            n: values.len() as u64,
            min_ns: *values.first()?,
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: *values.last()?,
        })
    }
}

/// How the receiver's error changes over a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Slope of the least-squares line of the error over time, times the run's length.
    pub over_run_ns: f64,
    /// 99th percentile in the first minute, or the first tenth of a run under two minutes.
    pub first_p99_ns: i64,
    /// 99th percentile in the last minute, or the last tenth.
    pub last_p99_ns: i64,
}

/// What became of the messages that the run says it sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sent, by the run.
    pub sent: u64,
    /// Of those, arrived, by the log.
    pub arrived: u64,
    /// Did not arrive, though their stream ended well.
    pub lost: u64,
    /// Did not arrive in streams that were cut off, where a reset discards what is under way.
    pub cut_off: u64,
    /// Arrived more than once.
    pub doubled: u64,
    /// Arrived after one that was sent later.
    pub reordered: u64,
    /// Arrived with another length.
    pub altered: u64,
    /// In the log, and of this run, but not sent by it.
    pub unknown: u64,
    /// In the log, of other runs; left out.
    pub of_other_runs: u64,
}

/// The receiver's testimony.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// Name of the run directory.
    pub run: String,
    /// 32 hex digits.
    pub run_id: String,
    /// Both clocks are one: errors are known, otherwise gaps alone.
    pub same_clock: bool,
    /// Messages.
    pub messages: Counts,
    /// Planned instant to handing over to the transport, chunks only.
    pub lag: Option<Spread>,
    /// Planned instant to arrival.
    pub error: Option<Spread>,
    /// Handing over to arrival.
    pub transit: Option<Spread>,
    /// Size of the difference between the gap of two chunks at the receiver and in the plan.
    pub gap_error: Option<Spread>,
    /// How the error changes.
    pub drift: Option<Drift>,
    /// Chunks that arrived later than their interval, at least 20 ms, after their instant.
    pub late: u64,
    /// Why the schedule was not kept at the receiver; empty when it was.
    pub failures: Vec<String>,
}

impl Witness {
    /// Joins the run `run` with the log of arrivals `log`.
    ///
    /// # Errors
    /// A run without `messages.parquet`, or a table that cannot be read.
    pub fn of(run: &RunDir, log: &Path) -> Result<Witness, ResultsError> {
        let gathered = Gathered::read(run, log)?;
        let mut witness = Witness {
            run: run.manifest().name.clone(),
            run_id: run.manifest().run_id.clone(),
            same_clock: gathered.offset_ns.is_some(),
            messages: Counts {
                unknown: gathered.unknown,
                of_other_runs: gathered.of_other_runs,
                altered: gathered.altered,
                ..Counts::default()
            },
            lag: None,
            error: None,
            transit: None,
            gap_error: None,
            drift: None,
            late: 0,
            failures: Vec::new(),
        };
        witness.measure(&gathered);
        witness.judge();
        Ok(witness)
    }

    fn measure(&mut self, gathered: &Gathered) {
        let (mut lags, mut transits, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
        let mut errors = Vec::new();
        for session in &gathered.sessions {
            let received = self.count(session);
            let offset_ns = gathered.offset_ns.unwrap_or(0);
            let mut before: Option<(i64, i64)> = None;
            for (sent, received_ns) in session.sent.iter().zip(&received) {
                if !sent.is_chunk {
                    continue;
                }
                lags.push(sent.sent_ns - sent.intended_ns);
                let Some(received_ns) = received_ns.map(|at| at + offset_ns) else {
                    before = None;
                    continue;
                };
                if let Some((intended_before, received_before)) = before {
                    let planned = sent.intended_ns - intended_before;
                    gaps.push((received_ns - received_before - planned).abs());
                }
                let interval_ns = before.map_or(0, |(intended, _)| sent.intended_ns - intended);
                before = Some((sent.intended_ns, received_ns));
                if gathered.offset_ns.is_some() {
                    let error_ns = received_ns - sent.intended_ns;
                    errors.push((sent.intended_ns, error_ns));
                    transits.push(received_ns - sent.sent_ns);
                    self.late += u64::from(error_ns > interval_ns.max(LATE_NS));
                }
            }
        }
        self.drift = drift(&mut errors);
        self.lag = Spread::of(lags);
        self.error = Spread::of(errors.into_iter().map(|(_, error)| error).collect());
        self.transit = Spread::of(transits);
        self.gap_error = Spread::of(gaps);
    }

    /// Counts a session's messages and returns when each that was sent first arrived.
    fn count(&mut self, session: &Session) -> Vec<Option<i64>> {
        let mut received = vec![None; session.sent.len()];
        let mut latest = None;
        let counts = &mut self.messages;
        for (seq, at_ns) in &session.arrived {
            match received.get_mut(*seq as usize) {
                None => counts.unknown += 1,
                Some(Some(_)) => counts.doubled += 1,
                Some(first @ None) => {
                    *first = Some(*at_ns);
                    counts.arrived += 1;
                    counts.reordered += u64::from(latest.is_some_and(|latest| *seq < latest));
                    latest = latest.max(Some(*seq));
                }
            }
        }
        let missing = received.iter().filter(|at| at.is_none()).count() as u64;
        counts.sent += session.sent.len() as u64;
        match session.ended_well {
            true => counts.lost += missing,
            false => counts.cut_off += missing,
        }
        received
    }

    fn judge(&mut self) {
        let counts = &self.messages;
        let chunks = self.error.map_or(0, |error| error.n);
        let share = self.late as f64 / chunks.max(1) as f64;
        let late = format!(
            "{:.2} % of the chunks arrived over {} late",
            share * 100.0,
            Human(LATE_NS)
        );
        let found = [
            (counts.sent == 0, "the run sent no message".to_owned()),
            (
                counts.sent > 0 && counts.arrived == 0,
                "the log holds no message of this run".to_owned(),
            ),
            (
                counts.lost > 0,
                format!("{} messages were lost", counts.lost),
            ),
            (
                counts.doubled > 0,
                format!("{} messages arrived twice", counts.doubled),
            ),
            (
                counts.reordered > 0,
                format!("{} messages arrived out of order", counts.reordered),
            ),
            (
                counts.altered > 0,
                format!("{} messages arrived with another length", counts.altered),
            ),
            (
                counts.unknown > 0,
                format!(
                    "{} messages arrived that the run did not send",
                    counts.unknown
                ),
            ),
            (share > LATE_SHARE, late),
        ];
        let holds = found.into_iter().filter(|(holds, _)| *holds);
        self.failures = holds.map(|(_, reason)| reason).collect();
    }
}

/// The drift of errors, each with the instant of the plan that it belongs to; sorts them.
fn drift(errors: &mut [(i64, i64)]) -> Option<Drift> {
    errors.sort_unstable();
    let (first_ns, last_ns) = (errors.first()?.0, errors.last()?.0);
    let length_ns = last_ns - first_ns;
    let part_ns = match length_ns {
        short if short < 120 * NS_PER_S => short / 10,
        _ => 60 * NS_PER_S,
    };
    let of = |errors: &[(i64, i64)]| Spread::of(errors.iter().map(|(_, error)| *error).collect());
    let first_end = errors.partition_point(|(at, _)| *at <= first_ns + part_ns);
    let last_start = errors.partition_point(|(at, _)| *at < last_ns - part_ns);
    Some(Drift {
        over_run_ns: slope(errors) * length_ns as f64,
        first_p99_ns: of(&errors[..first_end])?.p99_ns,
        last_p99_ns: of(&errors[last_start..])?.p99_ns,
    })
}

/// Slope of the least-squares line through (x, y); 0 where it is not determined.
fn slope(points: &[(i64, i64)]) -> f64 {
    let n = points.len() as f64;
    let origin = points.first().map_or(0, |(x, _)| *x);
    let at = |(x, y): &(i64, i64)| ((x - origin) as f64, *y as f64);
    let (sum_x, sum_y) = points
        .iter()
        .map(at)
        .fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
    let (mean_x, mean_y) = (sum_x / n, sum_y / n);
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in points.iter().map(at) {
        covariance += (x - mean_x) * (y - mean_y);
        variance += (x - mean_x).powi(2);
    }
    if variance > 0.0 {
        covariance / variance
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;
