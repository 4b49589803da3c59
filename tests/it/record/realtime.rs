//! Calls of OpenAI Realtime through the recorder: what is recorded is what was said, and nothing is answered otherwise.

use std::path::Path;

use rustix::process::Signal;
use voicelt::results::row::{RequestRow, Status};
use voicelt::trace::model::{Microphone, ReplyKind, SessionRows};
use voicelt::trace::stream::Bundle;

use super::recording::chunks;
use crate::replay::replay_into;
use crate::support::front::{Front, localhost};
use crate::support::{Desk, until};

/// Four calls of two turns each within a second.
pub(super) const CALLS: &str =
    "--synth speech-like:600ms --turns 2 --answer-time 3s --arrivals constant:4/s --sessions 4";
const EXACT: &str = "--dialect realtime --seed 7";

/// The sessions of a bundle in their order.
pub(super) fn sessions(place: &Path) -> (Bundle, Vec<SessionRows>) {
    let bundle = Bundle::open(place).unwrap();
    bundle.verify_clips().unwrap();
    let sessions = bundle.sessions().unwrap().map(Result::unwrap).collect();
    (bundle, sessions)
}

fn replay(desk: &Desk, trace: &str, to: &str, run: &str, flags: &str) -> String {
    let replay = replay_into(to, run).replace("calls.vtrace", trace);
    let line = format!("{replay} --dialect realtime {flags}");
    desk.voicelt(&line).exits(0).said()
}

/// Replays `trace` through a recorder, whose trace is then moved to `to`.
fn record(desk: &Desk, trace: &str, keep: &str, replayed: &str, to: &str) -> String {
    let (_gateway, gateway) = desk.gateway(EXACT);
    let (recorder, address) = desk.recorder(&gateway, &format!("--dialect realtime {keep}"));
    let run = format!("run-{to}");
    replay(desk, trace, &format!("ws://{address}"), &run, replayed);
    let told = recorder.interrupt().exits(0).said();
    std::fs::rename(desk.path("live.vtrace"), desk.path(to)).unwrap();
    desk.voicelt(&format!("trace check {to}")).exits(0);
    told
}

/// The chunks of a session that are not silent: silence beside utterances follows from the microphone of a replay.
pub(super) fn said(bundle: &Bundle, rows: &SessionRows) -> Vec<Vec<u8>> {
    let chunks = chunks(bundle, rows).into_iter().map(|(_, pcm)| pcm);
    let said: Vec<_> = chunks
        .filter(|pcm| pcm.iter().any(|byte| *byte != 0))
        .collect();
    assert!(said.len() > 10, "{} chunks", said.len());
    said
}

#[test]
fn a_recording_that_is_replayed_is_recorded_the_same_again() {
    let desk = Desk::with_trace(CALLS);
    let keep = "--keep audio,text";
    let session = r#"{"audio":{"input":{"transcription":{"model":"whisper-1","language":"de"}}}}"#;
    desk.write("session.json", session);
    let flags = "--session session.json";
    let told = record(&desk, "calls.vtrace", keep, flags, "a.vtrace");
    assert!(told.contains("4 of 4 are in the trace"), "{told}");
    record(&desk, "a.vtrace", keep, flags, "b.vtrace");
    let (first, ones) = sessions(&desk.path("a.vtrace"));
    let (second, twos) = sessions(&desk.path("b.vtrace"));
    assert_eq!((ones.len(), twos.len()), (4, 4));
    for (one, two) in ones.iter().zip(&twos) {
        assert_eq!(one.session.sample_rate_hz, 24_000);
        assert_eq!(one.session.language_code, "de");
        assert_eq!(one.session.microphone, Microphone::Open);
        assert_eq!(one.session.recorded_status.as_deref(), Some("OK"));
        assert_eq!((one.turns.len(), two.turns.len()), (2, 2));
        assert!(said(&first, one) == said(&second, two), "other audio");
        let count = |kind| {
            one.replies
                .iter()
                .filter(|reply| reply.kind == kind)
                .count()
        };
        for kind in [ReplyKind::Transcript, ReplyKind::LlmText, ReplyKind::Audio] {
            assert!(count(kind) > 0, "no {kind}");
        }
        assert_eq!(count(ReplyKind::Processing), 2);
        assert_eq!(count(ReplyKind::Listening), 2);
        assert_eq!(count(ReplyKind::Error), 0);
        let (mut before, after) = (one.turns.iter(), one.turns.iter().skip(1));
        let gaps = after
            .zip(&mut before)
            .map(|(after, before)| after.at_ns - before.at_ns);
        let gaps: Vec<_> = gaps.collect();
        assert!(gaps.iter().all(|gap| *gap > 3_000_000_000), "{gaps:?}");
        assert!(one.turns.iter().all(|turn| turn.speech_end_ns.is_some()));
    }
    // The same call over gRPC.
    let grpc = replay_into("embedded", "grpc").replace("calls.vtrace", "a.vtrace");
    desk.voicelt(&grpc).exits(0);
    let rows = desk.requests("grpc");
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
}

#[test]
fn audio_of_other_codecs_is_kept_at_its_own_rate() {
    let desk = Desk::with_trace(CALLS);
    for codec in ["mulaw", "alaw"] {
        let flags = format!("--wire-format {codec} --microphone push-to-talk --limit 2");
        let (a, b) = (format!("{codec}-a.vtrace"), format!("{codec}-b.vtrace"));
        record(&desk, "calls.vtrace", "--keep audio", &flags, &a);
        record(&desk, &a, "--keep audio", &flags, &b);
        let (first, ones) = sessions(&desk.path(&a));
        let (second, twos) = sessions(&desk.path(&b));
        assert_eq!((ones.len(), twos.len()), (2, 2));
        for (one, two) in ones.iter().zip(&twos) {
            assert_eq!(one.session.sample_rate_hz, 8_000, "{codec}");
            assert_eq!(one.session.microphone, Microphone::PushToTalk);
            assert_eq!((one.turns.len(), two.turns.len()), (2, 2), "{codec}");
            assert!(
                said(&first, one) == said(&second, two),
                "{codec}: other audio"
            );
            let texts = one
                .replies
                .iter()
                .filter(|reply| reply.kind != ReplyKind::Status);
            assert!(texts.clone().count() > 0);
            assert!(texts.into_iter().all(|reply| reply.text.is_none()));
        }
    }
}

#[test]
fn of_timing_alone_the_lengths_are_kept_and_what_is_typed_is_not() {
    let desk = Desk::with_trace(CALLS);
    record(&desk, "calls.vtrace", "--keep audio", "", "a.vtrace");
    record(&desk, "calls.vtrace", "--timing-only", "", "b.vtrace");
    let (first, ones) = sessions(&desk.path("a.vtrace"));
    let (second, twos) = sessions(&desk.path("b.vtrace"));
    assert!(second.clips.iter().all(|clip| clip.file.is_none()));
    assert!(second.manifest.contains.is_empty());
    for (one, two) in ones.iter().zip(&twos) {
        assert_eq!(two.turns.len(), 2);
        let bytes = |bundle: &Bundle, rows: &SessionRows| -> u64 {
            let clips = rows.turns.iter().map(|turn| turn.clip.unwrap() as usize);
            clips.map(|clip| bundle.clips[clip].samples).sum()
        };
        assert_eq!(bytes(&first, one), bytes(&second, two));
    }
}

/// What must be the same of a turn with and without the recorder.
pub(super) fn outcome(row: &RequestRow) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (row.session_id.clone(), row.turn, row.status, row.answers),
        (row.http_status, row.close_code, row.error.clone()),
        (row.chunks_sent, row.bytes_sent, row.audio_received_samples),
        (row.transcript.clone(), row.response_text.clone()),
    )
}

#[test]
fn calls_are_answered_as_without_the_recorder_over_tls_too() {
    let desk = Desk::with_trace(CALLS);
    // The same gateway, twice: how it answers follows from the names of sessions, and what it was asked before.
    let (_gateway, direct) = desk.gateway(EXACT);
    let (_gateway, behind) = desk.gateway(EXACT);
    let (front, pem) = Front::tls(&behind);
    desk.write("server.pem", pem);
    let own = localhost();
    desk.write("own.pem", own.cert.pem());
    desk.write("own.key", own.signing_key.serialize_pem());
    let upstream = format!("wss://localhost:{} --ca server.pem", front.port);
    let flags = "--dialect realtime --timing-only --tls-cert own.pem --tls-key own.key";
    let (recorder, address) = desk.recorder(&upstream, flags);
    let port = address.rsplit(':').next().unwrap();
    let how = "--microphone push-to-talk --keep-session-ids";
    replay(
        &desk,
        "calls.vtrace",
        &format!("ws://{direct}"),
        "direct",
        how,
    );
    let through = format!("wss://localhost:{port}");
    let trusted = format!("{how} --ca own.pem");
    replay(&desk, "calls.vtrace", &through, "through", &trusted);
    recorder
        .interrupt()
        .exits(0)
        .says("4 of 4 are in the trace");
    let outcomes = |run: &str| -> Vec<_> { desk.requests(run).iter().map(outcome).collect() };
    assert_eq!(outcomes("direct").len(), 8);
    assert_eq!(outcomes("direct"), outcomes("through"));
}

#[test]
fn a_recorder_that_was_killed_leaves_what_can_be_recovered() {
    let desk = Desk::with_trace("--synth speech-like:2s --arrivals constant:5/s --duration 4s");
    let (_gateway, gateway) = desk.gateway("--dialect realtime --slots 50");
    let (recorder, address) = desk.recorder(&gateway, "--dialect realtime --keep audio,text");
    let replay = replay_into(&format!("ws://{address}"), "run");
    let replaying = desk.start(&format!("{replay} --dialect realtime"));
    let pcm = desk.path("live.vtrace/journal.pcm");
    until(|| (pcm.metadata().ok()?.len() > 200_000).then_some(()));
    recorder.signal(Signal::KILL);
    assert_eq!(recorder.wait().code, None);
    // The calls went with the proxy, which the replay tells.
    replaying.wait();
    desk.voicelt("trace recover live.vtrace")
        .exits(0)
        .says("are in the trace");
    desk.voicelt("trace check live.vtrace").exits(0);
    let (_, sessions) = sessions(&desk.path("live.vtrace"));
    assert!(sessions.iter().any(|rows| !rows.turns.is_empty()));
}

#[test]
fn what_contradicts_the_dialect_is_refused() {
    let desk = Desk::new();
    for (flags, why) in [
        ("--upstream ws://gw:1", "is a WebSocket"),
        ("--upstream gw:1 --pass-extensions", "--dialect realtime"),
        ("--upstream ws://gw/bot --dialect twilio", "has a path"),
        (
            "--upstream 'wss://gw/v1?key=SECRET' --dialect realtime",
            "has a path",
        ),
    ] {
        let line = format!("record --listen 127.0.0.1:0 -o live.vtrace --timing-only {flags}");
        let told = desk.voicelt(&line);
        assert!(!told.said().contains("SECRET"), "{}", told.said());
        told.refused(why);
        assert!(!desk.path("live.vtrace").exists());
    }
}
