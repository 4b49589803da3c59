//! What to send and when: a trace laid on the clock of a run. Pure; the only place where trace
//! time becomes run time.

use std::ops::Range;
use std::sync::Arc;

use crate::results::manifest::Planned;
use crate::trace::Trace;
use crate::trace::extent::Extent;
use crate::trace::model::{EventKind, EventRow, SpeechMethod, TurnRow};
use crate::units::{RunTime, TraceTime};

/// Which part of a trace is replayed. Sessions are whole: nothing is cut inside one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only sessions that start in this stretch of the trace.
    pub window: Option<Range<TraceTime>>,
    /// Only so many of them, the first.
    pub limit: Option<usize>,
}

/// One session of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCall {
    /// Number of the session in the trace.
    pub session: usize,
    /// When it starts.
    pub start: RunTime,
    /// Its rows of the trace's events.
    pub events: Range<usize>,
    /// Its rows of the trace's turns.
    pub turns: Range<usize>,
}

/// A trace laid on the clock of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The trace.
    pub trace: Arc<Trace>,
    /// Its sessions, in order of their start.
    pub calls: Vec<PlannedCall>,
    /// Run time of trace time 0.
    offset_ns: i64,
}

/// One message of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it must leave.
    pub due: RunTime,
    /// Row of its event in the trace.
    pub event: usize,
    /// Number of the chunk in its event.
    pub chunk: u32,
}

/// Where a session is in its plan: no queue, only a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    events: Range<usize>,
    chunk: u32,
}

impl Plan {
    /// Lays the selected sessions so that the first starts at run time 0.
    #[must_use]
    pub fn new(trace: Arc<Trace>, selection: &Selection) -> Plan {
        let mut plan = Plan {
            trace,
            calls: Vec::new(),
            offset_ns: 0,
        };
        let (mut event, mut turn) = (0, 0);
        for session in &plan.trace.sessions {
            let events = run_of(&plan.trace.events, event, |row| {
                row.session == session.session
            });
            let turns = run_of(&plan.trace.turns, turn, |row| {
                row.session == session.session
            });
            (event, turn) = (events.end, turns.end);
            let start = TraceTime(session.start_ns);
            if selection
                .window
                .as_ref()
                .is_none_or(|window| window.contains(&start))
                && selection.limit.is_none_or(|limit| plan.calls.len() < limit)
            {
                let session = session.session as usize;
                plan.calls.push(PlannedCall {
                    session,
                    start: RunTime(start.0),
                    events,
                    turns,
                });
            }
        }
        plan.starting_at(RunTime(0))
    }

    /// The same plan, moved so that its first session starts at `first`.
    #[must_use]
    pub fn starting_at(mut self, first: RunTime) -> Plan {
        let later_ns = first.0 - self.calls.first().map_or(0, |call| call.start.0);
        self.offset_ns += later_ns;
        for call in &mut self.calls {
            call.start.0 += later_ns;
        }
        self
    }

    /// `at` on the clock of the run.
    #[must_use]
    pub fn run_time(&self, at: TraceTime) -> RunTime {
        RunTime(at.0.saturating_add(self.offset_ns))
    }

    /// The event of a step.
    #[must_use]
    pub fn event(&self, step: Step) -> &EventRow {
        &self.trace.events[step.event]
    }

    /// The turns of a session.
    #[must_use]
    pub fn turns(&self, call: &PlannedCall) -> &[TurnRow] {
        &self.trace.turns[call.turns.clone()]
    }

    /// Whether an utterance has speech, and so expects an answer.
    #[must_use]
    pub fn expects_answer(&self, turn: &TurnRow) -> bool {
        match turn.clip {
            Some(clip) => self.trace.clips[clip as usize].speech_method != SpeechMethod::None,
            None => true,
        }
    }

    /// The beginning of a session.
    #[must_use]
    pub fn cursor(&self, call: &PlannedCall) -> Cursor {
        Cursor {
            events: call.events.clone(),
            chunk: 0,
        }
    }

    /// The next step of a session, without moving on.
    #[must_use]
    pub fn step(&self, cursor: &Cursor) -> Option<Step> {
        if cursor.events.is_empty() {
            return None;
        }
        let row = &self.trace.events[cursor.events.start];
        let at_ns = match row.kind {
            // A chunk leaves when its last sample was captured.
            EventKind::Audio | EventKind::Fill => {
                row.at_ns + i64::from(cursor.chunk + 1) * row.interval_ns
            }
            _ => row.at_ns,
        };
        let due = self.run_time(TraceTime(at_ns));
        Some(Step {
            due,
            event: cursor.events.start,
            chunk: cursor.chunk,
        })
    }

    /// Moves past the step that [`Plan::step`] gives.
    pub fn advance(&self, cursor: &mut Cursor) {
        cursor.chunk += 1;
        if cursor.chunk >= self.trace.events[cursor.events.start].count {
            cursor.chunk = 0;
            cursor.events.start += 1;
        }
    }

    /// The last chunk of an utterance, as (event, chunk).
    #[must_use]
    pub fn last_speech(&self, call: &PlannedCall, turn: u32) -> Option<(usize, u32)> {
        let events = &self.trace.events[call.events.clone()];
        let is_speech = |event: &EventRow| {
            event.turn == turn && matches!(event.kind, EventKind::Audio | EventKind::Text)
        };
        let last = events.iter().rposition(is_speech)?;
        Some((call.events.start + last, events[last].count - 1))
    }

    /// How much the plan asks for.
    #[must_use]
    pub fn planned(&self) -> Planned {
        let mut sessions = Vec::new();
        let mut events = Vec::new();
        for (number, call) in (0..).zip(&self.calls) {
            let mut session = self.trace.sessions[call.session].clone();
            session.session = number;
            sessions.push(session);
            for event in &self.trace.events[call.events.clone()] {
                events.push(EventRow {
                    session: number,
                    ..event.clone()
                });
            }
        }
        let extent = Extent::of(&sessions, &events);
        let first = sessions.first().map_or(0, |session| session.start_ns);
        Planned {
            sessions: extent.sessions,
            turns: extent.turns,
            chunks: extent.chunks,
            peak_sessions: extent.peak_sessions,
            duration_ns: extent.duration_ns - first,
        }
    }
}

fn run_of<R>(rows: &[R], from: usize, belongs: impl Fn(&R) -> bool) -> Range<usize> {
    let length = rows[from..].iter().take_while(|row| belongs(row)).count();
    from..from + length
}
