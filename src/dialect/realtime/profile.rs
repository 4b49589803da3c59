//! The variations of the protocol, of which each server speaks one.

use std::fmt;
use std::str::FromStr;

use crate::pcm::codec::{Codec, Format};
use crate::units::SampleRate;

/// A variation of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// OpenAI's since August 2025, and that of most servers which follow it.
    #[default]
    OpenAi,
    /// OpenAI's before: a flat session, and older names of events.
    Beta,
    /// A session of OpenAI's that only transcribes.
    Transcription,
    /// vLLM's, which only transcribes, in the caller's words where an utterance begins and ends.
    Vllm,
}

const fn format(codec: Codec, rate: u32) -> Format {
    let rate = SampleRate(rate);
    Format { codec, rate }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 4] = [
        Profile::OpenAi,
        Profile::Beta,
        Profile::Transcription,
        Profile::Vllm,
    ];

    /// The name it is asked for by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::OpenAi => "openai",
            Profile::Beta => "beta",
            Profile::Transcription => "transcription",
            Profile::Vllm => "vllm",
        }
    }

    /// How audio may be sent; the first unless another is asked for.
    #[must_use]
    pub fn formats(self) -> &'static [Format] {
        match self {
            Profile::OpenAi | Profile::Beta | Profile::Transcription => {
                const {
                    &[
                        format(Codec::Pcm16, 24_000),
                        format(Codec::MuLaw, 8_000),
                        format(Codec::ALaw, 8_000),
                    ]
                }
            }
            Profile::Vllm => const { &[format(Codec::Pcm16, 16_000)] },
        }
    }

    /// Whether its servers answer; else they only transcribe.
    #[must_use]
    pub fn answers(self) -> bool {
        matches!(self, Profile::OpenAi | Profile::Beta)
    }

    /// Path and query of a session's request.
    pub(super) fn path(self, model: Option<&str>) -> String {
        const PATH: &str = "/v1/realtime";
        match (self, model) {
            (Profile::Transcription, _) => format!("{PATH}?intent=transcription"),
            (Profile::OpenAi | Profile::Beta, Some(model)) => {
                let mut path = format!("{PATH}?model=");
                model.bytes().for_each(|byte| put_in_query(byte, &mut path));
                path
            }
            _ => PATH.to_owned(),
        }
    }

    /// Headers of a session's request.
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Profile::Beta => &[("openai-beta", "realtime=v1")],
            Profile::OpenAi | Profile::Transcription | Profile::Vllm => &[],
        }
    }
}

/// Appends a byte of a value of a query: as it is where RFC 3986 calls it unreserved, else by its number.
fn put_in_query(byte: u8, query: &mut String) {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            query.push(char::from(byte));
        }
        _ => query.push_str(&format!("%{byte:02X}")),
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Profile, String> {
        let known = || Profile::ALL.map(Profile::name).join(", ");
        let mut all = Profile::ALL.into_iter();
        all.find(|profile| profile.name() == text).ok_or_else(known)
    }
}
