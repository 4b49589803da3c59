//! Replays that do not start, or do not reach their end.

use rustix::process::Signal;
use voicelt::results::row::Status;

use super::replay_into;
use crate::support::{Desk, until};

/// Calls of a second, five a second, for half a minute.
const LONG: &str = "--synth speech-like:1s --arrivals constant:5/s --duration 30s";

#[test]
fn an_unreachable_target_is_told_before_anything_starts() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let target = "127.0.0.1:1";
    let output = desk.voicelt(&format!("replay calls.vtrace --target {target}"));
    output.exits(3).says(target);
    assert!(!desk.path("runs").exists());
}

#[test]
fn a_run_is_never_written_over_and_a_bad_trace_is_bad_input() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    desk.write("mine/thesis.txt", "x");
    desk.voicelt("replay calls.vtrace -t embedded -o mine")
        .exits(2);
    assert_eq!(desk.names("mine", ""), ["thesis.txt"]);
    desk.voicelt("replay mine -t embedded")
        .refused("not a trace bundle");
}

#[test]
fn after_kill_9_every_turn_that_was_on_disk_is_counted() {
    let desk = Desk::with_trace(LONG);
    let run = desk.start(&replay_into("embedded", "run"));
    let dir = desk.path("run");
    until(|| dir.join("requests-00007.parquet").exists().then_some(()));
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
    let rows = desk.requests("run");
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    // The seventh part is closed after seven seconds at five calls a second, less what is under way.
    assert!(count(Status::Ok) >= 20, "{} ok", count(Status::Ok));
    assert!(count(Status::Interrupted) >= 1, "calls were under way");
    desk.voicelt("report run").says("KILLED");
}

#[test]
fn ctrl_c_lets_calls_end_and_writes_everything() {
    let desk = Desk::with_trace(LONG);
    let run = desk.start(&replay_into("embedded", "run"));
    until(|| desk.names("run", "started-0").pop());
    run.signal(Signal::INT);
    run.wait().exits(130);
    let rows = desk.requests("run");
    assert!(!rows.is_empty() && rows.len() < 150, "{} rows", rows.len());
    assert!(
        rows.iter().all(|row| row.status == Status::Ok),
        "calls under way had time to end"
    );
    assert!(desk.path("run/requests.parquet").exists());
    assert!(desk.names("run", "requests-0").is_empty());
}

#[test]
fn a_gateway_that_dies_is_data() {
    let desk = Desk::with_trace(LONG);
    let (gateway, target) = desk.gateway("");
    let run = desk.start(&replay_into(&target, "run"));
    let ended = desk.path("run/requests-00002.parquet");
    until(|| ended.exists().then_some(()));
    drop(gateway);
    // Failures of the gateway are rows.
    run.wait().exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 150, "every planned turn has a row");
    let failed: Vec<_> = rows.iter().filter(|row| row.status != Status::Ok).collect();
    assert!(
        failed.len() > 50 && failed.len() < 150,
        "{} failed",
        failed.len()
    );
    assert!(
        failed
            .iter()
            .all(|row| row.grpc_code.is_some_and(|code| code != 0))
    );
    assert!(
        failed
            .iter()
            .all(|row| row.error.is_some() || row.status == Status::NotStarted)
    );
}
