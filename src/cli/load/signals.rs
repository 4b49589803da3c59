//! Ctrl-C and SIGTERM while a replay goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::cli::exit::Outcome;
use crate::cli::stderr::say;
use crate::replay::Stop;

/// Time that calls under way are given after Ctrl-C.
const DRAIN: Duration = Duration::from_secs(5);

/// Ctrl-C and SIGTERM: the first stops arrivals and gives calls a drain time, the second ends them.
pub(super) struct Signals {
    got: Arc<AtomicU8>,
    _runtime: tokio::runtime::Runtime,
}

impl Signals {
    pub(super) fn listen(stop: &Stop, quiet: bool) -> anyhow::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let guard = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        drop(guard);
        let got = Arc::new(AtomicU8::new(0));
        let (seen, stop) = (got.clone(), stop.clone());
        runtime.spawn(async move {
            let outcome = tokio::select! {
                _ = interrupt.recv() => Outcome::Interrupted,
                _ = terminate.recv() => Outcome::Terminated,
            };
            seen.store(outcome.code(), Ordering::SeqCst);
            stop.stop_arrivals();
            if !quiet {
                say("\nstopping: no further calls; those under way have 5 s to end (again to end them now)\n");
            }
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = tokio::time::sleep(DRAIN) => {}
            }
            stop.stop_calls();
        });
        Ok(Signals {
            got,
            _runtime: runtime,
        })
    }

    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.got.load(Ordering::SeqCst) {
            130 => Some(Outcome::Interrupted),
            143 => Some(Outcome::Terminated),
            _ => None,
        }
    }
}
