//! A server that reads its connections and discards all: what sending costs is measured with it.

use std::io;
use std::net::TcpListener;
use std::pin::pin;

use bytes::Bytes;
use h2::RecvStream;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::websocket;

/// Windows, larger than all that is sent in a measurement, so that nothing waits for it.
const WINDOW: u32 = 8 * 1024 * 1024;

/// In which protocol sessions are held, of which all is discarded.
#[derive(Debug, Clone, Copy)]
pub enum Discards {
    /// Streams of HTTP/2.
    Http2,
    /// A WebSocket each, on which this is said: the first message by itself, each of the others when something came.
    WebSocket(&'static [&'static str]),
}

/// Serves connections until `end`; must run inside a local task set.
///
/// # Errors
/// The system's.
pub async fn discard(
    listener: TcpListener,
    protocol: Discards,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut served = JoinSet::new();
    let mut end = pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            accepted = listener.accept() => {
                let (socket, _) = accepted?;
                match protocol {
                    Discards::Http2 => served.spawn_local(serve(socket)),
                    Discards::WebSocket(says) => served.spawn_local(websocket::sink::serve(socket, says)),
                };
            }
        }
    }
}

/// The sender hangs up when it has measured enough, however abruptly.
async fn serve(socket: TcpStream) {
    let shaken = h2::server::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake::<_, Bytes>(socket)
        .await;
    let Ok(mut connection) = shaken else { return };
    while let Some(Ok((request, _respond))) = connection.accept().await {
        tokio::task::spawn_local(read(request.into_body()));
    }
}

async fn read(mut body: RecvStream) {
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
}
