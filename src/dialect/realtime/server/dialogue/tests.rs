//! The order of events, and that each is what the interface says.

use serde_json::{Value, json};

use super::super::event::Names;
use super::super::fault::Fault;
use super::super::item::{Content, Role, What};
use super::super::response::End;
use super::Dialogue;

fn open() -> Dialogue {
    let mut dialogue = Dialogue::open("s", "gpt-realtime", false, 500);
    let created = told(&mut dialogue);
    assert_eq!(kinds(&created), "session.created");
    assert_eq!(created[0]["session"]["model"], "gpt-realtime");
    dialogue
}

fn told(dialogue: &mut Dialogue) -> Vec<Value> {
    let events = std::iter::from_fn(|| dialogue.next_event());
    let events = events.map(|event| serde_json::from_str(&event).expect("JSON"));
    let events: Vec<Value> = events.collect();
    assert_eq!(dialogue.waiting(), (0, 0));
    events
}

fn kinds(events: &[Value]) -> String {
    let kinds = events.iter().map(|event| {
        assert!(
            event["event_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("event_"))
        );
        event["type"].as_str().expect("a type")
    });
    kinds.collect::<Vec<_>>().join(" ")
}

fn set(dialogue: &mut Dialogue, session: &Value) {
    let update = session.as_object().expect("an object");
    dialogue.update(update).expect("a valid update");
}

#[test]
fn a_spoken_turn_is_told_in_the_order_of_the_service() {
    let mut dialogue = open();
    set(&mut dialogue, &json!({"type": "realtime"}));
    dialogue.speech_started(120);
    dialogue.speech_stopped(1_900);
    let item_id = dialogue.commit();
    dialogue.begin_answer(1_780);
    dialogue.say("Of ");
    dialogue.say("course. ");
    dialogue.sound(&[0; 4_800]);
    dialogue.transcribe(&item_id, "hello i am", 1_780);
    dialogue.sound(&[0; 2_400]);
    dialogue.end_answer(&End::Completed);
    let events = told(&mut dialogue);
    assert_eq!(
        kinds(&events),
        "session.updated input_audio_buffer.speech_started input_audio_buffer.speech_stopped \
         input_audio_buffer.committed conversation.item.added conversation.item.done \
         response.created response.output_item.added conversation.item.added \
         response.content_part.added response.output_audio_transcript.delta \
         response.output_audio_transcript.delta response.output_audio.delta \
         conversation.item.input_audio_transcription.delta \
         conversation.item.input_audio_transcription.delta \
         conversation.item.input_audio_transcription.delta \
         conversation.item.input_audio_transcription.completed response.output_audio.delta \
         response.output_audio.done response.output_audio_transcript.done \
         response.content_part.done conversation.item.done response.output_item.done response.done \
         rate_limits.updated"
    );
    for event in &events[1..6] {
        let named = event.get("item_id").unwrap_or(&event["item"]["id"]);
        assert_eq!(named, item_id.as_str());
        assert_eq!(
            event.get("previous_item_id").unwrap_or(&Value::Null),
            &Value::Null
        );
    }
    assert_eq!(events[1]["audio_start_ms"], 120);
    assert_eq!(events[2]["audio_end_ms"], 1_900);
    assert_eq!(events[7]["item"]["content"], json!([]));
    assert_eq!(events[8]["previous_item_id"], item_id.as_str());
    assert_eq!(
        events[16]["usage"],
        json!({"type": "duration", "seconds": 1.78})
    );
    let done = &events[23]["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["id"], events[6]["response"]["id"]);
    assert_eq!(done["output"][0]["content"][0]["transcript"], "Of course. ");
    assert_eq!(done["usage"]["output_token_details"]["audio_tokens"], 3);
    let names: std::collections::HashSet<_> = events
        .iter()
        .map(|event| event["event_id"].to_string())
        .collect();
    assert_eq!(
        names.len(),
        events.len(),
        "each event has a name of its own"
    );
}

#[test]
fn answers_are_written_where_the_session_says_so() {
    let mut dialogue = open();
    set(
        &mut dialogue,
        &json!({"type": "realtime", "output_modalities": ["text"]}),
    );
    dialogue.begin_answer(0);
    dialogue.say("Sure. ");
    dialogue.end_answer(&End::Completed);
    let events = told(&mut dialogue);
    assert_eq!(
        kinds(&events[4..]),
        "response.content_part.added response.output_text.delta response.output_text.done \
         response.content_part.done conversation.item.done response.output_item.done response.done \
         rate_limits.updated"
    );
    assert_eq!(events[6]["text"], "Sure. ");
}

#[test]
fn older_clients_are_told_by_the_names_of_the_beta() {
    let mut dialogue = open();
    dialogue.call_events_by(Names::Beta);
    dialogue.commit();
    dialogue.begin_answer(0);
    dialogue.say("Sure. ");
    dialogue.sound(&[0; 480]);
    dialogue.end_answer(&End::Completed);
    assert_eq!(
        kinds(&told(&mut dialogue)),
        "input_audio_buffer.committed conversation.item.created response.created \
         response.output_item.added conversation.item.created response.content_part.added \
         response.audio_transcript.delta response.audio.delta response.audio.done \
         response.audio_transcript.done response.content_part.done response.output_item.done \
         response.done rate_limits.updated"
    );
}

#[test]
fn an_answer_that_is_broken_off_says_why() {
    let fault = Fault::new("overloaded", "no GPU");
    for (end, details) in [
        (
            End::Interrupted,
            json!({"type": "cancelled", "reason": "turn_detected"}),
        ),
        (
            End::Cancelled,
            json!({"type": "cancelled", "reason": "client_cancelled"}),
        ),
        (
            End::Failed(fault),
            json!({"type": "failed",
                   "error": {"type": "server_error", "code": "overloaded", "message": "no GPU"}}),
        ),
    ] {
        let mut dialogue = open();
        dialogue.begin_answer(0);
        dialogue.say("Of ");
        dialogue.end_answer(&end);
        dialogue.end_answer(&end);
        let events = told(&mut dialogue);
        let done: Vec<_> = events
            .iter()
            .filter(|e| e["type"] == "response.done")
            .collect();
        assert_eq!(done.len(), 1);
        assert_eq!(done[0]["response"]["status_details"], details);
        assert_eq!(done[0]["response"]["output"][0]["status"], "incomplete");
    }
    let mut dialogue = open();
    dialogue.begin_answer(0);
    dialogue.end_answer(&End::Interrupted);
    let events = told(&mut dialogue);
    assert_eq!(
        kinds(&events),
        "response.created response.done rate_limits.updated"
    );
    assert_eq!(events[1]["response"]["output"], json!([]));
}

#[test]
fn a_call_of_a_function_is_an_answer() {
    let mut dialogue = open();
    dialogue.begin_answer(0);
    dialogue.call("look_up", r#"{"order":17}"#);
    assert!(!dialogue.is_answering());
    let events = told(&mut dialogue);
    assert_eq!(
        kinds(&events),
        "response.created response.output_item.added conversation.item.added \
         response.function_call_arguments.delta response.function_call_arguments.delta \
         response.function_call_arguments.done conversation.item.done response.output_item.done \
         response.done rate_limits.updated"
    );
    assert_eq!(events[5]["arguments"], r#"{"order":17}"#);
    let output = &events[8]["response"]["output"][0];
    assert_eq!(
        (&output["type"], &output["name"]),
        (&json!("function_call"), &json!("look_up"))
    );
    assert_eq!(output["call_id"], events[3]["call_id"]);
}

#[test]
fn items_are_created_shown_shortened_and_deleted() {
    let mut dialogue = open();
    let what = What::Message {
        role: Role::User,
        content: vec![Content::InputText {
            text: "hello".to_owned(),
        }],
    };
    dialogue
        .create(Some("mine".to_owned()), what)
        .expect("small");
    dialogue.begin_answer(0);
    dialogue.sound(&[0; 48_000]);
    let events = told(&mut dialogue);
    assert_eq!(
        kinds(&events[..2]),
        "conversation.item.added conversation.item.done"
    );
    let spoken = events[3]["item"]["id"].as_str().expect("a name").to_owned();

    dialogue.truncate(&spoken, 0, 400).expect("1 s long");
    let fault = dialogue.truncate(&spoken, 0, 1_001).expect_err("1 s long");
    assert_eq!(fault.param.as_deref(), Some("audio_end_ms"));
    dialogue.retrieve("mine").expect("there");
    dialogue.delete("mine").expect("there");
    for gone in [
        dialogue.retrieve("mine"),
        dialogue.delete("mine"),
        dialogue.truncate("mine", 0, 0),
    ] {
        let fault = gone.expect_err("not there");
        assert_eq!(fault.param.as_deref(), Some("item_id"));
        dialogue.refuse(&fault, Some("e7"));
    }
    let events = told(&mut dialogue);
    assert_eq!(
        kinds(&events),
        "conversation.item.truncated conversation.item.retrieved conversation.item.deleted \
         error error error"
    );
    assert_eq!(events[1]["item"]["content"][0]["text"], "hello");
    assert_eq!(events[3]["error"]["event_id"], "e7");
    assert_eq!(events[3]["error"]["type"], "invalid_request_error");
}

#[test]
fn a_long_call_keeps_its_latest_items_and_no_large_ones() {
    let mut dialogue = open();
    let first = dialogue.commit();
    for _ in 0..256 {
        dialogue.commit();
    }
    assert!(dialogue.retrieve(&first).is_err());
    let text = "x".repeat(100_000);
    let what = What::Message {
        role: Role::User,
        content: vec![Content::InputText { text }],
    };
    let fault = dialogue.create(None, what).expect_err("too large");
    assert_eq!(fault.code, "string_above_max_length");
}
