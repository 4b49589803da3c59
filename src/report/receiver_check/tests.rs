//! Synthetic runs and logs, written and joined.

use super::*;
use crate::results::manifest::RunManifest;
use crate::results::row::{ArrivalRow, Direction, MessageRow, RequestRow, StartedRow};
use crate::results::sample::{manifest, row};
use crate::table::write_all;
use crate::units::NS_PER_MS;

/// Chunks of a session, 20 ms apart; before them goes the configuration, as number 0.
const CHUNKS: u32 = 100;
/// From the log's epoch to the run's.
const APART_NS: i64 = 1_000_000;

/// A run and its log.
struct Case {
    run: RunManifest,
    requests: Vec<RequestRow>,
    messages: Vec<MessageRow>,
    arrivals: Vec<ArrivalRow>,
    /// The boot that the log is of.
    boot_id: String,
}

fn intended(seq: u32) -> i64 {
    i64::from(seq) * 20 * NS_PER_MS
}

impl Case {
    /// One session, of which every message is sent 10 µs late and takes 50 µs to arrive.
    fn new() -> Case {
        let mut run = manifest();
        run.epoch.boot_id = "this boot".to_owned();
        run.epoch.monotonic_ns = 5_000_000_000;
        let mut case = Case {
            boot_id: run.epoch.boot_id.clone(),
            run,
            requests: Vec::new(),
            messages: Vec::new(),
            arrivals: Vec::new(),
        };
        case.add_session(row(0));
        case
    }

    fn add_session(&mut self, request: RequestRow) {
        for seq in 0..CHUNKS + 2 {
            let kind = match seq {
                0 => "config",
                seq if seq > CHUNKS => "half_close",
                _ => "audio",
            };
            let bytes = if kind == "audio" { 640 } else { 0 };
            self.messages.push(MessageRow {
                session_id: request.session_id.clone(),
                copy: request.copy,
                turn: request.turn,
                direction: Direction::Sent,
                kind: kind.to_owned(),
                seq,
                intended_ns: Some(intended(seq)),
                released_ns: Some(intended(seq) + 5_000),
                taken_ns: Some(intended(seq) + 8_000),
                sent_ns: Some(intended(seq) + 10_000),
                received_ns: None,
                bytes,
            });
            if kind != "half_close" {
                self.arrivals.push(ArrivalRow {
                    run_id: self.run.run_id.clone(),
                    wire_session_id: request.wire_session_id.clone(),
                    seq,
                    received_ns: intended(seq) + 60_000 - APART_NS,
                    bytes,
                });
            }
        }
        self.requests.push(request);
    }

    /// Writes all into a directory of its own.
    fn write(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("run.json"), serde_json::to_string(&self.run).unwrap()).unwrap();
        write_all(&path("requests.parquet"), 1024, &[], &self.requests).unwrap();
        write_all(&path("messages.parquet"), 1024, &[], &self.messages).unwrap();
        let epoch_ns = self.run.epoch.monotonic_ns + APART_NS;
        let notes = [
            ("epoch_monotonic_ns".to_owned(), epoch_ns.to_string()),
            ("boot_id".to_owned(), self.boot_id.clone()),
        ];
        write_all(&path("log.parquet"), 1024, &notes, &self.arrivals).unwrap();
        dir
    }

    fn check(&self) -> ReceiverCheck {
        read(&self.write()).unwrap()
    }
}

fn read(dir: &tempfile::TempDir) -> Result<ReceiverCheck, ResultsError> {
    ReceiverCheck::of(&RunDir::open(dir.path())?, &dir.path().join("log.parquet"))
}

#[test]
fn an_exact_run_is_kept_and_measured_on_one_clock() {
    let check = Case::new().check();
    assert_eq!(check.failures, Vec::<String>::new());
    let counts = Counts {
        sent: 101,
        arrived: 101,
        ..Counts::default()
    };
    assert_eq!(check.messages, counts);
    let spreads = [
        check.chunks.error,
        check.chunks.lag,
        check.chunks.transit,
        check.chunks.gap_error,
    ];
    let medians = spreads.map(|spread| spread.unwrap().p50_ns);
    assert_eq!(medians, [60_000, 10_000, 50_000, 0]);
    let counts = spreads.map(|spread| spread.unwrap().n);
    assert_eq!(counts, [100, 100, 100, 99], "chunks only");
    assert!(check.chunks.drift.unwrap().over_run_ns.abs() < 1.0);
    let json = serde_json::to_string(&check).unwrap();
    assert_eq!(serde_json::from_str::<ReceiverCheck>(&json).unwrap(), check);
}

#[test]
fn what_was_lost_doubled_reordered_or_altered_fails() {
    let mut lost = Case::new();
    lost.arrivals.remove(50);
    assert_eq!(lost.check().messages.lost, 1);
    assert_eq!(
        lost.check().chunks.gap_error.unwrap().n,
        97,
        "no gap across it"
    );
    lost.requests[0].grpc_code = Some(1);
    assert_eq!(lost.check().messages.cut_off, 1);
    assert!(lost.check().failures.is_empty(), "a reset discards");

    let mut doubled = Case::new();
    doubled.arrivals.insert(51, doubled.arrivals[50].clone());
    let mut swapped = Case::new();
    swapped.arrivals.swap(50, 51);
    let mut altered = Case::new();
    altered.arrivals[50].bytes = 639;
    let [doubled, swapped, altered] = [doubled, swapped, altered].map(|case| case.check());
    let seen = [
        doubled.messages.doubled,
        swapped.messages.reordered,
        altered.messages.altered,
    ];
    assert_eq!(seen, [1, 1, 1]);
    assert_eq!(doubled.failures, ["1 message arrived again"]);
    assert_eq!(swapped.failures, ["1 message arrived after a later one"]);
    assert_eq!(altered.failures, ["1 message arrived with another length"]);
}

#[test]
fn a_row_that_the_run_lost_does_not_shift_the_others() {
    let mut case = Case::new();
    case.messages.remove(50);
    let check = case.check();
    let counts = Counts {
        sent: 100,
        arrived: 100,
        unknown: 1,
        ..Counts::default()
    };
    assert_eq!(check.messages, counts);
    assert_eq!(check.chunks.error.unwrap().max_ns, 60_000);
    assert_eq!(check.failures.len(), 1, "{:?}", check.failures);
}

#[test]
fn late_chunks_fail_and_drift_is_seen() {
    let mut late = Case::new();
    late.arrivals[10].received_ns += 30 * NS_PER_MS;
    assert_eq!(late.check().chunks.late, 1);
    assert!(late.check().failures.is_empty(), "1 % may be late");
    late.arrivals[11].received_ns += 30 * NS_PER_MS;
    let failures = late.check().failures;
    assert!(failures[0].starts_with("2.00 % of the chunks"));

    let mut drifting = Case::new();
    for arrival in &mut drifting.arrivals {
        arrival.received_ns += i64::from(arrival.seq) * 1_000;
    }
    let drift = drifting.check().chunks.drift.unwrap();
    assert!((drift.over_run_ns - 99_000.0).abs() < 1.0, "{drift:?}");
    assert!((drift.per_minute_ns - 3e6).abs() < 10.0, "{drift:?}");
}

#[test]
fn a_pause_in_the_plan_makes_no_chunk_less_late() {
    let mut case = Case::new();
    // Chunks of 100 ms, with a pause of 10 s before the 50th.
    let planned =
        |seq: u32| i64::from(seq) * 100 * NS_PER_MS + i64::from(seq >= 50) * 10_000_000_000;
    for message in &mut case.messages {
        message.intended_ns = Some(planned(message.seq));
        message.sent_ns = message.intended_ns;
    }
    for arrival in &mut case.arrivals {
        arrival.received_ns = planned(arrival.seq) + 90 * NS_PER_MS - APART_NS;
    }
    assert_eq!(case.check().chunks.late, 0, "within their interval");
    case.arrivals[50].received_ns += 20 * NS_PER_MS;
    assert_eq!(case.check().chunks.late, 1);
}

#[test]
fn another_boot_leaves_the_gaps() {
    for boot_id in ["another boot", ""] {
        let mut elsewhere = Case::new();
        elsewhere.boot_id = boot_id.to_owned();
        // Two clocks that are known to be neither one nor two are not compared.
        elsewhere.run.epoch.boot_id = boot_id.replace("another", "this");
        elsewhere.arrivals[10].received_ns += 30 * NS_PER_MS;
        let check = elsewhere.check();
        assert!(!check.same_clock && check.chunks.error.is_none() && check.chunks.drift.is_none());
        assert_eq!(check.chunks.gap_error.unwrap().max_ns, 30 * NS_PER_MS);
        assert!(check.failures.is_empty());
    }
}

#[test]
fn other_runs_in_the_log_are_left_out_and_counted() {
    let mut case = Case::new();
    let of_another = |arrival: &ArrivalRow| ArrivalRow {
        run_id: "another".to_owned(),
        ..arrival.clone()
    };
    let others: Vec<_> = case.arrivals.iter().map(of_another).collect();
    let own = std::mem::replace(&mut case.arrivals, others);
    let check = case.check();
    assert_eq!(
        (check.messages.of_other_runs, check.messages.arrived),
        (101, 0)
    );
    assert_eq!(check.failures, ["the log holds no message of this run"]);
    case.arrivals.extend(own);
    let check = case.check();
    assert_eq!(
        (check.messages.of_other_runs, check.messages.arrived),
        (101, 101)
    );
    assert!(check.failures.is_empty());
}

#[test]
fn sessions_are_told_apart_by_their_names_on_the_wire() {
    let kept = |copy: u32, wire_session_id: &str| RequestRow {
        copy,
        wire_session_id: wire_session_id.to_owned(),
        ..row(0)
    };
    let mut case = Case::new();
    (case.requests, case.messages, case.arrivals) = Default::default();
    case.add_session(kept(0, "call-0"));
    assert_eq!(case.check().messages.arrived, 101);
    case.add_session(kept(1, "call-0 again"));
    let check = case.check();
    assert_eq!((check.messages.arrived, check.failures.len()), (202, 0));

    case.requests[1].wire_session_id = "call-0".to_owned();
    let said = read(&case.write()).unwrap_err().to_string();
    assert!(said.contains("without --keep-session-ids"), "{said}");
}

#[test]
fn a_killed_run_is_judged_by_what_it_wrote() {
    let mut case = Case::new();
    case.run.exit_reason = ExitReason::Running;
    // The last chunks have arrived, but their rows were not written.
    case.messages.truncate(80);
    let dir = case.write();
    let request = &case.requests[0];
    let start = StartedRow {
        session_id: request.session_id.clone(),
        copy: request.copy,
        turn: request.turn,
        user: None,
        intended_start_ns: 0,
        started_ns: 1,
        planned_start_ns: Some(0),
    };
    let path = |name: &str| dir.path().join(name);
    std::fs::remove_file(path("requests.parquet")).unwrap();
    write_all(&path("started-00001.parquet"), 1024, &[], &[start]).unwrap();
    std::fs::rename(path("messages.parquet"), path("messages-00001.parquet")).unwrap();
    let check = read(&dir).unwrap();
    assert_eq!((check.messages.arrived, check.messages.unknown), (80, 21));
    assert!(check.failures.is_empty(), "{:?}", check.failures);
}

#[test]
fn a_run_without_messages_says_how_to_make_one_with_them() {
    let dir = Case::new().write();
    std::fs::remove_file(dir.path().join("messages.parquet")).unwrap();
    let said = read(&dir).unwrap_err().to_string();
    assert!(said.contains("replay with --messages"), "{said}");
}

#[test]
fn the_testimony_reads_well() {
    let mut case = Case::new();
    for arrival in &mut case.arrivals[60..] {
        arrival.received_ns += i64::from(arrival.seq) * 400_000;
    }
    case.arrivals.remove(50);
    insta::assert_snapshot!(text::render(&case.check(), false), @r"
    run       calls-20260921-141320 · 101 messages sent, 100 arrived
    verdict   FAILED: the receiver did not see the schedule
              - 1 message did not arrive in streams that ended well, or found the
                log behind (the gateway says so when it stops)
              - 41.41 % of the chunks arrived more than their interval, at least
                20.0 ms, after their instant (limit 1 %)
    messages  1 lost · 0 doubled · 0 reordered · 41 of 99 chunks late
    drift     +1.48 s a minute · +48.7 ms over the run · error p99 60.0 µs at first
              40.1 ms at last

    chunks                              p50      p99    p99.9      max
    error      plan → arrival       60.0 µs  40.1 ms  40.1 ms  40.1 ms
    lag        plan → sent          10.0 µs  10.0 µs  10.0 µs  10.0 µs
    transit    sent → arrival       50.0 µs  40.0 ms  40.0 ms  40.0 ms
    gap error  |gap − planned gap|     0 ns  24.0 ms  24.0 ms  24.0 ms
    ");
    case.boot_id = "another".to_owned();
    case.arrivals = Case::new().arrivals;
    case.run.exit_reason = ExitReason::Running;
    insta::assert_snapshot!(text::render(&case.check(), false), @r"
    run       calls-20260921-141320 · 101 messages sent, 101 arrived
    verdict   KEPT as far as gaps can tell: every message arrived once and in order
    clocks    The log is of another boot or machine, or does not say which: instants
              cannot be compared, gaps can.
    ended     The run was killed, or is under way: its last messages have no row,
              and their arrivals are not held against it.
    messages  0 lost · 0 doubled · 0 reordered

    chunks                              p50      p99    p99.9      max
    lag        plan → sent          10.0 µs  10.0 µs  10.0 µs  10.0 µs
    gap error  |gap − planned gap|     0 ns     0 ns     0 ns     0 ns
    ");
}
