//! The gateway's protocol on the wire; the only home of generated code.
//!
//! `frame` turns messages into gRPC frames and back, `reply` reads those of the server, `dialogue`
//! decides whose answer a message is, `playout` what the caller hears of it; `channel` opens HTTP/2
//! connections (`tls` says whom they trust, `certificate` what a server shows, `connect_error` why
//! there is none). Only `channel` touches the network; none of them reads a clock.

pub mod certificate;
pub mod channel;
mod connect_error;
pub mod dialogue;
pub mod frame;
pub mod playout;
pub mod reply;
pub mod status;
mod tls;

#[expect(
    missing_docs,
    reason = "generated; the .proto file holds the documentation"
)]
#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
#[rustfmt::skip]
pub mod voice_workflow;

/// The method's path.
pub const STREAM_AUDIO_PATH: &str = "/voice_workflow.VoiceGateway/StreamAudio";
