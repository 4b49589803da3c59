//! A stream from its upgrade to its end: what may be sent, and what is made of what comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::time::Sleep;

use super::dialler::{Line, Objections};
use super::frame::{self, Event, FrameReader, Opcode, Violation};
use super::handshake::{Answer, Upgrade};
use super::refusal::Refusal;
use super::wire::{Input, Wire};
use crate::transport::ended::{EndCode, Ended, NO_CODE, NORMAL};
use crate::transport::message::Message;
use crate::transport::outcome::{Progress, Sent};
use crate::transport::secrets::Secrets;
use crate::units::plain;

/// How long the last words of a server are waited for: its close frame after ours, or why it refused.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

/// A stream that ended without a word of the protocol.
pub(super) fn broken(what: impl Into<String>) -> Ended {
    Ended::new(EndCode::Broken, what)
}

/// How far a stream has come.
enum State {
    Upgrading(Upgrade),
    Open,
    /// We have closed it with this code, and wait for the server's close frame until then.
    Closing(u16, Option<Pin<Box<Sleep>>>),
    /// The server has refused the upgrade; its reasons are read until then.
    Refused(Refusal, Pin<Box<Sleep>>),
    /// It is over, and whoever reads is to be told.
    Untold(Ended),
    Over,
}

/// A stream, whose two halves share it.
pub(super) struct Session {
    pub(super) wire: Wire,
    state: State,
    /// What the server is not to repeat.
    secrets: Secrets,
    objections: Objections,
    frames: FrameReader,
    /// Bytes of frames that came with the head of the answer.
    unread: Bytes,
    /// Makes the mask of each frame.
    keys: ChaCha8Rng,
    /// The answer to the latest ping, for which there was no room.
    pong: Option<Bytes>,
    /// What our latest ping carries, as long as the server has not answered it.
    unanswered: Option<Bytes>,
    /// A frame was refused for want of room, or of the server's agreement.
    blocked: bool,
    /// Whoever reads.
    reader: Option<Waker>,
}

impl Session {
    /// Asks for the upgrade on `line`.
    pub(super) fn open(line: Line, request: &Request<()>) -> Result<Session, Ended> {
        let objections = line.objections.clone();
        let wire = Wire::of(line);
        let mut wire = wire.map_err(|error| broken(format!("cannot use a connection: {error}")))?;
        let mut keys = ChaCha8Rng::from_rng(&mut rand::rng());
        let mut nonce = [0; 16];
        keys.fill_bytes(&mut nonce);
        let mut asked = None;
        wire.put(false, |out| {
            asked = Some(Upgrade::ask(request, nonce, out));
        });
        wire.write_out();
        let Some(upgrade) = asked else {
            return Err(broken("the connection broke before its first byte"));
        };
        Ok(Session {
            wire,
            state: State::Upgrading(upgrade),
            secrets: Secrets::of(request),
            objections,
            frames: FrameReader::default(),
            unread: Bytes::new(),
            keys,
            pong: None,
            unanswered: None,
            blocked: false,
            reader: None,
        })
    }

    fn put(&mut self, followed: bool, opcode: Opcode, pieces: &[&[u8]]) {
        let key = self.keys.next_u32().to_ne_bytes();
        self.wire
            .put(followed, |out| frame::write(out, opcode, pieces, key));
    }

    fn put_close(&mut self, followed: bool, code: Option<u16>) {
        self.pong = None;
        let code = code.map(u16::to_be_bytes);
        let payload = code.as_ref().map_or(&[][..], |code| code);
        self.put(followed, Opcode::Close, &[payload]);
    }

    pub(super) fn write_out(&mut self) {
        self.wire.write_out();
        if self.wire.has_room()
            && let Some(pong) = self.pong.take()
        {
            self.put(false, Opcode::Pong, &[&pong]);
            self.wire.write_out();
        }
    }

    fn poll_write_out(&mut self, context: &mut Context<'_>) {
        while self.wire.poll_write_out(context).is_ready() && self.pong.is_some() {
            self.write_out();
        }
    }

    pub(super) fn try_send(&mut self, message: &Message<'_>, is_last: bool) -> Sent {
        let admitted = self.admit();
        if admitted != Sent::Taken {
            return admitted;
        }
        if !(is_last && message.is_empty()) {
            let opcode = match message.is_binary {
                true => Opcode::Binary,
                false => Opcode::Text,
            };
            self.put(!is_last, opcode, &message.pieces());
        }
        if is_last {
            self.put_close(true, Some(NORMAL));
            self.state = State::Closing(NORMAL, None);
            self.wake_reader();
        }
        Sent::Taken
    }

    /// Whether a frame may be put in now.
    fn admit(&mut self) -> Sent {
        match self.state {
            State::Upgrading(_) => {
                self.blocked = true;
                return Sent::Blocked;
            }
            State::Open if !self.wire.is_broken() => {}
            _ => return Sent::Gone,
        }
        if !self.wire.has_room() {
            self.write_out();
            if !self.wire.has_room() {
                self.blocked = true;
                return Sent::Blocked;
            }
        }
        Sent::Taken
    }

    pub(super) fn ping(&mut self, payload: Bytes) -> Sent {
        let admitted = self.admit();
        if admitted == Sent::Taken {
            self.put(false, Opcode::Ping, &[&payload]);
            self.write_out();
            self.unanswered = Some(payload);
        }
        admitted
    }

    pub(super) fn awaits_pong(&self) -> bool {
        self.unanswered.is_some()
    }

    pub(super) fn close(&mut self, code: u16) {
        match self.state {
            State::Upgrading(_) => {
                let what = "we closed it before the server had answered the upgrade";
                self.state = State::Untold(broken(what));
            }
            State::Open => {
                self.put_close(false, Some(code));
                self.write_out();
                self.state = State::Closing(code, None);
            }
            _ => return,
        }
        self.wake_reader();
    }

    pub(super) fn cancel(&mut self) {
        if matches!(self.state, State::Open) {
            self.put_close(false, Some(NORMAL));
        }
        self.wire.finish();
        self.state = State::Over;
    }

    /// It waits for a time from now on.
    fn wake_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.wake_by_ref();
        }
    }

    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_write_out(context);
        if self.wire.has_stamps() {
            return Poll::Ready(());
        }
        let may_go_on = matches!(self.state, State::Open) && self.wire.has_room();
        if may_go_on && std::mem::take(&mut self.blocked) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        messages: &mut Vec<Bytes>,
    ) -> Poll<Progress> {
        match &mut self.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        loop {
            match &mut self.state {
                State::Untold(_) => {
                    if let State::Untold(ended) = std::mem::replace(&mut self.state, State::Over) {
                        return Poll::Ready(Progress::Ended(ended));
                    }
                }
                State::Over => return Poll::Pending,
                State::Closing(code, until) => {
                    let code = *code;
                    let until =
                        until.get_or_insert_with(|| Box::pin(tokio::time::sleep(LAST_WORDS)));
                    if until.as_mut().poll(context).is_ready() {
                        self.end(closed(code));
                        continue;
                    }
                }
                State::Refused(refusal, until) => {
                    if refusal.is_complete() || until.as_mut().poll(context).is_ready() {
                        let ended = refusal.ended();
                        self.end(ended);
                        continue;
                    }
                }
                State::Upgrading(_) | State::Open => {}
            }
            if !self.unread.is_empty() {
                let unread = std::mem::take(&mut self.unread);
                self.read_frames(unread, messages);
                return Poll::Ready(Progress::Read);
            }
            self.poll_write_out(context);
            match self.wire.poll_read(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Input::Bytes(bytes))) => {
                    if let Some(progress) = self.take(bytes, messages) {
                        return Poll::Ready(progress);
                    }
                }
                Poll::Ready(Ok(Input::End)) => self.lost(None),
                Poll::Ready(Err(error)) => self.lost(Some(&error)),
            }
        }
    }

    /// Takes what has come; `None` while that is nothing to speak of.
    fn take(&mut self, bytes: Bytes, messages: &mut Vec<Bytes>) -> Option<Progress> {
        match &mut self.state {
            State::Upgrading(upgrade) => match upgrade.push(&bytes) {
                Ok(None) => None,
                Ok(Some(answer)) => Some(Progress::Head(self.answered(answer))),
                Err(what) => {
                    self.end(broken(format!("no WebSocket at this target: {what}")));
                    None
                }
            },
            State::Refused(refusal, _) => {
                refusal.push(&bytes);
                None
            }
            _ => {
                self.read_frames(bytes, messages);
                Some(Progress::Read)
            }
        }
    }

    fn answered(&mut self, answer: Answer) -> Box<Parts> {
        match answer {
            Answer::Agreed(head, rest) => {
                self.unread = rest.into();
                self.state = State::Open;
                head
            }
            Answer::Wrong(head, what) => {
                let code = EndCode::Http(head.status.as_u16());
                self.end(Ended::new(code, plain(&what)));
                head
            }
            Answer::Refused(head, body) => {
                let secrets = std::mem::take(&mut self.secrets);
                let refusal = Refusal::new(head.clone(), body, secrets);
                let until = Box::pin(tokio::time::sleep(LAST_WORDS));
                self.state = State::Refused(refusal, until);
                head
            }
        }
    }

    fn read_frames(&mut self, bytes: Bytes, messages: &mut Vec<Bytes>) {
        let (mut ping, mut close) = (None, None);
        let read = self.frames.push(bytes, |event| match event {
            Event::Message(message) => messages.push(message),
            // Only the latest needs an answer (RFC 6455 §5.5.3).
            Event::Ping(payload) => ping = Some(payload),
            // One that nobody asked for is allowed, and says nothing (RFC 6455 §5.5.3).
            Event::Pong(payload) => {
                self.unanswered.take_if(|sent| *sent == payload);
            }
            Event::Close { code, reason } => close = Some((code, reason)),
        });
        let is_open = matches!(self.state, State::Open);
        if let Err(Violation { code, what }) = read {
            if is_open {
                self.put_close(false, Some(code));
            }
            self.end(Ended::new(EndCode::Close(code), what));
            return;
        }
        if let Some((code, reason)) = close {
            if is_open {
                self.put_close(false, code);
            }
            let code = EndCode::Close(code.unwrap_or(NO_CODE));
            let reason = self.secrets.hidden_in(plain(&reason).into_owned());
            self.end(Ended::new(code, reason));
        } else if is_open && ping.is_some() {
            self.pong = ping;
            self.write_out();
        }
    }

    /// The connection is gone.
    fn lost(&mut self, error: Option<&io::Error>) {
        let ended = match &self.state {
            State::Upgrading(upgrade) => {
                let objection = upgrade
                    .is_unanswered()
                    .then(|| self.objections.to(error))
                    .flatten();
                match (objection, error) {
                    (Some(objection), _) => broken(objection),
                    (None, Some(error)) => broken(format!(
                        "the connection broke before the server had answered the upgrade: {error}"
                    )),
                    (None, None) => broken("the server hung up before it had answered the upgrade"),
                }
            }
            State::Refused(refusal, _) => refusal.ended(),
            // A server that hangs up instead of an answer means the same.
            State::Closing(code, _) => closed(*code),
            _ => match (error, self.frames.is_inside()) {
                (Some(error), _) => broken(format!("the connection broke: {error}")),
                (None, true) => broken("the server hung up inside a message"),
                (None, false) => broken("the server hung up without a close frame"),
            },
        };
        self.end(ended);
    }

    fn end(&mut self, ended: Ended) {
        self.wire.finish();
        self.state = State::Untold(ended);
    }
}

/// How a stream ended that we closed with this code.
fn closed(code: u16) -> Ended {
    Ended::new(EndCode::Close(code), "")
}
