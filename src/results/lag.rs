//! The schedule lag of a whole run, from the distribution of all its chunks.

/// Quantiles of the schedule lag (sent − intended) over the chunks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LagSummary {
    /// Median, nanoseconds.
    pub p50_ns: i64,
    /// 99th percentile, nanoseconds.
    pub p99_ns: i64,
    /// 99.9th percentile, nanoseconds.
    pub p999_ns: i64,
    /// Largest, nanoseconds.
    pub max_ns: i64,
    /// Chunks sent more than a chunk interval (at least 20 ms) late.
    pub late_chunks: u64,
    /// Of the others, those sent as late or never since the peer took no more.
    #[serde(default)]
    pub blocked_chunks: u64,
    /// Chunks sent, and those of before that were not.
    pub chunks: u64,
}
