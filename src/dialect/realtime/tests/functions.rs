//! Calls of functions: what is said to them, when, and whose the answer is.

use super::*;
use crate::dialect::realtime::Tools;

fn with_tools(tools: Value) -> Session {
    let mut spec = spec(Profile::OpenAi, Endpointing::Server);
    spec.tools = Some(Tools::new(tools).unwrap());
    ready(spec)
}

fn call(id: &str, name: &str) -> Value {
    json!({"id": format!("item_{id}"), "type": "function_call", "call_id": id, "name": name, "arguments": "{}"})
}

fn done_with(response: &str, status: &str, output: &[Value]) -> Value {
    json!({"type": "response.done", "response": {"id": response, "status": status, "output": output}})
}

fn output(call: &str, output: &str) -> Value {
    json!({"type": "conversation.item.create",
           "item": {"type": "function_call_output", "call_id": call, "output": output}})
}

#[test]
fn each_call_is_answered_after_its_delay_and_the_turn_goes_on() {
    let mut session =
        with_tools(json!({"slow": {"output": [1], "delay_ms": 300}, "*": {"output": "ok"}}));
    let ended = messages(
        &mut session,
        &[
            committed("a"),
            created("r"),
            // A server may say it twice, or in one place only.
            json!({"type": "response.output_item.done", "response_id": "r", "item": call("c1", "slow")}),
            done_with("r", "completed", &[call("c1", "slow"), call("c2", "quick")]),
        ],
    );
    assert_eq!(ended, []);
    let respond = json!({"type": "response.create"});
    let expected = [
        (0, output("c2", "ok")),
        (300, output("c1", "[1]")),
        (300, respond),
    ];
    assert_eq!(owed(&mut session), expected);
    let heard = hear(&mut session, &created("s"));
    assert_eq!(heard, []);
    let heard = hear(&mut session, &text("s", "done"));
    // Named before it: `a`, the response with the calls.
    assert_eq!(heard[0].about, about(2, Some(ItemFact::Follows(ItemId(1)))));
    let heard = messages(&mut session, &[done("s", "completed")]);
    assert_eq!(heard, [ServerMessage::TurnEnded]);
    assert_eq!(owed(&mut session), []);
}

#[test]
fn what_is_said_meanwhile_is_another_matter() {
    let mut session = with_tools(json!({}));
    messages(
        &mut session,
        &[
            committed("a"),
            created("r"),
            done_with("r", "completed", &[call("c", "f")]),
        ],
    );
    assert_eq!(owed(&mut session)[0].1, output("c", "{}"));
    messages(&mut session, &[committed("b"), created("s")]);
    let heard = hear(&mut session, &text("s", "yes"));
    let follows = heard[0].about.unwrap().fact;
    assert_eq!(
        follows,
        Some(ItemFact::Follows(session.names.known("b").unwrap()))
    );
}

#[test]
fn a_call_that_nobody_answers_ends_the_turn() {
    let calls = [call("c", "f")];
    for (mut session, status) in [
        (open_microphone(), "completed"),
        (with_tools(json!({})), "cancelled"),
        (with_tools(json!({})), "incomplete"),
    ] {
        let heard = messages(
            &mut session,
            &[
                created("r"),
                text("r", "wait"),
                done_with("r", status, &calls),
            ],
        );
        assert_eq!(heard, [words("wait"), ServerMessage::TurnEnded], "{status}");
        assert_eq!(owed(&mut session), []);
    }
}

#[test]
fn many_calls_and_long_names_take_bounded_memory() {
    let mut session = with_tools(json!({}));
    let long = "x".repeat(257);
    let mut calls = vec![call(&long, "f"), call("c", &long)];
    calls.extend((0..1_000).map(|number| call(&number.to_string(), "f")));
    hear(&mut session, &created("r"));
    for item in calls {
        hear(
            &mut session,
            &json!({"type": "response.output_item.done", "response_id": "r", "item": item}),
        );
    }
    hear(&mut session, &done("r", "completed"));
    assert_eq!(owed(&mut session).len(), 65);
}
