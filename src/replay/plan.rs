//! What to send and when: the sessions of a trace, shaped and laid on the clock of a run, one
//! after the other in order of their start. Pure; the only place where trace time becomes run time.

use std::ops::Range;
use std::sync::Arc;

use super::script::Script;
use super::session_index::SessionIndex;
use crate::trace::TraceError;
use crate::trace::extent::event_end_ns;
use crate::trace::in_order::InOrder;
use crate::trace::model::SessionRows;
use crate::trace::scaling::Scaling;
use crate::units::{NS_PER_MS, RunTime, TraceTime};

/// Which sessions of a trace are replayed, how many of each, and how fast they come. Sessions are
/// whole: nothing is cut inside one, and speech keeps its own rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Only sessions that start in this stretch of the trace.
    pub window: Option<Range<TraceTime>>,
    /// Only so many of them, the first.
    pub limit: Option<u64>,
    /// Sessions start so many times as fast.
    pub speed: f64,
    /// So many times the sessions: above 1 with copies shifted in time, below 1 with fewer.
    pub scale: f64,
    /// Starts again at the trace's end, until `until_ns`.
    pub looped: bool,
    /// No session starts so long after the first, or later.
    pub until_ns: Option<i64>,
    /// What shifts and thinning derive from.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            window: None,
            limit: None,
            speed: 1.0,
            scale: 1.0,
            looped: false,
            until_ns: None,
            seed: 0,
        }
    }
}

/// A source of sessions in order of their start.
pub type Source = Box<dyn Iterator<Item = Result<SessionRows, TraceError>> + Send>;
/// Opens the source from its beginning.
pub type Open = Box<dyn FnMut() -> Result<Source, TraceError> + Send>;

/// A trace laid on the clock of a run: yields its sessions in order of their start.
pub struct Plan {
    open: Open,
    source: Source,
    shape: Shape,
    /// When the first session starts.
    first: RunTime,
    scaling: Scaling,
    round: Round,
    /// Sessions whose start since the plan's first is known, and that may have to wait for one
    /// before them; each with its copy's number.
    placed: InOrder<(u32, Arc<SessionRows>, Arc<SessionIndex>)>,
    /// No session that is still to come from the source starts before this.
    reached_ns: i64,
    /// The source gives no more.
    ended: bool,
    /// Sessions given so far.
    number: u64,
}

/// One pass over the source.
#[derive(Debug, Default)]
struct Round {
    number: u32,
    offset_ns: i64,
    sessions: u64,
    /// Trace time of its first session's start.
    first_ns: i64,
    /// Of its last session's start.
    last_ns: i64,
    /// Of its last event's end.
    end_ns: i64,
}

impl Plan {
    /// Lays what `open` gives so that the first session starts at `first`. `gap_ns` is the trace's
    /// mean time between starts: copies are shifted by up to so much.
    ///
    /// # Errors
    /// A trace that cannot be read.
    pub fn new(
        mut open: Open,
        shape: Shape,
        gap_ns: i64,
        first: RunTime,
    ) -> Result<Plan, TraceError> {
        let source = open()?;
        let gap_ns = (gap_ns as f64 / shape.speed) as i64;
        Ok(Plan {
            open,
            source,
            first,
            scaling: Scaling::new(shape.scale, shape.seed, gap_ns),
            shape,
            round: Round::default(),
            placed: InOrder::default(),
            reached_ns: i64::MIN,
            ended: false,
            number: 0,
        })
    }

    /// Takes the next session of the source, and its copies, into account.
    fn pull(&mut self) -> Result<(), TraceError> {
        let window = &self.shape.window;
        let before = |at: i64| window.as_ref().is_some_and(|window| at < window.start.0);
        let within = |at: i64| window.as_ref().is_none_or(|window| at < window.end.0);
        let full = self
            .shape
            .limit
            .is_some_and(|limit| self.round.sessions >= limit);
        let mut rows = match self.source.next() {
            Some(Err(error)) => return Err(error),
            Some(Ok(rows)) if before(rows.session.start_ns) => return Ok(()),
            Some(Ok(rows)) if !full && within(rows.session.start_ns) => rows,
            _ => return self.end_round(),
        };
        let session_ns = rows.session.start_ns;
        let round = &mut self.round;
        if round.sessions == 0 {
            round.first_ns = session_ns;
        }
        round.sessions += 1;
        round.last_ns = session_ns;
        let end_ns = rows.events.last().map_or(session_ns, event_end_ns);
        round.end_ns = round.end_ns.max(end_ns);
        let since_ns = (session_ns - round.first_ns) as f64 / self.shape.speed;
        self.reached_ns = round.offset_ns + since_ns as i64;

        let index = Arc::new(SessionIndex::of(&rows));
        // What they say is in the index: a long call's answers are not to be held.
        rows.replies = Vec::new();
        let rows = Arc::new(rows);
        let first_copy = round.number * self.scaling.most_copies();
        let shifts = self.scaling.shifts(rows.session.session, round.number);
        for (copy, shift_ns) in (first_copy..).zip(shifts) {
            self.placed.push(
                self.reached_ns + shift_ns,
                (copy, rows.clone(), index.clone()),
            );
        }
        Ok(())
    }

    /// The source is at its end: begins again, or says that no more will come.
    fn end_round(&mut self) -> Result<(), TraceError> {
        let round = &self.round;
        if !self.shape.looped || self.shape.until_ns.is_none() || round.sessions == 0 {
            self.ended = true;
            return Ok(());
        }
        let span_ns = round.last_ns - round.first_ns;
        // The gap to the next round is the mean gap between starts; where all start at once, the
        // next round begins at the end of the longest session.
        let gaps = i64::try_from(round.sessions - 1).unwrap_or(i64::MAX).max(1);
        let length_ns = match span_ns {
            0 => round.end_ns - round.first_ns,
            span => span + span / gaps,
        };
        let length_ns = (length_ns as f64 / self.shape.speed) as i64;
        self.round = Round {
            number: round.number + 1,
            offset_ns: round.offset_ns + length_ns.max(NS_PER_MS),
            ..Round::default()
        };
        self.source = (self.open)()?;
        Ok(())
    }
}

impl Iterator for Plan {
    type Item = Result<Script, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let limit_ns = if self.ended {
                i64::MAX
            } else {
                self.reached_ns
            };
            if let Some((start_ns, (copy, rows, index))) = self.placed.pop_until(limit_ns) {
                if self.shape.until_ns.is_some_and(|until| start_ns >= until) {
                    return None;
                }
                let start = RunTime(self.first.0 + start_ns);
                let number = self.number;
                self.number += 1;
                return Some(Ok(Script::new(rows, index, number, copy, start)));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.pull() {
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::trace::model::{EventKind, EventRow, Microphone, SessionRow, TurnRow};
    use proptest::prelude::*;

    const MS: i64 = NS_PER_MS;

    pub(in crate::replay) fn event(turn: u32, kind: EventKind, at_ms: i64, count: u32) -> EventRow {
        let is_audio = matches!(kind, EventKind::Audio | EventKind::Fill);
        EventRow {
            session: 0,
            turn,
            at_ns: at_ms * MS,
            kind,
            clip: (kind == EventKind::Audio).then_some(0),
            offset_bytes: 0,
            chunk_bytes: if is_audio { 640 } else { 0 },
            interval_ns: if is_audio { 20 * MS } else { 0 },
            count,
            text: None,
        }
    }

    pub(in crate::replay) fn turn(turn: u32, from_ms: i64, to_ms: i64) -> TurnRow {
        TurnRow {
            session: 0,
            turn,
            at_ns: from_ms * MS,
            end_ns: to_ms * MS,
            speech_start_ns: Some(from_ms * MS),
            speech_end_ns: Some(to_ms * MS),
            think_ns: (turn > 0).then_some(300 * MS),
            clip: Some(0),
        }
    }

    pub(in crate::replay) fn session(
        number: u32,
        start_ns: i64,
        microphone: Microphone,
        turns: Vec<TurnRow>,
        events: Vec<EventRow>,
    ) -> SessionRows {
        SessionRows {
            session: SessionRow {
                session: number,
                session_id: format!("s{number}"),
                start_ns,
                language_code: "en-US".to_owned(),
                sample_rate_hz: 16_000,
                microphone,
                turns: turns.len() as u32,
                recorded_status: None,
                recorded_end_ns: None,
                metadata: None,
            },
            turns,
            events,
            replies: Vec::new(),
        }
    }

    fn at(starts_ms: &[i64]) -> Open {
        let starts_ms = starts_ms.to_vec();
        Box::new(move || {
            let rows = (0..).zip(starts_ms.clone()).map(|(number, start_ms)| {
                let audio = event(0, EventKind::Audio, start_ms, 50);
                let (start_ns, microphone) = (start_ms * MS, Microphone::PushToTalk);
                Ok(session(number, start_ns, microphone, vec![], vec![audio]))
            });
            Ok(Box::new(rows) as Source)
        })
    }

    /// Session, copy and start in milliseconds after the first.
    fn plan(starts_ms: &[i64], shape: &Shape) -> Vec<(u32, u32, f64)> {
        let first = RunTime(7 * MS);
        let plan = Plan::new(at(starts_ms), shape.clone(), 100 * MS, first).unwrap();
        let scripts = plan.map(|script| {
            let script = script.unwrap();
            let start_ms = (script.start.0 - first.0) as f64 / MS as f64;
            (script.rows.session.session, script.copy, start_ms)
        });
        scripts.collect()
    }

    #[test]
    fn a_plain_plan_keeps_the_gaps_and_starts_at_its_first_session() {
        let plain = plan(&[500, 500, 730], &Shape::default());
        assert_eq!(plain, [(0, 0, 0.0), (1, 0, 0.0), (2, 0, 230.0)]);
    }

    #[test]
    fn windows_limits_and_speed_choose_whole_sessions() {
        let shape = Shape {
            window: Some(TraceTime(100 * MS)..TraceTime(500 * MS)),
            limit: Some(2),
            speed: 2.0,
            ..Shape::default()
        };
        let chosen = plan(&[0, 100, 200, 300, 500], &shape);
        assert_eq!(chosen, [(1, 0, 0.0), (2, 0, 50.0)]);
    }

    #[test]
    fn a_loop_goes_on_at_the_mean_gap_until_its_end_with_new_copies() {
        let shape = Shape {
            looped: true,
            until_ns: Some(1000 * MS),
            ..Shape::default()
        };
        let looped = plan(&[0, 100, 400], &shape);
        let starts: Vec<f64> = looped.iter().map(|(_, _, start)| *start).collect();
        assert_eq!(starts, [0.0, 100.0, 400.0, 600.0, 700.0]);
        assert_eq!(looped[3], (0, 1, 600.0));
        let at_once = plan(&[0, 0], &shape);
        assert_eq!(
            at_once.len(),
            2,
            "the next round begins when the longest has ended"
        );
    }

    proptest! {
        #[test]
        fn scaling_keeps_the_shape_and_each_session_has_an_identity(
            mut starts in prop::collection::vec(0_i64..20_000, 1..60),
            scale in 0.1_f64..4.0,
            seed in any::<u64>(),
        ) {
            starts.sort_unstable();
            let shape = Shape { scale, seed, ..Shape::default() };
            let scaled = plan(&starts, &shape);
            prop_assert_eq!(&scaled, &plan(&starts, &shape), "seeded");
            prop_assert!(scaled.is_sorted_by_key(|(_, _, start)| (*start * 1e6) as i64));
            let mut names: Vec<_> = scaled.iter().map(|(session, copy, _)| (session, copy)).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), scaled.len());
            for (session, copy, start) in &scaled {
                let original = (starts[*session as usize] - starts[0]) as f64;
                let shift = start - original;
                let most = if *copy == 0 { 0.0 } else { 100.0 };
                prop_assert!((0.0..=most).contains(&shift), "{}", shift);
            }
            let low = (starts.len() as f64 * scale.floor()) as usize;
            prop_assert!((low..=low + starts.len()).contains(&scaled.len()));
        }
    }
}
