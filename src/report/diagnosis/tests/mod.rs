//! Runs with something wrong, each told by its finding alone; and healthy runs, of which nothing is
//! said.

mod failing;
mod healthy;
mod load;
mod refused;
mod streams;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Finding, Kind};
use crate::report::Summary;
use crate::results::manifest::RunManifest;
use crate::results::row::{RequestRow, Status, TimelineRow};
use crate::results::sample::{manifest, row, second, unanswered};
use crate::units::NS_PER_MS;

/// A session of one turn that starts at `start_ms` and is answered `response_ms` after its end of
/// speech, with so many sessions open.
fn turn(number: u32, start_ms: i64, response_ms: i64, load: u32) -> RequestRow {
    let mut turn = moved(row(0), number, start_ms);
    turn.concurrent_sessions = Some(load);
    let shift = response_ms * NS_PER_MS - turn.response_ns.unwrap();
    for instant in [
        &mut turn.speaking_ns,
        &mut turn.first_audio_ns,
        &mut turn.first_audible_ns,
        &mut turn.last_audio_ns,
        &mut turn.end_of_turn_ns,
        &mut turn.closed_ns,
    ] {
        *instant = instant.map(|ns| ns + shift);
    }
    turn.derive_latencies(false);
    turn
}

/// `turn` as the first turn of session `number`, from `start_ms` on.
fn moved(turn: RequestRow, number: u32, start_ms: i64) -> RequestRow {
    let shift = start_ms * NS_PER_MS - turn.intended_start_ns;
    let at = |ns: Option<i64>| ns.map(|ns| ns + shift);
    RequestRow {
        session_id: format!("call-{number}"),
        turn: 0,
        trace_id: format!("{number:032x}"),
        intended_start_ns: turn.intended_start_ns + shift,
        intended_end_of_speech_ns: at(turn.intended_end_of_speech_ns),
        opened_ns: at(turn.opened_ns),
        headers_ns: at(turn.headers_ns),
        started_ns: at(turn.started_ns),
        end_of_speech_sent_ns: at(turn.end_of_speech_sent_ns),
        last_chunk_sent_ns: at(turn.last_chunk_sent_ns),
        first_transcript_ns: at(turn.first_transcript_ns),
        final_transcript_ns: at(turn.final_transcript_ns),
        processing_ns: at(turn.processing_ns),
        first_llm_ns: at(turn.first_llm_ns),
        last_llm_ns: at(turn.last_llm_ns),
        speaking_ns: at(turn.speaking_ns),
        first_audio_ns: at(turn.first_audio_ns),
        first_audible_ns: at(turn.first_audible_ns),
        last_audio_ns: at(turn.last_audio_ns),
        end_of_turn_ns: at(turn.end_of_turn_ns),
        closed_ns: at(turn.closed_ns),
        ..turn
    }
}

/// A session whose stream broke off `age_ms` after it was opened, `sent_ms` of speech sent.
fn broken(number: u32, start_ms: i64, age_ms: i64, sent_ms: i64) -> RequestRow {
    let turn = moved(unanswered(0, Status::Error), number, start_ms);
    let speaking = age_ms <= sent_ms;
    RequestRow {
        closed_ns: turn.opened_ns.map(|ns| ns + age_ms * NS_PER_MS),
        end_of_turn_ns: None,
        end_of_speech_sent_ns: turn.end_of_speech_sent_ns.filter(|_| !speaking),
        last_chunk_sent_ns: turn
            .opened_ns
            .map(|ns| ns + sent_ms * NS_PER_MS)
            .filter(|_| !speaking),
        chunks_sent: (age_ms.min(sent_ms) / 20) as u32,
        bytes_sent: (age_ms.min(sent_ms) * 32) as u64,
        grpc_code: Some(14),
        error: Some("UNAVAILABLE: upstream reset".to_owned()),
        ..turn
    }
}

/// A timeline in which `load` of each second is open.
fn timeline(seconds: i64, load: impl Fn(i64) -> u32) -> Vec<TimelineRow> {
    let at = |n| TimelineRow {
        active_sessions: load(n),
        ..second(n)
    };
    (0..seconds).map(at).collect()
}

fn diagnose_run(run: &RunManifest, rows: &[RequestRow], timeline: &[TimelineRow]) -> Vec<Finding> {
    Summary::of(run, rows, timeline, None).diagnosis
}

fn diagnose(rows: &[RequestRow], timeline: &[TimelineRow]) -> Vec<Finding> {
    diagnose_run(&manifest(), rows, timeline)
}

/// What the findings of these turns are about.
fn kinds(rows: &[RequestRow], timeline: &[TimelineRow]) -> Vec<Kind> {
    let found = diagnose(rows, timeline);
    found.iter().map(|finding| finding.kind).collect()
}

/// The one finding of these turns.
fn only(kind: Kind, rows: &[RequestRow], timeline: &[TimelineRow]) -> Finding {
    sole(kind, diagnose(rows, timeline))
}

fn sole(kind: Kind, mut findings: Vec<Finding>) -> Finding {
    let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [kind], "{findings:#?}");
    findings.remove(0)
}

/// Numbers from 0 to 1 that are the same each time.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    move || rng.random::<f64>()
}
