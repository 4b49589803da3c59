//! What a session is: the document that clients change with `session.update`, and what follows from it.

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::update;
use crate::pcm::codec::{Codec, Format};
use crate::units::SampleRate;

/// `audio/pcm`, in which a new session is.
const PCM: Format = Format {
    codec: Codec::Pcm16,
    rate: SampleRate(24_000),
};

/// Samples a second of G.711.
const G711_RATE: SampleRate = SampleRate(8_000);

/// How the server finds out that a caller has spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detection {
    /// Silence that ends an utterance, in milliseconds; null: the server's own.
    pub silence_ms: Option<u64>,
    /// Audio before the first speech that belongs to an utterance, in milliseconds.
    pub prefix_ms: u64,
    /// Whether an utterance is answered without being asked to.
    pub answers: bool,
    /// Whether speech of the caller breaks an answer off.
    pub interrupts: bool,
}

/// A session as it is set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    document: Map<String, Value>,
    /// The session transcribes, and answers nothing.
    pub transcribes_only: bool,
    /// How the caller's audio comes.
    pub input: Format,
    /// How the server's audio goes.
    pub output: Format,
    /// Whether what the caller says is transcribed.
    pub transcription: bool,
    /// None: the client says when an utterance has ended.
    pub detection: Option<Detection>,
    /// Whether answers are written and not spoken.
    pub text_only: bool,
    /// The first function that the model may call.
    pub tool: Option<String>,
}

impl Settings {
    /// A session that no client has set yet. `silence_ms` of silence end an utterance.
    #[must_use]
    pub fn new(id: &str, model: &str, transcribes_only: bool, silence_ms: u64) -> Settings {
        let input = json!({
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": null,
            "noise_reduction": null,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": PREFIX_MS,
                "silence_duration_ms": silence_ms,
            },
        });
        let document = if transcribes_only {
            json!({
                "type": "transcription",
                "object": "realtime.transcription_session",
                "id": id,
                "audio": {"input": input},
                "include": null,
            })
        } else {
            json!({
                "type": "realtime",
                "object": "realtime.session",
                "id": id,
                "model": model,
                "output_modalities": ["audio"],
                "instructions": "",
                "tools": [],
                "tool_choice": "auto",
                "max_output_tokens": "inf",
                "tracing": null,
                "prompt": null,
                "audio": {
                    "input": input,
                    "output": {
                        "format": {"type": "audio/pcm", "rate": 24_000},
                        "voice": "marin",
                        "speed": 1.0,
                    },
                },
                "include": null,
            })
        };
        let Value::Object(document) = document else {
            unreachable!("a document is an object")
        };
        Settings {
            document,
            transcribes_only,
            input: PCM,
            output: PCM,
            transcription: transcribes_only,
            detection: Some(Detection {
                silence_ms: Some(silence_ms),
                prefix_ms: PREFIX_MS,
                answers: true,
                interrupts: true,
            }),
            text_only: false,
            tool: None,
        }
    }

    /// The session as a server shows it.
    #[must_use]
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The session with the fields of an update; others stay as they are.
    ///
    /// # Errors
    /// The first field that is wrong. The session is then as it was.
    pub fn updated(&self, update: &Map<String, Value>) -> Result<Settings, Fault> {
        let update = update::of_today(update)?;
        let transcribes_only = match update.get("type").and_then(Value::as_str) {
            Some("realtime") => false,
            Some("transcription") => true,
            Some(other) => {
                let known = "'realtime' and 'transcription'";
                return Err(Fault::value("session.type", other, known));
            }
            None => return Err(Fault::missing("session.type")),
        };
        let mut document = self.document.clone();
        if transcribes_only != self.transcribes_only {
            let named = |name| self.document.get(name).and_then(Value::as_str);
            let silence_ms = self.detection.and_then(|detection| detection.silence_ms);
            let (id, model) = (named("id"), named("model"));
            document = Settings::new(
                id.unwrap_or_default(),
                model.unwrap_or_default(),
                transcribes_only,
                silence_ms.unwrap_or(SILENCE_MS),
            )
            .document;
        }
        update::lay_over(&mut document, &update);
        Settings::of(document, transcribes_only)
    }

    /// What follows from a session's document.
    fn of(document: Map<String, Value>, transcribes_only: bool) -> Result<Settings, Fault> {
        let audio = Part::of(Some(&document), "session.audio", "audio")?;
        let input = Part::of(audio.fields, "session.audio.input", "input")?;
        let output = Part::of(audio.fields, "session.audio.output", "output")?;
        let modalities = document.get("output_modalities");
        let text_only = match modalities.map(ToString::to_string).as_deref() {
            None | Some("null" | r#"["audio"]"#) => false,
            Some(r#"["text"]"#) => true,
            Some(other) => {
                let known = "['text'] and ['audio']";
                return Err(Fault::value("session.output_modalities", other, known));
            }
        };
        let settings = Settings {
            transcribes_only,
            input: format(&input)?,
            output: format(&output)?,
            transcription: transcribes_only || input.is_set("transcription"),
            detection: detection(&input)?,
            text_only,
            tool: first_tool(&document),
            document: Map::new(),
        };
        Ok(Settings {
            document,
            ..settings
        })
    }
}

/// Audio before speech that belongs to it, unless a client says otherwise.
const PREFIX_MS: u64 = 300;

/// Silence that ends an utterance where nothing says another.
const SILENCE_MS: u64 = 500;

/// An object inside the document, and its path.
struct Part<'a> {
    fields: Option<&'a Map<String, Value>>,
    path: &'static str,
}

impl<'a> Part<'a> {
    fn of(
        outer: Option<&'a Map<String, Value>>,
        path: &'static str,
        name: &str,
    ) -> Result<Part<'a>, Fault> {
        let fields = match outer.and_then(|outer| outer.get(name)) {
            Some(Value::Object(fields)) => Some(fields),
            None | Some(Value::Null) => None,
            Some(_) => return Err(Fault::of_another_type(path, "an object")),
        };
        Ok(Part { fields, path })
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields?.get(name)
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_null())
    }

    fn within(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }
}

fn format(part: &Part<'_>) -> Result<Format, Fault> {
    let Some(format) = part.get("format") else {
        return Ok(PCM);
    };
    let path = part.within("format");
    let Some(format) = format.as_object() else {
        return Err(Fault::of_another_type(&path, "an object"));
    };
    match format.get("type").and_then(Value::as_str) {
        Some("audio/pcm") => match format.get("rate") {
            None | Some(Value::Null) => Ok(PCM),
            Some(rate) if rate.as_u64() == Some(24_000) => Ok(PCM),
            Some(rate) => Err(Fault::value(
                &format!("{path}.rate"),
                &rate.to_string(),
                "24000",
            )),
        },
        Some("audio/pcmu") => Ok(g711(Codec::MuLaw)),
        Some("audio/pcma") => Ok(g711(Codec::ALaw)),
        Some(other) => {
            let known = "'audio/pcm', 'audio/pcmu', and 'audio/pcma'";
            Err(Fault::value(&format!("{path}.type"), other, known))
        }
        None => Err(Fault::missing(&format!("{path}.type"))),
    }
}

fn g711(codec: Codec) -> Format {
    Format {
        codec,
        rate: G711_RATE,
    }
}

fn detection(input: &Part<'_>) -> Result<Option<Detection>, Fault> {
    let path = input.within("turn_detection");
    let fields = match input.get("turn_detection") {
        Some(Value::Object(fields)) => fields,
        None | Some(Value::Null) => return Ok(None),
        Some(_) => return Err(Fault::of_another_type(&path, "an object or null")),
    };
    let kind = fields.get("type").and_then(Value::as_str);
    if !matches!(kind, Some("server_vad" | "semantic_vad")) {
        let known = "'server_vad' and 'semantic_vad'";
        let kind = kind.unwrap_or_default();
        return Err(Fault::value(&format!("{path}.type"), kind, known));
    }
    let millis = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(ms) if ms <= MOST_DETECTION_MS => Ok(Some(ms)),
            _ => Err(Fault::of_another_type(
                &format!("{path}.{name}"),
                "an integer from 0 to 60000",
            )),
        },
    };
    let flag = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Fault::of_another_type(
            &format!("{path}.{name}"),
            "a boolean",
        )),
    };
    Ok(Some(Detection {
        silence_ms: millis("silence_duration_ms")?,
        prefix_ms: millis("prefix_padding_ms")?.unwrap_or(PREFIX_MS),
        answers: flag("create_response")?,
        interrupts: flag("interrupt_response")?,
    }))
}

/// The longest silence or padding, in milliseconds.
const MOST_DETECTION_MS: u64 = 60_000;

fn first_tool(document: &Map<String, Value>) -> Option<String> {
    let tools = document.get("tools")?.as_array()?;
    let function = tools.iter().find(|tool| tool["type"] == "function")?;
    Some(function.get("name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests;
