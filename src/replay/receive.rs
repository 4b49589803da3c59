//! What a session receives: the way of a message from the socket to its turn, and of a turn that is over
//! into a row.

use bytes::Bytes;

use super::call::Call;
use super::effect::Effect;
use super::end::End;
use super::entry::{Entry, Message, Passage};
use super::progress::TurnRecord;
use super::request::without_secrets;
use super::shared::Shared;
use super::timers::Timer;
use crate::clock::Clock;
use crate::conversation::attribution::Owner;
use crate::conversation::message::{Reply, ServerMessage};
use crate::conversation::sound::Sound;
use crate::dialect::{Carrier, Part};
use crate::transport::status::{GrpcStatus, INTERNAL};
use crate::units::RunTime;

impl Call {
    /// A message of the stream arrived.
    pub(super) fn received(&mut self, shared: &Shared, at: RunTime, message: Bytes) {
        self.receiving.last = at;
        let mut dialect = std::mem::take(&mut self.dialect);
        let could = [Part::Start, Part::Rest].map(|part| dialect.may_send(part));
        let decoded = dialect.decode(at.0, message, |reply| {
            let reply = self.without_secrets(shared, reply);
            self.heard(shared, at, &reply);
        });
        self.watch_sound();
        if let Some(unheard_ns) = self.receiving.interrupted_ns.take() {
            self.sending.interrupt(&mut dialect, unheard_ns);
        }
        let may = [Part::Start, Part::Rest].map(|part| dialect.may_send(part));
        self.dialect = dialect;
        if let Err(reason) = decoded {
            return self.stop(match self.nature.carrier {
                Carrier::Http2 => End::Stream(GrpcStatus::new(INTERNAL, reason).into()),
                Carrier::WebSocket => End::Refused(reason.to_owned()),
            });
        }
        let is_owed = self.dialect.owed_at().is_some() || !self.sending.owed.is_empty();
        if may != could || is_owed {
            self.pump(shared, at);
            self.write_out(shared);
        }
        self.consider_closing(shared);
    }

    /// What the server objects to may repeat what is secret.
    fn without_secrets(&self, shared: &Shared, reply: Reply) -> Reply {
        let hidden = |words| without_secrets(shared, &self.script, words);
        let what = match reply.what {
            ServerMessage::Error(words) => ServerMessage::Error(hidden(words)),
            ServerMessage::Refused(words) => ServerMessage::Refused(hidden(words)),
            what => what,
        };
        Reply { what, ..reply }
    }

    fn heard(&mut self, shared: &Shared, at: RunTime, reply: &Reply) {
        let Some(sound) = &mut self.receiving.sound else {
            return self.told(shared, at, reply);
        };
        match &reply.what {
            ServerMessage::Audio(pcm) => {
                let mut known = sound.heard(at.0, pcm);
                let own = known.pop();
                for before in known {
                    self.receiving.answers.plays_from(before.plays_ns);
                    self.found(shared, RunTime(before.at_ns), before.what);
                }
                match own {
                    None => self.came(shared, at, reply, Owner::Nobody),
                    Some(own) => {
                        self.receiving.answers.plays_from(own.plays_ns);
                        self.told(shared, at, reply);
                    }
                }
            }
            ServerMessage::Cleared => {
                let ends = sound.cleared(at.0);
                self.told(shared, at, reply);
                if ends {
                    self.found(shared, at, ServerMessage::TurnEnded);
                }
            }
            _ => self.told(shared, at, reply),
        }
    }

    /// Looks whether an answer of which only the sound tells has ended by now.
    pub(super) fn listen(&mut self, shared: &Shared, now: RunTime) {
        let sound = self.receiving.sound.as_mut();
        if sound.is_some_and(|sound| sound.has_ended(now.0)) {
            self.found(shared, now, ServerMessage::TurnEnded);
        }
        self.watch_sound();
    }

    fn watch_sound(&mut self) {
        let sound = self.receiving.sound.as_ref();
        if let Some(ends_ns) = sound.and_then(Sound::ends_at) {
            self.look_again(RunTime(ends_ns));
        }
    }

    /// What is no message of its own, but follows from those that came.
    fn found(&mut self, shared: &Shared, at: RunTime, what: ServerMessage) {
        let reply = Reply {
            what,
            about: None,
            kind: "",
            detail: String::new(),
        };
        let owner = self.receiving.answers.message(at.0, &reply);
        self.follow(shared, at, owner);
    }

    /// A message came of which the answers are told.
    fn told(&mut self, shared: &Shared, at: RunTime, reply: &Reply) {
        let owner = self.receiving.answers.message(at.0, reply);
        self.came(shared, at, reply, owner);
    }

    /// A message came that belongs to `owner`.
    fn came(&mut self, shared: &Shared, at: RunTime, reply: &Reply, owner: Owner) {
        if shared.spec.messages {
            self.keep(at, reply, owner);
        }
        self.receiving.messages += 1;
        match &reply.what {
            ServerMessage::Ready => {
                self.facts.ready_ns.get_or_insert(at.0);
            }
            ServerMessage::Error(text)
                if self.nature.says_ready && self.facts.ready_ns.is_none() =>
            {
                return self.stop(End::Refused(text.clone()));
            }
            ServerMessage::Cleared => {
                self.receiving.interrupted_ns = self.receiving.answers.clear(at.0);
            }
            _ => {}
        }
        self.follow(shared, at, owner);
    }

    /// What the caller does about what belongs to `owner`.
    fn follow(&mut self, shared: &Shared, at: RunTime, owner: Owner) {
        let (Owner::Of(turn) | Owner::Settles(turn)) = owner else {
            return self.consider_greeting(at);
        };
        self.receiving.last_of_a_turn = at;
        let by = self.nature.answered_by;
        let answer = self.receiving.answers.of(turn);
        if answer.is_some_and(|answer| answer.answered_ns(by).is_some()) {
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

    /// An answer arrived: it is awaited no longer, and the caller may speak into it.
    fn answer_plays(&mut self, shared: &Shared, turn: usize) {
        let is_last = turn + 1 == self.turns.len();
        let Some(record) = &mut self.turns[turn] else {
            return;
        };
        if std::mem::take(&mut record.progress.awaiting) {
            shared.answered();
        }
        let answer = self.receiving.answers.of(turn);
        let start_ns = answer.and_then(|answer| answer.playout.start_ns);
        let after_ns = shared.spec.turn_timing.barge_in_ns();
        if let (Some(start_ns), Some(after_ns)) = (start_ns, after_ns)
            && !is_last
            // Text may come long before there is anything to hear.
            && !std::mem::replace(&mut record.progress.is_heard, true)
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
            match self.settled_at(shared, turn) {
                Some(at) if at > shared.clock.now() => self.look_again(at),
                _ => self.write(shared, turn, None),
            }
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
        let by = self.nature.answered_by;
        let is_answered = answer.is_some_and(|answer| answer.answered_ns(by).is_some());
        self.progress.answered += u32::from(is_answered);
        record.end = end.cloned();
        self.enter(Entry::Turn(record));
    }
}
