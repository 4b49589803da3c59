//! What is said on a session, and in which order.

use serde_json::json;
use voicelt::gateway::RealtimeSpec;

use super::super::call::Served;
use super::line::{Line, kinds, one, sound};
use super::{serve, slow, spec};

/// The order of a spoken answer, from its beginning to its end.
const ANSWER: [&str; 14] = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
    "",
];

/// The types without those of the transcript of what was heard, which comes beside the answer, and with
/// words and sound of the answer, which alternate, once each.
fn told(events: &[serde_json::Value]) -> Vec<&str> {
    let mut told: Vec<&str> = Vec::new();
    for kind in kinds(events) {
        let is_delta = kind.starts_with("response.output_audio");
        let beside = kind.contains("input_audio_transcription");
        if !(beside || is_delta && told.contains(&kind)) {
            told.push(kind);
        }
    }
    told
}

#[tokio::test]
async fn an_utterance_is_found_transcribed_and_answered() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    line.audio(0, 400).await;
    line.utter(1_200).await;
    let mut events = line.until("response.done").await;
    events.extend(line.until("rate_limits.updated").await);
    let heard = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ];
    let expected: Vec<&str> = heard
        .into_iter()
        .chain(ANSWER)
        .filter(|kind| !kind.is_empty())
        .collect();
    assert_eq!(told(&events), expected);
    let started = one(&events, "input_audio_buffer.speech_started");
    assert_eq!(started["audio_start_ms"], 100, "300 ms before the speech");
    let stopped = one(&events, "input_audio_buffer.speech_stopped");
    assert_eq!(stopped["audio_end_ms"], 2_100, "after the silence");
    let completed = one(
        &events,
        "conversation.item.input_audio_transcription.completed",
    );
    assert_eq!(completed["item_id"], started["item_id"]);
    assert_eq!(
        completed["transcript"]
            .as_str()
            .map(|t| t.split(' ').count()),
        Some(3)
    );
    let done = one(&events, "response.done");
    assert_eq!(done["response"]["status"], "completed");
    assert!(sound(&events) > 24_000, "over half a second");
    line.hang_up().await;
    let report = served.stop().await;
    assert_eq!((report.streams, report.cut_off, report.answers), (1, 0, 1));
    assert_eq!((report.messages, report.errors), (107, 0));
}

#[tokio::test]
async fn several_turns_follow_each_other_in_one_conversation() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    let mut last = serde_json::Value::Null;
    for _ in 0..3 {
        line.utter(300).await;
        let events = line.until("response.done").await;
        let committed = one(&events, "input_audio_buffer.committed");
        assert_eq!(committed["previous_item_id"], last);
        let done = one(&events, "response.done");
        last = done["response"]["output"][0]["id"].clone();
        assert!(last.is_string());
    }
    line.hang_up().await;
    assert_eq!(served.stop().await.answers, 3);
}

#[tokio::test]
async fn speech_breaks_an_answer_off() {
    let served = Served::start(slow()).await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    line.utter(300).await;
    line.until("response.output_audio_transcript.delta").await;
    line.utter(400).await;
    let events = line.until("response.done").await;
    let first = kinds(&events)[0];
    assert_eq!(
        first, "input_audio_buffer.speech_started",
        "it is told before the answer ends"
    );
    let done = one(&events, "response.done");
    let details = json!({"type": "cancelled", "reason": "turn_detected"});
    assert_eq!(done["response"]["status_details"], details);
    let item = &done["response"]["output"][0];
    assert_eq!(item["status"], "incomplete");
    line.say(json!({"type": "conversation.item.truncate", "item_id": item["id"], "content_index": 0, "audio_end_ms": 0}))
        .await;
    let events = line.until("conversation.item.truncated").await;
    one(&events, "response.created");
    line.hang_up().await;
    served.stop().await;
}

#[tokio::test]
async fn a_session_may_say_that_speech_does_not_interrupt() {
    let served = serve().await;
    let vad =
        json!({"type": "server_vad", "interrupt_response": false, "silence_duration_ms": 200});
    let session = json!({"audio": {"input": {"turn_detection": vad}}});
    let mut line = Line::ready(served.addr, &session).await;
    for _ in 0..3 {
        line.audio(3_000, 300).await;
        line.audio(0, 200).await;
    }
    for _ in 0..3 {
        let events = line.until("response.done").await;
        let done = one(&events, "response.done");
        assert_eq!(done["response"]["status"], "completed");
    }
    line.hang_up().await;
    served.stop().await;
}

#[tokio::test]
async fn push_to_talk_is_committed_and_answered_on_request() {
    let served = serve().await;
    let session = json!({"audio": {"input": {"turn_detection": null}}});
    let mut line = Line::ready(served.addr, &session).await;
    line.utter(1_000).await;
    line.say(json!({"type": "input_audio_buffer.commit"})).await;
    let events = line
        .until("conversation.item.input_audio_transcription.completed")
        .await;
    assert_eq!(
        kinds(&events)[..3],
        [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done"
        ]
    );
    line.say(json!({"type": "response.create"})).await;
    let events = line.until("response.done").await;
    assert_eq!(kinds(&events)[0], "response.created", "and not before");
    assert!(sound(&events) > 0);
    line.hang_up().await;
    assert_eq!(served.stop().await.answers, 1);
}

#[tokio::test]
async fn a_buffer_that_was_cleared_has_nothing_to_commit() {
    let served = serve().await;
    let session = json!({"audio": {"input": {"turn_detection": null}}});
    let mut line = Line::ready(served.addr, &session).await;
    line.utter(1_000).await;
    line.say(json!({"type": "input_audio_buffer.clear"})).await;
    line.until("input_audio_buffer.cleared").await;
    line.audio(0, 80).await;
    line.say(json!({"type": "input_audio_buffer.commit", "event_id": "mine"}))
        .await;
    let events = line.until("error").await;
    let error = &one(&events, "error")["error"];
    assert_eq!(error["code"], "input_audio_buffer_commit_empty");
    assert_eq!(error["event_id"], "mine");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|said| said.contains("80.00ms")),
        "{error}"
    );
    line.hang_up().await;
    assert_eq!(served.stop().await.errors, 1);
}

#[tokio::test]
async fn text_is_answered_in_text_where_the_session_says_so() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({"output_modalities": ["text"]})).await;
    let content = json!([{"type": "input_text", "text": "where is my order"}]);
    let item = json!({"type": "message", "role": "user", "content": content});
    line.say(json!({"type": "conversation.item.create", "item": item}))
        .await;
    line.say(json!({"type": "response.create"})).await;
    let events = line.until("response.done").await;
    assert_eq!(events[0]["item"]["content"], content);
    let text = one(&events, "response.output_text.done")["text"].clone();
    assert!(text.as_str().is_some_and(|text| text.len() > 10), "{text}");
    assert_eq!(sound(&events), 0);
    let done = one(&events, "response.done");
    assert_eq!(done["response"]["output"][0]["content"][0]["text"], text);
    line.hang_up().await;
    served.stop().await;
}

#[tokio::test]
async fn telephone_audio_is_heard_and_answered_in_kind() {
    let served = serve().await;
    for (kind, silence, loud) in [("audio/pcmu", 0xff_u8, 0x80_u8), ("audio/pcma", 0xd5, 0xaa)] {
        let format = json!({"format": {"type": kind}});
        let session = json!({"audio": {"input": format, "output": format}});
        let mut line = Line::ready(served.addr, &session).await;
        line.chunks(&[loud; 160], 600).await;
        line.chunks(&[silence; 160], 500).await;
        let events = line.until("response.done").await;
        let stopped = one(&events, "input_audio_buffer.speech_stopped");
        assert_eq!(stopped["audio_end_ms"], 1_100);
        let done = one(&events, "response.done");
        let tokens = done["response"]["usage"]["output_token_details"]["audio_tokens"].as_u64();
        // 20 tokens a second, at 8,000 bytes a second.
        let ms = sound(&events) as u64 / 8;
        assert_eq!(tokens, Some((ms * 20).div_ceil(1_000)));
        line.hang_up().await;
    }
    served.stop().await;
}

#[tokio::test]
async fn a_greeting_comes_once_and_before_anything_is_said() {
    let served = Served::start(spec(RealtimeSpec {
        greeting: true,
        ..RealtimeSpec::default()
    }));
    let served = served.await;
    let mut line = Line::open(served.addr).await;
    line.update(json!({})).await;
    let events = line.until("response.done").await;
    let begin = ["session.created", "session.updated", "response.created"];
    assert_eq!(kinds(&events)[..3], begin);
    assert!(sound(&events) > 0);
    line.update(json!({})).await;
    line.utter(300).await;
    let events = line.until("response.done").await;
    one(&events, "response.created");
    line.hang_up().await;
    served.stop().await;
}

#[tokio::test]
async fn a_function_is_called_and_what_it_gave_is_answered() {
    let served = Served::start(spec(RealtimeSpec {
        tool_calls: 1.0,
        ..RealtimeSpec::default()
    }));
    let served = served.await;
    let tool = json!({"type": "function", "name": "look_up", "parameters": {}});
    let mut line = Line::ready(served.addr, &json!({"tools": [tool]})).await;
    line.utter(300).await;
    let events = line.until("response.done").await;
    let call = &one(&events, "response.done")["response"]["output"][0];
    assert_eq!(
        (&call["type"], &call["name"]),
        (&json!("function_call"), &json!("look_up"))
    );
    let arguments = call["arguments"].as_str().expect("text");
    assert!(
        serde_json::from_str::<serde_json::Value>(arguments).is_ok(),
        "{arguments}"
    );
    assert_eq!(sound(&events), 0);
    let item = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "{}"});
    line.say(json!({"type": "conversation.item.create", "item": item}))
        .await;
    line.say(json!({"type": "response.create"})).await;
    let events = line.until("response.done").await;
    assert!(sound(&events) > 0);
    line.hang_up().await;
    assert_eq!(served.stop().await.answers, 1);
}

#[tokio::test]
async fn a_transcript_may_come_after_the_answer() {
    let served = Served::start(spec(RealtimeSpec {
        late_transcripts_ns: 300_000_000,
        ..RealtimeSpec::default()
    }));
    let served = served.await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    line.utter(300).await;
    let answer = line.until("response.done").await;
    let committed = one(&answer, "input_audio_buffer.committed");
    let events = line
        .until("conversation.item.input_audio_transcription.completed")
        .await;
    let completed = events.last().expect("one");
    assert_eq!(completed["item_id"], committed["item_id"]);
    line.hang_up().await;
    served.stop().await;
}

#[tokio::test]
async fn a_transcription_session_answers_nothing() {
    let served = serve().await;
    let path = "/v1/realtime?intent=transcription";
    let mut line = Line::try_open(served.addr, path)
        .await
        .expect("a WebSocket");
    line.utter(700).await;
    let events = line
        .until("conversation.item.input_audio_transcription.completed")
        .await;
    assert_eq!(events[0]["session"]["type"], "transcription");
    line.say(json!({"type": "response.create"})).await;
    line.until("error").await;
    let all = line.hang_up().await;
    assert!(!kinds(&all).iter().any(|kind| kind.starts_with("response.")));
    served.stop().await;
}

#[tokio::test]
async fn an_answer_that_fails_or_is_called_off_says_so() {
    let mut failing = spec(RealtimeSpec::default());
    failing.error_rate = 1.0;
    let served = Served::start(failing).await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    line.utter(300).await;
    let events = line.until("response.done").await;
    let done = &one(&events, "response.done")["response"];
    assert_eq!(done["status"], "failed");
    assert_eq!(done["status_details"]["error"]["type"], "server_error");
    line.hang_up().await;
    let report = served.stop().await;
    assert_eq!((report.answers, report.errors), (0, 1));

    let served = Served::start(slow()).await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    line.utter(300).await;
    line.until("response.output_audio_transcript.delta").await;
    line.say(json!({"type": "response.create"})).await;
    let events = line.until("error").await;
    let error = &one(&events, "error")["error"];
    assert_eq!(error["code"], "conversation_already_has_active_response");
    line.say(json!({"type": "response.cancel"})).await;
    let events = line.until("response.done").await;
    let details = &one(&events, "response.done")["response"]["status_details"];
    assert_eq!(
        details,
        &json!({"type": "cancelled", "reason": "client_cancelled"})
    );
    line.say(json!({"type": "response.cancel"})).await;
    let events = line.until("error").await;
    let error = &one(&events, "error")["error"];
    assert_eq!(error["code"], "response_cancel_not_active");
    line.hang_up().await;
    served.stop().await;
}
