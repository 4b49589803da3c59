//! What a session sends: the way of a message from its timer to the socket, and into the rows.
//!
//! A message is *taken* by the transport, and some time later *written*. What the caller does next and
//! whose answer a reply is follow the first; rows, lags and counts follow the second, so that what was
//! taken and never written was not sent.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::accumulator::Left;
use super::call::{Call, Taken};
use super::effect::Effect;
use super::entry::{Entry, Message, Passage, TurnStart};
use super::progress::{End, TurnRecord};
use super::script::{EventFacts, Held, Step};
use super::shared::Shared;
use super::timers::Timer;
use crate::clock::Clock;
use crate::conversation::message::{ClientMessage, Start};
use crate::trace::model::EventKind;
use crate::transport::outcome::Sent;
use crate::transport::stream::Outgoing;
use crate::units::{Lag, NS_PER_MS, RunTime, TraceTime};

/// Time between looks for audio that is not there though it is due.
const LOOK_FOR_AUDIO_NS: i64 = NS_PER_MS;

/// What became of a step.
enum Outcome {
    /// It was taken, or there is nothing more to send.
    Taken,
    /// It waits for the peer.
    Blocked,
    /// Its audio is not there yet.
    Missing,
}

impl Call {
    /// The stream is open: what is due may leave.
    pub(super) fn opened(&mut self, shared: &Shared, stream: Outgoing) {
        let now = shared.clock.now();
        self.sending.stream = Some(stream);
        self.facts.opened_ns = Some(now.0);
        self.pump(shared, now);
        self.write_out(shared);
    }

    /// The timer of `at` fires: sends all that is due, unless another timer has taken its place.
    pub(super) fn on_timer(&mut self, shared: &Shared, at: RunTime, now: RunTime) {
        if self.sending.timer == Some(at) {
            self.sending.timer = None;
            self.pump(shared, now);
        }
    }

    /// Sets the timer for `at`, unless an earlier one is set.
    pub(super) fn set_timer(&mut self, at: RunTime) {
        if self.sending.timer.is_none_or(|set| at < set) {
            self.sending.timer = Some(at);
            self.wake_at(at, Timer::Send(self.key));
        }
    }

    /// Lets a session go on once the peer has made room, or has more of what was taken.
    pub(super) fn poll_room(&mut self, shared: &Shared, context: &mut Context<'_>) {
        while self.sending.waiting_since().is_some() {
            let Some(stream) = &mut self.sending.stream else {
                return;
            };
            match stream.poll_room(context) {
                Poll::Ready(()) => {
                    self.note_all_written(shared);
                    self.pump(shared, shared.clock.now());
                    self.write_out(shared);
                }
                Poll::Pending => return,
            }
        }
    }

    /// Has what was sent written, and notes what was.
    pub(super) fn write_out(&mut self, shared: &Shared) {
        self.put_out();
        self.note_all_written(shared);
    }

    /// Has what was sent written.
    pub(super) fn put_out(&self) {
        if let Some(stream) = &self.sending.stream
            && !self.sending.unwritten.is_empty()
        {
            stream.write_out();
        }
    }

    /// Hands all that is due to the transport, which is to [write](Self::put_out) it, and sets the timer
    /// for what comes next. What has to wait for the peer or for an answer sets none. `released` is when the
    /// pacer woke for it.
    pub(super) fn pump(&mut self, shared: &Shared, released: RunTime) {
        let since = self.sending.blocked_since;
        let until = shared.blame_until(released);
        self.sending.blocked = since.map(|since| since..until.max(since));
        while let Some(step) = self.sending.cursor.step(&self.script) {
            if self.end.is_some() {
                return;
            }
            if step.due.0 > released.0 + shared.spec.coalesce_ns {
                return self.set_timer(step.due);
            }
            match self.send(shared, step, released) {
                Outcome::Taken => {
                    if let Some(since) = self.sending.blocked_since.take() {
                        self.progress.waited(since, until);
                    }
                }
                Outcome::Missing => {
                    self.effects.push(Effect::AudioMissing);
                    return self.set_timer(RunTime(released.0 + LOOK_FOR_AUDIO_NS));
                }
                Outcome::Blocked => {
                    if self.sending.blocked_since.is_none() {
                        // What has waited behind another message waits on.
                        let before = self.sending.blocked.as_ref();
                        let since = before.map_or(released, |blocked| blocked.start);
                        self.sending.blocked_since = Some(since);
                        self.watch(shared);
                        self.wake();
                    }
                    return;
                }
            }
        }
    }

    fn send(&mut self, shared: &Shared, step: Step, released: RunTime) -> Outcome {
        if self.sending.stream.is_none() {
            return Outcome::Blocked;
        }
        let facts = self.facts(step.event);
        let (kind, dialect) = (facts.kind, shared.spec.dialect);
        let (frame, payload_bytes) = match kind {
            EventKind::Audio | EventKind::Fill => match self.chunk(kind, step) {
                Some(chunk) => chunk,
                None => return Outcome::Missing,
            },
            EventKind::Config => (dialect.encode(self.start(shared)), 0),
            EventKind::Text => {
                let event = &self.script.rows.events[step.event];
                let text = event.text.clone().unwrap_or_default();
                let bytes = text.len();
                (dialect.encode(ClientMessage::Text(text)), bytes)
            }
            EventKind::HalfClose => (Bytes::new(), 0),
            EventKind::Cancel => {
                self.stop(End::HungUp);
                return Outcome::Taken;
            }
        };
        let Some(stream) = &mut self.sending.stream else {
            return Outcome::Blocked;
        };
        let ends = kind == EventKind::HalfClose;
        match stream.try_send(frame, ends) {
            Sent::Taken => {}
            // Of a stream that has gone the reading side learns why.
            Sent::Blocked | Sent::Gone => return Outcome::Blocked,
        }
        let now = shared.clock.now();
        let taken = self.taken(step, facts, [released, now], payload_bytes);
        self.sending.last_taken = now;
        self.sending.half_closed |= ends;
        self.note_taken(&taken);
        self.sending.unwritten.push_back(taken);
        if ends {
            self.watch(shared);
        }
        self.sending.cursor.advance(&self.script);
        if self.sending.cursor.waiting().is_some() {
            self.consider_release(shared, now);
            self.watch(shared);
        }
        Outcome::Taken
    }

    /// The frame of a chunk and its PCM bytes; `None` while its audio is not there. Nothing is
    /// copied: the stretch's audio is taken over from the script, and dropped after its last chunk.
    fn chunk(&mut self, kind: EventKind, step: Step) -> Option<(Bytes, usize)> {
        let is_its = |held: &Held| held.has(step.event);
        if !self.sending.audio.as_ref().is_some_and(is_its) {
            self.sending.audio = Some(self.script.take_audio(step.event)?);
        }
        Some(self.sending.audio.as_ref()?.chunk(kind, step))
    }

    fn start(&self, shared: &Shared) -> ClientMessage {
        let session = &self.script.rows.session;
        ClientMessage::Start(Start {
            session_id: shared.run.wire_session_id(&self.script),
            language_code: session.language_code.clone(),
            sample_rate_hz: i32::try_from(session.sample_rate_hz).unwrap_or(i32::MAX),
        })
    }

    /// The facts of the event that is being sent.
    fn facts(&mut self, event: usize) -> EventFacts {
        match self.sending.facts {
            Some(facts) if facts.event == event => facts,
            _ => *self.sending.facts.insert(self.script.facts(event)),
        }
    }

    /// What is known of a message when it is taken. The cursor may move on before it is written.
    fn taken(
        &self,
        step: Step,
        facts: EventFacts,
        [released, taken]: [RunTime; 2],
        payload_bytes: usize,
    ) -> Taken {
        let turn = facts.turn as usize;
        let begins_turn = facts.is_speech()
            && self.sending.begun != Some(facts.turn)
            && !self.receiving.answers.has_begun(turn);
        let starts_turn = begins_turn || facts.kind == EventKind::Config;
        let planned = self.script.rows.turns.get(turn).filter(|_| starts_turn);
        let at = |at_ns| self.sending.cursor.run_time(&self.script, TraceTime(at_ns));
        let blocked = self.sending.blocked.as_ref();
        Taken {
            step,
            facts,
            released,
            taken,
            // What fell due behind a blocked message has waited for the peer as well.
            blocked_ns: blocked.map_or(0, |blocked| {
                (blocked.end.0 - blocked.start.max(step.due).0).max(0)
            }),
            payload_bytes,
            turn_start: planned.map_or(taken, |planned| at(planned.at_ns)),
            begins_turn,
            ends_speech: facts.speech_ends_at.is_some_and(|at| step.chunk >= at),
            is_last: facts.last == Some(step.chunk),
        }
    }

    fn note_taken(&mut self, taken: &Taken) {
        let turn = taken.facts.turn as usize;
        if taken.begins_turn {
            self.sending.begun = Some(taken.facts.turn);
            self.receiving.answers.begun(turn);
        }
        if taken.ends_speech || taken.is_last {
            self.receiving.answers.sent_whole(turn);
        }
    }

    /// Notes what has been written of what was taken, and waits for the rest.
    pub(super) fn note_all_written(&mut self, shared: &Shared) {
        while let Some(stream) = &mut self.sending.stream
            && !self.sending.unwritten.is_empty()
            && let Some(had) = stream.take_written(&shared.clock)
            && let Some(taken) = self.sending.unwritten.pop_front()
        {
            let stuck_ns = self.waited(shared, &taken, had.stuck_since, had.at);
            self.note_written(shared, &taken, had.at, taken.blocked_ns + stuck_ns);
        }
        if !self.sending.unwritten.is_empty() {
            self.watch(shared);
            self.wake();
        }
    }

    /// How long a message that was taken waited until `at` for a peer from which the system had taken nothing
    /// since `stuck_since`.
    fn waited(
        &mut self,
        shared: &Shared,
        taken: &Taken,
        stuck_since: Option<RunTime>,
        at: RunTime,
    ) -> i64 {
        let Some(since) = stuck_since.map(|since| since.max(taken.taken)) else {
            return 0;
        };
        let until = shared.blame_until(at).max(since);
        self.progress.waited(since, until);
        until.0 - since.0
    }

    fn note_written(&mut self, shared: &Shared, taken: &Taken, sent: RunTime, blocked_ns: i64) {
        let (step, kind) = (taken.step, taken.facts.kind);
        let turn = taken.facts.turn as usize;
        let left = Left {
            due: step.due,
            sent: Some(sent),
            lag: Lag(sent.lag_from(step.due).0 - blocked_ns),
            blocked_ns,
            interval_ns: taken.facts.interval_ns,
        };
        match kind {
            EventKind::Config => {
                self.effects.push(Effect::Start(left));
                self.start_turn(0, taken, sent);
            }
            EventKind::Audio | EventKind::Fill => self.effects.push(Effect::Chunk(left)),
            EventKind::Text | EventKind::HalfClose | EventKind::Cancel => {}
        }
        if taken.facts.is_speech() {
            if taken.begins_turn {
                self.begin_turn(shared, turn, taken, sent);
            }
            if let Some(Some(record)) = self.turns.get_mut(turn) {
                let progress = &mut record.progress;
                progress.chunks_sent += 1;
                progress.bytes_sent += taken.payload_bytes as u64;
                progress.lags_ns.push(left.lag.0);
                progress.blocked_ns += blocked_ns;
                if taken.is_last {
                    progress.last_chunk_sent_ns = Some(sent.0);
                }
            }
            if taken.ends_speech {
                self.end_speech(shared, turn, sent);
            }
        }
        self.progress.started_ns.get_or_insert(sent.0);
        self.sending.messages += 1;
        if shared.spec.messages {
            self.effects.push(Effect::Message(Message {
                session: self.script.number,
                turn: taken.facts.turn,
                seq: self.sending.messages - 1,
                bytes: u32::try_from(taken.payload_bytes).unwrap_or(u32::MAX),
                passage: Passage::Sent {
                    kind,
                    intended: step.due,
                    released: taken.released,
                    taken: taken.taken,
                    sent,
                },
            }));
        }
    }

    /// The session is over: what was due and was not written waited for the peer until now, as far as that is
    /// known, and for us otherwise.
    pub(super) fn count_unsent(&mut self, shared: &Shared, now: RunTime) {
        let stream = self.sending.stream.as_ref();
        let stuck_since = stream.and_then(|stream| stream.stuck_since(&shared.clock));
        for taken in std::mem::take(&mut self.sending.unwritten) {
            let stuck_ns = self.waited(shared, &taken, stuck_since, now);
            self.note_unsent(taken.step, taken.blocked_ns + stuck_ns, now);
        }
        let Some(since) = self.sending.blocked_since else {
            return;
        };
        let until = shared.blame_until(now).max(since);
        self.progress.waited(since, until);
        while let Some(step) = self.sending.cursor.step(&self.script)
            && step.due <= now
        {
            let blocked_ns = (until.0 - since.max(step.due).0).max(0);
            self.note_unsent(step, blocked_ns, now);
            self.sending.cursor.advance(&self.script);
        }
    }

    fn note_unsent(&mut self, step: Step, blocked_ns: i64, now: RunTime) {
        let facts = self.facts(step.event);
        let left = Left {
            due: step.due,
            sent: None,
            lag: Lag(now.lag_from(step.due).0 - blocked_ns),
            blocked_ns,
            interval_ns: facts.interval_ns,
        };
        if matches!(facts.kind, EventKind::Audio | EventKind::Fill) {
            self.effects.push(Effect::Chunk(left));
        }
        if facts.is_speech()
            && let Some(Some(record)) = self.turns.get_mut(facts.turn as usize)
        {
            record.progress.blocked_ns += blocked_ns;
        }
    }

    /// The utterance begins: the one before is closed.
    fn begin_turn(&mut self, shared: &Shared, turn: usize, first: &Taken, sent: RunTime) {
        self.start_turn(turn, first, sent);
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
    }

    /// The first message of a turn was written.
    fn start_turn(&mut self, turn: usize, first: &Taken, sent: RunTime) {
        let Some(Some(record)) = self.turns.get_mut(turn) else {
            return;
        };
        let progress = &mut record.progress;
        if progress.started_ns.is_none() {
            let planned = self.script.turn(turn);
            progress.started_ns = Some(sent.0);
            progress.shift_ns =
                first.turn_start.0 - self.script.run_time(TraceTime(planned.at_ns)).0;
            self.enter(Entry::Started(TurnStart {
                script: self.script.clone(),
                turn: turn as u32,
                intended: first.turn_start,
                started: sent,
            }));
        }
    }

    /// All speech of an utterance was written: its answer is awaited.
    fn end_speech(&mut self, shared: &Shared, turn: usize, sent: RunTime) {
        let answer = self.receiving.answers.of(turn);
        let is_unheard = answer.is_some_and(|answer| answer.first_audio_ns.is_none());
        let awaits = self.expects_answer(shared, turn) && is_unheard;
        let is_new = |record: &&mut TurnRecord| record.progress.end_of_speech_sent_ns.is_none();
        if let Some(record) = self.turns[turn].as_deref_mut().filter(is_new) {
            let progress = &mut record.progress;
            progress.end_of_speech_sent_ns = Some(sent.0);
            progress.awaiting = awaits;
            let (active, awaiting) = shared.load(awaits);
            progress.concurrent_sessions = Some(active);
            progress.awaiting_answer = Some(awaiting);
            self.watch(shared);
        }
    }
}
