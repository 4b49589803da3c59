//! One session: listens, answers what it heard or what it is asked to, and is interrupted.
//!
//! Listening goes on while an answer is sent. Nothing waits for the client but the events themselves, of
//! which only so many are kept: with more, the connection is not read on.

use std::collections::VecDeque;

use rand::RngExt;

use super::ear::{Ear, Noticed};
use super::opened::Opened;
use crate::conversation::message::ServerMessage;
use crate::dialect::realtime::server::dialogue::Dialogue;
use crate::dialect::realtime::server::fault::Fault;
use crate::dialect::realtime::server::item::{Role, What};
use crate::dialect::realtime::server::request::{ClientEvent, Request};
use crate::dialect::realtime::server::response::End;
use crate::gateway::answer::{sleep_until, transcript_delay_ns};
use crate::gateway::answering::{Answering, next_part};
use crate::gateway::counters::GatewayCounters;
use crate::gateway::inbox::Inbox;
use crate::gateway::outbox::{Broken, Outbox};
use crate::gateway::shared::Shared;
use crate::gateway::spec::RealtimeSpec;
use crate::gateway::turn::{Turn, Utterance};
use crate::pcm::codec::Codec;
use crate::units::NS_PER_MS;

/// Utterances that may wait for their answer; with more, the connection is not read on.
const MOST_WAITING: usize = 16;

/// Events that may wait for the client, and their bytes; with more, the connection is not read on.
const MOST_EVENTS: usize = 256;
const MOST_EVENT_BYTES: usize = 1 << 20;

/// An answer goes on while fewer events than this wait for the client.
const ANSWER_AHEAD: usize = 16;

/// Less audio than this is no utterance.
const LEAST_COMMITTED_NS: i64 = 100 * NS_PER_MS;

/// The stream of a turn's generator by which calls of functions are drawn, so that without them nothing
/// changes.
const TOOLS: u64 = 2;

/// The function that is called where the session names none.
const TOOL: &str = "look_up_order";

/// What a function is called with.
const ARGUMENTS: &str = r#"{"order_id":"4711"}"#;

/// Holds one session until the client ends it.
pub(super) async fn converse(
    shared: &Shared,
    spec: &RealtimeSpec,
    opened: Opened,
    inbox: &mut Inbox<ClientEvent>,
    outbox: &Outbox<String>,
) -> Result<(), Broken> {
    let mut call = Call::new(shared, spec, inbox.session_id(), opened);
    loop {
        call.begin_next_answer();
        let has_events = call.dialogue.waiting().0 > 0;
        let answers = call.dialogue.waiting().0 < ANSWER_AHEAD;
        let due_ns = call.late.iter().map(|late| late.due_ns).min();
        tokio::select! {
            // What arrives is stamped before anything else is done.
            biased;
            event = inbox.next(), if call.is_listening() => match event? {
                Some(event) => call.follow(event),
                None => return Ok(()),
            },
            sent = outbox.send_when_taken(|| call.dialogue.next_event()), if has_events => sent?,
            () = until(due_ns), if due_ns.is_some() => call.transcribe(due_ns),
            part = next_part(&mut call.answering), if answers => call.go_on(part),
        }
    }
}

async fn until(due_ns: Option<i64>) {
    if let Some(due_ns) = due_ns {
        sleep_until(due_ns).await;
    }
}

/// A turn and what is answered of it.
struct Asked {
    turn: Turn,
    heard_ms: u64,
}

/// A transcript that is not there yet.
struct Late {
    due_ns: i64,
    item_id: String,
    transcript: String,
    heard_ms: u64,
}

struct Call<'a> {
    shared: &'a Shared,
    spec: &'a RealtimeSpec,
    session_id: String,
    dialogue: Dialogue,
    ear: Ear,
    turns: u32,
    greeted: bool,
    /// The utterance that is being heard.
    current: Option<Utterance>,
    /// What is answered when the client asks for it.
    unanswered: Option<Asked>,
    /// What is answered next.
    waiting: VecDeque<Asked>,
    answering: Option<Answering<'a>>,
    /// The answer under way calls a function.
    calls: bool,
    /// The client told what a function gave: the answer to that calls none.
    told: bool,
    late: Vec<Late>,
}

impl<'a> Call<'a> {
    fn new(
        shared: &'a Shared,
        spec: &'a RealtimeSpec,
        session_id: String,
        opened: Opened,
    ) -> Call<'a> {
        let Opened {
            model,
            transcribes_only,
            names,
        } = opened;
        let silence_ns = shared.spec.endpoint_silence_ns;
        let silence_ms = (silence_ns.max(0) / NS_PER_MS).unsigned_abs();
        let mut dialogue = Dialogue::open(&session_id, &model, transcribes_only, silence_ms);
        dialogue.call_events_by(names);
        let early_ns = shared.spec.early_endpoint_ns;
        Call {
            ear: Ear::new(dialogue.settings(), silence_ns, early_ns),
            shared,
            spec,
            session_id,
            dialogue,
            turns: 0,
            greeted: false,
            current: None,
            unanswered: None,
            waiting: VecDeque::new(),
            answering: None,
            calls: false,
            told: false,
            late: Vec::new(),
        }
    }

    fn is_listening(&self) -> bool {
        let (events, bytes) = self.dialogue.waiting();
        events < MOST_EVENTS && bytes < MOST_EVENT_BYTES && self.waiting.len() < MOST_WAITING
    }

    /// Does what an event asks, or says why not.
    fn follow(&mut self, event: ClientEvent) {
        let followed = event.asks.and_then(|request| self.obey(request));
        if let Err(fault) = followed {
            GatewayCounters::count(&self.shared.counters.errors);
            self.dialogue.refuse(&fault, event.event_id.as_deref());
        }
    }

    fn obey(&mut self, request: Request) -> Result<(), Fault> {
        match request {
            Request::Append(audio) => {
                for noticed in self.ear.hear(&audio) {
                    self.notice(noticed);
                }
                Ok(())
            }
            Request::Update(update) => self.set(&update),
            Request::Commit { .. } => self.commit(),
            Request::Clear => {
                self.ear.set(self.dialogue.settings());
                self.current = None;
                self.dialogue.clear();
                Ok(())
            }
            Request::Respond => self.respond(),
            Request::Cancel => {
                if !self.dialogue.is_answering() {
                    let reason = "Cancellation failed: no active response found.";
                    return Err(Fault::new("response_cancel_not_active", reason));
                }
                self.break_off(&End::Cancelled);
                Ok(())
            }
            Request::Create { id, what } => self.create(id, what),
            Request::Truncate {
                item_id,
                content_index,
                audio_end_ms,
            } => self
                .dialogue
                .truncate(&item_id, content_index, audio_end_ms),
            Request::Delete(item_id) => self.dialogue.delete(&item_id),
            Request::Retrieve(item_id) => self.dialogue.retrieve(&item_id),
        }
    }

    fn set(&mut self, update: &serde_json::Map<String, serde_json::Value>) -> Result<(), Fault> {
        let before = self.dialogue.settings();
        let (input, detection) = (before.input, before.detection);
        self.dialogue.update(update)?;
        let settings = self.dialogue.settings();
        if (settings.input, settings.detection) != (input, detection) {
            self.ear.set(settings);
            self.current = None;
        }
        if self.spec.greeting && !self.greeted && !settings.transcribes_only {
            let greeting = self.next_utterance().typed(String::new());
            self.waiting.push_back(Asked {
                turn: greeting,
                heard_ms: 0,
            });
        }
        self.greeted = true;
        Ok(())
    }

    fn notice(&mut self, noticed: Noticed) {
        match noticed {
            Noticed::Began { from_ms } => {
                self.dialogue.speech_started(from_ms);
                self.current = Some(self.next_utterance());
                let detection = self.dialogue.settings().detection;
                if detection.is_some_and(|detection| detection.interrupts) {
                    self.break_off(&End::Interrupted);
                }
            }
            Noticed::Ended { at_ms, speech_ns } => {
                self.dialogue.speech_stopped(at_ms);
                let asked = self.heard(speech_ns);
                let settings = self.dialogue.settings();
                if settings.transcribes_only {
                    return;
                }
                match settings.detection {
                    Some(detection) if detection.answers => self.waiting.push_back(asked),
                    _ => self.unanswered = Some(asked),
                }
            }
        }
    }

    /// What was heard is an utterance, so long.
    fn heard(&mut self, speech_ns: i64) -> Asked {
        let utterance = match self.current.take() {
            Some(utterance) => utterance,
            None => self.next_utterance(),
        };
        let turn = utterance.spoken(speech_ns);
        let heard_ms = (speech_ns / NS_PER_MS).unsigned_abs();
        let item_id = self.dialogue.commit();
        self.ear.empty();
        if self.dialogue.settings().transcription
            && let Some(ended_ns) = turn.ended_ns
        {
            let delay_ns = transcript_delay_ns(self.shared, &turn);
            self.late.push(Late {
                due_ns: ended_ns
                    .saturating_add(delay_ns)
                    .saturating_add(self.spec.late_transcripts_ns),
                item_id,
                transcript: turn.text.clone(),
                heard_ms,
            });
        }
        Asked { turn, heard_ms }
    }

    fn commit(&mut self) -> Result<(), Fault> {
        let buffered_ns = self.ear.buffered_ns();
        if buffered_ns < LEAST_COMMITTED_NS {
            let buffered_ms = buffered_ns as f64 / NS_PER_MS as f64;
            return Err(Fault::new(
                "input_audio_buffer_commit_empty",
                format!(
                    "Error committing input audio buffer: buffer too small. Expected at least 100ms of \
                     audio, but buffer only has {buffered_ms:.2}ms of audio."
                ),
            ));
        }
        let asked = self.heard(buffered_ns);
        self.ear.set(self.dialogue.settings());
        self.unanswered = Some(asked);
        Ok(())
    }

    fn create(&mut self, id: Option<String>, what: What) -> Result<(), Fault> {
        let text = what.written();
        let told = matches!(what, What::FunctionCallOutput { .. });
        let asks = matches!(
            what,
            What::Message {
                role: Role::User,
                ..
            }
        );
        self.dialogue.create(id, what)?;
        self.told |= told;
        if asks {
            let turn = self.next_utterance().typed(text);
            self.unanswered = Some(Asked { turn, heard_ms: 0 });
        }
        Ok(())
    }

    fn respond(&mut self) -> Result<(), Fault> {
        if self.dialogue.settings().transcribes_only {
            let reason = "A transcription session answers nothing.";
            return Err(Fault::new("invalid_value", reason));
        }
        if self.dialogue.is_answering() || !self.waiting.is_empty() {
            return Err(Fault::new(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress. Wait until the response is \
                 finished before creating a new one.",
            ));
        }
        let asked = match self.unanswered.take() {
            Some(asked) => asked,
            None => Asked {
                turn: self.next_utterance().typed(String::new()),
                heard_ms: 0,
            },
        };
        self.waiting.push_back(asked);
        Ok(())
    }

    /// Begins to answer what waits, unless an answer is under way.
    fn begin_next_answer(&mut self) {
        if self.answering.is_some() {
            return;
        }
        let Some(Asked { turn, heard_ms }) = self.waiting.pop_front() else {
            return;
        };
        let mut rng = turn.rng.clone();
        rng.set_stream(TOOLS);
        self.calls = rng.random_bool(self.spec.tool_calls) && !std::mem::take(&mut self.told);
        self.dialogue.begin_answer(heard_ms);
        let rate = self.dialogue.settings().output.rate;
        self.answering = Some(Answering::begin(self.shared, turn, rate));
    }

    /// The answer goes on with this message, or ends.
    fn go_on(&mut self, part: Option<ServerMessage>) {
        match part {
            Some(ServerMessage::Text(_)) if self.calls => {
                let settings = self.dialogue.settings();
                let name = settings.tool.clone();
                self.dialogue
                    .call(name.as_deref().unwrap_or(TOOL), ARGUMENTS);
                self.answering = None;
            }
            Some(ServerMessage::Text(words)) => self.dialogue.say(&words),
            Some(ServerMessage::Audio(pcm)) => {
                let settings = self.dialogue.settings();
                match settings.output.codec {
                    _ if settings.text_only => (),
                    Codec::Pcm16 => self.dialogue.sound(&pcm),
                    codec => self
                        .dialogue
                        .sound(&codec.encode(&Codec::Pcm16.decode(&pcm))),
                }
            }
            Some(ServerMessage::Error(reason)) => {
                self.break_off(&End::Failed(Fault::new("server_error", reason)));
            }
            Some(ServerMessage::TurnEnded) | None => self.break_off(&End::Completed),
            // The transcript has its own time, and the rest no event.
            Some(_) => (),
        }
    }

    /// The answer under way, if there is one, ends.
    fn break_off(&mut self, end: &End) {
        self.answering = None;
        self.dialogue.end_answer(end);
    }

    /// Sends the transcripts that are due at that instant.
    fn transcribe(&mut self, due_ns: Option<i64>) {
        let is_due = |late: &mut Late| Some(late.due_ns) <= due_ns;
        for late in self.late.extract_if(.., is_due) {
            self.dialogue
                .transcribe(&late.item_id, &late.transcript, late.heard_ms);
        }
    }

    fn next_utterance(&mut self) -> Utterance {
        let utterance = Utterance::new(self.shared.spec.seed, &self.session_id, self.turns);
        self.turns += 1;
        utterance
    }
}
