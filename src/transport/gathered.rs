//! Between HTTP/2 and TLS or the socket: gathers what is sent on a connection, so that many frames share
//! a write, and tells when the system had the last byte of each.
//!
//! `h2` writes each frame by itself and does not say when; what is written here is what it was asked for,
//! by then. In clear a frame is written with the write that has its end. Under TLS its record may wait
//! for a slow peer inside the library: it is written once that was flushed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame_scanner::{DataFrame, FrameScanner};
use super::written::Written;
use crate::clock::monotonic_ns;

/// Bytes that are gathered at most before they are written.
const MOST: usize = 64 * 1024;

/// What waits between HTTP/2 and the system.
struct Pipe<S> {
    inner: S,
    /// Whether `inner` keeps what it takes until it is flushed.
    keeps: bool,
    waiting: Vec<u8>,
    /// How much of it `inner` has taken.
    taken: usize,
    /// It has taken something that was not flushed.
    unflushed: bool,
    scanner: FrameScanner,
    /// DATA frames that are not written.
    unwritten: VecDeque<DataFrame>,
    written: Written,
    /// HTTP/2 was told to wait until something is written.
    refused: bool,
    /// Why nothing can be written any more; HTTP/2 is told when it next writes.
    broken: Option<io::Error>,
}

impl<S: AsyncWrite + Unpin> Pipe<S> {
    /// Takes what it has room for.
    fn take(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        if self.waiting.len() >= MOST && self.write_out(cx).is_pending() {
            self.refused = true;
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(MOST - self.waiting.len().min(MOST))];
        self.waiting.extend_from_slice(bytes);
        let unwritten = &mut self.unwritten;
        self.scanner.pass(bytes, |frame| unwritten.push_back(frame));
        Poll::Ready(Ok(bytes.len()))
    }

    /// Writes all that waits; pending while the system takes no more.
    fn write_out(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wrote = self.try_write_out(cx);
        match wrote {
            Poll::Pending => {
                self.written.stuck(Some(monotonic_ns()));
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(error)) => {
                self.broken = Some(error);
                self.refused = true;
                self.forget();
                Poll::Ready(())
            }
        }
    }

    fn try_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_empty() && !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        while self.taken < self.waiting.len() {
            let rest = &self.waiting[self.taken..];
            let wrote = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += wrote;
            self.unflushed = true;
            if !self.keeps {
                self.credit(self.waiting.len() - self.taken);
            }
        }
        self.waiting.clear();
        self.taken = 0;
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.unflushed = false;
        self.credit(0);
        self.written.stuck(None);
        Poll::Ready(Ok(()))
    }

    /// All but the last `left` bytes are written.
    fn credit(&mut self, left: usize) {
        let upto = self.scanner.position() - left as u64;
        let mut at_ns = None;
        while let Some(frame) = self.unwritten.pop_front_if(|frame| frame.end <= upto) {
            self.written
                .note(frame, *at_ns.get_or_insert_with(monotonic_ns));
        }
    }

    /// What waits will never be written.
    fn forget(&mut self) {
        self.waiting.clear();
        self.taken = 0;
        self.unflushed = false;
        self.unwritten.clear();
    }
}

/// What HTTP/2 reads and writes; it is written [out](WriteOut::write_out) by the connection's driver.
pub(super) struct Gathered<S> {
    pipe: Rc<RefCell<Pipe<S>>>,
    writes_only: Rc<Cell<bool>>,
}

/// The other end of a [`Gathered`].
pub(super) struct WriteOut<S> {
    pipe: Rc<RefCell<Pipe<S>>>,
    /// Nothing is read while this is set: whoever sends has no time for what has come.
    pub(super) writes_only: Rc<Cell<bool>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gathered<S> {
    /// Gathers what is written to `inner`, which `keeps` what it takes until it is flushed or does not.
    pub(super) fn new(inner: S, keeps: bool) -> (Gathered<S>, WriteOut<S>, Written) {
        let written = Written::default();
        let pipe = Rc::new(RefCell::new(Pipe {
            inner,
            keeps,
            waiting: Vec::new(),
            taken: 0,
            unflushed: false,
            scanner: FrameScanner::default(),
            unwritten: VecDeque::new(),
            written: written.clone(),
            refused: false,
            broken: None,
        }));
        let writes_only = Rc::new(Cell::new(false));
        let out = WriteOut {
            pipe: pipe.clone(),
            writes_only: writes_only.clone(),
        };
        (Gathered { pipe, writes_only }, out, written)
    }
}

impl<S: AsyncWrite + Unpin> WriteOut<S> {
    /// Writes all that was gathered, as far as the system takes it; wakes when it takes more. Returns
    /// whether HTTP/2 was kept from writing and may go on, or is to be told that it failed.
    pub(super) fn write_out(&self, cx: &mut Context<'_>) -> bool {
        let pipe = &mut *self.pipe.borrow_mut();
        pipe.write_out(cx).is_ready() && std::mem::take(&mut pipe.refused)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.writes_only.get() {
            // The task that reads was promised to be woken when it last read, or is about to read.
            return Poll::Pending;
        }
        Pin::new(&mut self.pipe.borrow_mut().inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pipe.borrow_mut().take(cx, buf)
    }

    /// What was gathered is flushed by the driver; here it is only told what came of that.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let broken = self.pipe.borrow_mut().broken.take();
        Poll::Ready(broken.map_or(Ok(()), Err))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pipe = &mut *self.pipe.borrow_mut();
        ready!(pipe.write_out(cx));
        match pipe.broken.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut pipe.inner).poll_shutdown(cx),
        }
    }
}
