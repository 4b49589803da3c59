//! What updates make of a session, and which are refused.

use super::*;

fn fresh() -> Settings {
    Settings::new("sess_1", "gpt-realtime", false, 400)
}

fn updated(update: &Value) -> Result<Settings, Fault> {
    fresh().updated(update.as_object().expect("an object"))
}

#[test]
fn a_new_session_is_what_its_document_says() {
    for transcribes_only in [false, true] {
        let new = Settings::new("s", "m", transcribes_only, 400);
        let read = Settings::of(new.document.clone(), transcribes_only);
        assert_eq!(read, Ok(new));
    }
}

#[test]
fn an_update_changes_what_it_names() {
    let set = updated(&json!({
        "type": "realtime",
        "output_modalities": ["text"],
        "tools": [{"type": "function", "name": "look_up"}],
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 900,
                                   "interrupt_response": false},
            },
            "output": {"format": {"type": "audio/pcma"}},
        },
    }))
    .expect("a valid update");
    assert_eq!(
        (set.input, set.output),
        (g711(Codec::MuLaw), g711(Codec::ALaw))
    );
    assert!(set.text_only && set.transcription);
    assert_eq!(set.tool.as_deref(), Some("look_up"));
    let expected = Detection {
        silence_ms: Some(900),
        prefix_ms: 300,
        answers: true,
        interrupts: false,
    };
    assert_eq!(set.detection, Some(expected));
    let document = set.document();
    assert_eq!(
        document["model"], "gpt-realtime",
        "what was not named stays"
    );
    assert_eq!(document["audio"]["output"]["voice"], "marin");
    let silent = set.updated(
        json!({"type": "realtime", "audio": {"input": {"turn_detection": null}}})
            .as_object()
            .expect("an object"),
    );
    let silent = silent.expect("a valid update");
    assert_eq!((silent.detection, silent.input), (None, g711(Codec::MuLaw)));
}

#[test]
fn the_flat_interface_says_the_same() {
    let flat = updated(&json!({
        "modalities": ["text", "audio"],
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1"},
        "turn_detection": null,
        "voice": "alloy",
        "temperature": 0.8,
    }));
    let nested = updated(&json!({
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "whisper-1"},
                      "turn_detection": null},
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "alloy"},
        },
    }));
    assert_eq!(flat, nested);
    assert!(flat.is_ok());
}

#[test]
fn a_session_becomes_one_that_only_transcribes() {
    let set = updated(&json!({"type": "transcription"})).expect("a valid update");
    assert!(set.transcribes_only && set.transcription);
    let silence_ms = set.detection.and_then(|detection| detection.silence_ms);
    assert_eq!(silence_ms, Some(400));
    assert_eq!(set.document()["object"], "realtime.transcription_session");
    assert_eq!(set.document()["id"], "sess_1");
    assert!(!set.document().contains_key("output_modalities"));
}

#[test]
fn what_is_wrong_is_named_and_nothing_changes() {
    let input = |input: Value| json!({"type": "realtime", "audio": {"input": input}});
    for (update, param) in [
        (json!({}), "session.type"),
        (json!({"type": "song"}), "session.type"),
        (json!({"type": "realtime", "colour": 1}), "session.colour"),
        (json!({"type": "realtime", "audio": 1}), "session.audio"),
        (
            json!({"type": "realtime", "output_modalities": ["text", "audio"]}),
            "session.output_modalities",
        ),
        (input(json!(1)), "session.audio.input"),
        (
            input(json!({"format": "pcm16"})),
            "session.audio.input.format",
        ),
        (
            input(json!({"format": {"type": "audio/opus"}})),
            "session.audio.input.format.type",
        ),
        (
            input(json!({"format": {"type": "audio/pcm", "rate": 16_000}})),
            "session.audio.input.format.rate",
        ),
        (
            input(json!({"turn_detection": {"type": "none"}})),
            "session.audio.input.turn_detection.type",
        ),
        (
            input(json!({"turn_detection": {"type": "server_vad", "silence_duration_ms": -1}})),
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        (
            json!({"turn_detection": 7}),
            "session.audio.input.turn_detection",
        ),
    ] {
        let fault = updated(&update).expect_err("refused");
        assert_eq!(fault.param.as_deref(), Some(param), "{update}");
    }
}
