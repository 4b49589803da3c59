//! One absolute timer for all sessions of a worker.
//!
//! A deadline is an instant of the run, never a length of sleep, so that errors do not add up. The
//! runtime's own timers have steps of a millisecond; two others take their place.

#[cfg(target_os = "linux")]
mod kernel;
mod thread;

use std::io;

use crate::clock::{Clock, RunClock};
use crate::results::settings::PacerKind;
use crate::units::RunTime;

/// Turns without work after which a test's clock moves on.
#[cfg(test)]
const QUIET_TURNS: usize = 8;

#[derive(Debug)]
enum Timer {
    #[cfg(target_os = "linux")]
    Timerfd(kernel::Timerfd),
    Portable(thread::TimerThread),
    #[cfg(test)]
    Manual(crate::clock::manual::ManualClock),
}

/// Sleeps until instants of a run.
#[derive(Debug)]
pub struct Pacer {
    timer: Timer,
    clock: RunClock,
    spin_ns: i64,
}

impl Pacer {
    /// A timer on `clock` that wakes `spin_ns` before each deadline and busy-waits for the rest;
    /// must be made inside a runtime.
    ///
    /// # Errors
    /// The system's, such as a limit of open files; a kind that this system does not have.
    pub fn new(kind: PacerKind, clock: RunClock, spin_ns: i64) -> io::Result<Pacer> {
        let timer = match kind {
            #[cfg(target_os = "linux")]
            PacerKind::Timerfd => Timer::Timerfd(kernel::Timerfd::new()?),
            #[cfg(not(target_os = "linux"))]
            PacerKind::Timerfd => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "only Linux has timerfd; use the portable pacer",
                ));
            }
            PacerKind::Portable => Timer::Portable(thread::TimerThread::start()?),
        };
        Ok(Pacer {
            timer,
            clock,
            spin_ns: spin_ns.max(0),
        })
    }

    /// A timer that moves a test's clock to the next instant that anyone waits for, when nothing else
    /// can be done.
    #[cfg(test)]
    pub(super) fn manual(clock: &crate::clock::manual::ManualClock) -> Pacer {
        Pacer {
            timer: Timer::Manual(clock.clone()),
            clock: RunClock::manual(clock),
            spin_ns: 0,
        }
    }

    /// Waits until `at`; returns at once when it has passed, and never before it.
    ///
    /// It may be dropped while it waits and called again with any other deadline. One pacer serves
    /// one waiter at a time. While it spins, nothing else runs on the thread.
    ///
    /// # Errors
    /// The system's.
    pub async fn until(&self, at: RunTime) -> io::Result<()> {
        self.about(RunTime(at.0.saturating_sub(self.spin_ns)))
            .await?;
        while self.clock.now() < at {
            std::hint::spin_loop();
        }
        Ok(())
    }

    /// The same without keeping the processor busy: returns as late as the system wakes it.
    ///
    /// # Errors
    /// The system's.
    pub async fn about(&self, wake: RunTime) -> io::Result<()> {
        while self.clock.now() < wake {
            let wake_ns = self.clock.monotonic_of(wake);
            match &self.timer {
                #[cfg(target_os = "linux")]
                Timer::Timerfd(timer) => timer.sleep(wake_ns).await?,
                Timer::Portable(timer) => timer.sleep(wake_ns).await,
                #[cfg(test)]
                Timer::Manual(clock) => {
                    // All other tasks have their turn, and what follows from it.
                    for _ in 0..QUIET_TURNS {
                        tokio::task::yield_now().await;
                    }
                    clock.advance(wake);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::epoch_now;
    use crate::units::{NS_PER_MS, NS_PER_S};

    /// Long enough for any machine; a pacer that never wakes fails instead of hanging.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn with_each(spin_ns: i64, test: &impl AsyncFn(&Pacer, &RunClock)) {
        for kind in PacerKind::ALL {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let clock = RunClock::new(&epoch_now());
                let pacer = Pacer::new(*kind, clock.clone(), spin_ns).unwrap();
                let tested = tokio::time::timeout(PATIENCE, test(&pacer, &clock)).await;
                assert!(tested.is_ok(), "{kind} did not wake");
            });
        }
    }

    fn after(clock: &RunClock, ns: i64) -> RunTime {
        RunTime(clock.now().0 + ns)
    }

    #[test]
    fn it_never_returns_before_the_deadline() {
        for spin_ns in [0, 50_000, 10 * NS_PER_MS] {
            with_each(spin_ns, &async |pacer, clock| {
                for k in 0..50 {
                    let at = after(clock, k * 37_000);
                    pacer.until(at).await.unwrap();
                    assert!(clock.now() >= at);
                }
            });
        }
    }

    #[test]
    fn a_passed_deadline_is_not_waited_for() {
        with_each(0, &async |pacer, _| {
            assert!(is_ready(pacer.until(RunTime(-5))));
        });
    }

    #[test]
    fn a_later_deadline_takes_the_place_of_one_that_was_given_up() {
        with_each(0, &async |pacer, clock| {
            let far = after(clock, 3_600 * NS_PER_S);
            assert!(!is_ready(pacer.until(far)));
            let near = after(clock, 2 * NS_PER_MS);
            pacer.until(near).await.unwrap();
            assert!(clock.now() >= near);
        });
    }

    #[test]
    fn the_timer_of_a_deadline_that_was_given_up_wakes_nobody_early() {
        with_each(0, &async |pacer, clock| {
            let near = after(clock, NS_PER_MS);
            assert!(!is_ready(pacer.until(near)));
            while clock.now() < near {
                tokio::task::yield_now().await;
            }
            for k in 1..20 {
                let at = after(clock, k * 100_000);
                pacer.until(at).await.unwrap();
                assert!(clock.now() >= at);
            }
        });
    }

    #[test]
    fn it_can_be_one_branch_of_a_select_that_others_win() {
        with_each(0, &async |pacer, clock| {
            let at = after(clock, 5 * NS_PER_MS);
            let mut others = 0_u32;
            loop {
                tokio::select! {
                    biased;
                    waited = pacer.until(at) => break waited.unwrap(),
                    () = tokio::task::yield_now() => others += 1,
                }
            }
            assert!(clock.now() >= at && others > 0);
        });
    }

    #[test]
    fn kinds_are_read_as_they_are_shown() {
        for kind in PacerKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(*kind));
        }
        assert_eq!(
            "sundial".parse::<PacerKind>(),
            Err("timerfd, portable".to_owned())
        );
    }

    /// Polls `future` once and drops it; whether it was ready.
    fn is_ready<F: Future>(future: F) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(future).poll(&mut context).is_ready()
    }
}
