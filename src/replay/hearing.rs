//! One session under way: what is heard, what the caller does about it, and when a turn is over.

use bytes::Bytes;

use super::call::Call;
use super::entry::{Message, Passage};
use super::progress::{BargeIn, End, TurnRecord};
use super::worker::Shared;
use crate::clock::Clock;
use crate::conversation::attribution::Owner;
use crate::units::{NS_PER_S, RunTime};
use crate::wire::reply::Reply;
use crate::wire::status::{GrpcStatus, INTERNAL};

/// Within this time after the end of speech a gateway has noticed it and begun to answer: longer than
/// gateways wait for more speech and recognise what they heard.
const ENDPOINT_NS: i64 = 2 * NS_PER_S;

impl Call {
    /// A message of the stream arrived.
    pub(super) fn heard(&mut self, shared: &Shared, at: RunTime, message: Bytes) {
        self.last_activity = at;
        let Some(reply) = Reply::decode(message) else {
            let status =
                GrpcStatus::new(INTERNAL, "the server sent a message that is not protobuf");
            return self.stop(End::Stream(status));
        };
        let owner = self.dialogue.message(at.0, &reply);
        if shared.spec.messages {
            self.keep(shared, at, &reply, owner);
        }
        self.messages_received += 1;
        let (Owner::Of(turn) | Owner::Settles(turn)) = owner else {
            return;
        };
        self.last_heard = at;
        if matches!(reply, Reply::Audio(_)) {
            self.answer_plays(shared, turn);
        }
        self.consider_waiting_on(shared, turn);
        self.consider_release(shared, at);
        self.write_if_done(shared, turn);
    }

    /// Keeps a message with the turn that it belongs to; one of no turn stands with the utterance
    /// that had begun last. A transcript waits until that is known.
    fn keep(&mut self, shared: &Shared, at: RunTime, reply: &Reply, owner: Owner) {
        let beside = self.dialogue.latest_begun().unwrap_or(0);
        let (Owner::Of(turn) | Owner::Settles(turn)) = owner else {
            let message = self.received(at, reply, beside);
            return match owner {
                Owner::Open => self.open.push(message),
                _ => shared.message(message),
            };
        };
        if matches!(owner, Owner::Settles(_)) {
            for mut message in self.open.drain(..) {
                message.turn = message.turn.min(turn as u32);
                shared.message(message);
            }
        }
        shared.message(self.received(at, reply, turn));
    }

    fn received(&self, at: RunTime, reply: &Reply, turn: usize) -> Message {
        Message {
            script: self.script.clone(),
            turn: turn as u32,
            seq: self.messages_received,
            bytes: u32::try_from(reply.payload_bytes()).unwrap_or(u32::MAX),
            passage: Passage::Received {
                kind: reply.kind(),
                at,
            },
        }
    }

    /// Audio of an answer arrived: it is awaited no longer, and the caller may speak into it.
    fn answer_plays(&mut self, shared: &Shared, turn: usize) {
        let Some(record) = &mut self.turns[turn] else {
            return;
        };
        if !std::mem::take(&mut record.progress.awaiting) {
            return;
        }
        shared.answered();
        let start_ns = self
            .dialogue
            .heard(turn)
            .and_then(|heard| heard.playout.start_ns);
        let after_ns = shared.spec.turn_timing.barge_in_ns();
        if let (Some(start_ns), Some(after_ns)) = (start_ns, after_ns)
            && turn + 1 < self.turns.len()
        {
            shared.barge_in_at(self.id(), RunTime(start_ns + after_ns));
        }
    }

    /// The instant has come at which the caller speaks into an answer, if it is still playing.
    pub(super) fn barge_in(&mut self, shared: &Shared, at: RunTime) {
        let Some(turn) = self.cursor.holding() else {
            return;
        };
        let Some(heard) = self.dialogue.heard(turn) else {
            return;
        };
        let plays_on = heard.playout.end_ns.is_some_and(|end_ns| end_ns > at.0);
        let has_begun = heard
            .playout
            .start_ns
            .is_some_and(|start_ns| start_ns <= at.0);
        if !has_begun || !(plays_on || self.dialogue.is_being_answered(turn)) {
            return;
        }
        let samples = heard.playout.samples;
        if let Some(record) = &mut self.turns[turn] {
            record.progress.barge_in = Some(BargeIn { at, samples });
        }
        self.cursor.release(&self.script, at);
        self.pump(shared);
    }

    /// With reactive timing: a further answer to the last utterance began before the caller went on,
    /// who listens to that as well.
    fn consider_waiting_on(&mut self, shared: &Shared, turn: usize) {
        let barges_in = self.turns[turn]
            .as_deref()
            .is_some_and(|record| record.progress.barge_in.is_some());
        let expects = shared.run.expects_answer(self.script.turn(turn));
        if expects && !barges_in && self.dialogue.is_being_answered(turn) {
            self.cursor.hold_again(turn);
        }
    }

    /// With reactive timing: once the answer to the last utterance has ended, it is known when the
    /// caller goes on.
    pub(super) fn consider_release(&mut self, shared: &Shared, now: RunTime) {
        let Some(turn) = self.cursor.waiting() else {
            return;
        };
        let at = match self.answer_end(turn) {
            Some(end_ns) => {
                let next = self.script.rows.turns.get(turn + 1);
                let think_ns = next.and_then(|next| next.think_ns).unwrap_or(0);
                let rest = self.answer_to_the_rest(turn).unwrap_or(now);
                RunTime(end_ns + think_ns).max(rest).max(now)
            }
            None => match self.goes_on_unanswered(shared, turn) {
                Some(at) => at,
                None => return,
            },
        };
        self.cursor.release(&self.script, at);
        if let Some(step) = self.cursor.step(&self.script) {
            self.set_alarm(shared, step.due);
        }
    }

    /// When a caller whom the gateway cut off in `turn` waits no longer for an answer to the rest of
    /// what they said.
    fn answer_to_the_rest(&self, turn: usize) -> Option<RunTime> {
        let progress = &self.turns[turn].as_deref()?.progress;
        let said_ns = progress.end_of_speech_sent_ns?;
        let is_cut_off = self.dialogue.is_cut_off(turn);
        is_cut_off.then_some(RunTime(said_ns + ENDPOINT_NS))
    }

    /// When the caller has heard the whole answer to `turn`, if it has ended.
    fn answer_end(&self, turn: usize) -> Option<i64> {
        let heard = self.dialogue.heard(turn)?;
        let listening_ns = heard.listening_ns;
        let listening_ns = listening_ns.filter(|_| !self.dialogue.is_being_answered(turn));
        let said_ns = listening_ns.or(heard.error_ns)?;
        Some(heard.playout.end_ns.unwrap_or(said_ns))
    }

    /// After an utterance without speech, the caller goes on as recorded.
    fn goes_on_unanswered(&self, shared: &Shared, turn: usize) -> Option<RunTime> {
        if shared.run.expects_answer(self.script.turn(turn)) {
            return None;
        }
        let next = self.cursor.held_from(&self.script)?;
        Some(self.cursor.run_time(&self.script, next))
    }

    /// Whether the answer to `turn` had not been heard to its end at `at`.
    pub(super) fn is_unheard(&self, shared: &Shared, turn: usize, at: RunTime) -> bool {
        self.dialogue.heard(turn).is_some_and(|heard| {
            let unheard = heard.playout.end_ns.is_some_and(|end_ns| end_ns > at.0);
            let expects = shared.run.expects_answer(self.script.turn(turn));
            let unanswered = expects && heard.listening_ns.is_none();
            unheard || unanswered || self.dialogue.is_being_answered(turn)
        })
    }

    /// Writes the row of a closed turn once its answer has ended.
    pub(super) fn write_if_done(&mut self, shared: &Shared, turn: usize) {
        let heard = self.dialogue.heard(turn);
        let answered = heard.is_some_and(|heard| heard.listening_ns.is_some());
        let expects = shared.run.expects_answer(self.script.turn(turn));
        let is_closed = |record: &TurnRecord| record.progress.closed_ns.is_some();
        if self.turns[turn].as_deref().is_some_and(is_closed)
            && (answered || !expects)
            && !self.dialogue.is_being_answered(turn)
        {
            self.write(shared, turn, None);
        }
    }

    fn write(&mut self, shared: &Shared, turn: usize, end: Option<&End>) {
        let Some(mut record) = self.turns[turn].take() else {
            return;
        };
        if std::mem::take(&mut record.progress.awaiting) {
            shared.answered();
        }
        record.facts = self.facts.clone();
        record.heard = self.dialogue.take_heard(turn);
        let heard = record.heard.as_ref();
        if let Some(end_ns) = heard.and_then(|heard| heard.playout.end_ns) {
            self.heard_until = self.heard_until.max(RunTime(end_ns));
        }
        record.end = end.cloned();
        shared.turn(record);
    }

    /// The session is over: writes what has not been written.
    pub(super) fn finish(&mut self, shared: &Shared, end: &End) {
        let now = shared.clock.now();
        self.dialogue.finish();
        self.open
            .drain(..)
            .for_each(|message| shared.message(message));
        for turn in 0..self.turns.len() {
            if let Some(record) = &mut self.turns[turn]
                && record.progress.started_ns.is_some()
            {
                record.progress.closed_ns.get_or_insert(now.0);
            }
            self.write(shared, turn, Some(end));
        }
    }

    /// When the session will have waited too long for an answer or its end, for room to send, or
    /// for the stream's end; `None` while it waits for nothing.
    pub(super) fn deadline(&self, timeout_ns: i64) -> Option<RunTime> {
        let unanswered = self.turns.iter().flatten().filter_map(|record| {
            let awaiting = record.progress.awaiting;
            record.progress.end_of_speech_sent_ns.filter(|_| awaiting)
        });
        let unended = self.cursor.waiting().and_then(|turn| {
            let sent_ns = self.turns[turn].as_deref()?.progress.last_chunk_sent_ns?;
            Some(sent_ns.max(self.last_heard.0))
        });
        let blocked = self.waiting_since.map(|since| since.0);
        let closing = self.half_closed.then_some(self.last_activity.0);
        let waits = unanswered.chain(unended).chain(blocked).chain(closing);
        let since_ns = waits.min().filter(|_| self.end.is_none())?;
        Some(RunTime(since_ns + timeout_ns))
    }
}
