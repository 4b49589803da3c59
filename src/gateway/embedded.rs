//! The gateway in this process: on threads of its own, over a real loopback socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::server::{GatewayError, GatewaySpec, serve};
use super::tally::GatewayReport;

/// How long connections that would not close are waited for at the end.
const LAST_TASKS: Duration = Duration::from_millis(500);

/// A running gateway; dropping it stops it too.
#[derive(Debug)]
pub struct Embedded {
    addr: SocketAddr,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<Result<GatewayReport, GatewayError>>>,
}

impl Embedded {
    /// Starts a gateway on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// A specification that makes no sense, or a system without a thread or a port to give.
    pub fn start(spec: GatewaySpec) -> Result<Embedded, GatewayError> {
        spec.check()?;
        let runtime = runtime().map_err(GatewayError::Start)?;
        let bound = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = bound.map_err(GatewayError::Start)?;
        let addr = listener.local_addr().map_err(GatewayError::Start)?;
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let thread = std::thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || {
                let report = runtime.block_on(serve(listener, spec, stop));
                runtime.shutdown_timeout(LAST_TASKS);
                report
            })
            .map_err(GatewayError::Start)?;
        Ok(Embedded {
            addr,
            shutdown,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, lets calls end for a short while, and waits for the threads.
    ///
    /// # Errors
    /// An arrivals log that could not be written, or a server that failed.
    pub fn stop(mut self) -> Result<GatewayReport, GatewayError> {
        self.join().unwrap_or_else(|| Ok(GatewayReport::default()))
    }

    fn join(&mut self) -> Option<Result<GatewayReport, GatewayError>> {
        self.shutdown.cancel();
        match self.thread.take()?.join() {
            Ok(report) => Some(report),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            // The one who wanted to know how it ended has called `stop`.
            let _ = thread.join();
        }
    }
}

/// Half of the cores: the other half is for the load that the gateway is there to receive.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores / 2;
    if threads < 2 {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("gateway")
        .enable_all()
        .build()
}
