//! What the servers measured while a run went on: each series in three figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::row::ServerRow;

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
    fn each_series_is_summed_up() {
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
    }
}
