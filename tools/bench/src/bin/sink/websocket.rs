//! WebSockets of clients, read with as little work as can be: the receiver is to be less busy than senders.

use std::io;

use anyhow::{Context, Result};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Longest request for an upgrade, and most headers of it.
const MOST_REQUEST_BYTES: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FINAL: u8 = 0x80;
const MASK_BYTES: usize = 4;

/// What a client sent.
pub(crate) enum Frame {
    /// A message, masked.
    Text(Masked),
    Ping(Masked),
    Close,
    Other,
}

/// A payload as it came.
pub(crate) struct Masked {
    mask: [u8; MASK_BYTES],
    bytes: BytesMut,
}

impl Masked {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it begins with `head`, unmasking no more of it.
    pub(crate) fn begins_with(&self, head: &[u8]) -> bool {
        let plain = self.bytes.iter().zip(self.mask.iter().cycle());
        let plain = plain.map(|(byte, mask)| byte ^ mask);
        self.len() >= head.len() && plain.zip(head).all(|(byte, head)| byte == *head)
    }

    pub(crate) fn plain(mut self) -> BytesMut {
        let masks = self.mask.iter().cycle();
        self.bytes
            .iter_mut()
            .zip(masks)
            .for_each(|(byte, mask)| *byte ^= mask);
        self.bytes
    }
}

/// The next frame in `read`, once it is whole.
pub(crate) fn next_frame(read: &mut BytesMut) -> Option<Frame> {
    let (&[first, second], rest) = read.split_first_chunk()?;
    let (length_bytes, length) = match second & !FINAL {
        126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
        length => (0, u64::from(length)),
    };
    let mask = *rest.get(length_bytes..)?.first_chunk::<MASK_BYTES>()?;
    let (head, length) = (2 + length_bytes + MASK_BYTES, usize::try_from(length).ok()?);
    if read.len() < head + length {
        return None;
    }
    read.advance(head);
    let payload = Masked {
        mask,
        bytes: read.split_to(length),
    };
    Some(match first & !FINAL {
        TEXT => Frame::Text(payload),
        CLOSE => Frame::Close,
        PING => Frame::Ping(payload),
        _ => Frame::Other,
    })
}

pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_frame(TEXT, text.as_bytes(), out);
}

pub(crate) fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    put_frame(PONG, payload, out);
}

pub(crate) fn put_close(out: &mut Vec<u8>) {
    put_frame(CLOSE, &1000_u16.to_be_bytes(), out);
}

fn put_frame(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FINAL | kind);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..126), _) => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(payload);
}

/// Agrees to an upgrade; the values of the headers that are asked for, empty where there is none. What came
/// after the request is in `read`.
pub(crate) async fn agree<const N: usize>(
    socket: &mut (impl AsyncRead + AsyncWrite + Unpin),
    read: &mut BytesMut,
    names: [&str; N],
) -> Result<[String; N]> {
    let (key, found) = loop {
        let closed = socket.read_buf(read).await? == 0;
        if closed || read.len() > MOST_REQUEST_BYTES {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(read)? else {
            continue;
        };
        let value = |name: &str| {
            let mut headers = request.headers.iter();
            let header = headers.find(|header| header.name.eq_ignore_ascii_case(name));
            header.map(|header| String::from_utf8_lossy(header.value).into_owned())
        };
        let key = value("sec-websocket-key").context("no upgrade is asked for")?;
        let found = names.map(|name| value(name).unwrap_or_default());
        read.advance(length);
        break (key, found);
    };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    socket.write_all(answer.as_bytes()).await?;
    Ok(found)
}
