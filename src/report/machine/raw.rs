//! One record a request, as the Python load test wrote them: its names, seconds, its three outcomes,
//! and `in_flight` for what had not ended.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::original::{message, outcome};
use super::seconds::seconds;
use crate::results::ResultsError;
use crate::results::reader::RunDir;
use crate::results::row::RequestRow;

/// Why records could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The run cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// They cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A request as a record.
#[derive(Debug, Serialize)]
struct Record<'a> {
    /// Number of the user; null in a replay, which has none.
    worker_id: Option<u32>,
    /// Its number among the requests of its user; in a replay, among all.
    request_id: u64,
    /// Ours: session as the gateway saw it, and turn.
    request_name: String,
    /// The file that was spoken, else the id of its clip; null for text.
    audio_file: Option<&'a str>,
    /// Wall clock, seconds since 1970-01-01 UTC.
    start_time: f64,
    /// Wall clock, seconds since 1970-01-01 UTC; null when it did not end.
    end_time: Option<f64>,
    asr_latency: Option<f64>,
    llm_ttft: Option<f64>,
    llm_total: Option<f64>,
    tts_latency: Option<f64>,
    e2e_latency: Option<f64>,
    /// `success`, `timeout`, `error` or `in_flight`.
    status: &'static str,
    /// Null for a success, and in flight.
    error_message: Option<&'a str>,
    /// Null where none came or text was not kept.
    transcript: Option<&'a str>,
    /// Null where none came or text was not kept.
    response_text: Option<&'a str>,
}

/// What is the same for all requests of a run.
struct Around {
    /// Wall clock of the run's epoch.
    epoch_ns: i64,
    /// Source files by clip.
    files: HashMap<String, String>,
}

impl Around {
    fn record<'a>(&'a self, row: &'a RequestRow, request_id: u64) -> Record<'a> {
        let clip = row.clip_id.as_deref();
        let file = clip.map(|id| self.files.get(id).map_or(id, String::as_str));
        let at = |ns: i64| seconds(self.epoch_ns.saturating_add(ns));
        Record {
            worker_id: row.user,
            request_id,
            request_name: format!("{}-{}", row.wire_session_id, row.turn),
            audio_file: file,
            start_time: at(row.started_ns.unwrap_or(row.intended_start_ns)),
            end_time: row.closed_ns.map(at),
            asr_latency: row.asr_ns.map(seconds),
            llm_ttft: row.llm_ttft_ns.map(seconds),
            llm_total: row.llm_total_ns.map(seconds),
            tts_latency: row.tts_ns.map(seconds),
            e2e_latency: row.e2e_ns.map(seconds),
            status: outcome(row.status),
            error_message: message(row),
            transcript: row.transcript.as_deref(),
            response_text: row.response_text.as_deref(),
        }
    }
}

/// Writes the requests of `runs` as one JSON array to `out`, a line each, as they are read.
///
/// # Errors
/// A run that cannot be read, or a failure to write.
pub fn write<'a>(
    runs: impl IntoIterator<Item = &'a RunDir>,
    out: &mut impl Write,
) -> Result<(), WriteError> {
    let mut before = "[\n";
    for run in runs {
        let clips = run.clips().map_err(ResultsError::from)?;
        let named = clips
            .into_iter()
            .filter_map(|clip| Some((clip.clip_id, clip.source_path?)));
        let around = Around {
            epoch_ns: run.manifest().epoch.realtime_ns,
            files: named.collect(),
        };
        let mut written = Ok(());
        // Those of a user come one after the other, in files that are finished and in others.
        let mut made: HashMap<Option<u32>, u64> = HashMap::new();
        run.for_each_request(|row| {
            if written.is_ok() {
                let number = made.entry(row.user).or_default();
                let record = around.record(&row, *number);
                *number += 1;
                written = out
                    .write_all(before.as_bytes())
                    .and_then(|()| Ok(serde_json::to_writer(&mut *out, &record)?));
                before = ",\n";
            }
        })?;
        written?;
    }
    let end = if before == "[\n" { "[]\n" } else { "\n]\n" };
    out.write_all(end.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::neighbours::ClipUsed;
    use crate::results::row::Status;
    use crate::results::sample::{manifest, row, unanswered};
    use crate::table::write_all;
    use serde_json::{Value, json};

    fn run_of(rows: &[RequestRow]) -> (tempfile::TempDir, RunDir) {
        let dir = tempfile::tempdir().unwrap();
        let text = serde_json::to_string(&manifest()).unwrap();
        std::fs::write(dir.path().join("run.json"), text).unwrap();
        write_all(&dir.path().join("requests.parquet"), 1024, &[], rows).unwrap();
        let clip = ClipUsed {
            clip_id: "c11b".to_owned(),
            file: Some("clips/c1/c11b.wav".to_owned()),
            sample_rate_hz: 16_000,
            speech_method: "vad".to_owned(),
            peak_dbfs: -1.0,
            source_path: Some("greetings/hello.mp3".to_owned()),
            transcript: None,
        };
        write_all(&dir.path().join("clips.parquet"), 1024, &[], &[clip]).unwrap();
        let run = RunDir::open(dir.path()).unwrap();
        (dir, run)
    }

    fn written(runs: &[&RunDir]) -> Vec<Value> {
        let mut out = Vec::new();
        write(runs.iter().copied(), &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn each_request_is_a_record_by_the_names_of_the_python_load_test() {
        let said = RequestRow {
            transcript: Some("hello".to_owned()),
            response_text: Some("hi".to_owned()),
            user: Some(3),
            ..row(0)
        };
        let failed = RequestRow {
            clip_id: Some("elsewhere".to_owned()),
            closed_ns: None,
            ..unanswered(1, Status::NoAnswer)
        };
        let late = unanswered(2, Status::Timeout);
        let (_dir, run) = run_of(&[said, failed, late]);
        let records = written(&[&run]);
        assert_eq!(
            records[0],
            json!({
                "worker_id": 3,
                "request_id": 0,
                "request_name": "01234567-call-0-0-0",
                "audio_file": "greetings/hello.mp3",
                "start_time": 1_790_000_000.0,
                "end_time": 1_790_000_001.62,
                "asr_latency": 1.25,
                "llm_ttft": 0.05,
                "llm_total": 0.1,
                "tts_latency": 0.1,
                "e2e_latency": 0.15,
                "status": "success",
                "error_message": null,
                "transcript": "hello",
                "response_text": "hi",
            })
        );
        let failed = &records[1];
        assert_eq!(failed["status"], "error");
        assert_eq!(failed["error_message"], "no_answer");
        assert_eq!(failed["audio_file"], "elsewhere");
        assert_eq!(
            (&failed["end_time"], &failed["worker_id"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(records[2]["status"], "timeout");
    }

    #[test]
    fn requests_are_numbered_user_by_user_from_0_in_each_run() {
        let of_user = |turn, user| RequestRow { user, ..row(turn) };
        let users = [Some(1), Some(2), Some(1), Some(1), Some(2)];
        let rows: Vec<_> = (0..).zip(users).map(|(n, user)| of_user(n, user)).collect();
        let (_dir, run) = run_of(&rows);
        let (_dir, replay) = run_of(&[row(0), row(1)]);
        let records = written(&[&run, &replay, &run]);
        let numbers: Vec<_> = records
            .iter()
            .map(|r| r["request_id"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, [0, 0, 1, 2, 1, 0, 1, 0, 0, 1, 2, 1]);
    }

    #[test]
    fn runs_follow_each_other_in_one_array_and_none_is_an_empty_one() {
        let (_dir, run) = run_of(&[row(0), row(1)]);
        assert_eq!(written(&[&run, &run]).len(), 4);
        let (_dir, empty) = run_of(&[]);
        assert_eq!(written(&[&empty]), Vec::<Value>::new());
        assert_eq!(written(&[&empty, &run]).len(), 2);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (_dir, run) = run_of(&[row(0)]);
        let failed = write([&run], &mut Full).unwrap_err();
        assert!(
            matches!(failed, WriteError::Io(error) if error.kind() == io::ErrorKind::StorageFull)
        );
    }
}
