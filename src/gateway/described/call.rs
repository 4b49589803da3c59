//! One session: listens, and answers what it heard as far as the description has words for it.
//!
//! Listening goes on while an answer is sent. Nothing waits for the client but the messages themselves, of which only
//! so many are kept: with more, the connection is not read on.

use std::collections::VecDeque;

use crate::conversation::answer::AnsweredBy;
use crate::conversation::message::ServerMessage;
use crate::dialect::Carrier;
use crate::dialect::described::{Said, Server, Told};
use crate::gateway::answering::{Answering, next_part};
use crate::gateway::counters::GatewayCounters;
use crate::gateway::endpoint::{Endpointer, Heard};
use crate::gateway::inbox::Inbox;
use crate::gateway::outbox::{Abort, Broken, Outbox};
use crate::gateway::shared::Shared;
use crate::gateway::turn::{Turn, Utterance};
use crate::pcm::codec::Codec;
use crate::units::{NS_PER_S, SampleRate};

/// Utterances that may wait for their answer; with more, the connection is not read on.
const MOST_WAITING: usize = 16;

/// Messages that may wait for the client; with more, the connection is not read on.
const MOST_UNSENT: usize = 256;

/// An answer goes on, and interim transcripts are sent, while fewer messages than this wait for the client.
const ANSWER_AHEAD: usize = 16;

/// Sample rates that clients may use, in Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// Silence that ends no utterance of a client who says where they end.
const NEVER_NS: i64 = 24 * 3_600 * NS_PER_S;

/// Holds one session until the client closes it, or has said that nothing more comes and all was answered.
pub(super) async fn converse(
    shared: &Shared,
    server: &Server,
    inbox: &mut Inbox<Told>,
    outbox: &Outbox<Said>,
) -> Result<(), Broken> {
    let mut call = Call::new(shared, server, inbox.session_id());
    if !server.is_opened() {
        call.start(None);
    }
    loop {
        call.begin_next_answer();
        if call.is_over() {
            return Ok(());
        }
        let (has_messages, goes_on) = (!call.unsent.is_empty(), call.unsent.len() < ANSWER_AHEAD);
        tokio::select! {
            // What arrives is stamped before anything else is done.
            biased;
            told = inbox.next(), if call.is_listening() => match told? {
                Some(Told::Started { sample_rate_hz, .. }) => {
                    call.session_id = inbox.session_id();
                    call.start(sample_rate_hz);
                }
                Some(Told::TooLong) => return Err(Broken::Unreadable(Abort::TooLong)),
                Some(told) => call.follow(told),
                // Over gRPC it still reads.
                None if server.nature().carrier == Carrier::Http2 => call.end(),
                None => return Ok(()),
            },
            sent = outbox.send_when_taken(|| call.unsent.pop_front()), if has_messages => sent?,
            part = next_part(&mut call.answering), if goes_on => call.go_on(part),
        }
    }
}

struct Call<'a> {
    shared: &'a Shared,
    server: &'a Server,
    session_id: String,
    /// Of the client's audio.
    rate: SampleRate,
    /// There is none before the session is open.
    endpointer: Option<Endpointer>,
    /// The client has said all: nothing more is read.
    has_ended: bool,
    /// All is said: the session ends once it is sent.
    is_done: bool,
    turns: u32,
    /// The utterance that is being heard.
    current: Option<Utterance>,
    waiting: VecDeque<Turn>,
    answering: Option<Answering<'a>>,
    unsent: VecDeque<Said>,
}

impl<'a> Call<'a> {
    fn new(shared: &'a Shared, server: &'a Server, session_id: String) -> Call<'a> {
        Call {
            shared,
            server,
            session_id,
            rate: SampleRate::PREPARED,
            endpointer: None,
            has_ended: false,
            is_done: false,
            turns: 0,
            current: None,
            waiting: VecDeque::new(),
            answering: None,
            unsent: VecDeque::new(),
        }
    }

    fn is_listening(&self) -> bool {
        let has_room = self.waiting.len() < MOST_WAITING && self.unsent.len() < MOST_UNSENT;
        has_room && !self.has_ended
    }

    fn is_over(&self) -> bool {
        self.is_done && self.unsent.is_empty()
    }

    /// The session is open, with audio of this rate where its client says it.
    fn start(&mut self, sample_rate_hz: Option<u32>) {
        let said_hz = sample_rate_hz.unwrap_or(SampleRate::PREPARED.0);
        let format = self.server.nature().input;
        let rate_hz = format.map_or(said_hz, |format| format.rate.0);
        if !RATES_HZ.contains(&rate_hz) {
            let (least, most) = (RATES_HZ.start(), RATES_HZ.end());
            GatewayCounters::count(&self.shared.counters.errors);
            GatewayCounters::count(&self.shared.gauges.failed);
            self.say(&ServerMessage::Error(format!(
                "sample rate {rate_hz} Hz is not supported; configure {least} to {most} Hz"
            )));
            (self.has_ended, self.is_done) = (true, true);
            return;
        }
        self.rate = SampleRate(rate_hz);
        let spec = &self.shared.spec;
        let (silence_ns, early_ns) = match self.server.is_told_ends() {
            true => (NEVER_NS, None),
            false => (spec.endpoint_silence_ns, spec.early_endpoint_ns),
        };
        self.endpointer = Some(Endpointer::new(self.rate, silence_ns, early_ns));
        self.say(&ServerMessage::Ready);
    }

    fn follow(&mut self, told: Told) {
        match told {
            Told::Audio(coded) => {
                if self.endpointer.is_none() {
                    self.start(None);
                }
                let pcm = match self.server.codec() {
                    Codec::Pcm16 => coded,
                    codec => Codec::Pcm16.encode(&codec.decode(&coded)).into(),
                };
                let heard = self.endpointer.as_mut().map(|ear| ear.push(&pcm));
                for heard in heard.unwrap_or_default() {
                    self.notice(heard);
                }
            }
            Told::Text(text) => {
                let turn = self.next_utterance().typed(text);
                self.waiting.push_back(turn);
            }
            Told::EndOfUtterance => {
                // It is answered even if no speech was found in it.
                if !self.finish() {
                    let turn = self.utterance().spoken(0);
                    self.waiting.push_back(turn);
                }
            }
            Told::EndOfInput => self.end(),
            Told::Started { .. } | Told::Other | Told::TooLong => {}
        }
    }

    /// The client has said all.
    fn end(&mut self) {
        self.finish();
        self.has_ended = true;
    }

    /// What is being heard has ended; whether it was anything.
    fn finish(&mut self) -> bool {
        let heard = self.endpointer.as_mut().and_then(Endpointer::finish);
        heard.map(|heard| self.notice(heard)).is_some()
    }

    fn notice(&mut self, heard: Heard) {
        let utterance = self.utterance();
        match heard {
            Heard::Began(_) => {
                self.current = Some(utterance);
                if self.server.can_clear() && self.answering.take().is_some() {
                    self.say(&ServerMessage::Cleared);
                    self.say(&ServerMessage::TurnEnded);
                }
            }
            Heard::Speech(samples) => {
                // A server turn begins with its first transcript: not inside the one before.
                let is_quiet = self.answering.is_none() && self.waiting.is_empty();
                if is_quiet && self.unsent.len() < ANSWER_AHEAD {
                    let text = utterance.interim(samples.duration_ns(self.rate));
                    self.say(&ServerMessage::transcript(text));
                }
                self.current = Some(utterance);
            }
            Heard::EndOfSpeech { length, .. } => {
                let turn = utterance.spoken(length.duration_ns(self.rate));
                self.waiting.push_back(turn);
            }
        }
    }

    /// Begins to answer what waits, unless an answer is under way; after the last one all is said.
    fn begin_next_answer(&mut self) {
        if self.answering.is_some() {
            return;
        }
        if let Some(turn) = self.waiting.pop_front() {
            let rate = self.server.nature().output.unwrap_or(self.rate);
            self.answering = Some(Answering::begin(self.shared, turn, rate));
        } else if self.has_ended && !self.is_done {
            self.is_done = true;
            self.say(&ServerMessage::Done);
        }
    }

    /// The answer goes on with this message, or ends.
    fn go_on(&mut self, part: Option<ServerMessage>) {
        let Some(message) = part else {
            self.answering = None;
            return;
        };
        self.say(&message);
        let only_listens = self.server.nature().answered_by == AnsweredBy::Transcript;
        if only_listens && message.is_final_transcript() {
            GatewayCounters::count(&self.shared.counters.answers);
            self.answering = None;
            self.say(&ServerMessage::TurnEnded);
        }
    }

    /// What the description has no words for is not said.
    fn say(&mut self, message: &ServerMessage) {
        self.unsent.extend(self.server.say(message));
    }

    /// The utterance that is being heard, or a new one.
    fn utterance(&mut self) -> Utterance {
        let current = self.current.take();
        current.unwrap_or_else(|| self.next_utterance())
    }

    fn next_utterance(&mut self) -> Utterance {
        let utterance = Utterance::new(self.shared.spec.seed, &self.session_id, self.turns);
        self.turns += 1;
        utterance
    }
}
