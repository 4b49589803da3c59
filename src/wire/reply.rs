//! One message of the server, read.

use bytes::Bytes;
use prost::Message;

use super::voice_workflow::{EventType, ServerMessage, server_message::Content};

/// One server message.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A transcript, interim or final.
    Transcript(String),
    /// Language-model text.
    LlmText(String),
    /// PCM16 little-endian.
    Audio(Bytes),
    /// An event and its message.
    Event(EventType, String),
    /// Nothing that this version knows.
    Unknown,
}

impl Reply {
    /// Reads one message; `None` when it is not valid protobuf.
    #[must_use]
    pub fn decode(message: Bytes) -> Option<Reply> {
        Some(match ServerMessage::decode(message).ok()?.content {
            Some(Content::TranscriptChunk(text)) => Reply::Transcript(text),
            Some(Content::LlmResponseChunk(text)) => Reply::LlmText(text),
            Some(Content::AudioChunk(pcm)) => Reply::Audio(pcm),
            Some(Content::Event(event)) => Reply::Event(event.r#type(), event.message),
            None => Reply::Unknown,
        })
    }

    /// Its kind, as in the `kind` column.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Reply::Transcript(_) => "transcript",
            Reply::LlmText(_) => "llm_text",
            Reply::Audio(_) => "audio",
            Reply::Event(EventType::Listening, _) => "listening",
            Reply::Event(EventType::Processing, _) => "processing",
            Reply::Event(EventType::Speaking, _) => "speaking",
            Reply::Event(EventType::Error, _) => "error",
            Reply::Event(EventType::EndOfTurn, _) => "end_of_turn",
            Reply::Event(EventType::EventUnspecified, _) | Reply::Unknown => "unknown",
        }
    }

    /// Bytes of its text or PCM.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Reply::Transcript(text) | Reply::LlmText(text) | Reply::Event(_, text) => text.len(),
            Reply::Audio(pcm) => pcm.len(),
            Reply::Unknown => 0,
        }
    }
}
