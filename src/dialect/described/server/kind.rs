//! Kinds of messages that a server may have to say.

use bytes::Bytes;

use crate::conversation::message::{Reply, ServerMessage};
use crate::dialect::described::reply::{Flag, Then};

/// What is said in samples.
const SAMPLE: &str = "one two";

/// A kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ready,
    Interim,
    Final,
    Processing,
    Text,
    Speaking,
    Audio,
    Cleared,
    TurnEnded,
    Done,
    Error,
}

impl Kind {
    pub(super) const ALL: [Kind; 11] = [
        Kind::Ready,
        Kind::Interim,
        Kind::Final,
        Kind::Processing,
        Kind::Text,
        Kind::Speaking,
        Kind::Audio,
        Kind::Cleared,
        Kind::TurnEnded,
        Kind::Done,
        Kind::Error,
    ];

    /// What users call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Ready => "ready",
            Kind::Interim => "interim transcript",
            Kind::Final => "final transcript",
            Kind::Processing => "processing",
            Kind::Text => "text",
            Kind::Speaking => "speaking",
            Kind::Audio => "audio",
            Kind::Cleared => "cleared",
            Kind::TurnEnded => "turn ended",
            Kind::Done => "done",
            Kind::Error => "error",
        }
    }

    /// That of a message; `None` of one that a server has no reason to say.
    pub(super) fn of(message: &ServerMessage) -> Option<Kind> {
        Some(match message {
            ServerMessage::Ready => Kind::Ready,
            ServerMessage::Transcript { .. } if message.is_final_transcript() => Kind::Final,
            ServerMessage::Transcript { .. } => Kind::Interim,
            ServerMessage::Processing => Kind::Processing,
            ServerMessage::Text(_) => Kind::Text,
            ServerMessage::Speaking => Kind::Speaking,
            ServerMessage::Audio(_) => Kind::Audio,
            ServerMessage::Cleared => Kind::Cleared,
            ServerMessage::TurnEnded => Kind::TurnEnded,
            ServerMessage::Done => Kind::Done,
            ServerMessage::Error(_) | ServerMessage::Refused(_) => Kind::Error,
            ServerMessage::Unknown => return None,
        })
    }

    /// Whether a rule may make such a message of a reply.
    pub(super) fn may_be(self, then: Then) -> bool {
        let may_be = |is_final: Option<Flag>, wanted| match is_final {
            Some(Flag::Always(is)) => is == wanted,
            Some(Flag::At(_)) | None => true,
        };
        match (self, then) {
            (Kind::Interim, Then::Transcript { is_final, .. }) => may_be(is_final, false),
            (Kind::Final, Then::Transcript { is_final, .. }) => may_be(is_final, true),
            (Kind::Ready, Then::Ready)
            | (Kind::Processing, Then::Processing)
            | (Kind::Text, Then::Text)
            | (Kind::Speaking, Then::Speaking)
            | (Kind::Audio, Then::Audio(_))
            | (Kind::Cleared, Then::Cleared)
            | (Kind::TurnEnded, Then::TurnEnded)
            | (Kind::Done, Then::Done)
            | (Kind::Error, Then::Error) => true,
            _ => false,
        }
    }

    /// One of the kind, with something in it.
    pub(super) fn sample(self) -> ServerMessage {
        let text = SAMPLE.to_owned();
        match self {
            Kind::Ready => ServerMessage::Ready,
            Kind::Interim | Kind::Final => ServerMessage::Transcript {
                text,
                is_final: Some(self == Kind::Final),
            },
            Kind::Processing => ServerMessage::Processing,
            Kind::Text => ServerMessage::Text(text),
            Kind::Speaking => ServerMessage::Speaking,
            Kind::Audio => ServerMessage::Audio(Bytes::from_static(&[1; 8])),
            Kind::Cleared => ServerMessage::Cleared,
            Kind::TurnEnded => ServerMessage::TurnEnded,
            Kind::Done => ServerMessage::Done,
            Kind::Error => ServerMessage::Error(text),
        }
    }

    /// Whether a reply says what the sample says; of one that has no place for text, whatever it says.
    pub(super) fn is(self, reply: &Reply, has_place: bool) -> bool {
        let is_sample = |text: &str| text == SAMPLE || !has_place;
        match (self, &reply.what) {
            // Not every protocol says which are final.
            (Kind::Interim, ServerMessage::Transcript { text, is_final }) => {
                is_sample(text) && *is_final != Some(true)
            }
            (Kind::Final, ServerMessage::Transcript { text, is_final }) => {
                is_sample(text) && *is_final != Some(false)
            }
            (Kind::Text, ServerMessage::Text(text)) | (Kind::Error, ServerMessage::Error(text)) => {
                is_sample(text)
            }
            // The codec may lose something of it.
            (Kind::Audio, ServerMessage::Audio(pcm)) => pcm.len() == 8,
            (Kind::Interim | Kind::Final | Kind::Error, _) => false,
            (kind, message) => Kind::of(message) == Some(kind),
        }
    }
}
