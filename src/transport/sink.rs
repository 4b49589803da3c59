//! A server that reads one connection to its end and discards all: what sending costs is measured with it.

use std::io;
use std::net::TcpListener;

use bytes::Bytes;
use h2::RecvStream;

/// Windows, larger than all that is sent in a measurement, so that nothing waits for it.
const WINDOW: u32 = 8 * 1024 * 1024;

/// Serves one connection; must run inside a local task set.
///
/// # Errors
/// The system's, and a peer that does not speak HTTP/2.
pub async fn discard(listener: TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (socket, _) = listener.accept().await?;
    let shaken = h2::server::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake::<_, Bytes>(socket)
        .await;
    let mut connection = shaken.map_err(io::Error::other)?;
    // The sender hangs up when it has measured enough: the end of the connection, however abrupt.
    while let Some(Ok((request, _respond))) = connection.accept().await {
        tokio::task::spawn_local(read(request.into_body()));
    }
    Ok(())
}

async fn read(mut body: RecvStream) {
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
}
