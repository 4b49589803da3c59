//! What became of the requests of the steady phase, whatever their latencies.

use serde::{Deserialize, Serialize};

use crate::results::manifest::RunManifest;
use crate::results::row::{Phase, RequestRow, Status};
use crate::units::NS_PER_S;

/// The outcomes of the steady phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// How long it was; null where `run.json` does not say, and in a run that ended before it.
    pub span_ns: Option<i64>,
    /// Requests that belong to it, less those that we cancelled.
    pub requests: u64,
    /// Successes among them.
    pub successes: u64,
    /// Requests of any phase that ended within it.
    pub ended: u64,
}

impl Steady {
    /// Requests that ended, a second.
    #[must_use]
    pub fn ended_per_s(&self) -> Option<f64> {
        let span_ns = self.span_ns.filter(|ns| *ns > 0)?;
        Some(self.ended as f64 * NS_PER_S as f64 / span_ns as f64)
    }
}

/// Counts the steady phase, request by request.
#[derive(Debug)]
pub(super) struct SteadyTally {
    /// From and to.
    window: Option<[i64; 2]>,
    counts: Steady,
}

/// From when to when the steady phase of `run` was to be, in nanoseconds since its epoch; `None` where
/// its settings do not say.
#[must_use]
pub fn window(run: &RunManifest) -> Option<[i64; 2]> {
    let window = run.spec.get("steady_ns")?.clone();
    serde_json::from_value(window).ok()
}

impl SteadyTally {
    /// For the steady phase of `run`.
    pub(super) fn of(run: &RunManifest) -> SteadyTally {
        SteadyTally {
            window: window(run),
            counts: Steady::default(),
        }
    }

    /// Takes in a request.
    pub(super) fn add(&mut self, row: &RequestRow) {
        if row.phase == Phase::Steady && row.status != Status::Cancelled {
            self.counts.requests += 1;
            self.counts.successes += u64::from(row.status.is_success());
        }
        let ended_ns = row.closed_ns.filter(|_| row.started_ns.is_some());
        if let (Some([from, to]), Some(ended_ns)) = (self.window, ended_ns) {
            self.counts.ended += u64::from((from..to).contains(&ended_ns));
        }
    }

    /// The counts of a run whose last known instant is `last_ns`.
    pub(super) fn finish(self, last_ns: i64) -> Steady {
        let span_ns = self.window.map(|[from, to]| to.min(last_ns) - from);
        Steady {
            span_ns: span_ns.filter(|ns| *ns > 0),
            ..self.counts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::{manifest, row, unanswered};

    #[test]
    fn outcomes_go_by_the_phase_and_rates_by_the_window() {
        let mut run = manifest();
        run.spec["steady_ns"] = serde_json::json!([2_000_000_000, 60_000_000_000_i64]);
        // They end 1.62 s after their start, ten a second.
        let mut rows: Vec<RequestRow> = (0..100).map(row).collect();
        rows[0].phase = Phase::Warmup;
        rows[1] = unanswered(1, Status::Timeout);
        rows[2] = unanswered(2, Status::Cancelled);
        rows[3].started_ns = None;
        rows[99].closed_ns = None;
        let mut tally = SteadyTally::of(&run);
        rows.iter().for_each(|row| tally.add(row));
        let steady = tally.finish(11_600_000_000);
        assert_eq!(
            steady,
            Steady {
                span_ns: Some(9_600_000_000),
                requests: 98,
                successes: 97,
                // The first four of the hundred ended too early, and the last never did.
                ended: 95,
            }
        );
        assert_eq!(steady.ended_per_s(), Some(95.0 / 9.6));
        let early = SteadyTally::of(&run).finish(1_000_000_000);
        assert_eq!((early.span_ns, early.ended_per_s()), (None, None));
        assert_eq!(SteadyTally::of(&manifest()).finish(5).span_ns, None);
    }
}
