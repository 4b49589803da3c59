//! The server's messages, by name.

use bytes::Bytes;

use crate::wire::voice_workflow::server_message::Content;
use crate::wire::voice_workflow::{EventType, ServerEvent, ServerMessage};

pub(super) fn event(kind: EventType) -> ServerMessage {
    of(Content::Event(ServerEvent {
        r#type: kind.into(),
        message: String::new(),
    }))
}

pub(super) fn error(message: String) -> ServerMessage {
    of(Content::Event(ServerEvent {
        r#type: EventType::Error.into(),
        message,
    }))
}

pub(super) fn transcript(text: String) -> ServerMessage {
    of(Content::TranscriptChunk(text))
}

pub(super) fn llm_text(text: String) -> ServerMessage {
    of(Content::LlmResponseChunk(text))
}

pub(super) fn audio(pcm: Bytes) -> ServerMessage {
    of(Content::AudioChunk(pcm))
}

fn of(content: Content) -> ServerMessage {
    ServerMessage {
        content: Some(content),
    }
}
