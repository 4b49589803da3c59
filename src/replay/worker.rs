//! One thread of a replay: its own runtime, connections and pacer, and the sessions given to it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::call::Call;
use super::connections::Connections;
use super::entry::Entry;
use super::pacer::Pacer;
use super::progress::RunFacts;
use super::script::Script;
use super::shared::{Account, Shared};
use super::starts::Starts;
use super::stream::converse;
use super::timers::Timer;
use super::users::Ended;
use super::{ReplaySpec, Stop};
use crate::clock::{Clock, RunClock, thread_cpu_ns};
use crate::live::gauges::Gauges;
use crate::units::{NS_PER_S, RunTime};

/// What `asleep_until` says while nobody sleeps.
const AWAKE: RunTime = RunTime(i64::MIN);

/// What a worker is given.
pub(super) struct Assignment {
    /// Its number.
    pub(super) number: usize,
    /// What it starts.
    pub(super) starts: Starts,
    pub(super) spec: Arc<ReplaySpec>,
    pub(super) run: Arc<RunFacts>,
    pub(super) clock: RunClock,
    pub(super) gauges: Arc<Gauges>,
    pub(super) sink: SyncSender<Entry>,
    pub(super) stop: Stop,
}

/// Runs a worker to its end: all sessions over, or told to stop.
///
/// # Errors
/// The system's, of the timer.
pub(super) async fn work(
    job: Assignment,
    pacer: Pacer,
    connections: Connections,
) -> io::Result<Account> {
    let shared = Rc::new(Shared {
        spec: job.spec,
        run: job.run,
        clock: job.clock,
        connections,
        gauges: job.gauges,
        sink: job.sink,
        desk: RefCell::default(),
        asleep_until: Cell::new(AWAKE),
        changed: Notify::new(),
    });
    let mut calls: HashMap<u64, Rc<RefCell<Call>>> = HashMap::new();
    let mut tasks: JoinSet<u64> = JoinSet::new();
    let mut starts = job.starts;
    let mut next_close = RunTime(NS_PER_S);
    let mut cpu_ns = thread_cpu_ns();
    loop {
        let now = shared.clock.now();
        starts.take(now, job.stop.arrivals.is_cancelled(), &shared.gauges);
        while let Some(script) = starts.next_due(now, &shared.gauges) {
            calls.insert(script.number, start(&shared, script, now, &mut tasks));
        }
        if ring(&shared, &calls, now) {
            // What was handed over leaves when the connections' tasks run: before anything else.
            tokio::task::yield_now().await;
        }
        if now >= next_close {
            let used = thread_cpu_ns();
            shared.desk.borrow_mut().accumulator.cpu(now, used - cpu_ns);
            cpu_ns = used;
            close_seconds(&shared, job.number, Some(now));
            next_close = RunTime(now.0 + NS_PER_S);
        }
        if tasks.is_empty() && starts.is_over() {
            break;
        }
        let timer = shared.desk.borrow().timers.first();
        let next = [starts.next_at(), timer].into_iter().flatten().min();
        let next = next.map_or(next_close, |next| next.min(next_close));
        shared.asleep_until.set(next);
        tokio::select! {
            biased;
            waited = pacer.until(next) => waited?,
            Some(ended) = tasks.join_next() => {
                if let Some(call) = ended.ok().and_then(|id| calls.remove(&id)) {
                    let call = call.borrow();
                    let ended = Ended {
                        at: shared.clock.now(),
                        heard_until: call.receiving.heard_until,
                        opened: call.facts.opened_ns.is_some(),
                    };
                    starts.ended(&call.script, ended, &shared.gauges);
                }
            }
            () = shared.changed.notified() => {}
            () = starts.more(), if starts.wants_more() => {}
            () = job.stop.arrivals.cancelled(), if !starts.is_over() => {}
            () = job.stop.calls.cancelled(), if calls.values().any(|call| call.borrow().end.is_none()) => {
                for call in calls.values() {
                    call.borrow_mut().stop(job.stop.end());
                }
            }
        }
        shared.asleep_until.set(AWAKE);
    }
    close_seconds(&shared, job.number, None);
    let desk = &mut *shared.desk.borrow_mut();
    shared.enter(&mut desk.account, Entry::WorkerDone(job.number));
    Ok(std::mem::take(&mut desk.account))
}

/// Starts a session: its stream is opened and read by a task of its own.
fn start(
    shared: &Rc<Shared>,
    script: Arc<Script>,
    now: RunTime,
    tasks: &mut JoinSet<u64>,
) -> Rc<RefCell<Call>> {
    let id = script.number;
    if let Some(interval_ns) = script.index.interval_ns {
        let shortest = &mut shared.desk.borrow_mut().account.interval_ns;
        *shortest = Some(shortest.map_or(interval_ns, |known| known.min(interval_ns)));
    }
    let mut call = Call::new(shared, script, now);
    call.pump(shared);
    shared.apply(&mut call.effects);
    let call = Rc::new(RefCell::new(call));
    shared.gauges.started_sessions.fetch_add(1, Relaxed);
    shared.gauges.active_sessions.fetch_add(1, Relaxed);
    let (shared, of_task) = (shared.clone(), call.clone());
    tasks.spawn_local(async move {
        let end = converse(&shared, &of_task).await;
        {
            let mut call = of_task.borrow_mut();
            call.finish(&shared, &end);
            shared.apply(&mut call.effects);
        }
        shared.gauges.active_sessions.fetch_sub(1, Relaxed);
        shared.gauges.ended_sessions.fetch_add(1, Relaxed);
        id
    });
    call
}

/// Does what is due; returns whether anything was.
fn ring(shared: &Shared, calls: &HashMap<u64, Rc<RefCell<Call>>>, now: RunTime) -> bool {
    let mut rang = false;
    let horizon = RunTime(now.0 + shared.spec.coalesce_ns);
    loop {
        let due = shared.desk.borrow_mut().timers.take_due(horizon);
        let Some((at, timer)) = due else {
            return rang;
        };
        rang = true;
        let (Timer::Send(id) | Timer::BargeIn(id) | Timer::Overdue(id)) = timer;
        let Some(call) = calls.get(&id) else { continue };
        let mut call = call.borrow_mut();
        match timer {
            Timer::Send(_) => call.on_timer(shared, at),
            Timer::BargeIn(_) => call.barge_in(shared, at),
            Timer::Overdue(_) => call.check_deadline(shared, now),
        }
        shared.apply(&mut call.effects);
    }
}

/// Enters the seconds that are over.
fn close_seconds(shared: &Shared, worker: usize, now: Option<RunTime>) {
    let desk = &mut *shared.desk.borrow_mut();
    for (number, second) in desk.accumulator.close(now) {
        let second = Box::new(second);
        let entry = Entry::Second {
            worker,
            number,
            second,
        };
        shared.enter(&mut desk.account, entry);
    }
}
