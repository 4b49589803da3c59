//! An answer as the events about it as a whole have it.

use serde::Serialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::item::Item;
use super::settings::Settings;
use crate::pcm::codec::Codec;

/// An answer.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    object: &'static str,
    /// Its name.
    pub id: String,
    conversation_id: String,
    status: &'static str,
    status_details: Option<Value>,
    output_modalities: [&'static str; 1],
    max_output_tokens: &'static str,
    audio: Value,
    output: Vec<Item>,
    usage: Option<Value>,
    metadata: Option<Value>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All of it is said.
    Completed,
    /// The caller spoke.
    Interrupted,
    /// The client called it off.
    Cancelled,
    /// The pipeline failed.
    Failed(Fault),
}

/// Tokens of a second of audio, of the caller and of the model.
const INPUT_TOKENS_A_SECOND: u64 = 10;
const OUTPUT_TOKENS_A_SECOND: u64 = 20;

/// What an answer was made of and came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Amounts {
    /// Audio of the caller, in milliseconds.
    pub heard_ms: u64,
    /// Audio of the answer, in milliseconds.
    pub spoken_ms: u64,
    /// Words of the answer.
    pub words: u64,
}

impl Response {
    /// An answer that has just begun.
    #[must_use]
    pub fn begun(id: String, conversation_id: String, settings: &Settings) -> Response {
        let format = match settings.output.codec {
            Codec::Pcm16 => json!({"type": "audio/pcm", "rate": 24_000}),
            Codec::MuLaw => json!({"type": "audio/pcmu"}),
            Codec::ALaw => json!({"type": "audio/pcma"}),
        };
        let modality = if settings.text_only { "text" } else { "audio" };
        Response {
            object: "realtime.response",
            id,
            conversation_id,
            status: "in_progress",
            status_details: None,
            output_modalities: [modality],
            max_output_tokens: "inf",
            audio: json!({"output": {"format": format, "voice": "marin"}}),
            output: Vec::new(),
            usage: None,
            metadata: None,
        }
    }

    /// The answer is over.
    pub fn end(&mut self, end: &End, output: Option<Item>, amounts: Amounts) {
        let (status, details) = match end {
            End::Completed => ("completed", None),
            End::Interrupted => (
                "cancelled",
                Some(json!({"type": "cancelled", "reason": "turn_detected"})),
            ),
            End::Cancelled => (
                "cancelled",
                Some(json!({"type": "cancelled", "reason": "client_cancelled"})),
            ),
            End::Failed(fault) => (
                "failed",
                Some(json!({
                    "type": "failed",
                    "error": {"type": "server_error", "code": fault.code, "message": fault.message},
                })),
            ),
        };
        self.status = status;
        self.status_details = details;
        self.output = output.into_iter().collect();
        self.usage = Some(usage(amounts));
    }
}

fn usage(amounts: Amounts) -> Value {
    let tokens = |ms: u64, a_second: u64| (ms * a_second).div_ceil(1_000);
    let heard = tokens(amounts.heard_ms, INPUT_TOKENS_A_SECOND);
    let spoken = tokens(amounts.spoken_ms, OUTPUT_TOKENS_A_SECOND);
    json!({
        "total_tokens": heard + spoken + amounts.words,
        "input_tokens": heard,
        "output_tokens": spoken + amounts.words,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": amounts.words, "audio_tokens": spoken},
    })
}
