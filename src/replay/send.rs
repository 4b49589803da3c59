//! What a session sends: the way of a message from its timer to the transport.
//!
//! A message is *taken* by the transport, and some time later *written* (`written`). What the caller does
//! next and whose answer a reply is follow the first; rows, lags and counts follow the second.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::call::{Call, Taken, Unwritten};
use super::effect::Effect;
use super::end::End;
use super::script::{EventFacts, Held, Step};
use super::shared::Shared;
use super::timers::Timer;
use crate::clock::Clock;
use crate::dialect::{EndOfInput, Part};
use crate::trace::model::EventKind;
use crate::transport::message::Message;
use crate::transport::outcome::Sent;
use crate::transport::stream::Outgoing;
use crate::units::{NS_PER_MS, RunTime, TraceTime};

/// Time between looks for audio that is not there though it is due.
const LOOK_FOR_AUDIO_NS: i64 = NS_PER_MS;

/// What is said of a session in which something is typed, where the protocol has no message for that.
const NO_TEXT: &str = "a turn of this session is typed, and the dialect has no message for text: use a trace without such \
                       sessions, or another dialect";

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
        self.send_due(shared, released, until);
        self.await_owed();
    }

    fn send_due(&mut self, shared: &Shared, released: RunTime, until: RunTime) {
        loop {
            if !self.send_owed(shared, released) {
                return self.block(shared, released);
            }
            let Some(step) = self.sending.cursor.step(&self.script) else {
                break;
            };
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
                Outcome::Blocked => return self.block(shared, released),
            }
        }
        self.consider_closing(shared);
    }

    /// What is due has to wait for the peer.
    fn block(&mut self, shared: &Shared, released: RunTime) {
        if self.sending.blocked_since.is_none() {
            // What has waited behind another message waits on.
            let before = self.sending.blocked.as_ref();
            let since = before.map_or(released, |blocked| blocked.start);
            self.sending.blocked_since = Some(since);
            self.watch(shared);
            self.wake();
        }
    }

    /// The next message that the protocol demands by now. What waits for the peer is taken up one by one, so that the
    /// bounds of the dialect hold.
    fn falls_due(&mut self, shared: &Shared, released: RunTime) -> Option<Bytes> {
        if self.has_no_more_to_say() {
            return None;
        }
        let owed = self.dialect.owed(released.0 + shared.spec.coalesce_ns)?;
        Some(match owed.is_template {
            true => shared.spec.filled_json(owed.message, self.script.number),
            // It may hold words of the server's.
            false => owed.message,
        })
    }

    /// Sees to it that what the protocol demands later is taken up then.
    fn await_owed(&mut self) {
        if let Some(due_ns) = self.dialect.owed_at()
            && self.end.is_none()
            && !self.has_no_more_to_say()
        {
            self.set_timer(RunTime(due_ns));
        }
    }

    /// Whether this direction of the stream has ended, whatever is owed.
    fn has_no_more_to_say(&self) -> bool {
        let is_half_closed = self.sending.half_closed && !self.nature.caller_ends;
        is_half_closed || self.sending.is_closing
    }

    /// Sends what the protocol demands before anything else; whether all of it was taken.
    fn send_owed(&mut self, shared: &Shared, released: RunTime) -> bool {
        loop {
            if self.sending.owed.is_empty() {
                let falls_due = self.falls_due(shared, released);
                self.sending.owed.extend(falls_due);
            }
            let Some(message) = self.sending.owed.front() else {
                return true;
            };
            let Some(stream) = &mut self.sending.stream else {
                return false;
            };
            let bytes = message.len();
            match stream.try_send(message.clone().into(), false) {
                Sent::Taken => {}
                // Of a stream that has gone the reading side learns why.
                Sent::Blocked | Sent::Gone => return false,
            }
            self.sending.owed.pop_front();
            let taken = shared.clock.now();
            let unwritten = Unwritten::Protocol { taken, bytes };
            self.sending.unwritten.push_back(unwritten);
        }
    }

    fn send(&mut self, shared: &Shared, step: Step, released: RunTime) -> Outcome {
        let facts = self.facts(step.event);
        let kind = facts.kind;
        let part = match kind {
            EventKind::Config => Part::Start,
            _ => Part::Rest,
        };
        if self.sending.stream.is_none() || !self.dialect.may_send(part) {
            return Outcome::Blocked;
        }
        if kind == EventKind::Audio && self.awaits_greeting(facts.turn) {
            let now = shared.clock.now();
            self.sending.cursor.await_greeting(&self.script);
            self.sending.awaits_greeting_since = now;
            self.consider_greeting(now);
            self.watch(shared);
            return Outcome::Taken;
        }
        let (frame, payload_bytes) = match self.sending.encoded.take() {
            Some(encoded) => encoded,
            None => match self.encoded(shared, kind, step) {
                Some(encoded) => encoded,
                None => return Outcome::Missing,
            },
        };
        if kind == EventKind::Cancel {
            self.stop(End::HungUp);
            return Outcome::Taken;
        }
        if kind == EventKind::Text && frame.is_none() {
            self.stop(End::Refused(NO_TEXT.to_owned()));
            return Outcome::Taken;
        }
        let now = match &frame {
            Some(bytes) => {
                let message = bytes.clone();
                match self.take(shared, message, step, facts, released, payload_bytes) {
                    Some(now) => now,
                    None => {
                        self.sending.encoded = Some((frame, payload_bytes));
                        return Outcome::Blocked;
                    }
                }
            }
            // The protocol has no message for it.
            None => {
                let now = shared.clock.now();
                if kind == EventKind::Config {
                    let taken = self.taken(step, facts, [released, now], 0);
                    self.note_started(&taken);
                }
                now
            }
        };
        if kind == EventKind::HalfClose {
            self.sending.half_closed = true;
            self.watch(shared);
        }
        self.sending.cursor.advance(&self.script);
        if self.sending.cursor.waiting().is_some() {
            self.consider_release(shared, now);
            self.watch(shared);
        }
        Outcome::Taken
    }

    /// The message of a step, if the protocol has one for it, and the bytes of audio or text in it; `None`
    /// while its audio is not there. A message that could not be taken is not made again.
    fn encoded(
        &mut self,
        shared: &Shared,
        kind: EventKind,
        step: Step,
    ) -> Option<(Option<Bytes>, usize)> {
        let (messages, bytes) = match kind {
            EventKind::Audio | EventKind::Fill => {
                let (frame, bytes) = self.chunk(kind, step)?;
                return Some((Some(frame), bytes));
            }
            EventKind::Config => {
                let start = shared.run.start(&self.script);
                let messages = self.dialect.start(shared.clock.now().0, start);
                (self.filled(shared, messages), 0)
            }
            EventKind::Text => {
                let event = &self.script.rows.events[step.event];
                let text = event.text.clone().unwrap_or_default();
                let bytes = text.len();
                (self.dialect.text(text), bytes)
            }
            EventKind::HalfClose => match self.dialect.end_of_input() {
                EndOfInput::HalfClose => (vec![Bytes::new()], 0),
                EndOfInput::Messages(messages) => (self.filled(shared, messages), 0),
            },
            EventKind::Cancel => (Vec::new(), 0),
        };
        Some((self.first_of(messages), bytes))
    }

    /// Messages with the values of the session that the user asked for in them.
    fn filled(&self, shared: &Shared, messages: Vec<Bytes>) -> Vec<Bytes> {
        let number = self.script.number;
        let messages = messages.into_iter();
        messages
            .map(|message| shared.spec.filled_json(message, number))
            .collect()
    }

    /// The first of a step's messages, which stands for it; those that follow are owed.
    fn first_of(&mut self, messages: Vec<Bytes>) -> Option<Bytes> {
        let mut messages = messages.into_iter();
        let first = messages.next();
        self.sending.following.extend(messages);
        first
    }

    /// Hands the message of a step to the transport; when it was taken, if it was.
    fn take(
        &mut self,
        shared: &Shared,
        frame: Bytes,
        step: Step,
        facts: EventFacts,
        released: RunTime,
        payload_bytes: usize,
    ) -> Option<RunTime> {
        let half_closes = facts.kind == EventKind::HalfClose && !self.nature.caller_ends;
        let is_audio = matches!(facts.kind, EventKind::Audio | EventKind::Fill);
        let stream = self.sending.stream.as_mut()?;
        let message = match is_audio {
            true => {
                let (head, tail) = self.dialect.around_audio();
                Message {
                    head,
                    body: frame,
                    tail,
                    is_binary: self.nature.sends_binary,
                }
            }
            false => frame.into(),
        };
        match stream.try_send(message, half_closes) {
            Sent::Taken => {}
            // Of a stream that has gone the reading side learns why.
            Sent::Blocked | Sent::Gone => return None,
        }
        let now = shared.clock.now();
        if is_audio {
            self.dialect.audio_taken(now.0);
        }
        let taken = self.taken(step, facts, [released, now], payload_bytes);
        self.sending.last_taken = now;
        self.note_taken(&taken);
        let (is_last, turn) = (taken.is_last, taken.facts.turn as usize);
        self.sending.unwritten.push_back(Unwritten::Step(taken));
        let following = std::mem::take(&mut self.sending.following);
        self.sending.owed.extend(following);
        if is_last {
            let ends = self.dialect.end_of_utterance(turn);
            self.sending.owed.extend(ends);
        }
        Some(now)
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

    /// The facts of the event that is being sent.
    pub(super) fn facts(&mut self, event: usize) -> EventFacts {
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
        let is_audio = matches!(taken.facts.kind, EventKind::Audio | EventKind::Fill);
        if self.nature.has_items && is_audio {
            let of = taken.facts.is_speech().then_some(turn);
            let length_ns = self.wire.length_ns(taken.payload_bytes);
            self.receiving.answers.sent(of, length_ns);
        }
        if taken.begins_turn {
            self.sending.begun = Some(taken.facts.turn);
            self.receiving.answers.begun(turn);
        }
        if taken.ends_speech || taken.is_last {
            self.receiving.answers.sent_whole(turn);
        }
    }
}
