//! Connections of which each carries one session: opened shortly before sessions start, by a thread that does
//! nothing else, and taken by whoever starts first. A session that finds none waits for one that is opened for it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::oneshot;

use super::book::{Book, why};
use super::opener::{HURRY, NotReady};
use crate::clock::monotonic_ns;
use crate::results::settings::Balance;
use crate::transport::channel::{ConnectError, Endpoint, FRESH};
use crate::transport::ended::{EndCode, Ended};
use crate::transport::race::Told;
use crate::transport::websocket::dialler::{Attempt, Dialler, Line};
use crate::units::{NS_PER_MS, NS_PER_S};

/// How long before a session starts its connection is to be there.
pub(in crate::replay) const AHEAD_NS: i64 = NS_PER_S;
/// How often it is looked who starts next.
pub(super) const LOOK_NS: i64 = 100 * NS_PER_MS;
/// Most connections that are being opened at once: few enough for a listener's backlog.
const AT_ONCE: usize = 64;
/// How long a connection is kept that nobody takes; servers hang up on those that ask for nothing.
const MOST_AGE_NS: i64 = 20 * NS_PER_S;
/// How long after a failure connections are opened only for sessions that wait.
const REST_NS: i64 = NS_PER_S;

/// Numbers of connections: the first, and each so many after the one before.
#[derive(Debug, Clone, Copy)]
pub(in crate::replay) struct Series {
    pub(in crate::replay) first: u32,
    pub(in crate::replay) step: u32,
}

/// The connections of one worker that no session has yet.
pub(super) struct Lines {
    dialler: Dialler,
    series: Series,
    balance: Balance,
    /// Whether each is opened at the session that needs it.
    cold: bool,
    /// How old addresses may be, unless one has just failed.
    fresh: Duration,
    /// How long an address is waited for before the next is tried as well.
    pause: Duration,
    /// Written by the thread that opens them.
    book: Arc<Mutex<Book>>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Open: with its number, and since when.
    idle: VecDeque<(Line, u32, i64)>,
    /// Sessions that wait, in order, with the connections that had been begun when they came.
    waiting: VecDeque<(u32, oneshot::Sender<Taken>)>,
    begun: u32,
    under_way: usize,
    /// Sessions that start soon.
    expected: usize,
    failed_at_ns: Option<i64>,
}

type Taken = Result<(Line, u32), NotReady>;
type Dialled = Result<(Line, i64), ConnectError>;

impl Lines {
    pub(super) fn new(
        dialler: Dialler,
        series: Series,
        (balance, cold, fresh): (Balance, bool, Duration),
        usual_ns: i64,
    ) -> Rc<Lines> {
        let usual = Duration::from_nanos(u64::try_from(usual_ns).unwrap_or(0));
        Rc::new(Lines {
            dialler,
            series,
            balance,
            cold,
            fresh,
            pause: HURRY.max(2 * usual),
            book: Arc::default(),
            state: RefCell::default(),
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        self.dialler.connector().endpoint()
    }

    /// So many sessions start within [`AHEAD_NS`].
    pub(super) fn expect(self: &Rc<Lines>, sessions: usize) {
        {
            let state = &mut *self.state.borrow_mut();
            state.expected = sessions;
            let oldest_ns = monotonic_ns() - MOST_AGE_NS;
            let is_old = |(_, _, since_ns): &mut (Line, u32, i64)| *since_ns < oldest_ns;
            while state.idle.pop_front_if(is_old).is_some() {}
        }
        self.fill();
    }

    /// A connection for a session that starts now, and its number.
    ///
    /// # Errors
    /// There is none, and one that was begun since then has failed.
    pub(super) async fn ready(self: &Rc<Lines>) -> Taken {
        let answer = {
            let state = &mut *self.state.borrow_mut();
            state.expected = state.expected.saturating_sub(1);
            while let Some((line, number, _)) = state.idle.pop_front() {
                if !line.is_lost() {
                    return Ok((line, number));
                }
            }
            let (sender, answer) = oneshot::channel();
            state.waiting.push_back((state.begun, sender));
            answer
        };
        self.fill();
        answer.await.unwrap_or_else(|_| Err(no_thread()))
    }

    /// Opens as many as those who wait and those who start soon need.
    fn fill(self: &Rc<Lines>) {
        loop {
            let (nth, rests) = {
                let state = &mut *self.state.borrow_mut();
                state.waiting.retain(|(_, session)| !session.is_closed());
                let rests = state
                    .failed_at_ns
                    .is_some_and(|at_ns| monotonic_ns() - at_ns < REST_NS);
                let expected = match self.cold || rests {
                    true => 0,
                    false => state.expected,
                };
                let needed = state.waiting.len() + expected;
                if state.idle.len() + state.under_way >= needed || state.under_way >= AT_ONCE {
                    return;
                }
                state.under_way += 1;
                state.begun += 1;
                (state.begun - 1, rests)
            };
            let (begun, number) = (nth + 1, self.number(nth));
            let attempt = Attempt {
                start: self.start(nth),
                pause: self.pause,
                fresh: if rests { FRESH } else { self.fresh },
            };
            let answer = self.dialler.dial(None, attempt, self.told(number));
            let lines = self.clone();
            tokio::task::spawn_local(async move {
                let dialled = answer.await.ok();
                lines.dialled(begun, number, dialled);
            });
        }
    }

    /// A connection to another place for a session that starts now, and its number.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn to_other(&self, endpoint: Endpoint) -> Taken {
        let nth = {
            let state = &mut *self.state.borrow_mut();
            state.begun += 1;
            state.begun - 1
        };
        let number = self.number(nth);
        let attempt = Attempt {
            start: self.start(nth),
            pause: self.pause,
            fresh: self.fresh,
        };
        let answer = self
            .dialler
            .dial(Some(endpoint), attempt, self.told(number));
        match answer.await {
            Ok(Ok((line, took_ns))) => {
                lock(&self.book).answered(number, line.peer, took_ns);
                Ok((line, number))
            }
            Ok(Err(error)) => {
                lock(&self.book).forget(number);
                Err(error.into())
            }
            Err(_) => Err(no_thread()),
        }
    }

    /// The whole answer to a request, whose body has at most `most` bytes.
    ///
    /// # Errors
    /// There was none, or one that is no success.
    pub(super) async fn exchange(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> Result<Response<Bytes>, Ended> {
        let begun = self.state.borrow().begun;
        let answer = self.dialler.exchange(self.start(begun), request, most);
        let failed = |_| Err(Ended::new(EndCode::Broken, no_thread().reason));
        answer.await.unwrap_or_else(failed)
    }

    /// The number of the connection that is the so many-th to be begun, from 0.
    fn number(&self, nth: u32) -> u32 {
        let Series { first, step } = self.series;
        first.wrapping_add(nth.wrapping_mul(step))
    }

    /// The number of the address that it begins with.
    fn start(&self, nth: u32) -> usize {
        match self.balance {
            // Workers begin at different addresses, and each goes to all of them.
            Balance::RoundRobin => self.series.first as usize + nth as usize,
            Balance::First => 0,
        }
    }

    fn told(&self, number: u32) -> impl FnMut(SocketAddr, Told<'_>) + Send + 'static {
        let book = self.book.clone();
        move |peer, told| {
            let mut book = lock(&book);
            match told {
                Told::Begun => book.begun(number, peer, monotonic_ns()),
                Told::Answered(took_ns) => book.answered(number, peer, took_ns),
                Told::Failed(error) => book.failed(number, peer, why(error)),
            }
        }
    }

    /// The connection that was the so many-th to be begun came to be, or did not; `None` where the thread has
    /// failed.
    fn dialled(self: &Rc<Lines>, begun: u32, number: u32, dialled: Option<Dialled>) {
        {
            let state = &mut *self.state.borrow_mut();
            state.under_way -= 1;
            match dialled {
                Some(Ok((line, took_ns))) => {
                    lock(&self.book).answered(number, line.peer, took_ns);
                    state.failed_at_ns = None;
                    state.give(line, number);
                }
                Some(Err(error)) => {
                    lock(&self.book).forget(number);
                    state.fail(begun, &error.into());
                }
                None => state.fail(begun, &no_thread()),
            }
        }
        self.fill();
    }

    /// Connections that are open and that nobody has.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.state.borrow().idle.len()
    }

    /// Connections that are being opened.
    #[cfg(test)]
    pub(super) fn under_way(&self) -> usize {
        self.state.borrow().under_way
    }

    /// What the book has by now, the end of the run.
    pub(super) fn close(&self) -> Book {
        std::mem::take(&mut *lock(&self.book)).close(monotonic_ns())
    }
}

impl State {
    /// To whoever has waited longest, or for later.
    fn give(&mut self, line: Line, number: u32) {
        let mut line = line;
        while let Some((_, session)) = self.waiting.pop_front() {
            match session.send(Ok((line, number))) {
                // It has ended meanwhile.
                Err(Ok((back, _))) => line = back,
                Ok(()) | Err(Err(_)) => return,
            }
        }
        self.idle.push_back((line, number, monotonic_ns()));
    }

    /// The connection that was the so many-th to be begun failed: a session that has waited since before that
    /// learns why. One that came later has another.
    fn fail(&mut self, begun: u32, why: &NotReady) {
        self.failed_at_ns = Some(monotonic_ns());
        self.waiting.retain(|(_, session)| !session.is_closed());
        let waited = |(before, _): &(u32, oneshot::Sender<Taken>)| *before < begun;
        if let Some(nth) = self.waiting.iter().position(waited)
            && let Some((_, session)) = self.waiting.remove(nth)
        {
            // Of a session that has ended nobody needs to be told.
            let _ = session.send(Err(why.clone()));
        }
    }
}

/// A thread that panics while it writes leaves the book as it was.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_thread() -> NotReady {
    NotReady {
        reason: "the thread that opens connections has failed; this is a fault of voicelt"
            .to_owned(),
        ours: true,
    }
}
