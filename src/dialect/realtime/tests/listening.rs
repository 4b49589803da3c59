//! What each event of a server is in the conversation.

use super::*;

fn wrong(event: &str) {
    let read = open_microphone().decode(0, event.as_bytes(), &mut |_| {});
    assert_eq!(
        read,
        Err("the server sent a message that is no JSON event"),
        "{event:.80}"
    );
}

#[test]
fn what_is_no_event_ends_the_session() {
    let deep = format!("{{\"type\": \"error\", \"item\": {}", "[".repeat(100_000));
    for event in [
        "",
        "{",
        "[]",
        "null",
        "\u{0}",
        "{}",
        r#"{"type": 1}"#,
        r#"{"type": null}"#,
        r#"{"type": "error"} {}"#,
        r#"{"type": "error", "type": "error"}"#,
        &deep,
    ] {
        wrong(event);
    }
}

#[test]
fn fields_of_another_type_are_as_if_they_were_missing() {
    let long = json!(vec![json!({"type": "function_call"}); 1_000]);
    for value in [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5e300),
        json!({}),
        json!([[{}]]),
        long,
    ] {
        for kind in [
            "session.created",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.failed",
            "response.created",
            "response.output_item.added",
            "response.output_item.done",
            "response.content_part.added",
            "response.output_audio.delta",
            "response.done",
            "transcription.done",
            "error",
        ] {
            let mut event = json!({"type": kind, "response": {"id": value, "status": value,
                                   "output": value, "status_details": value}});
            for field in [
                "item_id",
                "previous_item_id",
                "response_id",
                "content_index",
                "audio_start_ms",
                "delta",
                "transcript",
                "text",
                "code",
                "error",
                "item",
                "part",
            ] {
                event[field] = value.clone();
            }
            hear(&mut open_microphone(), &event);
        }
    }
}

#[test]
fn a_session_is_ready_once_the_server_agrees() {
    let realtime = Realtime::new(spec(Profile::OpenAi, Endpointing::Server)).unwrap();
    let mut session = Session::new(Arc::new(realtime), 2);
    let updated = json!({"type": "session.updated", "session": {"type": "realtime"}});
    // Before the server has made one, and before it was told of ours.
    assert_eq!(hear(&mut session, &updated), []);
    assert_eq!(hear(&mut session, &json!({"type": "session.created"})), []);
    assert_eq!(hear(&mut session, &updated), []);
    assert!(!session.may_send(Part::Rest));
    session.start();
    let error = json!({"type": "error", "error": {"type": "invalid_request_error",
                       "code": "unknown_parameter", "message": "no such thing", "event_id": "voicelt-1"}});
    let unheard = messages(&mut session, &[error]);
    assert_eq!(unheard, [failed("unknown_parameter: no such thing")]);
    let ready = hear(&mut session, &updated);
    assert_eq!(
        (ready.len(), &ready[0].what, ready[0].kind),
        (1, &ServerMessage::Ready, "ready")
    );
    assert!(session.may_send(Part::Rest));
    assert_eq!(hear(&mut session, &updated), []);
}

#[test]
fn each_event_is_what_it_says() {
    let item = "item_of_it";
    let input = "conversation.item.input_audio_transcription";
    let speech = about(0, None);
    let pcm = |bytes: &'static [u8]| ServerMessage::Audio(bytes.into());
    let cases = [
        (
            json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 320, "item_id": item}),
            ServerMessage::Cleared,
            about(0, Some(ItemFact::From(320))),
            "cleared",
        ),
        (
            json!({"type": "input_audio_buffer.speech_started"}),
            ServerMessage::Cleared,
            None,
            "cleared",
        ),
        (
            json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": -1, "item_id": item}),
            ServerMessage::Cleared,
            speech,
            "cleared",
        ),
        (
            json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": i64::MAX, "item_id": item}),
            ServerMessage::Cleared,
            speech,
            "cleared",
        ),
        (
            json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1500.0, "item_id": item}),
            ServerMessage::Processing,
            about(0, Some(ItemFact::Until(1_500))),
            "processing",
        ),
        (
            json!({"type": format!("{input}.delta"), "item_id": item, "delta": "hel"}),
            transcript("hel", false),
            speech,
            "transcript",
        ),
        (
            json!({"type": format!("{input}.completed"), "item_id": item, "transcript": "hello"}),
            transcript("hello", true),
            speech,
            "transcript",
        ),
        (
            json!({"type": format!("{input}.completed"), "item_id": item, "transcript": ""}),
            transcript("", true),
            speech,
            "transcript",
        ),
        (
            json!({"type": format!("{input}.failed"), "item_id": item,
                "error": {"type": "transcription_error", "code": "audio_unintelligible", "message": "noise"}}),
            refused("audio_unintelligible: noise"),
            speech,
            "error",
        ),
        (
            json!({"type": "response.output_text.delta", "response_id": "r", "delta": "a"}),
            words("a"),
            speech,
            "llm_text",
        ),
        (
            json!({"type": "response.text.delta", "response_id": "r", "delta": "b"}),
            words("b"),
            speech,
            "llm_text",
        ),
        (
            json!({"type": "response.output_audio_transcript.delta", "response_id": "r", "delta": "c"}),
            words("c"),
            speech,
            "llm_text",
        ),
        (
            json!({"type": "response.audio_transcript.delta", "response_id": "r", "delta": "d"}),
            words("d"),
            speech,
            "llm_text",
        ),
        (
            json!({"type": "response.output_audio.delta", "response_id": "r", "delta": "AQACAA=="}),
            pcm(&[1, 0, 2, 0]),
            speech,
            "audio",
        ),
        (
            json!({"type": "response.audio.delta", "response_id": "r", "delta": "AQACAA"}),
            pcm(&[1, 0, 2, 0]),
            speech,
            "audio",
        ),
        (
            json!({"type": "response.content_part.added", "response_id": "r", "part": {"type": "audio"}}),
            ServerMessage::Speaking,
            speech,
            "speaking",
        ),
        (
            json!({"type": "response.content_part.added", "response_id": "r", "part": {"type": "output_audio"}}),
            ServerMessage::Speaking,
            speech,
            "speaking",
        ),
        (
            done("r", "completed"),
            ServerMessage::TurnEnded,
            speech,
            "listening",
        ),
        (
            done("r", "something new"),
            ServerMessage::TurnEnded,
            speech,
            "listening",
        ),
        (
            json!({"type": "error", "error": {"type": "invalid_request_error", "code": null, "message": "no"}}),
            refused("invalid_request_error: no"),
            None,
            "error",
        ),
        (
            json!({"type": "error", "error": {"type": "server_error", "code": "session_expired", "message": "60 min"}}),
            failed("session_expired: 60 min"),
            None,
            "error",
        ),
        (
            json!({"type": "error"}),
            refused("the server gave no reason"),
            None,
            "error",
        ),
        (
            json!({"type": "something.new", "delta": {"a": 1}}),
            ServerMessage::Unknown,
            None,
            "unknown",
        ),
    ];
    for (event, what, about, kind) in cases {
        let replies = hear(&mut open_microphone(), &event);
        // Nothing was said before a response.
        let is_response = event.get("response_id").is_some() || event.get("response").is_some();
        let unprompted = Some(ItemFact::Unprompted);
        let about = about.map(|about| match is_response {
            true => About {
                fact: unprompted,
                ..about
            },
            false => about,
        });
        let detail = match what {
            ServerMessage::Unknown => "something.new".to_owned(),
            _ => String::new(),
        };
        let expected = Reply {
            what,
            about,
            kind,
            detail,
        };
        assert_eq!(replies, [expected], "{event}");
    }
}

#[test]
fn what_says_nothing_of_the_conversation_is_no_message() {
    for event in [
        json!({"type": "rate_limits.updated", "rate_limits": []}),
        json!({"type": "response.created", "response": {"id": "r"}}),
        json!({"type": "response.output_text.delta", "response_id": "r", "delta": ""}),
        json!({"type": "response.output_audio.delta", "response_id": "r", "delta": ""}),
        json!({"type": "response.content_part.added", "response_id": "r", "part": {"type": "text"}}),
        json!({"type": "conversation.item.input_audio_transcription.segment", "text": "a"}),
        committed("item"),
    ] {
        assert_eq!(hear(&mut open_microphone(), &event), [], "{event}");
    }
}

#[test]
fn audio_that_is_no_base64_is_an_error() {
    for delta in ["A", "AAA!", "AA==AA", "AB==", "_-__", "é"] {
        let event =
            json!({"type": "response.output_audio.delta", "response_id": "r", "delta": delta});
        let heard = messages(&mut open_microphone(), &[event]);
        assert_eq!(
            heard,
            [ServerMessage::Error(
                "the server sent audio that is no base64".to_owned()
            )],
            "{delta}"
        );
    }
}

#[test]
fn audio_of_g_711_is_heard_as_linear() {
    use crate::pcm::codec::{Codec, Format};
    use crate::units::SampleRate;
    let mut a_law = spec(Profile::Beta, Endpointing::Server);
    let (codec, rate) = (Codec::ALaw, SampleRate(8_000));
    a_law.format = Some(Format { codec, rate });
    let event = json!({"type": "response.audio.delta", "delta": "1VUq"});
    let expected = Codec::Pcm16.encode(&Codec::ALaw.decode(&[0xd5, 0x55, 0x2a]));
    assert_eq!(
        messages(&mut ready(a_law), &[event]),
        [ServerMessage::Audio(expected.into())]
    );
}

#[test]
fn how_a_response_ended_is_said() {
    let details = |status: &str, details: Value| {
        json!({"type": "response.done", "response": {"id": "r", "status": status,
               "status_details": details}})
    };
    let said = text("r", "yes");
    let quota = json!({"type": "failed", "error": {"type": "tokens", "code": "rate_limit_exceeded",
                       "message": "slow down"}});
    let filter = json!({"type": "incomplete", "reason": "content_filter"});
    let detected = json!({"type": "cancelled", "reason": "turn_detected"});
    let over = || ServerMessage::TurnEnded;
    let cases = [
        (
            vec![details("failed", quota)],
            vec![failed("rate_limit_exceeded: slow down"), over()],
        ),
        (
            vec![details("failed", json!(null))],
            vec![failed("the response failed"), over()],
        ),
        (
            vec![details("incomplete", filter.clone())],
            vec![refused("content_filter"), over()],
        ),
        (
            vec![said.clone(), details("incomplete", filter)],
            vec![words("yes"), over()],
        ),
        (
            vec![said, details("cancelled", detected.clone())],
            vec![words("yes"), over()],
        ),
    ];
    for (events, expected) in cases {
        let mut session = open_microphone();
        hear(&mut session, &created("r"));
        assert_eq!(messages(&mut session, &events), expected);
    }
    let replies = hear(&mut open_microphone(), &details("cancelled", detected));
    assert_eq!(replies[0].text(), "turn_detected");
}

#[test]
fn a_server_that_only_transcribes_ends_a_turn_with_its_transcript() {
    let mut session = ready(spec(Profile::Transcription, Endpointing::Server));
    let event = |kind: &str| {
        json!({"type": format!("conversation.item.input_audio_transcription.{kind}"),
               "item_id": "a", "transcript": "hello"})
    };
    let heard = messages(&mut session, &[event("completed"), event("failed")]);
    let expected = [
        transcript("hello", true),
        ServerMessage::TurnEnded,
        refused("the transcription failed"),
        ServerMessage::TurnEnded,
    ];
    assert_eq!(heard, expected);
}
