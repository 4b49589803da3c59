//! Charts over the time of a run: load, starts, response time, failures, schedule lag.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::chart::{Chart, Ink, LEFT, Layer, stretches};
use super::collect::Collected;
use super::figure::{Table, put};
use super::markup::Markup;
use crate::report::diagnosis::clock;
use crate::results::row::{Status, TimelineRow};
use crate::units::{Human, NS_PER_S, grouped};

/// Points of a line.
const MOST_POINTS: usize = 160;
/// Rows of a chart's table.
const MOST_ROWS: usize = 24;
/// Kinds of failure that are distinguished.
const KINDS: [Ink; 4] = [Ink::Bad, Ink::Bad2, Ink::Bad3, Ink::Bad4];

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
    /// The middle of its time.
    fn middle(&self) -> f64 {
        self.at_ns as f64 + self.seconds * NS_PER_S as f64 / 2.0
    }

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
}

/// The counts of `code=count,…`, as a timeline has them; those of before count turns in flight, too.
fn failures(text: &str) -> impl Iterator<Item = (&str, u64)> {
    let counts = text.split(',').filter_map(|pair| {
        let (kind, count) = pair.rsplit_once('=')?;
        Some((kind, count.parse().ok()?))
    });
    counts.filter(|(kind, _)| *kind != Status::Interrupted.name())
}

/// The seconds together in at most `most` spans.
fn spans(timeline: &[TimelineRow], most: usize) -> Vec<Span> {
    let together = timeline.len().div_ceil(most).max(1);
    timeline.chunks(together).map(Span::of).collect()
}

/// What all charts over time have in common.
pub(super) struct OverTime<'a> {
    /// Before the names of the charts.
    pub(super) prefix: &'a str,
    pub(super) timeline: &'a [TimelineRow],
    pub(super) collected: &'a Collected,
    /// The run's length in nanoseconds.
    pub(super) elapsed_ns: i64,
}

impl OverTime<'_> {
    fn axis(&self) -> Axis {
        let seconds = self
            .timeline
            .iter()
            .map(|second| second.second_ns + NS_PER_S);
        let end = seconds
            .max()
            .unwrap_or(0)
            .max(self.elapsed_ns)
            .max(NS_PER_S);
        Axis::clock(0.0, end as f64)
    }

    /// Where the steady phase begins and ends, if it is not all of the run.
    fn phases(&self) -> Vec<Layer> {
        let steady = self
            .collected
            .steady_ns
            .filter(|_| self.collected.has_other_phases);
        let uprights =
            steady.map(|(from, to)| [from, to].map(|ns| Layer::Upright(ns as f64, Ink::Soft)));
        uprights.into_iter().flatten().collect()
    }

    fn phase_note(&self) -> &'static str {
        match self.phases().is_empty() {
            true => "",
            false => " Upright lines: begin and end of the steady phase.",
        }
    }

    fn chart<'b>(
        &self,
        id: &'b str,
        title: &'b str,
        description: &'b str,
        y: Axis,
        layers: Vec<Layer>,
    ) -> Chart<'b> {
        let mut all = self.phases();
        all.extend(layers);
        Chart {
            id,
            title,
            description,
            x: self.axis(),
            y,
            height: 220,
            left: LEFT,
            layers: all,
        }
    }

    /// Sessions that were open.
    pub(super) fn load(&self, html: &mut Markup) {
        let spans = spans(self.timeline, MOST_POINTS);
        let has_users = spans.iter().any(|span| span.users.is_some());
        let most = spans
            .iter()
            .map(|span| span.sessions.max(span.users.unwrap_or(0)))
            .max()
            .unwrap_or(0);
        let sessions = stretches(
            spans
                .iter()
                .map(|s| (s.middle(), Some(f64::from(s.sessions)))),
        );
        let users = stretches(spans.iter().map(|s| (s.middle(), s.users.map(f64::from))));
        let description = format!("At most {} at once.", grouped(most.into()));
        let id = format!("{}load", self.prefix);
        let y = Axis::counts(most.into());
        let mut layers = vec![
            Layer::Areas(sessions.clone(), Ink::Area),
            Layer::Lines(sessions, Ink::Accent),
        ];
        let mut legend = Vec::new();
        if has_users {
            layers.push(Layer::Lines(users, Ink::Soft));
            legend = vec![(Ink::Accent, "sessions"), (Ink::Soft, "users")];
        }
        let chart = self.chart(&id, "Sessions open", &description, y, layers);
        let rows = self.rows(|span| {
            let users = span
                .users
                .map_or_else(|| "–".to_owned(), |users| grouped(users.into()));
            vec![grouped(span.sessions.into()), users]
        });
        let head = vec!["from", "sessions, at most", "users, at most"];
        put(
            html,
            &chart,
            &legend,
            self.phase_note().trim_start(),
            &Table::of(head, rows),
        );
    }

    /// Sessions that were to start, and that started.
    pub(super) fn starts(&self, html: &mut Markup) {
        let spans = spans(self.timeline, MOST_POINTS / 2);
        let rate = |span: &Span, count: u32| f64::from(count) / span.seconds;
        let offered = stretches(spans.iter().map(|s| (s.middle(), Some(rate(s, s.offered)))));
        let achieved = stretches(
            spans
                .iter()
                .map(|s| (s.middle(), Some(rate(s, s.achieved)))),
        );
        let rates = spans
            .iter()
            .map(|s| rate(s, s.offered).max(rate(s, s.achieved)));
        let most = rates.fold(0.0, f64::max);
        let sum = |of: fn(&Span) -> u32| spans.iter().map(|span| u64::from(of(span))).sum::<u64>();
        let description = format!(
            "{} starts were planned and {} made.",
            grouped(sum(|span| span.offered)),
            grouped(sum(|span| span.achieved))
        );
        let id = format!("{}starts", self.prefix);
        let layers = vec![
            Layer::Lines(offered, Ink::Soft),
            Layer::Lines(achieved, Ink::Accent),
        ];
        let y = Axis::numbers(most);
        let chart = self.chart(&id, "Session starts a second", &description, y, layers);
        let legend = [(Ink::Soft, "offered"), (Ink::Accent, "achieved")];
        let rows = self.rows(|span| {
            [span.offered, span.achieved]
                .map(|count| format!("{:.2}", rate(span, count)))
                .into()
        });
        let head = vec!["from", "offered a second", "achieved a second"];
        put(
            html,
            &chart,
            &legend,
            self.phase_note().trim_start(),
            &Table::of(head, rows),
        );
    }

    /// Response time of turns by the instant of their end of speech.
    pub(super) fn response(&self, html: &mut Markup) {
        let bins = &self.collected.over_time;
        let middle = |start: i64| start as f64 + bins.width() as f64 / 2.0;
        let line = |q: f64| {
            let points = bins
                .iter()
                .map(|(start, at)| (middle(start), at.quantile(q).map(|ns| ns as f64)));
            stretches(points)
        };
        let (median, p95) = (line(0.5), line(0.95));
        let most = p95
            .iter()
            .chain(&median)
            .flatten()
            .map(|point| point.1)
            .fold(0.0, f64::max);
        let title = "Response time";
        let description = format!(
            "Median and p95 of each {}, up to {}.",
            Human(bins.width()),
            Human(most as i64)
        );
        let id = format!("{}response", self.prefix);
        let layers = vec![
            Layer::Lines(p95, Ink::Second),
            Layer::Lines(median, Ink::Accent),
        ];
        let chart = self.chart(&id, title, &description, Axis::lengths(most), layers);
        let legend = [(Ink::Accent, "p50"), (Ink::Second, "p95")];
        let note = format!(
            "Of the turns of each {} by their end of speech; a gap where more are unanswered.{}",
            Human(bins.width()),
            self.phase_note()
        );
        let shown: Vec<_> = bins.iter().filter(|(_, at)| at.turns() > 0).collect();
        let every = shown.len().div_ceil(MOST_ROWS).max(1);
        let rows = shown.iter().step_by(every).map(|(start, at)| {
            let quantile = |q| {
                at.quantile(q)
                    .map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string())
            };
            vec![
                clock(*start),
                grouped(at.turns()),
                quantile(0.5),
                quantile(0.95),
            ]
        });
        let head = vec!["from", "turns", "p50", "p95"];
        let table = Table::of(head, rows.collect());
        put(html, &chart, &legend, &note, &table);
    }

    /// Turns that failed, by what failed.
    pub(super) fn failures(&self, html: &mut Markup) {
        let spans = spans(self.timeline, MOST_POINTS);
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for (kind, count) in spans.iter().flat_map(|span| &span.failed) {
            *kinds.entry(kind).or_default() += count;
        }
        let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let all: u64 = kinds.iter().map(|(_, count)| count).sum();
        // All that are not distinguished share the last ink.
        let ink = |kind: &str| {
            let rank = kinds
                .iter()
                .position(|(other, _)| *other == kind)
                .unwrap_or(kinds.len());
            rank.min(KINDS.len() - 1)
        };
        let mut boxes: [Vec<_>; KINDS.len()] = Default::default();
        let mut most = 0.0_f64;
        for span in &spans {
            let mut by_ink = [0_u64; KINDS.len()];
            for (kind, count) in &span.failed {
                by_ink[ink(kind)] += count;
            }
            let (from, to) = (
                span.at_ns as f64,
                span.at_ns as f64 + span.seconds * NS_PER_S as f64,
            );
            let mut below = 0.0;
            for (boxes, count) in boxes.iter_mut().zip(by_ink).filter(|(_, count)| *count > 0) {
                let above = below + count as f64 / span.seconds;
                boxes.push(((from, below), (to, above)));
                below = above;
            }
            most = most.max(below);
        }
        let layers = boxes
            .into_iter()
            .zip(KINDS)
            .map(|(boxes, ink)| Layer::Boxes(boxes, ink));
        if all == 0 {
            html.open("figure", "");
            html.element("figcaption", "", "Failed turns a second");
            html.element("p", "note", "No turn failed.");
            html.close("figure");
            return;
        }
        let description = format!("{} turns failed.", grouped(all));
        let id = format!("{}failures", self.prefix);
        let chart = self.chart(
            &id,
            "Failed turns a second",
            &description,
            Axis::numbers(most),
            layers.collect(),
        );
        let others = kinds
            .iter()
            .skip(KINDS.len() - 1)
            .map(|(kind, _)| *kind)
            .collect::<Vec<_>>()
            .join(", ");
        let mut legend: Vec<_> = kinds
            .iter()
            .zip(KINDS)
            .take(KINDS.len() - 1)
            .map(|((kind, _), ink)| (ink, *kind))
            .collect();
        if !others.is_empty() {
            legend.push((Ink::Bad4, &others));
        }
        let rows = self.rows(|span| {
            let kinds = span.failed.iter();
            let kinds = kinds.map(|(kind, count)| format!("{kind} {}", grouped(*count)));
            let count = span.failed.values().sum();
            vec![grouped(count), kinds.collect::<Vec<_>>().join(", ")]
        });
        let head = vec!["from", "failed turns", "which"];
        put(html, &chart, &legend, &description, &Table::of(head, rows));
    }

    /// How late chunks left.
    pub(super) fn lag(&self, html: &mut Markup) {
        let spans = spans(self.timeline, MOST_POINTS);
        let line = |of: fn(&Span) -> Option<i64>| {
            stretches(
                spans
                    .iter()
                    .map(|s| (s.middle(), of(s).map(|ns| ns.max(1_000) as f64))),
            )
        };
        let lines = [
            line(|s| s.lag_max_ns),
            line(|s| s.lag_p99_ns),
            line(|s| s.lag_p50_ns),
        ];
        let points = || lines.iter().flatten().flatten().map(|point| point.1);
        let (least, most) = (
            points().fold(f64::MAX, f64::min),
            points().fold(1.0, f64::max),
        );
        let y = Axis::decades(least.min(most), most);
        let [max, p99, p50] = lines;
        let layers = vec![
            Layer::Lines(max, Ink::Soft),
            Layer::Lines(p99, Ink::Second),
            Layer::Lines(p50, Ink::Accent),
        ];
        let description = format!("At most {}.", Human(most as i64));
        let id = format!("{}lag", self.prefix);
        let chart = self.chart(&id, "Schedule lag of chunks", &description, y, layers);
        let legend = [
            (Ink::Accent, "p50"),
            (Ink::Second, "p99"),
            (Ink::Soft, "max"),
        ];
        let note = "How long after its planned instant a chunk left: an error of this tool, not of the gateway. \
                    The largest figure of the seconds of a point; lags below 1 µs are drawn there.";
        let rows = self.rows(|span| {
            let lag =
                |ns: Option<i64>| ns.map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string());
            let lags = [span.lag_p50_ns, span.lag_p99_ns, span.lag_max_ns].map(lag);
            lags.into_iter().chain([grouped(span.late)]).collect()
        });
        let head = vec!["from", "p50", "p99", "max", "late chunks"];
        put(html, &chart, &legend, note, &Table::of(head, rows));
    }

    /// A row for each of few spans.
    fn rows(&self, cells: impl Fn(&Span) -> Vec<String>) -> Vec<Vec<String>> {
        let spans = spans(self.timeline, MOST_ROWS);
        let row = |span: &Span| [vec![clock(span.at_ns)], cells(span)].concat();
        spans.iter().map(row).collect()
    }
}
