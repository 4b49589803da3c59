//! Live calls to a trace: a transparent proxy between callers and the gateway that forwards bytes
//! and keeps a copy of what it may.
//!
//! `proxy` accepts connections, `relay` carries one stream of gRPC across, `upstream` is the gateway's
//! side of a connection; `websocket` carries a WebSocket across. `admit` decides which calls are recorded; a `tap` copies their bytes into a
//! bounded queue that calls never wait for, and `sink` is the thread that finds `messages` in them and
//! turns these into the rows of a journal (`transcribe`), from which the trace is made. Whatever happens to the recording,
//! the calls go on.

pub mod admit;
mod delay;
mod description;
mod error;
mod gauges;
mod listener;
mod loudness;
mod messages;
mod metrics;
mod proxy;
mod relay;
mod shared;
mod sink;
mod sink_spec;
mod tap;
mod transcribe;
mod upstream;
mod volume;
mod websocket;

pub use delay::{AddedLatency, Delays};
pub use error::RecordError;
pub use gauges::RecorderGauges;
pub use listener::Identity;
pub use metrics::recorder_metrics;
pub use proxy::{Proxy, ProxySpec};
pub use shared::Stop;
pub use sink::{Made, Sink, Stopped, Written};
pub use sink_spec::SinkSpec;
pub use tap::Tap;
pub use transcribe::Keep;
