//! Gauges of a run: whoever makes the load writes them, whoever shows it reads them.
//!
//! All that the threads which send write are plain atomics. The latencies of turns are written by
//! the thread that keeps the books; what Prometheus is shown of them is behind a lock that no other
//! writer takes.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::exemplar::HistogramWithExemplars;

use super::histogram::{LATENCY_ENDS_NS, LatencyHistogram};
use crate::results::metrics::LIVE;
use crate::results::row::Status;

/// The label of an exemplar: the trace that an observation belongs to.
pub(super) type TraceLabel = [(&'static str, String); 1];

/// Requests that ended, by how they did.
#[derive(Debug, Default)]
pub struct Requests([AtomicU64; Status::ALL.len()]);

impl Requests {
    /// Counts a request that ended so.
    pub fn count(&self, status: Status) {
        self.0[status as usize].fetch_add(1, Relaxed);
    }

    /// How many ended with each status of [`Status::ALL`].
    #[must_use]
    pub fn counts(&self) -> [u64; Status::ALL.len()] {
        std::array::from_fn(|status| self.0[status].load(Relaxed))
    }
}

/// One latency of turns.
#[derive(Debug)]
pub struct Latency {
    /// All that were measured.
    pub spread: LatencyHistogram,
    /// The same, as Prometheus is shown it.
    pub(super) exposed: HistogramWithExemplars<TraceLabel>,
}

impl Default for Latency {
    fn default() -> Self {
        let ends = LATENCY_ENDS_NS.iter().map(|ns| *ns as f64 / 1e9);
        Latency {
            spread: LatencyHistogram::default(),
            exposed: HistogramWithExemplars::new(ends),
        }
    }
}

impl Latency {
    /// Counts a turn of the trace `trace_id` that ended at `ended_at_ns` of the wall clock; a
    /// negative latency as 0.
    pub fn record(&self, ns: i64, trace_id: &str, ended_at_ns: i64) {
        self.spread.record(ns);
        let label = [("trace_id", trace_id.to_owned())];
        let ended_at = Duration::from_nanos(u64::try_from(ended_at_ns).unwrap_or(0));
        let ended_at = SystemTime::UNIX_EPOCH + ended_at;
        let seconds = ns.max(0) as f64 / 1e9;
        self.exposed.observe(seconds, Some(label), Some(ended_at));
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
    /// Sessions whose planned start has come.
    pub offered_sessions: AtomicU64,
    /// Sessions started.
    pub started_sessions: AtomicU64,
    /// Sessions that ended.
    pub ended_sessions: AtomicU64,
    /// Turns that ended.
    pub requests: Requests,
    /// Schedule lags of the chunks that were sent: one for each.
    pub lag: LatencyHistogram,
    /// Chunks in the seconds that are accounted for; some seconds behind `lag`.
    pub judged_chunks: AtomicU64,
    /// Of those, how many were late.
    pub late_chunks: AtomicU64,
    /// Latencies of turns, in the order of [`live`](crate::results::metrics::live).
    pub latencies: [Latency; LIVE],
}
