//! A described dialect as a run speaks it: what all its sessions have in common.

use bytes::BytesMut;

use super::framing::{Coding, Framing};
use super::message::Message;
use super::reader::Reader;
use super::reply::{Rule, Then};
use super::template::{Template, Values, asked_for};
use crate::conversation::answer::AnsweredBy;
use crate::conversation::message::Start;
use crate::dialect::nature::{Endpointing, Nature};
use crate::units::SampleRate;

/// A dialect that a file describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    pub(super) name: String,
    pub(super) nature: Nature,
    pub(super) path: Template,
    pub(super) headers: Vec<(String, String)>,
    /// Columns of a table that the description asks for.
    pub(super) vars: Vec<String>,
    pub(super) sending: Coding,
    /// How the server codes audio.
    pub(super) receiving: Coding,
    pub(super) framing: Framing,
    pub(super) open: Vec<Message>,
    pub(super) text: Option<Message>,
    pub(super) end_of_utterance: Vec<Message>,
    pub(super) end_of_input: Vec<Message>,
    pub(super) keep_alive: Option<KeepAlive>,
    pub(super) reader: Reader,
    pub(super) rules: Vec<Rule>,
}

/// What keeps a session open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeepAlive {
    pub(super) message: Message,
    pub(super) every_ns: i64,
}

impl Described {
    /// What the description calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is like.
    #[must_use]
    pub fn nature(&self) -> Nature {
        self.nature
    }

    /// Path and query of the request of the session that begins so; `{var:NAME}` in it stands for what each session
    /// has of its own.
    #[must_use]
    pub fn path(&self, start: &Start) -> String {
        let values = Values {
            session_id: in_url(&start.session_id),
            language: in_url(&start.language_code),
            vars: self.vars.iter().map(|name| asked_for(name)).collect(),
            ..Values::default()
        };
        self.path.fill(&values)
    }

    /// Names and values of the headers that a session's request needs; in values `{var:NAME}` stands for what each
    /// session has of its own.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Names of the columns that it asks for.
    #[must_use]
    pub fn vars(&self) -> &[String] {
        &self.vars
    }

    /// The rate of the audio that is sent in calls of this rate.
    pub(super) fn rate(&self, of_call: u32) -> u32 {
        let SampleRate(rate) = self.nature.input.map_or(SampleRate(of_call), |it| it.rate);
        rate
    }

    /// Whether servers answer with text and not with audio.
    #[must_use]
    pub fn is_text_only(&self) -> bool {
        self.nature.answered_by == AnsweredBy::AudioOrText
    }

    /// The same, as far as audio goes: callers wait for nothing, and send nothing else.
    #[must_use]
    pub fn for_trial(&self) -> Described {
        let rules = self.rules.iter().filter(|rule| rule.then != Then::Ready);
        Described {
            nature: Nature {
                says_ready: false,
                endpointing: Endpointing::Caller,
                ..self.nature
            },
            open: Vec::new(),
            end_of_utterance: Vec::new(),
            keep_alive: None,
            rules: rules.cloned().collect(),
            ..self.clone()
        }
    }

    /// Appends a chunk as it is sent, without what a session has of its own.
    pub fn put_audio(&self, chunk: &[u8], out: &mut BytesMut) {
        self.framing.put(self.sending, chunk, out);
    }

    /// Bytes that [`put_audio`](Self::put_audio) appends for a chunk of so many.
    #[must_use]
    pub fn frame_bytes(&self, chunk_bytes: usize) -> usize {
        self.framing.frame_bytes(self.sending, chunk_bytes)
    }

    /// What a message of the server is in its description.
    #[must_use]
    pub fn name_of(&self, message: &[u8]) -> Option<String> {
        let found = self.reader.read(message).ok()?;
        let rule = self.rules.iter().find(|rule| rule.holds(&found))?;
        Some(rule.then.name().to_owned())
    }
}

/// A value as a URL has it.
fn in_url(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match is_plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
