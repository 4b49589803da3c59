//! Closed loops: users who come, wait for answers, think, and leave.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Signal;
use voicelt::results::manifest::RunManifest;
use voicelt::results::row::{Phase, RequestRow, Status};
use voicelt::trace::stream::Bundle;
use voicelt::units::{NS_PER_MS, NS_PER_S};

use super::replay_into;
use crate::support::{Desk, Output, Running, until};

/// Two clips of synthetic speech.
const SPEECH: &str = "--synth speech-like:700ms --synth speech-like:900ms";

/// Answers within milliseconds.
const QUICK: &str = "--asr-final 1ms --llm-first-token 1ms --llm-token-interval 1ms \
                     --tts-first-audio 1ms --tts-rtf 0";

/// A run of the users of these flags, into the folder `run`.
fn run_into(target: &str, run: &str, flags: &str) -> String {
    format!("run -a calls.vtrace -t {target} -o {run} --quiet --allow-invalid {flags}")
}

/// A run whose users send fast and do not wait for the answer to be played.
fn fast_run_into(target: &str, run: &str, flags: &str) -> String {
    run_into(target, run, &format!("--pace original {flags}"))
}

fn rows(desk: &Desk, run: &str) -> (RunManifest, Vec<RequestRow>) {
    (desk.run(run).manifest().clone(), desk.requests(run))
}

/// Streams that the gateway says it served, once it has been told to stop.
fn streams(gateway: Running) -> usize {
    let said = gateway.interrupt().said();
    let streams = said.lines().find_map(|line| line.split_once(" streams"));
    streams.unwrap().0.parse().unwrap()
}

#[test]
fn all_scenarios_run_and_every_request_that_started_has_a_row() {
    let desk = Desk::with_trace(SPEECH);
    let names = ["baseline", "light", "medium", "heavy", "spike", "endurance"];
    let runs = names.map(|name| {
        let (gateway, address) = desk.gateway(QUICK);
        let ramps = "--ramp-up 500ms --ramp-down 500ms --think-time 20ms..60ms";
        let flags = format!("-s {name} -d 1500ms -u 5 {ramps}");
        let run = desk.start(&fast_run_into(&address, name, &flags));
        (name, gateway, run)
    });
    for (name, gateway, run) in runs {
        run.wait().exits(0);
        let (manifest, rows) = rows(&desk, name);
        let closed_loop = manifest.closed_loop.unwrap();
        assert_eq!(closed_loop.scenario.as_deref(), Some(name));
        assert_eq!((closed_loop.users, &*closed_loop.pace), (5, "original"));
        assert_eq!(rows.len(), streams(gateway), "{name}");
        assert!(rows.len() >= 10, "{name}: {}", rows.len());
        assert!(rows.iter().all(|row| row.status == Status::Ok), "{name}");
        let users: BTreeSet<u32> = rows.iter().map(|row| row.user.unwrap()).collect();
        assert_eq!(users.len(), 5, "{name}: {users:?}");
        assert!(rows.iter().any(|row| row.phase == Phase::Steady), "{name}");
        let begins = rows.iter().map(|row| row.intended_start_ns);
        let last_ns = begins.clone().max().unwrap() - begins.min().unwrap();
        assert!(
            last_ns < 2500 * NS_PER_MS,
            "{name}: nobody begins after the ramp down"
        );
    }
}

#[test]
fn a_user_who_thinks_until_the_end_stays_until_the_end() {
    let desk = Desk::with_trace(SPEECH);
    let (_gateway, address) = desk.gateway(QUICK);
    let users = "-u 2 -d 4s --think-time 1m";
    desk.voicelt(&fast_run_into(&address, "run", users))
        .exits(0);
    let run = desk.run("run");
    let steady = &run.manifest().summary.as_ref().unwrap()["steady"];
    assert_eq!(steady["span_ns"], 4 * NS_PER_S, "{steady}");
    let timeline = run.timeline().unwrap().rows;
    let there = timeline.iter().filter(|second| second.users == Some(2));
    assert!(there.count() >= 3, "{timeline:?}");
}

#[test]
fn a_user_waits_for_the_answer_and_thinks_before_the_next_request() {
    let desk = Desk::with_trace(SPEECH);
    let (_gateway, address) = desk.gateway(QUICK);
    let users = "-u 2 -d 12s --think-time 300ms";
    desk.voicelt(&run_into(&address, "run", users)).exits(0);
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
    let desk = Desk::with_trace(SPEECH);
    let (_gateway, address) = desk.gateway(QUICK);
    let flags = "-s baseline --think-time 10ms";
    desk.voicelt(&fast_run_into(&address, "run", flags))
        .exits(0);
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
    let desk = Desk::with_trace("--synth speech-like:3s");
    let (_gateway, address) = desk.gateway(QUICK);
    for (pace, chunks, interval_ms) in [("original", 24, 10), ("fast:4", 150, 5)] {
        let flags = format!("--pace {pace} -d 1s --requests-per-user 1");
        desk.voicelt(&run_into(&address, pace, &flags)).exits(0);
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
    let desk = Desk::with_trace(SPEECH);
    let (_gateway, address) = desk.gateway(QUICK);
    let flags = "-d 1s --turns-per-session 2 --think-time 100ms..200ms";
    desk.voicelt(&run_into(&address, "run", flags)).exits(0);
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
    let desk = Desk::with_trace(SPEECH);
    let (_gateway, address) = desk.gateway(QUICK);
    let flags = "-u 4 -d 2s --emit-trace did.vtrace";
    desk.voicelt(&fast_run_into(&address, "run", flags))
        .exits(0);
    let did = rows(&desk, "run").1;
    let bundle = Bundle::open(&desk.path("did.vtrace")).unwrap();
    desk.voicelt("trace check did.vtrace").exits(0);
    let sessions = bundle.sessions().unwrap().map(Result::unwrap);
    let starts: Vec<i64> = sessions.map(|rows| rows.session.start_ns).collect();
    let first_ns = did[0].intended_start_ns;
    assert!(
        did.iter()
            .map(|row| row.intended_start_ns - first_ns)
            .eq(starts)
    );
    let replay = replay_into(&address, "again").replace("calls.vtrace", "did.vtrace");
    desk.voicelt(&replay).exits(0);
    let again = rows(&desk, "again").1;
    let what = |row: &RequestRow| (row.session_id.clone(), row.clip_id.clone(), row.chunks_sent);
    assert!(did.iter().map(what).eq(again.iter().map(what)));
}

#[test]
fn a_folder_of_audio_is_prepared_on_the_fly_and_leaves_nothing_behind() {
    let desk = Desk::with_trace(SPEECH);
    let (_gateway, address) = desk.gateway(QUICK);
    desk.folder("temp");
    let flags = "-d 500ms --pace fast:8 --allow-invalid";
    let line = format!("run --audio-dir calls.vtrace/clips -t {address} -o run {flags}");
    let mut command = desk.command(&line);
    Output::of(command.env("TMPDIR", "temp"))
        .exits(0)
        .says("2 converted");
    let (manifest, rows) = rows(&desk, "run");
    assert_eq!(manifest.trace.name, "clips");
    assert!(rows.iter().all(|row| row.status == Status::Ok) && !rows.is_empty());
    assert!(desk.names("temp", "").is_empty());
}

#[test]
fn ctrl_c_lets_requests_end_and_kill_9_loses_none_that_started() {
    let desk = Desk::with_trace(SPEECH);
    let begin = |run: &str| {
        let (gateway, address) = desk.gateway("--tts-first-audio 400ms");
        let users = "-u 6 -d 60s --think-time 50ms";
        (gateway, desk.start(&fast_run_into(&address, run, users)))
    };
    let has_part = |run: &str| until(|| (desk.names(run, "requests-").len() > 4).then_some(()));
    let (to_be_stopped, to_be_killed) = (begin("stopped"), begin("killed"));

    let (gateway, run) = to_be_stopped;
    has_part("stopped");
    run.interrupt().exits(130);
    let (_, stopped) = rows(&desk, "stopped");
    assert!(stopped.iter().all(|row| row.status == Status::Ok));
    assert_eq!(stopped.len(), streams(gateway));

    let (_gateway, run) = to_be_killed;
    has_part("killed");
    run.signal(Signal::KILL);
    assert_eq!(run.wait().code, None);
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
    let desk = Desk::with_trace(SPEECH);
    let (gateway, address) = desk.gateway(QUICK);
    let flags = "-u 3 -d 9s --think-time 0s";
    let run = desk.start(&fast_run_into(&address, "run", flags));
    until(|| (desk.names("run", "requests-").len() > 4).then_some(()));
    drop(gateway);
    // All that failed is data, so that the run ends as it was to; some were answered.
    run.wait().exits(0);
    let rows = rows(&desk, "run").1;
    let failed = rows.iter().filter(|row| row.opened_ns.is_none()).count();
    assert!((1..=3 * 6).contains(&failed), "{failed}");
}

#[test]
fn what_cannot_be_run_is_said_in_a_sentence() {
    let desk = Desk::with_trace(SPEECH);
    desk.folder("empty");
    desk.write("day.toml", "[[stages]]\nusers = 2\nhold = \"1s\"\n");
    for (flags, expected) in [
        ("-s light", "say what users say with --audio"),
        (
            "-s lite -a calls.vtrace",
            "there is no such scenario; use baseline, light",
        ),
        ("-a no-calls", "there is no such folder, file or trace"),
        ("-a empty", "empty"),
        ("-a calls.vtrace -u 0", "from 1 to 100000 users"),
        (
            "-a calls.vtrace --pace quick",
            "use realtime, original, or fast:FACTOR",
        ),
        (
            "-a calls.vtrace -s day.toml -u 3",
            "--stage is set by scenario day.toml, line 1",
        ),
        (
            "-a calls.vtrace -d 3 --stage 2:1s:1s",
            "'--duration <DURATION>' cannot be used with '--stage",
        ),
    ] {
        desk.voicelt(&format!("run -t embedded {flags}"))
            .refused(expected);
    }
}
