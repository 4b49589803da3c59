//! Where a session is in its script: no queue, only a place. Pure.
//!
//! With recorded timing a cursor walks the events as they are. With reactive timing it holds after
//! each utterance, repeating the silence that follows it, until it is released: then the rest of
//! the session is moved so that what comes next starts at the instant of the release. Where the server
//! finds the end of an utterance in the silence after it, a cursor holds in that way after the last one,
//! whatever the timing: until its answer was heard.

use super::script::{Script, Step};
use super::session_index::interval_ns;
use crate::trace::model::{EventKind, Microphone};
use crate::units::{RunTime, SampleRate, TraceTime};

/// After which utterances a cursor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// After none: things happen as recorded.
    Never,
    /// After the last one of an open microphone.
    Last,
    /// After each.
    Each,
}

/// What a cursor waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    /// The answer to the utterance that has been sent; before the first, the end of the greeting.
    turn: Option<usize>,
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
    holds: Holds,
    /// Silence and speech follow each other without a gap, so that what was held comes after whole chunks of silence.
    on_grid: bool,
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
    fn of(script: &Script, event: usize, repeats: bool, on_grid: bool) -> Option<Piece> {
        let row = script.rows.events.get(event)?;
        let (into_ns, between_ns) = match row.kind {
            // A chunk leaves when its last sample was captured.
            EventKind::Audio | EventKind::Fill if repeats && !on_grid => {
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
    /// The beginning of a script, whose chunks lie on a grid or not.
    #[must_use]
    pub fn new(holds: Holds, on_grid: bool) -> Cursor {
        Cursor {
            event: 0,
            chunk: 0,
            shift_ns: 0,
            holds,
            on_grid,
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

    /// The utterance after which the cursor holds, or has held and nothing of what was held has been sent since.
    #[must_use]
    pub fn holding(&self) -> Option<usize> {
        self.standing()?.turn
    }

    fn standing(&self) -> Option<Hold> {
        let unsent = |left: &Hold| (left.then, 0) == (self.event, self.chunk);
        self.hold.or(self.left.filter(unsent))
    }

    /// The utterance after which the cursor holds, while it is not known for how long.
    #[must_use]
    pub fn waiting(&self) -> Option<usize> {
        self.hold.filter(|hold| hold.until.is_none())?.turn
    }

    /// Whether it holds before the first utterance, and it is not known for how long.
    #[must_use]
    pub fn awaits_greeting(&self) -> bool {
        let hold = self.hold.filter(|hold| hold.until.is_none());
        hold.is_some_and(|hold| hold.turn.is_none())
    }

    /// What kind of message is held.
    #[must_use]
    pub fn holds_back(&self, script: &Script) -> Option<EventKind> {
        let next = script.rows.events.get(self.hold?.then)?;
        Some(next.kind)
    }

    /// Holds before what comes next until the greeting was heard, and sends on the silence that comes before it.
    pub fn await_greeting(&mut self, script: &Script) {
        self.hold = Some(Hold {
            turn: None,
            then: self.event,
            until: None,
        });
        self.repeat_silence(script);
    }

    /// Goes on with the silence before what comes next, of which nothing was sent.
    fn repeat_silence(&mut self, script: &Script) {
        let before = self.event.checked_sub(1).filter(|_| self.chunk == 0);
        let silence = before.and_then(|before| Some((before, script.rows.events.get(before)?)));
        if let Some((event, silence)) = silence.filter(|(_, row)| row.kind == EventKind::Fill) {
            (self.event, self.chunk) = (event, silence.count);
        }
    }

    /// When what is held began in the trace: an utterance at its start, though its first chunk may
    /// have been late; anything else when it left.
    #[must_use]
    pub fn held_from(&self, script: &Script) -> Option<TraceTime> {
        let hold = self.hold?;
        let next = script.rows.events.get(hold.then)?;
        let turn = script.rows.turns.get(next.turn as usize);
        let is_after = |turn| next.turn as usize > turn;
        let at_ns = match turn.filter(|_| hold.turn.is_none_or(is_after)) {
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
            .or_else(|| Piece::of(script, self.event, repeats, self.on_grid))
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
            self.hold = match self.holds {
                Holds::Never => None,
                Holds::Last => self.hold_after_last(script, turn, ends_utterance),
                Holds::Each => self.hold_after(script, turn, ends_utterance),
            };
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
            turn: Some(turn),
            then: self.event + silence,
            until: None,
        })
    }

    /// A caller with an open microphone stays until the last answer was heard, unless they hang up first.
    fn hold_after_last(&self, script: &Script, turn: usize, ends_utterance: bool) -> Option<Hold> {
        let hold = self.hold_after(script, turn, ends_utterance)?;
        let next = script.rows.events.get(hold.then)?;
        (ends_utterance && next.kind == EventKind::HalfClose).then_some(hold)
    }

    /// What was held may come at `at`; an earlier instant replaces a later one that has not come.
    pub fn release(&mut self, script: &Script, at: RunTime) {
        if let Some(hold) = self.standing() {
            let until = hold.until.map_or(at, |known| known.min(at));
            self.hold = Some(Hold {
                until: Some(until),
                ..hold
            });
            self.settle(script);
        }
    }

    /// Holds after utterance `turn` again until it is released, if it did and nothing of what was
    /// held has been sent since.
    pub fn hold_again(&mut self, script: &Script, turn: usize) {
        if let Some(hold) = self.standing().filter(|hold| hold.turn == Some(turn)) {
            if self.hold.is_none() {
                self.repeat_silence(script);
            }
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
        let silence = self.step(script).zip(self.piece(script));
        let until = match silence {
            Some((step, piece)) if self.on_grid => {
                let begins = RunTime(step.due.0 - piece.between_ns);
                if begins < until {
                    return;
                }
                begins
            }
            Some((step, _)) if step.due <= until => return,
            _ => until,
        };
        let from = self.held_from(script);
        self.shift_ns = from.map_or(0, |from| until.0 - script.run_time(from).0);
        self.left = self.hold.take();
        self.event = then;
        self.chunk = 0;
    }
}

#[cfg(test)]
mod tests;
