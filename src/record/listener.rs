//! Who the recorder is to callers that speak TLS: a certificate and its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;

use super::RecordError;
use crate::transport::endpoint::Carrier;
use crate::transport::pem;

/// A certificate chain and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The chain, the recorder's own certificate first.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// Who signs the certificates that callers must show; they need none where it is `None`.
    pub client_ca: Option<PathBuf>,
}

impl Identity {
    /// What accepts TLS connections in this name, for what `carrier` is spoken on.
    ///
    /// # Errors
    /// Files that cannot be read or do not belong together.
    pub(super) fn acceptor(&self, carrier: Carrier) -> Result<TlsAcceptor, RecordError> {
        let chain = pem::certificates(&self.certificate);
        let chain = chain.map_err(|e| unusable(&self.certificate, &e))?;
        let key = pem::key(&self.key).map_err(|e| unusable(&self.key, &e))?;
        let builder = ServerConfig::builder();
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => builder.with_client_cert_verifier(verifier(path)?),
        };
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|e| unusable(&self.certificate, &e))?;
        config.alpn_protocols = vec![carrier.alpn().to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Lets in callers whose certificates those at `path` signed.
fn verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, RecordError> {
    let roots = pem::roots(path).map_err(|e| unusable(path, &e))?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
    verifier.map_err(|e| unusable(path, &e))
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> RecordError {
    RecordError::Identity {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
