//! What can keep a replay from its end.

use std::io;

use crate::results::ResultsError;
use crate::trace::TraceError;
use crate::transport::channel::ConnectError;
use crate::transport::endpoint::EndpointError;

/// What can keep a replay from its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The gateway cannot be reached; nothing was started.
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    /// The target is none for what carries the dialect.
    #[error(transparent)]
    Target(#[from] EndpointError),
    /// A clip of the trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The system refused.
    #[error("could not {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A worker panicked.
    #[error("a worker thread failed; this is a fault of voicelt")]
    Worker,
}
