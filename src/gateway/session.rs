//! One stream: listens, and answers what it heard, one utterance after another.
//!
//! Listening goes on while an answer is sent. All of it is one future, so that dropping it frees
//! everything, the pipeline slot included.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tonic::Status;

use super::endpoint::{Endpointer, Heard};
use super::inbox::Inbox;
use super::service::Shared;
use super::tally::Tally;
use super::turn::{Turn, Utterance};
use super::{answer, message};
use crate::units::{SampleRate, Samples};
use crate::wire::voice_workflow::client_message::Content;
use crate::wire::voice_workflow::{EventType, ServerMessage, VoiceConfig};

/// Utterances that may wait for their answer; with more, the stream is not read on.
const MOST_WAITING: usize = 16;

/// Sample rates that callers may use, in Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// The caller has gone: nothing more can be sent or received.
#[derive(Debug)]
pub(super) struct Gone;

impl From<Status> for Gone {
    fn from(_: Status) -> Gone {
        Gone
    }
}

/// Where the server's messages go; waits while the caller does not take them.
#[derive(Clone)]
pub(super) struct Outbox(mpsc::Sender<Result<ServerMessage, Status>>);

impl Outbox {
    pub(super) fn new(messages: mpsc::Sender<Result<ServerMessage, Status>>) -> Outbox {
        Outbox(messages)
    }

    pub(super) async fn send(&self, message: ServerMessage) -> Result<(), Gone> {
        self.0.send(Ok(message)).await.map_err(|_| Gone)
    }

    /// Sends what may as well be left out: a caller that does not read misses it.
    fn offer(&self, message: ServerMessage) {
        let _ = self.0.try_send(Ok(message));
    }

    fn abort(&self, status: Status) {
        let _ = self.0.try_send(Err(status));
    }
}

/// Serves one stream to its end, or until the gateway stops.
pub(super) async fn run(shared: Arc<Shared>, mut inbox: Inbox, outbox: Outbox) {
    Tally::count(&shared.tally.streams);
    tokio::select! {
        end = serve(&shared, &mut inbox, &outbox) => {
            if end.is_ok() {
                Tally::count(&shared.tally.ended);
            }
        }
        () = shared.stop.cancelled() => {
            outbox.abort(Status::unavailable("the gateway is shutting down"));
        }
    }
}

async fn serve(shared: &Arc<Shared>, inbox: &mut Inbox, outbox: &Outbox) -> Result<(), Gone> {
    let refusal = match inbox.next().await? {
        Some(Content::Config(config)) => match Session::new(shared, outbox, config) {
            Ok(session) => match session.converse(inbox).await? {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        },
        _ => "the stream did not begin with `config`; send it before audio or text".to_owned(),
    };
    Tally::count(&shared.tally.errors);
    outbox.send(message::error(refusal)).await
}

struct Session<'a> {
    shared: &'a Arc<Shared>,
    outbox: &'a Outbox,
    config: VoiceConfig,
    rate: SampleRate,
    endpointer: Endpointer,
    turns: u32,
    /// The utterance that is being heard.
    current: Option<Utterance>,
    waiting: VecDeque<Turn>,
}

impl<'a> Session<'a> {
    fn new(
        shared: &'a Arc<Shared>,
        outbox: &'a Outbox,
        config: VoiceConfig,
    ) -> Result<Session<'a>, String> {
        let rate = u32::try_from(config.sample_rate)
            .ok()
            .filter(|rate| RATES_HZ.contains(rate))
            .map(SampleRate)
            .ok_or_else(|| {
                format!(
                    "sample rate {} Hz is not supported; configure {} to {} Hz",
                    config.sample_rate,
                    RATES_HZ.start(),
                    RATES_HZ.end()
                )
            })?;
        let spec = &shared.spec;
        let endpointer = Endpointer::new(rate, spec.endpoint_silence_ns, spec.early_endpoint_ns);
        Ok(Session {
            shared,
            outbox,
            rate,
            endpointer,
            config,
            turns: 0,
            current: None,
            waiting: VecDeque::new(),
        })
    }

    /// Holds the conversation to its end, or until a message that has no place in it.
    async fn converse(mut self, inbox: &mut Inbox) -> Result<Result<(), String>, Gone> {
        self.outbox
            .send(message::event(EventType::Listening))
            .await?;
        let voices = self.shared.speech.at(self.rate);
        let mut answering = None;
        let mut open = true;
        loop {
            if answering.is_none() {
                match self.waiting.pop_front() {
                    Some(turn) => {
                        let voices = Arc::clone(&voices);
                        let answer = answer::give(self.shared, self.outbox, voices, turn);
                        answering = Some(Box::pin(answer));
                    }
                    None if open => (),
                    None => break,
                }
            }
            tokio::select! {
                biased;
                message = inbox.next(), if open && self.waiting.len() < MOST_WAITING => {
                    match message? {
                        Some(Content::AudioChunk(pcm)) => {
                            for heard in self.endpointer.push(&pcm) {
                                self.notice(heard, answering.is_some());
                            }
                        }
                        Some(Content::TextInput(text)) => {
                            let turn = self.next_utterance().typed(text);
                            self.waiting.push_back(turn);
                        }
                        Some(Content::Config(_)) => {
                            return Ok(Err("`config` came twice; send it once, first".to_owned()));
                        }
                        None => {
                            open = false;
                            if let Some(heard) = self.endpointer.finish() {
                                self.notice(heard, answering.is_some());
                            }
                        }
                    }
                }
                answered = finished(&mut answering) => {
                    answered?;
                    answering = None;
                }
            }
        }
        self.outbox
            .send(message::event(EventType::EndOfTurn))
            .await?;
        Ok(Ok(()))
    }

    fn notice(&mut self, heard: Heard, answering: bool) {
        let utterance = match self.current.take() {
            Some(utterance) => utterance,
            None => self.next_utterance(),
        };
        match heard {
            Heard::Speech(samples) => {
                // A server turn begins with its first transcript: not inside the one before.
                if !answering && self.waiting.is_empty() {
                    let text = utterance.interim(self.heard_ns(samples));
                    self.outbox.offer(message::transcript(text));
                }
                self.current = Some(utterance);
            }
            Heard::EndOfSpeech(samples) => {
                let turn = utterance.spoken(self.heard_ns(samples));
                self.waiting.push_back(turn);
            }
        }
    }

    fn heard_ns(&self, samples: Samples) -> i64 {
        samples.duration_ns(self.rate)
    }

    fn next_utterance(&mut self) -> Utterance {
        let seed = self.shared.spec.seed;
        let utterance = Utterance::new(seed, &self.config.session_id, self.turns);
        self.turns += 1;
        utterance
    }
}

/// The answer's end; waits for ever while there is none.
async fn finished<F: Future>(answering: &mut Option<Pin<Box<F>>>) -> F::Output {
    match answering {
        Some(answer) => answer.await,
        None => pending().await,
    }
}
