//! Client events: JSON to what is asked.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::fault::Fault;
use super::item::What;

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// `session.update`, with the session's fields.
    Update(Map<String, Value>),
    /// `input_audio_buffer.append`: audio as the session has it.
    Append(Bytes),
    /// `input_audio_buffer.commit`.
    Commit {
        /// vLLM's word that an utterance ends: without it, one begins.
        is_final: bool,
    },
    /// `input_audio_buffer.clear`.
    Clear,
    /// `response.create`.
    Respond,
    /// `response.cancel`.
    Cancel,
    /// `conversation.item.create`.
    Create {
        /// The name that the client gives it.
        id: Option<String>,
        /// What it is.
        what: What,
    },
    /// `conversation.item.truncate`.
    Truncate {
        /// Which item.
        item_id: String,
        /// Which part of it.
        content_index: u64,
        /// What was played of it, in milliseconds.
        audio_end_ms: u64,
    },
    /// `conversation.item.delete`.
    Delete(String),
    /// `conversation.item.retrieve`.
    Retrieve(String),
}

/// An event of a client.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientEvent {
    /// The name that the client gave it.
    pub event_id: Option<String>,
    /// What it asks, or what is wrong with it.
    pub asks: Result<Request, Fault>,
}

/// What most events are told by, without a copy of the audio.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    event_id: Option<String>,
    #[serde(borrow, default)]
    audio: Cow<'a, str>,
    #[serde(rename = "final", borrow, default)]
    is_final: Option<&'a RawValue>,
}

/// Names of all events that a client may send.
const KINDS: &str = "'session.update', 'input_audio_buffer.append', 'input_audio_buffer.commit', \
    'input_audio_buffer.clear', 'conversation.item.create', 'conversation.item.truncate', \
    'conversation.item.delete', 'conversation.item.retrieve', 'response.create', and 'response.cancel'";

/// Reads a client's event. Whatever the text is, there is one.
#[must_use]
pub fn read(text: &str) -> ClientEvent {
    // An array would be read as the fields in their order.
    if !text.trim_start().starts_with('{') {
        return of_no_event("it begins with no '{'");
    }
    match serde_json::from_str::<Head<'_>>(text) {
        Ok(head) => ClientEvent {
            asks: request(&head, text),
            event_id: head.event_id,
        },
        Err(error) => of_no_event(&error.to_string()),
    }
}

/// The fields of a `session.update` as vLLM has them: beside its type, with a model among them.
#[must_use]
pub fn vllm_update(text: &str) -> Option<Map<String, Value>> {
    let fields = fields(text).ok()?;
    let is_update = fields.get("type")? == "session.update" && !fields.contains_key("session");
    let has_model = fields.get("model").is_some_and(Value::is_string);
    (is_update && has_model).then_some(fields)
}

/// A frame that is no text.
#[must_use]
pub fn binary() -> ClientEvent {
    let message = "Binary messages are not supported; send events as JSON text.";
    ClientEvent {
        event_id: None,
        asks: Err(Fault::new("invalid_event", message)),
    }
}

fn of_no_event(reason: &str) -> ClientEvent {
    let message = format!("The event is not a JSON object of the expected shape: {reason}.");
    ClientEvent {
        event_id: None,
        asks: Err(Fault::new("invalid_json", message)),
    }
}

fn request(head: &Head<'_>, text: &str) -> Result<Request, Fault> {
    Ok(match &*head.kind {
        "input_audio_buffer.append" => append(&head.audio)?,
        "input_audio_buffer.commit" => Request::Commit {
            is_final: head.is_final.is_some_and(|value| value.get() == "true"),
        },
        "input_audio_buffer.clear" => Request::Clear,
        "response.create" => Request::Respond,
        "response.cancel" => Request::Cancel,
        "session.update" => Request::Update(object(&fields(text)?, "session")?),
        "conversation.item.create" => {
            let item = object(&fields(text)?, "item")?;
            Request::Create {
                id: item.get("id").and_then(Value::as_str).map(str::to_owned),
                what: What::read(&item)?,
            }
        }
        "conversation.item.truncate" => {
            let fields = fields(text)?;
            Request::Truncate {
                item_id: name(&fields)?,
                content_index: number(&fields, "content_index")?,
                audio_end_ms: number(&fields, "audio_end_ms")?,
            }
        }
        "conversation.item.delete" => Request::Delete(name(&fields(text)?)?),
        "conversation.item.retrieve" => Request::Retrieve(name(&fields(text)?)?),
        "" => return Err(Fault::missing("type")),
        other => return Err(Fault::value("type", other, KINDS)),
    })
}

fn append(audio: &str) -> Result<Request, Fault> {
    if audio.is_empty() {
        return Err(Fault::missing("audio"));
    }
    match STANDARD.decode(audio) {
        Ok(audio) => Ok(Request::Append(audio.into())),
        Err(error) => Err(Fault {
            code: "invalid_value",
            message: format!("Invalid 'audio': expected base64-encoded bytes: {error}."),
            param: Some("audio".to_owned()),
        }),
    }
}

fn fields(text: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::new("invalid_json", format!("The event is not JSON: {error}.")))
}

fn object(fields: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, Fault> {
    match fields.get(name) {
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(Fault::of_another_type(name, "an object")),
        None => Err(Fault::missing(name)),
    }
}

fn name(fields: &Map<String, Value>) -> Result<String, Fault> {
    match fields.get("item_id") {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(_) => Err(Fault::of_another_type("item_id", "a string")),
        None => Err(Fault::missing("item_id")),
    }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<u64, Fault> {
    match fields.get(name) {
        Some(number) => number
            .as_u64()
            .ok_or_else(|| Fault::of_another_type(name, "an integer of 0 or more")),
        None => Err(Fault::missing(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::{Content, Role};
    use super::*;
    use proptest::prelude::*;

    fn asked(text: &str) -> Request {
        read(text).asks.expect("an event that is valid")
    }

    fn wrong(text: &str) -> (&'static str, Option<String>) {
        let fault = read(text).asks.expect_err("an event that is not valid");
        (fault.code, fault.param)
    }

    #[test]
    fn every_client_event_is_read() {
        let append = r#"{"audio":"AAEC","event_id":"e1","type":"input_audio_buffer.append"}"#;
        assert_eq!(
            asked(append),
            Request::Append(Bytes::from_static(&[0, 1, 2]))
        );
        assert_eq!(read(append).event_id.as_deref(), Some("e1"));
        // Some writers of JSON escape a slash, which base64 has.
        let escaped = r#"{"type":"input_audio_buffer.append","audio":"\/\/8="}"#;
        assert_eq!(
            asked(escaped),
            Request::Append(Bytes::from_static(&[255, 255]))
        );
        for (kind, expected) in [
            (
                "input_audio_buffer.commit",
                Request::Commit { is_final: false },
            ),
            ("input_audio_buffer.clear", Request::Clear),
            ("response.create", Request::Respond),
            ("response.cancel", Request::Cancel),
        ] {
            assert_eq!(asked(&format!(r#"{{"type":"{kind}"}}"#)), expected);
        }
        let Request::Update(session) =
            asked(r#"{"type":"session.update","session":{"type":"realtime"}}"#)
        else {
            panic!("no update")
        };
        assert_eq!(session["type"], "realtime");
        assert_eq!(
            asked(
                r#"{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":1500}"#
            ),
            Request::Truncate {
                item_id: "i".to_owned(),
                content_index: 0,
                audio_end_ms: 1_500
            }
        );
        for (verb, expected) in [
            ("delete", Request::Delete("i".to_owned())),
            ("retrieve", Request::Retrieve("i".to_owned())),
        ] {
            let text = format!(r#"{{"type":"conversation.item.{verb}","item_id":"i"}}"#);
            assert_eq!(asked(&text), expected);
        }
    }

    #[test]
    fn items_are_messages_and_what_functions_gave() {
        let message = r#"{"type":"conversation.item.create","item":{"id":"mine","type":"message",
            "role":"user","content":[{"type":"input_text","text":"hello"}]}}"#;
        let Request::Create { id, what } = asked(message) else {
            panic!("no item")
        };
        assert_eq!(id.as_deref(), Some("mine"));
        assert_eq!(what.written(), "hello");
        let content = vec![Content::InputText {
            text: "hello".to_owned(),
        }];
        let role = Role::User;
        assert_eq!(what, What::Message { role, content });
        let output = r#"{"type":"conversation.item.create","item":{"type":"function_call_output",
            "call_id":"c","output":"{}"}}"#;
        let what = What::FunctionCallOutput {
            call_id: "c".to_owned(),
            output: "{}".to_owned(),
        };
        assert_eq!(asked(output), Request::Create { id: None, what });
    }

    #[test]
    fn what_is_wrong_is_named() {
        let some = |param: &str| Some(param.to_owned());
        for (text, code, param) in [
            ("", "invalid_json", None),
            ("[]", "invalid_json", None),
            ("{", "invalid_json", None),
            (r#"{"type":7}"#, "invalid_json", None),
            ("{}", "missing_required_parameter", some("type")),
            (r#"{"type":"foo"}"#, "invalid_value", some("type")),
            (
                r#"{"type":"session.update"}"#,
                "missing_required_parameter",
                some("session"),
            ),
            (
                r#"{"type":"session.update","session":1}"#,
                "invalid_type",
                some("session"),
            ),
            (
                r#"{"type":"input_audio_buffer.append"}"#,
                "missing_required_parameter",
                some("audio"),
            ),
            (
                r#"{"type":"input_audio_buffer.append","audio":"A"}"#,
                "invalid_value",
                some("audio"),
            ),
            (
                r#"{"type":"conversation.item.delete"}"#,
                "missing_required_parameter",
                some("item_id"),
            ),
            (
                r#"{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":-1}"#,
                "invalid_type",
                some("audio_end_ms"),
            ),
            (
                r#"{"type":"conversation.item.create","item":{"type":"song"}}"#,
                "invalid_value",
                some("item.type"),
            ),
            (
                r#"{"type":"conversation.item.create","item":{"type":"message","role":"user"}}"#,
                "missing_required_parameter",
                some("item.content"),
            ),
        ] {
            assert_eq!(wrong(text), (code, param), "{text}");
        }
        let deep = format!(
            "{{\"type\":\"session.update\",\"session\":{}",
            "[".repeat(100_000)
        );
        assert_eq!(wrong(&deep).0, "invalid_json");
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(100_000));
        let fault = read(&long).asks.expect_err("no such event");
        assert!(fault.message.len() < 1_000, "{} bytes", fault.message.len());
    }

    proptest! {
        #[test]
        fn any_text_is_an_event_or_a_fault(text in ".*", kind in "[a-z_.]*") {
            let _ = read(&text);
            let _ = read(&format!(r#"{{"type":{kind:?},"session":{text:?},"audio":{text:?}}}"#));
        }
    }
}
