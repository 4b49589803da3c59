//! Charts over the time of a run: load, starts, response time, failures, schedule lag.

use std::collections::BTreeMap;

use super::line_chart::{Line, LineChart, highest};
use super::{Collected, Report};
use crate::report::answer_titles::AnswerTitles;
use crate::report::axis::Axis;
use crate::report::chart::{Ink, Layer, stretches};
use crate::report::diagnosis::clock;
use crate::report::document::{Block, Figure, Table, human};
use crate::results::answer::AnswerKind;
use crate::results::row::{Status, TimelineRow};
use crate::units::{Human, NS_PER_S, grouped};

/// Points of a line.
const MOST_POINTS: usize = 160;
/// Rows of a chart's table.
const MOST_ROWS: usize = 24;
/// Kinds of failure that are distinguished.
const KINDS: [Ink; 4] = [Ink::Bad, Ink::Bad2, Ink::Bad3, Ink::Bad4];

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let Some(pictures) = &report.pictures else {
        return Vec::new();
    };
    let over_time = OverTime {
        timeline: pictures.timeline,
        collected: &pictures.collected,
        answers: report.summary.answers_by,
        elapsed_ns: report.summary.run.elapsed_ns,
    };
    let mut figures = vec![over_time.response()];
    if !pictures.timeline.is_empty() {
        figures.insert(0, over_time.load());
        figures.push(over_time.starts());
        figures.extend(over_time.failures());
        figures.push(over_time.lag());
    }
    vec![Block::Heading("Over time"), Block::Figures(figures)]
}

/// Some seconds of a timeline together.
#[derive(Debug, Clone, Default)]
struct Span {
    at_ns: i64,
    seconds: f64,
    sessions: u32,
    users: Option<u32>,
    offered: u32,
    achieved: u32,
    lag_p50_ns: Option<i64>,
    lag_p99_ns: Option<i64>,
    lag_max_ns: Option<i64>,
    late: u64,
    failed: BTreeMap<String, u64>,
}

impl Span {
    fn of(seconds: &[TimelineRow]) -> Span {
        let mut span = Span {
            at_ns: seconds.first().map_or(0, |second| second.second_ns),
            seconds: seconds.len() as f64,
            ..Span::default()
        };
        for second in seconds {
            span.sessions = span.sessions.max(second.active_sessions);
            span.users = span.users.max(second.users);
            span.offered += second.offered_starts;
            span.achieved += second.achieved_starts;
            span.lag_p50_ns = span.lag_p50_ns.max(second.lag_p50_ns);
            span.lag_p99_ns = span.lag_p99_ns.max(second.lag_p99_ns);
            span.lag_max_ns = span.lag_max_ns.max(second.lag_max_ns);
            span.late += second.late_chunks;
            for (kind, count) in failures(&second.errors) {
                *span.failed.entry(kind.to_owned()).or_default() += count;
            }
        }
        span
    }

    /// The middle of its time.
    fn middle(&self) -> f64 {
        self.at_ns as f64 + self.seconds * NS_PER_S as f64 / 2.0
    }

    fn rate(&self, count: u32) -> f64 {
        f64::from(count) / self.seconds
    }
}

/// The counts of `code=count,…`, as a timeline has them; those of before count turns in flight, too.
fn failures(text: &str) -> impl Iterator<Item = (&str, u64)> {
    let counts = text.split(',').filter_map(|pair| {
        let (kind, count) = pair.rsplit_once('=')?;
        Some((kind, count.parse().ok()?))
    });
    counts.filter(|(kind, _)| *kind != Status::Interrupted.name())
}

/// What all charts over time have in common.
struct OverTime<'a> {
    timeline: &'a [TimelineRow],
    collected: &'a Collected,
    answers: AnswerKind,
    /// The run's length in nanoseconds.
    elapsed_ns: i64,
}

impl OverTime<'_> {
    /// The seconds together in at most `most` spans.
    fn spans(&self, most: usize) -> Vec<Span> {
        let together = self.timeline.len().div_ceil(most).max(1);
        self.timeline.chunks(together).map(Span::of).collect()
    }

    /// A line of what spans have.
    fn line(&self, most: usize, of: impl Fn(&Span) -> Option<f64>) -> Line {
        stretches(
            self.spans(most)
                .iter()
                .map(|span| (span.middle(), of(span))),
        )
    }

    /// A table with a row for each of few spans.
    fn table<const N: usize>(
        &self,
        heads: [&'static str; N],
        cells: impl Fn(&Span) -> Vec<String>,
    ) -> Table {
        let spans = self.spans(MOST_ROWS);
        let rows = spans
            .iter()
            .map(|span| [vec![clock(span.at_ns)], cells(span)].concat());
        Table::figures(["from"].into_iter().chain(heads), rows)
    }

    fn axis(&self) -> Axis {
        let last = self
            .timeline
            .iter()
            .map(|second| second.second_ns + NS_PER_S)
            .max();
        let end = last.unwrap_or(0).max(self.elapsed_ns).max(NS_PER_S);
        Axis::clock(0.0, end as f64)
    }

    /// Where the steady phase begins and ends, if it is not all of the run.
    fn phases(&self) -> Vec<Layer> {
        let steady = self
            .collected
            .steady_ns
            .filter(|_| self.collected.has_other_phases);
        let ends = steady.into_iter().flat_map(|(from, to)| [from, to]);
        ends.map(|ns| Layer::Upright(ns as f64, Ink::Soft))
            .collect()
    }

    fn chart(
        &self,
        (id, title): (&str, &'static str),
        description: String,
        y: Axis,
        lines: Vec<(Ink, String, Line)>,
        note: &str,
        table: Table,
    ) -> LineChart<'static> {
        let under = self.phases();
        let phases = match under.is_empty() {
            true => "",
            false => " Upright lines: begin and end of the steady phase.",
        };
        LineChart {
            id: id.to_owned(),
            title,
            description,
            x: self.axis(),
            y,
            lines,
            under,
            note: format!("{note}{phases}").trim_start().to_owned(),
            table,
        }
    }

    /// Sessions that were open.
    fn load(&self) -> Figure {
        let sessions = self.line(MOST_POINTS, |span| Some(span.sessions.into()));
        let users = self.line(MOST_POINTS, |span| span.users.map(f64::from));
        let most = highest([&sessions, &users]);
        let area = Layer::Areas(sessions.clone(), Ink::Area);
        let mut lines = vec![(Ink::Accent, "sessions".to_owned(), sessions)];
        if !users.is_empty() {
            lines.push((Ink::Soft, "users".to_owned(), users));
        }
        let table = self.table(["sessions, at most", "users, at most"], |span| {
            let users = span.users.map(|users| grouped(users.into()));
            vec![
                grouped(span.sessions.into()),
                users.unwrap_or("–".to_owned()),
            ]
        });
        let description = format!("At most {} at once.", grouped(most as u64));
        let names = ("load", "Sessions open");
        let mut chart = self.chart(names, description, Axis::counts(most), lines, "", table);
        chart.under.push(area);
        chart.figure()
    }

    /// Sessions that were to start, and that started.
    fn starts(&self) -> Figure {
        let offered = self.line(MOST_POINTS / 2, |span| Some(span.rate(span.offered)));
        let achieved = self.line(MOST_POINTS / 2, |span| Some(span.rate(span.achieved)));
        let sum = |of: fn(&TimelineRow) -> u32| {
            grouped(
                self.timeline
                    .iter()
                    .map(|second| u64::from(of(second)))
                    .sum(),
            )
        };
        let description = format!(
            "{} starts were planned and {} made.",
            sum(|second| second.offered_starts),
            sum(|second| second.achieved_starts)
        );
        let table = self.table(["offered a second", "achieved a second"], |span| {
            let rates = [span.offered, span.achieved].map(|count| span.rate(count));
            rates.map(|rate| format!("{rate:.2}")).into()
        });
        let y = Axis::numbers(highest([&offered, &achieved]));
        let lines = vec![
            (Ink::Accent, "achieved".to_owned(), achieved),
            (Ink::Soft, "offered".to_owned(), offered),
        ];
        let names = ("starts", "Session starts a second");
        self.chart(names, description, y, lines, "", table).figure()
    }

    /// Time to the answer of turns by the instant of their end of speech.
    fn response(&self) -> Figure {
        let bins = &self.collected.over_time;
        let width = Human(bins.width());
        let line = |q: f64| {
            let middle = |start: i64| start as f64 + bins.width() as f64 / 2.0;
            let value = |ns: i64| ns as f64;
            stretches(
                bins.iter()
                    .map(|(start, at)| (middle(start), at.quantile(q).map(value))),
            )
        };
        let (median, p95) = (line(0.5), line(0.95));
        let most = highest([&p95, &median]);
        let shown: Vec<_> = bins.iter().filter(|(_, at)| at.turns() > 0).collect();
        let every = shown.len().div_ceil(MOST_ROWS).max(1);
        let rows = shown.iter().step_by(every).map(|(start, at)| {
            let [p50, p95] = [0.5, 0.95].map(|q| human(at.quantile(q)));
            vec![clock(*start), grouped(at.turns()), p50, p95]
        });
        let table = Table::figures(["from", "turns", "p50", "p95"], rows);
        let description = format!(
            "Median and p95 of each {width}, up to {}.",
            Human(most as i64)
        );
        let note = format!(
            "Of the turns of each {width} by their end of speech; a gap where more are unanswered."
        );
        let lines = vec![
            (Ink::Accent, "p50".to_owned(), median),
            (Ink::Second, "p95".to_owned(), p95),
        ];
        let names = ("response", AnswerTitles::of(self.answers).chart);
        self.chart(names, description, Axis::lengths(most), lines, &note, table)
            .figure()
    }

    /// Turns that failed, by what failed; none where none did.
    fn failures(&self) -> Option<Figure> {
        let spans = self.spans(MOST_POINTS);
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (kind, count) in spans.iter().flat_map(|span| &span.failed) {
            *counts.entry(kind).or_default() += count;
        }
        let mut kinds: Vec<(&str, u64)> = counts.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        // All that are not distinguished share the last ink.
        let ink = |kind: &str| {
            let rank = kinds.iter().position(|(other, _)| *other == kind);
            rank.map_or(KINDS.len() - 1, |rank| rank.min(KINDS.len() - 1))
        };
        let mut boxes: [Vec<_>; KINDS.len()] = Default::default();
        let mut most = 0.0_f64;
        for span in &spans {
            let mut by_ink = [0_u64; KINDS.len()];
            for (kind, count) in &span.failed {
                by_ink[ink(kind)] += count;
            }
            let from = span.at_ns as f64;
            let to = from + span.seconds * NS_PER_S as f64;
            let mut below = 0.0;
            for (boxes, count) in boxes.iter_mut().zip(by_ink).filter(|(_, count)| *count > 0) {
                let above = below + count as f64 / span.seconds;
                boxes.push(((from, below), (to, above)));
                below = above;
            }
            most = most.max(below);
        }
        let all: u64 = kinds.iter().map(|(_, count)| count).sum();
        if all == 0 {
            return None;
        }
        let said = format!("{} turns failed.", grouped(all));
        let table = self.table(["failed turns", "which"], |span| {
            let kinds = span.failed.iter();
            let kinds = kinds.map(|(kind, count)| format!("{kind} {}", grouped(*count)));
            vec![
                grouped(span.failed.values().sum()),
                kinds.collect::<Vec<_>>().join(", "),
            ]
        });
        let names = ("failures", "Failed turns a second");
        let y = Axis::numbers(most);
        let mut chart = self.chart(names, said.clone(), y, Vec::new(), &said, table);
        let layers = boxes.into_iter().zip(KINDS);
        chart
            .under
            .extend(layers.map(|(boxes, ink)| Layer::Boxes(boxes, ink)));
        let named: Vec<String> = kinds.iter().map(|(kind, _)| (*kind).to_owned()).collect();
        let (first, others) = named.split_at(named.len().min(KINDS.len() - 1));
        let others = (!others.is_empty()).then(|| others.join(", "));
        let legend = KINDS.into_iter().zip(first.iter().cloned().chain(others));
        Some(Figure {
            legend: legend.collect(),
            ..chart.figure()
        })
    }

    /// How late chunks left.
    fn lag(&self) -> Figure {
        // A logarithmic axis has no 0.
        let line = |of: fn(&Span) -> Option<i64>| {
            self.line(MOST_POINTS, |span| of(span).map(|ns| ns.max(1_000) as f64))
        };
        let named = [
            (Ink::Accent, "p50", line(|span| span.lag_p50_ns)),
            (Ink::Second, "p99", line(|span| span.lag_p99_ns)),
            (Ink::Soft, "max", line(|span| span.lag_max_ns)),
        ];
        let lines = named.map(|(ink, name, line)| (ink, name.to_owned(), line));
        let most = highest(lines.iter().map(|(.., line)| line)).max(1.0);
        let points = lines.iter().flat_map(|(.., line)| line.iter().flatten());
        let least = points.map(|point| point.1).fold(most, f64::min);
        let note = "How long after its planned instant a chunk left: an error of this tool, not of the \
                    gateway. The largest figure of the seconds of a point; lags below 1 µs are drawn there.";
        let table = self.table(["p50", "p99", "max", "late chunks"], |span| {
            let lags = [span.lag_p50_ns, span.lag_p99_ns, span.lag_max_ns].map(human);
            lags.into_iter().chain([grouped(span.late)]).collect()
        });
        let description = format!("At most {}.", Human(most as i64));
        let names = ("lag", "Schedule lag of chunks");
        let y = Axis::decades(least, most);
        self.chart(names, description, y, lines.into(), note, table)
            .figure()
    }
}
