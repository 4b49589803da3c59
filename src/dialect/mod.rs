//! How a conversation is written in a protocol: pure encoding and decoding; the only home of
//! generated code and of protobuf.

use bytes::Bytes;

use crate::conversation::framed::{FramedAudio, PLACE_BYTES, cut};
use crate::conversation::message::{ClientMessage, Reply};

pub mod grpc;
#[cfg(test)]
mod scripted;
pub mod stream_audio;
#[expect(
    missing_docs,
    reason = "generated; the .proto file holds the documentation"
)]
#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
#[rustfmt::skip]
pub mod voice_workflow;

/// The protocol of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `voice_workflow.VoiceGateway/StreamAudio`.
    #[default]
    StreamAudio,
    /// One that tests read at a glance.
    #[cfg(test)]
    Scripted,
}

impl Dialect {
    /// The path of a session's request.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Dialect::StreamAudio => stream_audio::PATH,
            #[cfg(test)]
            Dialect::Scripted => "/",
        }
    }

    /// A message as it is sent.
    #[must_use]
    pub fn encode(self, message: ClientMessage) -> Bytes {
        match self {
            Dialect::StreamAudio => stream_audio::encode(message),
            #[cfg(test)]
            Dialect::Scripted => scripted::encode(message),
        }
    }

    /// `pcm` (PCM16, little-endian) in chunks of these sizes as they are sent; the last may be shorter.
    #[must_use]
    pub fn frame_audio(
        self,
        pcm: &[u8],
        sizes: impl Iterator<Item = usize> + Clone,
    ) -> FramedAudio {
        let capacity = sizes.clone().map(|size| self.frame_bytes(size)).sum();
        FramedAudio::of(cut(pcm, sizes), capacity, |chunk, out| match self {
            Dialect::StreamAudio => stream_audio::put_audio(chunk, out),
            #[cfg(test)]
            Dialect::Scripted => scripted::put_audio(chunk, out),
        })
    }

    /// Bytes that a chunk of so many bytes takes in framed audio.
    #[must_use]
    pub fn framed_bytes(self, chunk_bytes: usize) -> usize {
        self.frame_bytes(chunk_bytes) + PLACE_BYTES
    }

    fn frame_bytes(self, chunk_bytes: usize) -> usize {
        match self {
            Dialect::StreamAudio => stream_audio::frame_bytes(chunk_bytes),
            #[cfg(test)]
            Dialect::Scripted => chunk_bytes,
        }
    }

    /// Reads a message of the server; `None` when it is none of the protocol.
    #[must_use]
    pub fn decode(self, message: Bytes) -> Option<Reply> {
        match self {
            Dialect::StreamAudio => stream_audio::decode(message),
            #[cfg(test)]
            Dialect::Scripted => scripted::decode(&message),
        }
    }
}
