//! A session whose chunks follow each other without a gap, each as long as the next, as on a telephone line: silence
//! from its start, and speech in the chunks after the instant at which the caller began. Pure.
//!
//! An utterance begins at the first instant of the grid at or after its own, so at most a chunk later; its last chunk
//! is filled up with silence. What the trace says of arrivals inside an utterance is lost but for pauses of a chunk or
//! more, during which silence is sent.

use crate::trace::extent::event_end_ns;
use crate::trace::model::{EventKind, EventRow, SessionRows};
use crate::units::{NS_PER_S, SampleRate, Samples};

/// Bytes of a sample of PCM16.
const SAMPLE_BYTES: u64 = 2;

/// The session on a grid of chunks so long.
#[must_use]
pub(super) fn on_grid(mut rows: SessionRows, chunk_ns: i64) -> SessionRows {
    let rate = SampleRate(rows.session.sample_rate_hz);
    let events = std::mem::take(&mut rows.events);
    let start = events.iter().find(|event| is_sound(event));
    let Some(start) = start.or(events.first()).cloned() else {
        return rows;
    };
    let mut line = Line {
        chunk_ns,
        chunk_samples: chunk_samples(chunk_ns, rate),
        rate,
        origin_ns: rows.session.start_ns.min(start.at_ns),
        reached_ns: rows.session.start_ns.min(start.at_ns),
        unsaid_bytes: 0,
        events: Vec::with_capacity(events.len()),
    };
    let mut moves = Vec::new();
    let mut rest = events.as_slice();
    while let Some((event, later)) = rest.split_first() {
        match event.kind {
            EventKind::Fill => rest = later,
            EventKind::Audio => {
                let more = later.iter().zip(rest);
                let more = more.take_while(|(next, before)| goes_on(before, next, chunk_ns));
                let (run, later) = rest.split_at(1 + more.count());
                let next = later.iter().find(|next| next.kind != EventKind::Fill);
                moves.push((event.at_ns, line.speak(run, next)));
                rest = later;
            }
            EventKind::Config => {
                line.events.push(event.clone());
                rest = later;
            }
            EventKind::Text | EventKind::HalfClose | EventKind::Cancel => {
                let at_ns = event.at_ns.max(line.reached_ns);
                line.events.push(EventRow {
                    at_ns,
                    ..event.clone()
                });
                rest = later;
            }
        }
    }
    rows.events = line.events;
    // What is said of an utterance moves with the run of chunks in which it is.
    let moved = |at_ns: i64, is_start: bool| {
        let mut before = moves.iter().rev();
        let run = before.find(|(from_ns, _)| *from_ns < at_ns || (is_start && *from_ns == at_ns));
        at_ns
            + run
                .or(moves.first())
                .map_or(0, |(from_ns, to_ns)| to_ns - from_ns)
    };
    for turn in &mut rows.turns {
        turn.at_ns = moved(turn.at_ns, true);
        turn.end_ns = moved(turn.end_ns, false);
        turn.speech_start_ns = turn.speech_start_ns.map(|at_ns| moved(at_ns, true));
        turn.speech_end_ns = turn.speech_end_ns.map(|at_ns| moved(at_ns, false));
    }
    rows
}

/// Samples of a chunk, at least.
fn chunk_samples(chunk_ns: i64, rate: SampleRate) -> u64 {
    let samples = u128::from(rate.0) * u128::from(chunk_ns.max(0).unsigned_abs());
    u64::try_from(samples.div_ceil(NS_PER_S.unsigned_abs().into())).unwrap_or(u64::MAX)
}

fn is_sound(event: &EventRow) -> bool {
    matches!(event.kind, EventKind::Audio | EventKind::Fill)
}

/// Whether `next` goes on with the audio of `before` without a pause of a chunk.
fn goes_on(before: &EventRow, next: &EventRow, chunk_ns: i64) -> bool {
    next.kind == EventKind::Audio
        && (before.clip, before.turn) == (next.clip, next.turn)
        && before.offset_bytes + bytes(before) == next.offset_bytes
        && next.at_ns < event_end_ns(before) + chunk_ns
}

fn bytes(event: &EventRow) -> u64 {
    u64::from(event.chunk_bytes) * u64::from(event.count)
}

/// A line on which chunks follow each other.
struct Line {
    chunk_ns: i64,
    chunk_samples: u64,
    rate: SampleRate,
    origin_ns: i64,
    /// The end of its last chunk.
    reached_ns: i64,
    /// Bytes before the audio that comes next which were not said with what came before it.
    unsaid_bytes: u64,
    events: Vec<EventRow>,
}

impl Line {
    /// Says what the events of `run` say together, and returns when it begins.
    fn speak(&mut self, run: &[EventRow], next: Option<&EventRow>) -> i64 {
        let [first, ..] = run else {
            return self.reached_ns;
        };
        // A line begins with silence.
        let earliest_ns = match self.reached_ns == self.origin_ns {
            true => self.origin_ns + self.chunk_ns,
            false => self.reached_ns,
        };
        let chunks = (first.at_ns - self.origin_ns).max(0) as u64;
        let chunks = chunks.div_ceil(self.chunk_ns.unsigned_abs().max(1));
        let on_grid_ns = self.origin_ns + chunks.cast_signed() * self.chunk_ns;
        let at_ns = on_grid_ns.max(earliest_ns);
        self.be_silent(first, at_ns);

        let unsaid_bytes = std::mem::take(&mut self.unsaid_bytes);
        let bytes = run.iter().map(bytes).sum::<u64>() + unsaid_bytes;
        let length_ns = Samples(bytes / SAMPLE_BYTES).duration_ns(self.rate);
        let length_ns = length_ns.unsigned_abs();
        let chunk_ns = self.chunk_ns.unsigned_abs().max(1);
        // Audio goes on after a pause where it stopped before: whole chunks are said, the rest with what follows.
        let is_cut = next.is_some_and(|next| {
            let said_bytes = first.offset_bytes + bytes - unsaid_bytes;
            let goes_on = (next.kind, next.turn, next.clip) == (first.kind, first.turn, first.clip);
            goes_on && next.offset_bytes == said_bytes
        });
        let count = match is_cut {
            true => length_ns / chunk_ns,
            false => length_ns.div_ceil(chunk_ns),
        };
        if is_cut {
            self.unsaid_bytes = bytes.saturating_sub(count * self.chunk_samples * SAMPLE_BYTES);
        }
        let from = EventRow {
            offset_bytes: first.offset_bytes - unsaid_bytes,
            ..first.clone()
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count > 0 {
            self.push(&from, EventKind::Audio, at_ns, count);
        }
        at_ns
    }

    fn be_silent(&mut self, before: &EventRow, until_ns: i64) {
        let count = (until_ns - self.reached_ns) / self.chunk_ns.max(1);
        if count > 0 {
            let turn = self.events.last().map_or(before.turn, |last| last.turn);
            let silence = EventRow {
                turn,
                clip: None,
                offset_bytes: 0,
                ..before.clone()
            };
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.push(&silence, EventKind::Fill, self.reached_ns, count);
        }
    }

    fn push(&mut self, like: &EventRow, kind: EventKind, at_ns: i64, count: u32) {
        let chunk_bytes = u32::try_from(self.chunk_samples * SAMPLE_BYTES).unwrap_or(u32::MAX);
        self.events.push(EventRow {
            kind,
            at_ns,
            chunk_bytes,
            interval_ns: self.chunk_ns,
            count,
            text: None,
            ..like.clone()
        });
        self.reached_ns = at_ns + i64::from(count) * self.chunk_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plan::tests::{event, session, turn};
    use crate::trace::model::Microphone;
    use crate::units::NS_PER_MS;
    use EventKind::{Audio, Config, Fill, HalfClose};

    const MS: i64 = NS_PER_MS;

    /// Audio from that byte of clip 0 on.
    fn audio(turn: u32, at_ms: i64, offset: u64, bytes: u32, count: u32) -> EventRow {
        EventRow {
            clip: Some(0),
            offset_bytes: offset,
            chunk_bytes: bytes,
            interval_ns: i64::from(bytes) * MS / 32,
            ..event(turn, Audio, at_ms, count)
        }
    }

    fn laid(events: Vec<EventRow>) -> SessionRows {
        let turns = vec![turn(0, 5, 100), turn(1, 500, 600)];
        on_grid(session(0, 0, Microphone::Open, turns, events), 20 * MS)
    }

    /// Kind, start in milliseconds, offset in bytes and number of chunks.
    fn said(rows: &SessionRows) -> Vec<(EventKind, i64, u64, u32)> {
        let events = rows.events.iter();
        let of = |e: &EventRow| (e.kind, e.at_ns / MS, e.offset_bytes, e.count);
        events.map(of).collect()
    }

    #[test]
    fn silence_and_speech_follow_each_other_without_a_gap() {
        let rows = laid(vec![
            event(0, Config, 0, 1),
            // 105 ms in chunks of 35 ms.
            audio(0, 5, 0, 1_120, 3),
            event(0, Fill, 110, 4),
            audio(1, 500, 3_360, 640, 5),
            event(1, HalfClose, 590, 1),
        ]);
        let expected = [
            (Config, 0, 0, 1),
            (Fill, 0, 0, 1),
            (Audio, 20, 0, 6),
            (Fill, 140, 0, 18),
            (Audio, 500, 3_360, 5),
            (HalfClose, 600, 0, 1),
        ];
        assert_eq!(said(&rows), expected);
        let sound = rows.events.iter().filter(|event| is_sound(event));
        assert!(sound.clone().all(|event| event.interval_ns == 20 * MS));
        assert!(sound.clone().all(|event| event.chunk_bytes == 640));
        let turns: Vec<_> = rows.turns.iter().map(|turn| turn.at_ns / MS).collect();
        assert_eq!(turns, [20, 500]);
        assert_eq!(rows.turns[0].speech_end_ns, Some(115 * MS));
    }

    #[test]
    fn audio_that_paused_goes_on_where_it_stopped() {
        let rows = laid(vec![
            event(0, Config, 0, 1),
            audio(0, 0, 0, 960, 1),
            audio(0, 30, 960, 960, 1),
            // 100 ms later.
            audio(0, 160, 1_920, 960, 1),
            event(1, HalfClose, 590, 1),
        ]);
        let expected = [
            (Config, 0, 0, 1),
            (Fill, 0, 0, 1),
            (Audio, 20, 0, 3),
            (Fill, 80, 0, 4),
            (Audio, 160, 1_920, 2),
            (HalfClose, 590, 0, 1),
        ];
        assert_eq!(said(&rows), expected);
        let rows = laid(vec![
            event(0, Config, 0, 1),
            // 50 ms, 40 of which are whole chunks.
            audio(0, 0, 0, 1_600, 1),
            audio(0, 160, 1_600, 960, 1),
        ]);
        assert_eq!(
            said(&rows)[2..],
            [(Audio, 20, 0, 2), (Fill, 60, 0, 5), (Audio, 160, 1_280, 2)]
        );
    }
}
