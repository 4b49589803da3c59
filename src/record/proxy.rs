//! Accepts callers' connections and carries their streams to the gateway. Connections are dealt to
//! threads of one runtime each, so that a stream never changes threads on its way.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinSet, LocalSet};
use tokio_rustls::TlsAcceptor;

use super::RecordError;
use super::delay::Delays;
use super::listener::Identity;
use super::relay::relay;
use super::shared::{Shared, Stop};
use super::tap::Tap;
use super::upstream::Upstream;
use super::websocket;
use crate::clock::monotonic_ns;
use crate::dialect::stream_audio::PATH;
use crate::transport::channel::{Connector, Endpoint, TlsOptions};
use crate::transport::endpoint::Carrier;

/// How long a caller may take to begin.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be accepted, as without file descriptors.
const NOT_ACCEPTED: Duration = Duration::from_millis(50);
/// Flow-control windows towards callers. A stream's is what may wait in us when the gateway does
/// not read; the connection's is so large that no stream waits for another.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;
/// Cancelled streams that may wait to be noticed.
const CANCELLED_AT_ONCE: usize = 16_384;
/// A caller from whose system nothing comes for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(60);
/// Time for the last resets to leave when calls are ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Where callers come from and go to.
#[derive(Debug, Clone)]
pub struct ProxySpec {
    /// Address to listen on.
    pub listen: String,
    /// Who the proxy is to callers that speak TLS; `None` for callers in clear.
    pub identity: Option<Identity>,
    /// The gateway, and what carries calls to it.
    pub upstream: Endpoint,
    /// How TLS is spoken to the gateway.
    pub tls: TlsOptions,
    /// Threads that carry streams.
    pub workers: usize,
    /// Whether callers over WebSockets may agree on extensions that hide what they say.
    pub pass_extensions: bool,
}

/// A proxy that listens.
pub struct Proxy {
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    connector: Connector,
    workers: usize,
    pass_extensions: bool,
}

impl Proxy {
    /// Listens, without accepting anything yet.
    ///
    /// # Errors
    /// An address that is taken, or certificates that cannot be used.
    pub fn bind(spec: &ProxySpec) -> Result<Proxy, RecordError> {
        let listening = |source| RecordError::Listen {
            address: spec.listen.clone(),
            source,
        };
        let carrier = spec.upstream.carrier;
        let acceptor = spec.identity.as_ref().map(|own| own.acceptor(carrier));
        let acceptor = acceptor.transpose()?;
        let connector = Connector::new(spec.upstream.clone(), &spec.tls)?;
        let listener = TcpListener::bind(&spec.listen).map_err(listening)?;
        listener.set_nonblocking(true).map_err(listening)?;
        Ok(Proxy {
            listener,
            acceptor,
            connector,
            workers: spec.workers.max(1),
            pass_extensions: spec.pass_extensions,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether the gateway can be reached now.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn reach(&self) -> Result<(), RecordError> {
        match self.connector.endpoint().carrier {
            Carrier::Http2 => drop(self.connector.connect(0).await?),
            Carrier::WebSocket => drop(self.connector.open(0).await?),
        }
        Ok(())
    }

    /// Carries calls until told to stop. Blocks.
    ///
    /// # Errors
    /// A thread or runtime that the system refuses.
    pub fn serve(self, tap: &Tap, delays: &Arc<Delays>, stop: &Stop) -> Result<(), RecordError> {
        let runtime = runtime().map_err(RecordError::Start)?;
        std::thread::scope(|scope| {
            let mut queues = Vec::new();
            let mut threads = Vec::new();
            for number in 0..self.workers {
                let (queue, sockets) = unbounded_channel();
                queues.push(queue);
                let worker = Worker {
                    acceptor: self.acceptor.clone(),
                    shared: Shared {
                        connector: self.connector.clone(),
                        tap: tap.clone(),
                        delays: delays.clone(),
                        stop: stop.clone(),
                        pass_extensions: self.pass_extensions,
                    },
                };
                let thread = std::thread::Builder::new().name(format!("proxy-{number}"));
                let spawned = thread.spawn_scoped(scope, move || worker.run(sockets));
                threads.push(spawned.map_err(RecordError::Start)?);
            }
            runtime.block_on(async {
                let listener =
                    tokio::net::TcpListener::from_std(self.listener).map_err(RecordError::Start)?;
                let mut turns = queues.iter().cycle();
                loop {
                    let accepted = tokio::select! {
                        accepted = listener.accept() => accepted,
                        () = stop.arrivals.cancelled() => return Ok::<(), RecordError>(()),
                    };
                    match (
                        accepted.and_then(|(socket, _)| socket.into_std()),
                        turns.next(),
                    ) {
                        // Refused only by a thread that has ended, which joining it tells.
                        (Ok(socket), Some(queue)) => drop(queue.send(socket)),
                        _ => tokio::time::sleep(NOT_ACCEPTED).await,
                    }
                }
            })?;
            drop(queues);
            for thread in threads {
                thread.join().map_err(|_| RecordError::Thread)??;
            }
            Ok(())
        })
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A caller's socket, made ready. Of a caller that is gone without a word the system tells us, since
/// the gateway cannot know: it is we who answer its pings.
fn prepared(socket: std::net::TcpStream) -> std::io::Result<TcpStream> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, GONE_AFTER / 2)?;
    sockopt::set_tcp_keepintvl(&socket, GONE_AFTER / 6)?;
    sockopt::set_tcp_keepcnt(&socket, 3)?;
    TcpStream::from_std(socket)
}

/// One thread's share of the connections.
struct Worker {
    acceptor: Option<TlsAcceptor>,
    shared: Shared,
}

impl Worker {
    fn run(self, mut sockets: UnboundedReceiver<std::net::TcpStream>) -> Result<(), RecordError> {
        let runtime = runtime().map_err(RecordError::Start)?;
        let worker = Rc::new(self);
        let serving = async {
            let (mut connections, mut number) = (JoinSet::new(), 0);
            loop {
                tokio::select! {
                    socket = sockets.recv() => match socket {
                        Some(socket) => {
                            connections.spawn_local(worker.clone().accept(socket, number));
                            number += 1;
                        }
                        None => break,
                    },
                    _ = connections.join_next(), if !connections.is_empty() => {}
                }
            }
            while connections.join_next().await.is_some() {}
        };
        runtime.block_on(LocalSet::new().run_until(serving));
        Ok(())
    }

    async fn accept(self: Rc<Self>, socket: std::net::TcpStream, number: usize) {
        let Ok(socket) = prepared(socket) else {
            return;
        };
        let Some(acceptor) = &self.acceptor else {
            return self.carry(socket, number).await;
        };
        // Who does not speak our TLS learns it from the alert.
        if let Ok(Ok(socket)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
            self.carry(socket, number).await;
        }
    }

    async fn carry<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: S, number: usize) {
        match self.shared.connector.endpoint().carrier {
            Carrier::Http2 => self.carry_streams(socket, number).await,
            Carrier::WebSocket => websocket::carry(&self.shared, socket, number).await,
        }
    }

    /// Carries the streams of one connection until its end.
    async fn carry_streams<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: S, number: usize) {
        let shared = &self.shared;
        let upstream = Rc::new(Upstream::new(shared.connector.clone(), number));
        let mut builder = h2::server::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_pending_accept_reset_streams(CANCELLED_AT_ONCE);
        // The caller is to see the gateway's own limit. While the gateway cannot be reached each
        // call is told so.
        if let Ok(Ok(most)) = upstream.max_streams().await.map(u32::try_from) {
            builder.max_concurrent_streams(most);
        }
        let shaken = tokio::time::timeout(HANDSHAKE, builder.handshake(socket)).await;
        let Ok(Ok(mut connection)) = shaken else {
            return;
        };
        let (mut streams, mut stopping) = (JoinSet::new(), false);
        loop {
            tokio::select! {
                accepted = connection.accept() => match accepted {
                    Some(Ok((request, caller))) => {
                        // All other methods just pass.
                        let tap = match request.uri().path() == PATH {
                            true => {
                                let query = request.uri().query().unwrap_or_default();
                                shared.tap.call(query, request.headers(), monotonic_ns())
                            }
                            false => shared.tap.passing(),
                        };
                        let (upstream, delays) = (upstream.clone(), shared.delays.clone());
                        streams.spawn_local(async move {
                            relay(request, caller, &upstream, &delays, tap).await;
                        });
                    }
                    Some(Err(_)) | None => break,
                },
                _ = streams.join_next(), if !streams.is_empty() => {}
                () = shared.stop.arrivals.cancelled(), if !stopping => {
                    connection.graceful_shutdown();
                    stopping = true;
                }
                () = shared.stop.calls.cancelled() => {
                    connection.abrupt_shutdown(Reason::CANCEL);
                    let closing = std::future::poll_fn(|cx| connection.poll_closed(cx));
                    // What has not left by then was not read by the caller.
                    let _ = tokio::time::timeout(LAST_WORDS, closing).await;
                    break;
                }
            }
        }
        let ending = async { while streams.join_next().await.is_some() {} };
        // Streams of a connection that has gone end by themselves; those that wait for the gateway
        // are dropped.
        let _ = tokio::time::timeout(LAST_WORDS, ending).await;
    }
}
