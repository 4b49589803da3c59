//! Where a session is in its script: no queue, only a place. Pure.
//!
//! With recorded timing a cursor walks the events as they are. With reactive timing it holds after
//! each utterance, repeating the silence that follows it, until it is released: then the rest of
//! the session is moved so that what comes next starts at the instant of the release.

use super::plan::Script;
use crate::trace::model::{EventKind, EventRow, Microphone};
use crate::units::{RunTime, TraceTime};

/// One message of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it must leave.
    pub due: RunTime,
    /// Its event in the script.
    pub event: usize,
    /// Number of the chunk in its event.
    pub chunk: u32,
}

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

    /// The event that comes after the hold.
    #[must_use]
    pub fn held<'a>(&self, script: &'a Script) -> Option<&'a EventRow> {
        script.rows.events.get(self.hold?.then)
    }

    /// The next step, without moving on; `None` at the end, and while there is nothing to send
    /// until the hold is released.
    #[must_use]
    pub fn step(&self, script: &Script) -> Option<Step> {
        let row = script.rows.events.get(self.event)?;
        if self.hold.is_some() && row.kind != EventKind::Fill {
            return None;
        }
        let at_ns = match row.kind {
            // A chunk leaves when its last sample was captured.
            EventKind::Audio | EventKind::Fill => {
                row.at_ns + i64::from(self.chunk + 1) * row.interval_ns
            }
            _ => row.at_ns,
        };
        Some(Step {
            due: self.run_time(script, TraceTime(at_ns)),
            event: self.event,
            chunk: self.chunk,
        })
    }

    /// Moves past the step that [`Cursor::step`] gives. `last_speech` is the script's.
    pub fn advance(&mut self, script: &Script, last_speech: &[Option<usize>]) {
        self.chunk += 1;
        if self.hold.is_none() && self.chunk >= script.rows.events[self.event].count {
            let turn = script.rows.events[self.event].turn as usize;
            let ends_utterance = last_speech.get(turn) == Some(&Some(self.event));
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
        self.hold = None;
        self.event = then;
        self.chunk = 0;
        self.shift_ns = 0;
        if let Some(next) = script.rows.events.get(then) {
            self.shift_ns = until.0 - script.run_time(TraceTime(next.at_ns)).0;
        }
    }
}
