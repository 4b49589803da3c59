//! The descriptions that are shipped, against what their servers publish.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use super::{heard, parse, session, shipped, start};
use crate::conversation::message::{ClientMessage, Reply, ServerMessage};
use crate::dialect::described::{Described, Session};
use crate::dialect::grpc::HEADER_BYTES;
use crate::dialect::{EndOfInput, Part, stream_audio, voice_workflow as proto};

fn sent(described: &Described) -> String {
    let sent = described.sent(&start());
    let lines = sent.iter().map(|(what, text)| format!("{what}: {text}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is heard in each line of a sample.
fn sample(described: &Arc<Described>, lines: &[&str]) -> Vec<String> {
    let mut session = session(described);
    let lines = lines.iter().map(|line| {
        let message = described.sample(line).unwrap();
        heard(&mut session, &message).unwrap().join("; ")
    });
    lines.collect()
}

#[test]
fn what_is_sent_is_what_servers_are_told() {
    let all = [
        "deepgram.toml",
        "vosk.toml",
        "riva.toml",
        "stream-audio.toml",
    ];
    let all = all.map(|name| sent(&shipped(name)));
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn vosk_is_told_the_end_byte_for_byte() {
    let mut session = Session::new(shipped("vosk.toml"), Vec::new());
    assert!(session.may_send(Part::Rest));
    assert_eq!(
        session.start(0, start()),
        ["{\"config\" : {\"sample_rate\" : 8000}}"]
    );
    let end = Bytes::from_static(b"{\"eof\" : 1}");
    assert_eq!(session.end_of_input(), EndOfInput::Messages(vec![end]));
}

#[test]
fn vosk_ends_an_utterance_with_its_text() {
    let said = sample(
        &shipped("vosk.toml"),
        &[
            r#"{"partial" : ""}"#,
            r#"{"partial" : "one zero"}"#,
            r#"{"result" : [{"conf" : 1.0, "end" : 1.1, "start" : 0.8, "word" : "one"}], "text" : "one"}"#,
            r#"{"text" : ""}"#,
        ],
    );
    let expected = [
        "",
        "interim transcript: one zero",
        "final transcript: one",
        "",
    ];
    assert_eq!(said, expected);
}

#[test]
fn segments_of_deepgram_are_one_transcript_when_the_utterance_ends() {
    let results = |text: &str, is_final: bool, speech_final: bool| {
        format!(
            "{{\"type\":\"Results\",\"channel_index\":[0,1],\"duration\":1.0,\"start\":0.0,\"is_final\":{is_final},\
             \"speech_final\":{speech_final},\"channel\":{{\"alternatives\":[{{\"transcript\":\"{text}\",\
             \"confidence\":0.9,\"words\":[]}}]}},\"metadata\":{{}},\"from_finalize\":false}}"
        )
    };
    let lines = [
        results("how", false, false),
        results("how are", true, false),
        results("", true, false),
        results("you", false, false),
        results("you?", true, true),
        results("", false, false),
        results("fine", true, false),
        r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.4}"#.to_owned(),
        results("", true, true),
        r#"{"type":"Metadata","transaction_key":"deprecated","request_id":"1","channels":1}"#
            .to_owned(),
        r#"{"type":"Error","variant":"SchemaError","description":"no"}"#.to_owned(),
        r#"{"type":"News"}"#.to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(
        sample(&shipped("deepgram.toml"), &lines),
        [
            "interim transcript: how",
            "interim transcript: how are",
            "",
            "interim transcript: you",
            "final transcript: how are you?",
            "",
            "interim transcript: fine",
            "final transcript: fine; turn ended",
            "",
            "",
            "error: no",
            "not understood: no [[reply]] is about it",
        ]
    );
}

#[test]
fn riva_marks_what_is_final() {
    let said = sample(
        &shipped("riva.toml"),
        &[
            r#"{"results":[{"alternatives":[{"transcript":"how"}]},{"alternatives":[{"transcript":"are"}]}]}"#,
            r#"{"results":[{"alternatives":[{"transcript":"how are you?"}],"is_final":true}]}"#,
            r#"{"results":[{"is_final":true}]}"#,
            "{}",
        ],
    );
    let expected = [
        "interim transcript: how",
        "final transcript: how are you?",
        "not understood: no [[reply]] is about it",
        "",
    ];
    assert_eq!(said, expected);
}

#[test]
fn stream_audio_is_sent_as_the_native_dialect_sends_it() {
    let described = shipped("stream-audio.toml");
    let mut session = session(&described);
    let native = |message| vec![stream_audio::encode(message)];
    assert_eq!(
        session.start(0, start()),
        native(ClientMessage::Start(start()))
    );
    let text = "a \"b\" {c}\n".to_owned();
    assert_eq!(
        session.text(text.clone()),
        native(ClientMessage::Text(text))
    );
    assert_eq!(session.end_of_input(), EndOfInput::HalfClose);
    assert_eq!(session.end_of_utterance(), Vec::<Bytes>::new());
    assert_eq!(session.around_audio(), (&[][..], &[][..]));
    for bytes in [0, 1, 127, 128, 640, 70_000] {
        let chunk = vec![7; bytes];
        let mut out = BytesMut::new();
        described.put_audio(&chunk, &mut out);
        assert_eq!(described.frame_bytes(bytes), out.len());
        let native = stream_audio::encode(ClientMessage::Audio(chunk.into()));
        assert_eq!(out, native);
    }
    assert_eq!(
        described.nature(),
        crate::dialect::Dialect::StreamAudio.nature()
    );
    assert_eq!(described.path(&start()), stream_audio::PATH);
}

#[test]
fn stream_audio_is_read_as_the_native_dialect_reads_it() {
    let mut session = session(&shipped("stream-audio.toml"));
    let messages = [
        ServerMessage::transcript("a"),
        ServerMessage::Text("b".into()),
        ServerMessage::Audio(Bytes::from_static(&[1, 2])),
        ServerMessage::TurnEnded,
        ServerMessage::Processing,
        ServerMessage::Speaking,
        ServerMessage::Done,
        ServerMessage::Error("no GPU".into()),
        ServerMessage::Unknown,
    ];
    let event = |kind: proto::EventType| proto::ServerMessage {
        content: Some(proto::server_message::Content::Event(proto::ServerEvent {
            r#type: kind.into(),
            message: "words".to_owned(),
        })),
    };
    let events = [proto::EventType::Listening, proto::EventType::EndOfTurn].map(event);
    let messages = messages
        .map(proto::ServerMessage::from)
        .into_iter()
        .chain(events);
    for message in messages {
        let bytes = Bytes::from(message.encode_to_vec());
        let mut heard: Vec<Reply> = Vec::new();
        session
            .decode(&bytes, &mut |reply| heard.push(reply))
            .unwrap();
        let mut dialect = crate::dialect::DialectSession::StreamAudio;
        let mut native = Vec::new();
        dialect
            .decode(0, bytes, |reply| native.push(reply))
            .unwrap();
        assert_eq!(heard, native);
    }
}

#[test]
fn a_chunk_of_riva_is_what_protobuf_encodes() {
    let described = shipped("riva.toml");
    let mut out = BytesMut::new();
    described.put_audio(&[1, 2, 3], &mut out);
    assert_eq!(out[..], [0, 0, 0, 0, 5, 0x12, 3, 1, 2, 3]);
    let config = &session(&described).start(0, start())[0];
    let expected =
        b"\x0a\x16\x0a\x12\x08\x01\x10\x80\x7d\x1a\x05de-DE\x20\x01\x38\x01\x58\x01\x10\x01";
    assert_eq!(config.slice(HEADER_BYTES..), expected.as_slice());
}

#[test]
fn a_session_is_kept_alive_as_long_as_it_is_open() {
    let described = shipped("deepgram.toml");
    let mut session = Session::new(described.clone(), Vec::new());
    assert_eq!((session.owed(0), session.owed_at()), (None, None));
    let s = 1_000_000_000;
    session.start(s, start());
    assert_eq!((session.owed(s), session.owed_at()), (None, Some(5 * s)));
    assert_eq!(session.owed(5 * s - 1), None);
    let owed = session.owed(5 * s).unwrap();
    assert_eq!(owed.message, "{\"type\": \"KeepAlive\"}");
    assert_eq!(
        (session.owed(5 * s), session.owed_at()),
        (None, Some(9 * s))
    );
    session.audio_taken(7 * s);
    assert_eq!(
        (session.owed(9 * s), session.owed_at()),
        (None, Some(11 * s))
    );
    assert!(session.owed(60 * s).is_some(), "late");
    assert_eq!(
        session.owed_at(),
        Some(64 * s),
        "what was missed is not made up for"
    );
}

#[test]
fn templates_around_audio_may_be_a_sessions_own() {
    let text = |form: &str, format: &str| {
        format!(
            "name = \"x\"\ntransport = \"websocket\"\nurl = \"ws://h?l={{language}}&r={{sample_rate}}&k={{var:k}}\"\n\
             [audio]\nformat = \"{format}\"\nrate = 8000\nas = '{form}'\n\
             [[reply]]\nthen = \"audio\"\naudio = \"binary\"\n"
        )
    };
    let put = |form: &str, format: &str, chunk: &[u8]| {
        let described = Arc::new(parse("a.toml", &text(form, format)).unwrap());
        let mut out = BytesMut::new();
        described.put_audio(chunk, &mut out);
        assert_eq!(described.frame_bytes(chunk.len()), out.len());
        let session = session(&described);
        let (head, tail) = session.around_audio();
        let envelope = [head, tail].map(<[u8]>::to_vec);
        (String::from_utf8(out.to_vec()), envelope, described)
    };
    let (shared, envelope, described) = put("{\"a\":\"{audio}\"}", "mulaw", &[0xff, 0, 1]);
    assert_eq!(
        (shared.unwrap(), envelope),
        ("{\"a\":\"/wAB\"}".to_owned(), [vec![], vec![]])
    );
    assert_eq!(described.path(&start()), "/?l=de-DE&r=8000&k={var:k}");
    assert_eq!(described.vars(), ["k"]);
    let form = "{\"id\":\"{session_id}\",\"a\":\"{audio}\",\"k\":\"{var:k}\"}";
    let (payload, envelope, _) = put(form, "pcm16", &[1]);
    assert_eq!(payload.unwrap(), "AQ==");
    let [head, tail] = envelope;
    assert_eq!(head, b"{\"id\":\"s\",\"a\":\"");
    assert_eq!(tail, b"\",\"k\":\"v\"}");
    let (floats, ..) = put("binary", "f32le", &[0, 0x40]);
    assert_eq!(floats.unwrap().as_bytes(), 0.5_f32.to_le_bytes());
}
