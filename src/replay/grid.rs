//! A session whose chunks follow each other without a gap, each as long as the next, as on a telephone line: silence
//! from its start, and speech in the chunks after the instant at which the caller began. Pure.
//!
//! An utterance begins at the first instant of the grid at or after its own, so at most a chunk later, or at the one
//! that is up to a quarter of a chunk before it: what was recorded of a line is on its grid but for jitter. Its last
//! chunk is filled up with silence. What the trace says of arrivals inside an utterance is lost but for pauses of a chunk or
//! more, during which silence is sent.

use crate::trace::extent::event_end_ns;
use crate::trace::model::{EventKind, EventRow, SessionRows};
use crate::units::{NS_PER_S, SampleRate, Samples};

/// The part of a chunk by which one of a recorded line may come late.
const JITTER_PARTS: i64 = 4;

/// Bytes of a sample of PCM16.
const SAMPLE_BYTES: u64 = 2;

/// The session on a grid of chunks so long.
#[must_use]
pub(super) fn on_grid(mut rows: SessionRows, chunk_ns: i64) -> SessionRows {
    let rate = SampleRate(rows.session.sample_rate_hz);
    let events = std::mem::take(&mut rows.events);
    let Some(first) = events.first() else {
        return rows;
    };
    let mut line = Line {
        chunk_ns,
        chunk_samples: chunk_samples(chunk_ns, rate),
        rate,
        origin_ns: first.at_ns,
        reached_ns: first.at_ns,
        unsaid_bytes: 0,
        said: Vec::new(),
        events: Vec::with_capacity(events.len()),
    };
    let has_audio = events.iter().any(|event| event.kind == EventKind::Audio);
    let mut rest = events.as_slice();
    while let Some((event, later)) = rest.split_first() {
        match event.kind {
            // Between utterances silence is laid anew.
            EventKind::Fill if has_audio => rest = later,
            EventKind::Fill => {
                line.be_silent(event, event_end_ns(event));
                rest = later;
            }
            EventKind::Audio => {
                let more = later.iter().zip(rest);
                let more = more.take_while(|(next, before)| goes_on(before, next, chunk_ns));
                let (run, later) = rest.split_at(1 + more.count());
                let next = later.iter().find(|next| next.kind != EventKind::Fill);
                line.speak(run, next);
                rest = later;
            }
            EventKind::Config | EventKind::Text | EventKind::HalfClose | EventKind::Cancel => {
                let at_ns = event.at_ns.max(line.reached_ns);
                line.events.push(EventRow {
                    at_ns,
                    ..event.clone()
                });
                rest = later;
            }
        }
    }
    for turn in &mut rows.turns {
        let number = turn.turn;
        let moved = |at_ns, is_start| {
            let position_ns = position_ns(&events, number, rate, at_ns, is_start);
            let place_ns = |position_ns| line.place_ns(number, position_ns, is_start);
            position_ns.and_then(place_ns).unwrap_or(at_ns)
        };
        (turn.at_ns, turn.end_ns) = (moved(turn.at_ns, true), moved(turn.end_ns, false));
        turn.speech_start_ns = turn.speech_start_ns.map(|at_ns| moved(at_ns, true));
        turn.speech_end_ns = turn.speech_end_ns.map(|at_ns| moved(at_ns, false));
    }
    rows.events = line.events;
    rows
}

/// Which place in the clip of an utterance is said at an instant of the trace, from its start on; where nothing is said
/// at that instant, the end of what was said before it. `None` for an utterance without audio.
fn position_ns(
    events: &[EventRow],
    turn: u32,
    rate: SampleRate,
    at_ns: i64,
    is_start: bool,
) -> Option<i64> {
    let of_turn = |event: &&EventRow| event.turn == turn && event.kind == EventKind::Audio;
    let mut before = events.iter().rev().filter(of_turn);
    // What leaves all at one instant both begins and ends there.
    let is_before = |event: &&EventRow| match is_start {
        true => event.at_ns <= at_ns,
        false => event.at_ns < at_ns || event_end_ns(event) <= at_ns,
    };
    let event = before.find(is_before);
    let event = event.or_else(|| events.iter().find(of_turn))?;
    let length_ns = event_end_ns(event) - event.at_ns;
    let audio_ns = clip_ns(bytes(event), rate);
    let into_ns = match (at_ns - event.at_ns).clamp(0, length_ns) {
        // All leaves at one instant.
        0 if length_ns == 0 && !is_start => audio_ns,
        into_ns => {
            let into = i128::from(audio_ns) * i128::from(into_ns) / i128::from(length_ns.max(1));
            i64::try_from(into).unwrap_or(audio_ns)
        }
    };
    Some(clip_ns(event.offset_bytes, rate) + into_ns)
}

/// Length of so much audio.
fn clip_ns(bytes: u64, rate: SampleRate) -> i64 {
    Samples(bytes / SAMPLE_BYTES).duration_ns(rate)
}

/// Samples of a chunk, at least.
fn chunk_samples(chunk_ns: i64, rate: SampleRate) -> u64 {
    let samples = u128::from(rate.0) * u128::from(chunk_ns.max(0).unsigned_abs());
    u64::try_from(samples.div_ceil(NS_PER_S.unsigned_abs().into())).unwrap_or(u64::MAX)
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

/// A part of the clip of an utterance that is said without a pause.
struct Said {
    turn: u32,
    /// From where in the clip to where.
    from_ns: i64,
    to_ns: i64,
    /// When it begins.
    at_ns: i64,
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
    said: Vec<Said>,
    events: Vec<EventRow>,
}

impl Line {
    /// Says what the events of `run` say together.
    fn speak(&mut self, run: &[EventRow], next: Option<&EventRow>) {
        let [first, ..] = run else {
            return;
        };
        // A line begins with silence, and has some between two utterances, to be repeated while a caller listens.
        let is_of_another =
            |last: &EventRow| last.kind == EventKind::Audio && last.turn != first.turn;
        let begins =
            self.reached_ns == self.origin_ns || self.events.last().is_some_and(is_of_another);
        let earliest_ns = match begins {
            true => self.reached_ns + self.chunk_ns,
            false => self.reached_ns,
        };
        let jitter_ns = self.chunk_ns / JITTER_PARTS;
        let chunks = (first.at_ns - self.origin_ns - jitter_ns).max(0) as u64;
        let chunks = chunks.div_ceil(self.chunk_ns.unsigned_abs().max(1));
        let on_grid_ns = self.origin_ns + chunks.cast_signed() * self.chunk_ns;
        let at_ns = on_grid_ns.max(earliest_ns);
        self.be_silent(first, at_ns);

        let unsaid_bytes = std::mem::take(&mut self.unsaid_bytes);
        let bytes = run.iter().map(bytes).sum::<u64>() + unsaid_bytes;
        let length_ns = clip_ns(bytes, self.rate).unsigned_abs();
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
        let said_ns = length_ns.min(count * chunk_ns).cast_signed();
        if is_cut {
            let said_bytes = Samples::in_ns(said_ns, self.rate).0 * SAMPLE_BYTES;
            self.unsaid_bytes = bytes.saturating_sub(said_bytes);
        }
        let from = EventRow {
            offset_bytes: first.offset_bytes - unsaid_bytes,
            ..first.clone()
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count > 0 {
            self.push(&from, EventKind::Audio, at_ns, count);
            let from_ns = clip_ns(from.offset_bytes, self.rate);
            self.said.push(Said {
                turn: from.turn,
                from_ns,
                to_ns: from_ns + said_ns,
                at_ns,
            });
        }
    }

    /// When that place in the clip of an utterance is said: of one at which two parts meet, the end of the first or the
    /// start of the second.
    fn place_ns(&self, turn: u32, position_ns: i64, is_start: bool) -> Option<i64> {
        let of_turn = |said: &&Said| said.turn == turn;
        let mut said = self.said.iter().filter(of_turn);
        let holds = |said: &&Said| match is_start {
            true => position_ns < said.to_ns,
            false => position_ns <= said.to_ns,
        };
        let last = || self.said.iter().rev().find(of_turn);
        let said = said.find(holds).or_else(last)?;
        let into_ns = (position_ns - said.from_ns).clamp(0, said.to_ns - said.from_ns);
        Some(said.at_ns + into_ns)
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
    use proptest::prelude::*;

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
    fn what_was_recorded_on_the_grid_keeps_its_place_though_it_came_late() {
        for late_ns in [-MS, 0, 1, MS, 5 * MS] {
            let mut events = vec![event(0, Config, 0, 1), audio(0, 100, 0, 640, 4)];
            events[1].at_ns += late_ns;
            let rows = laid(events);
            let expected = [(Config, 0, 0, 1), (Fill, 0, 0, 5), (Audio, 100, 0, 4)];
            assert_eq!(said(&rows), expected, "{late_ns} ns late");
        }
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
        let sound = rows.events.iter();
        let sound = sound.filter(|event| matches!(event.kind, Audio | Fill));
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

    #[test]
    fn who_calls_late_is_not_late_and_who_says_nothing_is_silent() {
        let rows = laid(vec![event(0, Config, 400, 1), audio(0, 410, 0, 640, 2)]);
        assert_eq!(
            said(&rows),
            [(Config, 400, 0, 1), (Fill, 400, 0, 1), (Audio, 420, 0, 2)]
        );
        let rows = laid(vec![
            event(0, Config, 0, 1),
            event(0, Fill, 0, 10),
            event(0, HalfClose, 200, 1),
        ]);
        assert_eq!(
            said(&rows),
            [(Config, 0, 0, 1), (Fill, 0, 0, 10), (HalfClose, 200, 0, 1)]
        );
    }

    #[test]
    fn between_two_utterances_there_is_silence_to_be_repeated() {
        let rows = laid(vec![
            event(0, Config, 0, 1),
            audio(0, 20, 0, 640, 5),
            audio(1, 120, 3_200, 640, 5),
        ]);
        let expected = [(Audio, 20, 0, 5), (Fill, 120, 0, 1), (Audio, 140, 3_200, 5)];
        assert_eq!(said(&rows)[2..], expected);
    }

    #[test]
    fn chunks_of_half_samples_do_not_drift() {
        let mut session = session(0, 0, Microphone::Open, vec![turn(0, 0, 4_000)], Vec::new());
        session.session.sample_rate_hz = 11_025;
        // 2 s, a pause of 1 s, 2 s more, in chunks of 100 ms.
        let chunk = |at_ms: i64, number: u64| EventRow {
            interval_ns: 100 * MS,
            ..audio(0, at_ms, number * 2_204, 2_204, 1)
        };
        let chunks = (0..40).map(|k: i64| chunk(k * 100 + i64::from(k >= 20) * 1_000, k as u64));
        session.events = chunks.collect();
        let rows = on_grid(session, 20 * MS);
        let [.., pause, rest] = &said(&rows)[..] else {
            panic!("{:?}", said(&rows));
        };
        assert_eq!(*pause, (Fill, 2_000, 0, 50));
        let into_ns = clip_ns(rest.2, SampleRate(11_025)) - 1_980 * MS;
        assert_eq!((rest.0, rest.1), (Audio, 3_000));
        assert!(into_ns.abs() < MS, "{rest:?}");
    }

    /// How a client sent: chunks of some bytes each, so many milliseconds apart, after a pause before each.
    fn sent() -> impl Strategy<Value = Vec<(u32, i64, i64)>> {
        let chunk = (
            1_u32..40,
            0_i64..60,
            prop_oneof![8 => Just(0_i64), 1 => 0_i64..300],
        );
        proptest::collection::vec(chunk, 1..40)
    }

    proptest! {
        #[test]
        fn speech_ends_at_the_audio_at_which_it_ended(sent in sent(), at in 0.0_f64..1.0, late_ms in 0_i64..30) {
            let (mut at_ms, mut offset) = (late_ms, 0);
            let mut events = Vec::new();
            for (samples_16, apart_ms, pause_ms) in sent {
                at_ms += pause_ms;
                let bytes = samples_16 * 32;
                let one = EventRow { interval_ns: apart_ms * MS, ..audio(0, at_ms, offset, bytes, 1) };
                events.push(one);
                at_ms += apart_ms;
                offset += u64::from(bytes);
            }
            // The end of a chunk of the trace, and where that is in the clip.
            let ended = &events[(at * events.len() as f64) as usize];
            let (end_ns, end_bytes) = (event_end_ns(ended), ended.offset_bytes + bytes(ended));
            // Of several chunks that end at once it is the last.
            let mut same = events.iter().filter(|event| event.at_ns < end_ns || event_end_ns(event) <= end_ns);
            let last = same.next_back().unwrap();
            prop_assume!(std::ptr::eq(last, ended));
            let mut turn = turn(0, 0, 0);
            (turn.at_ns, turn.end_ns) = (events[0].at_ns, end_ns);
            turn.speech_end_ns = Some(end_ns);
            let all_bytes = offset;
            let rows = on_grid(session(0, 0, Microphone::Open, vec![turn], events), 20 * MS);
            let audio = rows.events.iter().filter(|event| event.kind == Audio);
            let chunks = audio.flat_map(|event| (0..u64::from(event.count)).map(move |k| {
                let at_ns = event.at_ns + k.cast_signed() * event.interval_ns;
                (at_ns, event.offset_bytes + k * u64::from(event.chunk_bytes))
            }));
            let chunks: Vec<_> = chunks.collect();
            // Nothing of the clip is left out, and nothing said twice.
            prop_assert!(chunks.windows(2).all(|two| two[1].1 == two[0].1 + 640 && two[1].0 >= two[0].0 + 20 * MS));
            prop_assert!(chunks.last().is_none_or(|(_, offset)| offset + 640 >= all_bytes));
            // The chunk that has the end of the speech ends when it is said, or at most a chunk later.
            let said_ns = rows.turns[0].speech_end_ns.unwrap();
            let holds = chunks.iter().find(|(_, offset)| offset + 640 >= end_bytes).unwrap();
            prop_assert!(said_ns > holds.0 && said_ns <= holds.0 + 20 * MS, "{said_ns} {holds:?}");
        }
    }
}
