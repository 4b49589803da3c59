//! What is said on a session, in no protocol's words.

use bytes::Bytes;

/// A message of the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// What the session is; the first.
    Start(Start),
    /// PCM16 little-endian.
    Audio(Bytes),
    /// Typed instead of spoken.
    Text(String),
}

/// What a caller says of a session at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The session's name.
    pub session_id: String,
    /// BCP 47.
    pub language_code: String,
    /// Of the audio both ways, in Hz.
    pub sample_rate_hz: i32,
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// A transcript, interim or final.
    Transcript(String),
    /// An answer is being thought of.
    Processing,
    /// Text of an answer.
    Text(String),
    /// Audio of an answer comes next.
    Speaking,
    /// Audio of an answer: PCM16 little-endian.
    Audio(Bytes),
    /// The server listens: its turn has ended.
    TurnEnded,
    /// All is said.
    Done,
    /// Something failed.
    Error(String),
    /// Nothing that this version knows.
    Unknown,
}

/// A message of the server as a protocol has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What it is in the conversation.
    pub what: ServerMessage,
    /// The protocol's name of it, as in the `kind` column.
    pub kind: &'static str,
    /// What the server adds in words to a message that has no text of its own; empty for most.
    pub detail: String,
}

impl Reply {
    /// Its text; empty where it has none.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.what {
            ServerMessage::Transcript(text)
            | ServerMessage::Text(text)
            | ServerMessage::Error(text) => text,
            _ => &self.detail,
        }
    }

    /// Bytes of its text or PCM.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match &self.what {
            ServerMessage::Audio(pcm) => pcm.len(),
            _ => self.text().len(),
        }
    }
}

/// Kinds of a server's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A transcript, interim or final.
    Transcript,
    /// An answer is being thought of.
    Processing,
    /// Text of an answer.
    Text,
    /// Audio of an answer comes next.
    Speaking,
    /// Audio of an answer.
    Audio,
    /// The server listens: its turn has ended.
    TurnEnded,
    /// All is said.
    Done,
    /// Something failed.
    Error,
    /// Nothing that this version knows.
    Unknown,
}

impl ServerMessage {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            ServerMessage::Transcript(_) => MessageKind::Transcript,
            ServerMessage::Processing => MessageKind::Processing,
            ServerMessage::Text(_) => MessageKind::Text,
            ServerMessage::Speaking => MessageKind::Speaking,
            ServerMessage::Audio(_) => MessageKind::Audio,
            ServerMessage::TurnEnded => MessageKind::TurnEnded,
            ServerMessage::Done => MessageKind::Done,
            ServerMessage::Error(_) => MessageKind::Error,
            ServerMessage::Unknown => MessageKind::Unknown,
        }
    }
}

impl MessageKind {
    /// Whether it is part of an answer: it begins one where none is under way.
    #[must_use]
    pub fn is_answer(self) -> bool {
        matches!(
            self,
            MessageKind::Processing
                | MessageKind::Text
                | MessageKind::Speaking
                | MessageKind::Audio
        )
    }
}
