//! The thread that makes the requests of a closed loop before they are due: each with all its audio,
//! as soon as the one before it has started.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::crew::{AHEAD_NS, Crew};
use super::requests::{RequestSpec, Requests};
use super::script::Script;
use super::shelf::Shelf;
use super::users::Users;
use crate::trace::TraceError;
use crate::trace::stream::Bundle;
use crate::units::RunTime;

/// Longest time without a look at whether requests are still needed.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time between looks while there is no room for more audio.
const WAIT_FOR_ROOM: Duration = Duration::from_millis(2);

/// A closed loop: who is there, and what they say.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedLoopSpec {
    /// The users.
    pub users: Users,
    /// What they say.
    pub requests: RequestSpec,
}

/// Makes requests as they are ordered.
pub(super) struct Supply {
    requests: Requests,
    bundle: Arc<Bundle>,
    shelf: Shelf,
    orders: Receiver<u32>,
    /// Made when there was no room for all of its audio.
    unfinished: Option<(u32, Script)>,
    workers: Vec<UnboundedSender<Script>>,
}

impl Supply {
    /// The supply of a closed loop, and the users of each of so many workers. The requests of users
    /// who come soon are made at once.
    ///
    /// # Errors
    /// A clip that cannot be read.
    pub(super) fn new(
        spec: &ClosedLoopSpec,
        bundle: &Arc<Bundle>,
        limit_bytes: usize,
        workers: usize,
    ) -> Result<(Supply, Vec<Crew>), TraceError> {
        let users = Arc::new(spec.users.clone());
        let (orders, ordered) = channel();
        let (senders, receivers): (Vec<_>, Vec<UnboundedReceiver<Script>>) =
            (0..workers).map(|_| unbounded_channel()).unzip();
        let faster = spec.requests.call.pace.is_faster_than_speech();
        let crews = receivers.into_iter().enumerate().map(|(worker, scripts)| {
            Crew::new(
                users.clone(),
                worker,
                workers,
                scripts,
                orders.clone(),
                !faster,
            )
        });
        let crews = crews.collect();
        let peak = users.peak();
        let mut supply = Supply {
            requests: Requests::new(spec.requests.clone(), peak, bundle.clips.len()),
            bundle: bundle.clone(),
            shelf: Shelf::new(bundle.clone(), limit_bytes),
            orders: ordered,
            unfinished: None,
            workers: senders,
        };
        for user in 0..peak {
            let start = users.next_start(user, RunTime(0));
            if start.is_none_or(|start| start.0 > AHEAD_NS) {
                continue;
            }
            if supply.unfinished.is_some() {
                // There is no room now: as soon as there is.
                let _ = orders.send(user);
                continue;
            }
            let script = supply.requests.next(user, &bundle.clips);
            match supply.provide(&script)? {
                true => supply.hand(user, script),
                false => supply.unfinished = Some((user, script)),
            }
        }
        Ok((supply, crews))
    }

    /// Makes what is ordered until nobody orders any more, or it is no longer needed.
    ///
    /// # Errors
    /// As for [`Supply::new`].
    pub(super) fn run(mut self, needed: impl Fn() -> bool) -> Result<(), TraceError> {
        while needed() {
            let (user, script) = match self.unfinished.take() {
                Some(unfinished) => unfinished,
                None => match self.orders.recv_timeout(LOOK_EVERY) {
                    Ok(user) => (user, self.requests.next(user, &self.bundle.clips)),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                },
            };
            while !self.provide(&script)? {
                if !needed() {
                    return Ok(());
                }
                std::thread::sleep(WAIT_FOR_ROOM);
            }
            self.hand(user, script);
        }
        Ok(())
    }

    /// Puts all its audio into a script; `false` while there is no room for all of it.
    fn provide(&mut self, script: &Script) -> Result<bool, TraceError> {
        for stretch in 0..script.outline.stretches.len() {
            if !self.shelf.provide(script, stretch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn hand(&self, user: u32, script: Script) {
        let worker = user as usize % self.workers.len();
        // Refused only by a worker that has ended.
        let _ = self.workers[worker].send(script);
    }
}

/// How a worker orders the next request of a user.
pub(super) type Orders = Sender<u32>;
