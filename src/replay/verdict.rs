//! Whether the generator kept the schedule. Pure: fed second by second, asked at the end.

use std::collections::VecDeque;

use crate::results::manifest::{Verdict, VerdictLevel};
use crate::units::{Human, NS_PER_MS};

/// Seconds of the window in which a burst of late chunks counts by itself.
const WINDOW_SECONDS: usize = 10;
/// Largest tolerable p99 of the lag of session starts.
const START_LAG_P99_NS: i64 = 100 * NS_PER_MS;

/// What the verdict is made of, besides the seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// 99th percentile of the chunks' schedule lag.
    pub lag_p99_ns: i64,
    /// 99th percentile of the lag of session starts.
    pub start_lag_p99_ns: i64,
    /// The plan's shortest chunk interval.
    pub interval_ns: i64,
    /// Result rows that could not be kept.
    pub rows_lost: u64,
}

/// Watches a run.
#[derive(Debug, Default)]
pub struct Watch {
    window: VecDeque<(u64, u64)>,
    late: u64,
    chunks: u64,
    /// Worst share of late chunks in any window, as (late, chunks).
    worst: (u64, u64),
}

impl Watch {
    /// A second passed in which `late` of `chunks` chunks were late.
    pub fn second(&mut self, late: u64, chunks: u64) {
        self.late += late;
        self.chunks += chunks;
        self.window.push_back((late, chunks));
        if self.window.len() > WINDOW_SECONDS {
            self.window.pop_front();
        }
        let sum = self
            .window
            .iter()
            .fold((0, 0), |sum, s| (sum.0 + s.0, sum.1 + s.1));
        if share(sum) > share(self.worst) {
            self.worst = sum;
        }
    }

    /// The verdict on the whole run.
    #[must_use]
    pub fn verdict(&self, totals: &Totals) -> Verdict {
        use VerdictLevel::{Degraded, Invalid};
        let whole = share((self.late, self.chunks));
        let worst = share(self.worst);
        let late = format!(
            "{:.2} % of chunks were late ({} of {})",
            whole * 100.0,
            self.late,
            self.chunks
        );
        let burst = format!(
            "{:.1} % of the chunks of 10 seconds were late",
            worst * 100.0
        );
        let lag = format!(
            "schedule lag p99 is {}, over a quarter of the chunk interval ({})",
            Human(totals.lag_p99_ns),
            Human(totals.interval_ns)
        );
        let start = format!(
            "session start lag p99 is {}, over {}",
            Human(totals.start_lag_p99_ns),
            Human(START_LAG_P99_NS)
        );
        let lost = format!("{} result rows could not be kept", totals.rows_lost);
        let found = [
            (whole > 0.01, Invalid, &late),
            (whole > 0.001 && whole <= 0.01, Degraded, &late),
            (worst > 0.1, Invalid, &burst),
            (worst > 0.01 && worst <= 0.1, Degraded, &burst),
            (totals.lag_p99_ns > totals.interval_ns / 4, Degraded, &lag),
            (totals.start_lag_p99_ns > START_LAG_P99_NS, Invalid, &start),
            (totals.rows_lost > 0, Invalid, &lost),
        ];
        let mut verdict = Verdict {
            level: VerdictLevel::Valid,
            reasons: Vec::new(),
        };
        for (_, level, reason) in found.into_iter().filter(|(holds, _, _)| *holds) {
            verdict.level = verdict.level.max(level);
            verdict.reasons.push(reason.clone());
        }
        verdict
    }
}

fn share((late, chunks): (u64, u64)) -> f64 {
    late as f64 / chunks.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Totals = Totals {
        lag_p99_ns: 50_000,
        start_lag_p99_ns: 0,
        interval_ns: 20_000_000,
        rows_lost: 0,
    };

    fn level(seconds: &[(u64, u64)], totals: Totals) -> VerdictLevel {
        let mut watch = Watch::default();
        for (late, chunks) in seconds {
            watch.second(*late, *chunks);
        }
        let verdict = watch.verdict(&totals);
        assert_eq!(
            verdict.level == VerdictLevel::Valid,
            verdict.reasons.is_empty()
        );
        verdict.level
    }

    #[test]
    fn each_reason_is_found_and_a_quiet_run_is_valid() {
        use VerdictLevel::{Degraded, Invalid, Valid};
        let minute = [(0, 1000); 60];
        assert_eq!(level(&minute, QUIET), Valid);
        assert_eq!(level(&[], QUIET), Valid);
        let mut burst = minute;
        burst[30] = (150, 1000);
        assert_eq!(
            level(&burst, QUIET),
            Degraded,
            "1.5 % of ten seconds, 0.25 % of all"
        );
        burst[30] = (1000, 1000);
        burst[31] = (500, 1000);
        assert_eq!(level(&burst, QUIET), Invalid, "15 % of ten seconds");
        assert_eq!(level(&[(2, 1000); 60], QUIET), Degraded, "0.2 % of all");
        assert_eq!(level(&[(11, 1000); 60], QUIET), Invalid, "1.1 % of all");
        assert_eq!(
            level(
                &minute,
                Totals {
                    lag_p99_ns: 5_000_001,
                    ..QUIET
                }
            ),
            Degraded
        );
        assert_eq!(
            level(
                &minute,
                Totals {
                    start_lag_p99_ns: 100_000_001,
                    ..QUIET
                }
            ),
            Invalid
        );
        assert_eq!(
            level(
                &minute,
                Totals {
                    rows_lost: 1,
                    ..QUIET
                }
            ),
            Invalid
        );
    }
}
