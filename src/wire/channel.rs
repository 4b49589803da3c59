//! HTTP/2 connections to a gateway, in clear or over TLS, driven by `h2` directly so that flow
//! control and stream slots are seen.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long a connection may take, TLS and HTTP/2 included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
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

/// Whom TLS trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates to trust instead of the system's, a PEM file.
    pub ca: Option<PathBuf>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve {host}: {source}; check the name and the network")]
    Resolve {
        /// The name.
        host: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Nothing listens there, or it cannot be reached.
    #[error(
        "cannot connect to {address}: {source}; check that the gateway runs and listens on this port"
    )]
    Tcp {
        /// The address.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{address} did not answer within 10 s; check the port, firewalls and proxies")]
    TimedOut {
        /// The address.
        address: String,
    },
    /// TLS failed.
    #[error(
        "TLS with {address} failed: {reason}; check https:// against http://, the name in the certificate, and --ca"
    )]
    Tls {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
    },
    /// The peer does not speak HTTP/2.
    #[error(
        "{address} does not speak HTTP/2: {reason}; check that this is the gateway's gRPC port"
    )]
    Http2 {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
    },
    /// The certificates to trust cannot be read.
    #[error("{path}: {reason}; --ca takes a PEM file of certificates")]
    Ca {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
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
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Opens connections to one endpoint.
#[derive(Clone)]
pub struct Connector {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("endpoint", &self.endpoint)
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
        Ok(Connector { endpoint, tls })
    }

    /// Where connections go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Opens a connection: the name's addresses in turn, until one answers.
    ///
    /// # Errors
    /// The last address's reason.
    pub async fn connect(&self) -> Result<Channel, ConnectError> {
        let address = self.endpoint.authority();
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_any())
            .await
            .unwrap_or(Err(ConnectError::TimedOut { address }))
    }

    async fn connect_any(&self) -> Result<Channel, ConnectError> {
        let resolve = |source| ConnectError::Resolve {
            host: self.endpoint.host.clone(),
            source,
        };
        let target = (self.endpoint.host.as_str(), self.endpoint.port);
        let mut refused = resolve(std::io::Error::other("it has no address"));
        for peer in tokio::net::lookup_host(target).await.map_err(resolve)? {
            match TcpStream::connect(peer).await {
                Ok(stream) => return self.speak(stream, peer).await,
                Err(source) => {
                    refused = ConnectError::Tcp {
                        address: peer.to_string(),
                        source,
                    }
                }
            }
        }
        Err(refused)
    }

    async fn speak(&self, stream: TcpStream, peer: SocketAddr) -> Result<Channel, ConnectError> {
        let address = self.endpoint.authority();
        stream
            .set_nodelay(true)
            .map_err(|source| ConnectError::Tcp {
                address: address.clone(),
                source,
            })?;
        let Some(tls) = &self.tls else {
            return handshake(stream, peer, address).await;
        };
        let failed = |reason: String| ConnectError::Tls {
            address: address.clone(),
            reason,
        };
        let name =
            ServerName::try_from(self.endpoint.host.clone()).map_err(|e| failed(e.to_string()))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|e| failed(e.to_string()))?;
        handshake(stream, peer, address).await
    }
}

async fn handshake<S>(stream: S, peer: SocketAddr, address: String) -> Result<Channel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shaken = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .enable_push(false)
        .handshake(stream)
        .await;
    let failed = |e: h2::Error| ConnectError::Http2 {
        address,
        reason: e.to_string(),
    };
    let (streams, connection) = shaken.map_err(failed)?;
    Ok(Channel {
        streams,
        driver: Box::pin(connection),
        peer,
    })
}

fn tls_config(endpoint: &Endpoint, trust: &Trust) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    match &trust.ca {
        Some(path) => {
            for certificate in read_certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|e| ca_error(path, e.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(ConnectError::Tls {
            address: endpoint.authority(),
            reason: "this system has no trusted certificates".to_owned(),
        });
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let pem = std::fs::read(path).map_err(|e| ca_error(path, e.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|e| ca_error(path, e.to_string()))?;
    match certificates.is_empty() {
        true => Err(ca_error(path, "it holds no certificate".to_owned())),
        false => Ok(certificates),
    }
}

fn ca_error(path: &Path, reason: String) -> ConnectError {
    ConnectError::Ca {
        path: path.display().to_string(),
        reason,
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
