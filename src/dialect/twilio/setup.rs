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
    /// What the user adds to `start`, such as `customParameters`, or puts in the place of its members.
    pub start: Option<Map<String, Value>>,
}

/// The protocol as one run speaks it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Twilio {
    pub(super) start: Map<String, Value>,
    /// Callers wait for no answer.
    is_trial: bool,
}

impl Twilio {
    /// The protocol that `spec` asks for.
    ///
    /// # Errors
    /// What in it cannot be, by its JSON pointer.
    pub fn new(spec: TwilioSpec) -> Result<Twilio, String> {
        let start = spec.start.unwrap_or_default();
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
                        "/{name} is not known: there are accountSid, callSid and customParameters"
                    ));
                }
            }
        }
        Ok(Twilio {
            start,
            is_trial: false,
        })
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
