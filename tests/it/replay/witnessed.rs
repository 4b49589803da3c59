//! What the gateway received, by its own log, is what the plan asked for and the run says.

use std::collections::BTreeMap;

use voicelt::report::receiver_check::{Counts, ReceiverCheck};
use voicelt::results::row::{ArrivalRow, Direction, MessageRow, Status};
use voicelt::table::{Reader, read_all};

use super::replay_into;
use crate::support::Desk;

const GATEWAY: &str = "--slots 200 --arrivals-log log.parquet";

#[test]
fn every_chunk_of_fifty_sessions_arrives_and_the_log_agrees() {
    let desk = Desk::with_trace(
        "--synth speech-like:1s --arrivals constant:50/s --sessions 50 --turns 2 --answer-time 3s",
    );
    let (gateway, target) = desk.gateway(GATEWAY);
    let replay = replay_into(&target, "run");
    desk.voicelt(&format!("{replay} --messages")).exits(0);
    gateway.interrupt().exits(0);

    let run = desk.run("run");
    let rows = run.requests().unwrap().rows;
    assert_eq!(rows.len(), 100, "every turn is one row");
    assert!(
        rows.iter()
            .all(|row| row.status == Status::Ok && row.chunks_sent == row.chunks_planned)
    );
    let mut keys: Vec<_> = rows
        .iter()
        .map(|row| (&row.session_id, row.copy, row.turn))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 100);

    let log = desk.path("log.parquet");
    let epoch: i64 = Reader::<ArrivalRow>::open(&log)
        .unwrap()
        .note("epoch_monotonic_ns")
        .unwrap()
        .parse()
        .unwrap();
    let offset = epoch - run.manifest().epoch.monotonic_ns;
    let arrivals: BTreeMap<(String, u32), i64> = read_all::<ArrivalRow>(&log)
        .unwrap()
        .into_iter()
        .map(|row| ((row.wire_session_id, row.seq), row.received_ns + offset))
        .collect();
    let messages: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    let names: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.session_id.as_str(), &row.wire_session_id))
        .collect();
    let is_message = |m: &&MessageRow| m.direction == Direction::Sent && m.kind != "half_close";
    let sent: Vec<_> = messages.iter().filter(is_message).collect();
    assert_eq!(arrivals.len(), sent.len(), "nothing lost, nothing doubled");
    assert_eq!(
        run.manifest().planned.chunks as usize + 50,
        sent.len(),
        "chunks and configurations"
    );
    for message in sent {
        let name = names[message.session_id.as_str()].clone();
        let received = arrivals[&(name, message.seq)];
        let [intended, released, sent] =
            [message.intended_ns, message.released_ns, message.sent_ns].map(Option::unwrap);
        assert!(intended <= released && released <= sent, "{message:?}");
        assert!(
            received >= intended,
            "{message:?} was received at {received}"
        );
    }

    let (code, testimony) = testimony(&desk);
    let counts = Counts {
        sent: run.manifest().planned.chunks + 50,
        arrived: run.manifest().planned.chunks + 50,
        ..Counts::default()
    };
    assert_eq!(testimony.messages, counts, "chunks and configurations");
    assert!(testimony.same_clock && testimony.run_ended);
    for spread in [
        testimony.chunks.error,
        testimony.chunks.lag,
        testimony.chunks.transit,
    ] {
        assert_eq!(spread.unwrap().n, run.manifest().planned.chunks);
    }
    assert!(
        testimony.chunks.error.unwrap().min_ns >= 0,
        "nothing arrives early"
    );
    judged_by_lateness_alone(code, &testimony);
}

#[test]
fn the_names_of_the_trace_are_as_good_and_other_logs_are_not() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 3");
    let (gateway, target) = desk.gateway(GATEWAY);
    for (run, flags) in [("run", "--messages --keep-session-ids"), ("bare", "")] {
        let replay = replay_into(&target, run);
        desk.voicelt(&format!("{replay} {flags}")).exits(0);
    }
    gateway.interrupt().exits(0);

    let planned = desk.run("run").manifest().planned.chunks;
    let (code, testimony) = testimony(&desk);
    let counts = Counts {
        sent: planned + 3,
        arrived: planned + 3,
        of_other_runs: planned + 3,
        ..Counts::default()
    };
    assert_eq!(testimony.messages, counts);
    judged_by_lateness_alone(code, &testimony);

    for (files, reason) in [
        ("bare log.parquet", "replay with --messages"),
        ("run run/requests.parquet", "column `seq` is missing"),
        ("run none.parquet", "none.parquet: No such file"),
    ] {
        desk.voicelt(&format!("witness {files}")).refused(reason);
    }
}

/// The exit code of `voicelt witness run log.parquet`, and what it says.
fn testimony(desk: &Desk) -> (i32, ReceiverCheck) {
    let output = desk.voicelt("witness run log.parquet --json said.json");
    let testimony: ReceiverCheck = serde_json::from_str(&desk.read("said.json")).unwrap();
    output.says(match testimony.failures.is_empty() {
        true => "KEPT",
        false => "FAILED",
    });
    (output.code.unwrap(), testimony)
}

/// Whether a busy machine kept the schedule is no business of a test: that chunks were late is the
/// only failure there may be, and the exit code tells it.
fn judged_by_lateness_alone(code: i32, testimony: &ReceiverCheck) {
    let is_late = testimony.chunks.late * 100 > testimony.chunks.error.unwrap().n;
    assert_eq!(code, if is_late { 4 } else { 0 }, "{testimony:?}");
    assert_eq!(testimony.failures.len(), usize::from(is_late));
}
