//! What a session receives: the way of a message from the socket to its turn, and of a turn that is over
//! into a row.

use bytes::Bytes;

use super::call::Call;
use super::effect::Effect;
use super::entry::{Entry, Message, Passage};
use super::progress::{End, TurnRecord};
use super::shared::Shared;
use super::timers::Timer;
use crate::conversation::attribution::Owner;
use crate::conversation::message::{Reply, ServerMessage};
use crate::transport::status::{GrpcStatus, INTERNAL};
use crate::units::RunTime;

impl Call {
    /// A message of the stream arrived.
    pub(super) fn received(&mut self, shared: &Shared, at: RunTime, message: Bytes) {
        self.receiving.last = at;
        let Some(reply) = shared.spec.dialect.decode(message) else {
            let status =
                GrpcStatus::new(INTERNAL, "the server sent a message that is not protobuf");
            return self.stop(End::Stream(status));
        };
        let owner = self.receiving.answers.message(at.0, &reply.what);
        if shared.spec.messages {
            self.keep(at, &reply, owner);
        }
        self.receiving.messages += 1;
        let (Owner::Of(turn) | Owner::Settles(turn)) = owner else {
            return;
        };
        self.receiving.last_of_a_turn = at;
        if matches!(reply.what, ServerMessage::Audio(_)) {
            self.answer_plays(shared, turn);
        }
        self.consider_waiting_on(shared, turn);
        self.consider_release(shared, at);
        self.write_if_done(shared, turn);
    }

    /// Keeps a message with the turn that it belongs to; one of no turn stands with the utterance
    /// that had begun last. A transcript waits until that is known.
    fn keep(&mut self, at: RunTime, reply: &Reply, owner: Owner) {
        let beside = self.receiving.answers.latest_begun().unwrap_or(0);
        let (Owner::Of(turn) | Owner::Settles(turn)) = owner else {
            let message = self.kept(at, reply, beside);
            return match owner {
                Owner::Open => self.receiving.open.push(message),
                _ => self.effects.push(Effect::Message(message)),
            };
        };
        if matches!(owner, Owner::Settles(_)) {
            for mut message in std::mem::take(&mut self.receiving.open) {
                message.turn = message.turn.min(turn as u32);
                self.effects.push(Effect::Message(message));
            }
        }
        let message = self.kept(at, reply, turn);
        self.effects.push(Effect::Message(message));
    }

    fn kept(&self, at: RunTime, reply: &Reply, turn: usize) -> Message {
        Message {
            session: self.script.number,
            turn: turn as u32,
            seq: self.receiving.messages,
            bytes: u32::try_from(reply.payload_bytes()).unwrap_or(u32::MAX),
            passage: Passage::Received {
                kind: reply.kind,
                at,
            },
        }
    }

    /// No further answer tells whose the last transcripts are.
    pub(super) fn settle_transcripts(&mut self) {
        self.receiving.answers.finish();
        for message in std::mem::take(&mut self.receiving.open) {
            self.effects.push(Effect::Message(message));
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
        let answer = self.receiving.answers.of(turn);
        let start_ns = answer.and_then(|answer| answer.playout.start_ns);
        let after_ns = shared.spec.turn_timing.barge_in_ns();
        if let (Some(start_ns), Some(after_ns)) = (start_ns, after_ns)
            && turn + 1 < self.turns.len()
        {
            self.wake_at(RunTime(start_ns + after_ns), Timer::BargeIn(self.key));
        }
    }

    /// Writes the row of a closed turn once its answer has ended.
    pub(super) fn write_if_done(&mut self, shared: &Shared, turn: usize) {
        let answer = self.receiving.answers.of(turn);
        let is_answered = answer.is_some_and(|answer| answer.listening_ns.is_some());
        let is_closed = |record: &TurnRecord| record.progress.closed_ns.is_some();
        if self.turns[turn].as_deref().is_some_and(is_closed)
            && (is_answered || !self.expects_answer(shared, turn))
            && !self.receiving.answers.is_being_answered(turn)
        {
            self.write(shared, turn, None);
        }
    }

    /// Hands the record of a turn over, from which its row is made; `end` is the session's.
    pub(super) fn write(&mut self, shared: &Shared, turn: usize, end: Option<&End>) {
        let Some(mut record) = self.turns[turn].take() else {
            return;
        };
        if std::mem::take(&mut record.progress.awaiting) {
            shared.answered();
        }
        record.facts = self.facts.clone();
        record.answer = self.receiving.answers.take(turn);
        let answer = record.answer.as_ref();
        if let Some(end_ns) = answer.and_then(|answer| answer.playout.end_ns) {
            self.receiving.heard_until = self.receiving.heard_until.max(RunTime(end_ns));
        }
        let is_answered = answer.is_some_and(|answer| answer.first_audio_ns.is_some());
        self.progress.answered += u32::from(is_answered);
        record.end = end.cloned();
        self.enter(Entry::Turn(record));
    }
}
