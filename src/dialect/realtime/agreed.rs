//! What two others have agreed on for a session, as far as it says how audio is to be read: the formats, who ends
//! an utterance, the language. Of both interfaces, the flat one and that of today, and of vLLM's; what is not said stays
//! as it was.

use serde_json::{Map, Value};

use super::profile::Profile;
use crate::pcm::codec::{Codec, Format};
use crate::units::SampleRate;

/// Rates that PCM may have.
const RATES_HZ: std::ops::RangeInclusive<u64> = 1_000..=384_000;
/// Samples a second of G.711.
const G711_RATE: SampleRate = SampleRate(8_000);

/// What is agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    /// How the caller's audio comes; `None` for a codec that is not known here.
    pub(super) input: Option<Format>,
    /// How the server's audio goes.
    pub(super) output: Format,
    /// The caller says where an utterance ends.
    pub(super) is_push_to_talk: bool,
    /// The server only transcribes.
    pub(super) transcribes_only: bool,
    /// In which language the server is to understand the caller; empty where nothing says it.
    pub(super) language: String,
}

impl Agreed {
    /// What is so before anybody has said anything.
    pub(super) fn new(profile: Profile, format: Format, is_push_to_talk: bool) -> Agreed {
        Agreed {
            input: Some(format),
            output: format,
            is_push_to_talk,
            transcribes_only: !profile.answers(),
            language: String::new(),
        }
    }

    /// Takes in what an update says that is vLLM's: formats are not agreed on, and nobody but the caller ends an
    /// utterance.
    pub(super) fn take_vllm(&mut self, update: &Map<String, Value>) {
        let format = Profile::Vllm.formats()[0];
        self.input = Some(format);
        self.output = format;
        self.is_push_to_talk = true;
        self.transcribes_only = true;
        if let Some(language) = update.get("language").and_then(Value::as_str) {
            language.clone_into(&mut self.language);
        }
    }

    /// Takes in what a `session` says.
    pub(super) fn take(&mut self, session: &Map<String, Value>) {
        let at = |path: &[&str]| {
            let (first, rest) = path.split_first()?;
            let value = session.get(*first);
            rest.iter().try_fold(value?, |value, name| value.get(name))
        };
        let either = |today: &[&str], flat: &str| at(today).or_else(|| session.get(flat));
        if let Some(format) = either(&["audio", "input", "format"], "input_audio_format") {
            self.input = format_of(format);
        }
        if let Some(format) = either(&["audio", "output", "format"], "output_audio_format") {
            self.output = format_of(format).unwrap_or(self.output);
        }
        let detection = either(&["audio", "input", "turn_detection"], "turn_detection");
        if let Some(detection) = detection {
            let kind = detection.get("type").and_then(Value::as_str);
            self.is_push_to_talk = kind.is_none_or(|kind| kind == "none");
        }
        if let Some(kind) = at(&["type"]).and_then(Value::as_str) {
            self.transcribes_only = kind == "transcription";
        }
        let transcription = &["audio", "input", "transcription", "language"];
        let flat = || at(&["input_audio_transcription", "language"]);
        let language = at(transcription).or_else(flat);
        if let Some(language) = language.and_then(Value::as_str) {
            language.clone_into(&mut self.language);
        }
    }
}

/// A format as a session names it: a text in the flat interface, an object today.
fn format_of(format: &Value) -> Option<Format> {
    let kind = format.as_str().or_else(|| format.get("type")?.as_str());
    let (codec, rate) = match kind? {
        "pcm16" | "audio/pcm" => {
            let rate = format.get("rate").and_then(Value::as_u64);
            let rate = rate
                .filter(|rate| RATES_HZ.contains(rate))
                .unwrap_or(24_000);
            (Codec::Pcm16, SampleRate(u32::try_from(rate).ok()?))
        }
        "g711_ulaw" | "audio/pcmu" => (Codec::MuLaw, G711_RATE),
        "g711_alaw" | "audio/pcma" => (Codec::ALaw, G711_RATE),
        _ => return None,
    };
    Some(Format { codec, rate })
}
