//! The server's events: the fields of all kinds that are read, in one type, so that a message is read once.

use serde::Deserialize;

use crate::dialect::field::Field;

/// An event. Which fields it has follows from its kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) item_id: Field<'a>,
    #[serde(borrow)]
    pub(super) previous_item_id: Field<'a>,
    #[serde(borrow)]
    pub(super) response_id: Field<'a>,
    #[serde(borrow)]
    pub(super) content_index: Field<'a>,
    #[serde(borrow)]
    pub(super) audio_start_ms: Field<'a>,
    #[serde(borrow)]
    pub(super) audio_end_ms: Field<'a>,
    #[serde(borrow)]
    pub(super) delta: Field<'a>,
    #[serde(borrow)]
    pub(super) transcript: Field<'a>,
    #[serde(borrow)]
    pub(super) text: Field<'a>,
    #[serde(borrow)]
    pub(super) code: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a, Failure<'a>>,
    #[serde(borrow)]
    pub(super) item: Field<'a, Item<'a>>,
    #[serde(borrow)]
    pub(super) part: Field<'a, Part<'a>>,
    #[serde(borrow)]
    pub(super) response: Field<'a, Response<'a>>,
}

/// What failed, and why.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failure<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) code: Field<'a>,
    #[serde(borrow)]
    pub(super) message: Field<'a>,
    /// The event of the caller that it is about.
    #[serde(borrow)]
    pub(super) event_id: Field<'a>,
}

/// An item of the conversation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(rename = "type", borrow)]
    pub(super) kind: Field<'a>,
    #[serde(borrow)]
    pub(super) role: Field<'a>,
    #[serde(borrow)]
    pub(super) name: Field<'a>,
    #[serde(borrow)]
    pub(super) call_id: Field<'a>,
    #[serde(borrow)]
    pub(super) content: Field<'a, Part<'a>>,
}

/// A part of an item's content.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Field<'a>,
}

/// A response.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Field<'a>,
    #[serde(borrow)]
    pub(super) status: Field<'a>,
    #[serde(borrow)]
    pub(super) status_details: Field<'a, StatusDetails<'a>>,
    #[serde(borrow)]
    pub(super) output: Field<'a, Item<'a>>,
}

/// Why a response ended as it did.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusDetails<'a> {
    #[serde(borrow)]
    pub(super) reason: Field<'a>,
    #[serde(borrow)]
    pub(super) error: Field<'a, Failure<'a>>,
}

impl Failure<'_> {
    /// `code: message`, as far as they are there.
    pub(super) fn words(&self) -> Option<String> {
        let code = self.code.words().or_else(|| self.kind.words());
        said(code, self.message.words())
    }
}

/// `code: message`, as far as they are there.
pub(super) fn said(code: Option<&str>, message: Option<&str>) -> Option<String> {
    match (code, message) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (Some(words), None) | (None, Some(words)) => Some(words.to_owned()),
        (None, None) => None,
    }
}
