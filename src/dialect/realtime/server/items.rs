//! The items of one conversation that are kept: the latest, so that a long call takes no more memory.

use std::collections::VecDeque;

use super::fault::Fault;
use super::item::{Content, Item, What};

/// Items that are kept; older ones are forgotten.
const MOST: usize = 256;

/// Most bytes of an item that a client gives, as JSON.
const MOST_BYTES: usize = 64 * 1024;

/// Most bytes of a name that a client gives.
const MOST_NAME_BYTES: usize = 64;

/// The items, the latest last.
#[derive(Debug, Default)]
pub(super) struct Items(VecDeque<Kept>);

#[derive(Debug)]
struct Kept {
    item: Item,
    /// Audio of the model's that belongs to it, in milliseconds.
    spoken_ms: u64,
}

impl Items {
    /// Name of the latest.
    pub(super) fn last_id(&self) -> Option<String> {
        self.0.back().map(|kept| kept.item.id.clone())
    }

    /// Appends it; a name that is taken already is then of the later item.
    pub(super) fn push(&mut self, item: Item) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Kept { item, spoken_ms: 0 });
    }

    /// Puts an item in the place of the one of its name.
    pub(super) fn replace(&mut self, item: &Item, spoken_ms: u64) {
        if let Some(kept) = self.find(&item.id) {
            kept.item = item.clone();
            kept.spoken_ms = spoken_ms;
        }
    }

    /// What was understood of the audio of an item is known now.
    pub(super) fn understand(&mut self, id: &str, words: &str) {
        if let Some(kept) = self.find(id)
            && let What::Message { content, .. } = &mut kept.item.what
            && let Some(Content::InputAudio { transcript }) = content.first_mut()
        {
            *transcript = Some(words.to_owned());
        }
    }

    /// Whether a client may give this item under this name.
    pub(super) fn admit(&self, id: Option<&str>, what: &What) -> Result<(), Fault> {
        let bytes = serde_json::to_vec(what).map_or(usize::MAX, |json| json.len());
        let (param, limit) = if bytes > MOST_BYTES {
            ("item", MOST_BYTES)
        } else if id.is_some_and(|id| id.len() > MOST_NAME_BYTES) {
            ("item.id", MOST_NAME_BYTES)
        } else {
            return Ok(());
        };
        Err(Fault {
            code: "string_above_max_length",
            message: format!("'{param}' is too long: it may have {limit} bytes."),
            param: Some(param.to_owned()),
        })
    }

    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        let kept = self.0.iter().rev().find(|kept| kept.item.id == id);
        kept.map(|kept| &kept.item)
    }

    /// Forgets an item; whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let at = self.0.iter().rposition(|kept| kept.item.id == id);
        at.and_then(|at| self.0.remove(at)).is_some()
    }

    /// Shortens what the model said to what was played of it.
    pub(super) fn truncate(&mut self, id: &str, played_ms: u64) -> Result<(), Fault> {
        let fault = |message: String, param: &str| Fault {
            code: "item_truncate_invalid_item_id",
            message,
            param: Some(param.to_owned()),
        };
        let Some(kept) = self.find(id) else {
            let message = "Item to truncate not found.".to_owned();
            return Err(fault(message, "item_id"));
        };
        let What::Message { content, .. } = &mut kept.item.what else {
            let message = "Only messages of the assistant can be truncated.".to_owned();
            return Err(fault(message, "item_id"));
        };
        if played_ms > kept.spoken_ms {
            return Err(Fault {
                code: "invalid_value",
                message: format!(
                    "Audio content of {}ms is already shorter than {played_ms}ms",
                    kept.spoken_ms
                ),
                param: Some("audio_end_ms".to_owned()),
            });
        }
        kept.spoken_ms = played_ms;
        if let Some(Content::OutputAudio { transcript }) = content.first_mut() {
            transcript.clear();
        }
        Ok(())
    }

    fn find(&mut self, id: &str) -> Option<&mut Kept> {
        self.0.iter_mut().rev().find(|kept| kept.item.id == id)
    }
}
