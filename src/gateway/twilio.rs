//! A bot of Twilio Media Streams, served: it hears one caller, answers, and is interrupted.

use std::collections::VecDeque;

use super::answering::{Answering, next_part};
use super::endpoint::{Endpointer, Heard};
use super::inbox::Inbox;
use super::outbox::{Broken, Outbox};
use super::shared::Shared;
use super::spec::BotSpec;
use super::turn::{Turn, Utterance};
use super::websocket::{Frame, Protocol, Request};
use crate::conversation::message::ServerMessage;
use crate::dialect::twilio::server::{self, Event, FORMAT};
use crate::pcm::codec::Codec;

/// Utterances that may wait for their answer; with more, the connection is not read on.
const MOST_WAITING: usize = 16;

/// An answer goes on while fewer messages than this wait for the other side.
const ANSWER_AHEAD: usize = 16;

/// Marks that are waited for.
const MOST_MARKS: usize = 1_024;

/// A bot, as a specification says.
pub(super) struct Bot(pub(super) BotSpec);

impl Protocol for Bot {
    /// None is a message that is none of the protocol.
    type Message = Option<Event>;
    type Reply = String;

    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    fn refused(&self) -> f64 {
        self.0.refused
    }

    fn reader(&self) -> impl FnMut(Frame<'_>) -> Option<Event> + Send + 'static {
        |frame| match frame {
            Frame::Text(text) => server::read(text.as_bytes()),
            Frame::Binary(_) => None,
        }
    }

    async fn converse(
        &self,
        shared: &Shared,
        _request: &Request,
        inbox: &mut Inbox<Option<Event>>,
        outbox: &Outbox<String>,
    ) -> Result<(), Broken> {
        let mut call = Call::new(shared, &self.0, inbox.session_id());
        loop {
            call.begin_next_answer();
            let (has_messages, goes_on) =
                (!call.unsent.is_empty(), call.unsent.len() < ANSWER_AHEAD);
            tokio::select! {
                // What arrives is stamped before anything else is done.
                biased;
                event = inbox.next(), if call.waiting.len() < MOST_WAITING => match event? {
                    Some(event) => event.into_iter().for_each(|event| call.follow(event)),
                    None => return Ok(()),
                },
                sent = outbox.send_when_taken(|| call.unsent.pop_front()), if has_messages => sent?,
                part = next_part(&mut call.answering), if goes_on => call.go_on(part),
            }
        }
    }
}

struct Call<'a> {
    shared: &'a Shared,
    spec: &'a BotSpec,
    session_id: String,
    stream_sid: String,
    endpointer: Endpointer,
    turns: u32,
    /// The utterance that is being heard.
    current: Option<Utterance>,
    waiting: VecDeque<Turn>,
    answering: Option<Answering<'a>>,
    unsent: VecDeque<String>,
    /// Marks that were sent and are not back: what the caller has still to hear.
    marks: VecDeque<String>,
    marked: u64,
}

impl<'a> Call<'a> {
    fn new(shared: &'a Shared, spec: &'a BotSpec, session_id: String) -> Call<'a> {
        let silence_ns = shared.spec.endpoint_silence_ns;
        Call {
            shared,
            spec,
            session_id,
            stream_sid: String::new(),
            endpointer: Endpointer::new(FORMAT.rate, silence_ns, shared.spec.early_endpoint_ns),
            turns: 0,
            current: None,
            waiting: VecDeque::new(),
            answering: None,
            unsent: VecDeque::new(),
            marks: VecDeque::new(),
            marked: 0,
        }
    }

    fn follow(&mut self, event: Event) {
        match event {
            Event::Started { stream_sid, .. } => {
                self.stream_sid = stream_sid;
                if self.spec.greeting {
                    let greeting = self.next_utterance().typed(String::new());
                    self.waiting.push_back(greeting);
                }
            }
            Event::Media(audio) => {
                let pcm = Codec::Pcm16.encode(&FORMAT.codec.decode(&audio));
                for heard in self.endpointer.push(&pcm) {
                    self.notice(heard);
                }
            }
            Event::Heard(name) => {
                if let Some(place) = self.marks.iter().position(|mark| *mark == name) {
                    self.marks.drain(..=place);
                }
            }
            Event::Stopped => {
                self.answering = None;
                self.waiting.clear();
            }
            Event::Other => {}
        }
    }

    fn notice(&mut self, heard: Heard) {
        match heard {
            Heard::Began(_) => {
                self.current = Some(self.next_utterance());
                if self.answering.take().is_some() || !self.marks.is_empty() {
                    self.unsent.clear();
                    self.unsent.push_back(server::clear(&self.stream_sid));
                    self.marks.clear();
                }
            }
            Heard::Speech(_) => {}
            Heard::EndOfSpeech { length, .. } => {
                let utterance = match self.current.take() {
                    Some(utterance) => utterance,
                    None => self.next_utterance(),
                };
                let turn = utterance.spoken(length.duration_ns(FORMAT.rate));
                self.waiting.push_back(turn);
            }
        }
    }

    /// Begins to answer what waits, unless an answer is under way.
    fn begin_next_answer(&mut self) {
        if self.answering.is_none()
            && let Some(turn) = self.waiting.pop_front()
        {
            self.answering = Some(Answering::begin(self.shared, turn, FORMAT.rate));
        }
    }

    fn go_on(&mut self, part: Option<ServerMessage>) {
        match part {
            Some(ServerMessage::Audio(pcm)) => {
                self.marked += 1;
                let name = self.marked.to_string();
                self.unsent.push_back(server::media(&self.stream_sid, &pcm));
                self.unsent.push_back(server::mark(&self.stream_sid, &name));
                self.marks.push_back(name);
                // A caller that sends none back has heard what came long ago.
                if self.marks.len() > MOST_MARKS {
                    self.marks.pop_front();
                }
            }
            // A bot says nothing else of its answer; one that fails stays silent.
            Some(ServerMessage::TurnEnded | ServerMessage::Error(_)) | None => {
                self.answering = None;
            }
            Some(_) => {}
        }
    }

    fn next_utterance(&mut self) -> Utterance {
        let utterance = Utterance::new(self.shared.spec.seed, &self.session_id, self.turns);
        self.turns += 1;
        utterance
    }
}
