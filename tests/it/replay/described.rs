//! Dialects that a file describes: over gRPC the rows of the native one, over a WebSocket servers that only a file knows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use voicelt::results::protocol::DialectName;
use voicelt::results::row::{MessageRow, RequestRow, SessionEnd, Status};
use voicelt::table::read_all;

use super::replay_into;
use crate::support::Desk;
use crate::support::odd::Odd;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/dialects");
const TALK: &str = "--synth speech-like:1s --arrivals constant:4/s --sessions 3 --turns 2 \
                    --answer-time 4s --think-time 200ms";

fn replay(to: &str, run: &str, dialect: &str, flags: &str) -> String {
    format!("{} --dialect {dialect} {flags}", replay_into(to, run))
}

/// What of a row does not depend on how fast things went, and which times there are.
fn but_for_times(row: &RequestRow) -> String {
    let times = [
        row.response_ns,
        row.asr_ns,
        row.llm_ttft_ns,
        row.llm_total_ns,
        row.tts_ns,
        row.e2e_ns,
        row.audible_ns,
        row.endpoint_ns,
    ];
    let counts = [
        row.chunks_sent.into(),
        row.bytes_sent,
        u64::from(row.answers),
    ];
    format!(
        "{} {} {:?} {:?} {counts:?} {:?} {:?} {:?} {:?}",
        row.session_id,
        row.turn,
        row.status,
        row.grpc_code,
        times.map(|time| time.is_some()),
        row.transcript,
        row.response_text,
        row.owner_uncertain,
    )
}

/// What was sent and received, in the order of each turn.
fn messages(desk: &Desk, run: &str) -> Vec<(String, u32, String, u32)> {
    let rows: Vec<MessageRow> = read_all(&desk.path(&format!("{run}/messages.parquet"))).unwrap();
    let rows = rows.into_iter();
    let mut rows: Vec<_> = rows
        .map(|row| (row.session_id, row.turn, row.kind, row.bytes))
        .collect();
    // Of those sent and those received at once either may be first.
    rows.sort();
    rows
}

#[test]
fn a_description_of_stream_audio_gives_the_rows_of_the_native_dialect() {
    let desk = Desk::with_trace(TALK);
    let (_gateway, to) = desk.gateway("--seed 7");
    let described = format!("{SHIPPED}/stream-audio.toml");
    for (run, dialect) in [("native", "stream-audio"), ("described", &described)] {
        desk.voicelt(&replay(&to, run, dialect, "--messages --keep-session-ids"))
            .exits(0);
    }
    let [native, described] = ["native", "described"].map(|run| desk.requests(run));
    assert_eq!(native.len(), 6);
    for (native, described) in native.iter().zip(&described) {
        assert_eq!(but_for_times(native), but_for_times(described));
        assert_eq!(native.dialect, Some(DialectName::StreamAudio));
        assert_eq!(described.dialect, Some(DialectName::DescribedGrpc));
    }
    assert_eq!(messages(&desk, "native"), messages(&desk, "described"));
    desk.voicelt("report described")
        .exits(0)
        .says("described-grpc, stream-audio");
    desk.voicelt("compare native described --allow-invalid")
        .says("description");
}

/// What a server was told in text, and in how many bytes.
type Told = Arc<Mutex<(Vec<String>, usize)>>;

/// A server of WebSockets whose calls go on as `call` does; returns it and its address.
fn server<Call, Calling>(call: Call) -> (Odd, String)
where
    Call: Fn(WebSocketStream<TcpStream>) -> Calling + Clone + Send + Sync + 'static,
    Calling: Future<Output = ()> + Send + 'static,
{
    let server = Odd::sockets(move |socket| {
        let call = call.clone();
        async move {
            #[expect(clippy::result_large_err, reason = "the library wants it so")]
            let path = |request: &http::Request<()>, response| {
                assert_eq!(request.uri().path_and_query().unwrap(), "/");
                Ok(response)
            };
            if let Ok(socket) = accept_hdr_async(socket, path).await {
                call(socket).await;
            }
        }
    });
    let to = format!("ws://127.0.0.1:{}", server.port);
    (server, to)
}

/// A recogniser as Vosk's server is: it says what it has understood after each chunk, and ends an utterance after half
/// a second of silence.
async fn recognise(mut socket: WebSocketStream<TcpStream>, told: Told) {
    let (mut voiced, mut silent) = (0, 0);
    while let Some(Ok(message)) = socket.next().await {
        let reply = match message {
            Message::Text(text) => {
                told.lock().unwrap().0.push(text.to_string());
                match text.as_str() {
                    r#"{"eof" : 1}"# => r#"{"text" : ""}"#.to_owned(),
                    _ => continue,
                }
            }
            Message::Binary(pcm) => {
                told.lock().unwrap().1 += pcm.len();
                match pcm.iter().all(|byte| *byte == 0) {
                    true => silent += pcm.len(),
                    false => (voiced, silent) = (voiced + pcm.len(), 0),
                }
                match voiced > 0 && silent >= 8_000 {
                    true => {
                        voiced = 0;
                        r#"{"result" : [], "text" : "one two"}"#.to_owned()
                    }
                    false if voiced > 0 => r#"{"partial" : "one"}"#.to_owned(),
                    false => r#"{"partial" : ""}"#.to_owned(),
                }
            }
            _ => break,
        };
        if socket.send(Message::text(reply)).await.is_err() {
            break;
        }
    }
}

#[test]
fn a_recogniser_that_only_a_file_knows_ends_utterances_by_itself() {
    let desk = Desk::with_trace(TALK);
    let told = Told::default();
    let heard = told.clone();
    let (_server, to) = server(move |socket| recognise(socket, heard.clone()));
    let vosk = format!("{SHIPPED}/vosk.toml");
    desk.voicelt(&replay(&to, "run", &vosk, "")).exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
        assert_eq!(row.dialect, Some(DialectName::DescribedWebSocket));
        assert_eq!(row.transcript.as_deref(), Some("one two"));
        // 50 chunks of 20 ms at 8 kHz.
        assert_eq!((row.chunks_sent, row.bytes_sent), (50, 16_000));
        assert!(row.first_transcript_ns < row.final_transcript_ns, "{row:?}");
        assert_eq!((row.response_ns, row.first_audio_ns), (None, None));
    }
    for session in desk.sessions("run") {
        assert_eq!(session.end, SessionEnd::Finished, "{session:?}");
    }
    let told = told.lock().unwrap();
    let config = r#"{"config" : {"sample_rate" : 8000}}"#;
    let said = |text: &str| told.0.iter().filter(|said| *said == text).count();
    assert_eq!((said(config), said(r#"{"eof" : 1}"#)), (3, 3), "{told:?}");
    assert!(
        told.1 >= 6 * (16_000 + 8_000),
        "silence follows each utterance"
    );
    desk.voicelt("report run").says("described-websocket, vosk");
}

/// A recogniser that says the last of what it has heard only once it is told that nothing more comes, and closes.
async fn recognise_to_the_end(mut socket: WebSocketStream<TcpStream>) {
    let mut has_spoken = false;
    while let Some(Ok(message)) = socket.next().await {
        let is_over = match message {
            Message::Binary(pcm) => {
                let is_speech = pcm.iter().any(|byte| *byte != 0);
                if !is_speech || std::mem::replace(&mut has_spoken, true) {
                    continue;
                }
                false
            }
            Message::Text(text) if text.contains("eof") => true,
            Message::Text(_) => continue,
            _ => break,
        };
        let reply = match is_over {
            true => r#"{"text" : "two"}"#,
            false => r#"{"text" : "one"}"#,
        };
        socket.send(Message::text(reply)).await.unwrap();
        if is_over {
            // Without a code, so that it is known whose close it was.
            let _ = socket.close(None).await;
        }
    }
}

#[test]
fn what_a_recogniser_says_once_all_was_said_is_heard() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let (_server, to) = server(recognise_to_the_end);
    let vosk = format!("{SHIPPED}/vosk.toml");
    desk.voicelt(&replay(&to, "run", &vosk, "")).exits(0);
    for row in desk.requests("run") {
        assert_eq!(row.status, Status::Ok, "{row:?}");
        assert_eq!(row.transcript.as_deref(), Some("one two"));
    }
    for session in desk.sessions("run") {
        assert_eq!(session.end, SessionEnd::Finished, "{session:?}");
        assert_eq!(session.close_code, Some(1005), "{session:?}");
    }
}

#[test]
fn chunks_are_as_long_as_the_description_says() {
    const CHUNK_BYTES: usize = 8_000 / 1_000 * 60 * 2;
    // In the order in which they came: each session is one.
    type Chunks = Arc<Mutex<Vec<Vec<usize>>>>;
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2");
    let vosk = std::fs::read_to_string(format!("{SHIPPED}/vosk.toml")).unwrap();
    desk.write(
        "long.toml",
        vosk.replace("rate = 8000", "rate = 8000\nchunk = \"60ms\""),
    );
    let chunks = Chunks::default();
    let kept = chunks.clone();
    let (_server, to) = server(move |mut socket| {
        let kept = kept.clone();
        async move {
            let mut own = Vec::new();
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Binary(pcm) => {
                        own.push(pcm.len());
                        // A second of speech begins at most a chunk late.
                        if own.len() == 18 {
                            let _ = socket.send(Message::text(r#"{"text" : "one"}"#)).await;
                        }
                    }
                    Message::Text(text) if text.contains("eof") => break,
                    _ => {}
                }
            }
            kept.lock().unwrap().push(own);
            let _ = socket.close(None).await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    desk.voicelt(&replay(&to, "run", "long.toml", "--messages"))
        .exits(0);
    let chunks = chunks.lock().unwrap();
    assert_eq!(chunks.len(), 2);
    for chunk in chunks.iter().flatten() {
        assert_eq!(*chunk, CHUNK_BYTES, "{chunks:?}");
    }
    let rows: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    for session in desk.sessions("run") {
        let of_session = |row: &&MessageRow| {
            row.session_id == session.session_id && matches!(row.kind.as_str(), "audio" | "fill")
        };
        let intended: Vec<_> = rows
            .iter()
            .filter(of_session)
            .map(|row| row.intended_ns)
            .collect();
        assert!(intended.len() >= 17, "{intended:?}");
        for (before, next) in intended.iter().zip(&intended[1..]) {
            assert_eq!(next.unwrap() - before.unwrap(), 60_000_000);
        }
    }
}

/// Answers each utterance once it has ended, and hangs up on callers of whom it hears nothing for a second.
async fn answer(mut socket: WebSocketStream<TcpStream>, told: Told) {
    let quiet = Duration::from_secs(1);
    let _ = socket.send(Message::text(r#"{"hello":true}"#)).await;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(quiet, socket.next()).await {
        if let Message::Text(text) = message {
            told.lock().unwrap().0.push(text.to_string());
            if text.as_str() == "over" {
                let reply = r#"{"words":"fine","is_over":true}"#;
                let _ = socket.send(Message::text(reply)).await;
            }
        }
    }
}

const PUSHED: &str = r#"
name = "pushed"
transport = "websocket"
url = "ws://example"
open = ["{session_id}", '{"tenant":"{var:tenant}"}']
end_of_utterance = "over"
[audio]
format = "mulaw"
as = '{"of":"{session_id}","audio":"{audio}"}'
[[reply]]
when = { "/hello" = true }
then = "ready"
[[reply]]
when = { "/words" = { empty = false } }
then = "text"
text = "/words"
[[reply]]
when = { "/is_over" = true }
then = "turn_ended"
"#;

#[test]
fn a_quiet_call_is_kept_alive_only_by_its_keep_alive() {
    let desk = Desk::with_trace(
        "--synth speech-like:1s --sessions 1 --turns 2 --answer-time 3s --think-time 200ms",
    );
    desk.write("vars.csv", "tenant\n\"a \"\"b\"\"\"\n");
    desk.write("quiet.toml", PUSHED);
    let keep_alive = "[keep_alive]\nmessage = \"still here\"\nevery = \"400ms\"\n";
    desk.write("kept.toml", format!("{PUSHED}{keep_alive}"));
    let told = Told::default();
    let heard = told.clone();
    let (_server, to) = server(move |socket| answer(socket, heard.clone()));
    let flags = "--session-vars vars.csv --keep-session-ids";
    desk.voicelt(&replay(&to, "kept", "kept.toml", flags))
        .exits(0);
    let rows = desk.requests("kept");
    for row in &rows {
        assert_eq!((row.status, row.answers), (Status::Ok, 1), "{row:?}");
        assert_eq!(row.response_text.as_deref(), Some("fine"));
    }
    let said = std::mem::take(&mut told.lock().unwrap().0);
    let id = &rows[0].session_id;
    assert_eq!(
        said[..2],
        [id.clone(), r#"{"tenant":"a \"b\""}"#.to_owned()]
    );
    let chunk = format!("{{\"of\":\"{id}\",\"audio\":\"");
    let chunks = said.iter().filter(|said| said.starts_with(&chunk));
    assert_eq!(chunks.count(), 100);
    let kept = said.iter().filter(|said| *said == "still here").count();
    assert!((3..20).contains(&kept), "{kept}");
    desk.voicelt(&replay(&to, "quiet", "quiet.toml", flags));
    assert_eq!(desk.requests("quiet")[1].status, Status::NotStarted);
    assert_eq!(desk.sessions("quiet")[0].end, SessionEnd::Error);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 1");
    desk.write("bad.toml", "name = \"x\"\ntranspot = \"grpc\"\n");
    desk.write("pushed.toml", PUSHED);
    for (flags, says) in [
        (
            "--dialect bad.toml",
            "bad.toml, line 2: there is no key `transpot`; is `transport` meant?",
        ),
        ("--dialect nothing.toml", "cannot read nothing.toml"),
        ("--dialect realtme", "the path of a description"),
        ("--dialect pushed.toml", "--session-vars"),
    ] {
        desk.voicelt(&format!("{} {flags}", replay_into("embedded", "run")))
            .exits(2)
            .says(says);
    }
    let vosk = format!("{SHIPPED}/vosk.toml");
    desk.voicelt(&replay("embedded", "run", &vosk, "--microphone open"))
        .exits(2)
        .says("--microphone is of --dialect realtime");
}

#[test]
fn a_description_is_explained_with_what_it_understands() {
    let desk = Desk::new();
    desk.write(
        "said.jsonl",
        "{\"partial\" : \"o\\u001bne\"}\n\n{\"text\" : \"one\"}\n{\"news\":1}\n",
    );
    let checked = desk.voicelt(&format!(
        "dialect check {SHIPPED}/vosk.toml --sample said.jsonl"
    ));
    checked
        .exits(0)
        .says("open          {\"config\" : {\"sample_rate\" : 8000}}")
        .says("line 1        interim transcript: o ne")
        .says("line 3        final transcript: one")
        .says("line 4        not understood");
    desk.write("bad.jsonl", "{\"partial\" : \"\"}\nno\n");
    desk.voicelt(&format!(
        "dialect check {SHIPPED}/vosk.toml --sample bad.jsonl"
    ))
    .exits(2)
    .says("bad.jsonl, line 2: the server sent a message that is not JSON");
    let mut command = desk.command(&format!("dialect check {SHIPPED}/deepgram.toml"));
    command.env("DEEPGRAM_API_KEY", "SECRET");
    let output = crate::support::Output::of(&mut command);
    output.exits(0).says("authorization: Token (hidden)");

    desk.write(
        "tenant.toml",
        PUSHED.replace("open = [", "open = ['{\"tenant\":{env:TENANT}}', "),
    );
    let check = |tenant: &str| {
        let mut command = desk.command("dialect check tenant.toml");
        command.env("TENANT", tenant);
        crate::support::Output::of(&mut command)
    };
    check("17").exits(0).says("{\"tenant\":0}");
    check("x").exits(2).says("the message is no JSON");
}
