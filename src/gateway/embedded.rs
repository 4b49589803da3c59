//! The gateway in this process: on threads of its own, over a real loopback socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::counters::GatewayReport;
use super::server::{Gateway, GatewayError};
use super::spec::GatewaySpec;

/// How long connections that would not close are waited for at the end.
const LAST_TASKS: Duration = Duration::from_millis(500);

/// Connections that may wait to be accepted: a load tool may open one for each call at once.
const BACKLOG: i32 = 4_096;

/// A running gateway; dropping it lets it stop by itself.
#[derive(Debug)]
pub struct Embedded {
    addr: SocketAddr,
    shutdown: DropGuard,
    thread: JoinHandle<Result<GatewayReport, GatewayError>>,
}

impl Embedded {
    /// Starts a gateway on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As for [`Gateway::new`], or a system without a thread or a port to give.
    pub fn start(spec: GatewaySpec) -> Result<Embedded, GatewayError> {
        let gateway = Gateway::new(spec)?;
        let listener = listener().map_err(GatewayError::Start)?;
        let addr = listener.local_addr().map_err(GatewayError::Start)?;
        let runtime = runtime().map_err(GatewayError::Start)?;
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let thread = std::thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || {
                let report = runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).map_err(GatewayError::Start)?;
                    gateway.serve(listener, stop).await
                });
                runtime.shutdown_timeout(LAST_TASKS);
                report
            })
            .map_err(GatewayError::Start)?;
        Ok(Embedded {
            addr,
            shutdown: shutdown.drop_guard(),
            thread,
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
    /// As for [`Gateway::serve`].
    pub fn stop(self) -> Result<GatewayReport, GatewayError> {
        drop(self.shutdown);
        match self.thread.join() {
            Ok(report) => report,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn listener() -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // The standard library listens with a backlog of 128; listening again only changes that.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
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
