//! `doctor` on servers of OpenAI Realtime, and on WebSockets that are none.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::{check, told};
use crate::support::Desk;
use crate::support::front::Front;
use crate::support::odd::Odd;

const REALTIME: &str = "--dialect realtime";

/// What is said of a target that must not be repeated.
const QUERY: &str = "model=voice-1&key=s3cret-value";

/// The level of every check of the gateway, by its name.
fn levels(document: &Value) -> Vec<(&str, &str)> {
    let checks = document["gateway"].as_array().unwrap().iter();
    let told = checks.map(|check| (check["name"].as_str(), check["level"].as_str()));
    told.map(|(name, level)| (name.unwrap(), level.unwrap()))
        .collect()
}

/// A server that answers every request with this.
fn http(answer: &'static str) -> Odd {
    Odd::sockets(move |mut socket: TcpStream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match socket.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let _ = socket.write_all(answer.as_bytes()).await;
    })
}

/// A server of WebSockets.
fn websocket<Served>(
    serve: impl Fn(WebSocketStream<TcpStream>) -> Served + Send + Sync + Copy + 'static,
) -> Odd
where
    Served: Future<Output = ()> + Send + 'static,
{
    Odd::sockets(move |socket| async move {
        // Whoever only looks whether somebody listens asks for nothing.
        if let Ok(socket) = accept_async(socket).await {
            serve(socket).await;
        }
    })
}

fn at(server: &Odd) -> String {
    format!("ws://127.0.0.1:{}/v1/realtime?{QUERY}", server.port)
}

/// What it says of this server, to which it may not repeat a secret.
fn looked(server: &Odd, flags: &str) -> Value {
    let target = at(server);
    let output = Desk::new().voicelt(&format!(
        "doctor --target '{target}' {REALTIME} --format json --header 'authorization: Bearer s3cret-token' {flags}"
    ));
    assert!(!output.said().contains("s3cret"), "{}", output.said());
    output.exits(99).json()
}

#[test]
fn the_reference_gateway_passes_every_check() {
    let output = Desk::new()
        .voicelt("doctor --target embedded --dialect realtime")
        .exits(0);
    for line in [
        "ok       resolves",
        "ok       connects",
        "skipped  tls          not spoken: the target is not wss://",
        "ok       upgrade      HTTP 101 after ",
        "ok       session      session.created ",
        "ready by session.updated after ",
        "ok       ping",
        "ok       call         answered ",
        "ok       events       all that was asked for came",
        "timer",
    ] {
        output.says(line);
    }
}

#[test]
fn a_server_that_only_transcribes_is_judged_by_its_transcript() {
    let desk = Desk::new();
    let document = told(
        &desk,
        0,
        "embedded",
        &format!("{REALTIME} --profile transcription"),
    );
    let [level, found, _] = check(&document, "call");
    assert_eq!(level, "ok", "{found}");
    assert!(found.starts_with("transcribed "), "{found}");
    assert_eq!(check(&document, "events")[0], "ok");
}

#[test]
fn tls_and_subprotocols_are_told() {
    let desk = Desk::new();
    let (_gateway, clear) = desk.gateway(REALTIME);
    let (front, pem) = Front::tls(&clear);
    desk.write("ca.pem", pem);
    let offered = "--header 'sec-websocket-protocol: openai-insecure-api-key.s3cret, realtime'";
    let target = format!("wss://localhost:{}", front.port);
    let document = told(
        &desk,
        0,
        &target,
        &format!("{REALTIME} --ca ca.pem {offered}"),
    );
    let [level, found, _] = check(&document, "tls");
    assert_eq!(level, "ok");
    assert!(found.contains("http/1.1; certificate of CN="), "{found}");
    let [level, found, _] = check(&document, "upgrade");
    assert_eq!(level, "ok");
    assert!(
        found.ends_with("with subprotocol 2 of the 2 that were offered"),
        "{found}"
    );
    assert!(!document.to_string().contains("s3cret"), "{document}");
}

#[test]
fn a_refused_upgrade_says_with_what_and_what_to_do() {
    let desk = Desk::new();
    let (_gateway, address) = desk.gateway("--dialect realtime --refuse 1");
    let document = told(&desk, 99, &format!("ws://{address}"), REALTIME);
    let [level, found, advice] = check(&document, "upgrade");
    assert_eq!(level, "failed");
    assert!(found.contains("with HTTP 429 Too Many Requests"), "{found}");
    assert!(found.contains("retry after 1 s"), "{found}");
    assert!(advice.contains("sheds load"), "{advice}");
    let after = ["session", "ping", "call"].map(|name| check(&document, name)[0]);
    assert_eq!(after, ["skipped"; 3]);

    for (answer, found, advice) in [
        (
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 13\r\n\r\ns3cret-token?",
            "HTTP 401 Unauthorized: (hidden)?",
            "--header",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP 404 Not Found",
            "path",
        ),
        (
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: https://other.example/v2?key=s3cret-value\r\ncontent-length: 0\r\n\r\n",
            "to https://other.example/v2?key=(hidden)",
            "redirects are not followed",
        ),
        ("hello\r\n\r\n", "it does not answer in HTTP/1.1", "port"),
    ] {
        let document = looked(&http(answer), "");
        let [level, said, to_do] = check(&document, "upgrade");
        assert_eq!(level, "failed");
        assert!(said.contains(found), "{said}");
        assert!(to_do.contains(advice), "{to_do}");
    }
}

#[test]
fn a_websocket_that_says_nothing_is_given_up() {
    let silent = websocket(|socket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    });
    let document = looked(&silent, "--timeout 1s");
    let [level, found, advice] = check(&document, "session");
    assert_eq!(level, "failed");
    assert_eq!(
        found,
        "the server said nothing within 1.00 s of the upgrade"
    );
    assert!(advice.contains("the path"), "{advice}");
    assert_eq!(check(&document, "ping")[0], "warning");
    assert_eq!(check(&document, "call")[0], "skipped");
}

#[test]
fn a_session_that_is_refused_or_of_another_protocol_fails_in_the_servers_words() {
    let refuses = websocket(|mut socket| async move {
        let error = r#"{"type":"error","error":{"message":"no model for s3cret-token","code":"model_not_found"}}"#;
        let _ = socket.send(Message::text(error)).await;
        while socket.next().await.is_some_and(|next| next.is_ok()) {}
    });
    let document = looked(&refuses, "");
    let [level, found, _] = check(&document, "session");
    assert_eq!(level, "failed");
    assert!(found.contains("no model for (hidden)"), "{found}");
    assert_eq!(check(&document, "ping")[0], "ok", "it is there");

    let other = websocket(|mut socket| async move {
        let _ = socket.send(Message::text("welcome")).await;
        while socket.next().await.is_some_and(|next| next.is_ok()) {}
    });
    let document = looked(&other, "");
    let expected = [("session", "failed"), ("ping", "ok"), ("call", "skipped")];
    assert_eq!(levels(&document)[4..], expected);

    let unconfirmed = websocket(|mut socket| async move {
        let created = r#"{"type":"session.created","session":{}}"#;
        let _ = socket.send(Message::text(created)).await;
        while socket.next().await.is_some_and(|next| next.is_ok()) {}
    });
    let document = looked(&unconfirmed, "--timeout 1s");
    let [level, found, _] = check(&document, "session");
    assert_eq!(level, "failed");
    assert!(found.starts_with("session.created "), "{found}");
    assert!(
        found.ends_with("nothing within 1.00 s that the session is ready"),
        "{found}"
    );
}

#[test]
fn what_contradicts_the_protocol_or_its_limits_is_refused() {
    let desk = Desk::new();
    for (flags, message) in [
        ("--profile beta", "--profile is of --dialect realtime"),
        ("--dialect realtime --profile vllm", "push-to-talk"),
        (
            "--dialect realtime --session none.json",
            "cannot read none.json",
        ),
        (
            "--dialect realtime --max-sessions 1",
            "2 calls would be made",
        ),
    ] {
        desk.voicelt(&format!("doctor --target 127.0.0.1:1 {flags}"))
            .refused(message);
    }
}
