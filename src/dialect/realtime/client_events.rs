//! The caller's events, but for audio.

use bytes::Bytes;
use serde_json::{Value, json};

/// What is before the number in the id of an event.
const ID: &str = "voicelt-";

/// Numbers the events of one session.
#[derive(Debug)]
pub(super) struct ClientEvents {
    has_ids: bool,
    made: u64,
}

impl ClientEvents {
    /// Events with or without ids.
    pub(super) fn new(has_ids: bool) -> ClientEvents {
        ClientEvents { has_ids, made: 0 }
    }

    /// The event of these `fields`, an object that has a `type`; with an id unless it has one.
    pub(super) fn make(&mut self, mut fields: Value) -> Bytes {
        self.made += 1;
        if self.has_ids
            && let Some(fields) = fields.as_object_mut()
        {
            let id = format!("{ID}{}", self.made);
            fields.entry("event_id").or_insert(Value::String(id));
        }
        fields.to_string().into()
    }

    /// The number of the event that was made last.
    pub(super) fn latest(&self) -> u64 {
        self.made
    }
}

/// The number in the id of an event of ours.
pub(super) fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix(ID)?.parse().ok()
}

pub(super) fn commit() -> Value {
    json!({"type": "input_audio_buffer.commit"})
}

pub(super) fn final_commit() -> Value {
    json!({"type": "input_audio_buffer.commit", "final": true})
}

pub(super) fn respond() -> Value {
    json!({"type": "response.create"})
}

pub(super) fn cancel() -> Value {
    json!({"type": "response.cancel"})
}

pub(super) fn typed(text: &str) -> Value {
    let content = json!([{"type": "input_text", "text": text}]);
    json!({
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": content},
    })
}

pub(super) fn function_output(call_id: &str, output: &str) -> Value {
    json!({
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": call_id, "output": output},
    })
}

pub(super) fn truncate(item: &str, content_index: i64, audio_end_ms: i64) -> Value {
    json!({
        "type": "conversation.item.truncate",
        "item_id": item,
        "content_index": content_index,
        "audio_end_ms": audio_end_ms,
    })
}
