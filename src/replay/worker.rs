//! One thread of a replay: its own runtime, connections and pacer, and the sessions given to it.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError};

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::call::Call;
use super::clips::Clips;
use super::connections::Connections;
use super::converse::converse;
use super::ledger::Entry;
use super::pacer::Pacer;
use super::plan::Plan;
use super::progress::{CallFacts, End, RunFacts};
use super::tally::{Tally, lag_histogram, record};
use super::{ReplaySpec, Stop};
use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::results::row::{MessageRow, RequestRow, StartedRow};
use crate::units::{Lag, NS_PER_S, RunTime};

/// What a worker is given.
pub(super) struct Assignment {
    /// Its number.
    pub(super) number: usize,
    /// Numbers of its sessions in the plan, in order of their start.
    pub(super) calls: Vec<usize>,
    pub(super) spec: Arc<ReplaySpec>,
    pub(super) plan: Arc<Plan>,
    pub(super) clips: Arc<Clips>,
    pub(super) run: RunFacts,
    pub(super) clock: RunClock,
    pub(super) gauges: Arc<Gauges>,
    pub(super) ledger: SyncSender<Entry>,
    pub(super) stop: Stop,
}

/// What a worker tells at its end.
pub(super) struct Account {
    /// Lags of its chunks.
    pub(super) lag: Histogram<u64>,
    /// Lags of its session starts.
    pub(super) start_lag: Histogram<u64>,
    /// Chunks that left late.
    pub(super) late_chunks: u64,
    /// Rows that the ledger had no room for.
    pub(super) rows_lost: u64,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            lag: lag_histogram(),
            start_lag: lag_histogram(),
            late_chunks: 0,
            rows_lost: 0,
        }
    }
}

/// What happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// A session's next message is due.
    Send(usize),
    /// A session may be overdue.
    Overdue(usize),
}

/// What all sessions of a worker share.
pub(super) struct Shared {
    pub(super) spec: Arc<ReplaySpec>,
    pub(super) plan: Arc<Plan>,
    pub(super) clips: Arc<Clips>,
    pub(super) run: RunFacts,
    pub(super) clock: RunClock,
    pub(super) connections: Connections,
    gauges: Arc<Gauges>,
    ledger: SyncSender<Entry>,
    alarms: RefCell<BinaryHeap<Reverse<(RunTime, Alarm)>>>,
    /// An alarm was set from outside the pacer's loop, or a session ended.
    changed: Notify,
    tally: RefCell<Tally>,
    account: RefCell<Account>,
}

impl Shared {
    fn alarm(&self, at: RunTime, alarm: Alarm) {
        self.alarms.borrow_mut().push(Reverse((at, alarm)));
    }

    /// Sets the alarm for a session's next message.
    pub(super) fn send_at(&self, id: usize, due: Option<RunTime>) {
        if let Some(due) = due {
            self.alarm(due, Alarm::Send(id));
            self.changed.notify_one();
        }
    }

    /// Looks after a session in case it becomes overdue.
    pub(super) fn watch(&self, call: &Call, now: RunTime) {
        let at = RunTime(now.0 + self.spec.timeout_ns);
        self.alarm(at, Alarm::Overdue(call.id));
    }

    pub(super) fn count_chunk(&self, due: RunTime, sent: RunTime, lag: Lag, interval_ns: i64) {
        self.tally.borrow_mut().chunk(due, sent, lag, interval_ns);
        record(&mut self.account.borrow_mut().lag, lag);
        self.gauges.lag.record(lag.0);
        self.gauges.chunks.fetch_add(1, Relaxed);
    }

    pub(super) fn count_start(&self, due: RunTime, sent: RunTime, lag: Lag) {
        self.tally.borrow_mut().start(due, sent);
        record(&mut self.account.borrow_mut().start_lag, lag);
    }

    /// Open sessions and those awaiting an answer, one more of them when `one_more`.
    pub(super) fn load(&self, one_more: bool) -> (u32, u32) {
        let more = u32::from(one_more);
        let awaiting = self.gauges.awaiting_answer.fetch_add(more, Relaxed) + more;
        (self.gauges.active_sessions.load(Relaxed), awaiting)
    }

    /// An answer came, or is awaited no longer.
    pub(super) fn answered(&self) {
        self.gauges.awaiting_answer.fetch_sub(1, Relaxed);
    }

    pub(super) fn request(&self, row: RequestRow) {
        let gauge = match row.status.is_success() {
            true => &self.gauges.succeeded,
            false => &self.gauges.failed,
        };
        gauge.fetch_add(1, Relaxed);
        if let Some(response_ns) = row.response_ns {
            self.gauges.response.record(response_ns);
        }
        self.enter(Entry::Request(Box::new(row)));
    }

    pub(super) fn started(&self, row: StartedRow) {
        self.enter(Entry::Started(row));
    }

    pub(super) fn message(&self, row: MessageRow) {
        self.enter(Entry::Message(row));
    }

    /// Hands an entry to the ledger without ever waiting: what has no room is counted as lost.
    fn enter(&self, entry: Entry) {
        match self.ledger.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.account.borrow_mut().rows_lost += 1;
            }
        }
    }
}

/// Runs a worker to its end: all sessions over, or told to stop.
///
/// # Errors
/// The system's, such as a limit of open files for the timer.
pub(super) async fn work(job: Assignment, connections: Connections) -> io::Result<Account> {
    let pacer = Pacer::new(job.clock.clone())?;
    let shared = Rc::new(Shared {
        spec: job.spec,
        plan: job.plan,
        clips: job.clips,
        run: job.run,
        clock: job.clock,
        connections,
        gauges: job.gauges,
        ledger: job.ledger,
        alarms: RefCell::default(),
        changed: Notify::new(),
        tally: RefCell::default(),
        account: RefCell::default(),
    });
    let mut calls: HashMap<usize, Rc<RefCell<Call>>> = HashMap::new();
    let mut tasks: JoinSet<usize> = JoinSet::new();
    let mut starts = job.calls.into_iter().peekable();
    let mut next_close = RunTime(NS_PER_S);
    loop {
        let now = shared.clock.now();
        if job.stop.arrivals.is_cancelled() {
            starts = Vec::new().into_iter().peekable();
        }
        while let Some(id) = starts.next_if(|id| shared.plan.calls[*id].start <= now) {
            calls.insert(id, start(&shared, id, now, &mut tasks));
        }
        ring(&shared, &calls, now);
        if now >= next_close {
            close_seconds(&shared, job.number, Some(now));
            next_close = RunTime(now.0 + NS_PER_S);
        }
        if tasks.is_empty() && starts.peek().is_none() {
            break;
        }
        let start = starts.peek().map(|id| shared.plan.calls[*id].start);
        let alarm = shared.alarms.borrow().peek().map(|Reverse((at, _))| *at);
        let next = [start, alarm, Some(next_close)].into_iter().flatten().min();
        tokio::select! {
            biased;
            waited = pacer.until(next.unwrap_or(next_close)) => waited?,
            Some(ended) = tasks.join_next() => {
                if let Ok(id) = ended {
                    calls.remove(&id);
                }
            }
            () = shared.changed.notified() => {}
            () = job.stop.arrivals.cancelled(), if starts.peek().is_some() => {}
            () = job.stop.calls.cancelled(), if calls.values().any(|call| call.borrow().end.is_none()) => {
                for call in calls.values() {
                    call.borrow_mut().stop(job.stop.end());
                }
            }
        }
    }
    close_seconds(&shared, job.number, None);
    shared.enter(Entry::WorkerDone(job.number));
    Ok(shared.account.take())
}

/// Starts a session: its stream is opened and read by a task of its own.
fn start(
    shared: &Rc<Shared>,
    id: usize,
    now: RunTime,
    tasks: &mut JoinSet<usize>,
) -> Rc<RefCell<Call>> {
    let call = Rc::new(RefCell::new(Call::new(
        shared,
        id,
        CallFacts::new(shared, id),
        now,
    )));
    let due = call.borrow_mut().pump(shared);
    shared.send_at(id, due);
    shared.gauges.started_sessions.fetch_add(1, Relaxed);
    shared.gauges.active_sessions.fetch_add(1, Relaxed);
    let (shared, of_task) = (shared.clone(), call.clone());
    tasks.spawn_local(async move {
        let end = converse(&shared, &of_task).await;
        of_task.borrow_mut().finish(&shared, &end);
        shared.gauges.active_sessions.fetch_sub(1, Relaxed);
        shared.gauges.ended_sessions.fetch_add(1, Relaxed);
        id
    });
    call
}

/// Does what is due.
fn ring(shared: &Shared, calls: &HashMap<usize, Rc<RefCell<Call>>>, now: RunTime) {
    loop {
        let alarm = match shared.alarms.borrow_mut() {
            mut alarms if alarms.peek().is_some_and(|Reverse((at, _))| *at <= now) => alarms.pop(),
            _ => None,
        };
        let Some(Reverse((_, alarm))) = alarm else {
            return;
        };
        let (Alarm::Send(id) | Alarm::Overdue(id)) = alarm;
        let Some(call) = calls.get(&id) else { continue };
        let mut call = call.borrow_mut();
        match alarm {
            Alarm::Send(_) => {
                if let Some(due) = call.pump(shared) {
                    shared.alarm(due, Alarm::Send(id));
                }
            }
            Alarm::Overdue(_) if call.is_overdue(shared, now) => call.stop(End::Timeout),
            Alarm::Overdue(_) if call.may_become_overdue() => {
                let at = RunTime(now.0 + shared.spec.timeout_ns / 4);
                shared.alarm(at, Alarm::Overdue(id));
            }
            Alarm::Overdue(_) => {}
        }
    }
}

/// Enters the seconds that are over.
fn close_seconds(shared: &Shared, worker: usize, now: Option<RunTime>) {
    for (number, second) in shared.tally.borrow_mut().close(now) {
        shared.account.borrow_mut().late_chunks += second.late_chunks;
        shared.enter(Entry::Second {
            worker,
            number,
            second: Box::new(second),
        });
    }
}
