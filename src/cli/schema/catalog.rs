//! The catalog of metrics as text, as Markdown, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::formats::{PROSE_WIDTH, indented, plain};
use crate::results::answer::{AnswerKind, Part};
use crate::results::metrics::{Compared, LATENCIES, Latency, Over, SHARES, Share};

const ABOUT: &str = "What is measured of requests, in the order of reports. Latencies are over the \
    requests of the headline figures, as `measured` in the JSON report counts them; `over` says which of \
    those, or what a share is of. `compared` says by what `voicelt compare` sets runs beside each other, \
    `live` what Prometheus is shown while a run goes on, and `needs` what a gateway must send for it. Less \
    is better of each but `success`.";

/// A metric, as it is shown.
#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    unit: &'static str,
    /// What servers answer with where a request that lacks it counts as longer than all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    lacking_is_longest: Option<Vec<AnswerKind>>,
    /// Whether only successes have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    successes_only: Option<bool>,
    over: &'static str,
    compared: String,
    live: bool,
    needs: String,
    definition: &'static str,
}

fn entries() -> Vec<Entry> {
    let latencies = LATENCIES.iter().map(Entry::of_latency);
    latencies
        .chain(SHARES.iter().map(Entry::of_share))
        .collect()
}

impl Entry {
    fn of_latency(latency: &Latency) -> Entry {
        let longest = AnswerKind::ALL.iter().copied();
        let longest = longest.filter(|answers| latency.unanswered_counts(*answers));
        let quantiles = latency.compared.iter().map(|percent| format!("p{percent}"));
        Entry {
            name: latency.name,
            unit: "ns",
            lacking_is_longest: Some(longest.collect()),
            successes_only: Some(latency.over == Over::Successes),
            over: match latency.over {
                Over::Answers([AnswerKind::Audio, ..]) => {
                    "all; one without it is longer than every other"
                }
                Over::Answers(_) => {
                    "those that have it; where it is the headline, all, and one without it is longer than every other"
                }
                Over::Successes => "all; one that was no success is longer than every other",
                Over::Present => "those that have it",
            },
            compared: quantiles.collect::<Vec<_>>().join(", "),
            live: latency.is_live,
            needs: needs(latency.needs),
            definition: latency.about,
        }
    }

    fn of_share(share: &Share) -> Entry {
        let compared = match share.compared {
            Compared::Always => "always",
            Compared::WhereAny => "where it occurs",
            Compared::Never => "",
        };
        Entry {
            name: share.name,
            unit: "share",
            lacking_is_longest: None,
            successes_only: None,
            over: share.over,
            compared: compared.to_owned(),
            live: false,
            needs: needs(share.needs),
            definition: share.about,
        }
    }
}

fn needs(parts: &[Part]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    names.join(", ")
}

/// For people at a terminal, none of the lines over `width` characters where words allow it.
pub(super) fn text(width: usize) -> String {
    let mut text = format!("metrics\n{}", indented(&plain(ABOUT), 0, width));
    for entry in entries() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n  {}  {}", entry.name, entry.unit);
        let said = format!("{} Over {}.", entry.definition, entry.over);
        text += &indented(&said, 6, width);
    }
    text
}

/// A heading and a table.
pub(super) fn markdown() -> String {
    let mut text = format!(
        "\n### metrics\n\n{}\n\
         | metric | unit | over | compared | live | needs | definition |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        indented(ABOUT, 0, PROSE_WIDTH)
    );
    for entry in entries() {
        let live = if entry.live { "yes" } else { "" };
        let definition = entry.definition.trim_end_matches('.');
        let cells = [
            entry.unit,
            entry.over,
            &entry.compared,
            live,
            &entry.needs,
            definition,
        ];
        let _ = writeln!(text, "| `{}` | {} |", entry.name, cells.join(" | "));
    }
    text
}

/// An array with an object for each.
///
/// # Errors
/// None that can happen.
pub(super) fn json() -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&entries())? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_shown_in_each_form() {
        let names = LATENCIES.iter().map(|latency| latency.name);
        let names: Vec<_> = names.chain(SHARES.iter().map(|share| share.name)).collect();
        let (text, markdown) = (text(60), markdown());
        for name in &names {
            assert!(text.contains(&format!("\n  {name}  ")), "{name}");
            assert!(markdown.contains(&format!("\n| `{name}` | ")), "{name}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 60));
        let rows = markdown.lines().filter(|line| line.starts_with('|'));
        assert!(rows.clone().all(|line| line.matches('|').count() == 8));
        assert_eq!(rows.count(), names.len() + 2);
        let read: serde_json::Value = serde_json::from_str(&json().unwrap()).unwrap();
        assert_eq!(read[0]["name"], "response");
        let longest = serde_json::json!(["audio", "audio_or_text"]);
        assert_eq!(read[0]["lacking_is_longest"], longest);
    }

    #[test]
    fn the_python_package_has_the_same_metrics() {
        let there = include_str!("../../../tools/python/src/voicelt/metrics.json");
        assert!(
            there == json().unwrap(),
            "tools/python/src/voicelt/metrics.json is stale; renew it:\n  \
             cargo run --quiet -- schema --metrics --format json > tools/python/src/voicelt/metrics.json"
        );
    }
}
