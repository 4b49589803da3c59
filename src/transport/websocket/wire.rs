//! A socket that never waits, in clear or over TLS, and that knows when the system had each byte of what was
//! put in.
//!
//! TLS is driven here, so that its records are in the same buffer as what is sent in clear would be: the end
//! of a frame is the end of its record.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rustix::net::SendFlags;
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConnection;

use super::dialler::Line;
use crate::clock::monotonic_ns;

/// Bytes that are asked of the system at once.
const READ: usize = 16 * 1024;
/// Bytes that are gathered at most before they are written.
const MOST_GATHERED: usize = 64 * 1024;

/// When the system had all of a frame, on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) at_ns: i64,
    /// Since when the system had taken nothing, if the frame waited for that.
    pub(super) stuck_since_ns: Option<i64>,
}

/// What a read gave.
#[derive(Debug)]
pub(super) enum Input {
    /// Bytes, at least one.
    Bytes(Bytes),
    /// The peer sends nothing more.
    End,
}

/// A connection.
pub(super) struct Wire {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What the system has not taken yet begins at `taken`.
    out: Vec<u8>,
    taken: usize,
    /// Bytes that were ever put into `out`.
    queued: u64,
    /// The ends of frames that are not written, counted as `queued` is.
    ends: VecDeque<u64>,
    stamps: VecDeque<Stamp>,
    stuck_since_ns: Option<i64>,
    /// What is about to be encrypted.
    plain: Vec<u8>,
    /// What came, before it is decrypted and after.
    sealed: Vec<u8>,
    input: BytesMut,
    /// Why nothing can be written any more.
    broken: Option<io::Error>,
}

impl Wire {
    /// # Errors
    /// The system's.
    pub(super) fn of(line: Line) -> io::Result<Wire> {
        Ok(Wire {
            stream: TcpStream::from_std(line.stream)?,
            tls: line.tls,
            out: Vec::new(),
            taken: 0,
            queued: 0,
            ends: VecDeque::new(),
            stamps: VecDeque::new(),
            stuck_since_ns: None,
            plain: Vec::new(),
            sealed: Vec::new(),
            input: BytesMut::new(),
            broken: None,
        })
    }

    /// Whether what is put in now may be expected to be written at once: the system has not refused anything,
    /// and not too much has been gathered.
    pub(super) fn has_room(&self) -> bool {
        self.stuck_since_ns.is_none() && self.out.len() < MOST_GATHERED
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Puts in what `write` writes; all of it will be written before anything else. Its end is told by
    /// [`take_stamp`](Self::take_stamp) if it is `followed`.
    pub(super) fn put(&mut self, followed: bool, write: impl FnOnce(&mut Vec<u8>)) {
        if self.is_broken() {
            return;
        }
        let before = self.out.len();
        match &mut self.tls {
            None => write(&mut self.out),
            Some(tls) => {
                self.plain.clear();
                write(&mut self.plain);
                // Without a limit of its buffer it takes everything, and gives it away just below.
                if let Err(error) = tls.writer().write_all(&self.plain) {
                    self.broken = Some(error);
                }
                seal(tls, &mut self.out);
            }
        }
        self.queued += (self.out.len() - before) as u64;
        if followed {
            self.ends.push_back(self.queued);
        }
    }

    /// Writes what was put in, as far as the system takes it.
    pub(super) fn write_out(&mut self) {
        while self.taken < self.out.len() {
            match self.send() {
                Ok(0) => {
                    self.fail(io::ErrorKind::WriteZero.into());
                    return;
                }
                Ok(bytes) => {
                    self.taken += bytes;
                    self.note_written();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stuck_since_ns.get_or_insert_with(monotonic_ns);
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(error);
                    return;
                }
            }
        }
        self.out.clear();
        self.taken = 0;
        self.stuck_since_ns = None;
    }

    /// Asks the system itself: the runtime learns that a socket has room only when it looks for what has come,
    /// and would say that a new one has none.
    fn send(&self) -> io::Result<usize> {
        let rest = &self.out[self.taken..];
        match rustix::net::send(
            &self.stream,
            rest,
            SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        ) {
            // What the runtime has learned before is no longer so.
            Err(rustix::io::Errno::AGAIN) => self.stream.try_write(rest),
            sent => Ok(sent?),
        }
    }

    fn note_written(&mut self) {
        let written = self.queued - (self.out.len() - self.taken) as u64;
        let mut at_ns = None;
        while self.ends.pop_front_if(|end| *end <= written).is_some() {
            self.stamps.push_back(Stamp {
                at_ns: *at_ns.get_or_insert_with(monotonic_ns),
                stuck_since_ns: self.stuck_since_ns,
            });
        }
    }

    /// What waits will never be written.
    fn fail(&mut self, error: io::Error) {
        self.broken = Some(error);
        self.out.clear();
        self.taken = 0;
        self.ends.clear();
    }

    /// Writes on as soon as the system takes more; pending while something is left.
    pub(super) fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            self.write_out();
            if self.out.is_empty() {
                return Poll::Ready(());
            }
            if let Err(error) = ready!(self.stream.poll_write_ready(context)) {
                self.fail(error);
            }
        }
    }

    /// When the oldest frame that was written and has not been told of was.
    pub(super) fn take_stamp(&mut self) -> Option<Stamp> {
        self.stamps.pop_front()
    }

    /// Whether there is a stamp to take.
    pub(super) fn has_stamps(&self) -> bool {
        !self.stamps.is_empty()
    }

    /// Since when the system has taken nothing though there is something.
    pub(super) fn stuck_since_ns(&self) -> Option<i64> {
        self.stuck_since_ns
    }

    /// The next bytes from the peer.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Input>> {
        loop {
            let ready = self.stream.poll_read_ready(context);
            if ready.is_pending()
                && let Some(broken) = self.broken.take()
            {
                // The peer's last words were read before that.
                return Poll::Ready(Err(broken));
            }
            ready!(ready)?;
            let read = match self.tls {
                None => {
                    self.input.reserve(READ);
                    self.stream.try_read_buf(&mut self.input)
                }
                Some(_) => {
                    self.sealed.clear();
                    self.sealed.reserve(READ);
                    self.stream.try_read_buf(&mut self.sealed)
                }
            };
            match read {
                Ok(0) => return Poll::Ready(Ok(Input::End)),
                Ok(_) => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            if self.tls.is_some() && self.open_sealed()? && self.input.is_empty() {
                return Poll::Ready(Ok(Input::End));
            }
            if !self.input.is_empty() {
                return Poll::Ready(Ok(Input::Bytes(self.input.split().freeze())));
            }
        }
    }

    /// Decrypts what came; returns whether the peer has said that nothing more comes.
    fn open_sealed(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else {
            return Ok(false);
        };
        let mut is_over = false;
        let mut sealed = self.sealed.as_slice();
        while !sealed.is_empty() {
            if tls.read_tls(&mut sealed)? == 0 {
                break;
            }
            let state = match tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    // It is told why, if it still listens.
                    seal(tls, &mut self.out);
                    let _ = self.stream.try_write(&self.out);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            };
            let (at, bytes) = (self.input.len(), state.plaintext_bytes_to_read());
            self.input.resize(at + bytes, 0);
            tls.reader().read_exact(&mut self.input[at..])?;
            is_over |= state.peer_has_closed();
            if is_over {
                break;
            }
        }
        // Answers of TLS itself come between records, never inside one.
        let before = self.out.len();
        seal(tls, &mut self.out);
        self.queued += (self.out.len() - before) as u64;
        Ok(is_over)
    }

    /// Says that nothing more comes, as far as the system takes that at once.
    pub(super) fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let before = self.out.len();
            seal(tls, &mut self.out);
            self.queued += (self.out.len() - before) as u64;
        }
        self.write_out();
        if self.out.is_empty() {
            // Of a connection that is gone already nobody needs to be told.
            let _ = rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Write);
        }
    }
}

/// Moves the records that TLS has ready to `out`, which always takes them.
fn seal(tls: &mut ClientConnection, out: &mut Vec<u8>) {
    while tls.wants_write() {
        if tls.write_tls(out).is_err() {
            return;
        }
    }
}
