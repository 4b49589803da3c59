//! One stream: listens, and answers what it heard, one utterance after another.
//!
//! Listening goes on while an answer is sent. All of it is one future, so that dropping it frees
//! everything, the pipeline slot included.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;

use super::answer;
use super::counters::GatewayCounters;
use super::endpoint::{Endpointer, Heard};
use super::inbox::Inbox;
use super::outbox::{Broken, Outbox};
use super::shared::Shared;
use super::turn::{Turn, Utterance};
use crate::conversation::message::{ClientMessage, ServerMessage, Start};
use crate::units::{SampleRate, Samples};

/// Utterances that may wait for their answer; with more, the stream is not read on.
const MOST_WAITING: usize = 16;

/// Sample rates that callers may use, in Hz.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// Serves one stream to the caller's end of it.
pub(super) async fn serve(
    shared: &Shared,
    inbox: &mut Inbox,
    outbox: &Outbox,
) -> Result<(), Broken> {
    match converse(shared, inbox, outbox).await {
        // A rule that was broken is told as an event; the stream itself ends well.
        Err(Broken::Refused(reason)) => {
            GatewayCounters::count(&shared.counters.errors);
            GatewayCounters::count(&shared.gauges.failed);
            outbox.send(ServerMessage::Error(reason)).await
        }
        ended => ended,
    }
}

/// Holds the conversation of one stream to its end.
async fn converse(shared: &Shared, inbox: &mut Inbox, outbox: &Outbox) -> Result<(), Broken> {
    let Some(ClientMessage::Start(start)) = inbox.next().await? else {
        let reason = "the stream did not begin with `config`; send it before audio or text";
        return Err(Broken::Refused(reason.to_owned()));
    };
    let mut session = Session::new(shared, outbox, start)?;
    outbox.send(ServerMessage::TurnEnded).await?;
    let voices = shared.speech.at(session.rate);
    let mut answering = None;
    loop {
        if answering.is_none() {
            match session.waiting.pop_front() {
                Some(turn) => {
                    answering = Some(Box::pin(answer::give(shared, outbox, &voices, turn)));
                }
                None if session.open => (),
                None => break,
            }
        }
        tokio::select! {
            // What arrives is stamped before anything else is done.
            biased;
            message = inbox.next(), if session.is_listening() => {
                session.hear(message?, answering.is_some())?;
            }
            answered = finished(&mut answering) => {
                answered?;
                answering = None;
            }
        }
    }
    outbox.send(ServerMessage::Done).await
}

/// The answer's end; waits for ever while there is none.
async fn finished<F: Future>(answering: &mut Option<Pin<Box<F>>>) -> F::Output {
    match answering {
        Some(answer) => answer.await,
        None => pending().await,
    }
}

/// What was heard on one stream.
struct Session<'a> {
    shared: &'a Shared,
    outbox: &'a Outbox,
    session_id: String,
    rate: SampleRate,
    endpointer: Endpointer,
    /// The caller has not half-closed.
    open: bool,
    turns: u32,
    /// The utterance that is being heard.
    current: Option<Utterance>,
    waiting: VecDeque<Turn>,
}

impl<'a> Session<'a> {
    fn new(shared: &'a Shared, outbox: &'a Outbox, start: Start) -> Result<Session<'a>, Broken> {
        let rate = match u32::try_from(start.sample_rate_hz) {
            Ok(rate) if RATES_HZ.contains(&rate) => SampleRate(rate),
            _ => {
                let (least, most) = (RATES_HZ.start(), RATES_HZ.end());
                return Err(Broken::Refused(format!(
                    "sample rate {} Hz is not supported; configure {least} to {most} Hz",
                    start.sample_rate_hz
                )));
            }
        };
        let spec = &shared.spec;
        let endpointer = Endpointer::new(rate, spec.endpoint_silence_ns, spec.early_endpoint_ns);
        Ok(Session {
            shared,
            outbox,
            session_id: start.session_id,
            rate,
            endpointer,
            open: true,
            turns: 0,
            current: None,
            waiting: VecDeque::new(),
        })
    }

    fn is_listening(&self) -> bool {
        self.open && self.waiting.len() < MOST_WAITING
    }

    /// Takes in the next message, `None` for the half-close.
    fn hear(&mut self, message: Option<ClientMessage>, answering: bool) -> Result<(), Broken> {
        match message {
            Some(ClientMessage::Audio(pcm)) => {
                for heard in self.endpointer.push(&pcm) {
                    self.notice(heard, answering);
                }
            }
            Some(ClientMessage::Text(text)) => {
                let turn = self.next_utterance().typed(text);
                self.waiting.push_back(turn);
            }
            Some(ClientMessage::Start(_)) => {
                let reason = "`config` came twice; send it once, first";
                return Err(Broken::Refused(reason.to_owned()));
            }
            None => {
                self.open = false;
                if let Some(heard) = self.endpointer.finish() {
                    self.notice(heard, answering);
                }
            }
        }
        Ok(())
    }

    fn notice(&mut self, heard: Heard, answering: bool) {
        let utterance = match self.current.take() {
            Some(utterance) => utterance,
            None => self.next_utterance(),
        };
        match heard {
            Heard::Began(_) => self.current = Some(utterance),
            Heard::Speech(samples) => {
                // A server turn begins with its first transcript: not inside the one before.
                if !answering && self.waiting.is_empty() {
                    let text = utterance.interim(self.heard_ns(samples));
                    self.outbox.offer(ServerMessage::transcript(text));
                }
                self.current = Some(utterance);
            }
            Heard::EndOfSpeech { length, .. } => {
                let turn = utterance.spoken(self.heard_ns(length));
                self.waiting.push_back(turn);
            }
        }
    }

    fn heard_ns(&self, samples: Samples) -> i64 {
        samples.duration_ns(self.rate)
    }

    fn next_utterance(&mut self) -> Utterance {
        let utterance = Utterance::new(self.shared.spec.seed, &self.session_id, self.turns);
        self.turns += 1;
        utterance
    }
}
