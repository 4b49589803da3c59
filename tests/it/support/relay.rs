//! A relay of WebSockets that keeps what both sides say.

use std::sync::{Arc, Mutex};

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_hdr_async, client_async};

type Heard = Arc<Mutex<Vec<Value>>>;

/// Hands on messages between callers and a server, as long as it lives.
pub(crate) struct Relay {
    pub(crate) port: u16,
    heard: Heard,
    _runtime: Runtime,
}

impl Relay {
    /// Before the server at `address`.
    pub(crate) fn new(address: &str) -> Relay {
        let runtime = Runtime::new().unwrap();
        let heard = Heard::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (address, kept) = (address.to_owned(), heard.clone());
        runtime.spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(relay(caller, address.clone(), kept.clone()));
            }
        });
        Relay {
            port,
            heard,
            _runtime: runtime,
        }
    }

    /// The events of all sessions until now, each as `{"client": EVENT}` or `{"server": EVENT}`.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }
}

async fn relay(caller: TcpStream, address: String, heard: Heard) {
    caller.set_nodelay(true).unwrap();
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "it is the callback's type")]
    let note = |request: &Request, response: Response| {
        path = request.uri().to_string();
        Ok(response)
    };
    // A caller may hang up before it asks for anything.
    let Ok(caller) = accept_hdr_async(caller, note).await else {
        return;
    };
    let server = TcpStream::connect(&address).await.unwrap();
    server.set_nodelay(true).unwrap();
    let (server, _) = client_async(format!("ws://{address}{path}"), server)
        .await
        .unwrap();
    let (to_caller, from_caller) = caller.split();
    let (to_server, from_server) = server.split();
    tokio::join!(
        hand_on("client", from_caller, to_server, heard.clone()),
        hand_on("server", from_server, to_caller, heard),
    );
}

async fn hand_on(
    side: &str,
    mut from: impl Stream<Item = Result<Message, Error>> + Unpin,
    mut to: impl Sink<Message> + Unpin,
    heard: Heard,
) {
    while let Some(Ok(message)) = from.next().await {
        if let Message::Text(text) = &message {
            let event: Value = serde_json::from_str(text).unwrap();
            heard.lock().unwrap().push(json!({ side: event }));
        }
        // Each side answers pings by itself.
        let is_said = message.is_text() || message.is_close();
        if is_said && to.send(message).await.is_err() {
            break;
        }
    }
}
