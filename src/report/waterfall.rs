//! Where the time of an answer goes: stages that follow each other without a gap, and whose lengths are
//! the response time.
//!
//! They begin where the caller's speech was to end and end with the first audio. A turn without one of
//! the instants between has no such stage: its time is part of the next. An instant that comes before
//! the one in front of it, or after the audio, is taken to be where it can be. So the stages of every turn
//! add up to its response time, and their means to its mean.

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::document::{Block, Column, Table, Words, human};
use crate::results::exclusion::Exclusion;
use crate::results::row::RequestRow;
use crate::units::counted;
use crate::units::terminal::Tone;

/// The stages in order: their names, and what each ends with.
pub const STAGES: [(&str, &str); 4] = [
    ("endpoint", "end of speech → processing"),
    ("transcript", "→ final transcript"),
    ("first text", "→ first text"),
    ("first audio", "→ first audio"),
];

/// Those of them that are none where the server makes transcript, text and audio side by side.
const SERIAL: [usize; 2] = [1, 2];

/// What the answers of a run spent their time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waterfall {
    /// The tenth of the answered turns whose response times lie nearest their median.
    pub median: Group,
    /// The twentieth of the answered turns with the longest response times.
    pub slowest: Group,
    /// Transcript and text are made beside the audio, so that they end no stage; absent where they do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub side_by_side: bool,
}

/// Means over some turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How many turns they are, at least one.
    pub turns: u64,
    /// Their response time.
    pub response_ns: i64,
    /// Of each of [`STAGES`]; null where no turn has it. They add up to `response_ns`.
    pub stages_ns: [Option<i64>; STAGES.len()],
}

/// The lengths of the stages of a turn; `None` for one that it does not have, or without a response.
/// They add up to its response time.
#[must_use]
pub fn stages(row: &RequestRow) -> Option<[Option<i64>; STAGES.len()]> {
    let audio = row.first_audio_ns?;
    let is_serial = is_serial(row);
    let mut from = row.intended_end_of_speech_ns?;
    let mut stage = |end: Option<i64>| {
        // Audio may come before the end of speech.
        let end = end?.clamp(from.min(audio), from.max(audio));
        let length = end - from;
        from = end;
        Some(length)
    };
    Some([
        stage(row.processing_ns),
        stage(row.final_transcript_ns.filter(|_| is_serial)),
        stage(row.first_llm_ns.filter(|_| is_serial)),
        stage(Some(audio)),
    ])
}

fn is_serial(row: &RequestRow) -> bool {
    row.dialect.unwrap_or_default().has_serial_stages()
}

/// An answered turn.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    response_ns: i64,
    stages_ns: [Option<i64>; STAGES.len()],
}

/// The answered turns of a run.
#[derive(Debug, Default)]
pub(super) struct Turns {
    turns: Vec<Turn>,
    side_by_side: bool,
}

impl Counted for Waterfall {
    type Counts = Turns;

    // Of answered turns that headline figures are over.
    fn add(counts: &mut Turns, row: &RequestRow, _cluster: u32) {
        let is_measured = Exclusion::of(row).is_none();
        let stages_ns = stages(row).filter(|_| is_measured);
        if let Some((response_ns, stages_ns)) = row.response_ns.zip(stages_ns) {
            counts.side_by_side |= !is_serial(row);
            counts.turns.push(Turn {
                response_ns,
                stages_ns,
            });
        }
    }

    fn finish(counts: Turns) -> Option<Waterfall> {
        let mut turns = counts.turns;
        turns.sort_unstable();
        let median_ns = turns.get(turns.len().checked_sub(1)? / 2)?.response_ns;
        let slowest = &turns[turns.len() - turns.len().div_ceil(20)..];
        let slowest = Group::of(slowest)?;
        turns.sort_by_key(|turn| turn.response_ns.abs_diff(median_ns));
        let median = Group::of(&turns[..turns.len().div_ceil(10)])?;
        Some(Waterfall {
            median,
            slowest,
            side_by_side: counts.side_by_side,
        })
    }

    fn blocks(&self) -> Vec<Block> {
        let groups = [&self.median, &self.slowest];
        let row = |name: &str, ends: &str, tone, of: &dyn Fn(&Group) -> Option<i64>| {
            let figures = groups.map(|group| Words::new(tone, human(of(group))));
            let names = [Words::new(tone, name), Words::new(Tone::Faint, ends)];
            names.into_iter().chain(figures).collect()
        };
        let stages = STAGES.iter().enumerate();
        // Those that the protocol does not give are named below.
        let is_shown = |i: usize| !self.side_by_side || !SERIAL.contains(&i);
        let stages = stages
            .filter(|(i, _)| is_shown(*i))
            .map(|(i, (name, ends))| row(name, ends, Tone::Plain, &|group| group.stages_ns[i]));
        let sum = row("response", "their sum", Tone::Strong, &|group| {
            Some(group.response_ns)
        });
        let columns = [
            Column::Name("stage"),
            Column::Name(""),
            Column::Figure("median turns"),
            Column::Figure("slowest turns"),
        ];
        let note = format!(
            "means over the {} nearest the median and the {} that took longest; a stage that a turn \
             does not have is part of the next",
            counted(self.median.turns, "turn"),
            counted(self.slowest.turns, "turn")
        );
        let mut blocks = vec![
            Block::Heading("Where the time goes"),
            Block::Table(Table::of(&columns, stages.chain([sum]))),
            Block::note(note),
        ];
        if self.side_by_side {
            let names = SERIAL.map(|i| STAGES[i].0).join(", ");
            let note =
                format!("not given by this protocol, which makes them beside the audio: {names}");
            blocks.push(Block::note(note));
        }
        blocks
    }
}

impl Group {
    /// `None` without turns.
    fn of(turns: &[Turn]) -> Option<Group> {
        let count = i128::try_from(turns.len())
            .ok()
            .filter(|count| *count > 0)?;
        let mean = |sum: i128| i64::try_from(sum / count).unwrap_or(i64::MAX);
        let response_ns = mean(turns.iter().map(|turn| i128::from(turn.response_ns)).sum());
        let mut stages_ns = [0, 1, 2, 3].map(|stage| {
            let lengths = turns.iter().filter_map(|turn| turn.stages_ns[stage]);
            let sum = lengths.map(i128::from).reduce(|sum, length| sum + length);
            sum.map(mean)
        });
        // What rounding leaves is the last one's, which every turn has.
        let [before @ .., last] = &mut stages_ns;
        *last = Some(response_ns - before.iter().flatten().sum::<i64>());
        Some(Group {
            turns: turns.len() as u64,
            response_ns,
            stages_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::protocol::DialectName;
    use crate::results::row::Phase;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};
    use crate::units::NS_PER_MS;
    use proptest::prelude::*;

    fn with(instants: [Option<i64>; 5]) -> RequestRow {
        let [end_of_speech, processing, transcript, text, audio] = instants;
        let mut row = RequestRow {
            intended_end_of_speech_ns: end_of_speech,
            processing_ns: processing,
            final_transcript_ns: transcript,
            first_llm_ns: text,
            first_audio_ns: audio,
            ..row(0)
        };
        row.derive_latencies(false);
        row
    }

    fn take(turns: &mut Turns, row: &RequestRow) {
        Waterfall::add(turns, row, 0);
    }

    #[test]
    fn stages_follow_each_other_from_the_end_of_speech_to_the_audio() {
        let of = |instants: [Option<i64>; 5]| stages(&with(instants)).unwrap();
        let all = [100, 130, 200, 210, 400].map(Some);
        assert_eq!(of(all), [30, 70, 10, 190].map(Some));
        let no_processing = [Some(100), None, Some(200), Some(210), Some(400)];
        assert_eq!(of(no_processing), [None, Some(100), Some(10), Some(190)]);
        let audio_alone = [Some(100), None, None, None, Some(400)];
        assert_eq!(of(audio_alone), [None, None, None, Some(300)]);
        let transcript_before = [100, 130, 90, 210, 400].map(Some);
        assert_eq!(of(transcript_before), [30, 0, 80, 190].map(Some));
        let text_after = [100, 130, 200, 900, 400].map(Some);
        assert_eq!(of(text_after), [30, 70, 200, 0].map(Some));
        let audio_before_the_end = [100, 60, 80, 70, 50].map(Some);
        assert_eq!(of(audio_before_the_end), [-40, 0, 0, -10].map(Some));
        assert_eq!(stages(&with([None, None, None, None, Some(400)])), None);
        assert_eq!(stages(&with([Some(100), None, None, None, None])), None);
    }

    #[test]
    fn groups_are_the_turns_around_the_median_and_the_slowest() {
        // Answered 200 to 299 ms after the end of speech, 50 ms of it before PROCESSING and transcript,
        // 50 ms before the text.
        let mut turns_of = Turns::default();
        (0..100).for_each(|turn| take(&mut turns_of, &row(turn)));
        let left_out = RequestRow {
            phase: Phase::Warmup,
            ..row(7)
        };
        take(&mut turns_of, &left_out);
        take(&mut turns_of, &unanswered(8, Status::Timeout));
        let found = Waterfall::finish(turns_of).unwrap();
        let [median, slowest] = [found.median, found.slowest];
        assert_eq!((median.turns, slowest.turns), (10, 5));
        // Their median is 249 ms; of 244 and 254 ms, which lie equally near, the shorter is taken.
        assert_eq!(median.response_ns, 248_500_000);
        assert_eq!(slowest.response_ns, 297 * NS_PER_MS);
        let stages = [50, 0, 50, 197].map(|ms| Some(ms * NS_PER_MS));
        assert_eq!(slowest.stages_ns, stages);
        let one = |row: RequestRow| {
            let mut turns_of = Turns::default();
            take(&mut turns_of, &row);
            Waterfall::finish(turns_of)
        };
        let only = one(row(0)).unwrap();
        assert_eq!((only.median, only.median.turns), (only.slowest, 1));
        assert_eq!(one(unanswered(0, Status::Timeout)), None);
    }

    #[test]
    fn what_is_made_beside_the_audio_ends_no_stage() {
        let row = RequestRow {
            dialect: Some(DialectName::Realtime),
            ..with([100, 130, 200, 210, 400].map(Some))
        };
        assert_eq!(stages(&row), Some([Some(30), None, None, Some(270)]));
        let mut turns_of = Turns::default();
        take(&mut turns_of, &row);
        let found = Waterfall::finish(turns_of).unwrap();
        assert!(found.side_by_side);
        let said = format!("{:?}", found.blocks());
        assert!(
            said.contains("beside the audio: transcript, first text"),
            "{said}"
        );
        assert!(!said.contains("→ final transcript"), "{said}");
    }

    proptest! {
        #[test]
        fn stages_add_up_to_the_response_in_every_turn_and_group(
            turns in prop::collection::vec(prop::array::uniform5(prop::option::weighted(0.8, -1_000_i64..1_000)), 1..60)
        ) {
            let mut turns_of = Turns::default();
            let mut answered = 0;
            for instants in turns {
                let row = with(instants);
                take(&mut turns_of, &row);
                let sum = stages(&row).map(|stages| stages.iter().flatten().sum::<i64>());
                prop_assert_eq!(sum, row.response_ns);
                answered += usize::from(row.response_ns.is_some());
            }
            prop_assert_eq!(turns_of.turns.len(), answered);
            if let Some(found) = Waterfall::finish(turns_of) {
                for group in [found.median, found.slowest] {
                    let sum = group.stages_ns.iter().flatten().sum::<i64>();
                    prop_assert_eq!(sum, group.response_ns);
                    prop_assert!(group.turns >= 1);
                }
            }
        }
    }
}
