//! The turns of a run that is under way, or was killed: those that ended, and those that had begun.
//!
//! There is no finished table yet, only numbered parts. A turn that has a start row and no request
//! row was under way, and becomes a request of status `interrupted`, so that every turn that
//! started is counted. Rows are handed on one by one; what is held of each is a hash.

use std::collections::HashSet;
use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};

use super::ResultsError;
use super::manifest::RunManifest;
use super::row::{Phase, RequestRow, StartedRow, Status};
use crate::table::{Reader, Row, TableError, UtcInstant};

/// Rows held at a time where they are not all held.
const STREAM_ROWS: usize = 1024;

/// The parts of a run's turns, as they were listed at one time.
#[derive(Debug)]
pub(super) struct Unfinished {
    started: Vec<PathBuf>,
    requests: Vec<PathBuf>,
    /// The finished table, which takes the parts' place when the run ends.
    finished: PathBuf,
}

impl Unfinished {
    /// The parts in `dir`; `None` where the run has its finished table.
    pub(super) fn list(dir: &Path) -> Result<Option<Unfinished>, ResultsError> {
        // Starts first: a turn that ends in between is then known to have ended.
        let started = parts(dir, StartedRow::TABLE)?;
        let requests = parts(dir, RequestRow::TABLE)?;
        let finished = finished(dir, RequestRow::TABLE);
        // Last: parts are removed only after the table is there, so that none was missed.
        Ok((!finished.exists()).then_some(Unfinished {
            started,
            requests,
            finished,
        }))
    }

    /// Hands each turn to `each`, once; returns one message for each part that could not be read.
    ///
    /// # Errors
    /// A finished table that appeared meanwhile and cannot be read.
    pub(super) fn visit(
        &self,
        run: &RunManifest,
        each: &mut dyn FnMut(RequestRow),
    ) -> Result<Vec<String>, ResultsError> {
        // Of a million turns two have the same hash once in forty million runs.
        let mut seen: HashSet<u64> = HashSet::new();
        let mut unreadable = Vec::new();
        for part in &self.requests {
            let read = stream(part, |row: RequestRow| {
                if seen.insert(key(&row.session_id, row.copy, row.turn)) {
                    each(row);
                }
            });
            unreadable.extend(read.err().map(|damage| damage.to_string()));
        }
        for part in &self.started {
            // What is known of the ends must be whole before anything counts as under way.
            if self.has_ended(&unreadable) {
                break;
            }
            let read = stream(part, |start: StartedRow| {
                if seen.insert(key(&start.session_id, start.copy, start.turn)) {
                    each(interrupted(run, start));
                }
            });
            unreadable.extend(read.err().map(|damage| damage.to_string()));
        }
        if self.has_ended(&unreadable) {
            unreadable.clear();
            stream(&self.finished, |row: RequestRow| {
                if seen.insert(key(&row.session_id, row.copy, row.turn)) {
                    each(row);
                }
            })?;
        }
        Ok(unreadable)
    }

    /// Whether parts are unreadable because the run has ended and taken them away.
    fn has_ended(&self, unreadable: &[String]) -> bool {
        !unreadable.is_empty() && self.finished.exists()
    }
}

/// The finished file of `table` in `dir`.
pub(super) fn finished(dir: &Path, table: &str) -> PathBuf {
    dir.join(format!("{table}.parquet"))
}

/// The numbered parts of `table` in `dir`, in order; files under other names (a part or a merge
/// that is being written) are none of them.
pub(super) fn parts(dir: &Path, table: &str) -> Result<Vec<PathBuf>, ResultsError> {
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

/// Hands each row of the file `path` to `each`, without holding them all.
///
/// # Errors
/// A file that cannot be read; rows before the damage have been handed on.
pub(super) fn stream<R: Row>(path: &Path, mut each: impl FnMut(R)) -> Result<(), TableError> {
    let mut reader = Reader::<R>::open_with(path, STREAM_ROWS)?;
    while let Some(rows) = reader.next_rows()? {
        rows.into_iter().for_each(&mut each);
    }
    Ok(())
}

fn key(session_id: &str, copy: u32, turn: u32) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((session_id, copy, turn))
}

/// The request row of a turn of which nothing but its start is known.
fn interrupted(run: &RunManifest, start: StartedRow) -> RequestRow {
    let wire_session_id = run.wire_session_id(&start.session_id, start.copy);
    RequestRow {
        run_id: run.run_id.clone(),
        session_id: start.session_id,
        copy: start.copy,
        turn: start.turn,
        wire_session_id,
        user: start.user,
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
