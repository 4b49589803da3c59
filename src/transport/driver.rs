//! What moves the bytes of a connection: polled by a task when the peer has something, and by whoever has
//! sent something, at once.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use h2::client::Connection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;

use super::gathered::{Gathered, WriteOut};

/// How a connection ended.
type Ended = Result<(), h2::Error>;

/// HTTP/2, and what it writes to.
struct Moving<S: AsyncRead + AsyncWrite + Unpin> {
    http2: Connection<Gathered<S>, Bytes>,
    out: WriteOut<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Moving<S> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let ended = Pin::new(&mut self.http2).poll(cx);
            let may_go_on = self.out.write_out(cx);
            if ended.is_ready() || !may_go_on {
                return ended;
            }
        }
    }
}

type Connected = Pin<Box<dyn Future<Output = Ended>>>;

/// Moves the bytes of a connection; clones move those of the same one.
#[derive(Clone)]
pub struct Driver {
    /// None once it has ended.
    moving: Rc<RefCell<Option<Connected>>>,
    alarm: Arc<Alarm>,
    waker: Waker,
    writes_only: Rc<Cell<bool>>,
    ended: Rc<Cell<Option<Ended>>>,
}

/// Wakes the task that moves the bytes, unless whoever sends something is about to move them.
#[derive(Default)]
struct Alarm {
    is_sending: AtomicBool,
    /// There is something to move.
    is_due: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_due.store(true, Relaxed);
        if !self.is_sending.load(Relaxed) {
            self.wake_task();
        }
    }
}

impl Alarm {
    fn wake_task(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = &*task {
            task.wake_by_ref();
        }
    }
}

impl Driver {
    pub(super) fn new<S: AsyncRead + AsyncWrite + Unpin + 'static>(
        http2: Connection<Gathered<S>, Bytes>,
        out: WriteOut<S>,
    ) -> Driver {
        let alarm = Arc::<Alarm>::default();
        Driver {
            writes_only: out.writes_only.clone(),
            moving: Rc::new(RefCell::new(Some(Box::pin(Moving { http2, out })))),
            waker: alarm.clone().into(),
            alarm,
            ended: Rc::default(),
        }
    }

    /// Hands something to HTTP/2 by `send`; nobody moves it before [`move_now`](Self::move_now).
    pub(super) fn sending<T>(&self, send: impl FnOnce() -> T) -> T {
        self.alarm.is_sending.store(true, Relaxed);
        let sent = send();
        self.alarm.is_sending.store(false, Relaxed);
        sent
    }

    /// Moves what was sent, if anything was, as far as the system takes it.
    pub(super) fn move_now(&self) {
        if !self.alarm.is_due.swap(false, Relaxed) {
            return;
        }
        self.writes_only.set(true);
        // The runtime's budget is for those who read: it would end in the middle of what is due.
        let mut moving = pin!(unconstrained(poll_fn(|_| self.poll_moving())));
        let moved = moving
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        self.writes_only.set(false);
        if moved.is_ready() {
            self.alarm.wake_task();
        }
    }

    /// Hangs up; whoever reads from the connection is told that it has ended.
    pub(super) fn give_up(&self) {
        *self.moving.borrow_mut() = None;
    }

    /// Pending for good once it has ended.
    fn poll_moving(&self) -> Poll<()> {
        let moving = &mut *self.moving.borrow_mut();
        let Some(connection) = moving else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&self.waker);
        connection.as_mut().poll(&mut cx).map(|ended| {
            *moving = None;
            self.ended.set(Some(ended));
        })
    }
}

impl Future for Driver {
    type Output = Ended;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        {
            let task = &mut *self
                .alarm
                .task
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            task.get_or_insert_with(|| cx.waker().clone())
                .clone_from(cx.waker());
        }
        if let Some(ended) = self.ended.take() {
            return Poll::Ready(ended);
        }
        self.alarm.is_due.store(false, Relaxed);
        match self.poll_moving() {
            Poll::Ready(()) => self.ended.take().map_or(Poll::Pending, Poll::Ready),
            Poll::Pending => Poll::Pending,
        }
    }
}
