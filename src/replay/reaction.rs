//! What a caller does about what was answered: speaks into an answer, listens on, or goes on.

use super::call::Call;
use super::progress::BargeIn;
use super::shared::Shared;
use super::spec::GreetingWait;
use crate::conversation::greeting::Greeting;
use crate::dialect::Endpointing;
use crate::trace::model::EventKind;
use crate::units::{NS_PER_S, RunTime};

/// Within this time after the end of speech a gateway has noticed it and begun to answer: longer than
/// gateways wait for more speech and recognise what they heard.
const ENDPOINT_NS: i64 = 2 * NS_PER_S;

impl Call {
    /// The instant has come at which the caller speaks into an answer, if it is still playing.
    pub(super) fn barge_in(&mut self, shared: &Shared, at: RunTime, now: RunTime) {
        let Some(turn) = self.sending.cursor.holding() else {
            return;
        };
        let Some(answer) = self.receiving.answers.of(turn) else {
            return;
        };
        let playout = &answer.playout;
        let plays_on = playout.end_ns.is_some_and(|end_ns| end_ns > at.0);
        let has_begun = playout.start_ns.is_some_and(|start_ns| start_ns <= at.0);
        if !has_begun || !(plays_on || self.receiving.answers.is_being_answered(turn)) {
            return;
        }
        let samples = playout.samples;
        if let Some(record) = &mut self.turns[turn] {
            record.progress.barge_in = Some(BargeIn { at, samples });
        }
        // Who ends utterances by themselves stop an answer by themselves too; else the server does, when it hears them.
        if self.nature.endpointing == Endpointing::Caller {
            let unheard_ns = self.receiving.answers.clear(at.0).unwrap_or(0);
            self.sending.interrupt(&mut self.dialect, unheard_ns);
        }
        self.sending.cursor.release(&self.script, at);
        self.pump(shared, now);
    }

    /// Whether the first utterance, which is `turn`, has to wait for what the server says first.
    pub(super) fn awaits_greeting(&self, turn: u32) -> bool {
        if turn > 0 || self.sending.begun.is_some() || self.sending.greeted {
            return false;
        }
        let greeting = self.receiving.answers.greeting();
        match self.greeting_wait {
            GreetingWait::Ignore => false,
            GreetingWait::HearOut => greeting.is_some(),
            GreetingWait::Wait => true,
        }
    }

    /// Once the greeting has ended, it is known when the caller begins to speak.
    pub(super) fn consider_greeting(&mut self, now: RunTime) {
        let greeting = self.receiving.answers.greeting();
        let heard_ns = greeting.and_then(Greeting::heard_ns);
        if let Some(heard_ns) = heard_ns.filter(|_| self.sending.cursor.awaits_greeting()) {
            self.sending.greeted = true;
            let at = RunTime(heard_ns).max(now);
            self.sending.cursor.release(&self.script, at);
            self.set_timer(at);
        }
    }

    /// With reactive timing: a further answer to the last utterance began before the caller went on,
    /// who listens to that as well.
    pub(super) fn consider_waiting_on(&mut self, shared: &Shared, turn: usize) {
        let barges_in = self.turns[turn]
            .as_deref()
            .is_some_and(|record| record.progress.barge_in.is_some());
        let expects = self.expects_answer(shared, turn);
        if expects && !barges_in && self.receiving.answers.is_being_answered(turn) {
            self.sending.cursor.hold_again(&self.script, turn);
        }
    }

    /// With reactive timing: once the answer to the last utterance has ended, it is known when the
    /// caller goes on.
    pub(super) fn consider_release(&mut self, shared: &Shared, now: RunTime) {
        let Some(turn) = self.sending.cursor.waiting() else {
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
        self.sending.cursor.release(&self.script, at);
        if let Some(step) = self.sending.cursor.step(&self.script) {
            self.set_timer(step.due);
        }
    }

    /// When a caller whom the gateway cut off in `turn` waits no longer for an answer to the rest of
    /// what they said.
    fn answer_to_the_rest(&self, turn: usize) -> Option<RunTime> {
        let progress = &self.turns[turn].as_deref()?.progress;
        let said_ns = progress.end_of_speech_sent_ns?;
        let is_cut_off = self.receiving.answers.is_cut_off(turn);
        is_cut_off.then_some(RunTime(said_ns + ENDPOINT_NS))
    }

    /// When the caller has heard the whole answer to `turn`, if it has ended.
    fn answer_end(&self, turn: usize) -> Option<i64> {
        let answer = self.receiving.answers.of(turn)?;
        let is_under_way = self.receiving.answers.is_being_answered(turn);
        let listening_ns = answer.listening_ns.filter(|_| !is_under_way);
        let said_ns = listening_ns.or(answer.error_ns)?;
        Some(answer.playout.end_ns.unwrap_or(said_ns))
    }

    /// After an utterance without speech, the caller goes on as recorded; who would end the session with that hears out
    /// the answer to what they said before it.
    fn goes_on_unanswered(&self, shared: &Shared, turn: usize) -> Option<RunTime> {
        if self.expects_answer(shared, turn) {
            return None;
        }
        let cursor = &self.sending.cursor;
        let recorded = cursor.run_time(&self.script, cursor.held_from(&self.script)?);
        let ends = self.nature.caller_ends
            && cursor.holds_back(&self.script) == Some(EventKind::HalfClose);
        let mut before = (0..turn).rev();
        let awaited = before.find(|turn| self.expects_answer(shared, *turn));
        match awaited.filter(|turn| ends && self.turns[*turn].is_some()) {
            Some(awaited) => Some(recorded.max(RunTime(self.answer_end(awaited)?))),
            None => Some(recorded),
        }
    }

    /// Whether the answer to `turn` had not been heard to its end at `at`.
    pub(super) fn is_unheard(&self, shared: &Shared, turn: usize, at: RunTime) -> bool {
        self.receiving.answers.of(turn).is_some_and(|answer| {
            let unheard = answer.playout.end_ns.is_some_and(|end_ns| end_ns > at.0);
            let unanswered = self.expects_answer(shared, turn) && answer.listening_ns.is_none();
            unheard || unanswered || self.receiving.answers.is_being_answered(turn)
        })
    }
}
