//! What a message of the server is, whatever the protocol.

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
