//! A client of OpenAI Realtime, driven by hand.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::super::call::PATIENCE;

/// One session.
pub(super) struct Line {
    pub(super) socket: WebSocketStream<TcpStream>,
    /// What was sent and received, an event each.
    pub(super) sent: Vec<Value>,
    pub(super) received: Vec<Value>,
}

impl Line {
    /// Opens a session, of the run `run-1` and named `s-1`.
    pub(super) async fn open(addr: SocketAddr) -> Line {
        Line::try_open(addr, "/v1/realtime?model=gpt-realtime")
            .await
            .expect("a WebSocket")
    }

    pub(super) async fn try_open(addr: SocketAddr, path: &str) -> Result<Line, Error> {
        let stream = TcpStream::connect(addr).await.expect("connected");
        let mut request = format!("ws://{addr}{path}").into_client_request()?;
        for (name, value) in [
            ("x-voicelt-run-id", "run-1"),
            ("x-voicelt-session-id", "s-1"),
        ] {
            let value = value.parse().expect("ASCII");
            request.headers_mut().insert(name, value);
        }
        let opened = timeout(PATIENCE, client_async(request, stream)).await;
        let (socket, _) = opened.expect("in time")?;
        Ok(Line {
            socket,
            sent: Vec::new(),
            received: Vec::new(),
        })
    }

    /// Opens a session and sets it: transcripts, and what `session` says beside.
    pub(super) async fn ready(addr: SocketAddr, session: &Value) -> Line {
        let mut line = Line::open(addr).await;
        line.update(json!({"audio": {"input": {"transcription": {"model": "whisper-1"}}}}))
            .await;
        line.until("session.updated").await;
        line.update(session.clone()).await;
        line.until("session.updated").await;
        line
    }

    pub(super) async fn update(&mut self, mut session: Value) {
        session["type"] = "realtime".into();
        self.say(json!({"type": "session.update", "session": session}))
            .await;
    }

    pub(super) async fn say(&mut self, event: Value) {
        self.send(Message::text(event.to_string())).await;
        self.sent.push(event);
    }

    pub(super) async fn send(&mut self, message: Message) {
        let sent = timeout(PATIENCE, self.socket.send(message)).await;
        sent.expect("in time").expect("open");
    }

    /// PCM16 of one level at 24 kHz, in chunks of 20 ms.
    pub(super) async fn audio(&mut self, level: i16, ms: usize) {
        let pcm: Vec<u8> = [level; 480]
            .into_iter()
            .flat_map(i16::to_le_bytes)
            .collect();
        self.chunks(&pcm, ms).await;
    }

    /// The same chunk of 20 ms again and again.
    pub(super) async fn chunks(&mut self, chunk: &[u8], ms: usize) {
        let event = json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(chunk)});
        for _ in 0..ms / 20 {
            self.say(event.clone()).await;
        }
    }

    /// An utterance, and as much silence as ends it.
    pub(super) async fn utter(&mut self, ms: usize) {
        self.audio(3_000, ms).await;
        self.audio(0, 500).await;
    }

    /// The next frame that is no event's, or the event.
    pub(super) async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            let frame = timeout(PATIENCE, self.socket.next()).await;
            match frame.expect("in time").expect("no end before a close") {
                Ok(Message::Text(text)) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    self.received.push(event.clone());
                    return Ok(event);
                }
                Ok(Message::Close(close)) => return Err(close),
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Everything up to and including the next event of that type.
    pub(super) async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.expect("more events");
            let found = event["type"] == kind;
            events.push(event);
            if found {
                return events;
            }
        }
    }

    /// Closes; the server answers with the same code.
    pub(super) async fn hang_up(mut self) -> Vec<Value> {
        let sent = timeout(PATIENCE, self.socket.close(None)).await;
        sent.expect("in time").expect("open");
        while self.next().await.is_ok() {}
        self.received
    }
}

/// The types of events, those that repeat one after the other once.
pub(super) fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str());
    let mut kinds: Vec<&str> = kinds.map(|kind| kind.expect("a type")).collect();
    kinds.dedup();
    kinds
}

/// The only event of that type.
pub(super) fn one<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let mut found = events.iter().filter(|event| event["type"] == kind);
    let one = found.next();
    assert!(found.next().is_none(), "{kind} comes twice");
    one.unwrap_or_else(|| panic!("{kind} is missing in {:?}", kinds(events)))
}

/// Bytes of the audio of an answer.
pub(super) fn sound(events: &[Value]) -> usize {
    let deltas = events
        .iter()
        .filter(|event| event["type"] == "response.output_audio.delta");
    let audio = deltas.map(|event| {
        let delta = event["delta"].as_str().expect("base64");
        STANDARD.decode(delta).expect("base64").len()
    });
    audio.sum()
}
