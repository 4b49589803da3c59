//! What the row of the one call amounts to.

use crate::doctor::check::Check;
use crate::results::row::{RequestRow, Status};
use crate::units::{Human, grpc_code_name};

/// What became of the call; `synthetic` when its speech was synthesised.
#[must_use]
pub fn call(row: &RequestRow, synthetic: bool) -> Vec<Check> {
    let mut checks = vec![outcome(row, synthetic)];
    if row.status == Status::Ok {
        checks.push(events(row));
    }
    checks
}

fn outcome(row: &RequestRow, synthetic: bool) -> Check {
    let error = row.error.as_deref().unwrap_or("no reason is given");
    let session = &row.wire_session_id;
    match row.status {
        Status::Ok | Status::BargedIn if row.early_endpoint => Check::warning(
            "call",
            "the gateway answered before the caller had finished",
            "look at its endpointing: a pause inside an utterance must not end it",
        ),
        Status::Ok | Status::BargedIn => Check::ok("call", answered(row)),
        Status::NoAnswer => {
            let heard = match row.first_transcript_ns {
                Some(_) => "the stream ended well with a transcript, but no audio came",
                None => "the stream ended well, but neither a transcript nor audio came",
            };
            let advice = match synthetic && row.first_transcript_ns.is_none() {
                true => {
                    "a recogniser may hear no words in synthetic speech: try a recording with --audio FILE"
                }
                false => "look into the gateway's log; a recogniser that fails may say nothing",
            };
            Check::failed("call", heard, advice)
        }
        Status::Timeout => Check::failed(
            "call",
            format!("no audio in time after the end of speech ({error})"),
            "look whether the gateway hangs on a model, or give it longer with --timeout",
        ),
        Status::Error => Check::failed("call", told(row, error), &advice(row.grpc_code, session)),
        // What kept it waiting is no error of anybody's.
        Status::NotStarted if row.error.is_none() => Check::failed(
            "call",
            "the call was not made: no connection was ready for it in time",
            "look at what is said of the connection above, or give it longer with --timeout",
        ),
        Status::NotStarted | Status::Interrupted | Status::Cancelled => Check::failed(
            "call",
            format!("the call was not made: {error}"),
            "look at what failed above",
        ),
    }
}

/// The error, under the name of its code where it has one.
fn told(row: &RequestRow, error: &str) -> String {
    match row.grpc_code.filter(|code| *code != 0) {
        Some(code) => {
            let name = grpc_code_name(code).unwrap_or("UNKNOWN");
            format!("the gateway ended the stream with {name}: {error}")
        }
        None => format!("the gateway sent an ERROR event: {error}"),
    }
}

fn advice(grpc_code: Option<u32>, session: &str) -> String {
    match grpc_code.and_then(grpc_code_name) {
        Some("UNIMPLEMENTED") => {
            "this server has no voice_workflow.VoiceGateway/StreamAudio: is it the gateway's address?"
                .to_owned()
        }
        Some("UNAUTHENTICATED" | "PERMISSION_DENIED") => {
            "give what it asks for, such as --header 'authorization: Bearer TOKEN'".to_owned()
        }
        Some("UNAVAILABLE") => {
            "look whether the gateway runs behind its proxy, and what it depends on".to_owned()
        }
        _ => format!("look into the gateway's log for session {session}"),
    }
}

fn answered(row: &RequestRow) -> String {
    let response = row.response_ns.map_or_else(
        || "nothing to answer".to_owned(),
        |ns| format!("answered {} after the end of speech", Human(ns)),
    );
    let since = |at: Option<i64>| at.zip(row.started_ns).map(|(at, start)| Human(at - start));
    let seen: Vec<String> = instants(row)
        .into_iter()
        .filter_map(|(name, at)| Some(format!("{name} {}", since(at)?)))
        .collect();
    format!("{response}; since the start: {}", seen.join(", "))
}

/// What a gateway sends, in its order, and when it came.
fn instants(row: &RequestRow) -> [(&'static str, Option<i64>); 6] {
    [
        ("transcript", row.first_transcript_ns),
        ("PROCESSING", row.processing_ns),
        ("text", row.first_llm_ns),
        ("SPEAKING", row.speaking_ns),
        ("audio", row.first_audio_ns),
        ("END_OF_TURN", row.end_of_turn_ns),
    ]
}

fn events(row: &RequestRow) -> Check {
    let missing = instants(row).into_iter().filter(|(_, at)| at.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| name).collect();
    match missing.is_empty() {
        true => Check::ok("events", "all that the protocol has came"),
        false => Check::warning(
            "events",
            format!("never came: {}", missing.join(", ")),
            "latencies that begin or end with one of these will be empty",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    fn row() -> RequestRow {
        RequestRow {
            started_ns: Some(0),
            first_transcript_ns: Some(400_000_000),
            processing_ns: Some(2_000_000_000),
            first_llm_ns: Some(2_050_000_000),
            speaking_ns: Some(2_300_000_000),
            first_audio_ns: Some(2_300_000_000),
            end_of_turn_ns: Some(3_000_000_000),
            response_ns: Some(350_000_000),
            early_endpoint: false,
            status: Status::Ok,
            ..sample::row(0)
        }
    }

    fn of(status: Status, code: Option<u32>, error: &str) -> Check {
        let row = RequestRow {
            status,
            grpc_code: code,
            error: Some(error.to_owned()),
            first_transcript_ns: None,
            wire_session_id: "0-a-0".to_owned(),
            ..row()
        };
        call(&row, true).remove(0)
    }

    #[test]
    fn an_answered_call_says_when_what_came() {
        let checks = call(&row(), true);
        assert_eq!(
            checks,
            [
                Check::ok(
                    "call",
                    "answered 350 ms after the end of speech; since the start: transcript 400 ms, \
                     PROCESSING 2.00 s, text 2.05 s, SPEAKING 2.30 s, audio 2.30 s, END_OF_TURN 3.00 s"
                ),
                Check::ok("events", "all that the protocol has came"),
            ]
        );
        let mut without = row();
        without.processing_ns = None;
        without.end_of_turn_ns = None;
        assert_eq!(
            call(&without, true)[1].found,
            "never came: PROCESSING, END_OF_TURN"
        );
    }

    #[test]
    fn a_call_that_failed_says_why_and_what_to_do() {
        let table = [
            (
                of(Status::Error, Some(12), "unknown service"),
                "UNIMPLEMENTED",
                "is it the gateway",
            ),
            (
                of(Status::Error, Some(16), "no token"),
                "UNAUTHENTICATED",
                "--header",
            ),
            (
                of(Status::Error, Some(0), "ASR failed"),
                "ERROR event: ASR failed",
                "session 0-a-0",
            ),
            (
                of(Status::Timeout, None, "30 s"),
                "no audio in time",
                "--timeout",
            ),
            (
                of(Status::NoAnswer, Some(0), ""),
                "neither a transcript",
                "--audio FILE",
            ),
            (
                of(Status::NotStarted, Some(14), "refused"),
                "not made: refused",
                "above",
            ),
        ];
        for (check, found, advice) in table {
            assert_eq!(check.level.name(), "failed", "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
            assert!(check.advice.unwrap().contains(advice), "{found}");
        }
    }

    #[test]
    fn a_recording_that_is_not_heard_is_not_blamed_on_its_being_synthetic() {
        let mut unheard = row();
        unheard.status = Status::NoAnswer;
        unheard.first_transcript_ns = None;
        let advice = call(&unheard, false).remove(0).advice.unwrap();
        assert!(!advice.contains("--audio"), "{advice}");
    }
}
