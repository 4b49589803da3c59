//! What can be seen of a recorder while it works.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counts that only grow, but for the calls that are open and the journal's size.
#[derive(Debug, Default)]
pub struct RecorderGauges {
    /// Calls that are open now.
    pub active: AtomicU64,
    /// Streams that callers opened.
    pub streams: AtomicU64,
    /// Calls that the gateway refused before they began.
    pub refused: AtomicU64,
    /// Calls that were chosen to be recorded.
    pub chosen: AtomicU64,
    /// Recorded calls that have ended.
    pub recorded: AtomicU64,
    /// Calls whose recording ended before they did, because the recorder could not keep up.
    pub cut: AtomicU64,
    /// Calls whose recording ended at a message that was not understood.
    pub not_understood: AtomicU64,
    /// Recorded calls of which nothing that was said could be read, because of their extensions.
    pub hidden: AtomicU64,
    /// Messages of recorded calls.
    pub messages: AtomicU64,
    /// Bytes of recorded calls, as they were on the wire.
    pub taken_bytes: AtomicU64,
    /// Bytes of the journal that is being written.
    pub bytes: AtomicU64,
    /// Whether the recording has ended, while calls still pass.
    pub stopped: AtomicBool,
}

impl RecorderGauges {
    /// Counts one more.
    pub(super) fn one_more(count: &AtomicU64) {
        count.fetch_add(1, Relaxed);
    }
}
