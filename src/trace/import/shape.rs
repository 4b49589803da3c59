//! From rows to calls: which rows belong together, and when each call comes.

use std::collections::HashMap;
use std::ops::Range;

use rand::RngExt;

use super::ImportError;
use super::log::Row;
use crate::trace::compile::{SPREAD, rng};
use crate::units::{Human, NS_PER_S};

/// Latest start of a trace, 30 years after its first: less than a trace may hold.
const LATEST_NS: i64 = 30 * 365 * 24 * 3600 * NS_PER_S;

/// How arrivals are changed on the way, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Rows of one call that are further apart begin a new one.
    pub session_gap_ns: i64,
    /// Calls that start in this stretch, since the first arrival of the log.
    pub window: Option<Range<i64>>,
    /// Longer gaps between the starts of calls are cut to this.
    pub max_idle_ns: Option<i64>,
    /// How many times faster calls start. What is said in them keeps its pace.
    pub speed: f64,
    /// Each call starts later by a random part of this.
    pub spread_ns: i64,
    /// So many calls from the first on.
    pub limit: Option<u64>,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            session_gap_ns: 300 * NS_PER_S,
            window: None,
            max_idle_ns: None,
            speed: 1.0,
            spread_ns: 0,
            limit: None,
        }
    }
}

/// A call that is to be laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct LogCall {
    /// When it starts, since the start of the trace.
    pub start_ns: i64,
    /// Its rows, by their place in the log, each with the time from the start of the call.
    pub rows: Vec<(usize, i64)>,
}

/// Calls in order of their starts; the first one's is 0 unless starts are spread.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timetable {
    /// The calls.
    pub calls: Vec<LogCall>,
    /// The start of the trace by the clock of the log.
    pub origin_ns: i64,
    /// Rows that came before one above them.
    pub unsorted: u64,
    /// Calls that continue one whose last row was further away than the gap.
    pub split: u64,
    /// Gaps that were cut, and by how much together.
    pub cut_gaps: u64,
    /// How much was cut from them.
    pub cut_ns: i64,
    /// Whether all starts in the log lie whole chunks apart, so that all calls would send in step.
    pub in_step: bool,
}

impl Timetable {
    /// Groups `rows` into calls and moves them as `shape` says.
    ///
    /// # Errors
    /// No call in the window, or starts that lie further apart than a trace may be long.
    pub fn of(
        rows: &[Row],
        shape: &Shape,
        chunk_ns: i64,
        seed: u64,
    ) -> Result<Timetable, ImportError> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        // Stable, so that ties keep the order of the file.
        order.sort_by_key(|&at| rows[at].start_ns);
        let start_ns = |at: Option<&usize>| at.map_or(0, |&at| rows[at].start_ns);
        let (first_ns, last_ns) = (start_ns(order.first()), start_ns(order.last()));
        let mut timetable = Timetable {
            unsorted: unsorted(rows),
            in_step: in_step(rows, chunk_ns),
            ..Timetable::default()
        };
        timetable.group(rows, &order, shape.session_gap_ns);
        if let Some(window) = &shape.window {
            let inside = |call: &LogCall| window.contains(&(call.start_ns - first_ns));
            timetable.calls.retain(inside);
        }
        let limit = shape.limit.and_then(|limit| usize::try_from(limit).ok());
        timetable.calls.truncate(limit.unwrap_or(usize::MAX));
        let Some(first) = timetable.calls.first() else {
            return Err(ImportError::NoCalls(Human(last_ns - first_ns)));
        };
        timetable.origin_ns = first.start_ns;
        timetable.retime(shape, seed)?;
        Ok(timetable)
    }

    /// Makes calls of the rows, whose order by time is given.
    fn group(&mut self, rows: &[Row], order: &[usize], gap_ns: i64) {
        let mut open: HashMap<u128, (usize, i64)> = HashMap::new();
        for &at in order {
            let row = &rows[at];
            let before = row.session.and_then(|session| open.get(&session).copied());
            let call = match before {
                Some((call, last_ns)) if row.start_ns - last_ns <= gap_ns => {
                    let call_ns = self.calls[call].start_ns;
                    self.calls[call].rows.push((at, row.start_ns - call_ns));
                    call
                }
                _ => {
                    self.split += u64::from(before.is_some());
                    self.calls.push(LogCall {
                        start_ns: row.start_ns,
                        rows: vec![(at, 0)],
                    });
                    self.calls.len() - 1
                }
            };
            if let Some(session) = row.session {
                open.insert(session, (call, row.start_ns));
            }
        }
    }

    /// Lets the trace start with its first call, cuts gaps, and sets the pace.
    fn retime(&mut self, shape: &Shape, seed: u64) -> Result<(), ImportError> {
        let mut rng = rng(seed, SPREAD);
        let mut before_ns = self.origin_ns;
        let mut at_ns = 0;
        for call in &mut self.calls {
            let gap_ns = call.start_ns - before_ns;
            before_ns = call.start_ns;
            let kept_ns = gap_ns.min(shape.max_idle_ns.unwrap_or(i64::MAX));
            self.cut_gaps += u64::from(kept_ns < gap_ns);
            self.cut_ns += gap_ns - kept_ns;
            at_ns += kept_ns;
            call.start_ns = match shape.speed {
                1.0 => at_ns,
                speed => (at_ns as f64 / speed).round() as i64,
            };
            if shape.spread_ns > 0 {
                let later_ns = rng.random_range(0..shape.spread_ns);
                call.start_ns = call.start_ns.saturating_add(later_ns);
            }
            if call.start_ns > LATEST_NS {
                return Err(ImportError::Span);
            }
        }
        self.calls.sort_by_key(|call| call.start_ns);
        Ok(())
    }
}

/// How many rows came before one above them.
fn unsorted(rows: &[Row]) -> u64 {
    let mut latest_ns = i64::MIN;
    let early = rows.iter().filter(|row| {
        let early = row.start_ns < latest_ns;
        latest_ns = latest_ns.max(row.start_ns);
        early
    });
    early.count() as u64
}

/// Whether all rows lie whole chunks apart.
fn in_step(rows: &[Row], chunk_ns: i64) -> bool {
    let apart = rows.windows(2).map(|w| w[1].start_ns - w[0].start_ns);
    rows.len() > 1 && apart.into_iter().all(|ns| ns % chunk_ns == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(i64, Option<u128>)]) -> Vec<Row> {
        let rows = (1..).zip(of).map(|(line, &(start_s, session))| Row {
            line,
            start_ns: start_s * NS_PER_S,
            session,
            length: None,
            clip: None,
        });
        rows.collect()
    }

    /// Start in seconds and lines of each call.
    fn calls(rows: &[Row], shape: &Shape) -> Vec<(f64, Vec<u64>)> {
        let timetable = Timetable::of(rows, shape, NS_PER_S / 50, 1).unwrap();
        let calls = timetable.calls.iter().map(|call| {
            let lines = call.rows.iter().map(|&(at, _)| rows[at].line);
            (call.start_ns as f64 / 1e9, lines.collect())
        });
        calls.collect()
    }

    #[test]
    fn rows_are_sorted_and_ties_are_kept_in_order() {
        let rows = rows(&[(107, None), (100, None), (107, None), (103, None)]);
        let timetable = Timetable::of(&rows, &Shape::default(), NS_PER_S / 50, 1).unwrap();
        assert_eq!((timetable.unsorted, timetable.in_step), (2, true));
        assert_eq!(timetable.origin_ns, 100 * NS_PER_S);
        let expected = [
            (0.0, vec![2]),
            (3.0, vec![4]),
            (7.0, vec![1]),
            (7.0, vec![3]),
        ];
        assert_eq!(calls(&rows, &Shape::default()), expected);
    }

    #[test]
    fn rows_of_a_session_are_one_call_until_a_long_gap() {
        let rows = rows(&[
            (0, Some(1)),
            (10, Some(2)),
            (20, Some(1)),
            (400, Some(1)),
            (30, None),
        ]);
        let expected = [
            (0.0, vec![1, 3]),
            (10.0, vec![2]),
            (30.0, vec![5]),
            (400.0, vec![4]),
        ];
        assert_eq!(calls(&rows, &Shape::default()), expected);
        let timetable = Timetable::of(&rows, &Shape::default(), NS_PER_S, 1).unwrap();
        assert_eq!(timetable.split, 1);
        assert_eq!(timetable.calls[0].rows, [(0, 0), (2, 20 * NS_PER_S)]);
    }

    #[test]
    fn windows_gaps_speed_and_limit_shape_the_starts() {
        let rows = rows(&[(0, None), (10, None), (100, None), (101, None), (102, None)]);
        let shape = Shape {
            window: Some(5 * NS_PER_S..102 * NS_PER_S),
            max_idle_ns: Some(20 * NS_PER_S),
            speed: 2.0,
            ..Shape::default()
        };
        let expected = [(0.0, vec![2]), (10.0, vec![3]), (10.5, vec![4])];
        assert_eq!(calls(&rows, &shape), expected);
        let timetable = Timetable::of(&rows, &shape, NS_PER_S, 1).unwrap();
        assert_eq!((timetable.cut_gaps, timetable.cut_ns), (1, 70 * NS_PER_S));
        assert_eq!(timetable.origin_ns, 10 * NS_PER_S);
        let shape = Shape {
            limit: Some(1),
            ..shape
        };
        assert_eq!(calls(&rows, &shape).len(), 1);
    }

    #[test]
    fn starts_in_step_can_be_spread() {
        let rows = rows(&[(0, None); 200]);
        let shape = Shape {
            spread_ns: NS_PER_S,
            ..Shape::default()
        };
        let starts: Vec<f64> = calls(&rows, &shape)
            .into_iter()
            .map(|(start, _)| start)
            .collect();
        assert!(starts.is_sorted() && starts.iter().all(|at| (0.0..1.0).contains(at)));
        let mean = starts.iter().sum::<f64>() / 200.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }

    #[test]
    fn nothing_in_the_window_and_a_wrong_date_are_refused() {
        let rows = rows(&[(0, None), (10, None), (2_000_000_000, None)]);
        let shape = Shape {
            window: Some(20 * NS_PER_S..30 * NS_PER_S),
            ..Shape::default()
        };
        let none = Timetable::of(&rows, &shape, NS_PER_S, 1).unwrap_err();
        assert!(matches!(none, ImportError::NoCalls(_)));
        let long = Timetable::of(&rows, &Shape::default(), NS_PER_S, 1).unwrap_err();
        assert!(long.to_string().contains("--max-idle"), "{long}");
    }
}
