//! What the gateway received, by its own log, is what the plan asked for and the run says.

use std::collections::BTreeMap;

use rustix::process::Signal;
use voicelt::results::reader::RunDir;
use voicelt::results::row::{ArrivalRow, Direction, MessageRow, Status};
use voicelt::table::{Reader, read_all};

use crate::Desk;

#[test]
fn every_chunk_of_a_hundred_sessions_arrives_and_the_log_agrees() {
    let desk = Desk::with_trace(&[
        "--synth",
        "speech-like:1s",
        "--arrivals",
        "constant:50/s",
        "--sessions",
        "100",
        "--turns",
        "2",
        "--answer-time",
        "3s",
    ]);
    let mut gateway = desk.start(&[
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--slots",
        "200",
        "--arrivals-log",
        "log.parquet",
    ]);
    let target = gateway.address();
    // Whether a busy machine kept the schedule is the verdict's business, not this test's.
    let output = desk.voicelt(&[
        "--quiet",
        "replay",
        "calls.vtrace",
        "-t",
        &target,
        "-o",
        "run",
        "--messages",
        "--allow-invalid",
    ]);
    assert!(output.status.success(), "{}", crate::said(&output));
    gateway.signal(Signal::INT);
    assert_eq!(gateway.wait(), Some(0));

    let run = RunDir::open(&desk.path("run")).unwrap();
    let rows = run.requests().unwrap().rows;
    assert_eq!(rows.len(), 200, "every turn is one row");
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
    assert_eq!(keys.len(), 200);

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
        run.manifest().planned.chunks as usize + 100,
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
}
