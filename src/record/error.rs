//! Why nothing can be recorded, or recording had to end.

use crate::trace::TraceError;
use crate::transport::channel::ConnectError;

/// Why nothing can be recorded, or recording had to end.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The gateway's certificates cannot be read.
    #[error(transparent)]
    Upstream(#[from] ConnectError),
    /// The certificate or key that callers are shown cannot be used.
    #[error("{path}: {reason}; give a certificate and its key as PEM files")]
    Identity {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; give a free address of this machine, such as 127.0.0.1:0"
    )]
    Listen {
        /// The address.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The system gave no thread.
    #[error("cannot start the recorder's threads: {0}")]
    Start(std::io::Error),
    /// The trace cannot be written.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A thread of ours ended that should not have.
    #[error("a thread of the recorder failed; this is a defect of voicelt")]
    Thread,
}
