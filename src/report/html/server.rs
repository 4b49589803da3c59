//! Charts of what the servers measured while the run went on: one a series, a line for each set of
//! labels.

use std::collections::BTreeMap;

use super::axis::{Axis, quantity};
use super::chart::{Chart, Ink, LEFT, Layer};
use super::figure::{Table, put};
use super::markup::Markup;
use crate::results::row::ServerRow;
use crate::units::counted;

/// Series that are drawn.
const MOST_SERIES: usize = 8;
/// Sets of labels that are drawn of each.
const INKS: [Ink; 4] = [Ink::Accent, Ink::Second, Ink::Soft, Ink::Bad3];
/// Points of a line.
const MOST_POINTS: usize = 160;

/// The values of each set of labels of a series, in order of their time.
type Lines<'a> = BTreeMap<&'a str, Vec<(f64, f64)>>;

/// Puts a chart of each series into the page, over a run of `elapsed_ns`.
pub(super) fn charts(html: &mut Markup, prefix: &str, rows: &[ServerRow], elapsed_ns: i64) {
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
    html.open("div", "charts");
    for (number, (name, lines)) in series.iter_mut().take(MOST_SERIES).enumerate() {
        let id = format!("{prefix}server{number}");
        chart(html, &id, name, lines, elapsed_ns);
    }
    html.close("div");
    let more = series.len().saturating_sub(MOST_SERIES);
    if more > 0 {
        let more = counted(more as u64, "further name");
        html.element(
            "p",
            "note",
            &format!("Series of {more} are in server.parquet."),
        );
    }
}

fn chart(html: &mut Markup, id: &str, name: &str, lines: &mut Lines<'_>, elapsed_ns: i64) {
    let mut layers = Vec::new();
    let mut legend = Vec::new();
    let mut rows = Vec::new();
    let mut most = 0.0_f64;
    let names: Vec<String> = lines.keys().map(|labels| shown(labels)).collect();
    for ((i, points), labels) in lines.values_mut().enumerate().zip(&names) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values = || points.iter().map(|point| point.1);
        let (least, greatest) = (
            values().fold(f64::MAX, f64::min),
            values().fold(f64::MIN, f64::max),
        );
        let mean = values().sum::<f64>() / points.len().max(1) as f64;
        let figures = [least, mean, greatest].map(quantity);
        rows.push([vec![labels.clone()], figures.to_vec()].concat());
        if let Some(ink) = INKS.get(i) {
            most = most.max(greatest);
            layers.push(Layer::Lines(vec![thinned(points)], *ink));
            legend.push((*ink, labels.as_str()));
        }
    }
    // The first is drawn over the others.
    layers.reverse();
    let undrawn = lines.len().saturating_sub(INKS.len());
    let note = match undrawn {
        0 => String::new(),
        n => format!("{} more below, under Figures.", counted(n as u64, "line")),
    };
    let chart = Chart {
        id,
        title: name,
        description: &format!("Up to {}.", quantity(most)),
        x: Axis::clock(0.0, elapsed_ns.max(1) as f64),
        y: Axis::quantities(most),
        height: 220,
        left: LEFT,
        layers,
    };
    let head = vec!["labels", "least", "mean", "greatest"];
    put(html, &chart, &legend, &note, &Table::of(head, rows));
}

/// The points, or the largest of each few where there are too many.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let few = points.chunks(together);
    few.filter_map(|few| few.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)))
        .collect()
}

/// Labels as people read them.
fn shown(json: &str) -> String {
    let labels: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    let pairs: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match pairs.is_empty() {
        true => "all".to_owned(),
        false => pairs.join(" "),
    }
}
