//! How a replay is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use super::end::End;

/// Stops a replay: first its arrivals, then its calls.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    pub(super) arrivals: CancellationToken,
    pub(super) calls: CancellationToken,
    by_user: Arc<AtomicBool>,
}

impl Stop {
    /// No further session starts; those under way go on.
    pub fn stop_arrivals(&self) {
        self.by_user.store(true, Ordering::SeqCst);
        self.arrivals.cancel();
    }

    /// Sessions under way are ended, and their rows written.
    pub fn stop_calls(&self) {
        self.arrivals.cancel();
        self.calls.cancel();
    }

    /// Whether its arrivals were stopped from outside.
    #[must_use]
    pub fn is_by_user(&self) -> bool {
        self.by_user.load(Ordering::SeqCst)
    }

    /// How what is under way ends.
    pub(super) fn end(&self) -> End {
        match self.is_by_user() {
            true => End::Interrupted,
            false => End::Cancelled,
        }
    }
}
