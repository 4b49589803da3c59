//! Calls of Twilio Media Streams through the recorder, and what was recorded in one protocol replayed in the other.

use std::path::Path;

use rustix::process::Signal;
use voicelt::results::row::Status;
use voicelt::trace::model::{Microphone, ReplyKind};

use super::realtime::{CALLS, outcome, said, sessions};
use crate::replay::replay_into;
use crate::support::{Desk, until};

/// Replays `trace` to `to` in this dialect.
fn replay(desk: &Desk, trace: &str, to: &str, run: &str, dialect: &str, flags: &str) {
    let replay = replay_into(to, run).replace("calls.vtrace", trace);
    desk.voicelt(&format!("{replay} --dialect {dialect} {flags}"))
        .exits(0);
}

/// Replays `trace` in this dialect through a recorder, whose trace is then moved to `to`.
fn record(desk: &Desk, trace: &str, dialect: &str, keep: &str, flags: &str, to: &str) {
    let (_gateway, gateway) = desk.gateway(&format!("--dialect {dialect} --seed 7"));
    let (recorder, address) = desk.recorder(&gateway, &format!("--dialect {dialect} {keep}"));
    let run = format!("run-{to}");
    replay(
        desk,
        trace,
        &format!("ws://{address}"),
        &run,
        dialect,
        flags,
    );
    recorder
        .interrupt()
        .exits(0)
        .says("4 of 4 are in the trace");
    std::fs::rename(desk.path("live.vtrace"), desk.path(to)).unwrap();
    desk.voicelt(&format!("trace check {to}")).exits(0);
}

/// All turns of the trace are answered by the gateway of this dialect.
fn is_answered(desk: &Desk, trace: &str, dialect: &str) {
    let run = format!("over-{dialect}");
    replay(desk, trace, "embedded", &run, dialect, "");
    let rows = desk.requests(&run);
    assert_eq!(rows.len(), 8);
    for row in rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
    }
}

#[test]
fn a_call_that_is_replayed_is_recorded_the_same_again_and_replays_in_other_protocols() {
    let desk = Desk::with_trace(CALLS);
    record(
        &desk,
        "calls.vtrace",
        "twilio",
        "--keep audio,text",
        "",
        "a.vtrace",
    );
    record(
        &desk,
        "a.vtrace",
        "twilio",
        "--keep audio,text",
        "",
        "b.vtrace",
    );
    let (first, ones) = sessions(&desk.path("a.vtrace"));
    let (second, twos) = sessions(&desk.path("b.vtrace"));
    assert_eq!((ones.len(), twos.len()), (4, 4));
    for (one, two) in ones.iter().zip(&twos) {
        assert_eq!(one.session.sample_rate_hz, 8_000);
        assert_eq!(one.session.microphone, Microphone::Open);
        assert_eq!(one.session.recorded_status.as_deref(), Some("OK"));
        assert_eq!((one.turns.len(), two.turns.len()), (2, 2));
        assert!(said(&first, one) == said(&second, two), "other audio");
        let audio = one.replies.iter().filter(|r| r.kind == ReplyKind::Audio);
        for turn in 0..2 {
            assert!(audio.clone().any(|reply| reply.turn == turn), "{turn}");
        }
        assert!(one.turns[1].think_ns.is_some());
    }
    is_answered(&desk, "a.vtrace", "realtime");
    is_answered(&desk, "a.vtrace", "stream-audio");
}

#[test]
fn a_recorded_call_of_realtime_replays_to_a_bot() {
    let desk = Desk::with_trace(CALLS);
    record(
        &desk,
        "calls.vtrace",
        "realtime",
        "--keep audio",
        "",
        "a.vtrace",
    );
    is_answered(&desk, "a.vtrace", "twilio");
}

#[test]
fn calls_are_answered_as_without_the_recorder() {
    let desk = Desk::with_trace(CALLS);
    let exact = "--dialect twilio --seed 7";
    let (_gateway, direct) = desk.gateway(exact);
    let (_gateway, behind) = desk.gateway(exact);
    let (recorder, through) = desk.recorder(&behind, "--dialect twilio --timing-only");
    desk.write(
        "session.json",
        r#"{"customParameters":{"card":"4711-0815"}}"#,
    );
    let flags = "--keep-session-ids --session session.json";
    for (to, run) in [(direct, "direct"), (through, "through")] {
        replay(
            &desk,
            "calls.vtrace",
            &format!("ws://{to}"),
            run,
            "twilio",
            flags,
        );
    }
    recorder
        .interrupt()
        .exits(0)
        .says("4 of 4 are in the trace");
    let outcomes = |run: &str| -> Vec<_> { desk.requests(run).iter().map(outcome).collect() };
    assert_eq!(outcomes("direct").len(), 8);
    assert_eq!(outcomes("direct"), outcomes("through"));
    let holds = |place: &Path| {
        let files = walk(place);
        let has = |file: &Vec<u8>| file.windows(9).any(|bytes| bytes == b"4711-0815");
        files.iter().any(has)
    };
    assert!(
        !holds(&desk.path("live.vtrace")),
        "what configured the call"
    );
}

/// All files below a folder.
fn walk(place: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(place).unwrap().map(Result::unwrap);
    let of = |path: &Path| match path.is_dir() {
        true => walk(path),
        false => vec![std::fs::read(path).unwrap()],
    };
    entries.flat_map(|entry| of(&entry.path())).collect()
}

#[test]
fn a_recorder_that_was_killed_leaves_what_can_be_recovered() {
    let desk = Desk::with_trace("--synth speech-like:2s --arrivals constant:5/s --duration 4s");
    let (_gateway, gateway) = desk.gateway("--dialect twilio --slots 50");
    let (recorder, address) = desk.recorder(&gateway, "--dialect twilio --keep audio,text");
    let replay = replay_into(&format!("ws://{address}"), "run");
    let replaying = desk.start(&format!("{replay} --dialect twilio"));
    let pcm = desk.path("live.vtrace/journal.pcm");
    until(|| (pcm.metadata().ok()?.len() > 100_000).then_some(()));
    recorder.signal(Signal::KILL);
    assert_eq!(recorder.wait().code, None);
    replaying.wait();
    desk.voicelt("trace recover live.vtrace")
        .exits(0)
        .says("are in the trace");
    desk.voicelt("trace check live.vtrace").exits(0);
    let (_, sessions) = sessions(&desk.path("live.vtrace"));
    assert!(sessions.iter().any(|rows| !rows.turns.is_empty()));
}
