//! How a server says one kind of message: the smallest message that a rule is about, with a place for what is said.

use bytes::{Bytes, BytesMut};
use prost_reflect::MessageDescriptor;
use serde_json::Value;

use super::draft::{Draft, value};
use super::kind::Kind;
use super::said::{Content, Said};
use crate::dialect::base64;
use crate::dialect::described::found::Condition;
use crate::dialect::described::protobuf;
use crate::dialect::described::reader::Reader;
use crate::dialect::described::reply::{AudioAt, Flag, Rule, Then};
use crate::dialect::grpc::HEADER_BYTES;

/// Stands where what is said goes: a character for private use.
const CONTENT: &str = "\u{e000}";

/// A message with a place for what is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    /// Audio is all of it.
    Whole,
    /// Text, or one of protobuf as its JSON.
    Around {
        head: String,
        tail: String,
        /// Where it has no place, all is in `head`.
        has_place: bool,
        of: Option<MessageDescriptor>,
    },
}

impl Line {
    /// The message that `rule` is about and that is of this kind; `None` if there is none, or none is so simple.
    pub(super) fn draft(kind: Kind, rule: &Rule, reader: &Reader) -> Option<Line> {
        let place = match rule.then {
            Then::Audio(AudioAt::Whole) => return Some(Line::Whole),
            Then::Audio(AudioAt::Pointer(slot)) => Some(slot),
            Then::Transcript { .. } | Then::Text | Then::Error => rule.text,
            _ => None,
        };
        let mut draft = Draft::new(reader);
        for (slot, condition) in &rule.when {
            if let Condition::Is(scalar) = condition {
                draft.put(*slot, value(scalar)?)?;
            }
        }
        if let Then::Transcript {
            is_final,
            ends_utterance,
        } = rule.then
        {
            let is = kind == Kind::Final;
            if let Some(Flag::At(slot)) = is_final {
                draft.put(slot, is.into())?;
            }
            if let (true, Flag::At(slot)) = (is, ends_utterance) {
                draft.put(slot, true.into())?;
            }
        }
        if let Some(slot) = place {
            draft.put(slot, CONTENT.into())?;
        }
        for (slot, condition) in &rule.when {
            if matches!(
                condition,
                Condition::IsPresent(true) | Condition::IsEmpty(false)
            ) {
                draft.put_something(*slot)?;
            }
        }
        let text = draft.finish();
        let (head, tail) = match place {
            Some(_) => text.split_once(CONTENT)?,
            None => (text.as_str(), ""),
        };
        Some(Line::Around {
            head: head.to_owned(),
            tail: tail.to_owned(),
            has_place: place.is_some(),
            of: reader.message_type().cloned(),
        })
    }

    /// Whether what is said is a part of it.
    pub(super) fn has_place(&self) -> bool {
        match self {
            Line::Whole => true,
            Line::Around { has_place, .. } => *has_place,
        }
    }

    /// The message that says this.
    ///
    /// # Errors
    /// Why there is none of its type.
    pub(super) fn say(&self, content: Content<'_>) -> Result<Said, String> {
        let Line::Around {
            head,
            tail,
            has_place,
            of,
        } = self
        else {
            return Ok(Said::Bytes(match content {
                Content::Audio(coded) => Bytes::copy_from_slice(coded),
                Content::None | Content::Text(_) => Bytes::new(),
            }));
        };
        let mut text = head.clone();
        match content {
            Content::Text(said) if *has_place => {
                let quoted = Value::from(said).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
            Content::Audio(coded) if *has_place => {
                let mut chars = BytesMut::new();
                base64::put(coded, &mut chars);
                text.push_str(&String::from_utf8_lossy(&chars));
            }
            Content::None | Content::Text(_) | Content::Audio(_) => {}
        }
        text.push_str(tail);
        match of {
            Some(of) => Ok(Said::Bytes(
                protobuf::encode(of, &text)?.slice(HEADER_BYTES..),
            )),
            None => Ok(Said::Text(text)),
        }
    }
}
