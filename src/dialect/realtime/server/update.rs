//! An update of a session: which fields there are, and the older names of them.

use serde_json::{Map, Value, json};

use super::fault::Fault;

/// Fields that a session may have.
const FIELDS: [&str; 14] = [
    "type",
    "model",
    "instructions",
    "audio",
    "output_modalities",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "include",
    "tracing",
    "truncation",
    "prompt",
    "reasoning",
    "parallel_tool_calls",
];

/// Fields of the older, flat interface and where they are now; none: they say nothing any more.
const FLAT: [(&str, &[&str]); 10] = [
    ("input_audio_format", &["audio", "input", "format"]),
    ("output_audio_format", &["audio", "output", "format"]),
    (
        "input_audio_transcription",
        &["audio", "input", "transcription"],
    ),
    (
        "input_audio_noise_reduction",
        &["audio", "input", "noise_reduction"],
    ),
    ("turn_detection", &["audio", "input", "turn_detection"]),
    ("voice", &["audio", "output", "voice"]),
    ("speed", &["audio", "output", "speed"]),
    ("modalities", &["output_modalities"]),
    ("max_response_output_tokens", &["max_output_tokens"]),
    ("temperature", &[]),
];

/// Objects inside `audio` that an update changes field by field: `audio` and its `input` and `output`.
const AUDIO_DEPTH: u8 = 2;

/// The update with the fields of the flat interface where they are now.
pub(super) fn of_today(update: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    let mut today = Map::new();
    let mut flat = false;
    for (name, value) in update {
        if FIELDS.contains(&name.as_str()) {
            lay_over(&mut today, &Map::from_iter([(name.clone(), value.clone())]));
        } else if let Some((_, path)) = FLAT.iter().find(|(old, _)| old == name) {
            flat = true;
            let mut fields = renamed(name, value.clone());
            for name in path.iter().rev() {
                fields = Value::Object(Map::from_iter([((*name).to_owned(), fields)]));
            }
            if let (Value::Object(fields), [_, ..]) = (fields, path) {
                lay_over(&mut today, &fields);
            }
        } else if !["id", "object", "expires_at"].contains(&name.as_str()) {
            return Err(Fault::unknown(&format!("session.{name}")));
        }
    }
    if flat {
        today.entry("type").or_insert_with(|| "realtime".into());
    }
    Ok(today)
}

/// A value of the flat interface as it is written now.
fn renamed(name: &str, value: Value) -> Value {
    match (name, value.as_str()) {
        (_, Some("pcm16")) => json!({"type": "audio/pcm", "rate": 24_000}),
        (_, Some("g711_ulaw")) => json!({"type": "audio/pcmu"}),
        (_, Some("g711_alaw")) => json!({"type": "audio/pcma"}),
        // Text came with speech; it still does, as its transcript.
        ("modalities", _) => match value.as_array() {
            Some(both) if both.iter().any(|modality| modality == "audio") => json!(["audio"]),
            _ => value,
        },
        _ => value,
    }
}

/// Lays the fields of `over` over those of `base`: objects inside `audio` field by field, the rest whole.
pub(super) fn lay_over(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    lay_inside(base, over, AUDIO_DEPTH);
}

fn lay_inside(base: &mut Map<String, Value>, over: &Map<String, Value>, depth: u8) {
    for (name, value) in over {
        let inside = ["audio", "input", "output"].contains(&name.as_str());
        match (base.get_mut(name), value) {
            (Some(Value::Object(base)), Value::Object(over)) if inside && depth > 0 => {
                lay_inside(base, over, depth - 1);
            }
            _ => {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}
