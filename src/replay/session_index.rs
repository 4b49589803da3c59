//! What follows from the rows of a session and is needed while it is sent. Pure; computed once for
//! all copies of the session, before they start, so that the threads that send only look it up.

use std::ops::Range;

use super::recorded;
use crate::results::latency::MainLatencies;
use crate::trace::extent::event_end_ns;
use crate::trace::model::SessionRows;
use crate::trace::model::{EventKind, EventRow};
use crate::units::{SampleRate, Samples};

/// Most PCM of a stretch of several events: 8 s at 16 kHz, so that a long call is read as it goes.
const MOST_STRETCH_BYTES: u64 = 256 * 1024;

/// The index of a session.
#[derive(Debug, Default)]
pub struct SessionIndex {
    /// The events that carry audio, in stretches that are framed together.
    pub stretches: Box<[Stretch]>,
    /// The event that ends each utterance: its last audio or text.
    pub last_speech: Box<[Option<usize>]>,
    /// Chunks of each utterance, without fill.
    pub chunks: Box<[u32]>,
    /// The usual time between two chunks; `None` for a session without any.
    pub interval_ns: Option<i64>,
    /// The latencies of each turn as they were recorded; empty unless they were.
    pub recorded: Box<[MainLatencies]>,
}

/// Consecutive events of one clip, or of equal silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Which events of the session.
    pub events: Range<usize>,
    /// How much sooner than recorded it may be due where callers react: pauses between utterances
    /// may vanish, while speech keeps its own rate.
    pub sooner_ns: i64,
}

impl SessionIndex {
    /// The index of a session as the trace has it.
    #[must_use]
    pub fn of(rows: &SessionRows) -> SessionIndex {
        let turns = rows.turns.len();
        let (mut last_speech, mut chunks) = (vec![None; turns], vec![0; turns]);
        for (number, event) in rows.events.iter().enumerate() {
            let turn = event.turn as usize;
            if let Some(last) = last_speech.get_mut(turn).filter(|_| is_speech(event)) {
                *last = Some(number);
            }
            if let Some(chunks) = chunks.get_mut(turn)
                && event.kind == EventKind::Audio
            {
                *chunks += event.count;
            }
        }
        SessionIndex {
            stretches: stretches(&rows.events).into(),
            last_speech: last_speech.into(),
            chunks: chunks.into(),
            interval_ns: usual_interval_ns(rows),
            recorded: recorded::latencies(rows).into(),
        }
    }

    /// Number of the stretch that event `event` is in.
    #[must_use]
    pub fn stretch_of(&self, event: usize) -> Option<usize> {
        let after = self.stretches.partition_point(|s| s.events.end <= event);
        let stretch = self.stretches.get(after)?;
        stretch.events.contains(&event).then_some(after)
    }
}

/// The time between the chunks of an event. An event of one chunk says when that leaves and not how
/// far it is from the next, which is the length of its audio; so for chunks that leave all at once.
#[must_use]
pub fn interval_ns(event: &EventRow, rate: SampleRate) -> i64 {
    let length_ns = Samples(u64::from(event.chunk_bytes / 2)).duration_ns(rate);
    match (event.count, event.interval_ns) {
        (1, _) | (_, 0) => event.interval_ns.max(length_ns),
        _ => event.interval_ns,
    }
}

/// The median over all chunks.
fn usual_interval_ns(rows: &SessionRows) -> Option<i64> {
    let rate = SampleRate(rows.session.sample_rate_hz);
    let audio = rows.events.iter().filter(|event| has_audio(event));
    let mut intervals: Vec<(i64, u64)> = audio
        .map(|event| (interval_ns(event, rate), u64::from(event.count)))
        .collect();
    intervals.sort_unstable();
    let chunks: u64 = intervals.iter().map(|(_, count)| count).sum();
    let mut left = chunks.div_ceil(2);
    let median = intervals.iter().find(|(_, count)| {
        let reached = *count >= left;
        left = left.saturating_sub(*count);
        reached
    });
    median.map(|(interval_ns, _)| *interval_ns)
}

fn is_speech(event: &EventRow) -> bool {
    matches!(event.kind, EventKind::Audio | EventKind::Text)
}

fn has_audio(event: &EventRow) -> bool {
    matches!(event.kind, EventKind::Audio | EventKind::Fill)
}

/// PCM bytes of an event.
#[must_use]
pub fn pcm_bytes(event: &EventRow) -> u64 {
    u64::from(event.chunk_bytes) * u64::from(event.count)
}

fn stretches(events: &[EventRow]) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let (mut bytes, mut sooner_ns) = (0, 0);
    // The utterance that was begun last, and up to when it is spoken.
    let mut spoken: Option<(u32, i64)> = None;
    for (number, event) in events.iter().enumerate() {
        if is_speech(event) {
            if let Some((_, to_ns)) = spoken.filter(|(turn, _)| *turn < event.turn) {
                sooner_ns += (event.at_ns - to_ns).max(0);
            }
            spoken = Some((event.turn, event_end_ns(event)));
        }
        if !has_audio(event) {
            continue;
        }
        bytes += pcm_bytes(event);
        match found.last_mut().filter(|last| last.events.end == number) {
            Some(last) if goes_on(&events[last.events.clone()], event, bytes) => {
                last.events.end += 1;
            }
            _ => {
                bytes = pcm_bytes(event);
                found.push(Stretch {
                    events: number..number + 1,
                    sooner_ns,
                });
            }
        }
    }
    found
}

/// Whether `event` goes on where the stretch of `before` ends, which is then `bytes` long.
fn goes_on(before: &[EventRow], event: &EventRow, bytes: u64) -> bool {
    let Some(last) = before.last() else {
        return false;
    };
    if (last.kind, last.turn) != (event.kind, event.turn) {
        return false;
    }
    if event.kind == EventKind::Fill {
        return last.chunk_bytes == event.chunk_bytes;
    }
    (last.clip, last.count, event.count) == (event.clip, 1, 1)
        && last.offset_bytes + pcm_bytes(last) == event.offset_bytes
        && bytes <= MOST_STRETCH_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plan::tests::{event, session, turn};
    use crate::trace::model::Microphone;
    use crate::units::NS_PER_MS;
    use EventKind::{Audio, Config, Fill, HalfClose, Text};

    /// One chunk of so many bytes from `offset` on, which leaves 3 ms after `at_ms`.
    fn chunk(turn: u32, kind: EventKind, at_ms: i64, offset: u64, bytes: u32) -> EventRow {
        EventRow {
            offset_bytes: offset,
            chunk_bytes: bytes,
            interval_ns: 3 * NS_PER_MS,
            ..event(turn, kind, at_ms, 1)
        }
    }

    fn index(events: Vec<EventRow>) -> SessionIndex {
        let turns = vec![turn(0, 0, 1), turn(1, 0, 1)];
        SessionIndex::of(&session(0, 0, Microphone::Open, turns, events))
    }

    fn ranges(index: &SessionIndex) -> Vec<Range<usize>> {
        index.stretches.iter().map(|s| s.events.clone()).collect()
    }

    #[test]
    fn chunks_that_follow_each_other_in_a_clip_are_one_stretch() {
        let index = index(vec![
            event(0, Config, 0, 1),
            chunk(0, Audio, 0, 0, 640),
            chunk(0, Audio, 20, 640, 320),
            chunk(0, Audio, 41, 960, 640),
            // A gap in the clip.
            chunk(0, Audio, 60, 3200, 640),
            chunk(0, Audio, 80, 3840, 100),
            chunk(0, Fill, 100, 0, 640),
            chunk(0, Fill, 121, 0, 640),
            chunk(0, Fill, 130, 0, 320),
            chunk(1, Audio, 300, 3940, 640),
            event(1, HalfClose, 320, 1),
        ]);
        assert_eq!(ranges(&index), [1..4, 4..6, 6..8, 8..9, 9..10]);
        let found = [0, 1, 3, 5, 7, 9, 10].map(|event| index.stretch_of(event));
        assert_eq!(
            found,
            [None, Some(0), Some(0), Some(1), Some(2), Some(4), None]
        );
        assert_eq!(*index.chunks, [5, 1]);
        assert_eq!(*index.last_speech, [Some(5), Some(9)]);
        assert_eq!(index.interval_ns, Some(20 * NS_PER_MS), "not 3 ms");
    }

    #[test]
    fn ten_minutes_of_single_chunks_are_stretches_of_at_most_eight_seconds() {
        let chunks = (0..30_000).map(|k| chunk(0, Audio, 20 * k, 640 * k as u64, 640));
        let index = index(chunks.collect());
        let lengths = index.stretches.iter().map(|s| s.events.len());
        assert!(lengths.clone().all(|length| length <= 409));
        assert_eq!(index.stretches.len(), 30_000_usize.div_ceil(409));
        assert_eq!(lengths.sum::<usize>(), 30_000);
    }

    #[test]
    fn pauses_between_utterances_may_vanish_and_nothing_else() {
        let index = index(vec![
            event(0, Text, 0, 1),
            event(0, Audio, 100, 5),
            event(0, Fill, 200, 50),
            event(1, Audio, 1200, 5),
            event(1, Fill, 1300, 5),
        ]);
        let sooner = index.stretches.iter().map(|s| s.sooner_ns / NS_PER_MS);
        assert!(sooner.eq([0, 0, 1000, 1000]));
    }

    #[test]
    fn events_of_several_chunks_keep_their_interval() {
        let mut regular = event(0, Audio, 0, 9);
        regular.interval_ns = 5 * NS_PER_MS;
        let index = index(vec![regular, chunk(0, Audio, 50, 5760, 640)]);
        assert_eq!(index.interval_ns, Some(5 * NS_PER_MS));
        assert_eq!(index_of_nothing().interval_ns, None);
    }

    fn index_of_nothing() -> SessionIndex {
        index(Vec::new())
    }
}
