//! What the servers measured while a run went on: each series in three figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::row::ServerRow;
use crate::units::terminal::{LABEL, Page, Tone};

/// Width of a figure.
const CELL: usize = 11;
/// Series that are shown as text.
const MOST_SHOWN: usize = 16;

/// A series that was fetched from a Prometheus server, over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSeries {
    /// Its name.
    pub series: String,
    /// Its labels, a JSON object.
    pub labels: String,
    /// How many values there are.
    pub values: u64,
    /// The least of them.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// The greatest of them.
    pub max: f64,
}

/// The series that rows are of, in the order of their first values.
#[must_use]
pub fn series(rows: &[ServerRow]) -> Vec<ServerSeries> {
    let mut found: Vec<ServerSeries> = Vec::new();
    let mut places = BTreeMap::new();
    for row in rows {
        let next = found.len();
        let place = *places.entry((&row.series, &row.labels)).or_insert(next);
        if place == next {
            found.push(ServerSeries {
                series: row.series.clone(),
                labels: row.labels.clone(),
                values: 0,
                min: f64::INFINITY,
                mean: 0.0,
                max: f64::NEG_INFINITY,
            });
        }
        let of = &mut found[place];
        of.values += 1;
        of.min = of.min.min(row.value);
        of.mean += (row.value - of.mean) / of.values as f64;
        of.max = of.max.max(row.value);
    }
    found
}

/// A line a series.
pub(super) fn render(page: &mut Page, series: &[ServerSeries]) {
    if series.is_empty() {
        return;
    }
    let columns = ["min", "mean", "max"].map(|name| format!("{name:>CELL$}"));
    let header = format!("{:44}{}", "server (whole run)", columns.concat());
    page.put(&header, Tone::Strong);
    page.end_line();
    for of in series.iter().take(MOST_SHOWN) {
        let name = match labels(&of.labels) {
            labels if labels.is_empty() => of.series.clone(),
            labels => format!("{} {labels}", of.series),
        };
        let name: String = name.chars().take(41).collect();
        let figures = [of.min, of.mean, of.max].map(|value| format!("{:>CELL$}", figure(value)));
        page.put(&format!("  {name:<42}{}", figures.concat()), Tone::Plain);
        page.end_line();
    }
    let more = series.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        let more = format!("{more} more series are in server.parquet");
        page.words("", &more, LABEL, Tone::Faint);
    }
}

/// The values of the labels, in the order of their names.
fn labels(json: &str) -> String {
    let labels: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    let values: Vec<_> = labels.into_values().collect();
    values.join(" ")
}

/// A number with about four digits.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 || value == value.trunc() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(series: &str, labels: &str, value: f64) -> ServerRow {
        ServerRow {
            series: series.to_owned(),
            labels: labels.to_owned(),
            at_ns: 0,
            value,
        }
    }

    #[test]
    fn each_series_is_summed_up_and_shown() {
        let (one, two) = (r#"{"gpu":"0"}"#, r#"{"gpu":"1"}"#);
        let rows = [
            row("gpu_memory_used_mib", one, 61_000.0),
            row("gpu_memory_used_mib", two, 7.0),
            row("gpu_memory_used_mib", one, 62_001.0),
            row("gateway_e2e_p95_s", "{}", 0.4567),
        ];
        let found = series(&rows);
        assert_eq!((found.len(), found[0].values), (3, 2));
        assert_eq!(
            (found[0].min, found[0].mean, found[0].max),
            (61_000.0, 61_500.5, 62_001.0)
        );
        let mut page = Page::new(false);
        render(&mut page, &found);
        insta::assert_snapshot!(page.into_text(), @r"
        server (whole run)                                  min       mean        max
          gpu_memory_used_mib 0                           61000      61500      62001
          gpu_memory_used_mib 1                               7          7          7
          gateway_e2e_p95_s                               0.457      0.457      0.457
        ");
    }

    #[test]
    fn nothing_is_shown_of_nothing_and_not_everything_of_much() {
        let mut page = Page::new(false);
        render(&mut page, &[]);
        assert_eq!(page.into_text(), "");
        let rows: Vec<_> = (0..40).map(|n| row(&format!("s{n}"), "{}", 1.0)).collect();
        let mut page = Page::new(false);
        render(&mut page, &series(&rows));
        let text = page.into_text();
        assert!(
            text.ends_with("24 more series are in server.parquet\n"),
            "{text}"
        );
    }
}
