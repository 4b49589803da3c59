//! Replays that do not start, or do not reach their end.

use rustix::process::Signal;
use voicelt::results::reader::RunDir;
use voicelt::results::row::Status;

use super::{Desk, files, replay_into, said, until};

/// Calls of a second, five a second, for half a minute.
const LONG: &[&str] = &[
    "--synth",
    "speech-like:1s",
    "--arrivals",
    "constant:5/s",
    "--duration",
    "30s",
];

#[test]
fn an_unreachable_target_is_told_before_anything_starts() {
    let desk = Desk::with_trace(&["--synth", "speech-like:1s"]);
    let target = "127.0.0.1:1";
    let output = desk.voicelt(&["replay", "calls.vtrace", "--target", target]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains(target), "{}", said(&output));
    assert!(!desk.path("runs").exists());
}

#[test]
fn a_run_is_never_written_over_and_a_bad_trace_is_bad_input() {
    let desk = Desk::with_trace(&["--synth", "speech-like:1s"]);
    std::fs::create_dir(desk.path("mine")).unwrap();
    std::fs::write(desk.path("mine/thesis.txt"), "x").unwrap();
    let output = desk.voicelt(&["replay", "calls.vtrace", "-t", "embedded", "-o", "mine"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(files(&desk.path("mine"), "").len(), 1);
    let output = desk.voicelt(&["replay", "mine", "-t", "embedded"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("not a trace bundle"),
        "{}",
        said(&output)
    );
}

#[test]
fn after_kill_9_every_turn_that_was_on_disk_is_counted() {
    let desk = Desk::with_trace(LONG);
    let run = desk.start(&[
        "--quiet",
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "-o",
        "run",
    ]);
    let dir = desk.path("run");
    until(|| dir.join("requests-00002.parquet").exists().then_some(()));
    run.signal(Signal::KILL);
    assert_eq!(run.wait(), None);
    let rows = RunDir::open(&dir).unwrap().requests().unwrap().rows;
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    // The second part is closed after ten seconds at five calls a second, less what is under way.
    assert!(count(Status::Ok) >= 20, "{} ok", count(Status::Ok));
    assert!(count(Status::Interrupted) >= 1, "calls were under way");
    let output = desk.voicelt(&["report", "run"]);
    assert!(said(&output).contains("KILLED"), "{}", said(&output));
}

#[test]
fn ctrl_c_lets_calls_end_and_writes_everything() {
    let desk = Desk::with_trace(LONG);
    let run = desk.start(&[
        "--quiet",
        "replay",
        "calls.vtrace",
        "-t",
        "embedded",
        "-o",
        "run",
    ]);
    until(|| files(&desk.path("run"), "started-0").first().cloned());
    run.signal(Signal::INT);
    assert_eq!(run.wait(), Some(130));
    let rows = RunDir::open(&desk.path("run"))
        .unwrap()
        .requests()
        .unwrap()
        .rows;
    assert!(rows.len() >= 10 && rows.len() < 150, "{} rows", rows.len());
    assert!(
        rows.iter().all(|row| row.status == Status::Ok),
        "calls under way had time to end"
    );
    assert!(desk.path("run/requests.parquet").exists());
    assert!(files(&desk.path("run"), "requests-0").is_empty());
}

#[test]
fn a_gateway_that_dies_is_data() {
    let desk = Desk::with_trace(LONG);
    let (gateway, target) = desk.gateway(&[]);
    let run = desk.start(&replay_into(&target, "run"));
    until(|| files(&desk.path("run"), "started-0").first().cloned());
    drop(gateway);
    assert_eq!(run.wait(), Some(0), "failures of the gateway are rows");
    let rows = RunDir::open(&desk.path("run"))
        .unwrap()
        .requests()
        .unwrap()
        .rows;
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
