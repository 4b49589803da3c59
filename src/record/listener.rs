//! Who the recorder is to callers that speak TLS: a certificate and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::RecordError;

/// A certificate chain and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The chain, the recorder's own certificate first.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
}

impl Identity {
    /// What accepts TLS connections in this name, for HTTP/2.
    ///
    /// # Errors
    /// Files that cannot be read or do not belong together.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, RecordError> {
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| unusable(&self.certificate, &e))?;
        if chain.is_empty() {
            return Err(unusable(&self.certificate, &"it holds no certificate"));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| unusable(&self.key, &e))?;
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key);
        let mut config = config.map_err(|e| unusable(&self.certificate, &e))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> RecordError {
    RecordError::Identity {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
