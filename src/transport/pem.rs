//! Certificates and keys in PEM files; an error is the reason, without the file's name.

use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::RootCertStore;

/// The certificates of a file, at least one.
///
/// # Errors
/// A file that cannot be read, or holds none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|e| e.to_string())?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|e| e.to_string())?;
    match certificates.is_empty() {
        true => Err("it holds no certificate".to_owned()),
        false => Ok(certificates),
    }
}

/// The certificates of a file as those that are trusted.
///
/// # Errors
/// As [`certificates`], or one that cannot be used.
pub fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    Ok(roots)
}

/// The private key of a file.
///
/// # Errors
/// A file that cannot be read, or holds none.
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| e.to_string())
}
