//! A thread that sleeps on a condition variable until the deadline and then wakes the worker.
//!
//! It needs nothing of a system but threads, and costs two changes of thread for each timer.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::monotonic_ns;
use crate::replay::scheduling;

/// What the thread is told.
#[derive(Debug, Default)]
struct Order {
    /// The monotonic instant to wake the worker at.
    at_ns: Option<i64>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    order: Mutex<Order>,
    changed: Condvar,
    rung: Notify,
}

impl Shared {
    fn order(&self) -> MutexGuard<'_, Order> {
        // An order is whole after each change of it, whoever panicked.
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread; it ends with this value.
#[derive(Debug)]
pub(super) struct TimerThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl TimerThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, such as a limit of threads.
    pub(super) fn start() -> io::Result<TimerThread> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("pacer".to_owned())
            .spawn(move || keep_time(&of_thread))?;
        Ok(TimerThread {
            shared,
            thread: Some(thread),
        })
    }

    /// Sleeps until the monotonic clock reads `at_ns`, or shorter when the timer of an earlier
    /// sleep that was given up is still to be taken: the caller looks at the clock again.
    pub(super) async fn sleep(&self, at_ns: i64) {
        self.shared.order().at_ns = Some(at_ns);
        self.shared.changed.notify_one();
        self.shared.rung.notified().await;
    }
}

impl Drop for TimerThread {
    fn drop(&mut self) {
        self.shared.order().ended = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It holds nothing that a panic of its own could have left behind.
            let _ = thread.join();
        }
    }
}

fn keep_time(shared: &Shared) {
    scheduling::request();
    let mut order = shared.order();
    while !order.ended {
        // The wait is worked out anew from the deadline each time, so that an early waking, or a
        // deadline that took the place of another, does no harm.
        let left_ns = order.at_ns.map(|at_ns| at_ns - monotonic_ns());
        order = match left_ns {
            None => shared
                .changed
                .wait(order)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left_ns) if left_ns > 0 => {
                let wait = Duration::from_nanos(left_ns.unsigned_abs());
                let waited = shared.changed.wait_timeout(order, wait);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            Some(_) => {
                order.at_ns = None;
                shared.rung.notify_one();
                order
            }
        };
    }
}
