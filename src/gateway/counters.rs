//! What a gateway counts while it serves.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a gateway did, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatewayReport {
    /// Streams opened.
    pub streams: u64,
    /// Streams that the caller or the shutdown cut off before their end.
    pub cut_off: u64,
    /// Turns answered.
    pub answers: u64,
    /// ERROR events sent, injected ones and refused streams.
    pub errors: u64,
    /// Client messages received.
    pub messages: u64,
    /// Client messages written to the arrivals log.
    pub arrivals_logged: u64,
    /// Client messages that the arrivals log could not take in time.
    pub arrivals_lost: u64,
}

/// The counters behind a [`GatewayReport`].
#[derive(Debug, Default)]
pub(super) struct GatewayCounters {
    pub(super) streams: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) answers: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) messages: AtomicU64,
}

impl GatewayCounters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self) -> GatewayReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (streams, ended) = (read(&self.streams), read(&self.ended));
        GatewayReport {
            streams,
            cut_off: streams.saturating_sub(ended),
            answers: read(&self.answers),
            errors: read(&self.errors),
            messages: read(&self.messages),
            arrivals_logged: 0,
            arrivals_lost: 0,
        }
    }
}
