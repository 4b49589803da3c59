//! Calls of OpenAI Realtime through the recorder: what is recorded is what was said, and nothing is answered otherwise.

use voicelt::trace::model::{Microphone, ReplyKind, SessionRows};
use voicelt::trace::stream::Bundle;

use super::sockets::{
    CALLS, answered_as_without, answered_in, record, recovered_when_killed, said, sessions,
};
use crate::support::Desk;

#[test]
fn a_recording_that_is_replayed_is_recorded_the_same_again() {
    let desk = Desk::with_trace(CALLS);
    let keep = "--keep audio,text";
    let session = r#"{"audio":{"input":{"transcription":{"model":"whisper-1","language":"de"}}}}"#;
    desk.write("session.json", session);
    let flags = "--session session.json";
    let told = record(&desk, "realtime", "calls.vtrace", keep, flags, "a.vtrace");
    assert!(told.contains("4 of 4 are in the trace"), "{told}");
    record(&desk, "realtime", "a.vtrace", keep, flags, "b.vtrace");
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
    // The same calls to other servers.
    for dialect in ["stream-audio", "twilio"] {
        answered_in(&desk, "a.vtrace", dialect, 8);
    }
}

#[test]
fn audio_of_other_codecs_is_kept_at_its_own_rate() {
    let desk = Desk::with_trace(CALLS);
    for codec in ["mulaw", "alaw"] {
        let flags = format!("--wire-format {codec} --microphone push-to-talk --limit 2");
        let (a, b) = (format!("{codec}-a.vtrace"), format!("{codec}-b.vtrace"));
        record(
            &desk,
            "realtime",
            "calls.vtrace",
            "--keep audio",
            &flags,
            &a,
        );
        record(&desk, "realtime", &a, "--keep audio", &flags, &b);
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
    record(
        &desk,
        "realtime",
        "calls.vtrace",
        "--keep audio",
        "",
        "a.vtrace",
    );
    record(
        &desk,
        "realtime",
        "calls.vtrace",
        "--timing-only",
        "",
        "b.vtrace",
    );
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

#[test]
fn calls_are_answered_as_without_the_recorder_over_tls_too() {
    answered_as_without("realtime", "--microphone push-to-talk");
}

#[test]
fn a_recorder_that_was_killed_leaves_what_can_be_recovered() {
    recovered_when_killed("realtime");
}

#[test]
fn what_contradicts_the_dialect_is_refused() {
    let desk = Desk::new();
    for (flags, why) in [
        ("--upstream ws://gw:1", "is a WebSocket"),
        ("--upstream gw:1 --pass-extensions", "--dialect realtime"),
        (
            "--upstream gw:1 --answer-gap 1s",
            "--answer-gap is of --dialect twilio",
        ),
        (
            "--upstream wss://gw --dialect realtime --audible-threshold=-40dBFS",
            "--audible-threshold is of --dialect twilio",
        ),
        (
            "--upstream 'wss://gw/v1?key=SECRET' --dialect twilio",
            "has a path",
        ),
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
