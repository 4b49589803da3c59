//! Calls as Twilio tells them, and as a bot understands them.

mod overheard;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::server::{self, Event};
use super::*;
use crate::conversation::message::{Reply, ServerMessage, Start};
use crate::dialect::sending::EndOfInput;
use crate::units::NS_PER_MS;

const MS: i64 = NS_PER_MS;

fn json_of(message: &[u8]) -> Value {
    serde_json::from_slice(message).unwrap()
}

fn spec(start: &Value) -> TwilioSpec {
    TwilioSpec {
        start: start.as_object().cloned(),
    }
}

/// A session that has started, and what it said of itself.
fn started() -> (Session, Vec<Value>) {
    let setup = Twilio::new(spec(&json!({"customParameters": {"name": "Ann"}}))).unwrap();
    let mut session = Session::new(Arc::new(setup));
    let start = Start {
        session_id: "s-1".to_owned(),
        ..Start::default()
    };
    let said = session.start(&start);
    (session, said.iter().map(|one| json_of(one)).collect())
}

/// The next chunk as it is sent.
fn chunk(session: &mut Session, audio: &[u8]) -> Bytes {
    let mut payload = BytesMut::new();
    put_audio(audio, &mut payload);
    assert_eq!(payload.len(), frame_bytes(audio.len()));
    let (head, tail) = session.around_audio();
    let message = [head, &payload, tail].concat();
    session.audio_taken();
    message.into()
}

fn hear(session: &mut Session, at_ms: i64, message: &str) -> Reply {
    session.decode(at_ms * MS, message.as_bytes()).unwrap()
}

/// The marks that are sent back by then.
fn marks(session: &mut Session, now_ms: i64) -> Vec<Value> {
    let owed = std::iter::from_fn(|| session.owed(now_ms * MS));
    let owed = owed.map(|owed| json_of(&owed.message)["mark"]["name"].clone());
    owed.collect()
}

#[test]
fn a_call_is_told_as_twilio_tells_it() {
    let (mut session, said) = started();
    let stream_sid = said[1]["streamSid"].as_str().unwrap().to_owned();
    assert_eq!(
        said[0],
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})
    );
    let start = &said[1]["start"];
    let call_sid = start["callSid"].as_str().unwrap();
    for (sid, kind) in [
        (stream_sid.as_str(), "MZ"),
        (call_sid, "CA"),
        (start["accountSid"].as_str().unwrap(), "AC"),
    ] {
        let digits = sid.strip_prefix(kind).unwrap();
        assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    }
    assert_eq!(said[1]["sequenceNumber"], "1");
    assert_eq!(start["streamSid"], said[1]["streamSid"]);
    assert_eq!(start["tracks"], json!(["inbound"]));
    assert_eq!(start["customParameters"], json!({"name": "Ann"}));
    let format = json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1});
    assert_eq!(start["mediaFormat"], format);

    let chunks = [0xff, 0x00, 0x7f].map(|byte| json_of(&chunk(&mut session, &[byte; 160])));
    for (number, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk["event"], "media");
        assert_eq!(chunk["streamSid"], stream_sid);
        assert_eq!(chunk["sequenceNumber"], (number + 2).to_string());
        assert_eq!(chunk["media"]["track"], "inbound");
        assert_eq!(chunk["media"]["chunk"], (number + 1).to_string());
        assert_eq!(chunk["media"]["timestamp"], (20 * number).to_string());
    }
    let EndOfInput::Messages(last) = session.end_of_input() else {
        panic!("it half-closes");
    };
    let stop = json_of(&last[0]);
    assert_eq!(
        (&stop["event"], &stop["sequenceNumber"]),
        (&json!("stop"), &json!("5"))
    );
    assert_eq!(stop["stop"]["callSid"], call_sid);
}

#[test]
fn marks_come_back_when_the_caller_has_heard_what_was_before_them() {
    let (mut session, _) = started();
    hear(&mut session, 0, &server::mark("MZ", "at once"));
    assert_eq!(marks(&mut session, 0), ["at once"]);
    let second = server::media("MZ", &vec![1; 16_000]);
    assert!(matches!(
        hear(&mut session, 100, &second).what,
        ServerMessage::Audio(pcm) if pcm.len() == 16_000
    ));
    hear(&mut session, 101, &server::mark("MZ", "one"));
    hear(&mut session, 102, &second);
    hear(&mut session, 103, &server::mark("MZ", "two"));
    assert_eq!(session.owed_at(), Some(1_100 * MS));
    assert_eq!(marks(&mut session, 1_099), [] as [Value; 0]);
    assert_eq!(marks(&mut session, 1_100), ["one"]);
    hear(&mut session, 1_200, &server::mark("MZ", "three"));
    let cleared = hear(&mut session, 1_300, &server::clear("MZ"));
    assert_eq!(cleared.what, ServerMessage::Cleared);
    assert_eq!(session.owed_at(), Some(1_300 * MS));
    assert_eq!(marks(&mut session, 1_300), ["two", "three"], "at once");
    // What comes now is heard now.
    hear(&mut session, 1_400, &second);
    hear(&mut session, 1_400, &server::mark("MZ", "four"));
    assert_eq!(session.owed_at(), Some(2_400 * MS));
    // They are numbered with all else.
    let chunk = json_of(&chunk(&mut session, &[0; 160]));
    assert_eq!(chunk["sequenceNumber"], "6");
}

#[test]
fn nothing_follows_the_message_that_ends_a_call() {
    let (mut session, _) = started();
    hear(&mut session, 0, &server::media("MZ", &vec![1; 16_000]));
    hear(&mut session, 0, &server::mark("MZ", "one"));
    session.end_of_input();
    assert_eq!((session.owed_at(), session.owed(5_000 * MS)), (None, None));
}

#[test]
fn a_flood_of_marks_ends_the_session() {
    let (mut session, _) = started();
    hear(&mut session, 0, &server::media("MZ", &vec![1; 16_000]));
    let mark = server::mark("MZ", &"x".repeat(100_000));
    let ended = (0..20).find_map(|_| session.decode(0, mark.as_bytes()).err());
    assert!(ended.is_some_and(|why| why.contains("marks")));
}

#[test]
fn what_is_none_of_the_protocol_is_said_and_what_is_new_is_passed_over() {
    let (mut session, _) = started();
    let mut read = |message: &str| session.decode(0, message.as_bytes());
    for message in ["", "[]", "{}", "hello", r#"{"event":7}"#] {
        assert!(read(message).is_err_and(|why| why.contains("no JSON object")));
    }
    let odd = r#"{"event":"media","media":{"payload":"*"}}"#;
    assert!(read(odd).is_err_and(|why| why.contains("base64")));
    let new = read(r#"{"event":"sing","song":["a"]}"#).unwrap();
    assert_eq!((new.what, new.kind), (ServerMessage::Unknown, "unknown"));
    assert!(matches!(
        read(r#"{"event":"media"}"#).unwrap().what,
        ServerMessage::Audio(pcm) if pcm.is_empty()
    ));
}

#[test]
fn the_start_takes_names_and_parameters_and_nothing_that_follows_from_the_session() {
    for (start, said) in [
        (json!({"customParameters": {"a": 1}}), "/customParameters/a"),
        (json!({"customParameters": "a"}), "/customParameters is"),
        (json!({"callSid": 1}), "/callSid"),
        (json!({"mediaFormat": {}}), "/mediaFormat follows"),
        (json!({"x": ""}), "/x is not known"),
    ] {
        let refused = Twilio::new(spec(&start));
        assert!(refused.is_err_and(|why| why.contains(said)), "{said}");
    }
    let own = Twilio::new(spec(&json!({"callSid": "CA1", "accountSid": "AC1"}))).unwrap();
    let said = Session::new(Arc::new(own)).start(&Start::default());
    assert_eq!(json_of(&said[1])["start"]["callSid"], "CA1");
}

#[test]
fn a_bot_reads_what_we_send() {
    let (mut session, said) = started();
    let text = said[1].to_string();
    let Some(Event::Started {
        stream_sid,
        call_sid,
        parameters,
        has_known_format: true,
    }) = server::read(text.as_bytes())
    else {
        panic!("{text}");
    };
    assert_eq!(said[1]["streamSid"], stream_sid);
    assert_eq!(said[1]["start"]["callSid"], call_sid);
    assert_eq!(json_of(parameters.as_bytes()), json!({"name": "Ann"}));
    let media = chunk(&mut session, &[9; 160]);
    assert_eq!(
        server::read(&media),
        Some(Event::Media(vec![9; 160].into()))
    );
    hear(&mut session, 0, &server::mark("MZ", "m"));
    let mark = session.owed(0).unwrap().message;
    assert_eq!(server::read(&mark), Some(Event::Heard("m".to_owned())));
    let EndOfInput::Messages(stop) = session.end_of_input() else {
        panic!("it half-closes");
    };
    assert_eq!(server::read(&stop[0]), Some(Event::Stopped));
    assert_eq!(
        server::read(said[0].to_string().as_bytes()),
        Some(Event::Other)
    );
    assert_eq!(server::read(b"[]"), None);
}
