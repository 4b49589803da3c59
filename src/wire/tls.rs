//! Whom a TLS connection trusts (the system's certificates, or those that the user names), what it
//! agreed on, and why it did not.

use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error as TlsError,
    RootCertStore,
};

use super::certificate::{Certificate, day};
use super::channel::Endpoint;
use super::connect_error::ConnectError;

/// Whom TLS trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates to trust instead of the system's, a PEM file.
    pub ca: Option<PathBuf>,
}

/// TLS as a client that trusts `trust` and speaks HTTP/2.
///
/// # Errors
/// Certificates that cannot be read, or none at all.
pub(super) fn tls_config(endpoint: &Endpoint, trust: &Trust) -> Result<ClientConfig, ConnectError> {
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
            advice: "install them (the package ca-certificates), or name some with --ca FILE"
                .to_owned(),
        });
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
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
pub(super) fn refused(endpoint: &Endpoint, error: &io::Error) -> ConnectError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let (reason, advice) = match inner {
        Some(TlsError::InvalidCertificate(fault)) => distrusted(&endpoint.host, fault),
        Some(TlsError::InvalidMessage(_)) => (
            "it does not answer in TLS".to_owned(),
            "use http:// if the gateway speaks without TLS on this port",
        ),
        Some(TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)) => (
            "it does not offer HTTP/2 (h2 in ALPN)".to_owned(),
            "gRPC needs it: switch HTTP/2 on at the gateway or the proxy before it",
        ),
        Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)) => (
            "it asks for a client certificate".to_owned(),
            "voicelt has none to show: use a port that asks for no certificate",
        ),
        Some(other) => (
            other.to_string(),
            "check which versions and ciphers the gateway takes; TLS 1.2 and 1.3 are offered",
        ),
        None => (
            "it hung up in the middle of the handshake".to_owned(),
            "use http:// if the gateway speaks without TLS on this port",
        ),
    };
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
                "use a name that is in the certificate as the target's",
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("its certificate is not for {host}"),
            "use a name that is in the certificate as the target's",
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
    use rustls_pki_types::ServerName;

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
