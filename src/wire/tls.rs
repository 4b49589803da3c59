//! Whom a TLS connection trusts: the system's certificates, or those that the user names.

use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

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
