//! A dialect that tests read at a glance: texts as they are, audio as its PCM, replies by name.

use bytes::{Bytes, BytesMut};

use super::nature::{Endpointing, Nature};
use super::sending::{Debts, EndOfInput, Owed, Part};
use crate::conversation::message::{About, ClientMessage, ItemFact, ItemId, Reply, ServerMessage};

pub(super) fn encode(message: ClientMessage) -> Bytes {
    match message {
        ClientMessage::Start(start) => format!("start {}", start.session_id).into(),
        ClientMessage::Audio(pcm) => pcm,
        ClientMessage::Text(text) => text.into(),
    }
}

pub(super) fn put_audio(chunk: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(chunk);
}

/// A session: where the server says when it is ready, nothing follows the start before `ready`.
#[derive(Debug)]
pub struct Session {
    nature: Nature,
    is_ready: bool,
    at_ns: i64,
    owed: Debts,
}

impl Session {
    pub(super) fn new(nature: Nature) -> Session {
        Session {
            nature,
            is_ready: !nature.says_ready,
            at_ns: 0,
            owed: Debts::default(),
        }
    }

    pub(super) fn may_send(&self, part: Part) -> bool {
        self.is_ready || part == Part::Start
    }

    pub(super) fn end_of_utterance(&mut self, turn: usize) -> Vec<Bytes> {
        match self.nature.endpointing {
            Endpointing::Caller => vec![format!("commit {turn}").into()],
            Endpointing::AsTraced | Endpointing::Server => Vec::new(),
        }
    }

    pub(super) fn end_of_input(&mut self) -> EndOfInput {
        match self.nature.caller_ends {
            true => EndOfInput::Messages(Vec::new()),
            false => EndOfInput::HalfClose,
        }
    }

    pub(super) fn interrupted(&mut self, unheard_ns: i64) -> Vec<Bytes> {
        vec![format!("unheard {}", unheard_ns / 1_000_000).into()]
    }

    pub(super) fn owed(&mut self, now_ns: i64) -> Option<Owed> {
        self.owed.take(now_ns)
    }

    pub(super) fn owed_at(&self) -> Option<i64> {
        self.owed.due_ns()
    }

    fn owe(&mut self, after_ns: i64, message: String) {
        let owed = Owed {
            message: message.into(),
            is_template: false,
        };
        self.owed.push(self.at_ns.saturating_add(after_ns), owed);
    }

    /// `NAME` or `NAME text`, with `#ITEM`, `#ITEM<MS`, `#ITEM>MS`, `#ITEM=UTTERANCE`, `#ITEM=` or `#ITEM@BEFORE` before
    /// it where it is about an item: what begins there, ends there, is that utterance, is unprompted, or follows that item.
    pub(super) fn decode(&mut self, at_ns: i64, message: &Bytes) -> Option<Reply> {
        self.at_ns = at_ns;
        let message = std::str::from_utf8(message).ok()?;
        let (about, message) = match message.strip_prefix('#') {
            Some(named) => {
                let (item, rest) = named.split_once(' ')?;
                (Some(about(item)?), rest)
            }
            None => (None, message),
        };
        let (name, text) = message.split_once(' ').unwrap_or((message, ""));
        let text = text.to_owned();
        let (what, kind) = match name {
            "ready" => {
                self.is_ready = true;
                (ServerMessage::Ready, "ready")
            }
            "transcript" => (ServerMessage::transcript(text), "transcript"),
            "final" => {
                let is_final = Some(true);
                (ServerMessage::Transcript { text, is_final }, "transcript")
            }
            "processing" => (ServerMessage::Processing, "processing"),
            "text" => (ServerMessage::Text(text), "llm_text"),
            "speaking" => (ServerMessage::Speaking, "speaking"),
            "audio" => (
                ServerMessage::Audio(vec![64; text.parse().ok()?].into()),
                "audio",
            ),
            "cleared" => (ServerMessage::Cleared, "cleared"),
            "listening" => (ServerMessage::TurnEnded, "listening"),
            "done" => (ServerMessage::Done, "end_of_turn"),
            "error" => (ServerMessage::Error(text), "error"),
            "refused" => (ServerMessage::Refused(text), "error"),
            "call" => {
                self.owe(text.parse().ok()?, "output".to_owned());
                (ServerMessage::Unknown, "unknown")
            }
            "unknown" => (ServerMessage::Unknown, "unknown"),
            _ => return None,
        };
        Some(Reply {
            what,
            about,
            kind,
            detail: String::new(),
        })
    }
}

fn about(item: &str) -> Option<About> {
    let sign = item.find(['<', '>', '=', '@']);
    let (name, rest) = item.split_at(sign.unwrap_or(item.len()));
    let fact = match rest.split_at_checked(1) {
        None => None,
        Some(("<", ms)) => Some(ItemFact::From(ms.parse().ok()?)),
        Some((">", ms)) => Some(ItemFact::Until(ms.parse().ok()?)),
        Some(("=", "")) => Some(ItemFact::Unprompted),
        Some(("=", turn)) => Some(ItemFact::Utterance(turn.parse().ok()?)),
        Some((_, before)) => Some(ItemFact::Follows(ItemId(before.parse().ok()?))),
    };
    let item = ItemId(name.parse().ok()?);
    Some(About { item, fact })
}
