//! Runs whose turns fail or slow down with the load, or whose load was late.

use super::{diagnose, diagnose_run, kinds, moved, noise, only, sole, timeline, turn};
use crate::report::diagnosis::Kind;
use crate::results::manifest::{Verdict, VerdictLevel};
use crate::results::row::{RequestRow, Status, TimelineRow};
use crate::results::sample::{manifest, row, unanswered};
use crate::units::{NS_PER_MS, NS_PER_S};

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
fn many_turns_that_may_have_the_answers_of_others_are_named() {
    let rows = |uncertain: u32| -> Vec<_> {
        let row = |n| RequestRow {
            owner_uncertain: Some(n % 100 < uncertain),
            ..turn(n, i64::from(n) * 100, 200, 5)
        };
        (0..300).map(row).collect()
    };
    let found = only(Kind::OwnerUncertain, &rows(20), &timeline(32, |_| 5));
    assert!(found.evidence.contains("60 of the 300 turns"), "{found:?}");
    assert!(found.advice.contains("reactive"), "{found:?}");
    assert_eq!(diagnose(&rows(9), &timeline(32, |_| 5)), []);
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
    assert_eq!(kinds(&rows, &seconds), [Kind::FrequentError]);
    // A restart: everything fails within two seconds of the last ten.
    let (mut rows, seconds) = overloaded(60);
    let bad = rows
        .iter_mut()
        .filter(|row| (52..54).contains(&(row.intended_start_ns / NS_PER_S)));
    for row in bad {
        row.status = Status::Error;
        row.grpc_code = Some(14);
    }
    assert_eq!(kinds(&rows, &seconds), [Kind::FrequentError]);
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
