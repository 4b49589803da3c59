//! Whole sessions: whose the items are, interruptions, several turns.

use super::*;

fn speech(kind: &str, ms: i64, item: &str) -> Value {
    let field = match kind {
        "started" => "audio_start_ms",
        _ => "audio_end_ms",
    };
    json!({"type": format!("input_audio_buffer.speech_{kind}"), field: ms, "item_id": item})
}

fn output_item(response: &str, item: &str) -> Value {
    json!({"type": "response.output_item.added", "response_id": response, "output_index": 0,
           "item": {"id": item, "type": "message", "role": "assistant", "content": []}})
}

fn item_added(item: &str, role: &str, content: &Value, previous: Option<&str>) -> Value {
    json!({"type": "conversation.item.added", "previous_item_id": previous,
           "item": {"id": item, "type": "message", "role": role, "content": content}})
}

/// What these events are about.
fn items(session: &mut Session, events: &[Value]) -> Vec<Option<About>> {
    let replies = events.iter().flat_map(|event| hear(session, event));
    replies.map(|reply| reply.about).collect()
}

#[test]
fn with_an_open_microphone_a_response_follows_what_was_heard_last() {
    let mut session = open_microphone();
    let heard = items(
        &mut session,
        &[
            created("greeting"),
            text("greeting", "hi"),
            done("greeting", "completed"),
            speech("started", 1_000, "a"),
            speech("stopped", 2_000, "a"),
            committed("a"),
            item_added("a", "user", &json!([{"type": "input_audio"}]), None),
            created("r"),
            output_item("r", "b"),
            item_added("b", "assistant", &json!([]), Some("a")),
            text("r", "yes"),
            audio("r", "b", 20),
            json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "a",
                   "transcript": "hello"}),
            done("r", "completed"),
        ],
    );
    // Named in this order: the greeting, `a`, the response.
    let expected = [
        about(0, Some(ItemFact::Unprompted)),
        about(0, None),
        about(1, Some(ItemFact::From(1_000))),
        about(1, Some(ItemFact::Until(2_000))),
        about(2, Some(ItemFact::Follows(ItemId(1)))),
        about(2, None),
        about(1, None),
        about(2, None),
    ];
    assert_eq!(heard, expected);
}

#[test]
fn what_a_server_says_of_the_order_goes_before_the_last_commit() {
    let mut session = open_microphone();
    let heard = items(
        &mut session,
        &[
            speech("started", 0, "a"),
            committed("a"),
            speech("started", 900, "b"),
            committed("b"),
            created("r"),
            output_item("r", "c"),
            item_added("c", "assistant", &json!([]), Some("a")),
            output_item("r", "d"),
            item_added("d", "assistant", &json!([]), Some("c")),
            audio("r", "d", 20),
            created("s"),
            output_item("s", "e"),
            item_added("e", "assistant", &json!([]), Some("something else")),
            audio("s", "e", 20),
        ],
    );
    assert_eq!(heard[2], about(2, Some(ItemFact::Follows(ItemId(0)))));
    // Nothing is known of what it follows.
    let last = heard.last().copied().flatten();
    assert_eq!(last.unwrap().fact, Some(ItemFact::Follows(ItemId(1))));
}

#[test]
fn with_push_to_talk_the_kth_item_is_the_kth_utterance() {
    let mut session = push_to_talk();
    session.end_of_utterance(0);
    session.end_of_utterance(1);
    session.end_of_utterance(2);
    // The second one was too short: it will never be confirmed.
    let empty = json!({"type": "error", "error": {"code": "input_audio_buffer_commit_empty",
                       "message": "too short", "event_id": "voicelt-4"}});
    let heard = items(
        &mut session,
        &[committed("a"), empty, committed("b"), committed("c")],
    );
    let expected = [
        about(0, Some(ItemFact::Utterance(0))),
        None,
        about(1, Some(ItemFact::Utterance(2))),
    ];
    assert_eq!(heard, expected);
}

#[test]
fn an_answer_to_what_was_typed_follows_its_item() {
    let mut session = open_microphone();
    items(&mut session, &[speech("started", 0, "a"), committed("a")]);
    session.text("hello");
    let content = json!([{"type": "input_text", "text": "hello"}]);
    let heard = items(
        &mut session,
        &[
            item_added("t", "user", &content, Some("a")),
            // Not ours: history.
            item_added("u", "user", &content, Some("t")),
            created("r"),
            text("r", "hi"),
        ],
    );
    assert_eq!(heard, [about(3, Some(ItemFact::Follows(ItemId(1))))]);
}

#[test]
fn with_an_open_microphone_what_was_not_heard_is_taken_back() {
    let mut session = open_microphone();
    messages(
        &mut session,
        &[
            created("r"),
            audio("r", "b", 500),
            audio("r", "b", 500),
            done("r", "completed"),
        ],
    );
    let said = stopped(&mut session, 359_100_000);
    let truncate = json!({"type": "conversation.item.truncate", "item_id": "b", "content_index": 0,
                          "audio_end_ms": 640});
    assert_eq!(said, [truncate]);
    let again = stopped(&mut session, 1_000_000_000);
    assert!(again.is_empty(), "it is taken back once");
    // The next answer counts from its own beginning.
    messages(&mut session, &[created("s"), audio("s", "c", 100)]);
    assert!(stopped(&mut session, 0).is_empty(), "all was heard");
    assert_eq!(stopped(&mut session, 70_000_000)[0]["audio_end_ms"], 30);
}

#[test]
fn with_push_to_talk_a_response_under_way_is_cancelled() {
    let mut session = push_to_talk();
    let types = |session: &mut Session, unheard_ns| -> Vec<Value> {
        let said = stopped(session, unheard_ns).into_iter();
        said.map(|event| event["type"].clone()).collect()
    };
    assert!(types(&mut session, 0).is_empty());
    messages(&mut session, &[created("r"), audio("r", "b", 100)]);
    assert_eq!(
        types(&mut session, 50_000_000),
        ["response.cancel", "conversation.item.truncate"]
    );
    messages(
        &mut session,
        &[done("r", "cancelled"), created("s"), audio("s", "c", 100)],
    );
    messages(&mut session, &[done("s", "completed")]);
    assert_eq!(
        types(&mut session, 50_000_000),
        ["conversation.item.truncate"]
    );
}

#[test]
fn names_of_before_lead_to_the_same_conversation() {
    let new = [
        json!({"type": "conversation.item.added", "item": {"id": "a", "role": "user", "content": []}}),
        created("r"),
        json!({"type": "response.output_item.added", "response_id": "r", "item": {"id": "b"}}),
        json!({"type": "response.content_part.added", "response_id": "r", "part": {"type": "audio"}}),
        json!({"type": "response.output_audio_transcript.delta", "response_id": "r", "delta": "yes"}),
        json!({"type": "response.output_audio.delta", "response_id": "r", "delta": "AAAA"}),
        json!({"type": "response.output_audio.done", "response_id": "r"}),
        json!({"type": "response.output_text.delta", "response_id": "r", "delta": "no"}),
        done("r", "completed"),
    ];
    let beta = new.clone().map(|event| {
        let text = event.to_string();
        let text = text.replace("conversation.item.added", "conversation.item.created");
        text.replace("response.output_audio", "response.audio")
            .replace("response.output_text", "response.text")
            .parse()
            .unwrap()
    });
    assert_ne!(new, beta);
    let replies = |profile, events: &[Value]| {
        let mut session = ready(spec(profile, Endpointing::Server));
        let replies = events.iter().flat_map(|event| hear(&mut session, event));
        replies.collect::<Vec<Reply>>()
    };
    let heard = replies(Profile::Beta, &beta);
    assert_eq!(heard.len(), 5);
    assert_eq!(heard, replies(Profile::OpenAi, &new));
}
