//! Signals while a load is made, and between two.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cli::exit::Outcome;
use crate::cli::signals::Ends;
use crate::cli::stderr::say;
use crate::replay::Stop;

/// Time that calls under way are given after Ctrl-C.
const DRAIN: Duration = Duration::from_secs(5);

/// The first signal stops arrivals and gives calls a drain time, the second ends them.
#[derive(Debug)]
pub(super) struct Signals {
    got: Arc<OnceLock<Outcome>>,
    _runtime: tokio::runtime::Runtime,
}

impl Signals {
    pub(super) fn listen(stop: &Stop, quiet: bool) -> io::Result<Signals> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let guard = runtime.enter();
        let mut ends = Ends::listen()?;
        drop(guard);
        let got = Arc::new(OnceLock::new());
        let (seen, stop) = (got.clone(), stop.clone());
        runtime.spawn(async move {
            let outcome = ends.next().await;
            seen.get_or_init(|| outcome);
            stop.stop_arrivals();
            if !quiet {
                say("\nstopping: no further calls; those under way have 5 s to end (again to end them now)\n");
            }
            tokio::select! {
                _ = ends.next() => {}
                () = tokio::time::sleep(DRAIN) => {}
            }
            stop.stop_calls();
        });
        Ok(Signals {
            got,
            _runtime: runtime,
        })
    }

    /// The signal that came, if one did.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.got.get().copied()
    }
}

/// Waits for so long, or until a signal comes, which is returned.
///
/// # Errors
/// A system that gives no signals.
pub(super) fn rest(time: Duration) -> anyhow::Result<Option<Outcome>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut ends = Ends::listen()?;
        Ok(tokio::select! {
            outcome = ends.next() => Some(outcome),
            () = tokio::time::sleep(time) => None,
        })
    })
}
