//! HTTP/2 connections to a gateway, in clear or over TLS, driven by `h2` directly so that flow
//! control and stream slots are seen.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, PingPong, Reason};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::Error as TlsError;
use tokio_util::either::Either;

pub use super::connect_error::ConnectError;
pub use super::driver::Driver;
pub use super::endpoint::Endpoint;
use super::gathered::Gathered;
use super::keep_alive::{Counted, Received};
pub use super::keep_alive::{KeptAlive, Loss};
pub use super::resolve::AddressChange;
use super::resolve::Resolver;
pub use super::tls::{ClientIdentity, TlsFacts, TlsOptions};
use super::tls::{Tls, alert};
use super::written::Written;

/// How long a connection may take, TLS and HTTP/2 included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same when there is another address to try.
const FALL_OVER: Duration = Duration::from_secs(3);
/// How long a new connection is kept back until the server has told its settings.
pub const SETTINGS_TIMEOUT: Duration = Duration::from_secs(2);
/// How old addresses may be when a connection is opened: those of a start are looked up once, those of
/// a connection that was refused or lost anew.
pub const FRESH: Duration = Duration::from_secs(1);
/// Answers are read as they come; windows this large keep them from ever waiting for us.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024 * 1024;

/// Bytes that the system takes beyond what it has sent on: what it has is as good as under way, and a peer that
/// takes no more is noticed.
#[cfg(target_os = "linux")]
const MOST_UNSENT: u32 = 16 * 1024;

/// What a peer did that closed a connection without a word, in whatever way we learn of it.
const HUNG_UP: &str = "it hung up at once";

/// Open files that connections leave to the rest of the process: the tables of a run above all.
const SPARE_FILES: u64 = 16;

/// An open connection.
pub struct Channel {
    /// Opens streams.
    pub streams: SendRequest<Bytes>,
    /// Moves bytes; ends when the connection does.
    pub driver: Driver,
    /// Who answered.
    pub peer: SocketAddr,
    /// What TLS agreed on; `None` in clear.
    pub tls: Option<TlsFacts>,
    /// Asks for a sign of life.
    pub ping: Option<PingPong>,
    /// What has come from the peer.
    pub(super) received: Received,
    /// What the system has of each stream.
    pub(super) written: Written,
}

impl Channel {
    /// How many streams the server takes at once; `usize::MAX` when it sets no limit.
    #[must_use]
    pub fn max_streams(&self) -> usize {
        self.streams.current_max_send_streams()
    }

    /// Its two halves: what moves bytes as long as the peer shows signs of life, and what opens streams.
    #[must_use]
    pub fn kept_alive(self) -> (KeptAlive, SendRequest<Bytes>) {
        let kept = KeptAlive {
            driver: self.driver,
            ping: self.ping,
            received: self.received,
            peer: self.peer,
            loss: Loss::default(),
        };
        (kept, self.streams)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Opens connections to one endpoint. Clones share the addresses that its name resolved to.
#[derive(Clone)]
pub struct Connector {
    endpoint: Endpoint,
    options: TlsOptions,
    tls: Option<Tls>,
    resolver: Arc<Resolver>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("endpoint", &self.endpoint)
            .field("resolver", &self.resolver)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// Prepares connections to `endpoint`; certificates are read now.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(endpoint: Endpoint, options: &TlsOptions) -> Result<Connector, ConnectError> {
        let tls = match endpoint.tls {
            true => Some(Tls::new(&endpoint, options)?),
            false => None,
        };
        Ok(Connector {
            resolver: Arc::new(Resolver::new(&endpoint)),
            endpoint,
            options: options.clone(),
            tls,
        })
    }

    /// Prepares connections to another endpoint, which is trusted for the same reasons; the name that a certificate
    /// must have instead of the host's is that of one host.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub(super) fn to_other(&self, endpoint: Endpoint) -> Result<Connector, ConnectError> {
        let mut options = self.options.clone();
        if endpoint.host != self.endpoint.host {
            options.server_name = None;
        }
        Connector::new(endpoint, &options)
    }

    /// A connector in clear whose name has resolved to `addresses`.
    #[cfg(test)]
    pub(crate) fn to(addresses: Vec<SocketAddr>) -> Connector {
        let endpoint = Endpoint::in_clear("gateway.invalid", 50051);
        Connector {
            resolver: Arc::new(Resolver::of(&endpoint, addresses)),
            endpoint,
            options: TlsOptions::default(),
            tls: None,
        }
    }

    /// The name leads to `addresses` from now on.
    #[cfg(test)]
    pub(crate) fn moved(&self, addresses: &[SocketAddr]) {
        self.resolver.moved(addresses);
    }

    /// Where connections go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether the endpoint is named by its address, which does not move.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.resolver.is_address()
    }

    /// Every address of the endpoint, at least one, in an order that stays: as they were `within` that
    /// time, or looked up now.
    ///
    /// # Errors
    /// A name that never had an address.
    pub async fn addresses(&self, within: Duration) -> Result<Arc<[SocketAddr]>, ConnectError> {
        self.resolver.addresses(within).await
    }

    /// The addresses that the name has got and lost since it was first looked up, in order.
    #[must_use]
    pub fn address_changes(&self) -> Vec<AddressChange> {
        self.resolver.changes()
    }

    /// Opens a connection: to the endpoint's address number `start` (counted around), or to the
    /// next that answers. It is ready once the server has told its settings.
    ///
    /// # Errors
    /// The last address's reason; a limit of this machine or a failure of TLS at once, which another
    /// address does not change.
    pub async fn connect(&self, start: usize) -> Result<Channel, ConnectError> {
        self.first(start, |peer| self.connect_to(peer)).await
    }

    /// The same for what is no HTTP/2: a connection on which nothing was said.
    ///
    /// # Errors
    /// As those of [`connect`](Self::connect).
    pub async fn open(&self, start: usize) -> Result<Opened, ConnectError> {
        self.first(start, |peer| self.open_to(peer)).await
    }

    /// What is `opened` to the endpoint's address number `start`, or to the next that answers.
    async fn first<T, Opening>(
        &self,
        start: usize,
        opened: impl Fn(SocketAddr) -> Opening,
    ) -> Result<T, ConnectError>
    where
        Opening: Future<Output = Result<T, ConnectError>>,
    {
        let addresses = self.addresses(FRESH).await?;
        let mut nth = 0;
        loop {
            let peer = addresses[(start % addresses.len() + nth) % addresses.len()];
            nth += 1;
            let is_last = nth == addresses.len();
            let patience = if is_last { CONNECT_TIMEOUT } else { FALL_OVER };
            match within(patience, peer, opened(peer)).await {
                Ok(opened) => return Ok(opened),
                Err(error @ (ConnectError::Tls { .. } | ConnectError::OurLimit { .. })) => {
                    return Err(error);
                }
                Err(error) if is_last => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Opens a connection to this address and no other, and gives up after ten seconds.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect_only(&self, peer: SocketAddr) -> Result<Channel, ConnectError> {
        within(CONNECT_TIMEOUT, peer, self.connect_to(peer)).await
    }

    async fn open_to(&self, peer: SocketAddr) -> Result<Opened, ConnectError> {
        let stream = self.socket(peer).await?;
        Ok(match self.secured(stream).await? {
            Ok((stream, _)) => Either::Left(stream),
            Err(stream) => Either::Right(stream),
        })
    }

    /// A socket that is connected to `peer`.
    pub(super) async fn socket(&self, peer: SocketAddr) -> Result<TcpStream, ConnectError> {
        let unreachable = |source| ConnectError::tcp(peer, source);
        let stream = TcpStream::connect(peer).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        #[cfg(target_os = "linux")]
        socket2::SockRef::from(&stream)
            .set_tcp_notsent_lowat(MOST_UNSENT)
            .map_err(unreachable)?;
        if leaves_too_few_files(&stream) {
            return Err(unreachable(Errno::MFILE.into()));
        }
        Ok(stream)
    }

    /// The same over TLS where the endpoint speaks it; else the stream as it was.
    pub(super) async fn secured(&self, stream: TcpStream) -> Result<Secured, ConnectError> {
        let Some(tls) = &self.tls else {
            return Ok(Err(stream));
        };
        let (stream, facts) = tls.connect(stream, &self.endpoint).await?;
        Ok(Ok((Box::new(stream), facts)))
    }

    /// What the peer may have against us that has ended a connection before it said anything, by this
    /// `failure` of TLS or without a word. With TLS 1.3 a server looks at our certificate when its handshake is
    /// over for us.
    pub(super) fn objection(&self, failure: Option<&TlsError>) -> Option<ConnectError> {
        let tls = self.tls.as_ref()?;
        match failure {
            Some(failure) => alert(&self.endpoint, failure),
            None => tls.hung_up(&self.endpoint),
        }
    }

    async fn connect_to(&self, peer: SocketAddr) -> Result<Channel, ConnectError> {
        let stream = self.socket(peer).await?;
        let objection = |received: &Received| self.objection(received.failure());
        match self.secured(stream).await? {
            Ok((stream, facts)) => handshake(stream, peer, Some(facts), objection).await,
            Err(stream) => handshake(stream, peer, None, |_| None).await,
        }
    }
}

/// A connection on which nothing was said, over TLS or in clear.
pub type Opened = Either<Box<TlsStream<TcpStream>>, TcpStream>;

/// A connection over TLS and what was agreed on, or one in clear.
pub(super) type Secured = Result<(Box<TlsStream<TcpStream>>, TlsFacts), TcpStream>;

/// What is `opening` at `peer`, if that does not take too long.
pub(super) async fn within<T>(
    patience: Duration,
    peer: SocketAddr,
    opening: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let opened = tokio::time::timeout(patience, opening).await;
    opened.unwrap_or_else(|_| {
        Err(ConnectError::TimedOut {
            address: peer.to_string(),
            seconds: patience.as_secs(),
        })
    })
}

/// Whether the process is about to reach its limit of open files; the lowest number that is free is always
/// taken first.
fn leaves_too_few_files(last: &TcpStream) -> bool {
    let number = u64::try_from(last.as_raw_fd()).unwrap_or(0);
    let limit = getrlimit(Resource::Nofile).current;
    limit.is_some_and(|limit| number + SPARE_FILES >= limit)
}

/// Begins HTTP/2. `objection` is what the peer may have against us, if it ends the connection.
async fn handshake<S>(
    stream: S,
    peer: SocketAddr,
    tls: Option<TlsFacts>,
    objection: impl Fn(&Received) -> Option<ConnectError>,
) -> Result<Channel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let speaks_tls = tls.is_some();
    let http2 = |reason: String| ConnectError::Http2 {
        address: peer.to_string(),
        reason,
        tls: speaks_tls,
    };
    let (stream, received) = Counted::new(stream);
    let (stream, out, written) = Gathered::new(stream, speaks_tls);
    let failed = |error: Option<h2::Error>| {
        let reason = error.as_ref().map(no_http2);
        let closed = || HUNG_UP.to_owned();
        objection(&received).unwrap_or_else(|| http2(reason.unwrap_or_else(closed)))
    };
    let shaken = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .enable_push(false)
        .handshake(stream)
        .await;
    let (streams, mut connection) = shaken.map_err(|e| failed(Some(e)))?;
    let mut ping = connection.ping_pong();
    let mut driver = Driver::new(connection, out);
    if let Some(ping) = &mut ping {
        let settled = tokio::time::timeout(SETTINGS_TIMEOUT, settle(&mut driver, ping)).await;
        // A server that is slow to answer is judged by what it does with the sessions.
        match settled.unwrap_or(Ok(())) {
            Ok(()) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(Channel {
        streams,
        driver,
        peer,
        tls,
        ping,
        received,
        written,
    })
}

/// Whether the peer answered a ping.
pub async fn answers(ping: &mut PingPong) -> bool {
    ping.ping(Ping::opaque()).await.is_ok()
}

/// Moves bytes until the server has answered a ping. Its settings come before anything else from
/// it, so its limit of streams is known then; until then `h2` assumes that there is none.
///
/// # Errors
/// Why the connection ended; `None` where the peer closed it.
async fn settle(driver: &mut Driver, ping: &mut PingPong) -> Result<(), Option<h2::Error>> {
    tokio::select! {
        ended = driver => Err(ended.err()),
        answered = ping.ping(Ping::opaque()) => answered.map(drop).map_err(Some),
    }
}

/// What a peer did that ended a connection which had hardly begun.
fn no_http2(error: &h2::Error) -> String {
    match error.reason() {
        // The first bytes of any other protocol, read as the head of a frame.
        Some(Reason::FRAME_SIZE_ERROR | Reason::PROTOCOL_ERROR) => {
            "it answered in another protocol".to_owned()
        }
        _ if error.is_io() => HUNG_UP.to_owned(),
        _ => error.to_string(),
    }
}
