//! A run for tests and benchmarks: one answered turn, and the `run.json` around it.

use super::manifest::{ExitReason, Host, Planned, RUN_FORMAT, RunManifest, TraceRef};
use super::manifest::{Verdict, VerdictLevel};
use super::row::{Phase, RequestRow, SessionEnd, SessionRow, Status, TimelineRow};
use super::settings::Settings;
use crate::table::UtcInstant;
use crate::units::{Epoch, NS_PER_MS, NS_PER_S};

const EPOCH_NS: i64 = 1_790_000_000 * NS_PER_S;

/// A finished, valid run of 100 sessions with 10 turns each.
#[must_use]
pub fn manifest() -> RunManifest {
    RunManifest {
        format: RUN_FORMAT.to_owned(),
        run_id: "0123456789abcdef0123456789abcdef".to_owned(),
        name: "calls-20260921-141320".to_owned(),
        tool: "voicelt 0.1.0".to_owned(),
        exit_reason: ExitReason::Finished,
        process: None,
        started_at: "2026-09-21T14:13:20Z".to_owned(),
        finished_at: Some("2026-09-21T14:15:02Z".to_owned()),
        ended_ns: None,
        spec: Settings {
            target: "http://gateway:50051".into(),
            ..Settings::default()
        },
        host: Host::default(),
        labels: [("build".to_owned(), "abc".to_owned())].into(),
        trace: TraceRef {
            name: "calls".to_owned(),
            content_blake3: "5eed".to_owned(),
        },
        closed_loop: None,
        campaign: None,
        epoch: Epoch {
            realtime_ns: EPOCH_NS,
            monotonic_ns: 0,
            boot_id: String::new(),
        },
        calibration: None,
        planned: Planned {
            sessions: 100,
            turns: 1_000,
            chunks: 50_000,
            peak_sessions: 12,
            peak_chunks_per_s: 100,
            peak_bytes_per_s: 64_000,
            duration_ns: 102 * NS_PER_S,
        },
        tables: std::collections::BTreeMap::new(),
        address_changes: Vec::new(),
        connections: Vec::new(),
        verdict: Some(Verdict {
            level: VerdictLevel::Valid,
            reasons: Vec::new(),
        }),
        summary: None,
    }
}

/// Turn number `turn`: 1.2 s of speech, answered 200 ms and `turn % 100` more after its end.
///
/// A thousand turns are those of 100 sessions, and those of one session are not alike.
#[must_use]
pub fn row(turn: u32) -> RequestRow {
    let start = i64::from(turn) * 100 * NS_PER_MS;
    let after = |ms: i64| Some(start + ms * NS_PER_MS);
    let answer = 1_400 + i64::from(turn % 100);
    let mut row = RequestRow {
        run_id: manifest().run_id,
        session_id: format!("call-{}", session_of(turn)),
        turn,
        wire_session_id: format!("01234567-call-{}-0", session_of(turn)),
        clip_id: Some("c11b".to_owned()),
        language_code: "en-US".to_owned(),
        trace_id: format!("{turn:032x}"),
        connection: Some(0),
        peer: Some("10.0.0.1:50051".to_owned()),
        intended_start_at: UtcInstant(EPOCH_NS + start),
        intended_start_ns: start,
        intended_end_of_speech_ns: after(1_200),
        speech_samples: 19_200,
        clip_samples: 19_200,
        chunks_planned: 60,
        phase: Phase::Steady,
        concurrent_sessions: Some(10),
        awaiting_answer: Some(2),
        opened_ns: after(0),
        headers_ns: after(1),
        started_ns: after(0),
        end_of_speech_sent_ns: after(1_200),
        last_chunk_sent_ns: after(1_200),
        first_transcript_ns: after(400),
        final_transcript_ns: after(1_250),
        processing_ns: after(1_250),
        first_llm_ns: after(1_300),
        last_llm_ns: after(1_350),
        speaking_ns: after(answer),
        first_audio_ns: after(answer),
        first_audible_ns: after(answer + 10),
        last_audio_ns: after(1_600),
        end_of_turn_ns: after(1_610),
        closed_ns: after(1_620),
        playout_start_ns: after(1_460),
        playout_end_ns: after(3_000),
        chunks_sent: 60,
        bytes_sent: 38_400,
        messages_received: 20,
        audio_received_samples: 24_000,
        llm_chars: 80,
        answers: 1,
        owner_uncertain: Some(false),
        lag_p50_ns: Some(12_000),
        lag_p99_ns: Some(90_000),
        lag_max_ns: Some(210_000),
        status: Status::Ok,
        grpc_code: Some(0),
        ..RequestRow::default()
    };
    row.derive_latencies(false);
    row
}

fn session_of(turn: u32) -> u32 {
    (turn + turn / 100 * 10) % 100
}

/// Turn number `turn`, which ended as `status` before any part of its answer came.
#[must_use]
pub fn unanswered(turn: u32, status: Status) -> RequestRow {
    let mut row = RequestRow {
        first_transcript_ns: None,
        final_transcript_ns: None,
        processing_ns: None,
        first_llm_ns: None,
        last_llm_ns: None,
        speaking_ns: None,
        first_audio_ns: None,
        first_audible_ns: None,
        last_audio_ns: None,
        playout_start_ns: None,
        playout_end_ns: None,
        answers: 0,
        status,
        ..row(turn)
    };
    row.derive_latencies(false);
    row
}

/// Session number `number`, planned for `planned_start_ns`, which finished after 3 s.
#[must_use]
pub fn session(number: u32, planned_start_ns: i64) -> SessionRow {
    SessionRow {
        run_id: manifest().run_id,
        session_id: format!("call-{number}"),
        wire_session_id: format!("01234567-call-{number}-0"),
        trace_id: format!("{number:032x}"),
        connection: Some(0),
        peer: Some("10.0.0.1:50051".to_owned()),
        planned_start_at: UtcInstant(EPOCH_NS + planned_start_ns),
        planned_start_ns,
        opened_ns: Some(planned_start_ns),
        started_ns: Some(planned_start_ns),
        ended_ns: Some(planned_start_ns + 3 * NS_PER_S),
        end: SessionEnd::Finished,
        grpc_code: Some(0),
        http_status: Some(200),
        blocked_ns: Some(0),
        turns_planned: Some(10),
        turns_answered: Some(10),
        ..SessionRow::default()
    }
}

/// Second number `second` of the run, with 500 chunks on time.
#[must_use]
pub fn second(second: i64) -> TimelineRow {
    TimelineRow {
        second_ns: second * NS_PER_S,
        active_sessions: 12,
        offered_starts: 1,
        achieved_starts: 1,
        offered_chunks: 500,
        achieved_chunks: 500,
        lag_p50_ns: Some(12_000),
        lag_p99_ns: Some(90_000),
        lag_max_ns: Some(210_000),
        cpu_percent: 20.0,
        ..TimelineRow::default()
    }
}
