//! The response of a server that is under way, or was last.

use super::event::Item;
use crate::conversation::message::{About, ItemFact, ItemId};

/// Bytes of the longest name of a function or a call that is answered.
const LONGEST_NAME: usize = 256;
/// Most calls of one response that are answered.
const MOST_CALLS: usize = 64;

/// A response.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) id: Option<ItemId>,
    /// What it answers, or goes on with.
    pub(super) follows: Option<ItemId>,
    /// The one that was told of it.
    told: Option<ItemId>,
    /// The server had named nothing before that it could answer; until that was told.
    is_unprompted: bool,
    pub(super) is_active: bool,
    /// Something of an answer came.
    pub(super) has_content: bool,
    /// Audio was announced.
    pub(super) is_announced: bool,
    calls: Vec<Call>,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) function: String,
}

impl Response {
    /// It has begun.
    pub(super) fn begun(
        id: Option<ItemId>,
        follows: Option<ItemId>,
        is_unprompted: bool,
    ) -> Response {
        Response {
            id,
            follows,
            is_unprompted,
            is_active: true,
            ..Response::default()
        }
    }

    /// What a message of it is about; what it follows is told once.
    pub(super) fn about(&mut self) -> Option<About> {
        let item = self.id?;
        let is_new = self.follows != self.told;
        self.told = self.follows;
        let follows = self.follows.filter(|_| is_new);
        let is_unprompted = std::mem::take(&mut self.is_unprompted) && self.follows.is_none();
        let unprompted = is_unprompted.then_some(ItemFact::Unprompted);
        let fact = follows.map(ItemFact::Follows).or(unprompted);
        Some(About { item, fact })
    }

    /// One of its items is complete: notes a call, which may be noted before.
    pub(super) fn note(&mut self, item: &Item<'_>) {
        if item.kind.text() != Some("function_call") {
            return;
        }
        let (Some(id), Some(function)) = (item.call_id.words(), item.name.words()) else {
            return;
        };
        let is_noted = self.calls.iter().any(|call| call.id == id);
        if is_noted || id.len().max(function.len()) > LONGEST_NAME {
            return;
        }
        if self.calls.len() < MOST_CALLS {
            self.calls.push(Call {
                id: id.to_owned(),
                function: function.to_owned(),
            });
        }
    }

    /// Its calls, once.
    pub(super) fn take_calls(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }
}
