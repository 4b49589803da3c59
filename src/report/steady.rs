//! What became of the requests of the steady phase, whatever their latencies.

use serde::{Deserialize, Serialize};

use crate::results::manifest::RunManifest;
use crate::results::row::{Phase, RequestRow};
use crate::units::NS_PER_S;

/// The outcomes of the steady phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// How long it was; null where `run.json` does not say, and in a run that ended before it.
    pub span_ns: Option<i64>,
    /// Requests that belong to it, less those in flight and those that we cancelled.
    pub requests: u64,
    /// Successes among them.
    pub successes: u64,
    /// Requests of any phase that ended within it; 0 where it is not known when it was.
    pub ended: u64,
}

impl Steady {
    /// The share of its requests that were no success; `None` without any.
    #[must_use]
    pub fn errors(&self) -> Option<f64> {
        let failed = self.requests.saturating_sub(self.successes);
        (self.requests > 0).then(|| failed as f64 / self.requests as f64)
    }

    /// Requests that ended, a second; `None` where none did, which only says that the steady phase
    /// was shorter than a request takes.
    #[must_use]
    pub fn ended_per_s(&self) -> Option<f64> {
        self.per_s(self.ended).filter(|_| self.ended > 0)
    }

    /// What `count` of it comes to a second; `None` where its length is not known.
    #[must_use]
    pub fn per_s(&self, count: u64) -> Option<f64> {
        let span_ns = self.span_ns.filter(|ns| *ns > 0)?;
        Some(count as f64 * NS_PER_S as f64 / span_ns as f64)
    }
}

/// From when to when a run was to be in its steady phase, in nanoseconds since its epoch.
///
/// There can be several such stretches, one a stage of users; there is none where the settings of the
/// run do not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows(Vec<[i64; 2]>);

impl Windows {
    /// The stretches that the settings of `run` name: `phases` are names and ends, in order.
    #[must_use]
    pub fn of(run: &RunManifest) -> Windows {
        let mut from = 0;
        let mut windows = Vec::new();
        for (phase, to) in run.spec.phases.get().into_iter().flatten() {
            if phase.get() == Some(&Phase::Steady) {
                windows.push([from, *to]);
            }
            from = *to;
        }
        Windows(windows)
    }

    /// Whether the settings of the run say when they are.
    fn are_known(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether an instant lies in one of them; also where none is known.
    #[must_use]
    pub fn contain(&self, at_ns: i64) -> bool {
        let within = |[from, to]: &[i64; 2]| (*from..*to).contains(&at_ns);
        !self.are_known() || self.0.iter().any(within)
    }

    /// How much of them lies from `from_ns` to `to_ns`; `None` where none is known.
    fn length_ns(&self, from_ns: i64, to_ns: i64) -> Option<i64> {
        let overlap = |[from, to]: &[i64; 2]| (to_ns.min(*to) - from_ns.max(*from)).max(0);
        self.are_known().then(|| self.0.iter().map(overlap).sum())
    }
}

/// Counts the steady phase, request by request.
#[derive(Debug)]
pub(super) struct SteadyAccumulator {
    windows: Windows,
    counts: Steady,
    /// When the first request was to begin: what lies before it is preparation.
    first_ns: Option<i64>,
}

impl SteadyAccumulator {
    /// For the steady phase of `run`.
    pub(super) fn of(run: &RunManifest) -> SteadyAccumulator {
        SteadyAccumulator {
            windows: Windows::of(run),
            counts: Steady::default(),
            first_ns: None,
        }
    }

    /// Takes in a request.
    pub(super) fn add(&mut self, row: &RequestRow) {
        let start_ns = row.intended_start_ns;
        self.first_ns = Some(self.first_ns.map_or(start_ns, |first| first.min(start_ns)));
        if row.phase == Phase::Steady && row.status.is_judged() {
            self.counts.requests += 1;
            self.counts.successes += u64::from(row.status.is_success());
        }
        let ended_ns = row.closed_ns.filter(|_| row.started_ns.is_some());
        let is_within = ended_ns.is_some_and(|ns| self.windows.contain(ns));
        self.counts.ended += u64::from(is_within && self.windows.are_known());
    }

    /// The counts of a run whose last known instant is `last_ns`.
    pub(super) fn finish(self, last_ns: i64) -> Steady {
        let span_ns = self
            .first_ns
            .and_then(|first_ns| self.windows.length_ns(first_ns, last_ns));
        Steady {
            span_ns: span_ns.filter(|ns| *ns > 0),
            ..self.counts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};
    use crate::results::settings::Setting;

    #[test]
    fn outcomes_go_by_the_phase_and_rates_by_the_window() {
        let mut run = manifest();
        run.spec.phases = vec![
            (Phase::Warmup.into(), 2_000_000_000),
            (Phase::Steady.into(), 60_000_000_000),
        ]
        .into();
        // They end 1.62 s after their start, ten a second.
        let mut rows: Vec<RequestRow> = (0..100).map(row).collect();
        rows[0].phase = Phase::Warmup;
        rows[1] = unanswered(1, Status::Timeout);
        rows[2] = unanswered(2, Status::Cancelled);
        rows[3].started_ns = None;
        rows[99].closed_ns = None;
        let count = |rows: &[RequestRow], last_ns: i64| {
            let mut accumulator = SteadyAccumulator::of(&run);
            rows.iter().for_each(|row| accumulator.add(row));
            accumulator.finish(last_ns)
        };
        let steady = count(&rows, 11_600_000_000);
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
        let short = count(&rows[4..5], 3_000_000_000);
        assert_eq!((short.ended, short.ended_per_s()), (1, Some(1.0)));
        rows[4].closed_ns = Some(60_000_000_000);
        let short = count(&rows[4..5], 3_000_000_000);
        assert_eq!((short.span_ns, short.ended), (Some(1_000_000_000), 0));
        assert_eq!(short.ended_per_s(), None, "not 0");
        let early = count(&rows[..1], 1_000_000_000);
        assert_eq!((early.span_ns, early.ended_per_s()), (None, None));
        assert_eq!(SteadyAccumulator::of(&manifest()).finish(5).span_ns, None);
    }

    #[test]
    fn stages_of_users_have_a_stretch_each_and_the_time_before_the_first_request_does_not_count() {
        let mut run = manifest();
        run.spec.phases = vec![
            (Phase::Steady.into(), 10),
            (Setting::Other("of a later version".into()), 20),
            (Phase::Steady.into(), 50),
            (Phase::RampDown.into(), 60),
        ]
        .into();
        let windows = Windows::of(&run);
        assert_eq!(windows, Windows(vec![[0, 10], [20, 50]]));
        let within = [0, 9, 10, 19, 20, 49, 50].map(|at| windows.contain(at));
        assert_eq!(within, [true, true, false, false, true, true, false]);
        assert_eq!(windows.length_ns(4, 90), Some(36));
        assert_eq!(windows.length_ns(4, 25), Some(11));
        let unknown = Windows::of(&manifest());
        assert!(unknown.contain(5) && unknown.length_ns(0, 9).is_none());
    }
}
