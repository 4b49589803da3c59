//! One thread of a replay: its own runtime, connections and pacer, and the sessions given to it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;

use slotmap::SlotMap;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::call::Call;
use super::connections::{AHEAD_NS, Connections};
use super::entry::Entry;
use super::facts::RunFacts;
use super::idle::Idle;
use super::pacer::Pacer;
use super::rest::Rest;
use super::script::Script;
use super::shared::{Account, Shared};
use super::starts::Starts;
use super::stream::converse;
use super::timers::{CallKey, Timer};
use super::users::Ended;
use super::{ReplaySpec, Stop};
use crate::clock::{Clock, RunClock};
use crate::live::gauges::Gauges;
use crate::units::{NS_PER_S, RunTime};

/// What `asleep_until` says while nobody sleeps.
const AWAKE: RunTime = RunTime(i64::MIN);
/// How long a worker may send on and on before it looks for what has come.
const LOOK_EVERY_NS: i64 = 100_000;
/// Sessions that are served before what they send is written: the more are due, the more share a write.
const AT_ONCE: usize = 1024;
/// How long a message that was kept may wait to be handed over.
const HAND_OVER_NS: i64 = 200_000_000;

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
    pub(super) idle: Idle,
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
        idle: job.idle,
        asleep_until: Cell::new(AWAKE),
        changed: Notify::new(),
    });
    let mut calls = Calls::default();
    let mut tasks: JoinSet<CallKey> = JoinSet::new();
    let mut starts = job.starts;
    let (mut next_close, mut next_hand_over) = (RunTime(NS_PER_S), RunTime(HAND_OVER_NS));
    // When connections are next opened for those who start soon.
    let expects_every_ns = match shared.spec.webhook {
        // Where each leads is not known yet.
        true => None,
        false => shared.connections.expects_every_ns(),
    };
    let mut next_expected = RunTime(i64::MIN);
    let mut rest = Rest::new(&shared.clock);
    // When all others last had their turn.
    let mut looked = shared.clock.now();
    loop {
        let now = shared.clock.now();
        starts.take(now, job.stop.arrivals.is_cancelled(), &shared.gauges);
        if let Some(every_ns) = expects_every_ns
            && now >= next_expected
        {
            let soon = starts.due_by(RunTime(now.0 + AHEAD_NS));
            shared.connections.expect(soon);
            next_expected = RunTime(now.0 + every_ns);
        }
        while let Some(script) = starts.next_due(now, &shared.gauges) {
            start(&shared, &mut calls, script, now, &mut tasks);
        }
        ring(&shared, &mut calls, now);
        if now >= next_hand_over {
            shared.hand_over();
            next_hand_over = RunTime(now.0 + HAND_OVER_NS);
        }
        if now >= next_close {
            close_seconds(&shared, job.number, Some(now));
            next_close = RunTime(now.0 + NS_PER_S);
        }
        if tasks.is_empty() && starts.is_over() {
            break;
        }
        let timer = shared.desk.borrow().timers.first();
        let next = [starts.next_at(), timer].into_iter().flatten().min();
        let next = next.map_or(next_close, |next| next.min(next_close));
        let next = match expects_every_ns.is_some() && !starts.is_over() {
            true => next.min(next_expected),
            false => next,
        };
        let now = shared.clock.now();
        if next <= now {
            // There is more to send: others have their turn after it, but not much later.
            if now.0 - looked.0 < LOOK_EVERY_NS {
                continue;
            }
            tokio::task::yield_now().await;
        }
        let rested = rest.beyond(next, now, &shared.clock);
        shared.asleep_until.set(rested.unwrap_or(next));
        let due = async {
            match rested {
                Some(rested) => pacer.about(rested).await,
                None => pacer.until(next).await,
            }
        };
        tokio::select! {
            biased;
            Some(ended) = tasks.join_next() => {
                if let Some(call) = ended.ok().and_then(|key| calls.sessions.remove(key)) {
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
            () = job.stop.calls.cancelled(), if calls.any_goes_on() => calls.stop(&job.stop),
            // The last, since it may be ready all the time.
            waited = due => waited?,
        }
        shared.asleep_until.set(AWAKE);
        looked = shared.clock.now();
    }
    close_seconds(&shared, job.number, None);
    shared.hand_over();
    let desk = &mut *shared.desk.borrow_mut();
    shared.enter(&mut desk.account, Entry::WorkerDone(job.number));
    Ok(std::mem::take(&mut desk.account))
}

/// The sessions that are under way.
#[derive(Default)]
struct Calls {
    sessions: SlotMap<CallKey, Rc<RefCell<Call>>>,
    /// Those that have sent something which is not written out.
    sent: Vec<Rc<RefCell<Call>>>,
}

impl Calls {
    fn any_goes_on(&self) -> bool {
        let mut sessions = self.sessions.values();
        sessions.any(|call| call.borrow().end.is_none())
    }

    fn stop(&self, stop: &Stop) {
        for call in self.sessions.values() {
            call.borrow_mut().stop(stop.end());
        }
    }
}

/// Starts a session: its stream is opened and read by a task of its own.
fn start(
    shared: &Rc<Shared>,
    calls: &mut Calls,
    script: Arc<Script>,
    now: RunTime,
    tasks: &mut JoinSet<CallKey>,
) {
    if let Some(interval_ns) = script.index.interval_ns {
        let shortest = &mut shared.desk.borrow_mut().account.interval_ns;
        *shortest = Some(shortest.map_or(interval_ns, |known| known.min(interval_ns)));
    }
    let mut call = None;
    let key = calls.sessions.insert_with_key(|key| {
        let of_key = Rc::new(RefCell::new(Call::new(shared, key, script, now)));
        call.insert(of_key).clone()
    });
    let Some(call) = call else { return };
    {
        let call = &mut *call.borrow_mut();
        if shared.spec.messages {
            call.enter(Entry::Opened(call.script.clone()));
        }
        call.pump(shared, now);
        shared.apply(&mut call.effects);
    }
    shared.gauges.started_sessions.fetch_add(1, Relaxed);
    shared.gauges.active_sessions.fetch_add(1, Relaxed);
    let shared = shared.clone();
    tasks.spawn_local(async move {
        let end = converse(&shared, &call).await;
        {
            let mut call = call.borrow_mut();
            call.finish(&shared, &end);
            shared.apply(&mut call.effects);
        }
        shared.gauges.active_sessions.fetch_sub(1, Relaxed);
        shared.gauges.ended_sessions.fetch_add(1, Relaxed);
        key
    });
}

/// Does what is due: all of it is sent, then written, so that what goes to one connection leaves in one piece and
/// nothing comes between the pieces, and then noted.
fn ring(shared: &Shared, calls: &mut Calls, now: RunTime) {
    let horizon = RunTime(now.0 + shared.spec.coalesce_ns);
    while calls.sent.len() < AT_ONCE {
        let due = shared.desk.borrow_mut().timers.take_due(horizon);
        let Some((at, timer)) = due else { break };
        let (Timer::Send(key) | Timer::BargeIn(key) | Timer::Overdue(key) | Timer::Settled(key)) =
            timer;
        let Some(of_key) = calls.sessions.get(key) else {
            continue;
        };
        let mut call = of_key.borrow_mut();
        match timer {
            Timer::Send(_) => call.on_timer(shared, at, now),
            Timer::BargeIn(_) => call.barge_in(shared, at, now),
            Timer::Overdue(_) => call.check_deadline(shared, now),
            Timer::Settled(_) => call.on_settled(shared, at),
        }
        shared.apply(&mut call.effects);
        calls.sent.push(of_key.clone());
    }
    for call in &calls.sent {
        call.borrow().put_out();
    }
    for call in calls.sent.drain(..) {
        let mut call = call.borrow_mut();
        call.note_all_written(shared);
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
