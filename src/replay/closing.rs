//! When a session is over that the caller ends: once the last utterance was answered, and its transcript has
//! come or was waited for.

use super::call::Call;
use super::shared::Shared;
use super::timers::Timer;
use crate::clock::Clock;
use crate::dialect::Endpointing;
use crate::units::{NS_PER_S, RunTime};

/// How long a server is waited for that closes once it was told that nothing more comes. Half of the timeout where that
/// is less, so that one that does not close is none that failed.
const CLOSE_WAIT_NS: i64 = 2 * NS_PER_S;

impl Call {
    /// Ends the session if nothing more is to be waited for, and else looks again when that may be so.
    pub(super) fn consider_closing(&mut self, shared: &Shared) {
        let has_said_all = self.nature.caller_ends && self.sending.half_closed;
        if !has_said_all || self.sending.is_closing {
            return;
        }
        let now = shared.clock.now();
        match self.closes_at(shared, now) {
            Some(at) if at > now => self.look_again(at),
            Some(_) => {
                self.sending.is_closing = true;
                if let Some(stream) = &mut self.sending.stream {
                    stream.close();
                    self.wake();
                }
            }
            None => {}
        }
    }

    /// Writes the rows that may be written by now, and ends the session if it is over.
    pub(super) fn on_settled(&mut self, shared: &Shared, at: RunTime) {
        if self.sending.look_again == Some(at) {
            self.sending.look_again = None;
            self.listen(shared, at);
            for turn in 0..self.turns.len() {
                self.write_if_done(shared, turn);
            }
            self.consider_closing(shared);
        }
    }

    /// Looks again at `at`, or earlier if that is to be done already.
    pub(super) fn look_again(&mut self, at: RunTime) {
        if self.sending.look_again.is_none_or(|set| at < set) {
            self.sending.look_again = Some(at);
            self.wake_at(at, Timer::Settled(self.key));
        }
    }

    /// When the caller closes, as far as that is known: once the session is over, and where the server closes by itself,
    /// some time later.
    fn closes_at(&mut self, shared: &Shared, now: RunTime) -> Option<RunTime> {
        let over_at = self.over_at(shared, now)?;
        if over_at > now || !self.nature.awaits_close {
            return Some(over_at);
        }
        let wait_ns = CLOSE_WAIT_NS.min(shared.spec.timeout_ns / 2);
        let closes_at = RunTime(now.0.saturating_add(wait_ns));
        Some(*self.sending.closes_at.get_or_insert(closes_at))
    }

    /// When the session is over, as far as that is known.
    fn over_at(&self, shared: &Shared, now: RunTime) -> Option<RunTime> {
        let mut turns = (0..self.turns.len()).rev();
        let Some(last) = turns.find(|turn| self.expects_answer(shared, *turn)) else {
            return Some(now);
        };
        let answers = &self.receiving.answers;
        if (0..self.turns.len()).any(|turn| answers.is_being_answered(turn)) {
            return None;
        }
        let is_unwritten = |turn: &usize| self.turns[*turn].is_some();
        if is_unwritten(&last) {
            let answer = answers.of(last)?;
            answer.listening_ns.or(answer.error_ns)?;
        }
        let unwritten = (0..self.turns.len()).filter(is_unwritten);
        let settled = unwritten.filter_map(|turn| self.settled_at(shared, turn));
        Some(settled.max().unwrap_or(now))
    }

    /// When the transcript of an utterance whose answer has ended has come, or was waited for, and, where the server
    /// hears the caller all the time and may interrupt it, its answer was heard.
    pub(super) fn settled_at(&self, shared: &Shared, turn: usize) -> Option<RunTime> {
        let answers = &self.receiving.answers;
        let answer = answers.of(turn)?;
        let ended_ns = answer.listening_ns?;
        let heard_ns = match self.nature.endpointing {
            Endpointing::Server => answer.playout.end_ns.unwrap_or(ended_ns),
            Endpointing::AsTraced | Endpointing::Caller => ended_ns,
        };
        let waits = self.nature.late_transcripts && answers.is_transcript_due(turn);
        let wait_ns = if waits {
            shared.spec.transcript_wait_ns
        } else {
            0
        };
        Some(RunTime(ended_ns.saturating_add(wait_ns).max(heard_ns)))
    }
}
