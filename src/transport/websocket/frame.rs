//! Frames of RFC 6455: reads what one side sends, however the bytes were cut, and writes as a client does, masked.
//! Pure; what is read takes no more memory than one message may.

use bytes::{Buf, Bytes, BytesMut};

use crate::transport::grpc::MAX_MESSAGE_BYTES;

/// The sender kept to no rule of the protocol (RFC 6455 §7.4.1).
pub const PROTOCOL_ERROR: u16 = 1002;
/// A text is not UTF-8.
pub const NOT_UTF8: u16 = 1007;
/// A message is too large.
pub const TOO_BIG: u16 = 1009;

/// Most bytes that a control frame carries.
pub(super) const MOST_CONTROL: usize = 125;
/// Bytes of the head of a frame that says its length in them, and in two or eight more.
const SHORT_HEAD: usize = 2;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The rest of a message, or a part of it.
    Continuation = 0,
    /// A message that is text, or its first part.
    Text = 1,
    /// A message that is bytes, or its first part.
    Binary = 2,
    /// The end.
    Close = 8,
    /// A question whether the other side is there.
    Ping = 9,
    /// The answer to it.
    Pong = 10,
}

impl Opcode {
    fn of(number: u8) -> Option<Opcode> {
        Some(match number {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        self as u8 >= Opcode::Close as u8
    }
}

/// Whose frames are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sender {
    /// A server's, which are not masked.
    #[default]
    Server,
    /// A client's, which are.
    Client,
}

impl Sender {
    fn name(self) -> &'static str {
        match self {
            Sender::Server => "server",
            Sender::Client => "client",
        }
    }
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message, text or not.
    Message(Bytes),
    /// It asks whether the other side is there, and expects these bytes back.
    Ping(Bytes),
    /// It says that it is there.
    Pong(Bytes),
    /// It ends the conversation; nothing that follows is read.
    Close {
        /// Its code, if it gave one.
        code: Option<u16>,
        /// Its reason, which may be empty.
        reason: String,
    },
}

/// What nobody may send; the connection is of no use after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Violation {
    /// The code to close with.
    pub code: u16,
    /// What it sent.
    pub what: String,
}

/// A violation by `from`.
fn violation(code: u16, from: Sender, what: impl std::fmt::Display) -> Violation {
    let what = format!("the {} {what}", from.name());
    Violation { code, what }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
struct Head {
    opcode: Opcode,
    is_last: bool,
    /// Of the head, and of what follows it.
    bytes: usize,
    payload: usize,
    /// What a client masks the payload with.
    key: Option<[u8; 4]>,
}

/// Finds messages in the bytes of a connection, however they were cut.
#[derive(Debug, Default)]
pub struct FrameReader {
    from: Sender,
    /// The beginning of a frame that is not complete.
    buffered: BytesMut,
    /// The beginning of a message that came in parts, and whether it is text.
    parts: Option<(BytesMut, bool)>,
    is_closed: bool,
}

impl FrameReader {
    /// A reader of what `from` sends.
    #[must_use]
    pub fn new(from: Sender) -> FrameReader {
        FrameReader {
            from,
            ..FrameReader::default()
        }
    }

    /// Takes the next bytes and hands each event that is complete with them to `each`. A message that came
    /// whole in one frame and one piece is not copied.
    ///
    /// # Errors
    /// What may not be sent.
    pub fn push(&mut self, mut data: Bytes, mut each: impl FnMut(Event)) -> Result<(), Violation> {
        while !data.is_empty() && !self.is_closed {
            if self.buffered.is_empty() {
                match self.complete(&data)? {
                    Ok(head) => {
                        data.advance(head.bytes);
                        self.frame(head, data.split_to(head.payload), &mut each)?;
                    }
                    Err(_) => {
                        self.buffered.extend_from_slice(&data);
                        return Ok(());
                    }
                }
                continue;
            }
            // No more than completes it, so that what follows is not copied.
            let missing = self.complete(&self.buffered)?.err().unwrap_or(0);
            let some = data.split_to(missing.min(data.len()));
            self.buffered.extend_from_slice(&some);
            if let Ok(head) = self.complete(&self.buffered)? {
                let mut frame = std::mem::take(&mut self.buffered).freeze();
                frame.advance(head.bytes);
                self.frame(head, frame, &mut each)?;
            }
        }
        Ok(())
    }

    /// Whether the bytes so far end inside a message.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.buffered.is_empty() || self.parts.is_some()
    }

    /// The head of the frame that `bytes` start with once all of the frame is there; else how many bytes are
    /// missing of it, or of its head.
    fn complete(&self, bytes: &[u8]) -> Result<Result<Head, usize>, Violation> {
        let Some(&[first, second]) = bytes.first_chunk::<SHORT_HEAD>() else {
            return Ok(Err(SHORT_HEAD - bytes.len()));
        };
        let opcode = self.allowed(first, second)?;
        let length = usize::from(second & !MASKED);
        let (head, payload) = match length {
            126 => match bytes.get(SHORT_HEAD..).and_then(<[u8]>::first_chunk) {
                Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
                None => return Ok(Err(4 - bytes.len())),
            },
            127 => match bytes.get(SHORT_HEAD..).and_then(<[u8]>::first_chunk) {
                Some(length) => (10, u64::from_be_bytes(*length)),
                None => return Ok(Err(10 - bytes.len())),
            },
            short => (SHORT_HEAD, short as u64),
        };
        let before = self.parts.as_ref().map_or(0, |(parts, _)| parts.len());
        let most = MAX_MESSAGE_BYTES - if opcode.is_control() { 0 } else { before };
        let Some(payload) = usize::try_from(payload).ok().filter(|bytes| *bytes <= most) else {
            let bytes = payload.saturating_add(before as u64);
            let what = format!(
                "sent a message of {bytes} bytes or more; at most {MAX_MESSAGE_BYTES} are accepted"
            );
            return Err(violation(TOO_BIG, self.from, what));
        };
        let (head, key) = match self.from {
            Sender::Server => (head, None),
            Sender::Client => match bytes.get(head..).and_then(<[u8]>::first_chunk) {
                Some(key) => (head + key.len(), Some(*key)),
                None => return Ok(Err(head + 4 - bytes.len())),
            },
        };
        let head = Head {
            opcode,
            is_last: first & FIN != 0,
            bytes: head,
            payload,
            key,
        };
        let whole = head.bytes + head.payload;
        Ok(match bytes.len() >= whole {
            true => Ok(head),
            false => Err(whole - bytes.len()),
        })
    }

    /// What the frame with these first bytes is, if it may come here.
    fn allowed(&self, first: u8, second: u8) -> Result<Opcode, Violation> {
        let wrong = |what: &str| Err(violation(PROTOCOL_ERROR, self.from, what));
        if first & RESERVED != 0 {
            return wrong("set a reserved bit of a frame, though no extension was agreed on");
        }
        let number = first & 0x0f;
        let Some(opcode) = Opcode::of(number) else {
            return wrong(&format!("sent a frame of the unknown kind {number}"));
        };
        match (self.from, second & MASKED != 0) {
            (Sender::Server, true) => {
                return wrong("masked a frame, which only clients may do");
            }
            (Sender::Client, false) => {
                return wrong("did not mask a frame, which clients must do");
            }
            (Sender::Server, false) | (Sender::Client, true) => {}
        }
        let is_long = usize::from(second & !MASKED) > MOST_CONTROL;
        match opcode {
            _ if opcode.is_control() && (first & FIN == 0 || is_long) => {
                wrong("sent a control frame that is fragmented, or has more than 125 bytes")
            }
            Opcode::Continuation if self.parts.is_none() => {
                wrong("sent the rest of a message that it had not begun")
            }
            Opcode::Text | Opcode::Binary if self.parts.is_some() => {
                wrong("began a message before the end of another")
            }
            _ => Ok(opcode),
        }
    }

    fn frame(
        &mut self,
        head: Head,
        payload: Bytes,
        each: &mut impl FnMut(Event),
    ) -> Result<(), Violation> {
        let payload = match head.key {
            None => payload,
            Some(key) => {
                let mut masked = BytesMut::from(payload);
                mask(&mut masked, key);
                masked.freeze()
            }
        };
        let from = self.from;
        match head.opcode {
            Opcode::Ping => each(Event::Ping(payload)),
            Opcode::Pong => each(Event::Pong(payload)),
            Opcode::Close => {
                let close = close(&payload, from)?;
                self.is_closed = true;
                each(close);
            }
            Opcode::Text | Opcode::Binary if head.is_last => {
                each(message(payload, head.opcode == Opcode::Text, from)?);
            }
            Opcode::Text | Opcode::Binary => {
                self.parts = Some((payload.into(), head.opcode == Opcode::Text));
            }
            Opcode::Continuation => {
                if let Some((parts, _)) = &mut self.parts {
                    parts.extend_from_slice(&payload);
                }
                if head.is_last
                    && let Some((parts, is_text)) = self.parts.take()
                {
                    each(message(parts.freeze(), is_text, from)?);
                }
            }
        }
        Ok(())
    }
}

fn message(payload: Bytes, is_text: bool, from: Sender) -> Result<Event, Violation> {
    if is_text && std::str::from_utf8(&payload).is_err() {
        return Err(violation(
            NOT_UTF8,
            from,
            "sent a text message that is not UTF-8",
        ));
    }
    Ok(Event::Message(payload))
}

fn close(payload: &[u8], from: Sender) -> Result<Event, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(Event::Close {
                code: None,
                reason: String::new(),
            }),
            _ => Err(violation(
                PROTOCOL_ERROR,
                from,
                "sent a close frame with half of a code",
            )),
        };
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 §7.4, and those that were registered since.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        let what = format!("closed with the code {code}, which no close frame may have");
        return Err(violation(PROTOCOL_ERROR, from, what));
    }
    let Ok(reason) = std::str::from_utf8(reason) else {
        let what = "closed with a reason that is not UTF-8";
        return Err(violation(NOT_UTF8, from, what));
    };
    Ok(Event::Close {
        code: Some(code),
        reason: reason.to_owned(),
    })
}

/// Appends a whole frame to `out`, whose payload are these pieces, masked with `key` (RFC 6455 §5.3), which must be a
/// new one.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, pieces: &[&[u8]], key: [u8; 4]) {
    let bytes = pieces.iter().map(|piece| piece.len()).sum();
    out.reserve(14 + bytes);
    out.push(FIN | opcode as u8);
    match bytes {
        // Both fit by the arms' own bounds.
        short @ 0..=125 => out.push(MASKED | short as u8),
        medium @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    let masked_from = out.len();
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    mask(&mut out[masked_from..], key);
}

/// Masks `payload`, or unmasks it.
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for eight in words {
        *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests;
