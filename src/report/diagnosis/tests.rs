//! Runs with something wrong, each told by its finding alone; and healthy runs, of which nothing is
//! said.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Finding, Kind};
use crate::report::Summary;
use crate::results::manifest::{RunManifest, Verdict, VerdictLevel};
use crate::results::row::{RequestRow, Status, TimelineRow};
use crate::results::sample::{manifest, row, second, unanswered};
use crate::units::{NS_PER_MS, NS_PER_S};

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

#[test]
fn answers_that_wait_in_line_grow_with_the_load() {
    let mut noise = noise(1);
    let rows: Vec<_> = (0..600)
        .map(|n| {
            let load = n / 12 + 1;
            let response = 100.0 + 20.0 * f64::from(load) * (0.7 + 0.6 * noise());
            turn(n, i64::from(n) * 100, response as i64, load)
        })
        .collect();
    let found = only(Kind::Queueing, &rows, &timeline(62, |s| s as u32));
    assert!(found.evidence.contains("at about 4 sessions"), "{found:?}");
    assert!(
        found.evidence.contains("in proportion to the load"),
        "{found:?}"
    );
}

#[test]
fn the_stage_that_grows_is_named() {
    let rows: Vec<_> = (0..600)
        .map(|n| {
            let load = n / 12 + 1;
            let mut turn = turn(n, i64::from(n) * 100, 100 + 20 * i64::from(load), load);
            turn.llm_ttft_ns = Some((50 + 18 * i64::from(load)) * NS_PER_MS);
            turn.tts_ns = Some(120 * NS_PER_MS);
            turn
        })
        .collect();
    let found = only(Kind::Queueing, &rows, &timeline(62, |s| s as u32));
    assert!(
        found.evidence.contains("most of it in llm_ttft"),
        "{found:?}"
    );
}

#[test]
fn a_load_that_hardly_changes_shows_no_queue() {
    // Slower answers, at a load that is higher by a third only.
    let rows: Vec<_> = (0..600)
        .map(|n| {
            turn(
                n,
                i64::from(n) * 100,
                if n < 300 { 200 } else { 700 },
                if n < 300 { 30 } else { 40 },
            )
        })
        .collect();
    assert_eq!(diagnose(&rows, &timeline(62, |_| 30)), []);
}

/// Five turns a second while the load grows to 60, of which from `from` sessions on one in four
/// fails.
fn overloaded(from: u32) -> (Vec<RequestRow>, Vec<TimelineRow>) {
    let rows = (0..300_u32).map(|n| {
        let start_ms = i64::from(n) * 200;
        let load = n / 5;
        let fails = load >= from && n % 4 == 0;
        let ok = turn(n, start_ms, 300, load);
        match fails {
            false => ok,
            true => RequestRow {
                grpc_code: Some(8),
                error: Some("RESOURCE_EXHAUSTED: no slot".to_owned()),
                closed_ns: ok.closed_ns,
                concurrent_sessions: ok.concurrent_sessions,
                ..moved(unanswered(0, Status::Error), n, start_ms)
            },
        }
    });
    (rows.collect(), timeline(63, |s| s as u32))
}

#[test]
fn errors_that_begin_at_a_load_name_it() {
    let (rows, timeline) = overloaded(40);
    let found = only(Kind::ErrorsAtLoad, &rows, &timeline);
    // Turns end a second or two after they began.
    let named = (40..=42)
        .any(|load| found.title == format!("Turns fail from about {load} sessions at once"));
    assert!(named, "{found:?}");
    assert!(found.evidence.contains("RESOURCE_EXHAUSTED"), "{found:?}");
}

#[test]
fn errors_at_every_load_or_in_one_moment_name_none() {
    let (rows, seconds) = overloaded(0);
    assert_eq!(diagnose(&rows, &seconds), []);
    // A restart: everything fails within two seconds of the last ten.
    let (mut rows, seconds) = overloaded(60);
    let bad = rows
        .iter_mut()
        .filter(|row| (52..54).contains(&(row.intended_start_ns / NS_PER_S)));
    for row in bad {
        row.status = Status::Error;
        row.grpc_code = Some(14);
    }
    assert_eq!(diagnose(&rows, &seconds), []);
}

#[test]
fn outliers_of_one_replica_name_it() {
    let replica = |n: u32| Some(format!("gpu-{}", n % 4));
    let rows: Vec<_> = (0..800)
        .map(|n| {
            let is_slow = n % 60 == 3;
            let response = if is_slow {
                4_000 + i64::from(n)
            } else {
                200 + i64::from(n % 90)
            };
            RequestRow {
                replica: replica(n),
                ..turn(n, i64::from(n) * 100, response, 10)
            }
        })
        .collect();
    let found = only(Kind::Outliers, &rows, &timeline(85, |_| 10));
    assert!(
        found
            .evidence
            .contains("14 of these 14 are of replica gpu-3"),
        "{found:?}"
    );
    assert!(found.evidence.contains("25.0 % of all turns"), "{found:?}");
    assert!(found.evidence.contains("session call-783"), "{found:?}");
}

#[test]
fn outliers_of_one_moment_name_it() {
    let rows: Vec<_> = (0..800)
        .map(|n| {
            let response = if (400..412).contains(&n) {
                3_000
            } else {
                200 + i64::from(n % 90)
            };
            turn(n, i64::from(n) * 100, response, 10)
        })
        .collect();
    let found = only(Kind::Outliers, &rows, &timeline(85, |_| 10));
    assert!(
        found.evidence.contains("between 0m44s and 0m45s"),
        "{found:?}"
    );
}

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
    let together: Vec<_> = (0..40).map(|n| broken(n, 1_000, 12_000, 30_000)).collect();
    assert_eq!(diagnose(&together, &timeline(40, |_| 20)), []);
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
    assert_eq!(diagnose(&any, &timeline(90, |_| 20)), []);
    // Others of the same age went on.
    let mut rows = limited(15_000);
    rows.extend((100..200).map(|n| {
        let mut turn = turn(n, i64::from(n) * 100, 200, 20);
        turn.closed_ns = turn.opened_ns.map(|ns| ns + 40 * NS_PER_S);
        turn
    }));
    assert_eq!(diagnose(&rows, &timeline(90, |_| 20)), []);
}

fn with_limit(limit: u64, connections: u64) -> RunManifest {
    let mut run = manifest();
    run.spec["stream_limit"] = limit.into();
    run.spec["connections"] = connections.into();
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
fn a_late_generator_is_said_with_the_machines_figures() {
    let mut run = manifest();
    run.verdict = Some(Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec!["3.20 % of the chunks were late (640 of 20000)".to_owned()],
    });
    let mut seconds = timeline(40, |_| 12);
    for second in &mut seconds[20..32] {
        second.late_chunks = 53;
        second.lag_max_ns = Some(140 * NS_PER_MS);
        second.cpu_percent = 197.0;
        second.steal_percent = Some(12.0);
    }
    seconds
        .iter_mut()
        .for_each(|second| second.steal_percent = second.steal_percent.or(Some(0.0)));
    let rows: Vec<_> = (0..100).map(row).collect();
    let found = sole(Kind::GeneratorLate, diagnose_run(&run, &rows, &seconds));
    for words in ["3.20 %", "the latest by 140 ms", "2.0 cores", "12.0 %"] {
        assert!(found.evidence.contains(words), "{words}: {found:?}");
    }
}

#[test]
fn findings_fit_a_terminal_and_survive_json() {
    let run = Summary::of(&manifest(), &limited(15_000), &timeline(90, |_| 20), None);
    let text = crate::report::text::render(&run, false);
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

/// A healthy run: a load that comes and goes, answers whose times have nothing to do with it, and
/// failures without a reason.
#[derive(Debug, Clone)]
struct Healthy {
    seed: u64,
    turns: u32,
    peak: u32,
    sigma: f64,
    failing: f64,
    replicas: u32,
    turns_a_session: u32,
}

fn healthy() -> impl Strategy<Value = Healthy> {
    (
        any::<u64>(),
        20_u32..1_500,
        1_u32..300,
        0.05_f64..0.6,
        0.0_f64..0.03,
        1_u32..5,
        1_u32..6,
    )
        .prop_map(
            |(seed, turns, peak, sigma, failing, replicas, turns_a_session)| Healthy {
                seed,
                turns,
                peak,
                sigma,
                failing,
                replicas,
                turns_a_session,
            },
        )
}

impl Healthy {
    fn run(&self) -> (Vec<RequestRow>, Vec<TimelineRow>) {
        let mut noise = noise(self.seed);
        let seconds = i64::from(self.turns / 10 + 5);
        let load = |second: i64| {
            let way = second as f64 / seconds as f64;
            1 + (f64::from(self.peak) * (way * std::f64::consts::PI).sin()) as u32
        };
        let rows = (0..self.turns).map(|n| {
            let start_ms = i64::from(n) * 100;
            // A normal value from twelve even ones.
            let normal = (0..12).map(|_| noise()).sum::<f64>() - 6.0;
            let response = 300.0 * (self.sigma * normal).exp();
            let session = n / self.turns_a_session;
            let mut turn = RequestRow {
                session_id: format!("call-{session}"),
                turn: n % self.turns_a_session,
                replica: Some(format!("r{}", session % self.replicas)),
                ..turn(n, start_ms, response as i64, load(start_ms / 1_000))
            };
            if noise() < self.failing {
                let broken = broken(n, start_ms, 200 + (noise() * 60_000.0) as i64, 20_000);
                turn = RequestRow {
                    session_id: turn.session_id,
                    turn: turn.turn,
                    ..broken
                };
            }
            turn
        });
        (rows.collect(), timeline(seconds, load))
    }
}

proptest! {
    #[test]
    fn nothing_is_said_of_a_healthy_run(healthy in healthy()) {
        let (rows, timeline) = healthy.run();
        prop_assert_eq!(diagnose(&rows, &timeline), []);
    }
}
