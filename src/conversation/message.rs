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
    /// The session is set up: audio may be sent.
    Ready,
    /// A transcript.
    Transcript {
        /// What was understood.
        text: String,
        /// Whether it is final, where the protocol says so.
        is_final: Option<bool>,
    },
    /// An answer is being thought of.
    Processing,
    /// Text of an answer.
    Text(String),
    /// Audio of an answer comes next.
    Speaking,
    /// Audio of an answer: PCM16 little-endian.
    Audio(Bytes),
    /// The server hears the caller: what it sent and was not played yet is not to be played.
    Cleared,
    /// The server listens: its turn has ended.
    TurnEnded,
    /// All is said.
    Done,
    /// Something failed.
    Error(String),
    /// The server objects to a message; the session goes on, and an answer may still come.
    Refused(String),
    /// Nothing that this version knows.
    Unknown,
}

/// What a server names in the conversation: an utterance that it heard, or a response of its own. Numbered
/// within a session in the order in which they were named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(pub u32);

/// What a server says of one of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemFact {
    /// The speech in it begins so many milliseconds into the audio of the session.
    From(i64),
    /// It ends there.
    Until(i64),
    /// It is the caller's utterance with this number.
    Utterance(usize),
    /// It answers, or goes on with, another item.
    Follows(ItemId),
    /// The server had named nothing before that it could answer.
    Unprompted,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The item.
    pub item: ItemId,
    /// What is said of it.
    pub fact: Option<ItemFact>,
}

/// A message of the server as a protocol has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What it is in the conversation.
    pub what: ServerMessage,
    /// What it is about, where the protocol names items.
    pub about: Option<About>,
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
            ServerMessage::Transcript { text, .. }
            | ServerMessage::Text(text)
            | ServerMessage::Error(text)
            | ServerMessage::Refused(text) => text,
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
    /// Audio may be sent.
    Ready,
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
    /// What was not played yet is not to be played.
    Cleared,
    /// The server listens: its turn has ended.
    TurnEnded,
    /// All is said.
    Done,
    /// Something failed.
    Error,
    /// The server objects to a message.
    Refused,
    /// Nothing that this version knows.
    Unknown,
}

impl ServerMessage {
    /// A transcript of which the protocol does not say whether it is final.
    #[must_use]
    pub fn transcript(text: impl Into<String>) -> ServerMessage {
        ServerMessage::Transcript {
            text: text.into(),
            is_final: None,
        }
    }

    /// Whether it is a transcript that the protocol calls final.
    #[must_use]
    pub fn is_final_transcript(&self) -> bool {
        let ServerMessage::Transcript { is_final, .. } = self else {
            return false;
        };
        *is_final == Some(true)
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            ServerMessage::Ready => MessageKind::Ready,
            ServerMessage::Transcript { .. } => MessageKind::Transcript,
            ServerMessage::Processing => MessageKind::Processing,
            ServerMessage::Text(_) => MessageKind::Text,
            ServerMessage::Speaking => MessageKind::Speaking,
            ServerMessage::Audio(_) => MessageKind::Audio,
            ServerMessage::Cleared => MessageKind::Cleared,
            ServerMessage::TurnEnded => MessageKind::TurnEnded,
            ServerMessage::Done => MessageKind::Done,
            ServerMessage::Error(_) => MessageKind::Error,
            ServerMessage::Refused(_) => MessageKind::Refused,
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
