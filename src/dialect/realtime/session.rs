//! One session: what it sends beside audio, and what it must remember for that. What it hears is in
//! `listening`.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::client_events::{self as client, ClientEvents};
use super::heard::Heard;
use super::item_names::Names;
use super::profile::Profile;
use super::response::{Call, Response};
use super::setup::Realtime;
use crate::conversation::message::ItemId;
use crate::dialect::sending::{Debts, EndOfInput, Owed, Part};

/// One session.
#[derive(Debug)]
pub struct Session {
    pub(super) setup: Arc<Realtime>,
    pub(super) events: ClientEvents,
    pub(super) stage: Stage,
    pub(super) names: Names,
    /// Commits that the server has not confirmed, in order.
    pub(super) commits: VecDeque<Commit>,
    /// Typed texts of which the server has not named the item.
    pub(super) typed: usize,
    /// The item that the caller said last.
    pub(super) latest_heard: Option<ItemId>,
    pub(super) response: Response,
    /// The response whose calls were answered, until the next one begins, which goes on with it.
    pub(super) continues: Option<ItemId>,
    pub(super) heard: Heard,
    /// What plays next is another answer.
    pub(super) is_answer_over: bool,
    /// The utterance of which vLLM's transcript is to come; what is sent before it is lost.
    pub(super) awaits_transcript: Option<usize>,
    /// How many utterances the caller will say.
    pub(super) utterances: usize,
    /// When the latest event came.
    pub(super) at_ns: i64,
    owed: Debts,
}

/// How far the session is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The server has not said anything.
    Connected,
    /// The server has made a session.
    Created,
    /// It was told what the session is to be.
    Started,
    /// It has agreed.
    Ready,
}

/// The caller's word that an utterance ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit {
    /// Number of the event.
    pub(super) event: u64,
    pub(super) turn: usize,
}

impl Session {
    /// A session that has just been connected, in which so many utterances will be said.
    #[must_use]
    pub fn new(setup: Arc<Realtime>, utterances: usize) -> Session {
        Session {
            events: ClientEvents::new(setup.profile != Profile::Vllm),
            setup,
            stage: Stage::Connected,
            names: Names::default(),
            commits: VecDeque::new(),
            typed: 0,
            latest_heard: None,
            response: Response::default(),
            continues: None,
            heard: Heard::default(),
            is_answer_over: false,
            awaits_transcript: None,
            utterances,
            at_ns: 0,
            owed: Debts::default(),
        }
    }

    /// Whether the server has said that this may be sent.
    #[must_use]
    pub fn may_send(&self, part: Part) -> bool {
        match part {
            Part::Start => self.stage >= Stage::Created,
            Part::Rest => self.stage == Stage::Ready && self.awaits_transcript.is_none(),
        }
    }

    /// The messages that say what the session is. vLLM never confirms them, and is told at once that the first
    /// utterance begins.
    pub fn start(&mut self) -> Vec<Bytes> {
        let mut session = self.setup.session.clone();
        if self.setup.profile != Profile::Vllm {
            self.stage = self.stage.max(Stage::Started);
            let update = json!({"type": "session.update", "session": session});
            return vec![self.events.make(update)];
        }
        self.stage = Stage::Ready;
        session["type"] = json!("session.update");
        let mut messages = vec![self.events.make(session)];
        messages.extend(self.open());
        messages.push(self.events.make(client::commit()));
        messages
    }

    /// The messages of what is typed instead of spoken; none where the server only transcribes.
    pub fn text(&mut self, text: &str) -> Vec<Bytes> {
        if !self.setup.profile.answers() {
            return Vec::new();
        }
        self.typed += 1;
        let messages = [client::typed(text), client::respond()];
        messages.map(|message| self.events.make(message)).into()
    }

    /// The messages that end utterance `turn`; none with an open microphone.
    pub fn end_of_utterance(&mut self, turn: usize) -> Vec<Bytes> {
        if !self.setup.is_push_to_talk {
            return Vec::new();
        }
        if self.setup.profile == Profile::Vllm {
            self.awaits_transcript = Some(turn);
            return vec![self.events.make(client::final_commit())];
        }
        let mut messages = vec![self.events.make(client::commit())];
        let event = self.events.latest();
        self.commits.push_back(Commit { event, turn });
        if self.setup.profile.answers() {
            messages.push(self.events.make(client::respond()));
        }
        messages
    }

    /// Nothing says that no more comes: the caller closes the connection.
    pub fn end_of_input(&mut self) -> EndOfInput {
        EndOfInput::Messages(Vec::new())
    }

    /// What is said at once when the caller stops hearing the answer that is playing, of which so much was not
    /// heard. With an open microphone the server has stopped by itself.
    pub fn interrupted(&mut self, unheard_ns: i64) -> Vec<Bytes> {
        let mut said = Vec::new();
        if self.setup.is_push_to_talk && std::mem::take(&mut self.response.is_active) {
            said.push(self.events.make(client::cancel()));
        }
        let place = self.heard.cut(unheard_ns, self.setup.format);
        if let Some(place) = place
            && let Some(item) = self.names.name(place.item)
        {
            let truncate = client::truncate(item, place.content_index, place.at_ms);
            said.push(self.events.make(truncate));
        }
        said
    }

    /// The next message that is owed by now.
    pub fn owed(&mut self, now_ns: i64) -> Option<Owed> {
        self.owed.take(now_ns)
    }

    /// When the next message is owed.
    #[must_use]
    pub fn owed_at(&self) -> Option<i64> {
        self.owed.due_ns()
    }

    pub(super) fn owe(&mut self, after_ns: i64, event: Value) {
        let message = self.events.make(event);
        let owed = Owed {
            message,
            is_template: false,
        };
        self.owed.push(self.at_ns.saturating_add(after_ns), owed);
    }

    /// The server has agreed to the session: what the user wants sent first is owed.
    pub(super) fn owe_opening(&mut self) {
        for message in self.open() {
            let owed = Owed {
                message,
                is_template: true,
            };
            self.owed.push(self.at_ns, owed);
        }
    }

    fn open(&mut self) -> Vec<Bytes> {
        let open = self.setup.open.iter().cloned();
        open.map(|event| self.events.make(event)).collect()
    }

    /// Answers calls of functions, each after its own delay, and asks for what the model says to that.
    pub(super) fn answer(&mut self, calls: Vec<Call>) {
        let Some(tools) = &self.setup.tools else {
            return;
        };
        let outputs = calls.into_iter();
        let mut outputs: Vec<_> = outputs
            .map(|call| (tools.of(&call.function), call.id))
            .collect();
        outputs.sort_by_key(|(canned, _)| canned.delay_ns);
        let last_ns = outputs.last().map_or(0, |(canned, _)| canned.delay_ns);
        for (canned, call_id) in outputs {
            let output = client::function_output(&call_id, &canned.output);
            self.owe(canned.delay_ns, output);
        }
        self.owe(last_ns, client::respond());
        self.continues = self.response.id;
    }
}
