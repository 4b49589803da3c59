//! One message of the server, read.

use bytes::Bytes;
use prost::Message;

use super::voice_workflow::{EventType, ServerMessage, server_message::Content};
use crate::conversation::message::MessageKind;

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

    /// What it is in a conversation.
    #[must_use]
    pub fn message_kind(&self) -> MessageKind {
        match self {
            Reply::Transcript(_) => MessageKind::Transcript,
            Reply::LlmText(_) => MessageKind::Text,
            Reply::Audio(_) => MessageKind::Audio,
            Reply::Event(EventType::Listening, _) => MessageKind::TurnEnded,
            Reply::Event(EventType::Processing, _) => MessageKind::Processing,
            Reply::Event(EventType::Speaking, _) => MessageKind::Speaking,
            Reply::Event(EventType::Error, _) => MessageKind::Error,
            Reply::Event(EventType::EndOfTurn, _) => MessageKind::Done,
            Reply::Event(EventType::EventUnspecified, _) | Reply::Unknown => MessageKind::Unknown,
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
