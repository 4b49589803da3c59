use super::*;
use crate::results::row::{ArrivalRow, Direction, MessageRow, RequestRow};
use crate::results::sample::{manifest, row};
use crate::table::write_all;

const CHUNKS: u32 = 100;

struct Case {
    /// Arrivals as (sequence number, received), on the run's clock.
    arrivals: Vec<(u32, i64)>,
    run_id: String,
    boot_id: String,
    grpc_code: u32,
}

impl Case {
    /// Every message arrives 50 µs after it was sent, which is 10 µs late.
    fn new() -> Case {
        Case {
            arrivals: (0..=CHUNKS)
                .map(|seq| (seq, intended(seq) + 60_000))
                .collect(),
            run_id: manifest().run_id,
            boot_id: manifest().epoch.boot_id,
            grpc_code: 0,
        }
    }

    fn witness(&self) -> Witness {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let run = manifest();
        std::fs::write(path("run.json"), serde_json::to_string(&run).unwrap()).unwrap();
        let request = RequestRow {
            grpc_code: Some(self.grpc_code),
            ..row(0)
        };
        let message = |seq: u32| MessageRow {
            session_id: request.session_id.clone(),
            copy: request.copy,
            turn: 0,
            direction: Direction::Sent,
            kind: match seq {
                0 => "config",
                seq if seq > CHUNKS => "half_close",
                _ => "audio",
            }
            .to_owned(),
            seq,
            intended_ns: Some(intended(seq)),
            released_ns: Some(intended(seq) + 5_000),
            sent_ns: Some(intended(seq) + 10_000),
            received_ns: None,
            bytes: if (1..=CHUNKS).contains(&seq) { 640 } else { 0 },
        };
        let messages: Vec<_> = (0..CHUNKS + 2).map(message).collect();
        write_all(&path("messages.parquet"), 1024, &[], &messages).unwrap();
        write_all(
            &path("requests.parquet"),
            1024,
            &[],
            std::slice::from_ref(&request),
        )
        .unwrap();
        let arrival = |(seq, at_ns): &(u32, i64)| ArrivalRow {
            run_id: self.run_id.clone(),
            wire_session_id: request.wire_session_id.clone(),
            seq: *seq,
            received_ns: at_ns - 1_000_000,
            bytes: if (1..=CHUNKS).contains(seq) { 640 } else { 0 },
        };
        let log: Vec<_> = self.arrivals.iter().map(arrival).collect();
        let epoch_ns = run.epoch.monotonic_ns + 1_000_000;
        let notes = [
            ("epoch_monotonic_ns".to_owned(), epoch_ns.to_string()),
            ("boot_id".to_owned(), self.boot_id.clone()),
        ];
        write_all(&path("log.parquet"), 1024, &notes, &log).unwrap();
        Witness::of(&RunDir::open(dir.path()).unwrap(), &path("log.parquet")).unwrap()
    }
}

fn intended(seq: u32) -> i64 {
    i64::from(seq) * 20_000_000
}

#[test]
fn an_exact_run_is_kept_and_measured_on_one_clock() {
    let witness = Case::new().witness();
    assert_eq!(witness.failures, Vec::<String>::new());
    let counts = witness.messages;
    assert_eq!((counts.sent, counts.arrived), (101, 101));
    let spreads = [
        witness.error,
        witness.lag,
        witness.transit,
        witness.gap_error,
    ];
    let medians = spreads.map(|spread| spread.unwrap().p50_ns);
    assert_eq!(medians, [60_000, 10_000, 50_000, 0]);
    assert_eq!(witness.error.unwrap().n, 100, "chunks only");
    assert!(witness.drift.unwrap().over_run_ns.abs() < 1.0);
    assert!(text::render(&witness, false).contains("KEPT"));
}

#[test]
fn what_was_lost_doubled_or_reordered_fails() {
    let mut lost = Case::new();
    lost.arrivals.remove(50);
    assert_eq!(lost.witness().messages.lost, 1);
    assert_eq!(lost.witness().failures, ["1 messages were lost"]);
    lost.grpc_code = 1;
    assert_eq!(lost.witness().messages.cut_off, 1);
    assert!(lost.witness().failures.is_empty(), "a reset discards");

    let mut doubled = Case::new();
    doubled.arrivals.insert(51, doubled.arrivals[50]);
    assert_eq!(doubled.witness().messages.doubled, 1);

    let mut swapped = Case::new();
    swapped.arrivals.swap(50, 51);
    let witness = swapped.witness();
    assert_eq!(witness.messages.reordered, 1);
    assert!(text::render(&witness, false).contains("FAILED"));
}

#[test]
fn late_chunks_and_drift_are_seen() {
    let mut late = Case::new();
    late.arrivals[10].1 += 30_000_000;
    late.arrivals[11].1 += 30_000_000;
    let witness = late.witness();
    assert_eq!(witness.late, 2);
    assert_eq!(witness.failures.len(), 1, "{:?}", witness.failures);

    let mut drifting = Case::new();
    for (seq, at_ns) in &mut drifting.arrivals {
        *at_ns += i64::from(*seq) * 1_000;
    }
    let drift = drifting.witness().drift.unwrap();
    assert!((drift.over_run_ns - 99_000.0).abs() < 1.0, "{drift:?}");
    assert!(drift.last_p99_ns > drift.first_p99_ns + 80_000, "{drift:?}");
}

#[test]
fn another_boot_leaves_the_gaps_and_another_run_leaves_nothing() {
    let elsewhere = Case {
        boot_id: "another".to_owned(),
        ..Case::new()
    };
    let witness = elsewhere.witness();
    assert!(!witness.same_clock && witness.error.is_none());
    assert_eq!(witness.gap_error.unwrap().max_ns, 0);
    assert!(witness.failures.is_empty());

    let foreign = Case {
        run_id: "another".to_owned(),
        ..Case::new()
    };
    let witness = foreign.witness();
    assert_eq!(witness.messages.of_other_runs, 101);
    assert!(!witness.failures.is_empty());
}
