//! Events in any order, with any fields: nothing panics, and memory stays bounded.

use proptest::prelude::*;

use super::*;
use crate::dialect::realtime::Tools;

const KINDS: &[&str] = &[
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "transcription.delta",
    "transcription.done",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_audio.delta",
    "response.done",
    "error",
    "something.new",
];

/// Something that a session does, or hears.
#[derive(Debug, Clone)]
enum Step {
    Hears(Value),
    Starts,
    Ends(usize),
    Types,
    Stops(i64),
}

fn value() -> impl Strategy<Value = Value> {
    let name = || "[a-e]".prop_map(Value::String);
    prop_oneof![
        4 => name(),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0i64..5_000).prop_map(Value::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => Just(Value::Null),
        1 => "[A-Za-z0-9+/=]{0,12}".prop_map(Value::String),
    ]
}

fn event() -> impl Strategy<Value = Step> {
    let kind = proptest::sample::select(KINDS);
    let role = proptest::sample::select(&["user", "assistant", "function_call"][..]);
    let status = proptest::sample::select(&["completed", "cancelled", "failed", "incomplete"][..]);
    let values = proptest::collection::vec(value(), 12);
    (kind, role, status, values).prop_map(|(kind, role, status, values)| {
        let [
            item,
            previous,
            response,
            at,
            number,
            id,
            name,
            words,
            code,
            part,
            more,
            last,
        ] = &values[..]
        else {
            return Step::Starts;
        };
        let it = json!({"id": id, "role": role, "type": role, "call_id": name, "name": code,
                        "content": [{"type": part}]});
        Step::Hears(json!({
            "type": kind, "item_id": item, "previous_item_id": previous, "response_id": response,
            "audio_start_ms": at, "audio_end_ms": at, "content_index": number, "delta": words,
            "transcript": words, "text": words, "part": {"type": "audio"}, "item": it,
            "error": {"code": code, "message": more, "event_id": "voicelt-3"},
            "response": {"id": response, "status": status, "output": [it, last],
                         "status_details": {"reason": more, "error": last}},
        }))
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => event(),
        1 => Just(Step::Starts),
        1 => (0usize..9).prop_map(Step::Ends),
        1 => Just(Step::Types),
        2 => any::<i64>().prop_map(Step::Stops),
        1 => (0i64..2_000_000_000).prop_map(Step::Stops),
    ]
}

proptest! {
    #[test]
    fn any_order_of_things_is_survived(
        profile in proptest::sample::select(&Profile::ALL[..]),
        is_held: bool,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let is_held = is_held || profile == Profile::Vllm;
        let endpointing = if is_held { Endpointing::Caller } else { Endpointing::Server };
        let mut spec = spec(profile, endpointing);
        spec.model = Some("m".to_owned());
        spec.tools = Some(Tools::new(json!({"a": {"output": 1, "delay_ms": 5}})).unwrap());
        let mut session = Session::new(Arc::new(Realtime::new(spec).unwrap()), 2);
        let mut length_ms = 0;
        for step in steps {
            let mut said = Vec::new();
            match step {
                Step::Hears(event) => {
                    for reply in hear(&mut session, &event) {
                        if let ServerMessage::Audio(pcm) = &reply.what {
                            length_ms += 1 + pcm.len() / 32;
                        }
                    }
                }
                Step::Starts => drop(session.start()),
                Step::Ends(turn) => drop(session.end_of_utterance(turn)),
                Step::Types => drop(session.text("hello")),
                Step::Stops(unheard_ns) => said.extend(session.interrupted(unheard_ns)),
            }
            said.extend(std::iter::from_fn(|| session.owed(i64::MAX)).map(|owed| owed.message));
            let mut most = 0;
            for message in said {
                let event = json_of(&message);
                let is_truncate = event["type"] == "conversation.item.truncate";
                prop_assert!(!is_truncate || event["audio_end_ms"].as_u64() <= Some(length_ms as u64));
                most += 1;
            }
            prop_assert!(most <= 4, "{} messages are owed", most);
        }
    }
}
