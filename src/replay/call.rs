//! One session under way: what is sent, and when.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::{Reason, SendStream};

use super::cursor::{Cursor, Step};
use super::entry::{Message, Passage, TurnStart};
use super::progress::{CallFacts, End, TurnRecord};
use super::script::{Held, Script};
use super::worker::Shared;
use crate::clock::Clock;
use crate::trace::model::{EventKind, EventRow};
use crate::units::{Lag, RunTime, SampleRate, TraceTime};
use crate::wire::dialogue::Dialogue;
use crate::wire::frame::frame;
use crate::wire::voice_workflow::{VoiceConfig, client_message::Content};

/// A session that has started.
pub(super) struct Call {
    pub(super) script: Arc<Script>,
    pub(super) facts: CallFacts,
    pub(super) end: Option<End>,
    pub(super) cursor: Cursor,
    pub(super) dialogue: Dialogue,
    /// The turns whose rows have not been written.
    pub(super) turns: Vec<Option<Box<TurnRecord>>>,
    /// Since when a due message has waited for a stream slot or the peer's flow control.
    pub(super) waiting_since: Option<RunTime>,
    pub(super) half_closed: bool,
    pub(super) last_activity: RunTime,
    /// When a message of a turn last came, or the session started.
    pub(super) last_heard: RunTime,
    pub(super) messages_received: u32,
    /// Transcripts that were received and whose turn is not known yet, where messages are kept.
    pub(super) open: Vec<Message>,
    /// When the caller has heard the last of the answers.
    pub(super) heard_until: RunTime,
    /// Wakes the task that reads this session.
    pub(super) waker: Option<Waker>,
    send: Option<SendStream<Bytes>>,
    /// The audio of the stretch that is being sent.
    audio: Option<Held>,
    /// The wait that has just ended.
    blocked: Option<Range<RunTime>>,
    messages_sent: u32,
    /// When it is to send next, if that is known.
    alarm: Option<RunTime>,
    /// Its deadline is being watched for.
    watched: bool,
}

/// What became of a step.
enum Sent {
    /// It left, or there is nothing more to send.
    Yes,
    /// It waits for the peer.
    Blocked,
    /// Its audio is not there yet.
    Missing,
}

impl Call {
    pub(super) fn new(shared: &Shared, script: Arc<Script>, now: RunTime) -> Call {
        let rows = &script.rows;
        let turns = rows.turns.iter();
        let expects: Vec<bool> = turns.map(|turn| shared.run.expects_answer(turn)).collect();
        let rate = SampleRate(rows.session.sample_rate_hz);
        let records = (0..rows.turns.len()).map(|turn| Some(TurnRecord::new(&script, turn)));
        Call {
            cursor: Cursor::new(shared.spec.turn_timing.is_reactive()),
            dialogue: Dialogue::new(&expects, rate, shared.spec.playout_buffer_ns),
            turns: records.collect(),
            script,
            facts: CallFacts::default(),
            end: None,
            send: None,
            audio: None,
            waiting_since: None,
            blocked: None,
            half_closed: false,
            last_activity: now,
            last_heard: now,
            heard_until: now,
            messages_sent: 0,
            messages_received: 0,
            open: Vec::new(),
            waker: None,
            alarm: None,
            watched: false,
        }
    }

    /// Its place in the plan.
    pub(super) fn id(&self) -> u64 {
        self.script.number
    }

    /// The stream is open: what is due may leave.
    pub(super) fn opened(&mut self, shared: &Shared, send: SendStream<Bytes>) {
        self.send = Some(send);
        self.facts.opened_ns = Some(shared.clock.now().0);
        self.pump(shared);
    }

    /// The alarm of `at` rings: sends all that is due, unless another alarm has taken its place.
    pub(super) fn ring(&mut self, shared: &Shared, at: RunTime) {
        if self.alarm == Some(at) {
            self.alarm = None;
            self.pump(shared);
        }
    }

    /// Sets the alarm for `at`, unless an earlier one is set.
    pub(super) fn set_alarm(&mut self, shared: &Shared, at: RunTime) {
        if self.alarm.is_none_or(|set| at < set) {
            self.alarm = Some(at);
            shared.send_at(self.id(), at);
        }
    }

    /// Sends all that is due and sets the alarm for what comes next. What has to wait for the peer
    /// or for an answer sets none.
    pub(super) fn pump(&mut self, shared: &Shared) {
        let released = shared.clock.now();
        self.blocked = self.waiting_since.map(|since| since..released);
        while let Some(step) = self.cursor.step(&self.script) {
            if self.end.is_some() {
                return;
            }
            if step.due.0 > released.0 + shared.spec.coalesce_ns {
                return self.set_alarm(shared, step.due);
            }
            match self.send_step(shared, step, released) {
                Sent::Yes => self.waiting_since = None,
                Sent::Missing => {
                    let again = shared.look_again_for_audio(released);
                    return self.set_alarm(shared, again);
                }
                Sent::Blocked => {
                    if self.waiting_since.is_none() {
                        self.waiting_since = Some(released);
                        self.watch(shared);
                        self.wake();
                    }
                    return;
                }
            }
        }
    }

    /// Lets a blocked session go on once the peer has made room.
    pub(super) fn poll_room(&mut self, shared: &Shared, context: &mut Context<'_>) {
        while self.waiting_since.is_some() {
            let Some(send) = &mut self.send else { return };
            match send.poll_capacity(context) {
                Poll::Ready(Some(Ok(_))) => self.pump(shared),
                // Not yet, or the stream is gone: the reading side learns why.
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
    }

    fn send_step(&mut self, shared: &Shared, step: Step, released: RunTime) -> Sent {
        if self.send.is_none() {
            return Sent::Blocked;
        }
        let script = self.script.clone();
        let event = &script.rows.events[step.event];
        let (bytes, payload) = match event.kind {
            EventKind::Audio | EventKind::Fill => match self.chunk(step) {
                Some(chunk) => chunk,
                None => return Sent::Missing,
            },
            EventKind::Config => (self.config(shared), 0),
            EventKind::Text => {
                let text = event.text.clone().unwrap_or_default();
                let length = text.len();
                (frame(Content::TextInput(text)), length)
            }
            EventKind::HalfClose => (Bytes::new(), 0),
            EventKind::Cancel => {
                self.stop(End::HungUp);
                return Sent::Yes;
            }
        };
        let Some(send) = &mut self.send else {
            return Sent::Blocked;
        };
        send.reserve_capacity(bytes.len());
        if send.capacity() < bytes.len() {
            return Sent::Blocked;
        }
        let last = event.kind == EventKind::HalfClose;
        if send.send_data(bytes, last).is_err() {
            // The stream is gone; the reading side learns why.
            return Sent::Blocked;
        }
        let sent = shared.clock.now();
        // What fell due behind a blocked message has waited for the peer as well.
        let blocked_ns = self.blocked.as_ref().map_or(0, |blocked| {
            (blocked.end.0 - blocked.start.max(step.due).0).max(0)
        });
        self.half_closed |= last;
        self.last_activity = sent;
        self.note_sent(shared, event, step, [released, sent], blocked_ns, payload);
        self.cursor.advance(&script);
        if self.cursor.waiting().is_some() {
            self.consider_release(shared, sent);
            self.watch(shared);
        }
        Sent::Yes
    }

    /// The frame of a chunk and its PCM bytes; `None` while its audio is not there. Nothing is
    /// copied: the stretch's audio is taken over from the script, and dropped after its last chunk.
    fn chunk(&mut self, step: Step) -> Option<(Bytes, usize)> {
        let is_its = |held: &Held| held.has(step.event);
        if !self.audio.as_ref().is_some_and(is_its) {
            self.audio = Some(self.script.take_audio(step.event)?);
        }
        Some(self.audio.as_ref()?.chunk(&self.script.rows, step))
    }

    fn config(&self, shared: &Shared) -> Bytes {
        let session = &self.script.rows.session;
        frame(Content::Config(VoiceConfig {
            language_code: session.language_code.clone(),
            session_id: shared.run.wire_session_id(&self.script),
            sample_rate: i32::try_from(session.sample_rate_hz).unwrap_or(i32::MAX),
        }))
    }

    fn note_sent(
        &mut self,
        shared: &Shared,
        event: &EventRow,
        step: Step,
        [released, sent]: [RunTime; 2],
        blocked_ns: i64,
        payload: usize,
    ) {
        let turn = event.turn as usize;
        let lag = Lag(sent.lag_from(step.due).0 - blocked_ns);
        let is_speech = matches!(event.kind, EventKind::Audio | EventKind::Text);
        let is_new = |record: &TurnRecord| record.progress.chunks_sent == 0;
        let of_turn = self.turns.get(turn).and_then(Option::as_deref);
        if is_speech && step.chunk == 0 && of_turn.is_some_and(is_new) {
            self.begin_turn(shared, turn, sent);
        }
        if event.kind == EventKind::Config {
            shared.count_start(step.due, sent, lag);
            self.start_turn(shared, 0, sent);
        }
        if matches!(event.kind, EventKind::Audio | EventKind::Fill) {
            let interval_ns = self.script.outline.interval_ns.unwrap_or(event.interval_ns);
            shared.count_chunk(step.due, sent, lag, interval_ns);
        }
        if let Some(record) = self.turns.get_mut(turn).filter(|_| is_speech) {
            if let Some(record) = record {
                let progress = &mut record.progress;
                progress.chunks_sent += 1;
                progress.bytes_sent += payload as u64;
                progress.lags_ns.push(lag.0);
                progress.blocked_ns += blocked_ns;
            }
            self.note_speech(shared, event, step, sent);
        }
        if event.kind == EventKind::HalfClose {
            self.watch(shared);
        }
        self.messages_sent += 1;
        if shared.spec.messages {
            shared.message(Message {
                script: self.script.clone(),
                turn: event.turn,
                seq: self.messages_sent - 1,
                bytes: u32::try_from(payload).unwrap_or(u32::MAX),
                passage: Passage::Sent {
                    kind: event.kind,
                    intended: step.due,
                    released,
                    sent,
                },
            });
        }
    }

    /// A chunk of speech left: is it the last voiced one, or the last of all?
    fn note_speech(&mut self, shared: &Shared, event: &EventRow, step: Step, sent: RunTime) {
        let turn = event.turn as usize;
        let planned = self.script.turn(turn);
        let at = |at| self.cursor.run_time(&self.script, TraceTime(at));
        let captured_to = at(event.at_ns + i64::from(step.chunk + 1) * event.interval_ns);
        // A clip may be spread over several events: the speech ends with the chunk that covers it.
        let speech_end = planned.speech_end_ns.map(at);
        let is_over =
            event.kind == EventKind::Text || speech_end.is_some_and(|end| captured_to >= end);
        let is_unheard = |turn| {
            let heard = self.dialogue.heard(turn);
            heard.is_some_and(|heard| heard.first_audio_ns.is_none())
        };
        let awaits = shared.run.expects_answer(planned) && is_unheard(turn);
        if let Some(record) = self.turns[turn].as_deref_mut()
            && record.progress.end_of_speech_sent_ns.is_none()
            && is_over
        {
            let progress = &mut record.progress;
            progress.end_of_speech_sent_ns = Some(sent.0);
            progress.awaiting = awaits;
            let (active, awaiting) = shared.load(awaits);
            progress.concurrent_sessions = Some(active);
            progress.awaiting_answer = Some(awaiting);
            self.watch(shared);
        }
        let is_last = step.chunk + 1 == event.count
            && self.script.outline.last_speech[turn] == Some(step.event);
        if is_last && let Some(record) = self.turns[turn].as_deref_mut() {
            record.progress.last_chunk_sent_ns = Some(sent.0);
        }
        if is_over || is_last {
            self.dialogue.sent_whole(turn);
        }
    }

    /// The utterance begins: the one before is closed.
    fn begin_turn(&mut self, shared: &Shared, turn: usize, sent: RunTime) {
        self.start_turn(shared, turn, sent);
        if let Some(before) = turn.checked_sub(1) {
            let overlapped = self.is_unheard(shared, before, sent);
            let mut barged_in = false;
            if let Some(record) = &mut self.turns[before] {
                record.progress.closed_ns.get_or_insert(sent.0);
                barged_in = record.progress.barge_in.is_some();
            }
            if let Some(record) = &mut self.turns[turn] {
                record.progress.overlapped = overlapped && !barged_in;
            }
            self.write_if_done(shared, before);
        }
        self.dialogue.begun(turn);
    }

    /// The first message of a turn left.
    fn start_turn(&mut self, shared: &Shared, turn: usize, sent: RunTime) {
        let Some(Some(record)) = self.turns.get_mut(turn) else {
            return;
        };
        let progress = &mut record.progress;
        if progress.started_ns.is_none() {
            let planned = self.script.turn(turn);
            let intended = self.cursor.run_time(&self.script, TraceTime(planned.at_ns));
            progress.started_ns = Some(sent.0);
            progress.shift_ns = intended.0 - self.script.run_time(TraceTime(planned.at_ns)).0;
            shared.started(TurnStart {
                script: self.script.clone(),
                turn: turn as u32,
                intended,
                started: sent,
            });
        }
    }

    /// Sees to it that the session is looked after when it may have waited too long.
    fn watch(&mut self, shared: &Shared) {
        if let Some(deadline) = self
            .deadline(shared.spec.timeout_ns)
            .filter(|_| !self.watched)
        {
            self.watched = true;
            shared.overdue_at(self.id(), deadline);
        }
    }

    /// The deadline that was watched for has come.
    pub(super) fn look(&mut self, shared: &Shared, now: RunTime) {
        self.watched = false;
        match self.deadline(shared.spec.timeout_ns) {
            Some(deadline) if deadline <= now => self.stop(End::Timeout),
            _ => self.watch(shared),
        }
    }

    /// Ends the session from our side.
    pub(super) fn stop(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            if let Some(send) = &mut self.send {
                send.send_reset(Reason::CANCEL);
            }
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
