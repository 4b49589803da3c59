//! What this machine can do, measured in about a second before a run: how late a wake-up is, and what a
//! chunk costs (`trial`).
//!
//! Both are measured on a thread set up as a worker is.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::pacer::Pacer;
use super::{scheduling, trial};
use crate::clock::{Clock, RunClock, epoch_now};
use crate::dialect::{Carrier, Dialect};
use crate::results::manifest::Calibration;
use crate::results::settings::PacerKind;
use crate::transport::sink::{Discards, discard};
use crate::units::RunTime;

const WAKE_UPS: i64 = 150;
/// Wake-ups are 1 ms apart, give or take a quarter: not in step with the system's own ticks.
const WAKE_UP_STEP_NS: i64 = 1_000_000;
const JITTER_NS: i64 = 250_000;

/// How long either measurement may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures the pacer of this kind, and what a chunk of this dialect costs, on this machine as it is now.
///
/// # Errors
/// A refusal of the system, such as a limit of open files or threads; a measurement that does not
/// come to its end.
pub fn calibrate(kind: PacerKind, spin_ns: i64, dialect: &Dialect) -> io::Result<Calibration> {
    let unmeasured = |what: &'static str| {
        move |e: io::Error| io::Error::new(e.kind(), format!("{what} cannot be measured: {e}"))
    };
    let errors = timer_errors_ns(kind, spin_ns).map_err(unmeasured("the error of the timer"))?;
    let chunk_cost_ns =
        chunk_cost_ns(kind, dialect.for_trial()).map_err(unmeasured("the cost of a chunk"))?;
    let at = |percent: usize| errors[(errors.len() - 1) * percent / 100];
    Ok(Calibration {
        pacer: kind.name().to_owned(),
        timer_error_p50_ns: at(50),
        timer_error_p99_ns: at(99),
        timer_error_max_ns: at(100),
        chunk_cost_ns,
    })
}

/// How late each of [`WAKE_UPS`] wake-ups was, in ascending order.
fn timer_errors_ns(kind: PacerKind, spin_ns: i64) -> io::Result<Vec<i64>> {
    let measured = start("calibrate", async move || {
        scheduling::request();
        let clock = RunClock::new(&epoch_now());
        let pacer = Pacer::new(kind, clock.clone(), spin_ns)?;
        let first = clock.now().0 + WAKE_UP_STEP_NS;
        let mut errors = Vec::new();
        for k in 0..WAKE_UPS {
            // Steps of the golden ratio spread evenly over the range, and no two are alike.
            let jitter_ns = (k * 618_034 % 1_000_000) * 2 * JITTER_NS / 1_000_000 - JITTER_NS;
            let at = RunTime(first + k * WAKE_UP_STEP_NS + jitter_ns);
            pacer.until(at).await?;
            errors.push(clock.now().lag_from(at).0);
        }
        errors.sort_unstable();
        Ok(errors)
    })?;
    join(measured)
}

/// CPU time of a sending thread for one chunk, where there is always one to send.
fn chunk_cost_ns(kind: PacerKind, dialect: Dialect) -> io::Result<i64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (measured, end) = oneshot::channel::<()>();
    let protocol = match dialect.nature().carrier {
        Carrier::Http2 => Discards::Http2,
        Carrier::WebSocket => Discards::WebSocket(dialect.agreement()),
    };
    let end = async move || discard(listener, protocol, async { end.await.unwrap_or(()) }).await;
    let server = start("null server", end)?;
    let sender = std::thread::Builder::new().name("calibrate".to_owned());
    let cost = join(sender.spawn(move || trial::chunk_cost_ns(kind, &dialect, address))?);
    drop(measured);
    join(server)?;
    cost
}

type Measuring<T> = JoinHandle<io::Result<T>>;

/// Starts a thread with a worker's runtime for `work`, which is given up after [`PATIENCE`].
fn start<T: Send + 'static>(
    name: &str,
    work: impl AsyncFnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<Measuring<T>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let patient = async { tokio::time::timeout(PATIENCE, work()).await };
        let done = tokio::task::LocalSet::new().block_on(&runtime, patient);
        done.unwrap_or_else(|_| {
            Err(io::Error::other(
                "it took over 30 s; is the machine overloaded?",
            ))
        })
    })
}

fn join<T>(thread: Measuring<T>) -> io::Result<T> {
    let panicked = |_| {
        Err(io::Error::other(
            "a thread failed; this is a fault of voicelt",
        ))
    };
    thread.join().unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dialect::Endpointing;
    use crate::dialect::realtime::{Profile, Realtime, RealtimeSpec};

    #[test]
    fn each_kind_is_calibrated() {
        for kind in PacerKind::ALL {
            let measured = calibrate(*kind, 20_000, &Dialect::StreamAudio).unwrap();
            assert_eq!(measured.pacer, kind.name());
            // Wake-ups are never early, and no chunk is free.
            assert!(measured.timer_error_p50_ns >= 0);
            assert!(measured.timer_error_p50_ns <= measured.timer_error_p99_ns);
            assert!(measured.timer_error_p99_ns <= measured.timer_error_max_ns);
            assert!(measured.chunk_cost_ns > 0);
        }
    }

    #[test]
    fn a_chunk_has_a_cost_in_every_dialect() {
        for profile in Profile::ALL {
            let realtime = Realtime::new(RealtimeSpec {
                profile,
                model: Some("m".to_owned()),
                endpointing: Endpointing::Caller,
                ..RealtimeSpec::default()
            });
            let dialect = Dialect::Realtime(Arc::new(realtime.unwrap()));
            let cost_ns = chunk_cost_ns(PacerKind::default(), dialect.for_trial());
            assert!(cost_ns.unwrap() > 1, "{profile}");
        }
    }
}
