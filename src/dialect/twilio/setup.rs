//! The protocol of a run: what all its sessions have in common.

use serde_json::{Map, Value};

use crate::conversation::answer::AnsweredBy;
use crate::dialect::nature::{Carrier, Endpointing, Nature};
use crate::pcm::codec::{Codec, Format};
use crate::units::{NS_PER_MS, SampleRate};

/// How audio is written, both ways.
pub const FORMAT: Format = Format {
    codec: Codec::MuLaw,
    rate: SampleRate(8_000),
};

/// The same in words of the protocol.
pub(super) const ENCODING: &str = "audio/x-mulaw";

/// The length of each chunk.
pub(super) const CHUNK_NS: i64 = 20 * NS_PER_MS;

/// What a run asks for.
#[derive(Debug, Clone, Default)]
pub struct TwilioSpec {
    /// What the user adds to `start`, such as `customParameters`, or puts in the place of its members; and as
    /// `form` to the form of a webhook's request.
    pub start: Option<Map<String, Value>>,
}

/// The protocol as one run speaks it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Twilio {
    pub(super) start: Map<String, Value>,
    /// What the user has in the form of a webhook's request.
    pub(super) form: Map<String, Value>,
    /// Callers wait for no answer.
    is_trial: bool,
}

impl Twilio {
    /// The protocol that `spec` asks for.
    ///
    /// # Errors
    /// What in it cannot be, by its JSON pointer.
    pub fn new(spec: TwilioSpec) -> Result<Twilio, String> {
        let mut start = spec.start.unwrap_or_default();
        let form = match start.remove("form") {
            Some(Value::Object(form)) => form,
            Some(_) => return Err("/form is no JSON object".to_owned()),
            None => Map::new(),
        };
        if let Some((name, _)) = form.iter().find(|(_, value)| !value.is_string()) {
            return Err(format!("/form/{name} is no text"));
        }
        if let Some(name) = ["AccountSid", "CallSid"]
            .iter()
            .find(|name| form.contains_key(**name))
        {
            return Err(format!("/form/{name} is that of the call: leave it out"));
        }
        for (name, value) in &start {
            match (name.as_str(), value) {
                ("accountSid" | "callSid", Value::String(_)) => {}
                ("accountSid" | "callSid", _) => return Err(format!("/{name} is no text")),
                ("customParameters", Value::Object(parameters)) => {
                    let mut of = parameters.iter();
                    if let Some((name, _)) = of.find(|(_, value)| !value.is_string()) {
                        return Err(format!("/customParameters/{name} is no text"));
                    }
                }
                ("customParameters", _) => return Err(format!("/{name} is no JSON object")),
                ("streamSid" | "tracks" | "mediaFormat", _) => {
                    return Err(format!("/{name} follows from the session: leave it out"));
                }
                _ => {
                    return Err(format!(
                        "/{name} is not known: there are accountSid, callSid, customParameters and form"
                    ));
                }
            }
        }
        Ok(Twilio {
            start,
            form,
            is_trial: false,
        })
    }

    /// Whether all calls have one name, which the user has chosen.
    #[must_use]
    pub fn has_one_call_sid(&self) -> bool {
        let call_sid = self.start.get("callSid").and_then(Value::as_str);
        call_sid.is_some_and(|name| !name.contains("{var:"))
    }

    /// The same, as far as audio goes: callers wait for no answer.
    #[must_use]
    pub fn for_trial(&self) -> Twilio {
        Twilio {
            is_trial: true,
            ..self.clone()
        }
    }

    /// What it is like.
    #[must_use]
    pub fn nature(&self) -> Nature {
        Nature {
            carrier: Carrier::WebSocket,
            input: Some(FORMAT),
            output: Some(FORMAT.rate),
            chunk_ns: Some(CHUNK_NS),
            sends_binary: false,
            says_ready: false,
            endpointing: match self.is_trial {
                true => Endpointing::Caller,
                false => Endpointing::Server,
            },
            answered_by: AnsweredBy::Audio,
            by_sound: !self.is_trial,
            caller_ends: true,
            awaits_close: false,
            has_items: false,
            late_transcripts: false,
        }
    }
}
