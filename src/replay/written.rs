//! What follows when the system has what a session sent: rows, lags and counts. What was taken and never
//! written was not sent.

use super::accumulator::Left;
use super::call::{Call, Taken, Unwritten};
use super::effect::Effect;
use super::entry::{Entry, Message, Passage, TurnStart};
use super::progress::TurnRecord;
use super::script::Step;
use super::shared::Shared;
use crate::trace::model::EventKind;
use crate::units::{Lag, RunTime, TraceTime};

impl Call {
    /// Notes what has been written of what was taken, and waits for the rest.
    pub(super) fn note_all_written(&mut self, shared: &Shared) {
        while let Some(stream) = &mut self.sending.stream
            && !self.sending.unwritten.is_empty()
            && let Some(had) = stream.take_written(&shared.clock)
            && let Some(unwritten) = self.sending.unwritten.pop_front()
        {
            let stuck_ns = self.waited(shared, unwritten.taken(), had.stuck_since, had.at);
            match unwritten {
                Unwritten::Step(taken) => {
                    self.note_written(shared, &taken, had.at, taken.blocked_ns + stuck_ns);
                }
                Unwritten::Protocol { taken, bytes } => {
                    self.keep_protocol(shared, taken, had.at, bytes);
                }
            }
        }
        if !self.sending.unwritten.is_empty() {
            self.watch(shared);
            self.wake();
        }
    }

    /// How long a message that was `taken` waited until `at` for a peer which had let the system send nothing
    /// since `stuck_since`.
    fn waited(
        &mut self,
        shared: &Shared,
        taken: RunTime,
        stuck_since: Option<RunTime>,
        at: RunTime,
    ) -> i64 {
        let Some(since) = stuck_since.map(|since| since.max(taken)) else {
            return 0;
        };
        let until = shared.blame_until(at).max(since);
        self.progress.waited(since, until);
        until.0 - since.0
    }

    /// The session has started, in a protocol that has no message for it.
    pub(super) fn note_started(&mut self, taken: &Taken) {
        let left = left(taken, taken.taken, taken.blocked_ns);
        self.effects.push(Effect::Start(left));
    }

    fn note_written(&mut self, shared: &Shared, taken: &Taken, sent: RunTime, blocked_ns: i64) {
        let (step, kind) = (taken.step, taken.facts.kind);
        let turn = taken.facts.turn as usize;
        let left = left(taken, sent, blocked_ns);
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

    /// A message that the protocol demanded was written.
    fn keep_protocol(&mut self, shared: &Shared, taken: RunTime, sent: RunTime, bytes: usize) {
        self.sending.messages += 1;
        if shared.spec.messages {
            let turn = self.receiving.answers.latest_begun().unwrap_or(0);
            self.effects.push(Effect::Message(Message {
                session: self.script.number,
                turn: turn as u32,
                seq: self.sending.messages - 1,
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                passage: Passage::Owed { taken, sent },
            }));
        }
    }

    /// The session is over: what was due and was not written waited for the peer until now, as far as that is
    /// known, and for us otherwise.
    pub(super) fn count_unsent(&mut self, shared: &Shared, now: RunTime) {
        let stream = self.sending.stream.as_ref();
        let stuck_since = stream.and_then(|stream| stream.stuck_since(&shared.clock));
        for unwritten in std::mem::take(&mut self.sending.unwritten) {
            let stuck_ns = self.waited(shared, unwritten.taken(), stuck_since, now);
            if let Unwritten::Step(taken) = unwritten {
                self.note_unsent(taken.step, taken.blocked_ns + stuck_ns, now);
            }
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
        let planned = self
            .script
            .run_time(TraceTime(self.script.turn(turn).at_ns));
        let shift_ns = first.turn_start.0 - planned.0;
        if progress.started_ns.is_some() && progress.shift_ns != shift_ns {
            // A greeting came between the opening of the session and its first utterance.
            progress.started_ns = Some(sent.0);
            progress.shift_ns = shift_ns;
        }
        if progress.started_ns.is_none() {
            progress.started_ns = Some(sent.0);
            progress.shift_ns = shift_ns;
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
        let by = self.nature.answered_by;
        let is_unheard = answer.is_some_and(|answer| answer.answered_ns(by).is_none());
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

/// When a message left, and by how much that was late through our own fault.
fn left(taken: &Taken, sent: RunTime, blocked_ns: i64) -> Left {
    let due = taken.step.due;
    Left {
        due,
        sent: Some(sent),
        lag: Lag(sent.lag_from(due).0 - blocked_ns),
        blocked_ns,
        interval_ns: taken.facts.interval_ns,
    }
}
