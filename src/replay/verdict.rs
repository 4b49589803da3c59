//! Whether the generator kept the schedule. Pure: fed second by second, asked at the end.

use std::collections::VecDeque;

use crate::results::manifest::{Verdict, VerdictLevel};
use crate::units::{Human, NS_PER_MS};

/// Seconds of the window in which a burst of late chunks counts by itself.
const WINDOW_SECONDS: usize = 10;
/// Largest tolerable p99 of the lag of session starts.
const START_LAG_P99_NS: i64 = 100 * NS_PER_MS;
/// Largest tolerable p99 of the calibrated timer error.
pub const TIMER_ERROR_P99_NS: i64 = NS_PER_MS / 2;
/// Largest tolerable share of the processor that the hypervisor takes away.
pub const STEAL_PERCENT: f64 = 5.0;

/// What the verdict is made of, besides the seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// 99th percentile of the chunks' schedule lag.
    pub lag_p99_ns: i64,
    /// 99th percentile of the lag of session starts.
    pub start_lag_p99_ns: i64,
    /// The plan's shortest chunk interval.
    pub interval_ns: i64,
    /// 99th percentile of the calibrated timer error.
    pub timer_error_p99_ns: i64,
    /// Result rows that could not be kept.
    pub rows_lost: u64,
    /// Times that audio was not read when it was due.
    pub audio_misses: u64,
    /// Sessions that a limit of this machine kept from starting.
    pub not_started: u64,
    /// What that limit says of itself.
    pub limit: Option<String>,
}

/// What happened in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SecondFacts {
    /// Chunks that left late.
    pub late: u64,
    /// Chunks that were to leave.
    pub chunks: u64,
    /// Whether it belongs to the steady phase.
    pub steady: bool,
    /// Processor time that the hypervisor took away.
    pub steal_percent: f64,
}

/// Late chunks and all chunks.
#[derive(Debug, Clone, Copy, Default)]
struct Chunks {
    late: u64,
    all: u64,
}

impl Chunks {
    fn add(&mut self, second: &SecondFacts) {
        self.late += second.late;
        self.all += second.chunks;
    }

    fn share(self) -> f64 {
        self.late as f64 / self.all.max(1) as f64
    }
}

/// Watches a run.
#[derive(Debug, Default)]
pub struct Watch {
    window: VecDeque<SecondFacts>,
    whole: Chunks,
    steady: Chunks,
    /// The worst of any window: chunks and steal.
    worst: Chunks,
    steal_percent: f64,
}

impl Watch {
    /// A second has passed.
    pub fn second(&mut self, second: SecondFacts) {
        self.whole.add(&second);
        if second.steady {
            self.steady.add(&second);
        }
        self.window.push_back(second);
        if self.window.len() > WINDOW_SECONDS {
            self.window.pop_front();
        }
        let mut chunks = Chunks::default();
        self.window.iter().for_each(|second| chunks.add(second));
        if chunks.share() > self.worst.share() {
            self.worst = chunks;
        }
        if self.window.len() == WINDOW_SECONDS {
            let stolen = self.window.iter().map(|second| second.steal_percent);
            let steal = stolen.sum::<f64>() / WINDOW_SECONDS as f64;
            self.steal_percent = self.steal_percent.max(steal);
        }
    }

    /// The verdict on the whole run.
    #[must_use]
    pub fn verdict(&self, totals: &Totals) -> Verdict {
        let mut verdict = Verdict {
            level: VerdictLevel::Valid,
            reasons: Vec::new(),
        };
        self.judge_chunks(&mut verdict, totals);
        self.judge_machine(&mut verdict, totals);
        judge_ceilings(&mut verdict, totals);
        verdict
    }

    fn judge_chunks(&self, verdict: &mut Verdict, totals: &Totals) {
        use VerdictLevel::{Degraded, Invalid};
        let late = |chunks: Chunks, phase: &str| {
            let percent = chunks.share() * 100.0;
            let (late, all) = (chunks.late, chunks.all);
            format!("{percent:.2} % of {phase}chunks were late ({late} of {all})")
        };
        if self.steady.share() > 0.01 {
            verdict.add(Invalid, late(self.steady, "the steady phase's "));
        } else if self.whole.share() > 0.001 {
            verdict.add(Degraded, late(self.whole, ""));
        }
        let burst = self.worst.share();
        if burst > 0.01 {
            let level = if burst > 0.1 { Invalid } else { Degraded };
            let percent = burst * 100.0;
            let reason = format!("{percent:.1} % of the chunks of 10 seconds were late");
            verdict.add(level, reason);
        }
        if totals.lag_p99_ns > totals.interval_ns / 4 {
            let (lag, interval) = (Human(totals.lag_p99_ns), Human(totals.interval_ns));
            let quarter = "over a quarter of the chunk interval";
            verdict.add(
                Degraded,
                format!("schedule lag p99 is {lag}, {quarter} ({interval})"),
            );
        }
        if totals.start_lag_p99_ns > START_LAG_P99_NS {
            let (lag, most) = (Human(totals.start_lag_p99_ns), Human(START_LAG_P99_NS));
            verdict.add(
                Invalid,
                format!("session start lag p99 is {lag}, over {most}"),
            );
        }
    }

    fn judge_machine(&self, verdict: &mut Verdict, totals: &Totals) {
        use VerdictLevel::Degraded;
        if totals.timer_error_p99_ns > TIMER_ERROR_P99_NS {
            let (error, most) = (Human(totals.timer_error_p99_ns), Human(TIMER_ERROR_P99_NS));
            let reason =
                format!("the timer of this machine wakes {error} late at p99, over {most}");
            verdict.add(Degraded, reason);
        }
        if self.steal_percent > STEAL_PERCENT {
            let steal = self.steal_percent;
            let reason = format!(
                "the hypervisor took {steal:.1} % of the processor in 10 seconds, over {STEAL_PERCENT} %"
            );
            verdict.add(Degraded, reason);
        }
    }
}

/// Limits of our own that were hit: what was planned did not happen.
fn judge_ceilings(verdict: &mut Verdict, totals: &Totals) {
    use VerdictLevel::Invalid;
    if totals.not_started > 0 {
        let limit = totals.limit.as_deref().unwrap_or("a limit of this machine");
        let count = totals.not_started;
        verdict.add(Invalid, format!("{count} sessions did not start: {limit}"));
    }
    if totals.audio_misses > 0 {
        let count = totals.audio_misses;
        let reason = format!(
            "audio was not read when it was due ({count} times); a larger --clip-memory or a faster disk helps"
        );
        verdict.add(VerdictLevel::Degraded, reason);
    }
    if totals.rows_lost > 0 {
        let count = totals.rows_lost;
        let reason = format!("{count} result rows could not be kept; is the disk too slow?");
        verdict.add(Invalid, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use VerdictLevel::{Degraded, Invalid, Valid};

    fn quiet() -> Totals {
        Totals {
            lag_p99_ns: 50_000,
            interval_ns: 20_000_000,
            ..Totals::default()
        }
    }

    fn second(late: u64) -> SecondFacts {
        SecondFacts {
            late,
            chunks: 1000,
            steady: true,
            steal_percent: 0.1,
        }
    }

    fn level(seconds: &[SecondFacts], totals: &Totals) -> VerdictLevel {
        let mut watch = Watch::default();
        for facts in seconds {
            watch.second(*facts);
        }
        let verdict = watch.verdict(totals);
        assert_eq!(
            verdict.level == Valid,
            verdict.reasons.is_empty(),
            "{verdict:?}"
        );
        verdict.level
    }

    #[test]
    fn late_chunks_count_by_their_share_and_in_bursts() {
        let minute = [second(0); 60];
        assert_eq!(level(&minute, &quiet()), Valid);
        assert_eq!(level(&[], &quiet()), Valid);
        let mut burst = minute;
        burst[30] = second(150);
        let seen = level(&burst, &quiet());
        assert_eq!(seen, Degraded, "1.5 % of ten seconds, 0.25 % of all");
        burst[30] = second(1000);
        burst[31] = second(500);
        assert_eq!(level(&burst, &quiet()), Invalid, "15 % of ten seconds");
        assert_eq!(level(&[second(2); 60], &quiet()), Degraded, "0.2 % of all");
        assert_eq!(level(&[second(11); 60], &quiet()), Invalid, "1.1 % of all");
        let warmup = SecondFacts {
            steady: false,
            ..second(11)
        };
        let seen = level(&[warmup; 60], &quiet());
        assert_eq!(seen, Degraded, "only the steady phase makes a run invalid");
    }

    #[test]
    fn a_machine_that_others_use_degrades_a_run_when_it_lasts() {
        let stolen = SecondFacts {
            steal_percent: 6.0,
            ..second(0)
        };
        assert_eq!(level(&[stolen; 10], &quiet()), Degraded);
        assert_eq!(level(&[stolen; 9], &quiet()), Valid);
    }

    #[test]
    fn each_total_is_judged() {
        type Change = fn(&mut Totals);
        let table: [(Change, VerdictLevel); 6] = [
            (|t| t.lag_p99_ns = 5_000_001, Degraded),
            (|t| t.start_lag_p99_ns = 100_000_001, Invalid),
            (|t| t.timer_error_p99_ns = 500_001, Degraded),
            (|t| t.rows_lost = 1, Invalid),
            (|t| t.not_started = 1, Invalid),
            (|t| t.audio_misses = 1, Degraded),
        ];
        for (change, expected) in table {
            let mut totals = quiet();
            change(&mut totals);
            assert_eq!(level(&[second(0); 60], &totals), expected, "{totals:?}");
        }
    }
}
