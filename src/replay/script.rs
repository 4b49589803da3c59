//! One session of a plan: what is sent when, and the audio that is ready for it.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::session_index::SessionIndex;
use crate::conversation::framed::FramedAudio;
use crate::trace::model::SessionRows;
use crate::trace::model::{EventKind, EventRow, TurnRow};
use crate::units::{RunTime, TraceTime};

/// One session of a plan.
#[derive(Debug)]
pub struct Script {
    /// Its place in the plan, from 0.
    pub number: u64,
    /// Which copy of its session it is; 0 for the first.
    pub copy: u32,
    /// The user whose request it is; `None` in a replay.
    pub user: Option<u32>,
    /// What the trace says of it; without what it was answered.
    pub rows: Arc<SessionRows>,
    /// What follows from that.
    pub index: Arc<SessionIndex>,
    /// When it starts.
    pub start: RunTime,
    /// The framed audio of each stretch, there from before it is due until it is sent.
    audio: Box<[Mutex<Option<FramedAudio>>]>,
}

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

/// What is needed of an event for each of its messages, gathered so that they touch nothing else of the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventFacts {
    pub(super) event: usize,
    pub(super) kind: EventKind,
    pub(super) turn: u32,
    /// The chunk with which all speech of the utterance is sent, and those after it.
    pub(super) speech_ends_at: Option<u32>,
    /// The last chunk of the utterance.
    pub(super) last: Option<u32>,
    /// The usual time between two chunks of the session.
    pub(super) interval_ns: i64,
}

impl EventFacts {
    /// Whether it is of an utterance.
    pub(super) fn is_speech(&self) -> bool {
        matches!(self.kind, EventKind::Audio | EventKind::Text)
    }
}

/// The audio of the stretch that is being sent.
#[derive(Debug)]
pub struct Held {
    events: Range<usize>,
    audio: FramedAudio,
}

impl Script {
    /// A session that starts at `start`, its audio not there yet.
    #[must_use]
    pub fn new(
        rows: Arc<SessionRows>,
        index: Arc<SessionIndex>,
        number: u64,
        copy: u32,
        start: RunTime,
    ) -> Script {
        let audio = index.stretches.iter().map(|_| Mutex::default()).collect();
        Script {
            number,
            copy,
            user: None,
            rows,
            index,
            start,
            audio,
        }
    }

    /// `at` on the clock of the run, as recorded.
    #[must_use]
    pub fn run_time(&self, at: TraceTime) -> RunTime {
        let into_ns = at.0.saturating_sub(self.rows.session.start_ns);
        RunTime(self.start.0.saturating_add(into_ns))
    }

    /// Utterance `turn`.
    #[must_use]
    pub fn turn(&self, turn: usize) -> &TurnRow {
        &self.rows.turns[turn]
    }

    /// The facts of event `event`.
    pub(super) fn facts(&self, event: usize) -> EventFacts {
        let row = &self.rows.events[event];
        let turn = row.turn as usize;
        let planned = self.rows.turns.get(turn);
        // A clip may be spread over several events: the speech ends with the chunk that covers it.
        let speech_ends_at = match row.kind {
            EventKind::Text => Some(0),
            EventKind::Audio => planned.and_then(|planned| {
                let left_ns = planned.speech_end_ns? - row.at_ns;
                match row.interval_ns {
                    _ if left_ns <= row.interval_ns => Some(0),
                    0 => None,
                    interval_ns => u32::try_from((left_ns - 1) / interval_ns).ok(),
                }
            }),
            _ => None,
        };
        let facts = EventFacts {
            event,
            kind: row.kind,
            turn: row.turn,
            speech_ends_at,
            last: None,
            interval_ns: self.index.interval_ns.unwrap_or(row.interval_ns),
        };
        let ends = facts.is_speech() && self.index.last_speech.get(turn) == Some(&Some(event));
        EventFacts {
            last: ends.then(|| row.count.saturating_sub(1)),
            ..facts
        }
    }

    /// The events of stretch `number`, if there are so many.
    #[must_use]
    pub fn stretch(&self, number: usize) -> Option<&[EventRow]> {
        let stretch = self.index.stretches.get(number)?;
        self.rows.events.get(stretch.events.clone())
    }

    /// The earliest instant at which stretch `number` may be needed.
    #[must_use]
    pub fn needed_at(&self, number: usize, reactive: bool) -> Option<RunTime> {
        let first = self.stretch(number)?.first()?;
        let sooner_ns = match reactive {
            true => self.index.stretches[number].sooner_ns,
            false => 0,
        };
        Some(self.run_time(TraceTime(first.at_ns - sooner_ns)))
    }

    /// The audio of stretch `number` is there.
    pub fn provide(&self, number: usize, audio: FramedAudio) {
        if let Some(place) = self.audio.get(number)
            && let Ok(mut place) = place.lock()
        {
            *place = Some(audio);
        }
    }

    /// Takes over the audio of the stretch that event `event` is in; `None` while it is not there.
    #[must_use]
    pub fn take_audio(&self, event: usize) -> Option<Held> {
        let number = self.index.stretch_of(event)?;
        let audio = self.audio[number].lock().ok()?.take()?;
        let events = self.index.stretches[number].events.clone();
        Some(Held { events, audio })
    }
}

impl Held {
    /// Whether it is that of event `event`.
    #[must_use]
    pub fn has(&self, event: usize) -> bool {
        self.events.contains(&event)
    }

    /// The frame of the chunk of `step`, of an event of this kind, and its PCM bytes. Nothing is copied.
    #[must_use]
    pub fn chunk(&self, kind: EventKind, step: Step) -> (Bytes, usize) {
        if kind == EventKind::Fill {
            return self.audio.chunk(0);
        }
        // A stretch is one event, or events of one chunk each.
        self.audio
            .chunk(step.event - self.events.start + step.chunk as usize)
    }
}
