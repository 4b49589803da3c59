//! Whatever a server sends, a session goes on or says why it cannot.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{heard, parse, session, shipped};
use crate::dialect::Part;
use crate::dialect::described::Described;

/// One that reads audio both ways that JSON and WebSockets have.
fn spoken() -> Arc<Described> {
    let text = r#"
name = "x"
transport = "websocket"
url = "ws://h"
[audio]
format = "mulaw"
as = "binary"
reply_format = "f32le"
[[reply]]
when = { "/ready" = true }
then = "ready"
[[reply]]
when = { "/audio" = { empty = false } }
then = "audio"
audio = "/audio"
[[reply]]
then = "audio"
audio = "binary"
[[reply]]
when = { "/done" = { present = true } }
then = "done"
text = "/done"
[[reply]]
when = { "/refused" = 1.5 }
then = "refused"
"#;
    Arc::new(parse("a.toml", text).unwrap())
}

#[test]
fn nothing_keeps_a_session_alive_after_the_end_of_input() {
    let mut session = session(&shipped("deepgram.toml"));
    let due_ns = session.owed_at().unwrap();
    session.end_of_input();
    assert_eq!((session.owed_at(), session.owed(due_ns)), (None, None));
}

#[test]
fn audio_is_read_from_binary_messages_and_from_base64() {
    let mut session = session(&spoken());
    let mut hear = |message: &[u8]| heard(&mut session, &Bytes::copy_from_slice(message)).unwrap();
    assert_eq!(hear(&1.5_f32.to_le_bytes()), ["audio: 1 samples"]);
    assert_eq!(hear(br#"{"audio":"AACAPwAAgD8="}"#), ["audio: 2 samples"]);
    assert_eq!(
        hear(br#"{"audio":"!"}"#),
        ["error: the server sent audio that is no base64"]
    );
    assert_eq!(
        hear(br#"{"refused":1.5}"#),
        ["refused: the server gave no reason"]
    );
    assert_eq!(hear(br#"{"done":"a"}"#), ["done: a"]);
    assert_eq!(hear(b""), Vec::<String>::new());
}

#[test]
fn nothing_is_sent_before_the_server_is_ready() {
    let mut session = session(&spoken());
    assert!(session.may_send(Part::Start) && !session.may_send(Part::Rest));
    heard(&mut session, &Bytes::from_static(br#"{"ready":true}"#)).unwrap();
    assert!(session.may_send(Part::Rest));
}

#[test]
fn what_is_no_json_or_protobuf_is_said() {
    let bytes = Bytes::from_static(&[0xff; 20]);
    for (name, said) in [
        ("vosk.toml", "the server sent a message that is not JSON"),
        (
            "riva.toml",
            "the server sent a message that is not protobuf",
        ),
    ] {
        assert_eq!(heard(&mut session(&shipped(name)), &bytes), Err(said));
    }
}

#[test]
fn a_transcript_that_never_ends_takes_no_memory() {
    let mut session = session(&shipped("deepgram.toml"));
    let line = format!(
        "{{\"type\":\"Results\",\"is_final\":true,\"channel\":{{\"alternatives\":[{{\"transcript\":\"{}\"}}]}}}}",
        "x".repeat(1_000)
    );
    for _ in 0..100 {
        let said = heard(&mut session, &line.clone().into()).unwrap();
        assert!(said[0].len() < 600);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_heard_or_refused(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for described in [shipped("vosk.toml"), shipped("riva.toml"), shipped("stream-audio.toml"), spoken()] {
            let _ = heard(&mut session(&described), &bytes);
            let _ = described.name_of(&bytes);
        }
    }

    #[test]
    fn any_text_is_a_description_or_not(text in ".{0,200}", lines in proptest::collection::vec(0..12_usize, 0..14)) {
        let _ = parse("a.toml", &text);
        let whole = include_str!("../../../../proto/dialects/vosk.toml");
        let parts: Vec<&str> = whole.lines().filter(|line| !line.starts_with('#')).collect();
        let mixed: Vec<&str> = lines.iter().map(|line| parts[line % parts.len()]).collect();
        let _ = parse("a.toml", &mixed.join("\n"));
    }
}
