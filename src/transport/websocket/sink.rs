//! The other end of a WebSocket on which all is discarded: what sending costs is measured with it.

use std::fmt::Write as _;
use std::io;

use http::header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::handshake::accept;

/// The byte with which a text message begins that is whole.
const TEXT: u8 = 0x81;
/// Bytes that are read at once, and most of a request.
const MOST_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 64;

/// Accepts the upgrade, says these messages of at most 125 bytes, the first by itself and each of the others when
/// something came, and reads to the end. The sender hangs up when it has measured enough, however abruptly.
pub(in crate::transport) async fn serve(socket: TcpStream, says: &'static [&'static str]) {
    let _ = discard(socket, says).await;
}

async fn discard(mut socket: TcpStream, says: &[&str]) -> io::Result<()> {
    let mut read = vec![0; MOST_BYTES];
    let mut length = 0;
    let answer = loop {
        let more = socket.read(&mut read[length..]).await?;
        length += more;
        match answered(&read[..length]) {
            Some(answer) => break answer,
            None if more == 0 => return Ok(()),
            None => {}
        }
    };
    socket.write_all(answer.as_bytes()).await?;
    for message in says {
        let head = [TEXT, message.len() as u8];
        socket
            .write_all(&[&head, message.as_bytes()].concat())
            .await?;
        if socket.read(&mut read).await? == 0 {
            return Ok(());
        }
    }
    while socket.read(&mut read).await? > 0 {}
    Ok(())
}

/// What is answered to a request; `None` while it is not complete, or where it asks for no WebSocket.
fn answered(request: &[u8]) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(request).ok()?.is_complete().then_some(())?;
    let of = |name: &str| {
        let mut headers = parsed.headers.iter();
        headers.find(|header| header.name.eq_ignore_ascii_case(name))
    };
    let key = of(header::SEC_WEBSOCKET_KEY.as_str())?.value;
    let mut answer = String::from("HTTP/1.1 101 Switching Protocols\r\n");
    // Writing to a String cannot fail.
    let _ = write!(
        answer,
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept(key)
    );
    Some(answer)
}
