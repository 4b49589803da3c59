//! The protocol of a run: what all its sessions have in common.

use serde_json::{Map, Value};

use super::opening::Opening;
use super::profile::Profile;
use super::tools::Tools;
use crate::conversation::answer::AnsweredBy;
use crate::dialect::nature::{Carrier, Endpointing, Nature};
use crate::pcm::codec::Format;

/// What a run asks for.
#[derive(Debug, Clone, Default)]
pub struct RealtimeSpec {
    /// Which variation of the protocol the server speaks.
    pub profile: Profile,
    /// The model: in the query of the request, where the profile `transcription` has it in the session and
    /// `vllm` in `session.update`.
    pub model: Option<String>,
    /// How audio is written, both ways; the profile's first unless another is asked for.
    pub format: Option<Format>,
    /// Who finds where an utterance ends: the server, unless it is the caller.
    pub endpointing: Endpointing,
    /// What the user adds to the session, or puts in the place of its members.
    pub session: Option<Map<String, Value>>,
    /// Events that are sent once the session is ready, before any audio.
    pub open: Vec<Value>,
    /// What is said for functions; without, calls of functions are not answered.
    pub tools: Option<Tools>,
}

/// The Realtime protocol as one run speaks it.
#[derive(Debug, Clone, PartialEq)]
pub struct Realtime {
    pub(super) profile: Profile,
    pub(super) format: Format,
    pub(super) is_push_to_talk: bool,
    pub(super) session: Value,
    pub(super) open: Vec<Value>,
    pub(super) tools: Option<Tools>,
    transcribes: bool,
    path: String,
}

impl Realtime {
    /// The protocol that `spec` asks for.
    ///
    /// # Errors
    /// What in it cannot be or contradicts something else, by its JSON pointer where it is in the session.
    pub fn new(spec: RealtimeSpec) -> Result<Realtime, String> {
        let profile = spec.profile;
        let formats = profile.formats();
        let format = spec.format.unwrap_or(formats[0]);
        if !formats.contains(&format) {
            let known: Vec<String> = formats.iter().map(Format::to_string).collect();
            let known = known.join(", ");
            return Err(format!("the profile {profile} has no {format}: {known}"));
        }
        let is_push_to_talk = spec.endpointing == Endpointing::Caller;
        if profile == Profile::Vllm && !is_push_to_talk {
            return Err(
                "the profile vllm cannot find where an utterance ends: it needs push-to-talk"
                    .to_owned(),
            );
        }
        for (number, event) in spec.open.iter().enumerate() {
            if !event.get("type").is_some_and(Value::is_string) {
                let number = number + 1;
                return Err(format!("event {number} after the opening has no \"type\""));
            }
        }
        let opening = Opening {
            profile,
            format,
            endpointing: spec.endpointing,
            model: spec.model.as_deref(),
        };
        let session = opening.session(spec.session)?;
        Ok(Realtime {
            profile,
            format,
            is_push_to_talk,
            transcribes: opening.transcribes(&session),
            session,
            open: spec.open,
            tools: spec.tools,
            path: profile.path(spec.model.as_deref()),
        })
    }

    /// Which variation of the protocol it is.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The same, as far as audio goes: callers wait for no answer nor transcript, and send nothing else that was asked
    /// for.
    #[must_use]
    pub fn for_trial(&self) -> Realtime {
        Realtime {
            profile: Profile::OpenAi,
            is_push_to_talk: true,
            open: Vec::new(),
            tools: None,
            ..self.clone()
        }
    }

    /// What it is like.
    #[must_use]
    pub fn nature(&self) -> Nature {
        Nature {
            carrier: Carrier::WebSocket,
            input: Some(self.format),
            output: Some(self.format.rate),
            chunk_ns: None,
            sends_binary: false,
            says_ready: true,
            endpointing: match self.is_push_to_talk {
                true => Endpointing::Caller,
                false => Endpointing::Server,
            },
            answered_by: match self.profile.answers() {
                true => AnsweredBy::AudioOrText,
                false => AnsweredBy::Transcript,
            },
            by_sound: false,
            caller_ends: true,
            awaits_close: false,
            has_items: self.profile != Profile::Vllm,
            late_transcripts: self.transcribes,
        }
    }

    /// Whether servers are told to answer with text alone.
    #[must_use]
    pub fn is_text_only(&self) -> bool {
        let named = ["output_modalities", "modalities"];
        let named = named.iter().find_map(|name| self.session.get(name));
        let modalities = named.and_then(Value::as_array);
        modalities.is_some_and(|all| !all.is_empty() && all.iter().all(|one| one == "text"))
    }

    /// Path and query of a session's request, where the target has none.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Headers that a session's request needs.
    #[must_use]
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        self.profile.headers()
    }
}
