//! One session: what it sends beside audio, and what it hears.

use std::sync::Arc;

use bytes::Bytes;

use super::found::Found;
use super::framing::Coding;
use super::reply::{AudioAt, Rule, Then};
use super::setup::Described;
use super::template::Values;
use crate::conversation::message::{Reply, ServerMessage, Start};
use crate::conversation::text::{MAX_ERROR_CHARS, MAX_TEXT_CHARS, cut};
use crate::dialect::base64;
use crate::dialect::sending::{EndOfInput, Owed, Part};
use crate::pcm::codec::Codec;

/// One session.
#[derive(Debug)]
pub struct Session {
    setup: Arc<Described>,
    values: Values,
    is_ready: bool,
    /// What stands around each chunk of audio.
    envelope: (Bytes, Bytes),
    /// What was said to be final since the last utterance ended.
    heard: String,
    /// When the session is to be kept alive next.
    keep_alive_ns: Option<i64>,
}

impl Session {
    /// A session that has just been connected; `vars` are its values of the columns that the description
    /// [asks](Described::vars) for, in that order.
    #[must_use]
    pub fn new(setup: Arc<Described>, vars: Vec<String>) -> Session {
        Session {
            is_ready: !setup.nature.says_ready,
            setup,
            values: Values {
                vars,
                ..Values::default()
            },
            envelope: (Bytes::new(), Bytes::new()),
            heard: String::new(),
            keep_alive_ns: None,
        }
    }

    /// Whether the server has said that this may be sent.
    #[must_use]
    pub fn may_send(&self, part: Part) -> bool {
        self.is_ready || part == Part::Start
    }

    /// The messages that say what the session is, which are sent at `at_ns`.
    pub fn start(&mut self, at_ns: i64, start: Start) -> Vec<Bytes> {
        let rate = u32::try_from(start.sample_rate_hz).unwrap_or(0);
        self.values.session_id = start.session_id;
        self.values.language = start.language_code;
        self.values.sample_rate = self.setup.rate(rate);
        self.alive_until(at_ns);
        self.envelope = self.setup.framing.envelope(&self.values);
        let open = self.setup.open.iter();
        open.map(|message| message.encode(&self.values)).collect()
    }

    /// What stands before and after the next chunk of audio.
    #[must_use]
    pub fn around_audio(&self) -> (&[u8], &[u8]) {
        (&self.envelope.0, &self.envelope.1)
    }

    /// A chunk of audio was taken: for so long nothing else keeps the session alive.
    pub fn audio_taken(&mut self, at_ns: i64) {
        self.alive_until(at_ns);
    }

    fn alive_until(&mut self, at_ns: i64) {
        if let Some(keep_alive) = &self.setup.keep_alive {
            self.keep_alive_ns = Some(at_ns.saturating_add(keep_alive.every_ns));
        }
    }

    /// The messages of what is typed instead of spoken; none where the description has none.
    pub fn text(&mut self, text: String) -> Vec<Bytes> {
        self.values.text = text;
        let typed = self.setup.text.iter();
        typed.map(|message| message.encode(&self.values)).collect()
    }

    /// The messages that end an utterance, all of which was sent; none where the server finds its end.
    #[must_use]
    pub fn end_of_utterance(&self) -> Vec<Bytes> {
        let messages = self.setup.end_of_utterance.iter();
        messages
            .map(|message| message.encode(&self.values))
            .collect()
    }

    /// How the caller says that nothing more comes, not even what keeps the session alive.
    pub fn end_of_input(&mut self) -> EndOfInput {
        self.keep_alive_ns = None;
        let messages = self.setup.end_of_input.iter();
        let messages: Vec<_> = messages
            .map(|message| message.encode(&self.values))
            .collect();
        match messages.is_empty() && !self.setup.nature.caller_ends {
            true => EndOfInput::HalfClose,
            false => EndOfInput::Messages(messages),
        }
    }

    /// What is due by now to keep the session alive.
    pub fn owed(&mut self, now_ns: i64) -> Option<Owed> {
        self.keep_alive_ns.filter(|due_ns| *due_ns <= now_ns)?;
        let keep_alive = self.setup.keep_alive.as_ref()?;
        let message = keep_alive.message.encode(&self.values);
        // What was missed is not made up for.
        self.alive_until(now_ns);
        Some(Owed {
            message,
            is_template: false,
        })
    }

    /// When the next message will be owed, as far as that is known.
    #[must_use]
    pub fn owed_at(&self) -> Option<i64> {
        self.keep_alive_ns
    }

    /// Reads a message of the server, which may be several of the conversation's, or none.
    ///
    /// # Errors
    /// It is not JSON or protobuf.
    pub fn decode(
        &mut self,
        message: &Bytes,
        each: &mut impl FnMut(Reply),
    ) -> Result<(), &'static str> {
        let setup = self.setup.clone();
        let found = match setup.reader.read(message) {
            Ok(found) => found,
            Err(reason) => {
                let is_audio = |rule: &&Rule| rule.then == Then::Audio(AudioAt::Whole);
                let rule = setup.rules.iter().find(is_audio).ok_or(reason)?;
                self.hear(rule, message, &[], each);
                return Ok(());
            }
        };
        let mut is_known = false;
        for rule in setup.rules.iter().filter(|rule| rule.holds(&found)) {
            is_known = true;
            self.hear(rule, message, &found, each);
        }
        if !is_known {
            each(reply(ServerMessage::Unknown, "unknown"));
        }
        Ok(())
    }

    fn hear(
        &mut self,
        rule: &Rule,
        message: &Bytes,
        found: &[Found<'_>],
        each: &mut impl FnMut(Reply),
    ) {
        let text = rule.text(found);
        let (what, kind) = match rule.then {
            Then::Ignored => return,
            Then::Transcript {
                is_final,
                ends_utterance,
            } => {
                let is_final = is_final.map(|is_final| is_final.is_set(found));
                let ends = ends_utterance.is_set(found);
                return self.transcript(text, is_final, ends, each);
            }
            Then::Text if text.is_empty() => return,
            Then::Text => (ServerMessage::Text(text.to_owned()), "llm_text"),
            Then::Audio(at) => match audio(at, self.setup.receiving, message, found) {
                None => {
                    let words = "the server sent audio that is no base64".to_owned();
                    (ServerMessage::Error(words), "error")
                }
                Some(pcm) if pcm.is_empty() => return,
                Some(pcm) => (ServerMessage::Audio(pcm), "audio"),
            },
            Then::Ready => {
                self.is_ready = true;
                (ServerMessage::Ready, "ready")
            }
            Then::Processing => (ServerMessage::Processing, "processing"),
            Then::Speaking => (ServerMessage::Speaking, "speaking"),
            Then::Cleared => (ServerMessage::Cleared, "cleared"),
            Then::TurnEnded => {
                self.transcript("", Some(true), true, each);
                (ServerMessage::TurnEnded, "listening")
            }
            Then::Done => {
                self.transcript("", Some(true), true, each);
                (ServerMessage::Done, "end_of_turn")
            }
            Then::Error => (ServerMessage::Error(words(text)), "error"),
            Then::Refused => (ServerMessage::Refused(words(text)), "error"),
        };
        let detail = match what {
            ServerMessage::Text(_) | ServerMessage::Error(_) | ServerMessage::Refused(_) => "",
            _ => text,
        };
        each(Reply {
            detail: cut(detail, MAX_ERROR_CHARS),
            ..reply(what, kind)
        });
    }

    /// Text was understood. What is final is kept until the utterance ends, and is said then as a whole.
    fn transcript(
        &mut self,
        text: &str,
        is_final: Option<bool>,
        ends_utterance: bool,
        each: &mut impl FnMut(Reply),
    ) {
        let (text, is_final) = match is_final {
            Some(true) => {
                let space = if self.heard.is_empty() || text.is_empty() {
                    ""
                } else {
                    " "
                };
                let heard = format!("{}{space}{text}", self.heard);
                self.heard = cut(&heard, MAX_TEXT_CHARS);
                match ends_utterance {
                    true => (std::mem::take(&mut self.heard), Some(true)),
                    false if text.is_empty() => return,
                    false => (self.heard.clone(), Some(false)),
                }
            }
            is_final => (text.to_owned(), is_final),
        };
        if !text.is_empty() {
            each(reply(
                ServerMessage::Transcript { text, is_final },
                "transcript",
            ));
        }
    }
}

/// The PCM16 of a reply's audio; `None` if it cannot be read.
fn audio(at: AudioAt, coding: Coding, message: &Bytes, found: &[Found<'_>]) -> Option<Bytes> {
    let coded = match at {
        AudioAt::Whole => message.clone(),
        AudioAt::Pointer(slot) => match found.get(slot)? {
            Found::Bytes([]) => Bytes::new(),
            Found::Bytes(bytes) => message.slice_ref(bytes),
            other => base64::read(other.text())?.into(),
        },
    };
    match coding {
        Coding::Of(Codec::Pcm16) => Some(coded),
        coding => Some(coding.decode(&coded).into()),
    }
}

fn words(text: &str) -> String {
    match text.is_empty() {
        true => "the server gave no reason".to_owned(),
        false => text.to_owned(),
    }
}

fn reply(what: ServerMessage, kind: &'static str) -> Reply {
    Reply {
        what,
        about: None,
        kind,
        detail: String::new(),
    }
}
