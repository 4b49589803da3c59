//! What the servers measured while the run went on: each series in three figures and, on a page, a chart
//! of each with a line for each set of labels.

use std::collections::BTreeMap;

use super::Report;
use super::line_chart::LineChart;
use crate::report::axis::{Axis, quantity};
use crate::report::chart::Ink;
use crate::report::document::{Block, Figure, Table};
use crate::results::row::ServerRow;
use crate::units::counted;

/// Series that the table has.
const MOST_ROWS: usize = 16;
/// Series that are drawn.
const MOST_SERIES: usize = 8;
/// Sets of labels that are drawn of each.
const INKS: [Ink; 4] = [Ink::Accent, Ink::Second, Ink::Soft, Ink::Bad3];
/// Points of a line.
const MOST_POINTS: usize = 160;

/// The values of each set of labels of a series, in order of their time.
type Lines<'a> = BTreeMap<&'a str, Vec<(f64, f64)>>;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let series = &report.summary.server;
    if series.is_empty() {
        return Vec::new();
    }
    let rows = series.iter().take(MOST_ROWS).map(|of| {
        let name = format!("{} {}", of.series, labels(&of.labels).join(" "));
        let name: String = name.trim_end().chars().take(41).collect();
        let known = |value: f64| match value.is_finite() {
            true => quantity(value),
            false => "–".to_owned(),
        };
        let figures = [of.min, of.mean, of.max].map(known);
        [vec![name], figures.to_vec()].concat()
    });
    let heads = ["server (whole run)", "min", "mean", "max"];
    let mut blocks = vec![Block::Table(Table::figures(heads, rows))];
    let more = series.len().saturating_sub(MOST_ROWS);
    if more > 0 {
        blocks.push(Block::note(format!(
            "{more} more series are in server.parquet"
        )));
    }
    if let Some(pictures) = &report.pictures {
        blocks.extend(charts(pictures.server, report.summary.run.elapsed_ns));
    }
    blocks
}

/// The labels as people read them, in the order of their names.
fn labels(json: &str) -> Vec<String> {
    let labels: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// A chart of each series, over a run of `elapsed_ns`.
fn charts(rows: &[ServerRow], elapsed_ns: i64) -> Vec<Block> {
    let mut series: Vec<(&str, Lines<'_>)> = Vec::new();
    for row in rows.iter().filter(|row| row.value.is_finite()) {
        let known = series.iter().position(|(name, _)| *name == row.series);
        let place = known.unwrap_or_else(|| {
            series.push((&row.series, Lines::new()));
            series.len() - 1
        });
        let line = series[place].1.entry(&row.labels).or_default();
        line.push((row.at_ns as f64, row.value));
    }
    let more = series.len().saturating_sub(MOST_SERIES);
    let drawn = series.into_iter().take(MOST_SERIES).enumerate();
    let figures = drawn.map(|(number, (name, lines))| chart(number, name, lines, elapsed_ns));
    let mut blocks = vec![Block::Figures(figures.collect())];
    if more > 0 {
        let more = counted(more as u64, "further name");
        blocks.push(Block::note(format!(
            "Series of {more} are in server.parquet."
        )));
    }
    blocks
}

fn chart(number: usize, name: &str, lines: Lines<'_>, elapsed_ns: i64) -> Figure {
    let mut drawn = Vec::new();
    let mut rows = Vec::new();
    let mut most = 0.0_f64;
    let undrawn = lines.len().saturating_sub(INKS.len());
    for (i, (json, mut points)) in lines.into_iter().enumerate() {
        let labels = match labels(json).join(" ") {
            none if none.is_empty() => "all".to_owned(),
            labels => labels,
        };
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values = || points.iter().map(|point| point.1);
        let greatest = values().fold(f64::MIN, f64::max);
        let mean = values().sum::<f64>() / points.len().max(1) as f64;
        let figures = [values().fold(f64::MAX, f64::min), mean, greatest].map(quantity);
        rows.push([vec![labels.clone()], figures.to_vec()].concat());
        if let Some(ink) = INKS.get(i) {
            most = most.max(greatest);
            drawn.push((*ink, labels, vec![thinned(&points)]));
        }
    }
    let note = match undrawn {
        0 => String::new(),
        n => format!("{} more below, under Figures.", counted(n as u64, "line")),
    };
    LineChart {
        id: format!("server{number}"),
        title: name,
        description: format!("Up to {}.", quantity(most)),
        x: Axis::clock(0.0, elapsed_ns.max(1) as f64),
        y: Axis::quantities(most),
        lines: drawn,
        under: Vec::new(),
        note,
        table: Table::figures(["labels", "least", "mean", "greatest"], rows),
    }
    .figure()
}

/// The points, or the largest of each few where there are too many.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let few = points.chunks(together);
    few.filter_map(|few| few.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)))
        .collect()
}
