//! Server events: what is told, as JSON.

use serde::Serialize;
use serde_json::{Map, Value};

use super::fault::Fault;
use super::item::{Content, Item};
use super::response::Response;

/// An event of the server, without its name.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
#[expect(
    missing_docs,
    reason = "fields and variants are those of the interface, which documents them"
)]
pub enum Event<'a> {
    #[serde(rename = "session.created")]
    SessionCreated { session: &'a Map<String, Value> },
    #[serde(rename = "session.updated")]
    SessionUpdated { session: &'a Map<String, Value> },
    #[serde(rename = "error")]
    Error { error: ErrorDetail<'a> },
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted {
        audio_start_ms: u64,
        item_id: &'a str,
    },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped { audio_end_ms: u64, item_id: &'a str },
    #[serde(rename = "input_audio_buffer.committed")]
    Committed {
        item_id: &'a str,
        previous_item_id: Option<&'a str>,
    },
    #[serde(rename = "input_audio_buffer.cleared")]
    Cleared,
    #[serde(rename = "conversation.item.added")]
    ItemAdded {
        item: &'a Item,
        previous_item_id: Option<&'a str>,
    },
    #[serde(rename = "conversation.item.done")]
    ItemDone {
        item: &'a Item,
        previous_item_id: Option<&'a str>,
    },
    #[serde(rename = "conversation.item.deleted")]
    ItemDeleted { item_id: &'a str },
    #[serde(rename = "conversation.item.retrieved")]
    ItemRetrieved { item: &'a Item },
    #[serde(rename = "conversation.item.truncated")]
    ItemTruncated {
        item_id: &'a str,
        content_index: u64,
        audio_end_ms: u64,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    TranscriptDelta {
        item_id: &'a str,
        content_index: u64,
        delta: &'a str,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    TranscriptCompleted {
        item_id: &'a str,
        content_index: u64,
        transcript: &'a str,
        usage: Duration,
    },
    #[serde(rename = "response.created")]
    ResponseCreated { response: &'a Response },
    #[serde(rename = "response.done")]
    ResponseDone { response: &'a Response },
    #[serde(rename = "response.output_item.added")]
    OutputItemAdded {
        response_id: &'a str,
        output_index: u64,
        item: &'a Item,
    },
    #[serde(rename = "response.output_item.done")]
    OutputItemDone {
        response_id: &'a str,
        output_index: u64,
        item: &'a Item,
    },
    #[serde(rename = "response.content_part.added")]
    PartAdded {
        #[serde(flatten)]
        of: PartOf<'a>,
        part: Part<'a>,
    },
    #[serde(rename = "response.content_part.done")]
    PartDone {
        #[serde(flatten)]
        of: PartOf<'a>,
        part: Part<'a>,
    },
    #[serde(rename = "response.output_text.delta")]
    TextDelta {
        #[serde(flatten)]
        of: PartOf<'a>,
        delta: &'a str,
    },
    #[serde(rename = "response.output_text.done")]
    TextDone {
        #[serde(flatten)]
        of: PartOf<'a>,
        text: &'a str,
    },
    #[serde(rename = "response.output_audio_transcript.delta")]
    SpokenDelta {
        #[serde(flatten)]
        of: PartOf<'a>,
        delta: &'a str,
    },
    #[serde(rename = "response.output_audio_transcript.done")]
    SpokenDone {
        #[serde(flatten)]
        of: PartOf<'a>,
        transcript: &'a str,
    },
    #[serde(rename = "response.output_audio.delta")]
    AudioDelta {
        #[serde(flatten)]
        of: PartOf<'a>,
        delta: &'a str,
    },
    #[serde(rename = "response.output_audio.done")]
    AudioDone {
        #[serde(flatten)]
        of: PartOf<'a>,
    },
    #[serde(rename = "response.function_call_arguments.delta")]
    ArgumentsDelta {
        response_id: &'a str,
        item_id: &'a str,
        output_index: u64,
        call_id: &'a str,
        delta: &'a str,
    },
    #[serde(rename = "response.function_call_arguments.done")]
    ArgumentsDone {
        response_id: &'a str,
        item_id: &'a str,
        output_index: u64,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    #[serde(rename = "rate_limits.updated")]
    RateLimits { rate_limits: [RateLimit; 2] },
}

/// The part of an answer that an event is about.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PartOf<'a> {
    /// The answer.
    pub response_id: &'a str,
    /// Its item.
    pub item_id: &'a str,
    /// The item's place in the answer.
    pub output_index: u64,
    /// The part's place in the item.
    pub content_index: u64,
}

/// A part of an answer, as far as it is.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part<'a> {
    /// It is written.
    Text {
        /// What is written.
        text: &'a str,
    },
    /// It is spoken.
    Audio {
        /// The words of it.
        transcript: &'a str,
    },
}

impl<'a> Part<'a> {
    /// The part as events about parts have it.
    pub(super) fn of(content: &'a Content) -> Part<'a> {
        match content {
            Content::OutputAudio { transcript } => Part::Audio { transcript },
            Content::OutputText { text } | Content::InputText { text } => Part::Text { text },
            Content::InputAudio { transcript } => Part::Audio {
                transcript: transcript.as_deref().unwrap_or_default(),
            },
        }
    }
}

/// What an `error` event says.
#[derive(Debug, Serialize)]
pub struct ErrorDetail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
    event_id: Option<&'a str>,
}

impl<'a> ErrorDetail<'a> {
    /// What is said of a client's event that was not followed.
    #[must_use]
    pub fn of(fault: &'a Fault, event_id: Option<&'a str>) -> ErrorDetail<'a> {
        ErrorDetail {
            kind: "invalid_request_error",
            code: fault.code,
            message: &fault.message,
            param: fault.param.as_deref(),
            event_id,
        }
    }
}

/// What a transcript took, by the length of the audio.
#[derive(Debug, Serialize)]
pub struct Duration {
    #[serde(rename = "type")]
    kind: &'static str,
    seconds: f64,
}

impl Duration {
    /// So many milliseconds of audio.
    #[must_use]
    pub fn of_ms(ms: u64) -> Duration {
        Duration {
            kind: "duration",
            seconds: ms as f64 / 1_000.0,
        }
    }
}

/// What is left of a quota.
#[derive(Debug, Serialize)]
pub struct RateLimit {
    name: &'static str,
    limit: u64,
    remaining: u64,
    reset_seconds: f64,
}

impl RateLimit {
    /// Quotas that are never used up.
    #[must_use]
    pub fn ample() -> [RateLimit; 2] {
        [("requests", 1_000_000), ("tokens", 1_000_000_000)].map(|(name, limit)| RateLimit {
            name,
            limit,
            remaining: limit,
            reset_seconds: 0.0,
        })
    }
}

/// Which names events have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Names {
    /// Those of the generally available interface.
    #[default]
    Current,
    /// Those of the beta, by which older clients and many other servers go. What the events hold is the same.
    Beta,
}

/// Beginnings of names, now and in the beta.
const RENAMED: [(&str, &str); 4] = [
    (
        "response.output_audio_transcript.",
        "response.audio_transcript.",
    ),
    ("response.output_audio.", "response.audio."),
    ("response.output_text.", "response.text."),
    ("conversation.item.added", "conversation.item.created"),
];

impl Event<'_> {
    /// The event of that name, as it is sent; none where the beta has no such event.
    #[must_use]
    pub fn encode(&self, event_id: &str, names: Names) -> Option<String> {
        #[derive(Serialize)]
        struct Named<'a> {
            event_id: &'a str,
            #[serde(flatten)]
            event: &'a Event<'a>,
        }
        let named = Named {
            event_id,
            event: self,
        };
        // Texts and numbers can always be written.
        if names == Names::Current {
            return serde_json::to_string(&named).ok();
        }
        if matches!(self, Event::ItemDone { .. }) {
            return None;
        }
        let mut event = serde_json::to_value(&named).ok()?;
        let kind = event.get("type")?.as_str()?;
        let mut renamed = RENAMED.into_iter();
        let before = renamed.find_map(|(now, before)| {
            let rest = kind.strip_prefix(now)?;
            Some(format!("{before}{rest}"))
        });
        if let Some(before) = before {
            event["type"] = before.into();
        }
        Some(event.to_string())
    }
}
