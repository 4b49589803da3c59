//! The other side: what a server says is what the description understands, and what a client says is what it hears.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{heard, parse, session, shipped, start};
use crate::conversation::message::{ServerMessage, Start};
use crate::dialect::EndOfInput;
use crate::dialect::described::{Described, Listener, Server, Session, Told};
use crate::dialect::grpc::HEADER_BYTES;
use crate::dialect::nature::Carrier;

/// A protocol that only these tests know: base64 both ways, in JSON that is nested.
const ODD: &str = r#"
name = "odd"
transport = "websocket"
url = "ws://example/talk?id={session_id}"
open = ["hello {session_id} at {sample_rate}", '{"tenant": "{var:tenant}", "lang": "{language}"}']
text = '{"typed": "{text}"}'
end_of_utterance = ['{"commit": true}', '{"answer": true}']
end_of_input = "bye"
[audio]
format = "pcm16"
as = '{"of": "{session_id}", "audio": ["{audio}"]}'
reply_format = "mulaw"
reply_rate = 8000
[keep_alive]
message = '{"ping": {sample_rate}}'
every = "4s"
[[reply]]
when = { "/hello" = { present = true } }
then = "ready"
[[reply]]
when = { "/events/1/kind" = "said", "/events/1/words" = { empty = false } }
then = "text"
text = "/events/1/words"
[[reply]]
when = { "/media/0/payload" = { empty = false }, "/media/0/seq" = 1.5 }
then = "audio"
audio = "/media/0/payload"
[[reply]]
when = { "/over" = true, "/events" = { present = false } }
then = "turn_ended"
[[reply]]
when = { "/oops" = { present = true } }
then = "error"
[[reply]]
when = { "/flush" = { empty = false } }
then = "cleared"
"#;

fn server(described: &Arc<Described>) -> Arc<Server> {
    Arc::new(Server::new(described.clone()).unwrap())
}

fn odd() -> Arc<Described> {
    Arc::new(parse("odd.toml", ODD).unwrap())
}

/// What a session of the description understands of what is said.
fn understood(described: &Arc<Described>, message: &ServerMessage) -> Vec<String> {
    let said = server(described).say(message).unwrap();
    heard(&mut session(described), &Bytes::from(said)).unwrap()
}

fn transcript(is_final: bool) -> ServerMessage {
    ServerMessage::Transcript {
        text: "a \"b\"\u{e000}".to_owned(),
        is_final: Some(is_final),
    }
}

#[test]
fn what_is_shipped_can_be_said() {
    let says = |name: &str| {
        let server = server(&shipped(name));
        assert_eq!(server.cannot_say(), [""; 0], "{name}");
        server.can_say().join(", ")
    };
    let recogniser = "interim transcript, final transcript";
    assert_eq!(says("vosk.toml"), recogniser);
    assert_eq!(says("riva.toml"), recogniser);
    assert_eq!(
        says("deepgram.toml"),
        format!("{recogniser}, turn ended, error")
    );
    assert_eq!(
        says("stream-audio.toml"),
        format!("{recogniser}, processing, text, speaking, audio, turn ended, done, error")
    );
}

#[test]
fn what_is_said_is_understood() {
    for name in ["vosk.toml", "riva.toml", "deepgram.toml"] {
        for is_final in [true, false] {
            let kind = if is_final { "final" } else { "interim" };
            let said = understood(&shipped(name), &transcript(is_final));
            let expected = format!("{kind} transcript: a \"b\"\u{e000}");
            assert_eq!(said, [expected], "{name}");
        }
    }
    let stream_audio = shipped("stream-audio.toml");
    for (message, expected) in [
        (transcript(true), "transcript: a \"b\"\u{e000}"),
        (ServerMessage::Processing, "processing"),
        (ServerMessage::Text("hi".to_owned()), "text: hi"),
        (ServerMessage::Speaking, "speaking"),
        (
            ServerMessage::Audio(Bytes::from_static(&[1; 640])),
            "audio: 320 samples",
        ),
        (ServerMessage::TurnEnded, "turn ended"),
        (ServerMessage::Done, "done"),
        (ServerMessage::Error("no GPU".to_owned()), "error: no GPU"),
    ] {
        assert_eq!(understood(&stream_audio, &message), [expected]);
    }
    for (message, expected) in [
        (ServerMessage::Ready, "ready: audio may be sent"),
        (ServerMessage::Text("hi".to_owned()), "text: hi"),
        (
            ServerMessage::Audio(Bytes::from_static(&[1; 640])),
            "audio: 320 samples",
        ),
        (ServerMessage::TurnEnded, "turn ended"),
        (ServerMessage::Cleared, "cleared: what plays is thrown away"),
        (
            ServerMessage::Error("x".to_owned()),
            "error: the server gave no reason",
        ),
    ] {
        assert_eq!(understood(&odd(), &message), [expected]);
    }
    assert_eq!(server(&odd()).say(&transcript(true)), None);
}

/// What a server hears in a message of a session.
fn told(listener: &mut Listener, described: &Described, message: &Bytes, is_audio: bool) -> Told {
    match described.nature().carrier {
        Carrier::Http2 => listener.message(&message.slice(HEADER_BYTES..)),
        Carrier::WebSocket if is_audio && described.nature().sends_binary => {
            listener.binary(message)
        }
        Carrier::WebSocket => listener.text(std::str::from_utf8(message).unwrap()),
    }
}

#[test]
fn what_a_client_says_is_heard() {
    let all = [
        "vosk.toml",
        "deepgram.toml",
        "riva.toml",
        "stream-audio.toml",
    ];
    for described in all.map(shipped).into_iter().chain([odd()]) {
        let name = described.name();
        let mut client = Session::new(described.clone(), vec!["v \"1\"".to_owned()]);
        let mut listener = Listener::new(server(&described));
        let mut hears = |message: &Bytes| told(&mut listener, &described, message, false);
        let of_call = Start {
            session_id: "s \"1\"".to_owned(),
            sample_rate_hz: 24_000,
            ..start()
        };
        let opening = client.start(0, of_call);
        let opened: Vec<_> = opening.iter().map(&mut hears).collect();
        if let Some((last, before)) = opened.split_last() {
            let Told::Started {
                session_id,
                sample_rate_hz,
            } = last
            else {
                panic!("{name}: {last:?}");
            };
            assert!(session_id.is_empty() || session_id == "s \"1\"", "{name}");
            let rate = described.nature().input.map_or(24_000, |it| it.rate.0);
            assert_eq!(*sample_rate_hz, Some(rate), "{name}");
            assert!(before.iter().all(|told| *told == Told::Other));
        }
        for message in client.text("so \"so\"".to_owned()) {
            assert_eq!(hears(&message), Told::Text("so \"so\"".to_owned()));
        }
        let ends: Vec<_> = client.end_of_utterance().iter().map(&mut hears).collect();
        let expected = [Told::Other, Told::EndOfUtterance];
        assert_eq!(ends, expected[..ends.len()], "{name}");
        if let Some(keep_alive) = client.owed(i64::MAX) {
            assert_eq!(hears(&keep_alive.message), Told::Other, "{name}");
        }
        if let EndOfInput::Messages(messages) = client.end_of_input() {
            for message in messages {
                assert_eq!(hears(&message), Told::EndOfInput, "{name}");
            }
        }
        let chunk: Vec<u8> = (0..640).map(|n| n as u8).collect();
        let mut frame = BytesMut::new();
        described.put_audio(&chunk, &mut frame);
        let (head, tail) = client.around_audio();
        let message = Bytes::from([head, &frame, tail].concat());
        let audio = told(&mut listener, &described, &message, true);
        assert_eq!(audio, Told::Audio(chunk.into()), "{name}");
    }
}

#[test]
fn what_is_too_long_to_be_read_is_not_passed_over() {
    let long = format!("{{\"typed\":\"{}\"}}", "a".repeat(1 << 20));
    let mut listener = Listener::new(server(&odd()));
    assert_eq!(listener.text(&long), Told::TooLong);
    let mut listener = Listener::new(server(&shipped("stream-audio.toml")));
    let long = Bytes::from(vec![0; (1 << 20) + 1]);
    assert_eq!(listener.message(&long), Told::TooLong);
}

#[test]
fn messages_of_others_are_heard_however_they_are_laid_out() {
    let described = odd();
    let mut listener = Listener::new(server(&described));
    assert_eq!(listener.text("whatever comes first"), Told::Other);
    let opened = listener.text("second");
    assert!(matches!(opened, Told::Started { .. }), "{opened:?}");
    let audio = "{\"audio\":[\"AQI\\u003d\"], \"of\":\"x\"}";
    assert_eq!(
        listener.text(audio),
        Told::Audio(Bytes::from_static(&[1, 2]))
    );
    assert_eq!(
        listener.text("{\"audio\":[\"A!\"],\"of\":\"\"}"),
        Told::Other
    );
    assert_eq!(listener.text("{ \"answer\" :true}"), Told::EndOfUtterance);
    assert_eq!(listener.text("{\"answer\":true,\"more\":1}"), Told::Other);
    assert_eq!(listener.binary(&Bytes::from_static(&[1, 2])), Told::Other);
}

proptest! {
    #[test]
    fn any_message_of_a_client_is_heard(texts: Vec<String>, bytes: Vec<Vec<u8>>) {
        for described in [shipped("vosk.toml"), shipped("riva.toml"), odd()] {
            let mut listener = Listener::new(server(&described));
            texts.iter().for_each(|text| drop(listener.text(text)));
            for bytes in &bytes {
                let bytes = Bytes::copy_from_slice(bytes);
                drop(listener.message(&bytes));
                drop(listener.binary(&bytes));
            }
        }
    }

    #[test]
    fn any_text_is_said_as_it_is(text in ".{1,40}") {
        for described in [shipped("vosk.toml"), shipped("riva.toml"), shipped("deepgram.toml")] {
            let is_final = Some(true);
            let transcript = ServerMessage::Transcript { text: text.clone(), is_final };
            let said = server(&described).say(&transcript).unwrap();
            let mut came = Vec::new();
            let mut session = session(&described);
            session.decode(&said.into(), &mut |reply| came.push(reply.what)).unwrap();
            prop_assert_eq!(came, [transcript]);
        }
    }
}

/// A description over WebSocket with these rules.
fn with_rules(rules: &str) -> Arc<Described> {
    let head = "name = \"x\"\ntransport = \"websocket\"\nurl = \"ws://x\"\n\
                [audio]\nformat = \"f32le\"\nrate = 16000\nas = \"binary\"\n";
    Arc::new(parse("x.toml", &format!("{head}{rules}")).unwrap())
}

#[test]
fn what_is_final_in_parts_is_whole_when_the_turn_has_ended() {
    let described = with_rules(
        "[[reply]]\nwhen = { \"/part\" = { present = true } }\nthen = \"transcript\"\ntext = \"/part\"\n\
         final = true\nends_utterance = false\n\
         [[reply]]\nwhen = { \"/end\" = true }\nthen = \"turn_ended\"\n",
    );
    let server = server(&described);
    let mut session = session(&described);
    let mut says = |message: &ServerMessage| {
        let said = server.say(message).unwrap();
        heard(&mut session, &said.into()).unwrap().join("; ")
    };
    assert!(says(&transcript(true)).starts_with("interim transcript"));
    let ended = says(&ServerMessage::TurnEnded);
    assert!(ended.starts_with("final transcript") && ended.ends_with("; turn ended"));
    assert_eq!(server.say(&transcript(false)), None, "none is interim");
}

#[test]
fn one_message_may_be_two_things() {
    let described = with_rules(
        "[[reply]]\nwhen = { \"/text\" = { empty = false } }\nthen = \"transcript\"\ntext = \"/text\"\nfinal = true\n\
         [[reply]]\nwhen = { \"/text\" = { present = true } }\nthen = \"turn_ended\"\n",
    );
    let said = understood(&described, &transcript(true));
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(server(&described).cannot_say(), [""; 0]);
}

#[test]
fn what_cannot_be_said_is_left_out_and_an_answer_is_needed() {
    let text = "[[reply]]\nwhen = { \"/t\" = { empty = false } }\nthen = \"text\"\ntext = \"/t\"\n";
    let described = with_rules(&format!(
        "{text}[[reply]]\nwhen = {{ \"/a/b\" = 1, \"/a\" = 2 }}\nthen = \"turn_ended\"\n\
         [[reply]]\nwhen = {{ \"/a/{}\" = true }}\nthen = \"ready\"\n",
        u64::MAX
    ));
    let said = server(&described);
    assert_eq!(said.can_say(), ["text"]);
    assert_eq!(said.cannot_say(), ["ready", "turn ended"]);
    let described =
        with_rules("[[reply]]\nwhen = { \"/t\" = \"no\" }\nthen = \"text\"\ntext = \"/t\"\n");
    assert_eq!(
        Server::new(described).unwrap_err(),
        "by the rules of x, nothing that it can make of them is understood as audio or text"
    );
}

#[test]
fn floats_are_heard_as_samples() {
    let described = with_rules(
        "[[reply]]\nwhen = { \"/t\" = { empty = false } }\nthen = \"text\"\ntext = \"/t\"\n",
    );
    let mut frame = BytesMut::new();
    described.put_audio(&[1, 2, 3, 0x80], &mut frame);
    let mut listener = Listener::new(server(&described));
    let heard = listener.binary(&frame.freeze());
    assert_eq!(heard, Told::Audio(Bytes::from_static(&[1, 2, 3, 0x80])));
}
