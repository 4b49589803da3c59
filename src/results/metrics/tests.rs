//! What entries of the catalog say of rows.

use std::collections::BTreeSet;

use super::*;
use crate::results::row::Status;
use crate::results::sample::{row, unanswered};
use crate::table::Row;

#[test]
fn no_two_metrics_have_one_name_and_latencies_are_called_after_their_columns() {
    let latencies = LATENCIES.iter().map(|latency| latency.name);
    let shares = SHARES.iter().map(|share| share.name);
    let names: Vec<_> = latencies.chain(shares).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let columns: Vec<_> = RequestRow::columns().iter().map(|c| c.name).collect();
    for name in LATENCIES.iter().map(|latency| latency.name) {
        let column = format!("{name}_ns");
        assert!(columns.contains(&column.as_str()), "{column}");
    }
}

#[test]
fn a_turn_that_failed_makes_no_total_shorter() {
    let total = Latency::named("total").unwrap();
    let failed = unanswered(1, Status::Error);
    assert!(failed.total_ns.is_some() && total.unanswered_counts(AnswerKind::Audio));
    assert_eq!(
        (total.of(&row(0)), total.of(&failed)),
        (row(0).total_ns, None)
    );
}

#[test]
fn the_headline_is_the_time_until_what_the_server_answers_with() {
    let kinds = || AnswerKind::ALL.iter().copied();
    let names: Vec<_> = kinds().map(|answers| headline(answers).name).collect();
    assert_eq!(
        names,
        ["response", "audible", "response", "first_text", "final"]
    );
    for answers in kinds() {
        let first = headline(answers);
        assert!(first.unanswered_counts(answers), "{answers}");
        assert_eq!(first.compared(answers), [50, 95, 99], "{answers}");
        assert_eq!(first.of(&row(0)), answers.latency_ns(&row(0)), "{answers}");
    }
    let response = Latency::named("response").unwrap();
    assert!(!response.unanswered_counts(AnswerKind::Transcript));
    let text = Latency::named("first_text").unwrap();
    assert!(!text.unanswered_counts(AnswerKind::Audio));
    assert_eq!(text.compared(AnswerKind::Audio), [0; 0]);
}

#[test]
fn what_a_protocol_does_not_give_is_known() {
    let lacking = |dialect, answers| {
        let lacking = LATENCIES
            .iter()
            .filter(|one| !one.is_given(dialect, answers));
        lacking.map(|one| one.name).collect::<Vec<_>>()
    };
    let (grpc, realtime) = (DialectName::StreamAudio, DialectName::Realtime);
    assert_eq!(lacking(grpc, AnswerKind::Audio), [""; 0]);
    let serial = ["llm_ttft", "llm_total", "tts", "e2e"];
    assert_eq!(lacking(realtime, AnswerKind::Audio), serial);
    let given = |answers| LATENCIES.len() - lacking(realtime, answers).len();
    assert_eq!(
        given(AnswerKind::Transcript),
        4,
        "final, asr, endpoint, total"
    );
    let sound = lacking(grpc, AnswerKind::Sound);
    assert!(sound.contains(&"final") && !sound.contains(&"audible"));
}

#[test]
fn a_barge_in_without_audio_after_it_stops_at_once() {
    let stop = Latency::named("barge_in_stop").unwrap();
    let at = |barge_in_ns, barge_in_stop_ns| {
        stop.of(&RequestRow {
            barge_in_ns,
            barge_in_stop_ns,
            ..row(0)
        })
    };
    assert_eq!(at(None, None), None);
    assert_eq!(at(Some(700), None), Some(0));
    assert_eq!(at(Some(700), Some(950)), Some(250));
}

#[test]
fn a_share_is_over_the_requests_that_it_can_be_seen_in() {
    let seen = |row: &RequestRow| SHARES.each_ref().map(|share| (share.of)(row));
    let no = Some(false);
    let yes = Some(true);
    assert_eq!(seen(&row(0)), [no, yes, no, no, no]);
    let warm_up = RequestRow {
        phase: Phase::Warmup,
        underruns: 3,
        early_endpoint: true,
        ..row(0)
    };
    assert_eq!(seen(&warm_up), [None; 5]);
    let cut_off = RequestRow {
        early_endpoint: true,
        overlapped: true,
        underruns: 3,
        ..row(0)
    };
    assert_eq!(seen(&cut_off), [no, yes, None, yes, yes]);
    let stuttering = RequestRow {
        underruns: 3,
        ..row(0)
    };
    assert_eq!(seen(&stuttering), [no, yes, yes, no, no]);
    let failed = unanswered(1, Status::Error);
    assert_eq!(seen(&failed), [yes, no, None, no, no]);
    let cancelled = RequestRow {
        end_of_speech_sent_ns: None,
        early_endpoint: true,
        ..unanswered(1, Status::Cancelled)
    };
    assert_eq!(seen(&cancelled), [None; 5]);
    let silent = RequestRow {
        intended_end_of_speech_ns: None,
        ..unanswered(1, Status::Ok)
    };
    assert_eq!(seen(&silent), [no, yes, None, None, None]);
}
