//! The users of one worker: whose request is due when, and what follows from its end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedReceiver;

use super::population::Population;
use super::script::Script;
use crate::live::gauges::Gauges;
use crate::units::{NS_PER_S, RunTime};

/// How long before a user comes the first request is ordered.
pub(super) const AHEAD_NS: i64 = 5 * NS_PER_S;

/// Shortest time from a request that could not begin to the next: whoever gets no line tries again, but
/// not a thousand times a second.
const RETRY_NS: i64 = NS_PER_S;

/// How a worker orders the next request of a user.
pub(super) type Orders = Sender<u32>;

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// When.
    pub(super) at: RunTime,
    /// When the user has heard the last of its answers.
    pub(super) heard_until: RunTime,
    /// Whether its stream was opened.
    pub(super) opened: bool,
}

/// The users of one worker.
pub(super) struct Users {
    population: Arc<Population>,
    scripts: UnboundedReceiver<Script>,
    orders: Orders,
    /// Of each user of this worker.
    members: Vec<Member>,
    /// A worker's users are `worker`, `worker + workers`, and so on.
    worker: usize,
    workers: usize,
    /// Requests that are due and whose script is here, by their instant.
    ready: BinaryHeap<Reverse<(RunTime, usize)>>,
    /// Users who have a next request.
    waiting: usize,
    /// First requests that are to be ordered, by the instant at which they are due.
    to_order: BinaryHeap<Reverse<(RunTime, usize)>>,
    /// Users who stay though they would not be done thinking before they leave, by that instant.
    to_leave: BinaryHeap<Reverse<(RunTime, usize)>>,
    /// Users think from when they have heard the answer, not from the stream's end.
    hear_out: bool,
    stopped: bool,
}

#[derive(Default)]
struct Member {
    /// When the next request begins; `None` while one is under way, and for good at the end.
    due: Option<RunTime>,
    script: Option<Script>,
    /// Requests that have ended or are under way.
    requests: u32,
    /// Counted as there.
    present: bool,
}

impl Users {
    /// The users of worker number `worker` of so many. What those who come within [`AHEAD_NS`] say
    /// is ordered already.
    pub(super) fn new(
        population: Arc<Population>,
        worker: usize,
        workers: usize,
        scripts: UnboundedReceiver<Script>,
        orders: Orders,
        hear_out: bool,
    ) -> Users {
        let mut users = Users {
            members: Vec::new(),
            population,
            scripts,
            orders,
            worker,
            workers,
            ready: BinaryHeap::new(),
            waiting: 0,
            to_order: BinaryHeap::new(),
            to_leave: BinaryHeap::new(),
            hear_out,
            stopped: false,
        };
        for user in (worker as u32..users.population.peak()).step_by(workers) {
            let due = users.population.next_start(user, RunTime(0));
            if let Some(due) = due.filter(|due| due.0 > AHEAD_NS) {
                users.to_order.push(Reverse((due, users.members.len())));
            }
            users.waiting += usize::from(due.is_some());
            users.members.push(Member {
                due,
                ..Member::default()
            });
        }
        users
    }

    fn user(&self, member: usize) -> u32 {
        (self.worker + member * self.workers) as u32
    }

    /// Takes what the request_producer has ready; nothing begins any more once `stopped`.
    pub(super) fn take(&mut self, now: RunTime, stopped: bool, gauges: &Gauges) {
        if stopped && !self.stopped {
            self.stopped = true;
            self.ready.clear();
            self.to_order.clear();
            self.waiting = 0;
            while let Some(Reverse((_, member))) = self.to_leave.pop() {
                self.leave(member, gauges);
            }
            for member in 0..self.members.len() {
                if self.members[member].due.take().is_some() {
                    self.leave(member, gauges);
                }
            }
        }
        while let Some(Reverse((at, member))) = self.to_leave.peek().copied()
            && at <= now
        {
            self.to_leave.pop();
            self.leave(member, gauges);
        }
        while let Some(Reverse((due, member))) = self.to_order.peek().copied()
            && due.0 - AHEAD_NS <= now.0
        {
            self.to_order.pop();
            self.order(member);
        }
        while let Ok(script) = self.scripts.try_recv() {
            self.put(script);
        }
    }

    fn leave(&mut self, member: usize, gauges: &Gauges) {
        if std::mem::take(&mut self.members[member].present) {
            gauges.users.fetch_sub(1, Relaxed);
        }
    }

    fn order(&self, member: usize) {
        // Refused only when the run is being stopped.
        let _ = self.orders.send(self.user(member));
    }

    /// A request is ready to be sent when it is due.
    fn put(&mut self, script: Script) {
        let Some(user) = script.user else { return };
        let number = user as usize / self.workers;
        let Some(member) = self.members.get_mut(number) else {
            return;
        };
        member.script = Some(script);
        if let Some(due) = member.due {
            self.ready.push(Reverse((due, number)));
        }
    }

    /// Takes one script as it comes; waits for it.
    pub(super) async fn more(&mut self) {
        match self.scripts.recv().await {
            Some(script) => self.put(script),
            None => std::future::pending().await,
        }
    }

    /// How many requests are due by `at`, of those whose script is here.
    pub(super) fn due_by(&self, at: RunTime) -> usize {
        let due = self.ready.iter().filter(|Reverse((due, _))| *due <= at);
        due.count()
    }

    /// The next request that is due, its start set.
    pub(super) fn next_due(&mut self, now: RunTime, gauges: &Gauges) -> Option<Arc<Script>> {
        let Reverse((due, number)) = self.ready.peek().copied()?;
        if due > now {
            return None;
        }
        self.ready.pop();
        let member = &mut self.members[number];
        let mut script = member.script.take()?;
        script.start = due;
        member.due = None;
        self.waiting -= 1;
        member.requests += 1;
        gauges.offered_sessions.fetch_add(1, Relaxed);
        if !std::mem::replace(&mut member.present, true) {
            gauges.users.fetch_add(1, Relaxed);
        }
        if self.goes_on(number) {
            self.order(number);
        }
        Some(Arc::new(script))
    }

    /// When something is to be done next, as far as that is known.
    pub(super) fn next_at(&self) -> Option<RunTime> {
        let ready = self.ready.peek().map(|Reverse((due, _))| *due);
        let to_order = self.to_order.peek();
        let to_order = to_order.map(|Reverse((due, _))| RunTime(due.0 - AHEAD_NS));
        let to_leave = self.to_leave.peek().map(|Reverse((at, _))| *at);
        [ready, to_order, to_leave].into_iter().flatten().min()
    }

    /// Whether the member makes requests after those that have ended or are under way.
    fn goes_on(&self, member: usize) -> bool {
        let made = self.members[member].requests;
        let most = self.population.requests_per_user;
        !self.stopped && most.is_none_or(|most| made < most)
    }

    /// Whether nobody is to begin anything or to leave, unless it is after what is under way.
    pub(super) fn is_over(&self) -> bool {
        self.waiting == 0 && self.to_leave.is_empty()
    }

    /// A request of `user` ended.
    pub(super) fn ended(&mut self, user: u32, ended: Ended, gauges: &Gauges) {
        let number = user as usize / self.workers;
        let from = match self.hear_out {
            true => ended.at.max(ended.heard_until),
            false => ended.at,
        };
        let least_ns = if ended.opened { 0 } else { RETRY_NS };
        if number >= self.members.len() {
            return;
        }
        let goes_on = self.goes_on(number);
        let member = &mut self.members[number];
        let think_ns = self.population.think_ns(user, member.requests - 1);
        let thought = RunTime(from.0 + think_ns.max(least_ns));
        let next = match goes_on {
            true => self.population.next_start(user, thought),
            false => None,
        };
        member.due = next;
        self.waiting += usize::from(next.is_some());
        match (next, &member.script) {
            (Some(due), Some(_)) => self.ready.push(Reverse((due, number))),
            (None, _) => member.script = None,
            (Some(_), None) => {}
        }
        if next != Some(thought) {
            // Who thinks for too long is there all the same, and so is the load that was asked for.
            match self.population.leaves(user, ended.at) {
                Some(at) if goes_on => self.to_leave.push(Reverse((at, number))),
                _ => self.leave(number, gauges),
            }
        }
    }

    /// Whether scripts may still come that somebody waits for.
    pub(super) fn wants_more(&self) -> bool {
        !self.stopped
    }
}
