//! The gateway's protocol on the wire; the only home of generated code.
//!
//! `frame` turns messages into gRPC frames and back, `reply` reads those of the server, `dialogue`
//! decides whose answer a message is, `playout` what the caller hears of it; `channel` opens HTTP/2
//! connections to the addresses of an `endpoint` (`resolve`), over `tls` if need be (`certificate` is
//! what a server shows, `pem` reads files, `unverified` trusts it whatever it is, `connect_error` says why there is none)
//! and `keep_alive` gives them up when the peer is gone; `status` is how a stream ended.

pub mod certificate;
pub mod channel;
mod connect_error;
pub mod dialogue;
pub mod endpoint;
pub mod frame;
mod keep_alive;
pub mod pem;
pub mod playout;
pub mod reply;
mod resolve;
pub mod status;
mod tls;
mod unverified;

#[expect(
    missing_docs,
    reason = "generated; the .proto file holds the documentation"
)]
#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
#[rustfmt::skip]
pub mod voice_workflow;

/// The method's path.
pub const STREAM_AUDIO_PATH: &str = "/voice_workflow.VoiceGateway/StreamAudio";
