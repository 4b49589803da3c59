//! How TLS is spoken to a gateway, on the command line.

use std::path::PathBuf;

use super::stderr::say;
use crate::transport::channel::{ClientIdentity, TlsOptions};

/// What is said of TLS to a gateway.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct TlsArgs {
    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    pub(super) ca: Option<PathBuf>,
    /// Our certificate for gateways that ask for one, and those that signed it: a PEM file
    #[arg(
        long,
        value_name = "FILE",
        requires = "key",
        help_heading = "Connections"
    )]
    pub(super) cert: Option<PathBuf>,
    /// The private key of that certificate, a PEM file
    #[arg(
        long,
        value_name = "FILE",
        requires = "cert",
        help_heading = "Connections"
    )]
    pub(super) key: Option<PathBuf>,
    /// The name that the gateway's certificate must have, when it is not the target's
    #[arg(long, value_name = "NAME", help_heading = "Connections")]
    pub(super) server_name: Option<String>,
    /// Take any certificate: whoever answers may read and change everything, headers included
    #[arg(long, conflicts_with = "ca", help_heading = "Connections")]
    pub(super) insecure_skip_verify: bool,
}

impl TlsArgs {
    /// How the library is to speak it. Says so when certificates are not verified.
    pub(super) fn options(&self) -> TlsOptions {
        if self.insecure_skip_verify {
            say("warning: the gateway's certificate is not verified (--insecure-skip-verify)\n");
        }
        let identity = self.cert.clone().zip(self.key.clone());
        TlsOptions {
            ca: self.ca.clone(),
            identity: identity.map(|(cert, key)| ClientIdentity { cert, key }),
            server_name: self.server_name.clone(),
            skip_verify: self.insecure_skip_verify,
        }
    }
}
