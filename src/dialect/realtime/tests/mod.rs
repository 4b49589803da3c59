//! The protocol against what is published of it: the caller's events word for word, the server's as they come.

mod client;
mod counterpart;
mod dialogue;
mod functions;
mod listening;
mod noise;
mod overheard;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Profile, Realtime, RealtimeSpec, Session};
use crate::conversation::message::{About, ItemFact, ItemId, Reply, ServerMessage};
use crate::dialect::sending::Part;
use crate::dialect::{Endpointing, Nature};

fn spec(profile: Profile, endpointing: Endpointing) -> RealtimeSpec {
    RealtimeSpec {
        profile,
        endpointing,
        ..RealtimeSpec::default()
    }
}

fn with_session(mut spec: RealtimeSpec, session: &Value) -> RealtimeSpec {
    spec.session = session.as_object().cloned();
    spec
}

/// A session of this run that may send audio.
fn ready(spec: RealtimeSpec) -> Session {
    let mut session = Session::new(Arc::new(Realtime::new(spec).unwrap()), 2);
    hear(&mut session, &json!({"type": "session.created"}));
    session.start();
    hear(&mut session, &json!({"type": "session.updated"}));
    while session.owed(0).is_some() {}
    assert!(session.may_send(Part::Rest));
    session
}

fn open_microphone() -> Session {
    ready(spec(Profile::OpenAi, Endpointing::Server))
}

fn push_to_talk() -> Session {
    ready(spec(Profile::OpenAi, Endpointing::Caller))
}

/// What an event is in the conversation.
fn hear(session: &mut Session, event: &Value) -> Vec<Reply> {
    let mut replies = Vec::new();
    let read = session.decode(0, event.to_string().as_bytes(), &mut |reply| {
        replies.push(reply);
    });
    assert_eq!(read, Ok(()), "{event}");
    replies
}

/// What these events are, without what they are about.
fn messages(session: &mut Session, events: &[Value]) -> Vec<ServerMessage> {
    let replies = events.iter().flat_map(|event| hear(session, event));
    replies.map(|reply| reply.what).collect()
}

fn about(item: u32, fact: Option<ItemFact>) -> Option<About> {
    let item = ItemId(item);
    Some(About { item, fact })
}

fn json_of(message: &Bytes) -> Value {
    serde_json::from_slice(message).unwrap()
}

/// What is owed, with the milliseconds until it is sent and without ids.
fn owed(session: &mut Session) -> Vec<(i64, Value)> {
    let owed = std::iter::from_fn(|| {
        let due_ns = session.owed_at()?;
        assert_eq!(session.owed(due_ns - 1), None);
        let owed = session.owed(due_ns)?;
        Some((due_ns / 1_000_000, without_id(&owed.message)))
    });
    owed.collect()
}

/// What is said when the caller hears no more, without ids.
fn stopped(session: &mut Session, unheard_ns: i64) -> Vec<Value> {
    let said = session.interrupted(unheard_ns);
    said.iter().map(without_id).collect()
}

fn without_id(message: &Bytes) -> Value {
    let mut event = json_of(message);
    let id = event.as_object_mut().unwrap().remove("event_id");
    assert!(id.is_some_and(|id| id.is_string()), "{event}");
    event
}

fn created(response: &str) -> Value {
    json!({"type": "response.created", "response": {"id": response, "status": "in_progress"}})
}

fn done(response: &str, status: &str) -> Value {
    json!({"type": "response.done", "response": {"id": response, "status": status, "output": []}})
}

fn text(response: &str, delta: &str) -> Value {
    json!({"type": "response.output_audio_transcript.delta", "response_id": response,
           "item_id": "item_of_it", "content_index": 0, "delta": delta})
}

/// So many milliseconds of silence at 24 kHz.
fn audio(response: &str, item: &str, ms: usize) -> Value {
    json!({"type": "response.output_audio.delta", "response_id": response, "item_id": item,
           "output_index": 0, "content_index": 0, "delta": "AAAA".repeat(16 * ms)})
}

fn committed(item: &str) -> Value {
    json!({"type": "input_audio_buffer.committed", "item_id": item, "previous_item_id": null})
}

fn transcript(text: &str, is_final: bool) -> ServerMessage {
    ServerMessage::Transcript {
        text: text.to_owned(),
        is_final: Some(is_final),
    }
}

fn words(text: &str) -> ServerMessage {
    ServerMessage::Text(text.to_owned())
}

fn refused(text: &str) -> ServerMessage {
    ServerMessage::Refused(text.to_owned())
}

fn failed(text: &str) -> ServerMessage {
    ServerMessage::Error(text.to_owned())
}

fn nature(spec: RealtimeSpec) -> Nature {
    Realtime::new(spec).unwrap().nature()
}
