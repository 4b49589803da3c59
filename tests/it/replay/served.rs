//! The reference gateway speaks what a file describes, beside this process and in it.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use voicelt::results::protocol::DialectName;
use voicelt::results::row::{ArrivalRow, MessageRow, RequestRow, SessionEnd, Status, TimelineRow};
use voicelt::table::read_all;

use super::replay_into;
use crate::support::{Desk, Output};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/dialects");
const TALK: &str = "--synth speech-like:1s --arrivals constant:4/s --sessions 2 --turns 2 \
                    --answer-time 4s --think-time 200ms";

/// Replays in a dialect to the gateway in this process.
fn embedded(desk: &Desk, run: &str, dialect: &str) -> Vec<RequestRow> {
    let line = replay_into("embedded", run);
    let mut command = desk.command(&format!("{line} --dialect {dialect} --messages"));
    command.env("DEEPGRAM_API_KEY", "SECRET");
    Output::of(&mut command).exits(0);
    let rows = desk.requests(run);
    assert_eq!(rows.len(), 4, "{dialect}");
    for row in &rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
        assert_eq!(row.error, None);
        assert_ne!(row.owner_uncertain, Some(true), "{row:?}");
    }
    let sessions = desk.sessions(run);
    for session in &sessions {
        assert_eq!(session.end, SessionEnd::Finished, "{session:?}");
        assert_eq!(session.error, None);
    }
    // Each is counted, also where no message opens it.
    let seconds: Vec<TimelineRow> =
        read_all(&desk.path(&format!("{run}/timeline.parquet"))).unwrap();
    let started = |of: fn(&TimelineRow) -> u32| seconds.iter().map(of).sum::<u32>() as usize;
    assert_eq!(
        started(|second| second.offered_starts),
        sessions.len(),
        "{dialect}"
    );
    assert_eq!(
        started(|second| second.achieved_starts),
        sessions.len(),
        "{dialect}"
    );
    rows
}

/// A recogniser's calls, of which only transcripts come back.
fn is_only_heard(description: &str, dialect: DialectName) {
    let desk = Desk::with_trace(TALK);
    for row in embedded(&desk, "run", &format!("{SHIPPED}/{description}")) {
        assert_eq!(row.dialect, Some(dialect));
        assert!(row.transcript.as_ref().is_some_and(|text| !text.is_empty()));
        assert!(row.first_transcript_ns < row.final_transcript_ns, "{row:?}");
        assert_eq!((row.first_text_ns, row.first_audio_ns), (None, None));
    }
}

#[test]
fn vosk_is_spoken() {
    is_only_heard("vosk.toml", DialectName::DescribedWebSocket);
}

#[test]
fn deepgram_is_spoken() {
    is_only_heard("deepgram.toml", DialectName::DescribedWebSocket);
}

#[test]
fn riva_is_spoken() {
    is_only_heard("riva.toml", DialectName::DescribedGrpc);
}

/// Kinds of messages that came, in order.
fn received(desk: &Desk, run: &str, session: &str) -> Vec<String> {
    let rows: Vec<MessageRow> = read_all(&desk.path(&format!("{run}/messages.parquet"))).unwrap();
    let of_session = rows.into_iter().filter(|row| row.session_id == session);
    let came = of_session.filter(|row| row.sent_ns.is_none());
    let mut kinds: Vec<_> = came.map(|row| row.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_description_of_the_gateways_own_protocol_is_answered_as_that_is() {
    let desk = Desk::with_trace(TALK);
    let described = format!("{SHIPPED}/stream-audio.toml");
    let native = embedded(&desk, "native", "stream-audio");
    let rows = embedded(&desk, "described", &described);
    for (native, row) in native.iter().zip(&rows) {
        assert_eq!(row.dialect, Some(DialectName::DescribedGrpc));
        assert_eq!(row.chunks_sent, native.chunks_sent);
        let texts = |row: &RequestRow| {
            let texts = [&row.transcript, &row.response_text];
            texts.map(|text| text.as_deref().is_some_and(|text| !text.is_empty()))
        };
        assert_eq!((texts(row), texts(native)), ([true; 2], [true; 2]));
        let instants = [row.first_text_ns, row.first_audio_ns, row.end_of_turn_ns];
        let of_native = [
            native.first_text_ns,
            native.first_audio_ns,
            native.end_of_turn_ns,
        ];
        assert_eq!(
            instants.map(|at| at.is_some()),
            of_native.map(|at| at.is_some())
        );
    }
    let session = &rows[0].session_id;
    let kinds = received(&desk, "described", session);
    for kind in [
        "transcript",
        "processing",
        "llm_text",
        "speaking",
        "audio",
        "listening",
    ] {
        assert!(kinds.iter().any(|came| came == kind), "{kind} in {kinds:?}");
    }
    assert_eq!(kinds.last().map(String::as_str), Some("end_of_turn"));
}

/// A protocol that only this test knows: base64 in JSON both ways, the caller says where an utterance ends.
const SPOKEN: &str = r#"
name = "spoken"
transport = "websocket"
url = "ws://example/talk"
open = '{"id": "{session_id}", "rate": {sample_rate}}'
text = '{"typed": "{text}"}'
end_of_utterance = ['{"commit": true}', '{"answer": true}']
end_of_input = '{"bye": true}'
[audio]
format = "mulaw"
as = '{"of": "{session_id}", "audio": "{audio}"}'
reply_format = "pcm16"
reply_rate = 24000
[[reply]]
when = { "/kind" = "hello" }
then = "ready"
[[reply]]
when = { "/kind" = "heard" }
then = "transcript"
text = "/words"
final = "/is_final"
[[reply]]
when = { "/kind" = "said", "/parts/0/words" = { empty = false } }
then = "text"
text = "/parts/0/words"
[[reply]]
when = { "/parts/0/sound" = { present = true } }
then = "audio"
audio = "/parts/0/sound"
[[reply]]
when = { "/kind" = "over" }
then = "turn_ended"
"#;

#[test]
fn a_protocol_of_base64_both_ways_is_spoken() {
    let desk = Desk::with_trace(TALK);
    desk.write("spoken.toml", SPOKEN);
    for row in embedded(&desk, "run", "spoken.toml") {
        assert!(row.response_text.is_some_and(|text| text.len() > 10));
        assert!(row.transcript.is_some_and(|text| !text.is_empty()));
        // 50 chunks of 160 bytes, and no silence after them.
        assert_eq!((row.chunks_sent, row.bytes_sent), (50, 8_000));
        // An answer is longer than a second.
        let heard_ns = row.playout_end_ns.unwrap() - row.first_audio_ns.unwrap();
        assert!(heard_ns > 1_000_000_000, "{heard_ns}");
    }
    for session in desk.sessions("run") {
        assert!(session.ready_ns.is_some(), "{session:?}");
    }
}

#[test]
fn pauses_end_no_utterance_of_a_caller_who_says_where_they_end() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 1 --turns 2 --answer-time 4s");
    desk.write("spoken.toml", SPOKEN);
    let (gateway, to) = desk.gateway("--dialect spoken.toml --endpoint-silence 10ms");
    let line = replay_into(&format!("ws://{to}"), "run");
    desk.voicelt(&format!("{line} --dialect spoken.toml"))
        .exits(0);
    for row in desk.requests("run") {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
    }
    gateway
        .interrupt()
        .exits(0)
        .says("1 streams (0 cut off), 2 answers, 0 errors");
}

#[test]
fn a_caller_who_interrupts_is_told_to_hear_no_more() {
    let desk =
        Desk::with_trace("--synth speech-like:1s --sessions 1 --turns 2 --answer-time 700ms");
    let open = SPOKEN.replace(
        "end_of_utterance = ['{\"commit\": true}', '{\"answer\": true}']\n",
        "",
    );
    let cleared = "[[reply]]\nwhen = { \"/kind\" = \"flush\" }\nthen = \"cleared\"\n";
    desk.write("open.toml", format!("{open}{cleared}"));
    let flags = "--dialect open.toml --endpoint-silence 200ms --tts-rtf 1";
    let (_gateway, to) = desk.gateway(flags);
    let line = replay_into(&format!("ws://{to}"), "run");
    desk.voicelt(&format!("{line} --dialect open.toml --messages"))
        .exits(0);
    let rows = desk.requests("run");
    let kinds = received(&desk, "run", &rows[0].session_id);
    let cleared = kinds.iter().position(|kind| kind == "cleared");
    let cleared = cleared.unwrap_or_else(|| panic!("{kinds:?}"));
    assert_eq!(kinds[cleared + 1], "listening");
    assert_eq!(rows[1].status, Status::Ok, "{:?}", rows[1]);
}

#[test]
fn a_gateway_says_what_it_speaks_and_logs_what_it_hears() {
    let desk = Desk::with_trace(TALK);
    let line = format!("--dialect {SHIPPED}/deepgram.toml --arrivals-log log.parquet");
    // It needs no key.
    let (gateway, to) = desk.gateway(&line);
    let line = replay_into(&format!("ws://{to}"), "run");
    let mut command = desk.command(&format!(
        "{line} --dialect {SHIPPED}/deepgram.toml --messages --keep-session-ids"
    ));
    command.env("DEEPGRAM_API_KEY", "SECRET");
    Output::of(&mut command).exits(0);
    gateway
        .interrupt()
        .exits(0)
        .says("speaks deepgram: interim transcript, final transcript, turn ended, error")
        .says("2 streams (0 cut off), 4 answers, 0 errors");
    let log: Vec<ArrivalRow> = read_all(&desk.path("log.parquet")).unwrap();
    let sessions: Vec<_> = desk
        .requests("run")
        .into_iter()
        .map(|row| row.wire_session_id)
        .collect();
    assert!(
        log.iter()
            .all(|row| sessions.contains(&row.wire_session_id))
    );
    let heard: u64 = log.iter().map(|row| u64::from(row.bytes)).sum();
    assert!(heard > 4 * 32_000, "audio, and the silence after it");
}

#[tokio::test]
async fn a_client_that_says_that_nothing_more_comes_is_answered_and_hung_up_on() {
    let desk = Desk::new();
    let (_gateway, to) = desk.gateway(&format!("--dialect {SHIPPED}/vosk.toml"));
    let line = TcpStream::connect(&to).await.unwrap();
    let (mut socket, _) = client_async(format!("ws://{to}/"), line).await.unwrap();
    let loud: Vec<u8> = 3_000_i16.to_le_bytes().repeat(8_000);
    // Others lay JSON out in their own way.
    for said in [
        Message::text("{\"config\":{\"sample_rate\":8000}}"),
        Message::binary(loud),
        Message::text("{\"eof\":1}"),
    ] {
        socket.send(said).await.unwrap();
    }
    let mut heard = Vec::new();
    let to_the_end = async {
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            heard.push(text.to_string());
        }
    };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, to_the_end).await.unwrap();
    let last = heard.last().unwrap();
    assert!(last.starts_with("{\"text\":\""), "{heard:?}");
}

#[tokio::test]
async fn a_client_whose_message_is_too_long_to_be_read_is_told_and_hung_up_on() {
    let desk = Desk::new();
    let (_gateway, to) = desk.gateway(&format!("--dialect {SHIPPED}/vosk.toml"));
    let line = TcpStream::connect(&to).await.unwrap();
    let (mut socket, _) = client_async(format!("ws://{to}/"), line).await.unwrap();
    let long = format!("{{\"config\":\"{}\"}}", "a".repeat(1 << 20));
    socket.send(Message::text(long)).await.unwrap();
    let patience = Duration::from_secs(60);
    let heard = tokio::time::timeout(patience, socket.next()).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(close.code, CloseCode::Size);
    assert_eq!(close.reason.as_str(), "the message is too long");
}

#[test]
fn what_cannot_be_answered_or_said_is_told_at_once() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 1");
    let rules = SPOKEN.replace(
        "\"/kind\" = \"over\"",
        "\"/kind\" = \"over\", \"/kind/of\" = 1",
    );
    desk.write("unsaid.toml", &rules);
    let (gateway, _) = desk.gateway("--dialect unsaid.toml");
    gateway
        .interrupt()
        .exits(0)
        .says("never says turn ended: by the rules of spoken,");
    let rules = rules.replace(
        "\"/parts/0/sound\" = ",
        "\"/parts\" = true, \"/parts/0/sound\" = ",
    );
    desk.write("silent.toml", rules);
    let why = "by the rules of spoken, nothing that it can make of them is understood as audio";
    desk.voicelt("gateway --dialect silent.toml")
        .exits(2)
        .says(&format!("--dialect silent.toml: {why}; simplify"));
    let line = replay_into("embedded", "run");
    desk.voicelt(&format!("{line} --dialect silent.toml"))
        .exits(2)
        .says(&format!("does not speak spoken: {why}; give the address"));
    desk.voicelt("gateway --dialect silent.toml --greeting")
        .exits(2)
        .says("--dialect silent.toml:");
    desk.voicelt("gateway --dialect realtme")
        .exits(2)
        .says("the path of a description");
}
