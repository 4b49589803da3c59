//! Many runs at a glance: a line a run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::summarise::Asked;
use super::summary::Summary;
use crate::results::ResultsError;
use crate::results::manifest::RunManifest;
use crate::results::protocol::DialectName;
use crate::results::reader::RunDir;
use crate::units::{Human, columns, grouped, share_percent};

/// Columns of the text, from left to right.
const HEADER: [&str; 9] = [
    "started", "run", "load", "turns", "p50", "p95", "errors", "verdict", "labels",
];
/// Those of them that are numbers.
const NUMBERS: [usize; 4] = [3, 4, 5, 6];

crate::table! {
    /// One row per run.
    #[derive(Default, Serialize)]
    pub struct RunRow in "runs" {
        /// Name of the run directory.
        pub name: String [""],
        /// 32 hex digits.
        pub run_id: String [""],
        /// When it began: RFC 3339, UTC.
        pub started_at: String [""],
        /// How it stands: running, finished, interrupted, failed, killed; unknown where only the machine
        /// that made it can tell whether it is running.
        pub exit_reason: String [""],
        /// What was called; null when the settings do not say.
        pub target: Option<String> [""],
        /// How conversations were written; null in files of before, and where nothing of the run can be read.
        pub dialect: Option<DialectName> [""],
        /// Name of the trace.
        pub trace: String [""],
        /// Closed loop: name of the scenario; null for a replay, and without one.
        pub scenario: Option<String> [""],
        /// Closed loop: most users at once; null for a replay.
        pub users: Option<u32> [""],
        /// Closed loop: how audio was sent; null for a replay, which sends it as it is spoken.
        pub pace: Option<String> [""],
        /// `--label k=v`, as a JSON object in order of the names.
        pub labels: String [""],
        /// Turns on record.
        pub turns: u64 [""],
        /// The latency that the two after it are of: the time to the answer, `response` where servers answer with
        /// audio; null in files of before, and where there are no figures.
        pub headline: Option<String> [""],
        /// Median of the headline; null where not enough turns, or answers, tell.
        pub response_p50_ns: Option<i64> ["ns"],
        /// 95th percentile of the headline; null where not enough turns, or answers, tell.
        pub response_p95_ns: Option<i64> ["ns"],
        /// Share of the turns that were no success, those in flight and the cancelled aside; null without
        /// any.
        pub errors: Option<f64> [""],
        /// Turns that were under way when the run ended, or still are; null in files of before.
        pub in_flight: Option<u64> [""],
        /// Whether the schedule was kept: valid, degraded, invalid; null when the run did not end.
        pub verdict: Option<String> [""],
        /// What is missing or damaged, so that figures are of a part, or there are none; null where nothing
        /// is.
        pub damage: Option<String> [""],
    }
}

impl RunRow {
    /// The line of the run in the folder `dir`: a run that is damaged has one, too, with the reason.
    ///
    /// # Errors
    /// No run, or one of a newer version.
    pub fn of_dir(dir: &Path) -> Result<RunRow, ResultsError> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        match RunDir::open(dir) {
            Ok(run) => Ok(RunRow::of(&run).unwrap_or_else(|damage| RunRow {
                damage: Some(damage.to_string()),
                ..RunRow::without_figures(run.manifest())
            })),
            Err(damage @ (ResultsError::Damaged { .. } | ResultsError::Io { .. })) => Ok(RunRow {
                name: name.into_owned(),
                damage: Some(damage.to_string()),
                ..RunRow::default()
            }),
            Err(error) => Err(error),
        }
    }

    /// The line of a run: from the summary that was kept when it ended, else from its rows as they
    /// are now.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub fn of(run: &RunDir) -> Result<RunRow, ResultsError> {
        run.check_tables()?;
        let manifest = run.manifest();
        let kept = manifest.summary.clone();
        let kept = kept.and_then(|summary| serde_json::from_value(summary).ok());
        let summary: Summary = match kept {
            Some(summary) => summary,
            None => Summary::of_run(run, &Asked::default(), |_| {})?,
        };
        Ok(RunRow::from_summary(manifest, &summary))
    }

    fn from_summary(manifest: &RunManifest, summary: &Summary) -> RunRow {
        let response = summary.answer_figures();
        let judged = summary.turns.judged();
        let failed = judged.saturating_sub(summary.turns.successes);
        RunRow {
            turns: summary.turns.rows,
            headline: Some(summary.answer_latency().name.to_owned()),
            response_p50_ns: response.and_then(|figures| figures.p50_ns),
            response_p95_ns: response.and_then(|figures| figures.p95_ns),
            errors: (judged > 0).then(|| failed as f64 / judged as f64),
            in_flight: Some(summary.turns.in_flight),
            damage: summary.unreadable.first().cloned(),
            ..RunRow::without_figures(manifest)
        }
    }

    /// What `run.json` says of a run.
    fn without_figures(manifest: &RunManifest) -> RunRow {
        let closed_loop = manifest.closed_loop.as_ref();
        let verdict = manifest.verdict.as_ref();
        RunRow {
            name: manifest.name.clone(),
            run_id: manifest.run_id.clone(),
            started_at: manifest.started_at.clone(),
            exit_reason: manifest.exit_reason.name().to_owned(),
            target: manifest.spec.target.get().cloned(),
            dialect: Some(manifest.spec.dialect()),
            trace: manifest.trace.name.clone(),
            scenario: closed_loop.and_then(|of| of.scenario.clone()),
            users: closed_loop.map(|of| of.users),
            pace: closed_loop.map(|of| of.pace.clone()),
            labels: labels(&manifest.labels),
            verdict: verdict.map(|verdict| verdict.level.name().to_owned()),
            ..RunRow::default()
        }
    }

    fn cells(&self) -> [String; 9] {
        let human = |ns: Option<i64>| ns.map_or("–".to_owned(), |ns| Human(ns).to_string());
        let load = match (&self.scenario, self.users) {
            (Some(scenario), Some(users)) => format!("{scenario}, {users} users"),
            (None, Some(users)) => format!("{users} users"),
            _ => self.trace.clone(),
        };
        let in_flight = self.in_flight.filter(|turns| *turns > 0);
        let verdict = match (self.exit_reason.as_str(), in_flight) {
            _ if self.damage.is_some() => "damaged".to_owned(),
            ("finished", _) => self.verdict.clone().unwrap_or_default(),
            (standing, Some(turns)) => format!("{standing}, {} in flight", grouped(turns)),
            (standing, None) => standing.to_owned(),
        };
        let labels: BTreeMap<String, String> =
            serde_json::from_str(&self.labels).unwrap_or_default();
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let started = self.started_at.get(..16).unwrap_or(&self.started_at);
        [
            started.replace('T', " "),
            self.name.clone(),
            load,
            match self.damage.is_some() && self.turns == 0 {
                true => "–".to_owned(),
                false => self.turns.to_string(),
            },
            human(self.response_p50_ns),
            human(self.response_p95_ns),
            self.errors
                .map_or("–".to_owned(), |share| share_percent(share, 1)),
            verdict,
            labels.collect::<Vec<_>>().join(" "),
        ]
    }
}

fn labels(labels: &BTreeMap<String, String>) -> String {
    serde_json::to_string(labels).unwrap_or_default()
}

/// The runs as a table for people, in the order given.
#[must_use]
pub fn table(rows: &[RunRow]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| row.cells().to_vec()));
    columns(&lines, &NUMBERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::manifest::{ClosedLoop, ExitReason};
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};

    fn run(change: impl FnOnce(&mut RunManifest), failed: u32) -> RunRow {
        let mut manifest = manifest();
        change(&mut manifest);
        let rows = (0..100).map(|turn| match turn < failed {
            true => unanswered(turn, Status::Error),
            false => row(turn),
        });
        let rows: Vec<_> = rows.collect();
        RunRow::from_summary(&manifest, &Summary::of(&manifest, &rows, &[], None))
    }

    #[test]
    fn a_line_has_what_tells_runs_apart() {
        let users = ClosedLoop {
            scenario: Some("light".to_owned()),
            users: 5,
            pace: "realtime".to_owned(),
            think_ns: [0; 2],
            requests_per_user: None,
            turns_per_session: 1,
            stages: Vec::new(),
        };
        let rows = [
            run(|_| {}, 0),
            run(|manifest| manifest.closed_loop = Some(users), 3),
            run(
                |manifest| {
                    manifest.exit_reason = ExitReason::Running;
                    manifest.name = "killed\x1b[2J".to_owned();
                    manifest.verdict = None;
                },
                0,
            ),
        ];
        let text = table(&rows);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].starts_with("2026-09-21 14:13  calls-20260921-141320  calls "),
            "{text}"
        );
        assert!(lines[1].ends_with("valid    build=abc"), "{text}");
        assert!(
            lines[2].contains("light, 5 users") && lines[2].contains(" 3"),
            "{text}"
        );
        assert!(
            lines[3].contains("killed [2J") && lines[3].contains("running"),
            "{text}"
        );
    }
}
