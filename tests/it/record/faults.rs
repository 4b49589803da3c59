//! What happens to a recording when the recorder is killed, the disk is full, or the gateway is gone.

use std::time::Duration;

use rustix::process::Signal;
use voicelt::trace::stream::Bundle;

use super::desk::{Desk, until};

/// Calls of a few seconds, ten at a time.
const CALLS: &[&str] = &[
    "prepare",
    "-o",
    "calls.vtrace",
    "--synth",
    "speech-like:2s",
    "--arrivals",
    "constant:5/s",
    "--duration",
    "6s",
];

#[test]
fn a_recorder_that_was_killed_leaves_what_can_be_recovered() {
    let desk = Desk::new();
    desk.well(CALLS);
    let (_gateway, gateway) = desk.gateway(&["--slots", "50"]);
    let (recorder, address) = desk.recorder(&gateway, &["--keep", "audio,text"]);
    let replay = [
        "--quiet",
        "replay",
        "calls.vtrace",
        "-t",
        &address,
        "-o",
        "run",
    ];
    std::thread::scope(|scope| {
        let replaying = scope.spawn(|| desk.voicelt(&replay));
        let pcm = desk.path("live.vtrace/journal.pcm");
        until(|| (pcm.metadata().ok()?.len() > 200_000).then_some(()));
        let unfinished = desk.voicelt(&["trace", "check", "live.vtrace"]);
        assert_eq!(unfinished.status.code(), Some(2));
        let told = super::desk::said(&unfinished);
        assert!(told.contains("voicelt trace recover"), "{told}");
        let busy = desk.voicelt(&["trace", "recover", "live.vtrace"]);
        assert_ne!(busy.status.code(), Some(0), "it is still being recorded");
        recorder.signal(Signal::KILL);
        assert_eq!(recorder.wait().0, None);
        // The calls went with the proxy, which the replay tells.
        replaying.join().unwrap();
    });
    let told = desk.well(&["trace", "recover", "live.vtrace"]);
    assert!(told.contains("are in the trace"), "{told}");
    desk.well(&["trace", "check", "live.vtrace"]);
    let bundle = Bundle::open(&desk.path("live.vtrace")).unwrap();
    assert!(bundle.manifest.sessions > 0);
}

#[test]
fn a_full_disk_ends_the_recording_and_no_call() {
    let desk = Desk::new();
    desk.well(CALLS);
    let (_gateway, gateway) = desk.gateway(&["--slots", "50"]);
    let voicelt = env!("CARGO_BIN_EXE_voicelt");
    // No file may be larger than 400 blocks of 512 bytes, or 1,024 where the shell counts so.
    let line = format!(
        "ulimit -f 400; exec {voicelt} record --listen 127.0.0.1:0 \
         --upstream {gateway} -o live.vtrace --keep audio"
    );
    let (recorder, address) = desk.start_shell(&line);
    let replay = ["--quiet", "replay", "calls.vtrace", "-t", &address];
    let told = desk.well(&[&replay[..], &["--allow-invalid", "-o", "run"]].concat());
    assert!(told.contains("success 100 %"), "{told}");
    let (code, told) = recorder.interrupt();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("stopped"), "{told}");
    assert!(told.contains("calls went on"), "{told}");
    if desk.path("live.vtrace/journal.arrows").exists() {
        desk.well(&["trace", "recover", "live.vtrace"]);
    }
    desk.well(&["trace", "check", "live.vtrace"]);
    let bundle = Bundle::open(&desk.path("live.vtrace")).unwrap();
    assert!((1..30).contains(&bundle.manifest.sessions));
}

#[test]
fn callers_of_a_gateway_that_is_gone_are_told_so() {
    let desk = Desk::new();
    desk.well(CALLS);
    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = free.local_addr().unwrap().to_string();
    drop(free);
    let (recorder, address) = desk.recorder(&gone, &["--timing-only"]);
    let replay = ["replay", "calls.vtrace", "-t", &address, "--limit", "2"];
    let output = desk.voicelt(&[&replay[..], &["--allow-invalid", "-o", "run"]].concat());
    assert_eq!(output.status.code(), Some(99), "nothing was answered");
    let told = super::desk::said(&output);
    assert!(told.contains("UNAVAILABLE: voicelt record"), "{told}");
    assert_eq!(recorder.interrupt().0, Some(0));
}

#[test]
fn each_call_is_whole_in_the_trace_that_it_began_in() {
    let desk = Desk::new();
    desk.well(CALLS);
    let (_gateway, gateway) = desk.gateway(&["--slots", "50"]);
    let (recorder, address) = desk.recorder(&gateway, &["--timing-only", "--rotate", "3s"]);
    let replay = ["--quiet", "replay", "calls.vtrace", "-t", &address];
    desk.well(&[&replay[..], &["--allow-invalid", "-o", "run"]].concat());
    // A trace is made as soon as its calls have ended, while the recorder goes on.
    let first = desk.path("live-00001.vtrace/trace.json");
    until(|| first.exists().then_some(()));
    std::thread::sleep(Duration::from_millis(100));
    let (code, told) = recorder.interrupt();
    assert_eq!(code, Some(0), "{told}");
    let mut sessions = 0;
    for number in 1.. {
        let name = format!("live-{number:05}.vtrace");
        if !desk.path(&name).exists() {
            assert!(number > 2, "it did not rotate");
            break;
        }
        desk.well(&["trace", "check", &name]);
        let bundle = Bundle::open(&desk.path(&name)).unwrap();
        for rows in bundle.sessions().unwrap() {
            let rows = rows.unwrap();
            assert_eq!(rows.session.recorded_status.as_deref(), Some("OK"));
            sessions += 1;
        }
    }
    assert_eq!(sessions, 30);
}
