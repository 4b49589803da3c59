//! Closed loops: users who come, wait for answers, think, and leave.

use std::collections::BTreeMap;

use super::{Desk, Running, files, said, until};
use voicelt::results::manifest::RunManifest;
use voicelt::results::reader::RunDir;
use voicelt::results::row::{Phase, RequestRow, Status};
use voicelt::trace::stream::Bundle;
use voicelt::units::{NS_PER_MS, NS_PER_S};

/// Two clips of made-up speech.
const SPEECH: [&str; 4] = [
    "--synth",
    "speech-like:700ms",
    "--synth",
    "speech-like:900ms",
];

/// Answers within milliseconds.
const QUICK: [&str; 5] = [
    "--asr-final=1ms",
    "--llm-first-token=1ms",
    "--llm-token-interval=1ms",
    "--tts-first-audio=1ms",
    "--tts-rtf=0",
];

/// A run whose users send fast and do not wait for the answer to be played.
const FAST: [&str; 7] = [
    "run",
    "--allow-invalid",
    "-a",
    "calls.vtrace",
    "--pace",
    "original",
    "--quiet",
];

fn rows(desk: &Desk, run: &str) -> (RunManifest, Vec<RequestRow>) {
    let run = RunDir::open(&desk.path(run)).unwrap();
    let rows = run.requests().unwrap().rows;
    (run.manifest().clone(), rows)
}

/// Streams that the gateway says it served, once it has been told to stop.
fn streams(gateway: Running) -> usize {
    gateway.signal(rustix::process::Signal::INT);
    let said = gateway.said();
    let streams = said.lines().find_map(|line| line.split_once(" streams"));
    streams.unwrap().0.parse().unwrap()
}

#[test]
fn all_scenarios_run_and_every_request_that_started_has_a_row() {
    let desk = Desk::with_trace(&SPEECH);
    for name in ["baseline", "light", "medium", "heavy", "spike", "endurance"] {
        let (gateway, address) = desk.gateway_that_counts(&QUICK);
        let shortened = [
            "-s", name, "-t", &address, "-o", name, "-d", "1500ms", "-u", "5",
        ];
        let ramps = [
            "--ramp-up",
            "500ms",
            "--ramp-down",
            "500ms",
            "--think-time",
            "20ms..60ms",
        ];
        let output = desk.voicelt(&[&FAST[..], &shortened, &ramps].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let (manifest, rows) = rows(&desk, name);
        let closed_loop = manifest.closed_loop.unwrap();
        assert_eq!(closed_loop.scenario.as_deref(), Some(name));
        assert_eq!((closed_loop.users, &*closed_loop.pace), (5, "original"));
        assert_eq!(rows.len(), streams(gateway), "{name}");
        assert!(rows.len() >= 10, "{name}: {}", rows.len());
        assert!(rows.iter().all(|row| row.status == Status::Ok), "{name}");
        let users: Vec<u32> = rows.iter().map(|row| row.user.unwrap()).collect();
        assert!(
            (0..5).all(|user| users.contains(&user)),
            "{name}: {users:?}"
        );
        assert!(rows.iter().any(|row| row.phase == Phase::Steady), "{name}");
        let begins = |row: &RequestRow| row.intended_start_ns;
        let last_ns =
            rows.iter().map(begins).max().unwrap() - rows.iter().map(begins).min().unwrap();
        assert!(
            last_ns < 2500 * NS_PER_MS,
            "{name}: nobody begins after the ramp down"
        );
    }
}

#[test]
fn a_user_who_thinks_until_the_end_stays_until_the_end() {
    let desk = Desk::with_trace(&SPEECH);
    let (_gateway, address) = desk.gateway(&QUICK);
    let users = ["-u", "2", "-d", "4s", "--think-time", "1m"];
    let to = ["-t", &address, "-o", "run"];
    let output = desk.voicelt(&[&FAST[..], &users, &to].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let run = RunDir::open(&desk.path("run")).unwrap();
    let steady = &run.manifest().summary.as_ref().unwrap()["steady"];
    assert_eq!(steady["span_ns"], 4 * NS_PER_S, "{steady}");
    let timeline = run.timeline().unwrap().rows;
    let there = timeline.iter().filter(|second| second.users == Some(2));
    assert!(there.count() >= 3, "{timeline:?}");
}

#[test]
fn a_user_waits_for_the_answer_and_thinks_before_the_next_request() {
    let desk = Desk::with_trace(&SPEECH);
    let (_gateway, address) = desk.gateway(&QUICK);
    let run = [
        "run",
        "--allow-invalid",
        "-a",
        "calls.vtrace",
        "-t",
        &address,
        "-o",
        "run",
        "--quiet",
    ];
    let users = ["-u", "2", "-d", "12s", "--think-time", "300ms"];
    let output = desk.voicelt(&[&run[..], &users].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut of_users: BTreeMap<u32, Vec<RequestRow>> = BTreeMap::new();
    for row in rows(&desk, "run").1 {
        of_users.entry(row.user.unwrap()).or_default().push(row);
    }
    let mut pauses = 0;
    for rows in of_users.values() {
        for pair in rows.windows(2) {
            let heard = pair[0]
                .playout_end_ns
                .unwrap()
                .max(pair[0].closed_ns.unwrap());
            let pause_ns = pair[1].intended_start_ns - heard;
            assert!(pause_ns >= 300 * NS_PER_MS, "{pause_ns} ns");
            pauses += 1;
        }
    }
    assert!(pauses > 0, "no user made two requests");
}

#[test]
fn a_user_leaves_after_the_last_of_the_requests() {
    let desk = Desk::with_trace(&SPEECH);
    let (_gateway, address) = desk.gateway(&QUICK);
    let flags = [
        "-s",
        "baseline",
        "--think-time",
        "10ms",
        "-t",
        &address,
        "-o",
        "run",
    ];
    let output = desk.voicelt(&[&FAST[..], &flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (manifest, rows) = rows(&desk, "run");
    assert_eq!(rows.len(), 10);
    let last_ns = rows.iter().filter_map(|row| row.closed_ns).max().unwrap();
    assert!(
        last_ns < 25 * NS_PER_S,
        "ended before the hold of 30 s: {last_ns}"
    );
    let names: Vec<&str> = rows.iter().map(|row| &*row.session_id).collect();
    assert_eq!((names[0], names[9]), ("u0000-r00000", "u0000-r00009"));
    assert_eq!(manifest.closed_loop.unwrap().requests_per_user, Some(10));
}

#[test]
fn at_another_pace_latencies_count_from_the_end_of_speech_that_is_sent() {
    let desk = Desk::with_trace(&["--synth", "speech-like:3s"]);
    let (_gateway, address) = desk.gateway(&QUICK);
    for (pace, chunks, interval_ms) in [("original", 24, 10), ("fast:4", 150, 5)] {
        let run = [
            "run",
            "--allow-invalid",
            "-a",
            "calls.vtrace",
            "--quiet",
            "-t",
            &address,
            "-o",
            pace,
        ];
        let flags = ["--pace", pace, "-d", "1s", "--requests-per-user", "1"];
        let output = desk.voicelt(&[&run[..], &flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let row = &rows(&desk, pace).1[0];
        assert_eq!(row.chunks_sent, chunks, "{pace}");
        let spoken_ns = row.intended_end_of_speech_ns.unwrap() - row.intended_start_ns;
        assert!(
            spoken_ns % (interval_ms * NS_PER_MS) == 0,
            "{pace}: {spoken_ns}"
        );
        assert!(
            spoken_ns <= i64::from(chunks) * interval_ms * NS_PER_MS,
            "{pace}: {spoken_ns}"
        );
        assert!(row.response_ns.unwrap() > 0, "{pace}");
    }
}

#[test]
fn a_request_may_be_a_conversation() {
    let desk = Desk::with_trace(&SPEECH);
    let (_gateway, address) = desk.gateway(&QUICK);
    let run = [
        "run",
        "--allow-invalid",
        "-a",
        "calls.vtrace",
        "-t",
        &address,
        "-o",
        "run",
        "--quiet",
    ];
    let flags = [
        "-d",
        "1s",
        "--turns-per-session",
        "2",
        "--think-time",
        "100ms..200ms",
    ];
    let output = desk.voicelt(&[&run[..], &flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = rows(&desk, "run").1;
    let turns: Vec<_> = rows
        .iter()
        .map(|row| (&*row.session_id, row.turn, row.status))
        .collect();
    let expected = [
        ("u0000-r00000", 0, Status::Ok),
        ("u0000-r00000", 1, Status::Ok),
    ];
    assert_eq!(turns, expected);
    assert!(rows.iter().all(|row| !row.overlapped));
}

#[test]
fn what_users_did_is_a_trace_that_does_it_again() {
    let desk = Desk::with_trace(&SPEECH);
    let (_gateway, address) = desk.gateway(&QUICK);
    let flags = [
        "-u",
        "4",
        "-d",
        "2s",
        "-t",
        &address,
        "-o",
        "run",
        "--emit-trace",
        "did.vtrace",
    ];
    let output = desk.voicelt(&[&FAST[..], &flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let did = rows(&desk, "run").1;
    let bundle = Bundle::open(&desk.path("did.vtrace")).unwrap();
    let output = desk.voicelt(&["trace", "check", "did.vtrace"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let sessions = bundle.sessions().unwrap().map(Result::unwrap);
    let starts: Vec<i64> = sessions.map(|rows| rows.session.start_ns).collect();
    let first_ns = did[0].intended_start_ns;
    assert!(
        did.iter()
            .map(|row| row.intended_start_ns - first_ns)
            .eq(starts)
    );
    let replay = [
        "replay",
        "--allow-invalid",
        "did.vtrace",
        "-t",
        &address,
        "-o",
        "again",
        "--quiet",
    ];
    let output = desk.voicelt(&replay);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let again = rows(&desk, "again").1;
    let what = |row: &RequestRow| (row.session_id.clone(), row.clip_id.clone(), row.chunks_sent);
    assert!(did.iter().map(what).eq(again.iter().map(what)));
}

#[test]
fn a_folder_of_audio_is_prepared_on_the_fly_and_leaves_nothing_behind() {
    let desk = Desk::with_trace(&SPEECH);
    let (_gateway, address) = desk.gateway(&QUICK);
    let temp = desk.path("temp");
    std::fs::create_dir(&temp).unwrap();
    let line = format!(
        "TMPDIR=temp {} run --allow-invalid --audio-dir calls.vtrace/clips -t {address} -o run -d 500ms --pace fast:8",
        env!("CARGO_BIN_EXE_voicelt")
    );
    let output = desk.shell(&line);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("2 converted"), "{}", said(&output));
    let (manifest, rows) = rows(&desk, "run");
    assert_eq!(manifest.trace.name, "clips");
    assert!(rows.iter().all(|row| row.status == Status::Ok) && !rows.is_empty());
    assert_eq!(std::fs::read_dir(temp).unwrap().count(), 0);
}

#[test]
fn ctrl_c_lets_requests_end_and_kill_9_loses_none_that_started() {
    let desk = Desk::with_trace(&SPEECH);
    let (gateway, address) = desk.gateway_that_counts(&["--tts-first-audio=400ms"]);
    let flags = [
        "-u",
        "6",
        "-d",
        "60s",
        "--think-time",
        "50ms",
        "-t",
        &address,
        "-o",
    ];
    let run = desk.start(&[&FAST[..], &flags, &["stopped"]].concat());
    until(|| (files(&desk.path("stopped"), "requests-").len() > 1).then_some(()));
    run.signal(rustix::process::Signal::INT);
    assert_eq!(run.wait(), Some(130));
    let (_, stopped) = rows(&desk, "stopped");
    assert!(stopped.iter().all(|row| row.status == Status::Ok));
    assert_eq!(stopped.len(), streams(gateway));

    let (_gateway, address) = desk.gateway(&["--tts-first-audio=400ms"]);
    let flags = [
        "-u",
        "6",
        "-d",
        "60s",
        "--think-time",
        "50ms",
        "-t",
        &address,
        "-o",
    ];
    let run = desk.start(&[&FAST[..], &flags, &["killed"]].concat());
    until(|| (files(&desk.path("killed"), "requests-").len() > 1).then_some(()));
    run.signal(rustix::process::Signal::KILL);
    assert_eq!(run.wait(), None);
    let (_, killed) = rows(&desk, "killed");
    let mut of_users: BTreeMap<u32, Vec<&RequestRow>> = BTreeMap::new();
    for row in &killed {
        of_users.entry(row.user.unwrap()).or_default().push(row);
    }
    assert_eq!(of_users.len(), 6);
    for (user, mut rows) in of_users {
        rows.sort_by_key(|row| row.started_ns);
        // None is missing before the last that is known, and only the last have no end.
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row.session_id, format!("u{user:04}-r{number:05}"));
        }
        let ended = rows
            .iter()
            .take_while(|row| row.status == Status::Ok)
            .count();
        assert!(ended > 0, "user {user} ended nothing in five seconds");
        let open = &rows[ended..];
        assert!(open.iter().all(|row| row.status == Status::Interrupted));
    }
}

#[test]
fn users_of_a_gateway_that_died_try_again_at_their_leisure() {
    let desk = Desk::with_trace(&SPEECH);
    let (gateway, address) = desk.gateway(&QUICK);
    let flags = [
        "-u",
        "3",
        "-d",
        "9s",
        "--think-time",
        "0s",
        "-t",
        &address,
        "-o",
        "run",
    ];
    let run = desk.start(&[&FAST[..], &flags].concat());
    until(|| (!files(&desk.path("run"), "requests-").is_empty()).then_some(()));
    drop(gateway);
    // All that failed is data, so that the run ends as it was to; some were answered.
    assert_eq!(run.wait(), Some(0));
    let rows = rows(&desk, "run").1;
    let failed = rows.iter().filter(|row| row.opened_ns.is_none()).count();
    assert!((1..=3 * 6).contains(&failed), "{failed}");
}

#[test]
fn what_cannot_be_run_is_said_in_a_sentence() {
    let desk = Desk::with_trace(&SPEECH);
    std::fs::create_dir(desk.path("empty")).unwrap();
    std::fs::write(
        desk.path("day.toml"),
        "[[stages]]\nusers = 2\nhold = \"1s\"\n",
    )
    .unwrap();
    for (flags, expected) in [
        (&["-s", "light"][..], "say what users say with --audio"),
        (
            &["-s", "lite", "-a", "calls.vtrace"],
            "there is no such scenario; use baseline, light",
        ),
        (
            &["-a", "no-calls"],
            "there is no such folder, file or trace",
        ),
        (&["-a", "empty"], "empty"),
        (&["-a", "calls.vtrace", "-u", "0"], "from 1 to 100000 users"),
        (
            &["-a", "calls.vtrace", "--pace", "quick"],
            "use realtime, original, or fast:FACTOR",
        ),
        (
            &["-a", "calls.vtrace", "-s", "day.toml", "-u", "3"],
            "several stages",
        ),
    ] {
        let output = desk.voicelt(&[&["run", "-t", "embedded"], flags].concat());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{flags:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(expected),
            "{flags:?}: {}",
            said(&output)
        );
    }
}
