//! What the row of the one call amounts to.

use super::websocket::{of_close, of_status};
use crate::dialect::{Dialect, Endpointing, Nature};
use crate::doctor::check::Check;
use crate::results::answer::{AnswerKind, Part};
use crate::results::row::{RequestRow, Status};
use crate::units::{Human, grpc_code_name};

/// The HTTP status of an upgrade that was agreed to.
const UPGRADED: u16 = 101;

/// What was asked for by the call, and so what may be expected of it.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Whether its speech was synthesised.
    pub synthetic: bool,
    /// What answers it.
    pub answers: AnswerKind,
    /// What its protocol is like; `None` for that of a voice gateway.
    foreign: Option<Nature>,
}

impl Asked {
    /// A call in `dialect` that is answered by such `answers`.
    #[must_use]
    pub fn of(dialect: &Dialect, answers: AnswerKind, synthetic: bool) -> Asked {
        Asked {
            synthetic,
            answers,
            foreign: (*dialect != Dialect::StreamAudio).then(|| dialect.nature()),
        }
    }

    /// What answers are called.
    fn answer(&self) -> &'static str {
        match self.answers {
            AnswerKind::Audio | AnswerKind::Sound => "audio",
            AnswerKind::AudioOrText => "audio or text",
            AnswerKind::Text => "text",
            AnswerKind::Transcript => "final transcript",
        }
    }
}

/// What became of the call.
#[must_use]
pub fn call(row: &RequestRow, asked: &Asked) -> Vec<Check> {
    let mut checks = vec![outcome(row, asked)];
    if row.status == Status::Ok {
        checks.push(events(row, asked));
    }
    checks
}

fn outcome(row: &RequestRow, asked: &Asked) -> Check {
    let error = row.error.as_deref().unwrap_or("no reason is given");
    let answer = asked.answer();
    match row.status {
        Status::Ok | Status::BargedIn if row.early_endpoint => Check::warning(
            "call",
            "the gateway answered before the caller had finished",
            "look at its endpointing: a pause inside an utterance must not end it",
        ),
        Status::Ok | Status::BargedIn => Check::ok("call", answered(row, asked)),
        Status::NoAnswer => {
            let heard = match row.first_transcript_ns {
                Some(_) => format!("the stream ended well with a transcript, but no {answer} came"),
                None if asked.answers == AnswerKind::Transcript => {
                    "the stream ended well, but no transcript came".to_owned()
                }
                None => {
                    format!("the stream ended well, but neither a transcript nor {answer} came")
                }
            };
            let advice = match asked.synthetic && row.first_transcript_ns.is_none() {
                true => {
                    "a recogniser may hear no words in synthetic speech: try a recording with --audio FILE"
                }
                false => "look into the gateway's log; a recogniser that fails may say nothing",
            };
            Check::failed("call", heard, advice)
        }
        Status::Timeout => Check::failed(
            "call",
            format!("no {answer} in time after the end of speech ({error})"),
            "look whether the gateway hangs on a model, or give it longer with --timeout",
        ),
        Status::Error => Check::failed("call", told(row, asked, error), &advice(row, asked)),
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
fn told(row: &RequestRow, asked: &Asked, error: &str) -> String {
    match row.grpc_code.filter(|code| *code != 0) {
        None if asked.foreign.is_some() => format!("the call ended with an error: {error}"),
        Some(code) => {
            let name = grpc_code_name(code).unwrap_or("UNKNOWN");
            format!("the gateway ended the stream with {name}: {error}")
        }
        None => format!("the gateway sent an ERROR event: {error}"),
    }
}

fn advice(row: &RequestRow, asked: &Asked) -> String {
    let http = row.http_status.and_then(|status| status.try_into().ok());
    let http = http.filter(|status| *status != UPGRADED).map(of_status);
    let close = row.close_code.and_then(|code| code.try_into().ok());
    if asked.foreign.is_some()
        && let Some(advice) = http.or_else(|| of_close(close?))
    {
        return advice.to_owned();
    }
    let session = &row.wire_session_id;
    match row.grpc_code.and_then(grpc_code_name) {
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

fn answered(row: &RequestRow, asked: &Asked) -> String {
    let seen = seen(row, asked);
    let how = match seen {
        AnswerKind::Transcript => "transcribed",
        AnswerKind::Text => "answered by text",
        _ => "answered",
    };
    let response = seen.latency_ns(row).map_or_else(
        || "nothing to answer".to_owned(),
        |ns| format!("{how} {} after the end of speech", Human(ns)),
    );
    let since = |at: Option<i64>| at.zip(row.started_ns).map(|(at, start)| Human(at - start));
    let came: Vec<String> = instants(row, asked)
        .into_iter()
        .filter_map(|(name, at)| Some(format!("{name} {}", since(at)?)))
        .collect();
    format!("{response}; since the start: {}", came.join(", "))
}

/// What the answer consisted of.
fn seen(row: &RequestRow, asked: &Asked) -> AnswerKind {
    let has_audio = row.first_audio_ns.is_some();
    asked.answers.seen(has_audio, row.first_llm_ns.is_some())
}

/// What a server sends when it is asked so, in its order, and when it came.
fn instants(row: &RequestRow, asked: &Asked) -> Vec<(&'static str, Option<i64>)> {
    let Some(nature) = &asked.foreign else {
        return vec![
            ("transcript", row.first_transcript_ns),
            ("PROCESSING", row.processing_ns),
            ("text", row.first_llm_ns),
            ("SPEAKING", row.speaking_ns),
            ("audio", row.first_audio_ns),
            ("END_OF_TURN", row.end_of_turn_ns),
        ];
    };
    let seen = seen(row, asked);
    let transcribes = nature.late_transcripts || seen == AnswerKind::Transcript;
    let finds_the_end = nature.endpointing == Endpointing::Server;
    let all = [
        (finds_the_end, "end of speech", row.processing_ns),
        (transcribes, "transcript", row.first_transcript_ns),
        (seen.gives(Part::Text), "text", row.first_llm_ns),
        (seen.gives(Part::Audio), "audio", row.first_audio_ns),
    ];
    let asked_for = all.into_iter().filter(|(is_asked_for, _, _)| *is_asked_for);
    asked_for.map(|(_, name, at)| (name, at)).collect()
}

fn events(row: &RequestRow, asked: &Asked) -> Check {
    let missing = instants(row, asked)
        .into_iter()
        .filter(|(_, at)| at.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| name).collect();
    match missing.is_empty() {
        true if asked.foreign.is_some() => Check::ok("events", "all that was asked for came"),
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
    use std::sync::Arc;

    use super::*;
    use crate::dialect::realtime::{Profile, Realtime, RealtimeSpec};
    use crate::results::sample;

    const GATEWAY: Asked = Asked {
        synthetic: true,
        answers: AnswerKind::Audio,
        foreign: None,
    };

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
        call(&row, &GATEWAY).remove(0)
    }

    #[test]
    fn an_answered_call_says_when_what_came() {
        let checks = call(&row(), &GATEWAY);
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
            call(&without, &GATEWAY)[1].found,
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

    fn realtime(profile: Profile) -> Asked {
        let spec = RealtimeSpec {
            profile,
            ..RealtimeSpec::default()
        };
        let dialect = Dialect::Realtime(Arc::new(Realtime::new(spec).unwrap()));
        let answers = match profile.answers() {
            true => AnswerKind::AudioOrText,
            false => AnswerKind::Transcript,
        };
        Asked::of(&dialect, answers, true)
    }

    #[test]
    fn a_call_is_judged_by_what_its_protocol_answers_with() {
        let spoken = RequestRow {
            first_transcript_ns: None,
            speaking_ns: None,
            end_of_turn_ns: None,
            ..row()
        };
        let sound = Check::ok("events", "all that was asked for came");
        let checks = call(&spoken, &realtime(Profile::OpenAi));
        assert_eq!(
            checks,
            [
                Check::ok(
                    "call",
                    "answered 350 ms after the end of speech; since the start: end of speech 2.00 s, \
                     text 2.05 s, audio 2.30 s"
                ),
                sound.clone(),
            ]
        );
        let text_alone = RequestRow {
            intended_end_of_speech_ns: Some(1_950_000_000),
            first_audio_ns: None,
            response_ns: None,
            ..spoken.clone()
        };
        let checks = call(&text_alone, &realtime(Profile::Beta));
        assert_eq!(
            checks,
            [
                Check::ok(
                    "call",
                    "answered by text 100 ms after the end of speech; since the start: end of speech 2.00 s, \
                     text 2.05 s"
                ),
                sound.clone(),
            ]
        );
        let transcribed = RequestRow {
            intended_end_of_speech_ns: Some(1_950_000_000),
            first_transcript_ns: Some(2_000_000_000),
            final_transcript_ns: Some(2_100_000_000),
            first_llm_ns: None,
            ..text_alone
        };
        let checks = call(&transcribed, &realtime(Profile::Transcription));
        assert_eq!(
            checks,
            [
                Check::ok(
                    "call",
                    "transcribed 150 ms after the end of speech; since the start: end of speech 2.00 s, \
                     transcript 2.00 s"
                ),
                sound,
            ]
        );
    }

    #[test]
    fn a_websocket_that_failed_says_what_ended_it() {
        let of = |status, http, close, profile| {
            let row = RequestRow {
                status,
                grpc_code: None,
                http_status: http,
                close_code: close,
                error: Some("words".to_owned()),
                first_transcript_ns: None,
                wire_session_id: "0-a-0".to_owned(),
                ..row()
            };
            let Check { found, advice, .. } = call(&row, &realtime(profile)).remove(0);
            (found, advice.unwrap())
        };
        let failed = |http, close| of(Status::Error, http, close, Profile::OpenAi);
        let (found, advice) = failed(Some(429), None);
        assert_eq!(found, "the call ended with an error: words");
        assert!(advice.contains("sheds load"), "{advice}");
        for (close, part) in [
            (Some(1013), "sheds load"),
            (Some(1011), "session 0-a-0"),
            (None, "log"),
        ] {
            let (_, advice) = failed(Some(101), close);
            assert!(advice.contains(part), "{close:?}: {advice}");
        }
        let silent = |profile| of(Status::NoAnswer, Some(101), Some(1000), profile).0;
        assert_eq!(
            silent(Profile::OpenAi),
            "the stream ended well, but neither a transcript nor audio or text came"
        );
        assert_eq!(
            silent(Profile::Transcription),
            "the stream ended well, but no transcript came"
        );
        assert_eq!(
            of(Status::Timeout, Some(101), None, Profile::Transcription).0,
            "no final transcript in time after the end of speech (words)"
        );
    }

    #[test]
    fn a_recording_that_is_not_heard_is_not_blamed_on_its_being_synthetic() {
        let mut unheard = row();
        unheard.status = Status::NoAnswer;
        unheard.first_transcript_ns = None;
        let recorded = Asked {
            synthetic: false,
            ..GATEWAY
        };
        let advice = call(&unheard, &recorded).remove(0).advice.unwrap();
        assert!(!advice.contains("--audio"), "{advice}");
    }
}
