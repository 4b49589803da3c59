//! One session, as Twilio holds it: its messages are numbered, audio lies on a grid of 20 ms, and marks are sent back
//! when the caller has heard what was sent before them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::bot::{self, Message};
use super::setup::{CHUNK_NS, ENCODING, FORMAT, Twilio};
use crate::conversation::message::{Reply, ServerMessage, Start};
use crate::dialect::sending::{EndOfInput, Owed};
use crate::units::{NS_PER_MS, Samples};

/// Most bytes of the names of marks that wait; a bot has no use for so many.
const MOST_MARK_BYTES: usize = 1 << 20;

/// What a mark takes beside its name.
const MARK_BYTES: usize = 64;

/// One session.
#[derive(Debug)]
pub struct Session {
    setup: Arc<Twilio>,
    names: Names,
    /// What a webhook adds to the user's `customParameters`.
    parameters: Vec<(String, String)>,
    /// Number of the next message after `connected`.
    next: u64,
    /// Chunks that were sent.
    chunks: u64,
    /// What stands before the next chunk, and after each.
    head: String,
    tail: String,
    /// When the caller has heard all that came.
    heard_ns: i64,
    /// Marks that the caller has not heard, and when they will have.
    marks: VecDeque<(i64, String)>,
    mark_bytes: usize,
    has_stopped: bool,
}

/// What a call is called.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) account_sid: String,
    pub(super) call_sid: String,
    stream_sid: String,
}

impl Names {
    /// Those of the session that begins so: as the user has them, or such as follow from its own name.
    pub(super) fn of(setup: &Twilio, start: &Start) -> Names {
        let text = |name: &str| Some(setup.start.get(name)?.as_str()?.to_owned());
        let account = || format!("AC{}", digits("account", "voicelt"));
        let call = || format!("CA{}", digits("call", &start.session_id));
        Names {
            account_sid: text("accountSid").unwrap_or_else(account),
            call_sid: text("callSid").unwrap_or_else(call),
            stream_sid: format!("MZ{}", digits("stream", &start.session_id)),
        }
    }
}

/// Digits that follow from a text.
fn digits(kind: &str, of: &str) -> String {
    let digest = Sha1::digest(format!("{kind} {of}"));
    let digits = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

impl Session {
    /// A session that has just been connected.
    #[must_use]
    pub fn new(setup: Arc<Twilio>) -> Session {
        Session {
            setup,
            names: Names::default(),
            parameters: Vec::new(),
            next: 1,
            chunks: 0,
            head: String::new(),
            tail: String::new(),
            heard_ns: i64::MIN,
            marks: VecDeque::new(),
            mark_bytes: 0,
            has_stopped: false,
        }
    }

    /// A webhook has the bot told this, besides what the user has; where both have a name, the user does.
    pub fn add_parameters(&mut self, parameters: Vec<(String, String)>) {
        self.parameters = parameters;
    }

    /// The messages that say what the session is. Its names follow from the session's own.
    #[must_use]
    pub fn start(&mut self, start: &Start) -> Vec<Bytes> {
        self.names = Names::of(&self.setup, start);
        self.tail = format!("\"}},\"streamSid\":{}}}", json!(self.names.stream_sid));
        let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"});
        let parameters = std::mem::take(&mut self.parameters).into_iter();
        let parameters = parameters.map(|(name, value)| (name, Value::String(value)));
        let mut parameters: Map<String, Value> = parameters.collect();
        if let Some(Value::Object(own)) = self.setup.start.get("customParameters") {
            parameters.extend(own.clone());
        }
        let start = json!({
            "accountSid": self.names.account_sid,
            "streamSid": self.names.stream_sid,
            "callSid": self.names.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {
                "encoding": ENCODING,
                "sampleRate": FORMAT.rate.0,
                "channels": 1,
            },
            "customParameters": parameters,
        });
        let connected = connected.to_string().into();
        vec![connected, self.message("start", "start", start)]
    }

    /// A message with the next number.
    fn message(&mut self, event: &str, member: &str, value: Value) -> Bytes {
        let mut message = json!({
            "event": event,
            "sequenceNumber": self.next.to_string(),
            "streamSid": self.names.stream_sid,
        });
        message[member] = value;
        self.next += 1;
        message.to_string().into()
    }

    /// What stands before and after the audio of the next chunk.
    pub fn around_audio(&mut self) -> (&[u8], &[u8]) {
        use std::fmt::Write as _;
        let (number, chunk) = (self.next, self.chunks + 1);
        let at_ms = self.chunks * (CHUNK_NS / NS_PER_MS).unsigned_abs();
        self.head.clear();
        // It is written into memory.
        let _ = write!(
            self.head,
            "{{\"event\":\"media\",\"sequenceNumber\":\"{number}\",\"media\":{{\"track\":\"inbound\",\
             \"chunk\":\"{chunk}\",\"timestamp\":\"{at_ms}\",\"payload\":\""
        );
        (self.head.as_bytes(), self.tail.as_bytes())
    }

    /// The chunk was taken.
    pub fn audio_taken(&mut self) {
        self.next += 1;
        self.chunks += 1;
    }

    /// The caller hangs up.
    pub fn end_of_input(&mut self) -> EndOfInput {
        self.has_stopped = true;
        let stop = json!({"accountSid": self.names.account_sid, "callSid": self.names.call_sid});
        EndOfInput::Messages(vec![self.message("stop", "stop", stop)])
    }

    /// The next mark that the caller has heard by now.
    pub fn owed(&mut self, now_ns: i64) -> Option<Owed> {
        let (_, name) = self
            .marks
            .pop_front_if(|(due_ns, _)| !self.has_stopped && *due_ns <= now_ns)?;
        self.mark_bytes -= MARK_BYTES + name.len();
        let message = self.message("mark", "mark", json!({"name": name}));
        Some(Owed {
            message,
            is_template: false,
        })
    }

    /// When the next mark is heard.
    #[must_use]
    pub fn owed_at(&self) -> Option<i64> {
        let next = self.marks.front().filter(|_| !self.has_stopped);
        next.map(|(due_ns, _)| *due_ns)
    }

    /// Reads a message of the bot.
    ///
    /// # Errors
    /// Why it is none of the protocol.
    pub fn decode(&mut self, at_ns: i64, message: &[u8]) -> Result<Reply, &'static str> {
        let (what, kind) = match bot::read(message)? {
            Message::Media(pcm) => {
                let samples = Samples(pcm.len() as u64 / 2);
                let from_ns = self.heard_ns.max(at_ns);
                self.heard_ns = from_ns.saturating_add(samples.duration_ns(FORMAT.rate));
                (ServerMessage::Audio(pcm), "audio")
            }
            Message::Mark(name) => {
                self.mark(at_ns, name)?;
                (ServerMessage::Unknown, "mark")
            }
            Message::Clear => {
                self.heard_ns = self.heard_ns.min(at_ns);
                for (due_ns, _) in &mut self.marks {
                    *due_ns = at_ns.min(*due_ns);
                }
                (ServerMessage::Cleared, "cleared")
            }
            Message::Other => (ServerMessage::Unknown, "unknown"),
        };
        Ok(Reply {
            what,
            about: None,
            kind,
            detail: String::new(),
        })
    }

    fn mark(&mut self, at_ns: i64, name: String) -> Result<(), &'static str> {
        if self.has_stopped {
            return Ok(());
        }
        self.mark_bytes += MARK_BYTES + name.len();
        if self.mark_bytes > MOST_MARK_BYTES {
            return Err("the bot has more marks wait than 1 MiB holds");
        }
        self.marks.push_back((self.heard_ns.max(at_ns), name));
        Ok(())
    }
}
