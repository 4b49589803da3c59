//! Runs and recordings that are killed or hung up on, and what is said of them afterwards: nothing that
//! had ended is lost, and what was in flight is no error.

use rustix::process::Signal;
use serde_json::{Value, json};
use voicelt::results::row::{RequestRow, Status};
use voicelt::trace::stream::Bundle;

use crate::replay::replay_into;
use crate::support::{Desk, Output, until};

/// A desk with calls of a second, five a second, for so long.
fn calls(duration: &str) -> Desk {
    let calls = "--synth speech-like:1s --arrivals constant:5/s --duration";
    Desk::with_trace(&format!("{calls} {duration}"))
}

fn count(rows: &[RequestRow], status: Status) -> usize {
    rows.iter().filter(|row| row.status == status).count()
}

#[test]
fn a_run_is_on_the_disk_every_second() {
    // In twelve seconds there would be two parts of five seconds.
    let desk = calls("12s");
    let run = desk.start(&replay_into("embedded", "run"));
    let dir = desk.path("run");
    until(|| dir.join("started-00004.parquet").exists().then_some(()));
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
    let rows = desk.requests("run");
    assert!(count(&rows, Status::Ok) >= 1, "{} rows", rows.len());
    assert!(rows.len() < 60, "it was killed before its end");
}

#[test]
fn what_was_in_flight_is_no_error_anywhere() {
    let desk = calls("30s");
    let run = desk.start(&replay_into("embedded", "run"));
    let dir = desk.path("run");
    until(|| dir.join("requests-00003.parquet").exists().then_some(()));
    // While it goes on.
    let report = "report run --format json --require 'errors < 1%'";
    let told = desk.voicelt(report).exits(0).json();
    assert_eq!(told["run"]["exit_reason"], "running", "{told}");
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);

    let in_flight = count(&desk.requests("run"), Status::Interrupted);
    assert!(in_flight >= 1, "calls were under way");
    let files = "--junit a.xml --html a.html --raw-json raw.json";
    let told = desk.voicelt(&format!("{report} {files}")).exits(0).json();
    assert_eq!(told["run"]["exit_reason"], "killed");
    assert_eq!(told["turns"]["in_flight"], in_flight);
    assert_eq!(told["turns"]["success_rate"], 1.0);
    assert_eq!(told["summary"]["success_rate"], 1.0);
    assert_eq!(told["summary"]["failed_requests"], 0);
    assert_eq!(told["errors"], json!([]));
    assert_eq!(told["diagnosis"], json!([]), "{}", told["diagnosis"]);
    assert!(desk.read("a.xml").contains("failures=\"0\""));
    let raw = desk.json("raw.json");
    let of = |status: &str| {
        let records = raw.as_array().unwrap().iter();
        records.filter(|record| record["status"] == status).count()
    };
    assert_eq!((of("error"), of("in_flight")), (0, in_flight));
    desk.voicelt("report run")
        .says("KILLED: ")
        .says(&format!("{in_flight} in flight"))
        .says("success 100 %");
    let page = desk.read("a.html");
    assert!(page.contains("in flight") && !page.contains(">interrupted<"));
    desk.voicelt("runs .")
        .says(&format!("killed, {in_flight} in flight"))
        .says("0.0 %");

    // Beside a run that was whole.
    let whole = replay_into("embedded", "whole --until 6s");
    desk.voicelt(&whole).exits(0);
    let compared = desk.voicelt("compare whole run --format json --allow-invalid");
    let compared = compared.json().to_string();
    assert!(!compared.contains("\"worse\""), "{compared}");
}

#[test]
fn a_terminal_that_is_closed_ends_a_run_in_order() {
    let desk = calls("30s");
    let run = desk.start(&replay_into("embedded", "run"));
    until(|| desk.names("run", "started-0").pop());
    run.signal(Signal::HUP);
    run.wait().exits(143);
    let rows = desk.requests("run");
    assert!(!rows.is_empty() && rows.len() < 150, "{} rows", rows.len());
    assert_eq!(count(&rows, Status::Ok), rows.len());
    assert!(desk.path("run/requests.parquet").exists());
}

/// A run of one call, of two turns of half a minute each, which two signals end in the first.
pub(crate) fn run_ended_by_two_signals() -> Desk {
    let desk = Desk::with_trace("--synth speech-like:30s --turns 2 --sessions 1");
    let (_gateway, target) = desk.gateway("");
    let line = format!("replay calls.vtrace -t {target} -o run --no-live --allow-invalid");
    let mut run = desk.start(&line);
    until(|| desk.names("run", "started-0").pop());
    run.signal(Signal::HUP);
    run.says("stopping: ", "\n");
    run.signal(Signal::INT);
    run.wait().exits(143);
    desk
}

#[test]
fn a_second_signal_ends_calls_at_once_and_they_are_no_errors() {
    let desk = run_ended_by_two_signals();
    let rows = desk.requests("run");
    // The second turn had not begun, and is not told of.
    let told: Vec<_> = rows.iter().map(|row| (row.turn, row.status)).collect();
    assert_eq!(told, [(0, Status::Interrupted)]);
    let told = desk.voicelt("report run --format json").exits(0).json();
    assert_eq!(told["turns"]["in_flight"], 1);
    assert_eq!(told["turns"]["success_rate"], Value::Null);
}

#[test]
fn whoever_wants_a_hangup_ignored_has_it_ignored() {
    let desk = calls("2s");
    let replay = replay_into("embedded", "run");
    let line = format!(
        "trap '' HUP; voicelt {replay} & run=$!; \
         while [ ! -e run/run.json ]; do sleep 0.1; done; kill -HUP $run; wait $run"
    );
    Output::of(&mut desk.shell(&line)).exits(0);
    assert_eq!(desk.requests("run").len(), 10);
}

#[test]
fn a_recorder_and_a_gateway_that_are_hung_up_on_end_in_order() {
    let desk = calls("1s");
    let (gateway, target) = desk.gateway("");
    let (recorder, address) = desk.recorder(&target, "--timing-only");
    desk.voicelt(&replay_into(&address, "run")).exits(0);
    recorder.signal(Signal::HUP);
    recorder.wait().exits(0);
    let bundle = Bundle::open(&desk.path("live.vtrace")).unwrap();
    assert_eq!(bundle.manifest.sessions, 5);
    gateway.signal(Signal::HUP);
    gateway.wait().exits(0).says("5 streams");
}

/// How the run of the desk stands, when its `run.json` is `told`.
fn standing(desk: &Desk, told: &Value) -> String {
    desk.write("run/run.json", told.to_string());
    let said = desk.voicelt("report run --format json").json();
    said["run"]["exit_reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_of_elsewhere_is_neither_dead_nor_alive() {
    let desk = calls("1s");
    desk.voicelt(&replay_into("embedded", "run")).exits(0);
    let mut told = desk.json("run/run.json");
    let process = &told["process"];
    assert!(process["pid"].is_u64() && process["started_ticks"].is_u64());
    assert_eq!(standing(&desk, &told), "finished");
    told["exit_reason"] = "running".into();
    assert_eq!(standing(&desk, &told), "killed", "its process has ended");
    // This test is a process that goes on.
    let own = voicelt::results::standing::this_process().unwrap();
    told["process"] = serde_json::to_value(own).unwrap();
    assert_eq!(standing(&desk, &told), "running");
    told["process"]["started_ticks"] = 1.into();
    assert_eq!(
        standing(&desk, &told),
        "killed",
        "its number was used again"
    );
    told["epoch"]["boot_id"] = "another".into();
    assert_eq!(
        standing(&desk, &told),
        "killed",
        "the machine was started anew"
    );
    told["host"]["hostname"] = "elsewhere".into();
    assert_eq!(standing(&desk, &told), "unknown");
    desk.voicelt("report run").says("still running elsewhere");
}
