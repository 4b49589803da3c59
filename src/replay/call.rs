//! One session under way: what is sent when it is due, and what is heard of it.

use std::ops::Range;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::{Reason, SendStream};

use super::plan::{Cursor, PlannedCall, Step};
use super::progress::{CallFacts, End, Progress, intended_start, row};
use super::worker::Shared;
use crate::clock::Clock;
use crate::results::row::{Direction, MessageRow, StartedRow};
use crate::trace::model::{EventKind, EventRow};
use crate::units::{Lag, RunTime, SampleRate, TraceTime};
use crate::wire::dialogue::{Dialogue, Reply};
use crate::wire::frame::frame;
use crate::wire::status::{GrpcStatus, INTERNAL};
use crate::wire::voice_workflow::{VoiceConfig, client_message::Content};

/// A session that has started.
pub(super) struct Call {
    /// Its number in the plan.
    pub(super) id: usize,
    pub(super) planned: PlannedCall,
    pub(super) facts: CallFacts,
    pub(super) end: Option<End>,
    cursor: Cursor,
    send: Option<SendStream<Bytes>>,
    dialogue: Dialogue,
    turns: Vec<Progress>,
    /// The last chunk of each utterance, as (event, chunk).
    last_chunks: Vec<Option<(usize, u32)>>,
    /// Since when a due message has waited for a stream slot or the peer's flow control.
    waiting_since: Option<RunTime>,
    /// The wait that has just ended.
    blocked: Option<Range<RunTime>>,
    half_closed: bool,
    last_activity: RunTime,
    messages_sent: u32,
    messages_received: u32,
    /// Wakes the task that reads this session.
    pub(super) waker: Option<Waker>,
}

impl Call {
    pub(super) fn new(shared: &Shared, id: usize, facts: CallFacts, now: RunTime) -> Call {
        let planned = shared.plan.calls[id].clone();
        let plan = &shared.plan;
        let session = &plan.trace.sessions[planned.session];
        let turns = plan.turns(&planned);
        let expects: Vec<bool> = turns.iter().map(|turn| plan.expects_answer(turn)).collect();
        let rate = SampleRate(session.sample_rate_hz);
        Call {
            id,
            last_chunks: turns
                .iter()
                .map(|turn| plan.last_speech(&planned, turn.turn))
                .collect(),
            cursor: plan.cursor(&planned),
            dialogue: Dialogue::new(&expects, rate, shared.spec.playout_buffer_ns),
            turns: vec![Progress::default(); turns.len()],
            planned,
            facts,
            end: None,
            send: None,
            waiting_since: None,
            blocked: None,
            half_closed: false,
            last_activity: now,
            messages_sent: 0,
            messages_received: 0,
            waker: None,
        }
    }

    /// The stream is open: what is due may leave.
    pub(super) fn opened(&mut self, shared: &Shared, send: SendStream<Bytes>) -> Option<RunTime> {
        self.send = Some(send);
        self.facts.opened_ns = Some(shared.clock.now().0);
        self.pump(shared)
    }

    /// Sends all that is due and returns when the next message is; `None` when nothing is left, or
    /// what is due has to wait for the peer.
    pub(super) fn pump(&mut self, shared: &Shared) -> Option<RunTime> {
        let released = shared.clock.now();
        self.blocked = self.waiting_since.map(|since| since..released);
        while let Some(step) = shared.plan.step(&self.cursor) {
            if self.end.is_some() {
                return None;
            }
            if step.due > released {
                return Some(step.due);
            }
            let sent = self.send_step(shared, step, released);
            if sent {
                self.waiting_since = None;
            } else {
                if self.waiting_since.is_none() {
                    self.waiting_since = Some(released);
                    shared.watch(self, released);
                    self.wake();
                }
                return None;
            }
            shared.plan.advance(&mut self.cursor);
        }
        None
    }

    /// Lets a blocked session go on once the peer has made room.
    pub(super) fn poll_room(
        &mut self,
        shared: &Shared,
        context: &mut Context<'_>,
    ) -> Option<RunTime> {
        while self.waiting_since.is_some() {
            match self.send.as_mut()?.poll_capacity(context) {
                Poll::Ready(Some(Ok(_))) => {
                    let due = self.pump(shared);
                    if due.is_some() {
                        return due;
                    }
                }
                // Not yet, or the stream is gone: the reading side learns why.
                Poll::Ready(_) | Poll::Pending => return None,
            }
        }
        None
    }

    fn send_step(&mut self, shared: &Shared, step: Step, released: RunTime) -> bool {
        let event = shared.plan.event(step);
        let (bytes, payload) = match event.kind {
            EventKind::Audio | EventKind::Fill => shared.clips.chunk(event, step.chunk),
            EventKind::Config => (self.config(shared), 0),
            EventKind::Text => {
                let text = event.text.clone().unwrap_or_default();
                let length = text.len();
                (frame(Content::TextInput(text)), length)
            }
            EventKind::HalfClose => (Bytes::new(), 0),
            EventKind::Cancel => {
                self.stop(End::HungUp);
                return true;
            }
        };
        let Some(send) = &mut self.send else {
            return false;
        };
        send.reserve_capacity(bytes.len());
        if send.capacity() < bytes.len() {
            return false;
        }
        let last = event.kind == EventKind::HalfClose;
        if send.send_data(bytes, last).is_err() {
            // The stream is gone; the reading side learns why.
            return false;
        }
        let sent = shared.clock.now();
        // What fell due behind a blocked message has waited for the peer as well.
        let blocked_ns = self.blocked.as_ref().map_or(0, |blocked| {
            (blocked.end.0 - blocked.start.max(step.due).0).max(0)
        });
        self.half_closed |= last;
        self.last_activity = sent;
        self.note_sent(shared, event, step, [released, sent], blocked_ns, payload);
        true
    }

    fn config(&self, shared: &Shared) -> Bytes {
        let session = &shared.plan.trace.sessions[self.planned.session];
        frame(Content::Config(VoiceConfig {
            language_code: session.language_code.clone(),
            session_id: self.facts.wire_session_id.clone(),
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
        if is_speech && step.chunk == 0 && self.turns[turn].chunks_sent == 0 {
            self.begin_turn(shared, turn, sent);
        }
        if event.kind == EventKind::Config {
            shared.count_start(step.due, sent, lag);
            self.start_turn(shared, 0, sent);
        }
        if matches!(event.kind, EventKind::Audio | EventKind::Fill) {
            shared.count_chunk(step.due, sent, lag, event.interval_ns);
        }
        if let Some(progress) = self.turns.get_mut(turn).filter(|_| is_speech) {
            progress.chunks_sent += 1;
            progress.bytes_sent += payload as u64;
            progress.lags_ns.push(lag.0);
            progress.blocked_ns += blocked_ns;
            self.note_speech(shared, event, step, sent);
        }
        if event.kind == EventKind::HalfClose {
            shared.watch(self, sent);
        }
        self.messages_sent += 1;
        if shared.spec.messages {
            shared.message(MessageRow {
                session_id: self.session_id(shared),
                copy: 0,
                turn: event.turn,
                direction: Direction::Sent,
                kind: event.kind.name().to_owned(),
                seq: self.messages_sent - 1,
                intended_ns: Some(step.due.0),
                released_ns: Some(released.0),
                sent_ns: Some(sent.0),
                received_ns: None,
                bytes: u32::try_from(payload).unwrap_or(u32::MAX),
            });
        }
    }

    /// A chunk of speech left: is it the last voiced one, or the last of all?
    fn note_speech(&mut self, shared: &Shared, event: &EventRow, step: Step, sent: RunTime) {
        let turn = event.turn as usize;
        let planned = &shared.plan.turns(&self.planned)[turn];
        let expects = shared.plan.expects_answer(planned);
        let progress = &mut self.turns[turn];
        let captured_to = shared.plan.run_time(TraceTime(
            event.at_ns + i64::from(step.chunk + 1) * event.interval_ns,
        ));
        // A clip may be spread over several events: the speech ends with the chunk that covers it.
        let speech_end = planned
            .speech_end_ns
            .map(|at| shared.plan.run_time(TraceTime(at)));
        let is_text = event.kind == EventKind::Text;
        if progress.end_of_speech_sent_ns.is_none()
            && (is_text || speech_end.is_some_and(|end| captured_to >= end))
        {
            progress.end_of_speech_sent_ns = Some(sent.0);
            progress.awaiting = expects
                && self
                    .dialogue
                    .heard(turn)
                    .is_some_and(|h| h.first_audio_ns.is_none());
            let (active, awaiting) = shared.load(progress.awaiting);
            progress.concurrent_sessions = Some(active);
            progress.awaiting_answer = Some(awaiting);
            shared.watch(self, sent);
        }
        if self.last_chunks[turn] == Some((step.event, step.chunk)) {
            self.turns[turn].last_chunk_sent_ns = Some(sent.0);
            self.dialogue.fully_sent(turn);
        }
    }

    /// The utterance begins: the one before is closed.
    fn begin_turn(&mut self, shared: &Shared, turn: usize, sent: RunTime) {
        self.start_turn(shared, turn, sent);
        if let Some(before) = turn.checked_sub(1) {
            self.turns[before].closed_ns.get_or_insert(sent.0);
            self.turns[turn].overlapped = self.dialogue.heard(before).is_some_and(|heard| {
                let unheard = heard.playout.end_ns.is_some_and(|end| end > sent.0);
                let planned = &shared.plan.turns(&self.planned)[before];
                let unanswered =
                    shared.plan.expects_answer(planned) && heard.listening_ns.is_none();
                unheard || unanswered || self.dialogue.is_being_answered(before)
            });
            self.write_if_done(shared, before);
        }
        self.dialogue.begun(turn);
    }

    /// The first message of a turn left.
    fn start_turn(&mut self, shared: &Shared, turn: usize, sent: RunTime) {
        let Some(progress) = self.turns.get_mut(turn) else {
            return;
        };
        if progress.started_ns.is_none() {
            progress.started_ns = Some(sent.0);
            shared.started(StartedRow {
                session_id: self.session_id(shared),
                copy: 0,
                turn: turn as u32,
                intended_start_ns: intended_start(&shared.plan, &self.planned, turn).0,
                started_ns: sent.0,
            });
        }
    }

    /// A message of the stream arrived.
    pub(super) fn heard(&mut self, shared: &Shared, at: RunTime, message: Bytes) {
        self.last_activity = at;
        let Some(reply) = Reply::decode(message) else {
            let status =
                GrpcStatus::new(INTERNAL, "the server sent a message that is not protobuf");
            return self.stop(End::Stream(status));
        };
        let turn = self.dialogue.message(at.0, &reply);
        if shared.spec.messages {
            shared.message(MessageRow {
                session_id: self.session_id(shared),
                copy: 0,
                turn: turn.unwrap_or(0) as u32,
                direction: Direction::Received,
                kind: reply.kind().to_owned(),
                seq: self.messages_received,
                intended_ns: None,
                released_ns: None,
                sent_ns: None,
                received_ns: Some(at.0),
                bytes: u32::try_from(reply.payload_bytes()).unwrap_or(u32::MAX),
            });
        }
        self.messages_received += 1;
        let Some(turn) = turn else { return };
        if matches!(reply, Reply::Audio(_)) && self.turns[turn].awaiting {
            self.turns[turn].awaiting = false;
            shared.answered();
        }
        self.write_if_done(shared, turn);
    }

    /// Writes the row of a closed turn once its answer has ended.
    fn write_if_done(&mut self, shared: &Shared, turn: usize) {
        let planned = &shared.plan.turns(&self.planned)[turn];
        let answered = self
            .dialogue
            .heard(turn)
            .is_some_and(|heard| heard.listening_ns.is_some());
        let expects = shared.plan.expects_answer(planned);
        if self.turns[turn].closed_ns.is_some()
            && (answered || !expects)
            && !self.dialogue.is_being_answered(turn)
        {
            self.write(shared, turn, None);
        }
    }

    fn write(&mut self, shared: &Shared, turn: usize, end: Option<&End>) {
        let progress = &mut self.turns[turn];
        let Some(heard) = self.dialogue.heard(turn).filter(|_| !progress.written) else {
            return;
        };
        progress.written = true;
        if std::mem::take(&mut progress.awaiting) {
            shared.answered();
        }
        let (plan, call, facts) = (&shared.plan, &self.planned, &self.facts);
        shared.request(row(
            &shared.run,
            plan,
            call,
            facts,
            turn,
            progress,
            heard,
            end,
        ));
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

    /// The session is over: writes what has not been written.
    pub(super) fn finish(&mut self, shared: &Shared, end: &End) {
        let now = shared.clock.now();
        for turn in 0..self.turns.len() {
            if self.turns[turn].started_ns.is_some() {
                self.turns[turn].closed_ns.get_or_insert(now.0);
            }
            self.write(shared, turn, Some(end));
        }
    }

    /// Whether an answer, room to send or the stream's end has been waited for too long.
    pub(super) fn is_overdue(&self, shared: &Shared, now: RunTime) -> bool {
        let timeout_ns = shared.spec.timeout_ns;
        let over = |since: i64| now.0 - since >= timeout_ns;
        let unanswered = self.turns.iter().any(|turn| {
            turn.awaiting && !turn.written && turn.end_of_speech_sent_ns.is_some_and(over)
        });
        unanswered
            || self.waiting_since.is_some_and(|since| over(since.0))
            || (self.half_closed && over(self.last_activity.0))
    }

    /// Whether the session still has to be watched for being overdue.
    pub(super) fn may_become_overdue(&self) -> bool {
        self.end.is_none()
            && (self.half_closed
                || self.waiting_since.is_some()
                || self.turns.iter().any(|turn| turn.awaiting))
    }

    fn session_id(&self, shared: &Shared) -> String {
        shared.plan.trace.sessions[self.planned.session]
            .session_id
            .clone()
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
