//! Runs and traces of which a table is gone or damaged: it is named, and nothing is made of the rest.

use std::fs;

use voicelt::results::row::ServerRow;
use voicelt::results::sample::row;
use voicelt::table::{blake3_of, write_all};
use voicelt::trace::TraceError;
use voicelt::trace::stream::Bundle;

use crate::replay::replay_into;
use crate::support::Desk;

const TABLES: [&str; 6] = [
    "requests", "sessions", "timeline", "messages", "clips", "server",
];

/// A run with every table, and another to be compared with.
fn two_runs() -> Desk {
    let desk = Desk::with_trace("--synth speech-like:1s --turns 2");
    for run in ["base --messages", "run --messages"] {
        desk.voicelt(&replay_into("embedded", run)).exits(0);
    }
    let server = desk.path("run/server.parquet");
    let sample = ServerRow {
        series: "gpu".to_owned(),
        at_ns: 5,
        value: 80.0,
        labels: "gpu=0".to_owned(),
    };
    write_all(&server, 1024, &[], &[sample]).unwrap();
    let mut told = desk.json("run/run.json");
    let listed: Vec<&String> = told["tables"].as_object().unwrap().keys().collect();
    let all = ["clips", "messages", "requests", "sessions", "timeline"];
    assert_eq!(listed, all);
    told["tables"]["server"] = blake3_of(&server).unwrap().into();
    desk.write("run/run.json", told.to_string());
    desk
}

#[test]
fn a_table_that_is_gone_or_cut_off_is_named_by_every_command() {
    let desk = two_runs();
    let commands = [
        "report run",
        "report run --format json --require 'errors < 1%'",
        "compare base run --allow-invalid",
        "compare run base --allow-invalid",
    ];
    let is_named = |table: &str| {
        let file = format!("run/{table}.parquet");
        for command in commands {
            let output = desk.voicelt(command);
            assert!(!output.said().contains("panicked"), "{}", output.said());
            output.refused(&file);
        }
        let listed = desk.voicelt("runs .").exits(0);
        let told = listed.says(&file).said();
        let line = told.lines().skip(1).find(|line| line.contains("  run  "));
        assert!(line.unwrap().contains("  damaged"), "{told}");
    };
    for table in TABLES {
        let path = desk.path(&format!("run/{table}.parquet"));
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        is_named(table);
        fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        is_named(table);
        fs::write(&path, bytes).unwrap();
    }
    for command in commands {
        desk.voicelt(command).exits(0);
    }
}

#[test]
fn a_flipped_bit_of_a_table_is_an_error_or_is_told() {
    let desk = two_runs();
    for table in ["requests", "sessions", "timeline", "clips", "server"] {
        let path = desk.path(&format!("run/{table}.parquet"));
        let bytes = fs::read(&path).unwrap();
        for at in (4..bytes.len()).step_by(bytes.len() / 7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 16;
            fs::write(&path, damaged).unwrap();
            let told = desk.voicelt("report run").said();
            assert!(told.contains(&format!("{table}.parquet")), "{at}: {told}");
            assert!(!told.contains("panicked"), "{at}: {told}");
        }
        fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn a_run_of_before_that_never_had_a_table_is_read() {
    let desk = two_runs();
    let mut told = desk.json("run/run.json");
    let before = told.as_object_mut().unwrap();
    before.remove("tables");
    before.remove("process");
    before["spec"]["messages"] = false.into();
    desk.write("run/run.json", told.to_string());
    for table in ["messages", "sessions", "clips", "server"] {
        fs::remove_file(desk.path(&format!("run/{table}.parquet"))).unwrap();
    }
    desk.voicelt("report run").exits(0);
    fs::remove_file(desk.path("run/timeline.parquet")).unwrap();
    desk.voicelt("report run")
        .refused("timeline.parquet is missing");
}

#[test]
fn a_part_of_a_killed_run_that_is_gone_is_named() {
    let desk = two_runs();
    let mut told = desk.json("run/run.json");
    told["exit_reason"] = "running".into();
    told["summary"] = serde_json::Value::Null;
    // What a run that was killed has of its tables is in parts.
    let tables = told["tables"].as_object_mut().unwrap();
    tables.retain(|table, _| table == "clips");
    desk.write("run/run.json", told.to_string());
    fs::remove_file(desk.path("run/requests.parquet")).unwrap();
    for part in [1, 3] {
        let path = desk.path(&format!("run/requests-{part:05}.parquet"));
        write_all(&path, 1024, &[], &[row(part)]).unwrap();
    }
    desk.voicelt("report run")
        .says("requests-00002.parquet is missing");
    desk.voicelt("runs .").says("damaged: ");
}

#[test]
fn a_trace_of_which_a_table_is_gone_is_refused() {
    let desk = Desk::with_trace("--synth speech-like:1s");
    let (_gateway, target) = desk.gateway("");
    let (recorder, address) = desk.recorder(&target, "--keep audio");
    desk.voicelt(&replay_into(&address, "run")).exits(0);
    recorder.interrupt().exits(0);
    let trace = desk.path("live.vtrace");
    for table in ["sessions", "turns", "events", "clips", "replies"] {
        let (path, aside) = (trace.join(format!("{table}.parquet")), desk.path("aside"));
        fs::rename(&path, &aside).unwrap();
        let said = Bundle::open(&trace).unwrap_err();
        assert!(matches!(said, TraceError::Missing { .. }), "{said}");
        desk.voicelt("trace check live.vtrace")
            .refused(&format!("{table}.parquet is missing"));
        // Only replies can be given up.
        let sealed = Bundle::seal(&trace);
        assert_eq!(sealed.is_ok(), table == "replies");
        fs::rename(&aside, &path).unwrap();
        Bundle::seal(&trace).unwrap();
    }
    Bundle::open(&trace).unwrap();
}
