//! When a worker's thread last had nothing to do: who is to blame for a wait hangs on that.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use tokio::runtime::Builder;

use crate::clock::{Clock, RunClock, monotonic_ns};
use crate::units::RunTime;

/// When a thread last came back from waiting for what the system has for it; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Idle(Option<Arc<AtomicI64>>);

impl Idle {
    /// Watches the thread of a runtime that is to be built.
    pub(super) fn watch(runtime: &mut Builder) -> Idle {
        let woken = Arc::new(AtomicI64::new(monotonic_ns()));
        let noted = woken.clone();
        runtime.on_thread_unpark(move || noted.store(monotonic_ns(), Relaxed));
        Idle(Some(woken))
    }

    /// That instant; of a thread that nobody watches, now.
    pub(super) fn until(&self, clock: &RunClock) -> RunTime {
        match &self.0 {
            Some(woken) => clock.run_time_of(woken.load(Relaxed)),
            None => clock.now(),
        }
    }
}
