//! Live calls to a trace: a transparent proxy between callers and the gateway that forwards bytes
//! and keeps a copy of what it may.
//!
//! `proxy` accepts connections, `relay` carries one stream across, `upstream` is the gateway's side
//! of a connection. `admit` decides which calls are recorded; a `tap` copies their bytes into a
//! bounded queue that calls never wait for, and `sink` is the thread that turns them into the rows
//! of a journal (`transcribe`), from which the trace is made. Whatever happens to the recording,
//! the calls go on.

pub mod admit;
mod delay;
mod gauges;
mod listener;
mod loudness;
mod metrics;
mod proxy;
mod relay;
mod sink;
mod tap;
mod transcribe;
mod upstream;
mod volume;

pub use delay::{AddedLatency, Delays};
pub use gauges::RecorderGauges;
pub use listener::Identity;
pub use metrics::recorder_metrics;
pub use proxy::{Proxy, ProxySpec, Stop};
pub use sink::{Describe, Keep, Made, Sink, SinkSpec, Stopped, Written};
pub use tap::Tap;

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
