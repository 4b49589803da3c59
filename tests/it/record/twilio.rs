//! Calls of Twilio Media Streams through the recorder: what is recorded is what was said, and nobody's parameters.

use serde_json::{Value, json};
use voicelt::trace::model::{EventKind, Microphone, ReplyKind, SessionRows};

use super::recording::chunks;
use super::sockets::{
    CALLS, answered_as_without, answered_in, record, recovered_when_killed, said, sessions,
};
use super::websocket::{AGREED, KEY, OFFER, Peer, assert_silent, call, frame};
use crate::support::Desk;

/// A call to a bot as Twilio begins it.
const HEAD: &str = "GET /calls/7?token=SECRET-QUERY HTTP/1.1\r\nHost: bot.example\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: TwilioMediaStreams/1\r\n\
    X-Twilio-Signature: SECRET-SIGNATURE=\r\nSec-WebSocket-Version: 13\r\n";

fn text(message: &Value, key: Option<[u8; 4]>) -> Vec<u8> {
    frame(0x81, message.to_string().as_bytes(), key)
}

/// What Twilio says up to the first audio.
fn opening() -> Vec<u8> {
    let start = json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA-of-Ann", "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"name": "SECRET name", "prompt": "SECRET words"}}});
    let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"});
    [text(&connected, KEY), text(&start, KEY)].concat()
}

fn media(payload: &str, key: Option<[u8; 4]>) -> Vec<u8> {
    let media = json!({"track": "inbound", "chunk": "1", "timestamp": "0", "payload": payload});
    text(
        &json!({"event": "media", "streamSid": "MZ1", "media": media}),
        key,
    )
}

/// The one session of the recording, which ends with `said` of the caller and `answer` of the bot.
fn recorded(answer: &[u8], said: &[u8], keep: &str) -> (Desk, SessionRows) {
    let answer = [format!("{AGREED}\r\n").as_bytes(), answer].concat();
    let peer = Peer::answering(&answer);
    let desk = Desk::new();
    let (recorder, address) =
        desk.recorder(&peer.address(), &format!("--dialect twilio --keep {keep}"));
    let head = format!("{HEAD}{OFFER}\r\n");
    let read = call(&address, head.as_bytes(), answer.len(), said);
    assert!(read == answer, "{:?}", String::from_utf8_lossy(&read));
    let went_on = [format!("{HEAD}\r\n").as_bytes(), said].concat();
    assert!(peer.heard() == went_on, "without the offer");
    let told = recorder.interrupt().exits(0).said();
    assert!(told.contains("1 of 1 are in the trace"), "{told}");
    desk.voicelt("trace check live.vtrace").exits(0);
    assert_silent(&desk, &told);
    let (_, sessions) = sessions(&desk.path("live.vtrace"));
    (desk, sessions.into_iter().next().unwrap())
}

fn count(rows: &SessionRows, kind: ReplyKind) -> usize {
    let replies = rows.replies.iter();
    replies.filter(|reply| reply.kind == kind).count()
}

#[test]
fn every_byte_of_a_call_passes_and_what_it_says_is_recorded() {
    let loud = "gICA".repeat(54);
    let answer = [
        media(&loud, None),
        text(
            &json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": "SECRET mark"}}),
            None,
        ),
        text(&json!({"event": "clear", "streamSid": "MZ1"}), None),
    ]
    .concat();
    let mark = json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": "SECRET mark"}});
    let digit = json!({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": "SECRET"}});
    let stop = json!({"event": "stop", "streamSid": "MZ1", "stop": {"callSid": "CA-of-Ann"}});
    // Two samples of silence, and the loudest of either sign.
    let said = [
        opening(),
        media("//8AgA==", KEY),
        text(&mark, KEY),
        text(&digit, KEY),
        text(&stop, KEY),
        frame(0x88, &1000_u16.to_be_bytes(), KEY),
    ]
    .concat();
    for (keep, name) in [("audio,text", "CA-of-Ann"), ("audio", "call-0")] {
        let (desk, rows) = recorded(&answer, &said, keep);
        assert_eq!(rows.session.session_id, name);
        assert_eq!(rows.session.sample_rate_hz, 8_000);
        assert_eq!(rows.session.recorded_status.as_deref(), Some("OK"));
        let (bundle, _) = sessions(&desk.path("live.vtrace"));
        let pcm: Vec<_> = chunks(&bundle, &rows)
            .into_iter()
            .map(|(_, pcm)| pcm)
            .collect();
        assert_eq!(pcm, [[0, 0, 0, 0, 0x84, 0x82, 0x7c, 0x7d]]);
        let ends = rows
            .events
            .iter()
            .filter(|event| event.kind == EventKind::HalfClose);
        assert_eq!(ends.count(), 1, "the stop, or the close");
        assert_eq!(count(&rows, ReplyKind::Audio), 1);
        assert_eq!(count(&rows, ReplyKind::Listening), 1, "the clear");
        let texts = rows
            .replies
            .iter()
            .filter(|reply| reply.kind != ReplyKind::Status);
        assert!(texts.into_iter().all(|reply| reply.text.is_none()));
    }
}

#[test]
fn who_ends_a_call_is_told_apart() {
    let stop = text(&json!({"event": "stop", "streamSid": "MZ1"}), KEY);
    let sound = media("AIA=", KEY);
    let bye = frame(0x88, &1000_u16.to_be_bytes(), None);
    let [begun, stopped] = [vec![], stop].map(|end| [opening(), sound.clone(), end].concat());
    for (answer, said, status, kind) in [
        // The bot hangs up.
        (&bye[..], &begun, "OK", EventKind::HalfClose),
        // Twilio says that the call is over, and closes no WebSocket.
        (&[], &stopped, "close 1006", EventKind::HalfClose),
        // It just goes.
        (&[], &begun, "CANCELLED", EventKind::Cancel),
    ] {
        let (_, rows) = recorded(answer, said, "audio");
        let ended = rows.session.recorded_status.as_deref();
        assert!(
            ended.is_some_and(|ended| ended.starts_with(status)),
            "{ended:?}"
        );
        assert_eq!(rows.events.last().unwrap().kind, kind, "{status}");
    }
}

#[test]
fn a_recording_that_is_replayed_is_recorded_the_same_again() {
    let desk = Desk::with_trace(CALLS);
    let keep = "--keep audio,text";
    let told = record(&desk, "twilio", "calls.vtrace", keep, "", "a.vtrace");
    assert!(told.contains("4 of 4 are in the trace"), "{told}");
    record(&desk, "twilio", "a.vtrace", keep, "", "b.vtrace");
    let (first, ones) = sessions(&desk.path("a.vtrace"));
    let (second, twos) = sessions(&desk.path("b.vtrace"));
    assert_eq!((ones.len(), twos.len()), (4, 4));
    for (one, two) in ones.iter().zip(&twos) {
        assert_eq!(one.session.sample_rate_hz, 8_000);
        assert_eq!(one.session.microphone, Microphone::Open);
        assert_eq!(one.session.recorded_status.as_deref(), Some("OK"));
        assert!(one.session.session_id.starts_with("CA"), "its call's");
        assert_eq!((one.turns.len(), two.turns.len()), (2, 2));
        assert!(said(&first, one) == said(&second, two), "other audio");
        assert!(count(one, ReplyKind::Audio) > 10, "{:?}", one.replies);
        // That the first answer has ended is known with the second.
        assert_eq!(count(one, ReplyKind::Listening), 1, "{:?}", one.replies);
        assert!(one.turns.iter().all(|turn| turn.speech_end_ns.is_some()));
    }
    // The same calls to other servers.
    for dialect in ["realtime", "stream-audio", "twilio"] {
        answered_in(&desk, "a.vtrace", dialect, 8);
    }
}

#[test]
fn of_timing_alone_the_lengths_are_kept() {
    let desk = Desk::with_trace(CALLS);
    let keep = "--timing-only";
    record(&desk, "twilio", "calls.vtrace", keep, "", "a.vtrace");
    let (bundle, calls) = sessions(&desk.path("a.vtrace"));
    assert!(bundle.clips.iter().all(|clip| clip.file.is_none()));
    assert!(bundle.manifest.contains.is_empty());
    for call in &calls {
        assert!(!call.session.session_id.starts_with("CA"));
        assert_eq!(call.turns.len(), 2);
    }
    answered_in(&desk, "a.vtrace", "realtime", 8);
}

#[test]
fn calls_are_answered_as_without_the_recorder_over_tls_too() {
    answered_as_without("twilio", "");
}

#[test]
fn a_recorder_that_was_killed_leaves_what_can_be_recovered() {
    recovered_when_killed("twilio");
}
