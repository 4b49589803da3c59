//! What others say to each other, overheard.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;
use crate::conversation::message::{ClientMessage, Start};
use crate::dialect::Asked;
use crate::dialect::realtime::Overheard;

fn overheard() -> Overheard {
    Overheard::new(&Realtime::new(RealtimeSpec::default()).unwrap())
}

fn asked(session: &mut Overheard, event: &Value) -> Result<Vec<Asked>, &'static str> {
    let mut all = Vec::new();
    let read = session.asked(event.to_string().as_bytes(), &mut |asked| all.push(asked));
    read.map(|()| all)
}

fn answered(session: &mut Overheard, event: &Value) -> Vec<ServerMessage> {
    let mut all = Vec::new();
    let mut each = |reply: Reply| all.push(reply.what);
    let read = session.answered(event.to_string().as_bytes(), &mut each);
    assert_eq!(read, Ok(()), "{event}");
    all
}

fn append(bytes: &[u8]) -> Value {
    json!({"type": "input_audio_buffer.append", "audio": BASE64.encode(bytes)})
}

fn update(session: &Value) -> Value {
    json!({"type": "session.update", "session": session})
}

fn start(rate: i32, language: &str) -> Asked {
    Asked::Message(ClientMessage::Start(Start {
        session_id: String::new(),
        language_code: language.to_owned(),
        sample_rate_hz: rate,
    }))
}

fn audio(pcm: &[i16]) -> Asked {
    let pcm: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    Asked::Message(ClientMessage::Audio(pcm.into()))
}

#[test]
fn audio_is_read_as_the_session_says() {
    // Nothing was said: PCM16 at 24 kHz. Samples may be cut between chunks.
    let mut session = overheard();
    let first = asked(&mut session, &append(&[1, 0, 2])).unwrap();
    assert_eq!(first, [start(24_000, ""), audio(&[1])]);
    assert_eq!(asked(&mut session, &append(&[0])).unwrap(), [audio(&[2])]);

    let mu_law = json!({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"},
        "transcription": {"model": "m", "language": "de"}}}});
    let flat =
        json!({"input_audio_format": "g711_ulaw", "input_audio_transcription": {"language": "de"}});
    for said in [mu_law, flat] {
        let mut session = overheard();
        assert_eq!(
            asked(&mut session, &update(&said)).unwrap(),
            [start(8_000, "de")]
        );
        let silent = asked(&mut session, &append(&[0xff, 0xff])).unwrap();
        assert_eq!(silent, [audio(&[0, 0])]);
        let loud = asked(&mut session, &append(&[0x00])).unwrap();
        assert_eq!(loud, [audio(&[-32_124])]);
    }

    // Digital silence is zeros in a trace, though A-law has none.
    let mut session = overheard();
    let a_law = json!({"input_audio_format": "g711_alaw"});
    asked(&mut session, &update(&a_law)).unwrap();
    let silent = asked(&mut session, &append(&[0xd5, 0xd5])).unwrap();
    assert_eq!(silent, [audio(&[0, 0])]);

    // What the server says takes precedence, and a format may be set until there is audio.
    let mut session = overheard();
    let pcm =
        |rate: u32| json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": rate}}}});
    asked(&mut session, &update(&pcm(24_000))).unwrap();
    let updated = json!({"type": "session.updated", "session": pcm(16_000)});
    answered(&mut session, &updated);
    let first = asked(&mut session, &append(&[1, 0])).unwrap();
    assert_eq!(first, [start(16_000, ""), audio(&[1])]);
    let other = asked(&mut session, &update(&pcm(24_000)));
    assert!(other.unwrap_err().contains("rate"));
}

#[test]
fn audio_in_an_unknown_codec_is_not_guessed_at() {
    let mut session = overheard();
    let opus = json!({"audio": {"input": {"format": {"type": "audio/opus"}}}});
    assert_eq!(asked(&mut session, &update(&opus)), Ok(vec![]));
    let read = asked(&mut session, &append(&[1, 2]));
    assert!(read.unwrap_err().contains("codec"));
    let no_base64 = json!({"type": "input_audio_buffer.append", "audio": "%"});
    assert!(asked(&mut overheard(), &no_base64).is_err());
    for bytes in [&b"no event"[..], &[0xff, 0xfe], b"[]"] {
        assert!(overheard().asked(bytes, &mut |_| ()).is_err());
    }
    let newer = json!({"type": "output_audio_buffer.clear"});
    assert_eq!(asked(&mut overheard(), &newer), Ok(vec![]));
}

#[test]
fn who_commits_without_detection_pushes_to_talk() {
    let commit = json!({"type": "input_audio_buffer.commit"});
    let committed = json!({"type": "input_audio_buffer.committed", "item_id": "i"});
    let null = json!({"audio": {"input": {"turn_detection": null}}});
    let mut session = overheard();
    asked(&mut session, &update(&null)).unwrap();
    asked(&mut session, &append(&[1, 0])).unwrap();
    assert_eq!(
        asked(&mut session, &commit).unwrap(),
        [Asked::EndOfUtterance]
    );
    assert_eq!(
        answered(&mut session, &committed),
        [ServerMessage::Processing]
    );

    // The server finds the end, and says PROCESSING by itself.
    let mut session = overheard();
    asked(&mut session, &append(&[1, 0])).unwrap();
    assert_eq!(asked(&mut session, &commit), Ok(vec![]));
    let stopped =
        json!({"type": "input_audio_buffer.speech_stopped", "item_id": "i", "audio_end_ms": 9});
    assert_eq!(
        answered(&mut session, &stopped),
        [ServerMessage::Processing]
    );
    assert_eq!(answered(&mut session, &committed), []);
}

#[test]
fn what_is_typed_is_said_when_an_answer_is_asked_for() {
    let item = |role: &str, text: &str| {
        let content = json!([{"type": "input_text", "text": text}]);
        json!({"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": content}})
    };
    let respond = json!({"type": "response.create"});
    let mut session = overheard();
    for (role, text) in [("system", "Be brief."), ("user", "hello"), ("user", "you")] {
        assert_eq!(asked(&mut session, &item(role, text)), Ok(vec![]));
    }
    let said = Asked::Message(ClientMessage::Text("hello\nyou".to_owned()));
    assert_eq!(
        asked(&mut session, &respond).unwrap(),
        [start(24_000, ""), said]
    );
    assert_eq!(asked(&mut session, &respond), Ok(vec![]), "it was said");
    let long = "x".repeat(900_000);
    for _ in 0..4 {
        asked(&mut session, &item("user", &long)).unwrap();
    }
    let asked = asked(&mut session, &respond).unwrap();
    let said = Asked::Message(ClientMessage::Text(long));
    assert_eq!(asked, [said], "it takes bounded memory");
}

#[test]
fn a_turn_in_which_a_function_is_called_goes_on() {
    let mut session = overheard();
    asked(&mut session, &append(&[1, 0])).unwrap();
    let call = json!({"type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"});
    let done = |id: &str, output: Value| json!({"type": "response.done", "response": {"id": id, "status": "completed", "output": output}});
    assert_eq!(answered(&mut session, &done("r1", json!([call]))), []);
    let ended = answered(&mut session, &done("r2", json!([])));
    assert_eq!(ended, [ServerMessage::TurnEnded]);
}

#[test]
fn the_servers_audio_has_a_format_of_its_own() {
    let mut session = overheard();
    let said = json!({"audio": {"output": {"format": {"type": "audio/pcmu"}}}});
    asked(&mut session, &update(&said)).unwrap();
    assert_eq!(session.output_rate_hz(), 8_000);
    let delta =
        json!({"type": "response.output_audio.delta", "delta": BASE64.encode([0xff, 0xff])});
    let heard = answered(&mut session, &delta);
    assert_eq!(heard, [ServerMessage::Audio(vec![0; 4].into())]);
    assert_eq!(
        asked(&mut session, &append(&[1, 0])).unwrap(),
        [audio(&[1])]
    );
}

#[test]
fn a_session_that_only_transcribes_ends_its_turns_with_transcripts() {
    let mut session = overheard();
    let said = json!({"type": "transcription"});
    asked(&mut session, &update(&said)).unwrap();
    let completed = json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "i",
        "transcript": "hello"});
    let heard = answered(&mut session, &completed);
    assert_eq!(heard.last(), Some(&ServerMessage::TurnEnded), "{heard:?}");
}

#[test]
fn vllm_has_the_model_beside_the_type_and_audio_at_16_khz() {
    let mut session = overheard();
    answered(
        &mut session,
        &json!({"type": "session.created", "id": "sess-1"}),
    );
    let update = json!({"type": "session.update", "model": "m", "language": "de"});
    assert_eq!(asked(&mut session, &update).unwrap(), [start(16_000, "de")]);
    let begin = json!({"type": "input_audio_buffer.commit"});
    let end = json!({"type": "input_audio_buffer.commit", "final": true});
    for _ in 0..2 {
        assert_eq!(asked(&mut session, &begin), Ok(vec![]));
        assert_eq!(
            asked(&mut session, &append(&[1, 0])).unwrap(),
            [audio(&[1])]
        );
        assert_eq!(asked(&mut session, &end).unwrap(), [Asked::EndOfUtterance]);
        let done = json!({"type": "transcription.done", "text": "one"});
        let said = ServerMessage::Transcript {
            text: "one".to_owned(),
            is_final: Some(true),
        };
        assert_eq!(
            answered(&mut session, &done),
            [said, ServerMessage::TurnEnded]
        );
    }
    // It gives an utterance up.
    asked(&mut session, &end).unwrap();
    let error = json!({"type": "error", "error": "out of memory", "code": "processing_error"});
    let heard = answered(&mut session, &error);
    assert!(matches!(
        heard[..],
        [ServerMessage::Error(_), ServerMessage::TurnEnded]
    ));
    // An update without a model, or without a session, says nothing.
    let mut session = overheard();
    let update = json!({"type": "session.update", "language": "de"});
    assert_eq!(asked(&mut session, &update), Ok(vec![]));
    let first = asked(&mut session, &append(&[1, 0])).unwrap();
    assert_eq!(first, [start(24_000, ""), audio(&[1])]);
}
