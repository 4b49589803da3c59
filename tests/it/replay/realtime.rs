//! OpenAI Realtime over WebSocket: the same trace, the same rows.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use voicelt::results::protocol::DialectName;
use voicelt::results::row::{MessageRow, SessionEnd, Status};
use voicelt::table::read_all;

use super::replay_into;
use crate::support::Desk;
use crate::support::front::Front;
use crate::support::odd::Odd;

const TALK: &str = "--synth speech-like:1s --arrivals constant:4/s --sessions 3 --turns 2 \
                    --answer-time 4s --think-time 200ms";

fn replay(to: &str, run: &str, flags: &str) -> String {
    format!("{} --dialect realtime {flags}", replay_into(to, run))
}

#[test]
fn calls_of_several_turns_are_answered_with_an_open_microphone() {
    let desk = Desk::with_trace(TALK);
    desk.voicelt(&replay("embedded", "run", "--messages"))
        .exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
        assert_eq!(row.dialect, Some(DialectName::Realtime));
        assert_eq!((row.grpc_code, row.http_status), (None, Some(101)));
        let parts = [
            row.response_ns,
            row.audible_ns,
            row.endpoint_ns,
            row.first_text_ns,
        ];
        assert!(
            parts.iter().all(|part| part.is_some_and(|ns| ns > 0)),
            "{row:?}"
        );
        let unknown = [row.llm_ttft_ns, row.llm_total_ns, row.tts_ns, row.e2e_ns];
        assert_eq!(
            unknown, [None; 4],
            "what is made side by side has no stages"
        );
        assert_eq!(row.owner_uncertain, Some(false));
        // 50 chunks of 20 ms at 24 kHz.
        assert_eq!((row.chunks_sent, row.bytes_sent), (50, 48_000));
    }
    for session in desk.sessions("run") {
        assert_eq!(
            (session.end, session.close_code),
            (SessionEnd::Finished, Some(1000))
        );
        assert_eq!(session.turns_answered, Some(2));
        let order = [session.opened_ns, session.ready_ns, session.ended_ns];
        assert!(
            order.iter().all(Option::is_some) && order.is_sorted(),
            "{session:?}"
        );
        assert!(session.connected_ns <= session.opened_ns, "opened ahead");
    }
    // Silence goes on between the utterances and after the last.
    let messages: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    let silence = messages
        .iter()
        .filter(|message| message.kind == "fill" && message.turn == 1);
    assert!(silence.count() > 3 * 25, "until the server found the end");
}

#[test]
fn who_pushes_to_talk_is_answered_without_endpointing_and_compared_with_nobody_else() {
    let desk = Desk::with_trace(TALK);
    desk.voicelt(&replay("embedded", "open", "--limit 1"))
        .exits(0);
    let pushed = replay(
        "embedded",
        "pushed",
        "--limit 1 --microphone push-to-talk --messages",
    );
    desk.voicelt(&pushed).exits(0);
    for row in desk.requests("pushed") {
        assert_eq!((row.status, row.endpoint_ns), (Status::Ok, None), "{row:?}");
    }
    let messages: Vec<MessageRow> = read_all(&desk.path("pushed/messages.parquet")).unwrap();
    let of = |kind: &str| {
        messages
            .iter()
            .filter(|message| message.kind == kind)
            .count()
    };
    // A commit and a request for an answer after each of two utterances.
    assert_eq!((of("fill"), of("protocol")), (0, 4));
    desk.voicelt("report pushed")
        .exits(0)
        .says("without endpointing");
    desk.voicelt("compare open pushed")
        .exits(2)
        .says("endpointing");
    let grpc = format!("{} --limit 1", replay_into("embedded", "grpc"));
    desk.voicelt(&grpc).exits(0);
    desk.voicelt("compare grpc open").exits(2).says("realtime");
}

#[test]
fn every_profile_and_wire_format_is_answered() {
    let desk = Desk::with_trace(TALK);
    for (run, flags, bytes) in [
        ("mulaw", "--wire-format mulaw", 8_000),
        ("beta", "--profile beta --wire-format alaw", 8_000),
        ("words", "--profile transcription", 48_000),
    ] {
        desk.voicelt(&replay("embedded", run, &format!("--limit 1 {flags}")))
            .exits(0);
        for row in desk.requests(run) {
            assert_eq!(
                (row.status, row.bytes_sent),
                (Status::Ok, bytes),
                "{run}: {row:?}"
            );
        }
    }
    for row in desk.requests("words") {
        assert!(
            row.final_ns.is_some() && row.response_ns.is_none(),
            "{row:?}"
        );
    }
    desk.voicelt("replay calls.vtrace -t embedded --dialect realtime --profile vllm")
        .exits(2)
        .says("push-to-talk");
}

#[test]
fn a_session_says_what_its_files_say_and_secrets_are_nowhere() {
    let desk = Desk::with_trace(TALK);
    let (_gateway, address) = desk.gateway("--dialect realtime --greeting --tool-calls 1");
    let session = r#"{"instructions":"Tenant {var:tenant}.","audio":{"input":{"transcription":{"model":"whisper-1"}}}}"#;
    desk.write("session.json", session);
    desk.write("vars.csv", "tenant,key\nblue,SECRET-ONE\nred,SECRET-TWO\n");
    desk.write(
        "tools.json",
        r#"{"*":{"output":{"found":true},"delay_ms":20}}"#,
    );
    let target = format!("'ws://{address}/v1/realtime?model=SECRET-MODEL'");
    let flags = "--session session.json --session-vars vars.csv --tools tools.json --greeting wait \
                 --header 'authorization: Bearer {var:key}' --messages";
    desk.voicelt(&replay(&target, "run", flags)).exits(0);
    for row in desk.requests("run") {
        assert_eq!(row.status, Status::Ok, "{row:?}");
        assert!(
            row.final_ns.is_some(),
            "transcripts were asked for: {row:?}"
        );
    }
    for session in desk.sessions("run") {
        let greeting = [
            session.ready_ns,
            session.greeting_start_ns,
            session.greeting_end_ns,
        ];
        assert!(
            greeting.iter().all(Option::is_some) && greeting.is_sorted(),
            "{session:?}"
        );
    }
    let messages: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    let owed = messages
        .iter()
        .filter(|message| message.kind == "protocol")
        .count();
    assert!(
        owed >= 2 * 6,
        "an output and a request for the answer each turn"
    );
    for file in desk.files("run") {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(6).any(|part| part == b"SECRET");
        assert!(!found, "a secret is in {}", file.display());
    }
    desk.voicelt(&replay(
        &target,
        "no",
        "--header 'a: {var:nobody}' --session-vars vars.csv",
    ))
    .exits(2)
    .says("no column nobody");
}

#[test]
fn a_certificate_is_verified_and_a_refusal_is_a_row() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (_gateway, address) = desk.gateway("--dialect realtime");
    let (front, pem) = Front::tls(&address);
    desk.write("ca.pem", pem);
    let to = format!("wss://localhost:{}", front.port);
    desk.voicelt(&replay(&to, "no", "")).exits(3).says("--ca");
    desk.voicelt(&replay(&to, "run", "--ca ca.pem")).exits(0);
    assert!(
        desk.requests("run")
            .iter()
            .all(|row| row.status == Status::Ok)
    );

    let (_busy, address) = desk.gateway("--dialect realtime --refuse 1");
    desk.voicelt(&replay(&format!("ws://{address}"), "busy", ""))
        .exits(99);
    for row in desk.requests("busy") {
        assert_eq!(
            (row.status, row.http_status),
            (Status::Error, Some(429)),
            "{row:?}"
        );
    }
    desk.voicelt("report busy").exits(99).says("429");
}

#[test]
fn what_a_server_repeats_of_a_secret_is_hidden() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let server = Odd::sockets(|socket| async move {
        let Ok(mut socket) = accept_async(socket).await else {
            return;
        };
        let error = r#"{"type":"error","error":{"message":"SECRET-TOKEN is no key of ours"}}"#;
        let _ = socket.send(Message::text(error)).await;
        while socket.next().await.is_some_and(|next| next.is_ok()) {}
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    let flags = "--header 'authorization: Bearer SECRET-TOKEN'";
    desk.voicelt(&replay(&to, "run", flags)).exits(99);
    for row in desk.requests("run") {
        let error = row.error.unwrap_or_default();
        assert!(error.contains("(hidden) is no key of ours"), "{error}");
    }
}

#[test]
fn what_is_sent_first_has_the_values_of_its_session() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let history = |tenant: &str| {
        json!([{"type": "conversation.item.create", "item": {"type": "message", "role": "system",
            "content": [{"type": "input_text", "text": format!("Tenant {tenant}.")}]}}])
    };
    desk.write("open.json", history("{var:tenant}").to_string());
    desk.write("vars.csv", "tenant\nblue\nred\n");
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = heard.clone();
    let server = Odd::sockets(move |socket| {
        let told = told.clone();
        async move {
            let Ok(mut socket) = accept_async(socket).await else {
                return;
            };
            for event in ["session.created", "session.updated"] {
                let _ = socket
                    .send(Message::text(json!({"type": event}).to_string()))
                    .await;
                // The next is what the session is to be, or what is sent first.
                if let Some(Ok(Message::Text(text))) = socket.next().await {
                    told.lock().unwrap().push(text.to_string());
                }
            }
        }
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    let flags = "--open open.json --session-vars vars.csv --timeout 5s";
    desk.voicelt(&replay(&to, "run", flags)).exits(99);
    let heard = heard.lock().unwrap();
    for tenant in ["blue", "red"] {
        let said = |text: &String| text.contains(&format!("Tenant {tenant}."));
        assert_eq!(
            heard.iter().filter(|text| said(text)).count(),
            1,
            "{heard:?}"
        );
    }
}

#[test]
fn more_calls_than_allowed_are_refused_before_any_is_made() {
    let desk = Desk::with_trace(TALK);
    desk.voicelt(&replay("embedded", "run", "--max-sessions 2"))
        .exits(2)
        .says("--max-sessions");
    desk.voicelt(&replay("embedded", "run", "--max-sessions 3"))
        .exits(0);
    desk.voicelt("replay calls.vtrace -t embedded --microphone open")
        .exits(2)
        .says("--dialect realtime");
}

#[test]
fn callers_speak_into_answers_that_have_come_whole() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2 --turns 2");
    for microphone in ["open", "push-to-talk"] {
        let flags = format!("--barge-in 100ms --microphone {microphone} --messages");
        desk.voicelt(&replay("embedded", microphone, &flags))
            .exits(0);
        let rows = desk.requests(microphone);
        for row in rows.iter().filter(|row| row.turn == 0) {
            assert_eq!(row.status, Status::BargedIn, "{microphone}: {row:?}");
        }
        // The server is told how much was heard.
        let messages: Vec<MessageRow> =
            read_all(&desk.path(&format!("{microphone}/messages.parquet"))).unwrap();
        let session = |name: &str| {
            let of = messages.iter().filter(|message| message.session_id == name);
            of.filter(|message| message.kind == "protocol").count()
        };
        let ends = if microphone == "open" { 0 } else { 4 };
        for name in ["s000000", "s000001"] {
            assert!(session(name) > ends, "{microphone}: {name}");
        }
    }
}
