//! `diff`: which sessions two traces do not share, and in what those differ that they do.

use std::collections::{BTreeMap, HashMap};

use super::EditError;
use crate::trace::TraceError;
use crate::trace::check::short_hash;
use crate::trace::content::ContentHash;
use crate::trace::model::SessionRows;
use crate::trace::model::{ClipRow, SessionRow};
use crate::trace::stream::Bundle;
use crate::trace::tables::open_table;

/// Sessions of each kind that are named.
const NAMED: usize = 20;

crate::names! {
    /// What of a session can differ.
    pub enum Aspect {
        /// When it starts.
        Start = "start",
        /// When it sends what, since its start; language, rate and microphone.
        Schedule = "schedule",
        /// Its utterances: extents of speech and think times.
        Turns = "turns",
        /// Its clips and texts.
        Audio = "audio",
        /// What it was answered when it was recorded, and how it ended.
        Answers = "answers",
    }
}

/// The sessions of one kind: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// How many.
    pub count: u64,
    /// The names of the first.
    pub first: Vec<String>,
}

impl Sessions {
    fn push(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(what());
        }
    }
}

/// What two traces have in common, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Sessions that are equal in both.
    pub equal: u64,
    /// Sessions that only the first has.
    pub only_first: Sessions,
    /// Sessions that only the second has.
    pub only_second: Sessions,
    /// Sessions of one name that differ, each named with what differs.
    pub differing: Sessions,
    /// How many of them differ in each aspect.
    pub aspects: BTreeMap<Aspect, u64>,
}

impl Diff {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only_first.count + self.only_second.count + self.differing.count == 0
    }
}

/// Compares the sessions of two bundles by their names.
///
/// # Errors
/// A bundle that cannot be read.
pub fn diff(first: &Bundle, second: &Bundle) -> Result<Diff, EditError> {
    let mut of_first = HashMap::new();
    for rows in first.sessions()? {
        let rows = rows?;
        let digests = digests(&rows, &first.clips);
        of_first.insert(short_hash(&rows.session.session_id), digests);
    }
    let mut diff = Diff::default();
    for rows in second.sessions()? {
        let rows = rows?;
        let id = rows.session.session_id.as_str();
        match of_first.remove(&short_hash(id)) {
            None => diff.only_second.push(|| id.to_owned()),
            Some(first) => {
                let pairs = first.iter().zip(digests(&rows, &second.clips));
                let aspects = Aspect::ALL.iter().zip(pairs);
                let differing = aspects.filter(|(_, (first, second))| *first != second);
                diff.compared(
                    id,
                    &differing.map(|(aspect, _)| *aspect).collect::<Vec<_>>(),
                );
            }
        }
    }
    let mut sessions = open_table::<SessionRow>(&first.dir)?;
    while !of_first.is_empty()
        && let Some(rows) = sessions.next_rows().map_err(TraceError::from)?
    {
        for row in rows {
            if of_first.remove(&short_hash(&row.session_id)).is_some() {
                diff.only_first.push(|| row.session_id);
            }
        }
    }
    Ok(diff)
}

impl Diff {
    /// Takes in a session that both have, and in what it differs.
    fn compared(&mut self, id: &str, differing: &[Aspect]) {
        if differing.is_empty() {
            self.equal += 1;
            return;
        }
        for aspect in differing {
            *self.aspects.entry(*aspect).or_default() += 1;
        }
        let names: Vec<_> = differing.iter().map(|aspect| aspect.name()).collect();
        self.differing
            .push(|| format!("{id} ({})", names.join(", ")));
    }
}

/// A short hash of each aspect of a session, in the order of [`Aspect::ALL`]: those of millions fit
/// in memory.
fn digests(rows: &SessionRows, clips: &[ClipRow]) -> [u64; 5] {
    let session = &rows.session;
    let since = |at_ns: i64| at_ns - session.start_ns;
    let hash = || ContentHash::new(clips);
    let (mut start, mut schedule, mut turns, mut audio, mut answers) =
        (hash(), hash(), hash(), hash(), hash());
    start.number(session.start_ns);
    schedule.text(Some(&session.language_code));
    schedule.number(i64::from(session.sample_rate_hz));
    schedule.text(Some(session.microphone.name()));
    for event in &rows.events {
        schedule.number(i64::from(event.turn));
        schedule.number(since(event.at_ns));
        schedule.text(Some(event.kind.name()));
        schedule.number(event.offset_bytes as i64);
        schedule.number(i64::from(event.chunk_bytes));
        schedule.number(event.interval_ns);
        schedule.number(i64::from(event.count));
        audio.clip(event.clip);
        audio.text(event.text.as_deref());
    }
    for turn in &rows.turns {
        turns.number(since(turn.at_ns));
        turns.number(since(turn.end_ns));
        turns.maybe(turn.speech_start_ns.map(since));
        turns.maybe(turn.speech_end_ns.map(since));
        turns.maybe(turn.think_ns);
        audio.clip(turn.clip);
    }
    answers.text(session.recorded_status.as_deref());
    answers.maybe(session.recorded_end_ns.map(since));
    for reply in &rows.replies {
        answers.number(i64::from(reply.turn));
        answers.number(since(reply.at_ns));
        answers.text(Some(reply.kind.name()));
        answers.number(i64::from(reply.bytes));
        answers.text(reply.text.as_deref());
    }
    [start, schedule, turns, audio, answers].map(|hash| {
        let mut short = [0; 8];
        short.copy_from_slice(&hash.finish().as_bytes()[..8]);
        u64::from_le_bytes(short)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::Desk;

    #[test]
    fn a_trace_does_not_differ_from_itself() {
        let desk = Desk::new();
        let bundle = desk.bundle("a", &[(0, 1), (5, 2)]);
        let diff = diff(&bundle, &bundle).unwrap();
        assert!(diff.is_empty());
        assert_eq!(diff.equal, 2);
    }

    #[test]
    fn sessions_of_one_side_and_other_audio_are_found() {
        let desk = Desk::new();
        let first = desk.bundle("a", &[(0, 1), (5, 2), (7, 3)]);
        let second = desk.bundle("b", &[(0, 1), (5, 9), (8, 3)]);
        let diff = diff(&first, &second).unwrap();
        assert_eq!(diff.equal, 1);
        assert_eq!(diff.only_first.first, ["call-7"]);
        assert_eq!(diff.only_second.first, ["call-8"]);
        assert_eq!(diff.differing.first, ["call-5 (audio)"]);
        assert_eq!(diff.aspects, BTreeMap::from([(Aspect::Audio, 1)]));
    }

    #[test]
    fn each_aspect_is_told_apart_and_a_later_start_is_nothing_else() {
        use crate::trace::edit::carry::shift;
        use crate::trace::sample;
        let clips = [sample::clip(&[1], "a")];
        let plain = sample::session(0, 0);
        type Change = fn(&mut SessionRows);
        let changes: [(Aspect, Change); 7] = [
            (Aspect::Start, |rows| shift(rows, 5)),
            (Aspect::Schedule, |rows| rows.events[1].at_ns += 1),
            (Aspect::Schedule, |rows| {
                rows.session.language_code.push('x');
            }),
            (Aspect::Turns, |rows| rows.turns[0].think_ns = Some(1)),
            (Aspect::Audio, |rows| rows.events[1].clip = None),
            (Aspect::Answers, |rows| rows.replies[0].at_ns += 1),
            (Aspect::Answers, |rows| rows.session.recorded_status = None),
        ];
        for (aspect, change) in changes {
            let mut changed = plain.clone();
            change(&mut changed);
            let pairs = digests(&plain, &clips)
                .into_iter()
                .zip(digests(&changed, &clips));
            let differing = Aspect::ALL.iter().zip(pairs).filter(|(_, (a, b))| a != b);
            let differing: Vec<_> = differing.map(|(aspect, _)| *aspect).collect();
            assert_eq!(differing, [aspect]);
        }
    }

    #[test]
    fn many_are_counted_and_a_few_named() {
        let mut sessions = Sessions::default();
        for number in 0..50 {
            sessions.push(|| number.to_string());
        }
        assert_eq!((sessions.count, sessions.first.len()), (50, NAMED));
    }
}
