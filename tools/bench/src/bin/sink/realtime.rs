//! Sessions of OpenAI's Realtime protocol. What a caller appends is stamped and counted and not looked at;
//! each four seconds of it are an utterance, which is answered with audio in base64.

use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use voicelt::dialect::realtime::server::dialogue::Dialogue;
use voicelt::dialect::realtime::server::request::{self, Request};
use voicelt::dialect::realtime::server::response::End;
use voicelt::gateway::arrivals::{ArrivalsSink, Caller};

use crate::answering::{Answering, PIECE};
use crate::websocket::{self, Frame, Masked};

/// What an event with audio begins with.
const APPEND: &[u8] = br#"{"type":"input_audio_buffer.append""#;

/// Audio of a chunk, in milliseconds.
const CHUNK_MS: u64 = 20;

/// Room for what is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Holds the session of one connection until its client ends it.
pub(crate) async fn serve<S>(mut socket: S, sink: &ArrivalsSink) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut read = BytesMut::with_capacity(READ_BYTES);
    let names = ["x-voicelt-run-id", "x-voicelt-session-id"];
    let [run_id, wire_session_id] = websocket::agree(&mut socket, &mut read, names).await?;
    let mut session = Session {
        dialogue: Dialogue::open(&wire_session_id, "bench", false, 200),
        caller: Arc::new(Caller {
            run_id,
            wire_session_id,
        }),
        answering: Answering::new(),
        piece: Vec::new(),
        appended: 0,
        heard_ms: 0,
    };
    let mut out = Vec::new();
    loop {
        while let Some(event) = session.dialogue.next_event() {
            websocket::put_text(&event, &mut out);
        }
        if !out.is_empty() {
            socket.write_all(&out).await?;
            // Of TLS, some may be kept back.
            socket.flush().await?;
            out.clear();
        }
        read.reserve(READ_BYTES);
        let is_last = tokio::select! {
            biased;
            length = socket.read_buf(&mut read) => match length? {
                0 => return Ok(()),
                _ => None,
            },
            is_last = session.answering.piece() => Some(is_last),
        };
        if let Some(is_last) = is_last {
            session.say(is_last);
            continue;
        }
        let at = sink.now();
        while let Some(frame) = websocket::next_frame(&mut read) {
            match frame {
                Frame::Text(message) if message.begins_with(APPEND) => {
                    session.appended += 1;
                    sink.push(&session.caller, session.appended, at, message.len());
                    session.hear();
                }
                Frame::Text(message) => {
                    if session.follow(message)? {
                        sink.push(&session.caller, 0, at, 0);
                    }
                }
                Frame::Ping(payload) => websocket::put_pong(&payload.plain(), &mut out),
                Frame::Close => {
                    websocket::put_close(&mut out);
                    socket.write_all(&out).await?;
                    return Ok(socket.shutdown().await?);
                }
                Frame::Other => bail!("a frame that no client here sends"),
            }
        }
    }
}

struct Session {
    caller: Arc<Caller>,
    dialogue: Dialogue,
    answering: Answering,
    /// A piece of an answer, in the session's encoding.
    piece: Vec<u8>,
    /// Chunks that were appended.
    appended: u32,
    /// How much of them belongs to utterances that have ended.
    heard_ms: u64,
}

impl Session {
    /// Takes note of another chunk, with which an utterance may end.
    fn hear(&mut self) {
        if !self.answering.begins(self.appended) {
            return;
        }
        let end_ms = u64::from(self.appended) * CHUNK_MS;
        self.dialogue.speech_started(self.heard_ms);
        self.dialogue.speech_stopped(end_ms);
        let item = self.dialogue.commit();
        let utterance_ms = end_ms - self.heard_ms;
        if self.dialogue.settings().transcription {
            self.dialogue
                .transcribe(&item, "one two three", utterance_ms);
        }
        self.heard_ms = end_ms;
        self.dialogue.begin_answer(utterance_ms);
    }

    /// Says the next piece of the answer, which may be its last.
    fn say(&mut self, is_last: bool) {
        self.dialogue.sound(&self.piece);
        if is_last {
            self.dialogue.end_answer(&End::Completed);
        }
    }

    /// Does what an event asks that is not audio; whether it says what the session is. What this receiver has
    /// no use for is not objected to.
    fn follow(&mut self, message: Masked) -> Result<bool> {
        let message = message.plain();
        let event = request::read(std::str::from_utf8(&message)?);
        let Ok(Request::Update(update)) = event.asks else {
            return Ok(false);
        };
        if let Err(fault) = self.dialogue.update(&update) {
            self.dialogue.refuse(&fault, event.event_id.as_deref());
        }
        let format = self.dialogue.settings().output;
        let second = format.bytes_per_sample() as u128 * u128::from(format.rate.0);
        self.piece = (0..second * PIECE.as_millis() / 1000)
            .map(|_| 0x15)
            .collect();
        Ok(true)
    }
}
