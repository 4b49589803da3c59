//! Runs of which turns fail: what they have in common is said, and if nothing else, their error.

use super::{kinds, moved, only, timeline, turn};
use crate::report::Summary;
use crate::report::diagnosis::Kind;
use crate::results::row::{RequestRow, Status};
use crate::results::sample::{manifest, unanswered};
use crate::units::NS_PER_MS;

/// A session of one turn of which nothing came back, and which ended as `status`.
fn failed(number: u32, start_ms: i64, status: Status, error: Option<&str>) -> RequestRow {
    RequestRow {
        status,
        grpc_code: error.map(|_| 13),
        error: error.map(str::to_owned),
        end_of_turn_ns: None,
        concurrent_sessions: Some(5),
        ..moved(unanswered(0, status), number, start_ms)
    }
}

fn start(number: u32) -> i64 {
    i64::from(number) * 100
}

#[test]
fn failures_of_more_than_one_percent_are_always_said_with_their_error() {
    let run = |of: u32, fail: u32| -> Vec<RequestRow> {
        let row = |n| match n < fail {
            true => failed(n, start(n), Status::Error, Some("INTERNAL: model exploded")),
            false => turn(n, start(n), 200, 5),
        };
        (0..of).map(row).collect()
    };
    let seconds = timeline(40, |_| 5);
    let found = only(Kind::FrequentError, &run(15, 7), &seconds);
    assert_eq!(found.title, "Turns fail with “INTERNAL: model exploded”");
    assert!(
        found
            .evidence
            .contains("7 of 15 turns failed (46.7 %); 7 with “INTERNAL: model exploded”"),
        "{found:?}"
    );
    assert_eq!(kinds(&run(20, 1), &seconds), [Kind::FrequentError]);
    assert_eq!(kinds(&run(200, 2), &seconds), [], "1 % is not more");
    // The page says so too.
    let summary = Summary::of(&manifest(), &run(15, 7), &seconds, None);
    assert!(!summary.diagnosis.is_empty());
}

#[test]
fn whatever_fails_and_however_there_is_a_finding() {
    let ways: [fn(u32) -> RequestRow; 6] = [
        |n| failed(n, start(n), Status::Timeout, None),
        |n| failed(n, start(n), Status::NoAnswer, None),
        |n| failed(n, start(n), Status::Error, None),
        |n| failed(n, start(n), Status::Error, Some(&format!("no {n}"))),
        // Never began, and nobody says why.
        |n| RequestRow {
            started_ns: None,
            closed_ns: None,
            opened_ns: None,
            ..failed(n, start(n), Status::NotStarted, None)
        },
        // The second turn of a session that had failed before.
        |n| RequestRow {
            turn: 1,
            started_ns: None,
            closed_ns: None,
            ..failed(n, start(n), Status::NotStarted, Some("UNAVAILABLE: gone"))
        },
    ];
    for (way, row) in ways.iter().enumerate() {
        for (of, every) in [(10, 9), (60, 20), (300, 90)] {
            let rows: Vec<_> = (0..of)
                .map(|n| match n % every == 0 {
                    true => row(n),
                    false => turn(n, start(n), 200, 5),
                })
                .collect();
            let found = kinds(&rows, &timeline(40, |_| 5));
            assert!(!found.is_empty(), "way {way}, 1 in {every} of {of}");
        }
    }
}

#[test]
fn messages_that_name_their_call_are_counted_as_one() {
    let rows: Vec<_> = (0..40)
        .map(|n| match n % 4 {
            0 => {
                let error = format!("INTERNAL: session c{n} has no model");
                failed(n, start(n), Status::Error, Some(&error))
            }
            _ => turn(n, start(n), 200, 5),
        })
        .collect();
    let found = only(Kind::FrequentError, &rows, &timeline(10, |_| 5));
    assert!(
        found
            .evidence
            .contains("10 with messages like “INTERNAL: session c0 has no model”"),
        "{found:?}"
    );
}

/// A turn whose answer came as far as `stages` stages.
fn stopped(number: u32, stages: usize, status: Status) -> RequestRow {
    let whole = turn(number, start(number), 200, 5);
    let came = |stage: usize, ns: Option<i64>| ns.filter(|_| stage < stages);
    let mut row = RequestRow {
        first_transcript_ns: came(0, whole.first_transcript_ns),
        final_transcript_ns: came(1, whole.final_transcript_ns),
        processing_ns: came(2, whole.processing_ns),
        first_llm_ns: came(3, whole.first_llm_ns),
        last_llm_ns: came(3, whole.last_llm_ns),
        speaking_ns: came(4, whole.speaking_ns),
        first_audio_ns: came(5, whole.first_audio_ns),
        end_of_turn_ns: came(6, whole.end_of_turn_ns),
        status,
        ..whole
    };
    row.derive_latencies(false);
    row
}

#[test]
fn answers_that_stop_name_the_stage_that_they_came_to() {
    for (stages, title, advice) in [
        (
            0,
            "before they begin: no interim transcript comes",
            "recogniser",
        ),
        (
            1,
            "after interim transcript: no final transcript comes",
            "recogniser",
        ),
        (2, "after final transcript: no PROCESSING comes", "takes up"),
        (
            3,
            "after PROCESSING: no text of the language model comes",
            "language model",
        ),
        (
            4,
            "after text of the language model: no SPEAKING comes",
            "synthesis",
        ),
        (5, "after SPEAKING: no audio comes", "synthesis"),
        (6, "after audio: no end of the turn comes", "ends an answer"),
    ] {
        let rows: Vec<_> = (0..30)
            .map(|n| match n % 3 {
                0 => stopped(n, stages, Status::Timeout),
                _ => turn(n, start(n), 200, 5),
            })
            .collect();
        let found = only(Kind::AnswersStop, &rows, &timeline(10, |_| 5));
        assert_eq!(found.title, format!("Answers stop {title}"));
        assert!(found.advice.contains(advice), "{found:?}");
        assert!(
            found.evidence.starts_with("10 of 30 turns (33.3 %)"),
            "{found:?}"
        );
        assert!(
            found.evidence.contains("no answer within the timeout"),
            "{found:?}"
        );
    }
}

#[test]
fn an_answer_that_plays_for_longer_than_the_timeout_has_not_stopped() {
    let long = |row: RequestRow| RequestRow {
        playout_end_ns: row.closed_ns.map(|closed_ns| closed_ns + 1),
        ..row
    };
    let rows: Vec<_> = (0..30)
        .map(|n| match n % 3 {
            0 => long(stopped(n, 6, Status::Timeout)),
            _ => turn(n, start(n), 200, 5),
        })
        .collect();
    let found = only(Kind::AnswersStop, &rows, &timeline(10, |_| 5));
    assert_eq!(found.title, "Answers play for longer than the timeout");
    assert!(found.evidence.contains("10 of 30 turns"), "{found:?}");
    assert!(found.advice.contains("--timeout"), "{found:?}");
}

#[test]
fn a_stage_that_the_gateway_never_has_is_not_what_is_missing() {
    let silent = |row: RequestRow| RequestRow {
        first_llm_ns: None,
        last_llm_ns: None,
        speaking_ns: None,
        ..row
    };
    let rows: Vec<_> = (0..30)
        .map(|n| match n % 3 {
            0 => silent(stopped(n, 3, Status::NoAnswer)),
            _ => silent(turn(n, start(n), 200, 5)),
        })
        .collect();
    let found = only(Kind::AnswersStop, &rows, &timeline(10, |_| 5));
    assert_eq!(found.title, "Answers stop after PROCESSING: no audio comes");
}

#[test]
fn an_empty_answer_that_ends_is_no_answer_that_lacks_its_end() {
    let rows: Vec<_> = (0..30)
        .map(|n| match n % 3 {
            // END_OF_TURN comes, and nothing else.
            0 => RequestRow {
                concurrent_sessions: Some(5),
                ..moved(unanswered(0, Status::NoAnswer), n, start(n))
            },
            _ => turn(n, start(n), 200, 5),
        })
        .collect();
    let found = only(Kind::AnswersStop, &rows, &timeline(10, |_| 5));
    assert!(found.title.contains("before they begin"), "{found:?}");
}

#[test]
fn callers_that_are_often_cut_off_are_said_to_be() {
    let rows = |every: u32| -> Vec<_> {
        let row = |n: u32| RequestRow {
            early_endpoint: n.is_multiple_of(every),
            ..turn(n, start(n), 200, 5)
        };
        (0..60).map(row).collect()
    };
    let found = only(Kind::CutOff, &rows(10), &timeline(10, |_| 5));
    assert!(
        found.evidence.contains("6 of 60 turns (10.0 %)"),
        "{found:?}"
    );
    assert_eq!(kinds(&rows(40), &timeline(10, |_| 5)), [], "two of sixty");
}

/// Calls of 2 s that begin `gap_ms` apart at a gateway that takes `limit` at a time and refuses others.
fn admitted(limit: usize, gap_ms: impl Fn(u32) -> i64) -> Vec<RequestRow> {
    let mut open: Vec<i64> = Vec::new();
    let mut at_ms = 0;
    (0..60)
        .map(|n| {
            at_ms += gap_ms(n);
            open.retain(|end| *end > at_ms);
            if open.len() >= limit {
                let row = failed(n, at_ms, Status::Error, Some("RESOURCE_EXHAUSTED: full"));
                return RequestRow {
                    grpc_code: Some(8),
                    closed_ns: row.opened_ns.map(|ns| ns + 3 * NS_PER_MS),
                    end_of_speech_sent_ns: None,
                    last_chunk_sent_ns: None,
                    ..row
                };
            }
            let row = turn(n, at_ms, 200, 5);
            open.push(at_ms + 2_000);
            RequestRow {
                closed_ns: row.opened_ns.map(|ns| ns + 2_000 * NS_PER_MS),
                ..row
            }
        })
        .collect()
}

#[test]
fn a_limit_of_admission_is_named_with_the_calls_that_it_takes() {
    for limit in [2, 5, 9] {
        let per_call_ms = 2_000 / limit as i64;
        let gap_ms = |n: u32| match n / 20 {
            1 => per_call_ms * 2 / 3,
            _ => per_call_ms * 3 / 2,
        };
        let rows = admitted(limit, gap_ms);
        let found = only(Kind::AdmissionLimit, &rows, &timeline(60, |_| 5));
        assert_eq!(
            found.title,
            format!("Calls are refused at once whenever {limit} are open")
        );
        assert!(
            found.evidence.contains("RESOURCE_EXHAUSTED: full"),
            "{found:?}"
        );
    }
    // Ten at one instant, of which five are taken, and never a second time.
    let rows = admitted(5, |n| if n < 10 { 1 } else { 4_000 });
    assert_eq!(kinds(&rows, &timeline(60, |_| 5)), [Kind::AdmissionLimit]);
}

#[test]
fn calls_that_are_refused_whatever_is_open_meet_no_limit() {
    let rows: Vec<_> = (0..60)
        .map(|n| {
            let row = match n % 4 {
                0 => failed(
                    n,
                    start(n),
                    Status::Error,
                    Some("UNAUTHENTICATED: no token"),
                ),
                _ => turn(n, start(n), 200, 5),
            };
            let refused = row.status == Status::Error;
            let closed_ns = row.opened_ns.map(|ns| ns + 3 * NS_PER_MS);
            RequestRow {
                closed_ns: if refused { closed_ns } else { row.closed_ns },
                ..row
            }
        })
        .collect();
    assert_eq!(kinds(&rows, &timeline(10, |_| 5)), [Kind::FrequentError]);
}

/// What changes a call.
type Change = fn(&mut RequestRow);

#[test]
fn what_most_failures_are_of_is_named() {
    let parts: [(&str, Change, Change); 5] = [
        (
            "replica gpu-3",
            |row| row.replica = Some("gpu-3".to_owned()),
            |row| row.replica = Some("gpu-1".to_owned()),
        ),
        (
            "peer 10.0.0.9:50051",
            |row| row.peer = Some("10.0.0.9:50051".to_owned()),
            |_| {},
        ),
        ("connection 7", |row| row.connection = Some(7), |_| {}),
        (
            "language de-DE",
            |row| row.language_code = "de-DE".to_owned(),
            |_| {},
        ),
        (
            "clip bad",
            |row| row.clip_id = Some("bad".to_owned()),
            |_| {},
        ),
    ];
    for (name, bad, good) in parts {
        let rows: Vec<_> = (0..60)
            .map(|n| {
                // One in four is of it, of which most fail, and one of the others.
                let is_bad = n % 4 == 0;
                let fails = (is_bad && n % 24 != 0) || n == 13;
                let mut row = match fails {
                    true => failed(n, start(n), Status::Error, Some("INTERNAL: no")),
                    false => turn(n, start(n), 200, 5),
                };
                let change = if is_bad { bad } else { good };
                change(&mut row);
                row
            })
            .collect();
        let found = super::diagnose(&rows, &timeline(10, |_| 5));
        let titles: Vec<_> = found.iter().map(|f| (f.kind, f.title.as_str())).collect();
        let title = format!("Most failures are of {name}");
        assert_eq!(
            titles[0],
            (Kind::OnePartFails, title.as_str()),
            "{found:#?}"
        );
        assert!(found[0].evidence.contains("12 of the 13"), "{found:#?}");
        assert!(found[0].evidence.contains("25.0 % of all"), "{found:#?}");
        assert!(
            found[0].evidence.contains("12 of its 15 failed"),
            "{found:#?}"
        );
        assert!(found[0].evidence.contains("“INTERNAL: no”"), "{found:#?}");
    }
}

#[test]
fn failures_that_chance_may_put_on_one_replica_name_none() {
    let rows: Vec<_> = (0..60)
        .map(|n| RequestRow {
            replica: Some(format!("r{}", n % 2)),
            ..match n {
                2 | 4 | 6 | 8 | 9 => failed(n, start(n), Status::Error, Some("INTERNAL: no")),
                _ => turn(n, start(n), 200, 5),
            }
        })
        .collect();
    assert_eq!(kinds(&rows, &timeline(10, |_| 5)), [Kind::FrequentError]);
}

#[test]
fn a_pool_that_leaves_turns_without_an_answer_is_named_with_its_size() {
    // Up to three wait at a time and are answered; from four on, none is.
    let rows: Vec<_> = (0..40)
        .map(|n| {
            let waiting = n % 5 + 1;
            let row = match waiting >= 4 {
                true => failed(n, start(n), Status::Timeout, None),
                false => turn(n, start(n), 200, 5),
            };
            RequestRow {
                awaiting_answer: Some(waiting),
                concurrent_sessions: Some(7),
                ..row
            }
        })
        .collect();
    let found = only(Kind::PoolLimit, &rows, &timeline(10, |_| 7));
    assert_eq!(
        found.title,
        "No answers come once 4 turns wait for an answer"
    );
    assert!(
        found
            .evidence
            .contains("16 got no answer (100 %); of 24 with fewer, 0 got none"),
        "{found:?}"
    );
    assert!(found.advice.contains("takes 3 at a time"), "{found:?}");
}

#[test]
fn an_outage_is_no_pool() {
    // All answers stop at one moment, and those that wait become many.
    let rows: Vec<_> = (0..60_u32)
        .map(|n| {
            let row = match n >= 40 {
                true => failed(n, start(n), Status::Timeout, None),
                false => turn(n, start(n), 200, 5),
            };
            RequestRow {
                awaiting_answer: Some(2 + n.saturating_sub(40)),
                concurrent_sessions: Some(7 + n.saturating_sub(40)),
                ..row
            }
        })
        .collect();
    let found = kinds(&rows, &timeline(10, |_| 7));
    assert_eq!(found, [Kind::AnswersStop]);
}

#[test]
fn streams_that_break_at_one_moment_do_not_stop_at_a_stage() {
    // A gateway that is killed under three answers.
    let rows: Vec<_> = (0..30)
        .map(|n| match n {
            10..13 => RequestRow {
                grpc_code: Some(14),
                error: Some("UNAVAILABLE: the connection broke".to_owned()),
                closed_ns: turn(12, start(12), 200, 5).first_audio_ns,
                ..stopped(n, 6, Status::Error)
            },
            _ => turn(n, start(n), 200, 5),
        })
        .collect();
    let found = kinds(&rows, &timeline(10, |_| 5));
    assert!(!found.contains(&Kind::AnswersStop), "{found:?}");
}
