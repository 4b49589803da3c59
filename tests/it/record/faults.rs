//! What happens to a recording when the recorder is killed, the disk is full, or the gateway is gone.

use rustix::process::Signal;
use voicelt::trace::stream::Bundle;

use crate::replay::replay_into;
use crate::support::{Desk, Running, until};

/// Thirty calls of two seconds, ten at a time.
const CALLS: &str = "--synth speech-like:2s --arrivals constant:5/s --duration 6s";

#[test]
fn a_recorder_that_was_killed_leaves_what_can_be_recovered() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, gateway) = desk.gateway("--slots 50");
    let (recorder, address) = desk.recorder(&gateway, "--keep audio,text");
    let replaying = desk.start(&replay_into(&address, "run"));
    let pcm = desk.path("live.vtrace/journal.pcm");
    until(|| (pcm.metadata().ok()?.len() > 200_000).then_some(()));
    desk.voicelt("trace check live.vtrace")
        .exits(2)
        .says("voicelt trace recover");
    let busy = desk.voicelt("trace recover live.vtrace");
    assert_ne!(busy.code, Some(0), "it is still being recorded");
    recorder.signal(Signal::KILL);
    assert_eq!(recorder.wait().code, None);
    // The calls went with the proxy, which the replay tells.
    replaying.wait();
    desk.voicelt("trace recover live.vtrace")
        .exits(0)
        .says("are in the trace");
    desk.voicelt("trace check live.vtrace").exits(0);
    let bundle = Bundle::open(&desk.path("live.vtrace")).unwrap();
    assert!(bundle.manifest.sessions > 0);
}

#[test]
fn a_full_disk_ends_the_recording_and_no_call() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, gateway) = desk.gateway("--slots 50");
    // No file may be larger than 400 blocks of 512 bytes, or 1,024 where the shell counts so.
    let line = format!(
        "ulimit -f 400; exec voicelt record --listen 127.0.0.1:0 \
         --upstream {gateway} -o live.vtrace --keep audio"
    );
    let mut recorder = Running::start(&mut desk.shell(&line));
    let replay = replay_into(&recorder.address(), "run");
    desk.voicelt(&replay).exits(0).says("success 100 %");
    recorder
        .interrupt()
        .exits(1)
        .says("stopped")
        .says("calls went on");
    if desk.path("live.vtrace/journal.arrows").exists() {
        desk.voicelt("trace recover live.vtrace").exits(0);
    }
    desk.voicelt("trace check live.vtrace").exits(0);
    let bundle = Bundle::open(&desk.path("live.vtrace")).unwrap();
    assert!((1..30).contains(&bundle.manifest.sessions));
}

#[test]
fn callers_of_a_gateway_that_is_gone_are_told_so() {
    let desk = Desk::with_trace(CALLS);
    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = free.local_addr().unwrap().to_string();
    drop(free);
    let (recorder, address) = desk.recorder(&gone, "--timing-only");
    let replay = replay_into(&address, "run");
    // Nothing was answered.
    desk.voicelt(&format!("{replay} --limit 2"))
        .exits(99)
        .says("UNAVAILABLE: voicelt record");
    recorder.interrupt().exits(0);
}

#[test]
fn each_call_is_whole_in_the_trace_that_it_began_in() {
    let desk = Desk::with_trace(CALLS);
    let (_gateway, gateway) = desk.gateway("--slots 50");
    let (recorder, address) = desk.recorder(&gateway, "--timing-only --rotate 3s");
    desk.voicelt(&replay_into(&address, "run")).exits(0);
    // A trace is made as soon as its calls have ended, while the recorder goes on.
    let first = desk.path("live-00001.vtrace/trace.json");
    until(|| first.exists().then_some(()));
    recorder.interrupt().exits(0);
    let mut sessions = 0;
    for number in 1.. {
        let name = format!("live-{number:05}.vtrace");
        if !desk.path(&name).exists() {
            assert!(number > 2, "it did not rotate");
            break;
        }
        desk.voicelt(&format!("trace check {name}")).exits(0);
        let bundle = Bundle::open(&desk.path(&name)).unwrap();
        for rows in bundle.sessions().unwrap() {
            let rows = rows.unwrap();
            assert_eq!(rows.session.recorded_status.as_deref(), Some("OK"));
            sessions += 1;
        }
    }
    assert_eq!(sessions, 30);
}
