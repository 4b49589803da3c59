//! What a caller sends, word for word.

use bytes::BytesMut;

use super::*;
use crate::conversation::answer::AnsweredBy;
use crate::dialect::nature::Carrier;
use crate::dialect::realtime::{frame_bytes, put_audio};
use crate::dialect::sending::EndOfInput;
use crate::pcm::codec::{Codec, Format};
use crate::units::SampleRate;

const MU_LAW: Format = Format {
    codec: Codec::MuLaw,
    rate: SampleRate(8_000),
};

/// What a new session sends first, after the server has made it.
fn opening(spec: RealtimeSpec) -> Vec<Value> {
    let mut session = Session::new(Arc::new(Realtime::new(spec).unwrap()), 2);
    assert!(!session.may_send(Part::Start) && !session.may_send(Part::Rest));
    hear(&mut session, &json!({"type": "session.created"}));
    assert!(session.may_send(Part::Start) && !session.may_send(Part::Rest));
    session.start().iter().map(json_of).collect()
}

fn refusal(spec: RealtimeSpec) -> String {
    Realtime::new(spec).unwrap_err()
}

#[test]
fn audio_is_what_serde_json_would_write() {
    use base64::Engine as _;
    let pcm: Vec<u8> = (0..=255).rev().cycle().take(1_000).collect();
    for bytes in [0, 1, 2, 3, 4, 160, 959, 960, 961] {
        let mut frame = BytesMut::new();
        put_audio(&pcm[..bytes], &mut frame);
        assert_eq!(frame.len(), frame_bytes(bytes));
        let audio = base64::engine::general_purpose::STANDARD.encode(&pcm[..bytes]);
        let expected = format!(
            r#"{{"type":"input_audio_buffer.append","audio":{}}}"#,
            serde_json::to_string(&audio).unwrap()
        );
        assert_eq!(frame, expected.as_bytes());
    }
}

#[test]
fn a_session_is_described_in_the_shape_of_its_profile() {
    let format = json!({"type": "audio/pcm", "rate": 24_000});
    let vad = json!({"type": "server_vad"});
    let mut model = spec(Profile::Transcription, Endpointing::Caller);
    model.model = Some("m".to_owned());
    model.format = Some(MU_LAW);
    let cases = [
        (
            spec(Profile::OpenAi, Endpointing::Server),
            json!({"type": "realtime", "audio": {
                "input": {"format": format, "turn_detection": vad}, "output": {"format": format}}}),
        ),
        (
            spec(Profile::Beta, Endpointing::Caller),
            json!({"input_audio_format": "pcm16", "output_audio_format": "pcm16", "turn_detection": null}),
        ),
        (
            model,
            json!({"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcmu"},
                   "turn_detection": null, "transcription": {"model": "m"}}}}),
        ),
        (
            with_session(
                spec(Profile::Beta, Endpointing::AsTraced),
                &json!({"voice": "a", "turn_detection": {"threshold": 0.5}}),
            ),
            json!({"input_audio_format": "pcm16", "output_audio_format": "pcm16", "voice": "a",
                   "turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        ),
        (
            with_session(
                spec(Profile::OpenAi, Endpointing::Server),
                &json!({"instructions": "Be brief.", "audio": {"output": {"voice": "b"},
                        "input": {"turn_detection": {"type": "semantic_vad"}}}}),
            ),
            json!({"type": "realtime", "instructions": "Be brief.", "audio": {
                "input": {"format": format, "turn_detection": {"type": "semantic_vad"}},
                "output": {"format": format, "voice": "b"}}}),
        ),
    ];
    for (spec, session) in cases {
        let expected =
            json!({"type": "session.update", "event_id": "voicelt-1", "session": session});
        assert_eq!(opening(spec), [expected]);
    }
}

#[test]
fn a_session_that_contradicts_what_is_sent_is_refused_by_its_pointer() {
    let openai = |session| with_session(spec(Profile::OpenAi, Endpointing::Server), &session);
    let held = |session| with_session(spec(Profile::OpenAi, Endpointing::Caller), &session);
    let detection = |value: Value| json!({"audio": {"input": {"turn_detection": value}}});
    for (spec, expected) in [
        (
            openai(detection(json!(null))),
            "/audio/input/turn_detection is null",
        ),
        (
            openai(detection(json!({"type": "none"}))),
            "with an open microphone the server",
        ),
        (
            openai(detection(json!({"create_response": false}))),
            "/create_response is false",
        ),
        (
            held(detection(json!({"type": "server_vad"}))),
            "with push-to-talk the caller",
        ),
        (
            openai(json!({"type": "transcription"})),
            "/type is \"transcription\"",
        ),
        (
            openai(json!({"audio": null})),
            "/audio/input/format is missing",
        ),
        (
            openai(json!({"audio": {"output": {"format": {"type": "audio/pcmu"}}}})),
            "/audio/output/format is {",
        ),
        (
            with_session(
                spec(Profile::Beta, Endpointing::Server),
                &json!({"input_audio_format": "g711_ulaw"}),
            ),
            "/input_audio_format is \"g711_ulaw\", but the session needs \"pcm16\"",
        ),
        (
            spec(Profile::Vllm, Endpointing::Server),
            "needs push-to-talk",
        ),
        (spec(Profile::Vllm, Endpointing::Caller), "needs a model"),
    ] {
        let error = refusal(spec);
        assert!(error.contains(expected), "{error}");
    }
    let mut format = spec(Profile::Vllm, Endpointing::Caller);
    format.format = Some(MU_LAW);
    assert_eq!(
        refusal(format),
        "the profile vllm has no mulaw at 8000 Hz: pcm16 at 16000 Hz"
    );
    let mut untyped = spec(Profile::OpenAi, Endpointing::Caller);
    untyped.open = vec![json!({"type": "response.create"}), json!({"kind": 1})];
    assert_eq!(
        refusal(untyped),
        "event 2 after the opening has no \"type\""
    );
}

#[test]
fn a_run_says_what_it_is_like() {
    let openai = nature(spec(Profile::OpenAi, Endpointing::AsTraced));
    assert_eq!(openai.carrier, Carrier::WebSocket);
    assert_eq!(openai.output, Some(SampleRate(24_000)));
    assert_eq!(openai.endpointing, Endpointing::Server);
    assert_eq!(openai.answered_by, AnsweredBy::AudioOrText);
    assert!(openai.caller_ends && openai.has_items && !openai.late_transcripts);
    let transcribed = json!({"audio": {"input": {"transcription": {"model": "whisper-1"}}}});
    let openai = spec(Profile::OpenAi, Endpointing::Caller);
    assert!(nature(with_session(openai, &transcribed)).late_transcripts);
    let mut mu_law = spec(Profile::Transcription, Endpointing::Caller);
    mu_law.format = Some(MU_LAW);
    let transcription = nature(mu_law);
    assert_eq!(transcription.input, Some(MU_LAW));
    assert_eq!(transcription.output, Some(SampleRate(8_000)));
    assert_eq!(transcription.answered_by, AnsweredBy::Transcript);
    assert!(transcription.late_transcripts);
    let mut vllm = spec(Profile::Vllm, Endpointing::Caller);
    vllm.model = Some("m".to_owned());
    let vllm = nature(vllm);
    assert_eq!(vllm.output, Some(SampleRate(16_000)));
    assert!(!vllm.has_items && !vllm.late_transcripts);
}

#[test]
fn a_request_has_the_path_and_headers_of_its_profile() {
    let path = |profile, model: Option<&str>| {
        let mut spec = spec(profile, Endpointing::Caller);
        spec.model = model.map(str::to_owned);
        Realtime::new(spec).unwrap().path().to_owned()
    };
    assert_eq!(path(Profile::OpenAi, None), "/v1/realtime");
    assert_eq!(
        path(Profile::Beta, Some("a b&c/ü-1.5")),
        "/v1/realtime?model=a%20b%26c%2F%C3%BC-1.5"
    );
    assert_eq!(
        path(Profile::Transcription, Some("m")),
        "/v1/realtime?intent=transcription"
    );
    assert_eq!(path(Profile::Vllm, Some("m")), "/v1/realtime");
    let headers = |profile| {
        Realtime::new(spec(profile, Endpointing::Caller))
            .unwrap()
            .headers()
    };
    assert_eq!(headers(Profile::Beta), [("openai-beta", "realtime=v1")]);
    assert!(headers(Profile::OpenAi).is_empty());
    for profile in Profile::ALL {
        assert_eq!(profile.to_string().parse(), Ok(profile));
    }
    let known = "openai, beta, transcription, vllm";
    assert_eq!("azure".parse::<Profile>(), Err(known.to_owned()));
}

#[test]
fn with_push_to_talk_an_utterance_is_committed_and_answered() {
    let mut session = push_to_talk();
    let sent: Vec<Value> = session.end_of_utterance(0).iter().map(json_of).collect();
    let commit = json!({"type": "input_audio_buffer.commit", "event_id": "voicelt-2"});
    let respond = json!({"type": "response.create", "event_id": "voicelt-3"});
    assert_eq!(sent, [commit, respond]);
    assert_eq!(session.end_of_input(), EndOfInput::Messages(Vec::new()));
    let mut session = ready(spec(Profile::Transcription, Endpointing::Caller));
    let sent: Vec<Value> = session.end_of_utterance(0).iter().map(without_id).collect();
    assert_eq!(sent, [json!({"type": "input_audio_buffer.commit"})]);
    assert!(session.text("hello").is_empty());
    assert!(open_microphone().end_of_utterance(0).is_empty());
}

#[test]
fn what_is_typed_is_an_item_and_asks_for_an_answer() {
    let mut session = open_microphone();
    let sent: Vec<Value> = session.text("say \"hi\"").iter().map(without_id).collect();
    let content = json!([{"type": "input_text", "text": "say \"hi\""}]);
    let item = json!({"type": "message", "role": "user", "content": content});
    let create = json!({"type": "conversation.item.create", "item": item});
    assert_eq!(sent, [create, json!({"type": "response.create"})]);
}

#[test]
fn what_the_user_opens_with_follows_the_agreement() {
    let mut spec = spec(Profile::OpenAi, Endpointing::Server);
    let named = json!({"type": "response.create", "event_id": "mine"});
    spec.open = vec![json!({"type": "input_audio_buffer.clear"}), named.clone()];
    let mut session = Session::new(Arc::new(Realtime::new(spec).unwrap()), 2);
    hear(&mut session, &json!({"type": "session.created"}));
    session.start();
    assert_eq!(session.owed(0), None);
    hear(&mut session, &json!({"type": "session.updated"}));
    let clear = json!({"type": "input_audio_buffer.clear", "event_id": "voicelt-2"});
    let owed: Vec<Value> = std::iter::from_fn(|| session.owed(0))
        .map(|owed| json_of(&owed.message))
        .collect();
    assert_eq!(owed, [clear, named]);
    hear(&mut session, &json!({"type": "session.updated"}));
    assert_eq!(session.owed(0), None);
}

#[test]
fn vllm_is_told_where_each_utterance_begins_and_ends() {
    let mut vllm = spec(Profile::Vllm, Endpointing::Caller);
    vllm.model = Some("m".to_owned());
    vllm = with_session(vllm, &json!({"language": "de"}));
    let commit = json!({"type": "input_audio_buffer.commit"});
    let update = json!({"type": "session.update", "model": "m", "language": "de"});
    assert_eq!(opening(vllm.clone()), [update, commit.clone()]);
    let mut session = Session::new(Arc::new(Realtime::new(vllm).unwrap()), 2);
    let ready = hear(
        &mut session,
        &json!({"type": "session.created", "id": "sess-1"}),
    );
    assert_eq!(ready[0].what, ServerMessage::Ready);
    session.start();
    for turn in 0..2 {
        assert!(session.may_send(Part::Rest));
        let last: Vec<Value> = session.end_of_utterance(turn).iter().map(json_of).collect();
        assert_eq!(
            last,
            [json!({"type": "input_audio_buffer.commit", "final": true})]
        );
        assert!(!session.may_send(Part::Rest));
        let heard = messages(
            &mut session,
            &[
                json!({"type": "transcription.delta", "delta": ""}),
                json!({"type": "transcription.delta", "delta": " one"}),
                json!({"type": "transcription.done", "text": " one two", "usage": null}),
            ],
        );
        let expected = [
            transcript(" one", false),
            transcript(" one two", true),
            ServerMessage::TurnEnded,
        ];
        assert_eq!(heard, expected);
        let owed = session.owed(0).map(|owed| json_of(&owed.message));
        let next = (turn == 0).then(|| commit.clone());
        assert_eq!((owed, session.owed(0)), (next, None));
    }
    // What vLLM gives up is not waited for.
    session.end_of_utterance(0);
    let error = json!({"type": "error", "error": "out of memory", "code": "processing_error"});
    let heard = messages(&mut session, std::slice::from_ref(&error));
    let expected = [
        failed("processing_error: out of memory"),
        ServerMessage::TurnEnded,
    ];
    assert_eq!(heard, expected);
    assert!(session.may_send(Part::Rest) && session.owed(0).is_some());
    assert_eq!(
        messages(&mut session, &[error]),
        [refused("processing_error: out of memory")]
    );
    assert_eq!(session.owed(0), None);
}
