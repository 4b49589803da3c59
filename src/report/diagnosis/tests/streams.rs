//! Runs whose streams break off, wait or are refused.

use super::{broken, diagnose, diagnose_run, kinds, noise, only, sole, timeline, turn};
use crate::report::Summary;
use crate::report::diagnosis::Kind;
use crate::results::manifest::RunManifest;
use crate::results::row::{RequestRow, Status};
use crate::results::sample::manifest;
use crate::units::{NS_PER_MS, NS_PER_S};

/// Sessions of 4 to 122 s of speech, three a second; those that would grow older than `limit_ms` are
/// broken off.
fn limited(limit_ms: i64) -> Vec<RequestRow> {
    let mut noise = noise(2);
    (0..60)
        .map(|n| {
            let (start_ms, length_ms) = (i64::from(n) * 333, 4_000 + i64::from(n) * 2_000);
            let cut_ms = limit_ms + (noise() * 20.0) as i64;
            match length_ms > limit_ms {
                true => broken(n, start_ms, cut_ms, length_ms),
                false => {
                    let mut turn = turn(n, start_ms, 200, 20);
                    turn.closed_ns = turn.opened_ns.map(|ns| ns + length_ms * NS_PER_MS);
                    turn
                }
            }
        })
        .collect()
}

#[test]
fn streams_that_break_at_a_known_age_name_the_limit() {
    for (limit_ms, name) in [
        (15_000, "Envoy's route timeout"),
        (60_000, "nginx's grpc_read_timeout"),
    ] {
        let found = only(Kind::StreamLimit, &limited(limit_ms), &timeline(90, |_| 20));
        assert!(found.evidence.contains(name), "{found:?}");
        assert!(
            found
                .evidence
                .contains("UNAVAILABLE; no turn went on beyond"),
            "{found:?}"
        );
    }
    let found = only(Kind::StreamLimit, &limited(22_000), &timeline(90, |_| 20));
    assert_eq!(
        found.title,
        "Streams are cut off 22.0 s after they were opened"
    );
    assert!(!found.evidence.contains("default"), "{found:?}");
}

#[test]
fn a_limit_on_the_answer_counts_from_the_callers_last_chunk() {
    // Speech of several lengths, each broken off 15 s after its end.
    let rows: Vec<_> = (0..40)
        .map(|n| {
            let sent_ms = 2_000 + i64::from(n) * 500;
            broken(n, i64::from(n) * 700, sent_ms + 15_000, sent_ms)
        })
        .collect();
    let found = only(Kind::StreamLimit, &rows, &timeline(90, |_| 20));
    assert_eq!(
        found.title,
        "Streams are cut off 15.0 s after the caller's last chunk"
    );
    assert!(found.evidence.contains("Envoy"), "{found:?}");
}

#[test]
fn an_unknown_limit_on_the_answer_is_told_by_callers_of_several_lengths() {
    let cut_after = |length_ms: fn(i64) -> i64| {
        let rows: Vec<_> = (0..40)
            .map(|n| {
                let sent_ms = length_ms(n);
                broken(n as u32, n * 700, sent_ms + 3_000, sent_ms)
            })
            .collect();
        only(Kind::StreamLimit, &rows, &timeline(90, |_| 20))
    };
    let found = cut_after(|n| 2_000 + n % 2 * 1_000);
    assert_eq!(
        found.title,
        "Streams are cut off 3.00 s after the caller's last chunk"
    );
    let found = cut_after(|_| 2_000);
    assert_eq!(
        found.title,
        "Streams are cut off 5.00 s after they were opened"
    );
    assert!(
        found
            .evidence
            .contains("last chunk as well: 3.00 s after it"),
        "{found:?}"
    );
}

#[test]
fn what_fails_once_the_caller_has_spoken_has_no_limit() {
    // Speech of several lengths, each refused at its end.
    let rows: Vec<_> = (0..40)
        .map(|n| {
            let sent_ms = 2_000 + i64::from(n % 3) * 1_000;
            broken(n, i64::from(n) * 700, sent_ms + 60, sent_ms)
        })
        .collect();
    assert_eq!(
        kinds(&rows, &timeline(40, |_| 20)),
        [Kind::FrequentError],
        "and no limit"
    );
}

#[test]
fn a_limit_is_told_by_its_timer_where_all_callers_speak_for_as_long() {
    // Push-to-talk: one clip, and streams that a timer ends a while after it.
    let cut = |width_ms: f64, sent_ms: i64| -> Vec<_> {
        let mut noise = noise(5);
        (0..15)
            .map(|n| {
                let age_ms = 3_001 + (noise() * width_ms) as i64;
                broken(n, i64::from(n) * 500, age_ms, sent_ms)
            })
            .collect()
    };
    let found = only(Kind::StreamLimit, &cut(4.0, 2_560), &timeline(20, |_| 5));
    assert_eq!(
        found.title,
        "Streams are cut off 3.00 s after they were opened"
    );
    assert!(found.evidence.contains("15 of 15 streams"), "{found:?}");
    assert!(found.evidence.contains("upstream reset"), "{found:?}");
    // Failures that take a time of their own, or none, after the end of speech.
    for (width_ms, sent_ms) in [(120.0, 2_560), (4.0, 2_980)] {
        assert_eq!(
            kinds(&cut(width_ms, sent_ms), &timeline(20, |_| 5)),
            [Kind::FrequentError],
            "{width_ms}"
        );
    }
}

#[test]
fn a_timer_that_resets_streams_is_told_whatever_their_answers_had_come_to() {
    // Most within a few milliseconds, one late; some in the middle of their answer.
    let mut noise = noise(6);
    let rows: Vec<_> = (0..30)
        .map(|n| {
            let late_ms = if n == 7 { 90 } else { 0 };
            let age_ms = 1_801 + (noise() * 20.0) as i64 + late_ms;
            let row = broken(n, i64::from(n) * 500, age_ms, 1_480);
            let answered = turn(n, i64::from(n) * 500, 200, 5);
            RequestRow {
                grpc_code: Some(13),
                error: Some("INTERNAL: the server reset the stream: INTERNAL_ERROR".to_owned()),
                processing_ns: answered.processing_ns,
                first_audio_ns: answered.first_audio_ns.filter(|_| n % 3 > 0),
                ..row
            }
        })
        .collect();
    let found = only(Kind::StreamLimit, &rows, &timeline(20, |_| 5));
    assert!(found.title.contains("1.81 s after"), "{found:?}");
    // The same code, chosen by the gateway when a call has failed.
    let failed = rows.into_iter().map(|row| RequestRow {
        error: Some("INTERNAL: synthesis failed".to_owned()),
        ..row
    });
    let found = kinds(&failed.collect::<Vec<_>>(), &timeline(20, |_| 5));
    assert!(!found.contains(&Kind::StreamLimit), "{found:?}");
}

#[test]
fn small_streams_of_many_ages_are_not_cut_off_at_a_size() {
    // Ages over 350 ms, which is as much as 11 kB at 16 kHz.
    let age_ms = |n: u32| 1_100 + i64::from(n * 7 % 30) * 12;
    let rows: Vec<_> = (0..30)
        .map(|n| broken(n, i64::from(n) * 500, age_ms(n), 5_000))
        .collect();
    only(Kind::FrequentError, &rows, &timeline(20, |_| 5));
}

#[test]
fn a_limit_on_the_body_is_told_by_its_size() {
    // 8 kHz and 16 kHz callers: one size, two ages.
    let rows: Vec<_> = (0..40)
        .map(|n| {
            let wide = n % 2 == 0;
            let chunks: u32 = if wide { 1_618 } else { 3_197 };
            RequestRow {
                chunks_sent: chunks,
                bytes_sent: u64::from(chunks) * if wide { 640 } else { 320 },
                ..broken(n, i64::from(n) * 700, i64::from(chunks) * 20, 120_000)
            }
        })
        .collect();
    let found = only(Kind::StreamLimit, &rows, &timeline(120, |_| 20));
    assert!(found.title.contains("1.00 MiB"), "{found:?}");
    assert!(found.evidence.contains("client_max_body_size"), "{found:?}");
}

#[test]
fn streams_that_break_together_or_at_any_age_have_no_limit() {
    // A restart: all break at one instant, having started at another.
    let no_limit = [Kind::FrequentError];
    let together: Vec<_> = (0..40).map(|n| broken(n, 1_000, 12_000, 30_000)).collect();
    assert_eq!(kinds(&together, &timeline(40, |_| 20)), no_limit);
    let mut noise = noise(3);
    let any: Vec<_> = (0..60)
        .map(|n| {
            broken(
                n,
                i64::from(n) * 500,
                1_000 + (noise() * 40_000.0) as i64,
                60_000,
            )
        })
        .collect();
    assert_eq!(kinds(&any, &timeline(90, |_| 20)), no_limit);
    // Others of the same age went on.
    let mut rows = limited(15_000);
    rows.extend((100..200).map(|n| {
        let mut turn = turn(n, i64::from(n) * 100, 200, 20);
        turn.closed_ns = turn.opened_ns.map(|ns| ns + 40 * NS_PER_S);
        turn
    }));
    assert_eq!(kinds(&rows, &timeline(90, |_| 20)), no_limit);
}

fn with_limit(limit: u64, connections: u64) -> RunManifest {
    let mut run = manifest();
    run.spec.stream_limit = limit.into();
    run.spec.connections = connections.into();
    run
}

#[test]
fn sessions_that_wait_for_a_stream_name_the_limit() {
    let rows: Vec<_> = (0..120)
        .map(|n| {
            let mut turn = turn(n, i64::from(n) * 100, 400, 90);
            if n >= 100 {
                turn.opened_ns = Some(turn.intended_start_ns + 2 * NS_PER_S);
                turn.blocked_ns = 5 * NS_PER_S;
            }
            turn
        })
        .collect();
    let seconds = timeline(16, |s| (s as u32 * 10).min(120));
    let found = sole(
        Kind::StreamSlots,
        diagnose_run(&with_limit(100, 1), &rows, &seconds),
    );
    assert!(
        found.evidence.contains("takes 100 streams on a connection"),
        "{found:?}"
    );
    assert!(
        found.evidence.contains("20 of 120 sessions waited"),
        "{found:?}"
    );
    // With room for all of them, it was something else.
    assert_eq!(diagnose_run(&with_limit(100, 4), &rows, &seconds), []);
    assert_eq!(diagnose(&rows, &seconds), []);
}

#[test]
fn a_gateway_that_does_not_read_is_named() {
    let row = |n: u32, blocked_ns: i64| {
        let mut turn = turn(n, i64::from(n) * 100, 400, 90);
        turn.blocked_ns = blocked_ns;
        turn
    };
    let rows: Vec<_> = (0..120)
        .map(|n| row(n, if n % 12 == 0 { 5 * NS_PER_S } else { 0 }))
        .collect();
    let mut seconds = timeline(16, |_| 20);
    seconds[3].blocked_chunks = Some(40);
    let found = sole(Kind::NotRead, diagnose(&rows, &seconds));
    assert!(found.evidence.contains("10 of 120 turns"), "{found:?}");
    assert!(found.evidence.contains("40 of 8,000 chunks"), "{found:?}");
    // One turn is enough where there is no other.
    sole(Kind::NotRead, diagnose(&[row(0, NS_PER_S)], &seconds));
    let two: Vec<_> = (0..120)
        .map(|n| row(n, if n < 2 { 5 * NS_PER_S } else { 0 }))
        .collect();
    assert_eq!(diagnose(&two, &seconds), []);
}

#[test]
fn refused_streams_are_counted_with_the_load() {
    let mut rows: Vec<_> = (0..110)
        .map(|n| turn(n, i64::from(n) * 100, 400, 90))
        .collect();
    for row in &mut rows[100..] {
        row.status = Status::Error;
        row.grpc_code = Some(14);
        row.error = Some("UNAVAILABLE: stream error received: refused stream before processing any application logic".to_owned());
    }
    let found = only(
        Kind::StreamSlots,
        &rows,
        &timeline(16, |s| (s as u32 * 10).min(101)),
    );
    assert!(
        found
            .evidence
            .contains("10 streams were refused (REFUSED_STREAM)"),
        "{found:?}"
    );
    assert!(
        found.evidence.contains("when 101 sessions were open"),
        "{found:?}"
    );
}

#[test]
fn a_flood_is_named_by_its_goaway() {
    let mut rows: Vec<_> = (0..110)
        .map(|n| turn(n, i64::from(n) * 100, 400, 90))
        .collect();
    for row in &mut rows[60..] {
        row.status = Status::Error;
        row.grpc_code = Some(14);
        row.error = Some("UNAVAILABLE: connection error received: detected excessive load generating behavior (b\"too_many_data_frames\")".to_owned());
    }
    let found = only(Kind::ConnectionFlood, &rows, &timeline(16, |_| 90));
    assert!(
        found.evidence.contains("50 turns failed on 1 connection"),
        "{found:?}"
    );
}

#[test]
fn findings_fit_a_terminal_and_survive_json() {
    let run = Summary::of(&manifest(), &limited(15_000), &timeline(90, |_| 20), None);
    let text = crate::report::render::run_text(&run, false);
    assert!(
        text.contains("\ndiagnosis Streams are cut off 15.0 s after they were opened\n"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let json = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), run);
    assert!(json.contains(r#""kind":"stream_limit""#));
}
