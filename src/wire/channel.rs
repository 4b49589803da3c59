//! HTTP/2 connections to a gateway, in clear or over TLS, driven by `h2` directly so that flow
//! control and stream slots are seen.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, PingPong, Reason};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

pub use super::connect_error::ConnectError;
pub use super::tls::{TlsFacts, Trust};
use super::tls::{refused, tls_config};

/// How long a connection may take, TLS and HTTP/2 included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The same when there is another address to try.
const FALL_OVER: Duration = Duration::from_secs(3);
/// How long a new connection is kept back until the server has told its settings.
const SETTINGS_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers are read as they come; windows this large keep them from ever waiting for us.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024 * 1024;

/// Where a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
}

/// A target that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no target; use host:port, http://host:port or https://host:port")]
pub struct EndpointError(String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let (tls, rest) = match text.split_once("://") {
            Some(("http" | "grpc", rest)) => (false, rest),
            Some(("https" | "grpcs", rest)) => (true, rest),
            Some(_) => return Err(wrong()),
            None => (false, text),
        };
        let authority: http::uri::Authority =
            rest.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let port = match (authority.port_u16(), text.contains("://")) {
            (Some(port), _) => port,
            (None, true) => {
                if tls {
                    443
                } else {
                    80
                }
            }
            (None, false) => return Err(wrong()),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        Ok(Endpoint { host, port, tls })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl Endpoint {
    /// `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The part of a connection that moves bytes; it must be polled for anything to happen.
pub type Driver = Pin<Box<dyn Future<Output = Result<(), h2::Error>> + Send>>;

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
}

impl Channel {
    /// How many streams the server takes at once; `usize::MAX` when it sets no limit.
    #[must_use]
    pub fn max_streams(&self) -> usize {
        self.streams.current_max_send_streams()
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
    tls: Option<TlsConnector>,
    addresses: Arc<OnceCell<Vec<SocketAddr>>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("endpoint", &self.endpoint)
            .field("addresses", &self.addresses.get())
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// Prepares connections to `endpoint`; certificates are read now.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(endpoint: Endpoint, trust: &Trust) -> Result<Connector, ConnectError> {
        let tls = match endpoint.tls {
            true => Some(TlsConnector::from(Arc::new(tls_config(&endpoint, trust)?))),
            false => None,
        };
        Ok(Connector {
            endpoint,
            tls,
            addresses: Arc::default(),
        })
    }

    /// A connector in clear whose name has resolved to `addresses`.
    #[cfg(test)]
    pub(crate) fn to(addresses: Vec<SocketAddr>) -> Connector {
        Connector {
            endpoint: Endpoint {
                host: "gateway".to_owned(),
                port: 50051,
                tls: false,
            },
            tls: None,
            addresses: Arc::new(OnceCell::new_with(Some(addresses))),
        }
    }

    /// Where connections go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Every address of the endpoint, at least one. The name is resolved once, so that all
    /// connections of a run share out the same addresses.
    ///
    /// # Errors
    /// A name that cannot be resolved, or has no address.
    pub async fn resolve(&self) -> Result<&[SocketAddr], ConnectError> {
        let look_up = || async {
            let Endpoint { host, port, .. } = &self.endpoint;
            let found = tokio::net::lookup_host((host.as_str(), *port));
            let found = tokio::time::timeout(CONNECT_TIMEOUT, found)
                .await
                .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            let addresses: Vec<_> = found
                .map_err(|source| ConnectError::resolve(host, source))?
                .collect();
            match addresses.is_empty() {
                true => Err(ConnectError::resolve(
                    host,
                    std::io::Error::other("it has no address"),
                )),
                false => Ok(addresses),
            }
        };
        self.addresses
            .get_or_try_init(look_up)
            .await
            .map(Vec::as_slice)
    }

    /// Opens a connection: to the endpoint's address number `start` (counted around), or to the
    /// next that answers. It is ready once the server has told its settings.
    ///
    /// # Errors
    /// The last address's reason; a limit of this machine or a failure of TLS at once, which are
    /// not for another address to mend.
    pub async fn connect(&self, start: usize) -> Result<Channel, ConnectError> {
        let addresses = self.resolve().await?;
        let mut nth = 0;
        loop {
            let peer = addresses[(start % addresses.len() + nth) % addresses.len()];
            nth += 1;
            let is_last = nth == addresses.len();
            let patience = if is_last { CONNECT_TIMEOUT } else { FALL_OVER };
            match self.connect_within(patience, peer).await {
                Ok(channel) => return Ok(channel),
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
        self.connect_within(CONNECT_TIMEOUT, peer).await
    }

    async fn connect_within(
        &self,
        patience: Duration,
        peer: SocketAddr,
    ) -> Result<Channel, ConnectError> {
        let opened = tokio::time::timeout(patience, self.connect_to(peer)).await;
        opened.unwrap_or_else(|_| {
            Err(ConnectError::TimedOut {
                address: peer.to_string(),
                seconds: patience.as_secs(),
            })
        })
    }

    async fn connect_to(&self, peer: SocketAddr) -> Result<Channel, ConnectError> {
        let unreachable = |source| ConnectError::tcp(peer, source);
        let stream = TcpStream::connect(peer).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = &self.tls else {
            return handshake(stream, peer, None).await;
        };
        let host = &self.endpoint.host;
        let name = ServerName::try_from(host.clone()).map_err(|_| ConnectError::Tls {
            address: self.endpoint.authority(),
            reason: format!("`{host}` is no name that a certificate can have"),
            advice: "use the host name that is in the gateway's certificate".to_owned(),
        })?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|e| refused(&self.endpoint, &e))?;
        let facts = TlsFacts::of(stream.get_ref().1);
        handshake(stream, peer, Some(facts)).await
    }
}

async fn handshake<S>(
    stream: S,
    peer: SocketAddr,
    tls: Option<TlsFacts>,
) -> Result<Channel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let speaks_tls = tls.is_some();
    let failed = |reason: String| ConnectError::Http2 {
        address: peer.to_string(),
        reason,
        tls: speaks_tls,
    };
    let shaken = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .enable_push(false)
        .handshake(stream)
        .await;
    let (streams, mut connection) = shaken.map_err(|e| failed(no_http2(&e)))?;
    let mut ping = connection.ping_pong();
    let mut driver: Driver = Box::pin(connection);
    if let Some(ping) = &mut ping {
        let settled = tokio::time::timeout(SETTINGS_TIMEOUT, settle(&mut driver, ping)).await;
        // A server that is slow to answer is judged by what it does with the sessions.
        settled.unwrap_or(Ok(())).map_err(failed)?;
    }
    Ok(Channel {
        streams,
        driver,
        peer,
        tls,
        ping,
    })
}

/// Moves bytes until the server has answered a ping. Its settings come before anything else from
/// it, so its limit of streams is known then; until then `h2` assumes that there is none.
async fn settle(driver: &mut Driver, ping: &mut PingPong) -> Result<(), String> {
    tokio::select! {
        ended = driver => Err(match ended {
            Ok(()) => "it closed the connection at once".to_owned(),
            Err(error) => no_http2(&error),
        }),
        answered = ping.ping(Ping::opaque()) => match answered {
            Ok(_) => Ok(()),
            Err(error) => Err(no_http2(&error)),
        },
    }
}

/// What a peer did that ended a connection which had hardly begun.
fn no_http2(error: &h2::Error) -> String {
    match error.reason() {
        // The first bytes of any other protocol, read as the head of a frame.
        Some(Reason::FRAME_SIZE_ERROR | Reason::PROTOCOL_ERROR) => {
            "it answered in another protocol".to_owned()
        }
        _ if error.is_io() => "it hung up at once".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_host_and_port_or_a_url() {
        let shown = [
            "localhost:50051",
            "http://gw",
            "https://gw.example:8443/",
            "grpcs://[::1]:1",
        ]
        .map(|text| text.parse::<Endpoint>().unwrap().to_string());
        let expected = [
            "http://localhost:50051",
            "http://gw:80",
            "https://gw.example:8443",
            "https://[::1]:1",
        ];
        assert_eq!(shown, expected);
        for text in [
            "localhost",
            "ftp://gw:1",
            "http://",
            "http://me:secret@gw:1",
            "",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
