//! What a session is to be: the object of `session.update` in each profile's shape, with what the user adds.

use serde_json::{Map, Value, json};

use super::profile::Profile;
use crate::dialect::nature::Endpointing;
use crate::pcm::codec::{Codec, Format};

/// What the session follows from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    pub(super) profile: Profile,
    pub(super) format: Format,
    pub(super) endpointing: Endpointing,
    pub(super) model: Option<&'a str>,
}

impl Opening<'_> {
    /// The session with what `user` adds, merged deep: objects member by member, all else replaced.
    ///
    /// # Errors
    /// Where `user` contradicts the profile, the audio that is sent, or the endpointing.
    pub(super) fn session(self, user: Option<Map<String, Value>>) -> Result<Value, String> {
        let mut session = self.own();
        let own = session.clone();
        merge(&mut session, Value::Object(user.unwrap_or_default()));
        for pointer in self.fixed() {
            let (wanted, found) = (own.pointer(pointer), session.pointer(pointer));
            if wanted != found {
                let said = |value: Option<&Value>| {
                    value.map_or_else(|| "missing".to_owned(), Value::to_string)
                };
                return Err(format!(
                    "{pointer} is {}, but the session needs {}",
                    said(found),
                    said(wanted)
                ));
            }
        }
        self.check_detection(&session)?;
        if self.profile == Profile::Vllm && !session.get("model").is_some_and(Value::is_string) {
            return Err("the profile vllm needs a model".to_owned());
        }
        Ok(session)
    }

    /// The session without what a user adds.
    fn own(self) -> Value {
        let format = self.format_value();
        let detection = match self.endpointing {
            Endpointing::Caller => Value::Null,
            Endpointing::AsTraced | Endpointing::Server => json!({"type": "server_vad"}),
        };
        match self.profile {
            Profile::OpenAi => json!({
                "type": "realtime",
                "audio": {
                    "input": {"format": format, "turn_detection": detection},
                    "output": {"format": format},
                },
            }),
            Profile::Beta => json!({
                "input_audio_format": format,
                "output_audio_format": format,
                "turn_detection": detection,
            }),
            Profile::Transcription => {
                let mut input = json!({"format": format, "turn_detection": detection});
                if let Some(model) = self.model {
                    input["transcription"] = json!({"model": model});
                }
                json!({"type": "transcription", "audio": {"input": input}})
            }
            Profile::Vllm => match self.model {
                Some(model) => json!({"model": model}),
                None => json!({}),
            },
        }
    }

    fn format_value(self) -> Value {
        match (self.profile, self.format.codec) {
            (Profile::Beta, Codec::Pcm16) => json!("pcm16"),
            (Profile::Beta, Codec::MuLaw) => json!("g711_ulaw"),
            (Profile::Beta, Codec::ALaw) => json!("g711_alaw"),
            (_, Codec::Pcm16) => json!({"type": "audio/pcm", "rate": self.format.rate.0}),
            (_, Codec::MuLaw) => json!({"type": "audio/pcmu"}),
            (_, Codec::ALaw) => json!({"type": "audio/pcma"}),
        }
    }

    /// Where nothing but our own value stands for what is sent and understood.
    fn fixed(self) -> &'static [&'static str] {
        match self.profile {
            Profile::OpenAi => &["/type", "/audio/input/format", "/audio/output/format"],
            Profile::Beta => &["/input_audio_format", "/output_audio_format"],
            Profile::Transcription => &["/type", "/audio/input/format"],
            Profile::Vllm => &[],
        }
    }

    fn check_detection(self, session: &Value) -> Result<(), String> {
        let pointer = match self.profile {
            Profile::OpenAi | Profile::Transcription => "/audio/input/turn_detection",
            Profile::Beta => "/turn_detection",
            Profile::Vllm => return Ok(()),
        };
        let detection = session.pointer(pointer).unwrap_or(&Value::Null);
        if self.endpointing == Endpointing::Caller {
            return match detection {
                Value::Null => Ok(()),
                _ => Err(format!(
                    "{pointer} is {detection}, but with push-to-talk the caller says where an utterance ends: it \
                     must be null"
                )),
            };
        }
        let kind = detection.get("type").and_then(Value::as_str);
        if kind.is_none_or(|kind| kind == "none") {
            return Err(format!(
                "{pointer} is {detection}, but with an open microphone the server finds where an utterance ends: \
                 it must be a detection"
            ));
        }
        if self.profile.answers() && detection.get("create_response") == Some(&Value::Bool(false)) {
            return Err(format!(
                "{pointer}/create_response is false, but with an open microphone nobody else asks for an answer"
            ));
        }
        Ok(())
    }

    /// Whether the server transcribes what it hears.
    pub(super) fn transcribes(self, session: &Value) -> bool {
        let pointer = match self.profile {
            Profile::Transcription => return true,
            Profile::Vllm => return false,
            Profile::OpenAi => "/audio/input/transcription",
            Profile::Beta => "/input_audio_transcription",
        };
        session.pointer(pointer).is_some_and(Value::is_object)
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
