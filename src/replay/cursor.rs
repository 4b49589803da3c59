//! Where a session is in its script: no queue, only a place. Pure.
//!
//! With recorded timing a cursor walks the events as they are. With reactive timing it holds after
//! each utterance, repeating the silence that follows it, until it is released: then the rest of
//! the session is moved so that what comes next starts at the instant of the release.

use super::script::{Script, Step};
use super::session_index::interval_ns;
use crate::trace::model::{EventKind, Microphone};
use crate::units::{RunTime, SampleRate, TraceTime};

/// What a cursor waits for after an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    /// The utterance that has been sent.
    turn: usize,
    /// The event that comes next.
    then: usize,
    /// When it may come; `None` while that is not known.
    until: Option<RunTime>,
}

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    event: usize,
    chunk: u32,
    /// How much later than recorded things happen now.
    shift_ns: i64,
    reactive: bool,
    hold: Option<Hold>,
    /// The last hold that was left.
    left: Option<Hold>,
    /// What was last moved on in.
    piece: Option<Piece>,
}

/// The messages of an event, gathered so that to go on in it touches nothing of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    event: usize,
    /// It is repeated as long as the cursor holds.
    repeats: bool,
    kind: EventKind,
    count: u32,
    /// When its first message is due as recorded, and how much later each of the others.
    first: RunTime,
    between_ns: i64,
}

impl Piece {
    fn of(script: &Script, event: usize, repeats: bool) -> Option<Piece> {
        let row = script.rows.events.get(event)?;
        let (into_ns, between_ns) = match row.kind {
            // A chunk leaves when its last sample was captured.
            EventKind::Audio | EventKind::Fill if repeats => {
                // Silence that is repeated goes on at its own rate.
                let rate = SampleRate(script.rows.session.sample_rate_hz);
                (row.interval_ns, interval_ns(row, rate))
            }
            EventKind::Audio | EventKind::Fill => (row.interval_ns, row.interval_ns),
            _ => (0, 0),
        };
        Some(Piece {
            event,
            repeats,
            kind: row.kind,
            count: row.count,
            first: script.run_time(TraceTime(row.at_ns + into_ns)),
            between_ns,
        })
    }
}

impl Cursor {
    /// The beginning of a script.
    #[must_use]
    pub fn new(reactive: bool) -> Cursor {
        Cursor {
            event: 0,
            chunk: 0,
            shift_ns: 0,
            reactive,
            hold: None,
            left: None,
            piece: None,
        }
    }

    /// `at` on the clock of the run, as things are now.
    #[must_use]
    pub fn run_time(&self, script: &Script, at: TraceTime) -> RunTime {
        RunTime(script.run_time(at).0.saturating_add(self.shift_ns))
    }

    /// The utterance after which the cursor holds.
    #[must_use]
    pub fn holding(&self) -> Option<usize> {
        Some(self.hold?.turn)
    }

    /// The utterance after which the cursor holds, while it is not known for how long.
    #[must_use]
    pub fn waiting(&self) -> Option<usize> {
        Some(self.hold.filter(|hold| hold.until.is_none())?.turn)
    }

    /// When what is held began in the trace: an utterance at its start, though its first chunk may
    /// have been late; anything else when it left.
    #[must_use]
    pub fn held_from(&self, script: &Script) -> Option<TraceTime> {
        let hold = self.hold?;
        let next = script.rows.events.get(hold.then)?;
        let turn = script.rows.turns.get(next.turn as usize);
        let at_ns = match turn.filter(|_| next.turn as usize > hold.turn) {
            Some(turn) => turn.at_ns.min(next.at_ns),
            None => next.at_ns,
        };
        Some(TraceTime(at_ns))
    }

    /// The next step, without moving on; `None` at the end, and while there is nothing to send
    /// until the hold is released.
    #[must_use]
    pub fn step(&self, script: &Script) -> Option<Step> {
        let piece = self.piece(script)?;
        if self.hold.is_some() && piece.kind != EventKind::Fill {
            return None;
        }
        let into_ns = i64::from(self.chunk) * piece.between_ns;
        Some(Step {
            due: RunTime((piece.first.0 + into_ns).saturating_add(self.shift_ns)),
            event: self.event,
            chunk: self.chunk,
        })
    }

    fn piece(&self, script: &Script) -> Option<Piece> {
        let repeats = self.hold.is_some();
        let known = self.piece;
        known
            .filter(|piece| (piece.event, piece.repeats) == (self.event, repeats))
            .or_else(|| Piece::of(script, self.event, repeats))
    }

    /// Moves past the step that [`Cursor::step`] gives.
    pub fn advance(&mut self, script: &Script) {
        let Some(piece) = self.piece(script) else {
            return;
        };
        self.piece = Some(piece);
        self.chunk += 1;
        if self.hold.is_none() && self.chunk >= piece.count {
            let turn = script.rows.events[self.event].turn as usize;
            let ends_utterance = script.index.last_speech.get(turn) == Some(&Some(self.event));
            self.event += 1;
            self.chunk = 0;
            if self.reactive {
                self.hold = self.hold_after(script, turn, ends_utterance);
            }
        }
        self.settle(script);
    }

    /// What follows utterance `turn` depends on its answer: from an open microphone the silence
    /// after it and what comes then, otherwise the next utterance.
    fn hold_after(&self, script: &Script, turn: usize, ends_utterance: bool) -> Option<Hold> {
        let rest = &script.rows.events[self.event..];
        let silence = match script.rows.session.microphone {
            Microphone::Open if ends_utterance => rest
                .iter()
                .take_while(|row| row.kind == EventKind::Fill)
                .count(),
            _ => 0,
        };
        let next = rest.get(silence)?;
        let holds = silence > 0 || next.turn as usize > turn;
        holds.then_some(Hold {
            turn,
            then: self.event + silence,
            until: None,
        })
    }

    /// What was held may come at `at`; an earlier instant replaces a later one that has not come.
    pub fn release(&mut self, script: &Script, at: RunTime) {
        if let Some(hold) = &mut self.hold {
            hold.until = Some(hold.until.map_or(at, |known| known.min(at)));
            self.settle(script);
        }
    }

    /// Holds after utterance `turn` again until it is released, if it did and nothing of what was
    /// held has been sent since.
    pub fn hold_again(&mut self, turn: usize) {
        let left = self
            .left
            .filter(|left| (left.then, 0) == (self.event, self.chunk));
        if let Some(hold) = self.hold.or(left).filter(|hold| hold.turn == turn) {
            self.hold = Some(Hold {
                until: None,
                ..hold
            });
        }
    }

    /// Leaves the hold once no further silence fits in before its end.
    fn settle(&mut self, script: &Script) {
        let Some(Hold {
            then,
            until: Some(until),
            ..
        }) = self.hold
        else {
            return;
        };
        if self
            .step(script)
            .is_some_and(|silence| silence.due <= until)
        {
            return;
        }
        let from = self.held_from(script);
        self.shift_ns = from.map_or(0, |from| until.0 - script.run_time(from).0);
        self.left = self.hold.take();
        self.event = then;
        self.chunk = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::replay::plan::tests::{event, session, turn};
    use crate::replay::session_index::SessionIndex;
    use crate::trace::model::EventRow;
    use crate::trace::model::SessionRows;
    use crate::units::NS_PER_MS;
    use EventKind::{Audio, Config, Fill, HalfClose};

    const MS: i64 = NS_PER_MS;

    /// Two utterances of 40 ms, silence of 60 ms after each.
    fn script(microphone: Microphone) -> Script {
        let open = microphone == Microphone::Open;
        let mut events = vec![event(0, Config, 0, 1), event(0, Audio, 0, 2)];
        events.extend(open.then(|| event(0, Fill, 40, 3)));
        events.push(event(1, Audio, 100, 2));
        events.extend(open.then(|| event(1, Fill, 140, 3)));
        events.push(event(1, HalfClose, if open { 200 } else { 140 }, 1));
        let turns = vec![turn(0, 0, 40), turn(1, 100, 140)];
        script_of(session(0, 0, microphone, turns, events))
    }

    fn script_of(rows: SessionRows) -> Script {
        let index = Arc::new(SessionIndex::of(&rows));
        Script::new(Arc::new(rows), index, 0, 0, RunTime(1000 * MS))
    }

    /// Walks at most `steps` steps, which leave (event, milliseconds since the session's start).
    fn walk(cursor: &mut Cursor, script: &Script, steps: usize) -> Vec<(usize, i64)> {
        let mut seen = Vec::new();
        while seen.len() < steps
            && let Some(step) = cursor.step(script)
        {
            seen.push((step.event, (step.due.0 - 1000 * MS) / MS));
            cursor.advance(script);
        }
        seen
    }

    #[test]
    fn recorded_timing_walks_the_events_as_they_are() {
        let script = script(Microphone::Open);
        let seen = walk(&mut Cursor::new(false), &script, 99);
        let audio = [(0, 0), (1, 20), (1, 40), (2, 60), (2, 80), (2, 100)];
        let rest = [(3, 120), (3, 140), (4, 160), (4, 180), (4, 200), (5, 200)];
        assert_eq!(seen, [audio, rest].concat());
    }

    #[test]
    fn an_open_microphone_repeats_silence_until_it_is_released() {
        let script = script(Microphone::Open);
        let mut cursor = Cursor::new(true);
        let seen = walk(&mut cursor, &script, 8);
        assert_eq!(seen[3..], [(2, 60), (2, 80), (2, 100), (2, 120), (2, 140)]);
        assert_eq!(cursor.waiting(), Some(0));
        cursor.release(&script, RunTime(1190 * MS));
        assert_eq!((cursor.waiting(), cursor.holding()), (None, Some(0)));
        let seen = walk(&mut cursor, &script, 4);
        assert_eq!(seen, [(2, 160), (2, 180), (3, 210), (3, 230)]);
        // After the last utterance, the release is the half-close.
        walk(&mut cursor, &script, 2);
        assert_eq!(cursor.waiting(), Some(1));
        cursor.release(&script, RunTime(1280 * MS));
        assert_eq!(walk(&mut cursor, &script, 9), [(5, 280)]);
    }

    #[test]
    fn an_earlier_release_replaces_one_that_has_not_come() {
        let script = script(Microphone::Open);
        let mut cursor = Cursor::new(true);
        walk(&mut cursor, &script, 4);
        cursor.release(&script, RunTime(1900 * MS));
        cursor.release(&script, RunTime(1085 * MS));
        assert_eq!(walk(&mut cursor, &script, 2), [(2, 80), (3, 105)]);
    }

    #[test]
    fn a_caller_who_is_told_more_before_going_on_holds_again() {
        for microphone in [Microphone::Open, Microphone::PushToTalk] {
            let script = script(microphone);
            let mut cursor = Cursor::new(true);
            let before = walk(&mut cursor, &script, 4).len();
            cursor.release(&script, RunTime(1090 * MS));
            cursor.hold_again(1);
            cursor.hold_again(0);
            assert_eq!(cursor.waiting(), Some(0), "{microphone}");
            cursor.release(&script, RunTime(1300 * MS));
            let after: Vec<_> = walk(&mut cursor, &script, 99);
            let begins = after
                .iter()
                .find(|(event, _)| script.rows.events[*event].turn == 1);
            assert_eq!(
                begins.map(|(_, at_ms)| *at_ms),
                Some(320),
                "{microphone}: {before}"
            );
            // What has begun is not held any more.
            cursor.hold_again(0);
            assert_ne!(cursor.waiting(), Some(0), "{microphone}");
        }
    }

    /// As a recorder writes it down, each chunk an event: an utterance and the noise after it, to
    /// 65 ms; two chunks of silence that came late and together; the next utterance from 100 ms on,
    /// its first chunk late too.
    fn recorded() -> Script {
        let chunk = |turn, kind, at_ms, leaves_ms| EventRow {
            interval_ns: (leaves_ms - at_ms) * MS,
            ..event(turn, kind, at_ms, 1)
        };
        let events = vec![
            event(0, Config, 0, 1),
            chunk(0, Audio, 0, 20),
            chunk(0, Audio, 20, 45),
            chunk(0, Audio, 45, 65),
            chunk(0, Fill, 65, 99),
            chunk(0, Fill, 99, 99),
            chunk(1, Audio, 103, 123),
            chunk(1, Audio, 123, 140),
            event(1, HalfClose, 140, 1),
        ];
        let turns = vec![turn(0, 0, 60), turn(1, 100, 140)];
        script_of(session(0, 0, Microphone::Open, turns, events))
    }

    #[test]
    fn silence_that_came_in_a_burst_is_repeated_at_its_own_rate() {
        let script = recorded();
        let mut cursor = Cursor::new(true);
        let seen = walk(&mut cursor, &script, 7);
        let noise = [(0, 0), (1, 20), (2, 45), (3, 65)];
        assert_eq!(seen, [&noise[..], &[(4, 99), (4, 133), (4, 167)]].concat());
        // The utterance begins when it is released; its chunk is as late as it was.
        cursor.release(&script, RunTime(1300 * MS));
        let silence = [(4, 201), (4, 235), (4, 269)];
        let rest = [(6, 323), (7, 340), (8, 340)];
        assert_eq!(walk(&mut cursor, &script, 9), [silence, rest].concat());
    }

    #[test]
    fn chunks_that_came_in_a_burst_leave_in_one_with_recorded_timing() {
        let seen = walk(&mut Cursor::new(false), &recorded(), 99);
        assert_eq!(seen[4..7], [(4, 99), (5, 99), (6, 123)]);
    }

    #[test]
    fn noise_before_the_next_utterance_is_sent_before_the_hold() {
        let mut rows = SessionRows::clone(&recorded().rows);
        rows.events.retain(|event| event.kind != Fill);
        let script = script_of(rows);
        let mut cursor = Cursor::new(true);
        assert_eq!(walk(&mut cursor, &script, 99).len(), 4);
        assert_eq!(cursor.waiting(), Some(0));
        // The answer had been heard before: the next utterance follows at once.
        cursor.release(&script, RunTime(1065 * MS));
        assert_eq!(walk(&mut cursor, &script, 1), [(4, 88)]);
    }

    #[test]
    fn push_to_talk_sends_nothing_while_it_waits_and_hangs_up_as_recorded() {
        let script = script(Microphone::PushToTalk);
        let mut cursor = Cursor::new(true);
        assert_eq!(walk(&mut cursor, &script, 99).len(), 3);
        assert_eq!(cursor.waiting(), Some(0));
        cursor.release(&script, RunTime(1500 * MS));
        assert_eq!(
            walk(&mut cursor, &script, 99),
            [(2, 520), (2, 540), (3, 540)]
        );
    }
}
