//! A connection of a test: what becomes of each frame and what is answered stands in a script, on a clock
//! that the test moves. What it received is kept, with the instants at which it had it.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;

use super::ended::{EndCode, Ended, NORMAL};
use super::outcome::{HadBy, Progress, Sent};
use crate::clock::manual::ManualClock;
use crate::units::RunTime;

/// What becomes of a frame.
#[derive(Debug, Clone, Copy)]
pub enum Fate {
    /// Taken, and written so much later.
    Written(i64),
    /// The same, since the peer takes nothing for so long.
    Stuck(i64),
    /// Half of it is taken; the other half, and with it the stream, so much later.
    Half(i64),
    /// Not taken for so long, then written at once.
    Refused(i64),
    /// Taken and never written.
    Lost,
}

/// What is answered once so many frames were written, and so much later.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) after: usize,
    pub(crate) delay_ns: i64,
    /// A message, or the end.
    pub(crate) message: Result<Bytes, Ended>,
}

/// How one stream goes.
#[derive(Debug, Clone, Default)]
pub struct StreamScript {
    /// Of the frames, in order; those beyond are written at once.
    pub(crate) fates: Vec<Fate>,
    pub(crate) answers: Vec<Answer>,
}

/// A stream's script and what has happened on it.
#[derive(Debug, Default)]
struct State {
    script: StreamScript,
    /// Frames that were taken, and when each is written.
    frames: Vec<(RunTime, Bytes)>,
    /// Of those that were taken and not reported.
    unreported: VecDeque<HadBy>,
    /// The peer takes nothing from then, until then.
    stuck: Option<(RunTime, RunTime)>,
    /// The next frame is refused until then.
    refused_until: Option<RunTime>,
    /// Nothing is taken until then.
    busy_until: Option<RunTime>,
    has_head: bool,
    answered: usize,
    cancelled: bool,
    closed: bool,
    reader: Option<Waker>,
}

impl State {
    fn stuck_since(&self, now: RunTime) -> Option<RunTime> {
        let (since, until) = self.stuck?;
        (now < until).then_some(since)
    }
}

/// The connection; clones are the same one.
#[derive(Clone)]
pub struct Connection {
    pub(super) peer: SocketAddr,
    clock: ManualClock,
    script: Arc<dyn Fn(usize) -> StreamScript + Send + Sync>,
    streams: Arc<Mutex<Vec<Arc<Mutex<State>>>>>,
}

impl Connection {
    /// A connection whose streams go as `script` says of each, by number.
    pub(crate) fn new(
        clock: &ManualClock,
        script: impl Fn(usize) -> StreamScript + Send + Sync + 'static,
    ) -> Connection {
        Connection {
            peer: (Ipv4Addr::LOCALHOST, 1).into(),
            clock: clock.clone(),
            script: Arc::new(script),
            streams: Arc::default(),
        }
    }

    pub(super) fn open(&self, _request: &Request<()>) -> (Outgoing, Incoming) {
        let mut streams = self.streams.lock().unwrap();
        let state = State {
            script: (self.script)(streams.len()),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        streams.push(state.clone());
        let clock = self.clock.clone();
        let outgoing = Outgoing {
            clock: clock.clone(),
            state: state.clone(),
        };
        (outgoing, Incoming { clock, state })
    }

    /// What each stream received by now, and when.
    pub(crate) fn received(&self) -> Vec<Vec<(RunTime, Bytes)>> {
        let (now, streams) = (self.clock.now(), self.streams.lock().unwrap());
        let of = |state: &Arc<Mutex<State>>| {
            let frames = state.lock().unwrap().frames.clone();
            frames.into_iter().filter(|(at, _)| *at <= now).collect()
        };
        streams.iter().map(of).collect()
    }
}

/// What a caller sends on a stream.
pub struct Outgoing {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

impl Outgoing {
    pub(super) fn try_send(&mut self, frame: &Bytes, _is_last: bool) -> Sent {
        let now = self.clock.now();
        let state = &mut *self.state.lock().unwrap();
        if state.cancelled {
            return Sent::Gone;
        }
        if state.busy_until.is_some_and(|until| now < until) {
            return Sent::Blocked;
        }
        state.busy_until = None;
        let fates = &state.script.fates;
        let fate = fates.get(state.frames.len()).copied();
        let (fate, until) = (fate.unwrap_or(Fate::Written(0)), state.refused_until.take());
        let delay_ns = match (fate, until) {
            (Fate::Refused(ns), None) => {
                state.refused_until = Some(RunTime(now.0 + ns));
                return Sent::Blocked;
            }
            (_, Some(until)) if now < until => {
                state.refused_until = Some(until);
                return Sent::Blocked;
            }
            (Fate::Refused(_), Some(_)) => 0,
            (Fate::Written(ns), _) => ns,
            (Fate::Stuck(ns), _) => {
                let since = state.stuck_since(now).unwrap_or(now);
                state.stuck = Some((since, RunTime(now.0 + ns)));
                ns
            }
            (Fate::Half(ns), _) => {
                state.busy_until = Some(RunTime(now.0 + ns));
                ns
            }
            (Fate::Lost, _) => i64::MAX - now.0,
        };
        let before = state.frames.last().map_or(now, |(at, _)| *at);
        let written = RunTime(now.0 + delay_ns).max(before);
        state.frames.push((written, frame.clone()));
        state.unreported.push_back(HadBy {
            at: written,
            stuck_since: state.stuck_since(now),
        });
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Sent::Taken
    }

    pub(super) fn take_written(&mut self) -> Option<HadBy> {
        let now = self.clock.now();
        let unreported = &mut self.state.lock().unwrap().unreported;
        unreported.pop_front_if(|written| written.at <= now)
    }

    pub(super) fn stuck_since(&self) -> Option<RunTime> {
        self.state.lock().unwrap().stuck_since(self.clock.now())
    }

    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let state = &*self.state.lock().unwrap();
        let written = state.unreported.front().map(|written| written.at);
        let waits = [written, state.refused_until, state.busy_until];
        match waits.into_iter().flatten().min() {
            Some(at) => self.clock.poll_until(at, context),
            None => Poll::Pending,
        }
    }

    /// The script's server answers with the same.
    pub(super) fn close(&mut self) {
        let state = &mut *self.state.lock().unwrap();
        state.closed = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    pub(super) fn cancel(&mut self) {
        self.state.lock().unwrap().cancelled = true;
    }
}

/// What the script answers on a stream.
pub struct Incoming {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

impl Incoming {
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        mut each: impl FnMut(Bytes),
    ) -> Poll<Progress> {
        let next = {
            let state = &mut *self.state.lock().unwrap();
            if !std::mem::replace(&mut state.has_head, true) {
                let (head, ()) = http::Response::new(()).into_parts();
                return Poll::Ready(Progress::Head(Box::new(head)));
            }
            if std::mem::take(&mut state.closed) {
                let ended = Ended::new(EndCode::Close(NORMAL), "");
                return Poll::Ready(Progress::Ended(ended));
            }
            let Some(answer) = state.script.answers.get(state.answered).cloned() else {
                state.reader = Some(context.waker().clone());
                return Poll::Pending;
            };
            let Some((written, _)) = state.frames.get(answer.after - 1) else {
                state.reader = Some(context.waker().clone());
                return Poll::Pending;
            };
            let due = RunTime(written.0.saturating_add(answer.delay_ns));
            std::task::ready!(self.clock.poll_until(due, context));
            state.answered += 1;
            answer.message
        };
        Poll::Ready(match next {
            Ok(message) => {
                each(message);
                Progress::Read
            }
            Err(status) => Progress::Ended(status),
        })
    }
}
