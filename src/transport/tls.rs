//! TLS as a client: whom it trusts (the system's certificates, or those that the user names), what it
//! shows of itself, what was agreed on, and why it was not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error as TlsError,
    RootCertStore, SignatureScheme,
};

use super::certificate::{Certificate, day};
use super::connect_error::ConnectError;
use super::endpoint::{Carrier, Endpoint};
use super::pem;
use super::unverified::Unverified;

const CA: &str = "--ca takes a PEM file of certificates";
const CERT: &str = "--cert takes a PEM file of our certificate and those that signed it";
const SHOW: &str = "show one that it trusts with --cert FILE and --key FILE";
const KEY: &str = "--key takes a PEM file of the certificate's private key, without a password";

/// How TLS is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates to trust instead of the system's, a PEM file.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key, for servers that ask for one.
    pub identity: Option<ClientIdentity>,
    /// The name that the server's certificate must have, instead of the target's host.
    pub server_name: Option<String>,
    /// Trust any certificate.
    pub skip_verify: bool,
}

/// What we show to servers that ask who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Our certificate and those that signed it, ours first, a PEM file.
    pub cert: PathBuf,
    /// The key of our certificate, a PEM file.
    pub key: PathBuf,
}

/// Speaks TLS to one endpoint.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    asked: Arc<Asked>,
}

/// Shows our certificate, if we have one, and notes that a server asked for it: one that is not
/// content may hang up without a word.
#[derive(Debug)]
struct Asked {
    ours: Arc<dyn ResolvesClientCert>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.ours.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.ours.has_certs()
    }
}

impl Tls {
    /// # Errors
    /// Certificates that cannot be read, or none at all; a name that no certificate can have.
    pub(super) fn new(endpoint: &Endpoint, options: &TlsOptions) -> Result<Tls, ConnectError> {
        let host = options.server_name.as_ref().unwrap_or(&endpoint.host);
        let name = ServerName::try_from(host.clone()).map_err(|_| ConnectError::Tls {
            address: endpoint.authority(),
            reason: format!("`{host}` is no name that a certificate can have"),
            advice: "use the host name that is in the gateway's certificate".to_owned(),
        })?;
        let mut config = tls_config(endpoint, options)?;
        let asked = Arc::new(Asked {
            ours: config.client_auth_cert_resolver,
            asked: AtomicBool::new(false),
        });
        config.client_auth_cert_resolver = asked.clone();
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            name,
            asked,
        })
    }

    /// Shakes hands on `stream`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
    ) -> Result<(TlsStream<TcpStream>, TlsFacts), ConnectError> {
        let stream = self.connector.connect(self.name.clone(), stream).await;
        let stream = stream.map_err(|e| {
            let hung_up = e.get_ref().is_none().then(|| self.hung_up(endpoint));
            let refused = || refused(endpoint, &self.name.to_str(), &e);
            hung_up.flatten().unwrap_or_else(refused)
        })?;
        let facts = TlsFacts::of(stream.get_ref().1);
        Ok((stream, facts))
    }

    /// Why a server may have hung up without a word: it asked for a certificate before that.
    pub(super) fn hung_up(&self, endpoint: &Endpoint) -> Option<ConnectError> {
        let (reason, advice) = match (self.asked.asked.load(Ordering::Relaxed), &self.asked.ours) {
            (false, _) => return None,
            (true, ours) if ours.has_certs() => (
                "it asked for a client certificate, and hung up when it had seen ours",
                "check that it trusts the certificate of --cert, and who signed it",
            ),
            _ => (
                "it asked for a client certificate, and hung up when it got none",
                SHOW,
            ),
        };
        Some(failed(endpoint, reason.to_owned(), advice))
    }
}

fn tls_config(endpoint: &Endpoint, options: &TlsOptions) -> Result<ClientConfig, ConnectError> {
    let builder = ClientConfig::builder();
    let builder = match options.skip_verify {
        true => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified::default())),
        false => builder.with_root_certificates(roots(endpoint, options)?),
    };
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = pem::certificates(&identity.cert)
                .map_err(|reason| unreadable(&identity.cert, CERT, reason))?;
            let key =
                pem::key(&identity.key).map_err(|reason| unreadable(&identity.key, KEY, reason))?;
            let with_both = builder.with_client_auth_cert(chain, key);
            with_both.map_err(|e| unreadable(&identity.cert, CERT, e.to_string()))?
        }
    };
    config.alpn_protocols = vec![endpoint.carrier.alpn().to_vec()];
    Ok(config)
}

fn roots(endpoint: &Endpoint, options: &TlsOptions) -> Result<RootCertStore, ConnectError> {
    if let Some(path) = &options.ca {
        return pem::roots(path).map_err(|reason| unreadable(path, CA, reason));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        false => Ok(roots),
        true => Err(ConnectError::Tls {
            address: endpoint.authority(),
            reason: "this system has no trusted certificates".to_owned(),
            advice: "install them (the package ca-certificates), or name some with --ca FILE"
                .to_owned(),
        }),
    }
}

/// What a TLS connection agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version, such as `TLSv1_3`.
    pub version: String,
    /// The protocol that the server chose to speak inside, if it chose one.
    pub alpn: Option<String>,
    /// The server's own certificate, if it can be read.
    pub certificate: Option<Certificate>,
}

impl TlsFacts {
    pub(super) fn of(connection: &ClientConnection) -> TlsFacts {
        let version = connection.protocol_version().and_then(|v| v.as_str());
        let alpn = connection.alpn_protocol().map(String::from_utf8_lossy);
        let first = connection.peer_certificates().and_then(<[_]>::first);
        TlsFacts {
            version: version.unwrap_or("of an unknown version").replace('_', "."),
            alpn: alpn.map(std::borrow::Cow::into_owned),
            certificate: first.and_then(|der| Certificate::read(der)),
        }
    }
}

/// Why a peer and we did not come to terms.
fn refused(endpoint: &Endpoint, name: &str, error: &io::Error) -> ConnectError {
    let error = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(objection) = error.and_then(|error| alert(endpoint, error)) {
        return objection;
    }
    let (reason, advice) = match error {
        Some(TlsError::InvalidCertificate(fault)) => distrusted(name, fault),
        Some(TlsError::InvalidMessage(_)) => (
            "it does not answer in TLS".to_owned(),
            "use http:// (or ws://) if the gateway speaks without TLS on this port",
        ),
        Some(other) => (
            other.to_string(),
            "check which versions and ciphers the gateway takes; TLS 1.2 and 1.3 are offered",
        ),
        None => (
            "it hung up in the middle of the handshake".to_owned(),
            "use http:// (or ws://) if the gateway speaks without TLS on this port",
        ),
    };
    failed(endpoint, reason, advice)
}

/// What the peer objects to in us, if that is why the connection ended.
pub(super) fn alert(endpoint: &Endpoint, error: &TlsError) -> Option<ConnectError> {
    use AlertDescription as Alert;
    let TlsError::AlertReceived(alert) = error else {
        return None;
    };
    let (reason, advice) = match alert {
        Alert::NoApplicationProtocol => match endpoint.carrier {
            Carrier::Http2 => (
                "it does not offer HTTP/2 (h2 in ALPN)".to_owned(),
                "gRPC needs it: switch HTTP/2 on at the gateway or the proxy before it",
            ),
            Carrier::WebSocket => (
                "it does not offer HTTP/1.1 (http/1.1 in ALPN)".to_owned(),
                "a WebSocket begins with it: switch it on at the server or the proxy before it",
            ),
        },
        Alert::CertificateRequired => ("it asks for a client certificate".to_owned(), SHOW),
        Alert::UnknownCA
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::AccessDenied
        | Alert::DecryptError => (
            format!("it refused our client certificate, or that we have none ({alert:?})"),
            SHOW,
        ),
        // TLS 1.2 has no alert of its own for it.
        Alert::HandshakeFailure => (
            "it refused the handshake (HandshakeFailure)".to_owned(),
            "show a client certificate with --cert and --key if it asks for one, and check which versions and ciphers it takes",
        ),
        Alert::UnrecognisedName => (
            "it serves no such name (UnrecognizedName)".to_owned(),
            "use the gateway's own name as the target's, or give it with --server-name",
        ),
        _ => return None,
    };
    Some(failed(endpoint, reason, advice))
}

fn failed(endpoint: &Endpoint, reason: String, advice: &str) -> ConnectError {
    ConnectError::Tls {
        address: endpoint.authority(),
        reason,
        advice: advice.to_owned(),
    }
}

/// Why the certificate of `host` is not trusted, and what to do.
fn distrusted(host: &str, fault: &CertificateError) -> (String, &'static str) {
    const RENEW: &str = "renew it, or set this machine's clock right";
    match fault {
        // A self-signed certificate under the name of one that is trusted fails by its signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate is signed by nobody who is trusted here".to_owned(),
            "name the certificate that signed it with --ca FILE",
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            format!("its certificate expired on {}", day(not_after.as_secs())),
            RENEW,
        ),
        CertificateError::Expired => ("its certificate has expired".to_owned(), RENEW),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!(
                "its certificate is valid from {}",
                day(not_before.as_secs())
            ),
            RENEW,
        ),
        CertificateError::NotValidYet => ("its certificate is not valid yet".to_owned(), RENEW),
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            (
                format!(
                    "its certificate is for {}, not for {host}",
                    names.join(", ")
                ),
                "use a name that is in the certificate as the target's, or give it with --server-name",
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("its certificate is not for {host}"),
            "use a name that is in the certificate as the target's, or give it with --server-name",
        ),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            "its certificate is that of an authority (CA:TRUE), which a server may not show"
                .to_owned(),
            "give the gateway a certificate with basicConstraints=CA:FALSE",
        ),
        other => (
            format!("its certificate was refused: {other}"),
            "give the gateway a valid certificate",
        ),
    }
}

/// `gw.example` of `DnsName("gw.example")`.
fn bare(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

fn unreadable(path: &Path, advice: &'static str, reason: String) -> ConnectError {
    ConnectError::Pem {
        path: path.display().to_string(),
        reason,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_certificate_is_said_in_words() {
        let presented = ["DnsName(\"gw.example\")", "IpAddress(10.0.0.1)"];
        let other_name = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("localhost").unwrap().to_owned(),
            presented: presented.map(str::to_owned).to_vec(),
        };
        let table = [
            (CertificateError::UnknownIssuer, "signed by nobody", "--ca"),
            (CertificateError::BadSignature, "signed by nobody", "--ca"),
            (CertificateError::Expired, "has expired", "renew"),
            (CertificateError::NotValidYet, "not valid yet", "clock"),
            (
                other_name,
                "is for gw.example, 10.0.0.1, not for localhost",
                "use a name",
            ),
        ];
        for (fault, reason, advice) in table {
            let told = distrusted("localhost", &fault);
            assert!(told.0.contains(reason), "{told:?}");
            assert!(told.1.contains(advice), "{told:?}");
        }
    }
}
