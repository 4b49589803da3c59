//! Reads a run directory: finished, killed, or still being written.
//!
//! A finished run has one file a table; before that there are numbered parts. A turn that has a
//! start row and no request row was under way when the run was killed, and becomes a request of
//! status `interrupted`, so that every turn that started is counted.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::ResultsError;
use super::manifest::{RUN_FORMAT, RunManifest};
use super::row::{MessageRow, Phase, RequestRow, StartedRow, Status, TimelineRow};
use crate::table::{Reader, Row, UtcInstant, read_all};

/// The word that stands for the newest finished run.
pub const LATEST: &str = "latest";

const MANIFEST: &str = "run.json";
/// Rows held at a time where they are not all held.
const STREAM_ROWS: usize = 1024;

/// A run directory whose `run.json` has been read.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: RunManifest,
}

/// The rows of a table, and the parts of it that could not be read.
#[derive(Debug)]
pub struct Loaded<R> {
    /// The rows, in order of their time.
    pub rows: Vec<R>,
    /// One message for each part that could not be read.
    pub unreadable: Vec<String>,
}

/// The directory that `run` means: `latest` is the link of that name in `runs_dir`, anything else
/// is a path.
#[must_use]
pub fn resolve(run: &Path, runs_dir: &Path) -> PathBuf {
    match run.to_str() {
        Some(LATEST) => runs_dir.join(LATEST),
        _ => run.to_owned(),
    }
}

impl RunDir {
    /// Opens the run at `path`, which is its directory or its `run.json`.
    ///
    /// # Errors
    /// No run there, a `run.json` that cannot be understood, or one of a newer major version.
    pub fn open(path: &Path) -> Result<RunDir, ResultsError> {
        let path = match path.file_name() {
            Some(name) if name == MANIFEST => path.parent().unwrap_or(Path::new("")),
            _ => path,
        };
        let manifest = read_manifest(&path.join(MANIFEST))?;
        Ok(RunDir {
            path: path.to_owned(),
            manifest,
        })
    }

    /// What `run.json` says.
    #[must_use]
    pub fn manifest(&self) -> &RunManifest {
        &self.manifest
    }

    /// The files of `messages`, whole or in parts.
    ///
    /// # Errors
    /// A run that was made without them.
    pub fn message_files(&self) -> Result<Vec<PathBuf>, ResultsError> {
        let finished = self.finished(MessageRow::TABLE);
        let files = match finished.exists() {
            true => vec![finished],
            false => parts(&self.path, MessageRow::TABLE)?,
        };
        match files.is_empty() {
            true => Err(ResultsError::NoMessages {
                path: self.path.display().to_string(),
            }),
            false => Ok(files),
        }
    }

    /// One row for every turn that started, in order of intended start.
    ///
    /// A turn whose row is missing (the run was killed, or is under way, or a part is damaged) has
    /// status `interrupted`, with its identity and the instants of its start only.
    ///
    /// # Errors
    /// A directory or a finished table that cannot be read; damaged parts are listed instead.
    pub fn requests(&self) -> Result<Loaded<RequestRow>, ResultsError> {
        // Starts first: a turn that ends in between is then known to have ended.
        let started = self.load::<StartedRow>()?;
        let mut requests = self.load::<RequestRow>()?;
        requests.unreadable.extend(started.unreadable);
        let under_way = without_row(started.rows, &requests.rows);
        let under_way = under_way.map(|start| interrupted(&self.manifest, start));
        requests.rows.extend(under_way.collect::<Vec<_>>());
        requests.rows.sort_by(|a, b| {
            let key = |row: &RequestRow| (row.intended_start_ns, row.copy, row.turn);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.session_id.cmp(&b.session_id))
        });
        Ok(requests)
    }

    /// Hands each row of [`RunDir::requests`] to `each`, of a finished run without holding them
    /// all; returns one message for each part that could not be read.
    ///
    /// # Errors
    /// As for [`RunDir::requests`].
    pub fn for_each_request(
        &self,
        mut each: impl FnMut(&RequestRow),
    ) -> Result<Vec<String>, ResultsError> {
        let finished = self.finished(RequestRow::TABLE);
        if !finished.exists() {
            let requests = self.requests()?;
            requests.rows.iter().for_each(each);
            return Ok(requests.unreadable);
        }
        let mut reader = Reader::<RequestRow>::open_with(&finished, STREAM_ROWS)?;
        while let Some(rows) = reader.next_rows()? {
            rows.iter().for_each(&mut each);
        }
        Ok(Vec::new())
    }

    fn finished(&self, table: &str) -> PathBuf {
        self.path.join(format!("{table}.parquet"))
    }

    /// One row for every second, in order.
    ///
    /// # Errors
    /// As for [`RunDir::requests`].
    pub fn timeline(&self) -> Result<Loaded<TimelineRow>, ResultsError> {
        let mut timeline = self.load::<TimelineRow>()?;
        timeline.rows.sort_by_key(|row| row.second_ns);
        Ok(timeline)
    }

    /// The rows of the finished table, or of its parts where there is none yet.
    fn load<R: Row>(&self) -> Result<Loaded<R>, ResultsError> {
        let finished = self.finished(R::TABLE);
        let whole = |path: &Path| -> Result<Loaded<R>, ResultsError> {
            Ok(Loaded {
                rows: read_all(path)?,
                unreadable: Vec::new(),
            })
        };
        // Parts beside the finished table are what an interrupted merge left behind.
        if finished.exists() {
            return whole(&finished);
        }
        let mut loaded = Loaded {
            rows: Vec::new(),
            unreadable: Vec::new(),
        };
        for part in parts(&self.path, R::TABLE)? {
            match read_all(&part) {
                Ok(rows) => loaded.rows.extend(rows),
                Err(damage) => loaded.unreadable.push(damage.to_string()),
            }
        }
        // A run that ends while it is read takes its parts away.
        match !loaded.unreadable.is_empty() && finished.exists() {
            true => whole(&finished),
            false => Ok(loaded),
        }
    }
}

fn read_manifest(path: &Path) -> Result<RunManifest, ResultsError> {
    let shown = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ResultsError::NoRun {
            path: path.parent().unwrap_or(path).display().to_string(),
        },
        _ => ResultsError::Io {
            path: shown(),
            source,
        },
    })?;
    let damaged = |reason: String| ResultsError::Damaged {
        path: shown(),
        reason,
    };
    // The version comes first: a newer file need not have the fields of today.
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    let format = value.get("format").and_then(serde_json::Value::as_str);
    let format = format.ok_or_else(|| damaged("it has no `format`".to_owned()))?;
    let found = major(format).ok_or_else(|| damaged(format!("its format is `{format}`")))?;
    if Some(found) > major(RUN_FORMAT) {
        return Err(ResultsError::Newer {
            path: shown(),
            found: format.to_owned(),
            known: RUN_FORMAT,
        });
    }
    serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
}

/// The part of `version` before the first dot.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// The numbered parts of `table` in `dir`, in order; files under other names (a part or a merge
/// that is being written) are none of them.
fn parts(dir: &Path, table: &str) -> Result<Vec<PathBuf>, ResultsError> {
    let io = |source| ResultsError::Io {
        path: dir.display().to_string(),
        source,
    };
    let mut numbered = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| {
            let number = name.strip_prefix(table)?.strip_prefix('-')?;
            number.strip_suffix(".parquet")?.parse::<u64>().ok()
        });
        if let Some(number) = number {
            numbered.push((number, entry.path()));
        }
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// The starts of turns that have no request row.
fn without_row(
    started: Vec<StartedRow>,
    rows: &[RequestRow],
) -> impl Iterator<Item = StartedRow> + use<'_> {
    let ended: HashSet<(&str, u32, u32)> = rows
        .iter()
        .map(|row| (row.session_id.as_str(), row.copy, row.turn))
        .collect();
    started.into_iter().filter(move |start| {
        let key = (start.session_id.as_str(), start.copy, start.turn);
        !ended.contains(&key)
    })
}

/// The request row of a turn of which nothing but its start is known.
fn interrupted(run: &RunManifest, start: StartedRow) -> RequestRow {
    RequestRow {
        run_id: run.run_id.clone(),
        session_id: start.session_id,
        copy: start.copy,
        turn: start.turn,
        wire_session_id: String::new(),
        user: None,
        clip_id: None,
        language_code: String::new(),
        trace_id: String::new(),
        connection: None,
        peer: None,
        replica: None,
        intended_start_at: UtcInstant(
            run.epoch
                .realtime_ns
                .saturating_add(start.intended_start_ns),
        ),
        intended_start_ns: start.intended_start_ns,
        // Unknown, and so the row takes no part in latencies; its phase has no effect then.
        intended_end_of_speech_ns: None,
        phase: Phase::Steady,
        speech_samples: 0,
        clip_samples: 0,
        chunks_planned: 0,
        concurrent_sessions: None,
        awaiting_answer: None,
        opened_ns: None,
        headers_ns: None,
        started_ns: Some(start.started_ns),
        end_of_speech_sent_ns: None,
        last_chunk_sent_ns: None,
        first_transcript_ns: None,
        final_transcript_ns: None,
        processing_ns: None,
        first_llm_ns: None,
        last_llm_ns: None,
        speaking_ns: None,
        first_audio_ns: None,
        first_audible_ns: None,
        last_audio_ns: None,
        end_of_turn_ns: None,
        closed_ns: None,
        playout_start_ns: None,
        playout_end_ns: None,
        barge_in_ns: None,
        barge_in_stop_ns: None,
        chunks_sent: 0,
        bytes_sent: 0,
        messages_received: 0,
        audio_received_samples: 0,
        llm_chars: 0,
        answers: 0,
        underruns: 0,
        underrun_ns: 0,
        sentence_gaps: 0,
        sentence_gap_ns: 0,
        audio_after_barge_in_samples: 0,
        early_endpoint: false,
        overlapped: false,
        lag_p50_ns: None,
        lag_p99_ns: None,
        lag_max_ns: None,
        blocked_ns: 0,
        status: Status::Interrupted,
        grpc_code: None,
        error: None,
        transcript: None,
        response_text: None,
        response_ns: None,
        audible_ns: None,
        asr_ns: None,
        endpoint_ns: None,
        llm_ttft_ns: None,
        llm_total_ns: None,
        tts_ns: None,
        e2e_ns: None,
        barge_in_latency_ns: None,
        total_ns: None,
        recorded_response_ns: None,
        recorded_asr_ns: None,
        recorded_e2e_ns: None,
        recorded_total_ns: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;
    use crate::table::write_all;

    fn run_dir(manifest: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MANIFEST), manifest).unwrap();
        dir
    }

    fn sample_dir() -> tempfile::TempDir {
        run_dir(&serde_json::to_string(&sample::manifest()).unwrap())
    }

    fn put<R: Row>(dir: &Path, name: &str, rows: &[R]) {
        write_all(&dir.join(name), 1024, &[], rows).unwrap();
    }

    fn started(turn: u32) -> StartedRow {
        let row = sample::row(turn);
        StartedRow {
            session_id: row.session_id,
            copy: row.copy,
            turn,
            intended_start_ns: row.intended_start_ns,
            started_ns: row.intended_start_ns + 1,
        }
    }

    fn turns(rows: &[RequestRow]) -> Vec<(u32, Status)> {
        rows.iter().map(|row| (row.turn, row.status)).collect()
    }

    #[test]
    fn a_killed_run_counts_every_turn_that_started() {
        let dir = sample_dir();
        put(dir.path(), "requests-00002.parquet", &[sample::row(2)]);
        put(
            dir.path(),
            "requests-00001.parquet",
            &[sample::row(0), sample::row(1)],
        );
        let starts: Vec<_> = (0..4).map(started).collect();
        put(dir.path(), "started-00001.parquet", &starts);
        fs::write(dir.path().join("requests-00003.parquet.tmp"), "half").unwrap();
        fs::write(dir.path().join("requests-00003.parquet"), "PAR1 cut off").unwrap();

        let run = RunDir::open(dir.path()).unwrap();
        let loaded = run.requests().unwrap();
        let ok = Status::Ok;
        assert_eq!(
            turns(&loaded.rows),
            [(0, ok), (1, ok), (2, ok), (3, Status::Interrupted)]
        );
        let cut = &loaded.rows[3];
        assert_eq!(
            (cut.started_ns, cut.intended_start_at.0),
            (
                Some(cut.intended_start_ns + 1),
                run.manifest().epoch.realtime_ns + cut.intended_start_ns
            )
        );
        assert_eq!(loaded.unreadable.len(), 1);
        assert!(loaded.unreadable[0].contains("requests-00003.parquet"));
    }

    #[test]
    fn parts_beside_the_finished_table_are_leftovers() {
        let dir = sample_dir();
        put(dir.path(), "requests.parquet", &[sample::row(0)]);
        put(dir.path(), "requests-00001.parquet", &[sample::row(0)]);
        let run = RunDir::open(&dir.path().join(MANIFEST)).unwrap();
        assert_eq!(
            turns(&run.requests().unwrap().rows),
            [(0, Status::Ok)],
            "opened by its run.json"
        );
        assert!(run.timeline().unwrap().rows.is_empty());
    }

    #[test]
    fn a_damaged_finished_table_is_an_error() {
        let dir = sample_dir();
        fs::write(dir.path().join("timeline.parquet"), "not Parquet").unwrap();
        let run = RunDir::open(dir.path()).unwrap();
        let said = run.timeline().unwrap_err().to_string();
        assert!(said.contains("not a readable Parquet file"), "{said}");
    }

    #[test]
    fn what_is_no_run_says_what_to_do() {
        let empty = tempfile::tempdir().unwrap();
        let said = |dir: &Path| RunDir::open(dir).unwrap_err().to_string();
        assert!(said(empty.path()).contains("give a run directory, or `latest`"));
        for damaged in ["{", "{}", r#"{"format":"x"}"#, r#"{"format":"1.0"}"#] {
            let dir = run_dir(damaged);
            assert!(said(dir.path()).contains("is damaged"), "{damaged}");
        }
        let newer = run_dir(r#"{"format":"2.0"}"#);
        assert!(said(newer.path()).ends_with(
            "has format 2.0, and this version reads up to 1.0; update voicelt to read it"
        ));
    }

    #[test]
    fn latest_is_a_link_among_the_runs() {
        let runs = Path::new("runs");
        assert_eq!(resolve(Path::new("latest"), runs), Path::new("runs/latest"));
        assert_eq!(resolve(Path::new("a/latest"), runs), Path::new("a/latest"));
    }
}
