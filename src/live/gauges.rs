//! Plain atomic gauges: whoever makes the load writes them, whoever shows it reads them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Buckets of a [`Spread`]: four to each doubling of a nanosecond count.
const BUCKETS: usize = 256;

/// A distribution of durations, coarse (within 19 %) but never locked.
#[derive(Debug)]
pub struct Spread([AtomicU64; BUCKETS]);

impl Default for Spread {
    fn default() -> Self {
        Spread([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Spread {
    /// Counts one duration; negative ones as 0.
    pub fn record(&self, ns: i64) {
        let quarter = (ns.max(1) as f64).log2() * 4.0;
        self.0[(quarter as usize).min(BUCKETS - 1)].fetch_add(1, Relaxed);
    }

    /// The duration that a share `q` of all do not exceed; `None` when there are none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<i64> {
        let counts: Vec<u64> = self.0.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        for (k, count) in counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return Some(((k as f64 + 0.5) / 4.0).exp2() as i64);
            }
        }
        None
    }
}

/// The gauges of a run.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Sessions open now.
    pub active_sessions: AtomicU32,
    /// Virtual users there now; 0 in a replay.
    pub users: AtomicU32,
    /// Sessions that wait for an answer now.
    pub awaiting_answer: AtomicU32,
    /// Sessions started.
    pub started_sessions: AtomicU64,
    /// Sessions that ended.
    pub ended_sessions: AtomicU64,
    /// Turns that ended well.
    pub succeeded: AtomicU64,
    /// Turns that ended otherwise.
    pub failed: AtomicU64,
    /// Chunks sent.
    pub chunks: AtomicU64,
    /// Response times.
    pub response: Spread,
    /// Schedule lags.
    pub lag: Spread,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_fifth() {
        let spread = Spread::default();
        assert_eq!(spread.quantile(0.5), None);
        for ms in 1..=100 {
            spread.record(ms * 1_000_000);
        }
        for (q, ms) in [(0.5, 50.0), (0.95, 95.0)] {
            let found = spread.quantile(q).unwrap() as f64 / 1e6;
            assert!((found / ms - 1.0).abs() < 0.2, "{q}: {found} ms");
        }
    }
}
