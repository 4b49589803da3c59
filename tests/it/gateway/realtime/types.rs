//! Each event of the gateway, and of the client of these tests, is of the type that OpenAI's own package has for it.

use serde_json::{Value, json};
use voicelt::gateway::RealtimeSpec;

use super::super::call::Served;
use super::line::Line;
use super::{slow, spec};
use crate::support::openai::check;

/// Names of events that must have been among those that were checked.
const MET: [&str; 29] = [
    "client conversation.item.create",
    "client conversation.item.delete",
    "client conversation.item.retrieve",
    "client conversation.item.truncate",
    "client input_audio_buffer.append",
    "client input_audio_buffer.clear",
    "client input_audio_buffer.commit",
    "client response.cancel",
    "client response.create",
    "client session.update",
    "server conversation.item.added",
    "server conversation.item.deleted",
    "server conversation.item.done",
    "server conversation.item.input_audio_transcription.completed",
    "server conversation.item.input_audio_transcription.delta",
    "server conversation.item.retrieved",
    "server conversation.item.truncated",
    "server error",
    "server input_audio_buffer.cleared",
    "server input_audio_buffer.committed",
    "server input_audio_buffer.speech_started",
    "server input_audio_buffer.speech_stopped",
    "server rate_limits.updated",
    "server response.content_part.done",
    "server response.done",
    "server response.function_call_arguments.done",
    "server response.output_audio.delta",
    "server response.output_text.done",
    "server session.updated",
];

#[tokio::test]
#[ignore = "needs Python with openai, which VOICELT_TEST_PYTHON may name"]
async fn every_event_is_of_the_type_that_openai_has_for_it() {
    let mut lines = Vec::new();
    lines.extend(spoken(Served::start(spec(RealtimeSpec::default())).await).await);
    lines.extend(interrupted(Served::start(slow()).await).await);
    let realtime = RealtimeSpec {
        greeting: true,
        tool_calls: 1.0,
        ..RealtimeSpec::default()
    };
    lines.extend(called(Served::start(spec(realtime)).await).await);
    let counts = tokio::task::spawn_blocking(move || check(&lines));
    let counts = counts.await.expect("no panic");
    for name in MET {
        assert!(counts.contains(name), "no {name} in\n{counts}");
    }
}

/// Spoken turns in all formats, typed ones, and everything that can be done to items and to the buffer.
async fn spoken(served: Served) -> Vec<Value> {
    let mut lines = Vec::new();
    for format in [
        json!({"type": "audio/pcm", "rate": 24_000}),
        json!({"type": "audio/pcmu"}),
        json!({"type": "audio/pcma"}),
    ] {
        let audio = json!({"input": {"format": format}, "output": {"format": format}});
        let mut line = Line::ready(served.addr, &json!({"audio": audio})).await;
        line.audio(9_000, 600).await;
        line.chunks(&[0xff; 960], 1_000).await;
        line.say(json!({"type": "input_audio_buffer.commit"})).await;
        line.until("conversation.item.input_audio_transcription.completed")
            .await;
        lines.extend(ended(line).await);
    }
    let mut line = Line::ready(served.addr, &json!({"output_modalities": ["text"]})).await;
    let content = json!([{"type": "input_text", "text": "where is my order"}]);
    let item = json!({"id": "mine", "type": "message", "role": "user", "content": content});
    line.say(json!({"type": "conversation.item.create", "item": item}))
        .await;
    line.say(json!({"type": "response.create"})).await;
    line.until("response.done").await;
    for verb in ["retrieve", "delete", "delete"] {
        line.say(json!({"type": format!("conversation.item.{verb}"), "item_id": "mine", "event_id": "e"}))
            .await;
    }
    line.say(json!({"type": "input_audio_buffer.clear"})).await;
    line.until("input_audio_buffer.cleared").await;
    lines.extend(ended(line).await);
    let path = "/v1/realtime?intent=transcription";
    let mut line = Line::try_open(served.addr, path)
        .await
        .expect("a WebSocket");
    line.utter(700).await;
    line.until("conversation.item.input_audio_transcription.completed")
        .await;
    lines.extend(ended(line).await);
    served.stop().await;
    lines
}

async fn interrupted(served: Served) -> Vec<Value> {
    let mut line = Line::ready(served.addr, &json!({})).await;
    line.utter(300).await;
    line.until("response.output_audio_transcript.delta").await;
    line.utter(400).await;
    let events = line.until("response.done").await;
    let done = events.last().expect("one");
    let item_id = &done["response"]["output"][0]["id"];
    line.say(json!({"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 0}))
        .await;
    line.until("response.output_audio_transcript.delta").await;
    line.say(json!({"type": "response.cancel"})).await;
    line.until("response.done").await;
    let lines = ended(line).await;
    served.stop().await;
    lines
}

async fn called(served: Served) -> Vec<Value> {
    let tool = json!({"type": "function", "name": "look_up", "parameters": {}});
    let mut line = Line::ready(served.addr, &json!({"tools": [tool]})).await;
    let events = line.until("response.done").await;
    let done = events.last().expect("one");
    let call_id = &done["response"]["output"][0]["call_id"];
    let item = json!({"type": "function_call_output", "call_id": call_id, "output": "{}"});
    line.say(json!({"type": "conversation.item.create", "item": item}))
        .await;
    line.say(json!({"type": "response.create"})).await;
    line.until("rate_limits.updated").await;
    line.until("rate_limits.updated").await;
    let lines = ended(line).await;
    served.stop().await;
    lines
}

/// Both sides of a session, once it has ended.
async fn ended(mut line: Line) -> Vec<Value> {
    let sent = std::mem::take(&mut line.sent);
    let sent = sent.into_iter().map(|event| json!({"client": event}));
    let received = line.hang_up().await;
    let received = received.into_iter().map(|event| json!({"server": event}));
    sent.chain(received).collect()
}
