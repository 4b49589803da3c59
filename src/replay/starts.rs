//! What a worker starts next: the sessions of a plan, or the requests of its users.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::script::Script;
use super::users::{Ended, Users};
use crate::live::gauges::Gauges;
use crate::units::RunTime;

/// What a worker starts next.
pub(super) enum Starts {
    /// Sessions, whatever is answered.
    Planned(Planned),
    /// Requests of users who wait for answers.
    Users(Users),
}

/// The sessions of a plan that are ready and have not started, in order.
pub(super) struct Planned {
    scripts: UnboundedReceiver<Arc<Script>>,
    ready: VecDeque<Arc<Script>>,
    ended: bool,
}

impl Starts {
    /// Those that come through `scripts`, in order of their start.
    pub(super) fn planned(scripts: UnboundedReceiver<Arc<Script>>) -> Starts {
        Starts::Planned(Planned {
            scripts,
            ready: VecDeque::new(),
            ended: false,
        })
    }

    /// Takes what is ready; nothing starts any more once `stopped`.
    pub(super) fn take(&mut self, now: RunTime, stopped: bool, gauges: &Gauges) {
        match self {
            Starts::Planned(planned) => planned.take(stopped),
            Starts::Users(users) => users.take(now, stopped, gauges),
        }
    }

    /// The next that is to start by `now`.
    pub(super) fn next_due(&mut self, now: RunTime, gauges: &Gauges) -> Option<Arc<Script>> {
        match self {
            Starts::Planned(planned) => planned.ready.pop_front_if(|script| script.start <= now),
            Starts::Users(users) => users.next_due(now, gauges),
        }
    }

    /// When there is something to be done next, as far as that is known.
    pub(super) fn next_at(&self) -> Option<RunTime> {
        match self {
            Starts::Planned(planned) => planned.ready.front().map(|script| script.start),
            Starts::Users(users) => users.next_at(),
        }
    }

    /// How many start by `at`, as far as that is known.
    pub(super) fn due_by(&self, at: RunTime) -> usize {
        match self {
            Starts::Planned(planned) => planned.ready.partition_point(|script| script.start <= at),
            Starts::Users(users) => users.due_by(at),
        }
    }

    /// Whether [`Starts::more`] is worth waiting for.
    pub(super) fn wants_more(&self) -> bool {
        match self {
            Starts::Planned(planned) => planned.ready.is_empty() && !planned.ended,
            Starts::Users(users) => users.wants_more(),
        }
    }

    /// Waits for one more to become ready, or the end of them; loses nothing when dropped.
    pub(super) async fn more(&mut self) {
        match self {
            Starts::Planned(planned) => match planned.scripts.recv().await {
                Some(script) => planned.ready.push_back(script),
                None => planned.ended = true,
            },
            Starts::Users(users) => users.more().await,
        }
    }

    /// Whether nothing starts any more, unless as a consequence of what is under way.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Starts::Planned(planned) => planned.ready.is_empty() && planned.ended,
            Starts::Users(users) => users.is_over(),
        }
    }

    /// A session ended.
    pub(super) fn ended(&mut self, script: &Script, ended: Ended, gauges: &Gauges) {
        if let (Starts::Users(users), Some(user)) = (self, script.user) {
            users.ended(user, ended, gauges);
        }
    }
}

impl Planned {
    fn take(&mut self, stopped: bool) {
        if stopped {
            self.ready.clear();
            self.ended = true;
        }
        while !self.ended {
            match self.scripts.try_recv() {
                Ok(script) => self.ready.push_back(script),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.ended = true,
            }
        }
    }
}
