//! A folder of runs, a row each: what `voicelt runs` lists.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout::grouped;
use super::summary::Summary;
use crate::results::ResultsError;
use crate::results::manifest::{ExitReason, RunManifest, VerdictLevel};
use crate::results::reader::RunDir;
use crate::table::UtcInstant;
use crate::units::Human;

crate::table! {
    /// One row per run of a folder, newest first.
    #[derive(serde::Serialize)]
    pub struct RunRow in "runs" {
        /// Name of its directory.
        pub name: String [""],
        /// The directory.
        pub path: String [""],
        /// The run.
        pub run_id: String [""],
        /// When it began.
        pub started_at: UtcInstant [""],
        /// From its epoch to the last instant known.
        pub elapsed_ns: i64 ["ns"],
        /// `--label`, as `key=value` joined by commas; empty without labels.
        pub labels: String [""],
        /// Name of the scenario; null in a replay and without one.
        pub scenario: Option<String> [""],
        /// Most users at once; null in a replay.
        pub users: Option<u32> [""],
        /// Name of the trace.
        pub trace: String [""],
        /// What was called; null where the settings do not say.
        pub target: Option<String> [""],
        /// Requests that the quantiles are over.
        pub requests: u64 [""],
        /// Median response time; null without data, and where it falls among the requests without an answer.
        pub response_p50_ns: Option<i64> ["ns"],
        /// 95th percentile of the response time; null as the median.
        pub response_p95_ns: Option<i64> ["ns"],
        /// Requests of the steady phase that failed, as a share of all; null without any.
        pub errors: Option<f64> [""],
        /// `valid`, `degraded` or `invalid`; null when the run did not end.
        pub verdict: Option<String> [""],
        /// `finished`, `running` (or killed), `interrupted` or `failed`.
        pub exit_reason: String [""],
    }
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Listing {
    /// Its runs, newest first.
    pub runs: Vec<RunRow>,
    /// A sentence for each folder in it that is no run, or cannot be read.
    pub problems: Vec<String>,
}

impl Listing {
    /// The runs of the folder `dir`. What `run.json` says of a run is enough; only of a run that did
    /// not end are the rows read.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn of(dir: &Path) -> Result<Listing, ResultsError> {
        let io = |source| ResultsError::Io {
            path: dir.display().to_string(),
            source,
        };
        let mut folders: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir).map_err(io)? {
            let entry = entry.map_err(io)?;
            // `latest` is a link to one of the others; what begins with a dot is being made.
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if entry.file_type().map_err(io)?.is_dir() && !hidden {
                folders.push(entry.path());
            }
        }
        folders.sort_unstable();
        let mut listing = Listing::default();
        for folder in folders {
            match row(&folder) {
                Ok((row, unreadable)) => {
                    listing.runs.push(row);
                    listing.problems.extend(unreadable);
                }
                Err(problem) => listing.problems.push(problem.to_string()),
            }
        }
        // Stable, so that runs of one instant stay in the order of their names.
        listing
            .runs
            .sort_by_key(|run| std::cmp::Reverse(run.started_at));
        Ok(listing)
    }
}

fn row(folder: &Path) -> Result<(RunRow, Vec<String>), ResultsError> {
    let run = RunDir::open(folder)?;
    let summary = match kept(run.manifest()) {
        Some(summary) => summary,
        None => Summary::of_run(&run, None)?,
    };
    Ok((
        RunRow::of(folder, run.manifest(), &summary),
        summary.unreadable,
    ))
}

/// The summary that was kept when the run ended.
fn kept(run: &RunManifest) -> Option<Summary> {
    let summary = run.summary.clone()?;
    serde_json::from_value(summary).ok()
}

impl RunRow {
    fn of(folder: &Path, run: &RunManifest, summary: &Summary) -> RunRow {
        let labels = run
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let users = run.closed_loop.as_ref();
        let response = summary.latencies.get("response");
        let steady = &summary.steady;
        let failed = steady.requests.saturating_sub(steady.successes);
        RunRow {
            name: match folder.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => run.name.clone(),
            },
            path: folder.display().to_string(),
            run_id: run.run_id.clone(),
            started_at: UtcInstant(run.epoch.realtime_ns),
            elapsed_ns: summary.run.elapsed_ns,
            labels: labels.collect::<Vec<_>>().join(","),
            scenario: users.and_then(|users| users.scenario.clone()),
            users: users.map(|users| users.users),
            trace: run.trace.name.clone(),
            target: summary.run.target.clone(),
            requests: summary.measured.rows,
            response_p50_ns: response.and_then(|figures| figures.p50_ns),
            response_p95_ns: response.and_then(|figures| figures.p95_ns),
            errors: (steady.requests > 0).then(|| failed as f64 / steady.requests as f64),
            verdict: run.verdict.as_ref().map(|verdict| {
                let name = match verdict.level {
                    VerdictLevel::Valid => "valid",
                    VerdictLevel::Degraded => "degraded",
                    VerdictLevel::Invalid => "invalid",
                };
                name.to_owned()
            }),
            exit_reason: match run.exit_reason {
                ExitReason::Running => "running",
                ExitReason::Finished => "finished",
                ExitReason::Interrupted => "interrupted",
                ExitReason::Failed => "failed",
            }
            .to_owned(),
        }
    }

    fn cells(&self) -> [String; 9] {
        let time = |ns: Option<i64>| ns.map_or("–".to_owned(), |ns| Human(ns).to_string());
        let started = jiff::Timestamp::from_nanosecond(self.started_at.0.into());
        let started = started.map(|at| at.strftime("%F %T").to_string());
        let what = self.scenario.as_ref().unwrap_or(&self.trace);
        [
            started.unwrap_or_default(),
            self.name.clone(),
            what.clone(),
            grouped(self.requests),
            time(self.response_p50_ns),
            time(self.response_p95_ns),
            self.errors
                .map_or("–".to_owned(), |share| format!("{:.2} %", share * 100.0)),
            match &self.verdict {
                Some(verdict) if self.exit_reason == "finished" => verdict.clone(),
                Some(verdict) => format!("{verdict}, {}", self.exit_reason),
                None => self.exit_reason.clone(),
            },
            self.labels.clone(),
        ]
    }
}

const HEADER: [&str; 9] = [
    "STARTED (UTC)",
    "RUN",
    "SCENARIO/TRACE",
    "REQUESTS",
    "P50",
    "P95",
    "ERRORS",
    "VERDICT",
    "LABELS",
];
/// Columns of figures, which are aligned at their right.
const FIGURES: std::ops::Range<usize> = 3..7;

/// An aligned table with a line a run.
#[must_use]
pub fn table(runs: &[RunRow]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(runs.iter().map(RunRow::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADER.len()).filter_map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| {
            // What a run was named may not steer the terminal.
            let cell = cell.replace(char::is_control, " ");
            match FIGURES.contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:width$}"),
            }
        });
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::manifest::ClosedLoop;
    use crate::results::row::{RequestRow, Status};
    use crate::results::sample::{manifest, row, unanswered};
    use crate::table::{read_all, write_all};

    fn put(runs: &Path, name: &str, run: &RunManifest) -> PathBuf {
        let folder = runs.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("run.json"), serde_json::to_string(run).unwrap()).unwrap();
        folder
    }

    fn ended(rows: &[RequestRow], later_s: i64) -> RunManifest {
        let mut run = manifest();
        run.epoch.realtime_ns += later_s * 1_000_000_000;
        let summary = Summary::of(&run, rows, &[], None);
        run.summary = Some(serde_json::to_value(summary).unwrap());
        run
    }

    /// A replay, a run of users after it, one that was killed, and three things that are no runs.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut rows: Vec<_> = (0..100).map(row).collect();
        rows[7] = unanswered(7, Status::Error);
        put(dir.path(), "first", &ended(&rows, 0));
        let mut of_users = ended(&rows[..20], 60);
        of_users.closed_loop = Some(ClosedLoop {
            scenario: Some("spike".to_owned()),
            users: 100,
            pace: "realtime".to_owned(),
            think_ns: [0, 0],
            requests_per_user: None,
            turns_per_session: 1,
            stages: Vec::new(),
        });
        of_users.labels.clear();
        put(dir.path(), "second", &of_users);
        let mut killed = manifest();
        killed.exit_reason = ExitReason::Running;
        killed.verdict = None;
        killed.epoch.realtime_ns += 30_000_000_000;
        let killed = put(dir.path(), "killed", &killed);
        write_all(&killed.join("requests-00001.parquet"), 64, &[], &rows[..5]).unwrap();
        fs::write(killed.join("requests-00002.parquet"), "PAR1 cut off").unwrap();

        fs::create_dir(dir.path().join("notes")).unwrap();
        fs::create_dir(dir.path().join(".hidden")).unwrap();
        let damaged = put(dir.path(), "damaged", &manifest());
        fs::write(damaged.join("run.json"), "{").unwrap();
        std::os::unix::fs::symlink("second", dir.path().join("latest")).unwrap();
        fs::write(dir.path().join("a file"), "").unwrap();
        dir
    }

    #[test]
    fn runs_are_listed_newest_first_and_the_rest_is_named() {
        let dir = folder();
        let listing = Listing::of(dir.path()).unwrap();
        insta::assert_snapshot!(table(&listing.runs), @r"
        STARTED (UTC)        RUN     SCENARIO/TRACE  REQUESTS     P50     P95  ERRORS  VERDICT  LABELS
        2026-09-21 14:14:20  second  spike                 20  210 ms       –  5.00 %  valid
        2026-09-21 14:13:50  killed  calls                  5  202 ms       –  0.00 %  running  build=abc
        2026-09-21 14:13:20  first   calls                100  250 ms  295 ms  1.00 %  valid    build=abc
        ");
        let problems: Vec<_> = listing
            .problems
            .iter()
            .map(|said| {
                let at = said.find(dir.path().to_str().unwrap()).unwrap();
                said[at + dir.path().as_os_str().len() + 1..]
                    .split(&[' ', ':'][..])
                    .next()
                    .unwrap()
            })
            .collect();
        assert_eq!(
            problems,
            ["damaged/run.json", "killed/requests-00002.parquet", "notes"]
        );
    }

    #[test]
    fn the_rows_survive_parquet_and_are_objects_in_json() {
        let dir = folder();
        let runs = Listing::of(dir.path()).unwrap().runs;
        let file = dir.path().join("runs.parquet");
        write_all(&file, 64, &[], &runs).unwrap();
        assert_eq!(read_all::<RunRow>(&file).unwrap(), runs);
        let json = serde_json::to_value(&runs).unwrap();
        assert_eq!(json[0]["started_at"], "2026-09-21T14:14:20Z");
        assert_eq!(
            (&json[0]["users"], &json[1]["verdict"]),
            (&100.into(), &().into())
        );
    }

    #[test]
    fn what_run_json_says_is_enough() {
        let dir = tempfile::tempdir().unwrap();
        // No table at all: it must not be needed.
        put(dir.path(), "run", &ended(&[row(0), row(1)], 0));
        let listing = Listing::of(dir.path()).unwrap();
        assert_eq!(listing.runs[0].requests, 2);
        assert_eq!(listing.problems, Vec::<String>::new());
        assert!(Listing::of(&dir.path().join("none")).is_err());
    }
}
