//! The thread that makes the requests of a closed loop before they are due: each with all its audio,
//! as soon as the one before it has started.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::audio_cache::AudioCache;
use super::population::Population;
use super::requests::{RequestSpec, Requests};
use super::script::Script;
use super::users::{AHEAD_NS, Users};
use crate::dialect::Dialect;
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
    pub users: Population,
    /// What they say.
    pub requests: RequestSpec,
}

/// Makes requests as they are ordered.
pub(super) struct RequestProducer {
    requests: Requests,
    bundle: Arc<Bundle>,
    audio_cache: AudioCache,
    orders: Receiver<u32>,
    /// Made when there was no room for all of its audio.
    unfinished: Option<(u32, Script)>,
    workers: Vec<UnboundedSender<Script>>,
}

impl RequestProducer {
    /// What makes the requests of a closed loop, and the users of each of so many workers. The requests of users
    /// who come soon are made at once.
    ///
    /// # Errors
    /// A clip that cannot be read.
    pub(super) fn new(
        dialect: Dialect,
        spec: &ClosedLoopSpec,
        bundle: &Arc<Bundle>,
        limit_bytes: usize,
        workers: usize,
    ) -> Result<(RequestProducer, Vec<Users>), TraceError> {
        let population = Arc::new(spec.users.clone());
        let (orders, ordered) = channel();
        let (senders, receivers): (Vec<_>, Vec<UnboundedReceiver<Script>>) =
            (0..workers).map(|_| unbounded_channel()).unzip();
        let faster = spec.requests.call.pace.is_faster_than_speech();
        let of_workers = receivers.into_iter().enumerate().map(|(worker, scripts)| {
            Users::new(
                population.clone(),
                worker,
                workers,
                scripts,
                orders.clone(),
                !faster,
            )
        });
        let of_workers = of_workers.collect();
        let peak = population.peak();
        let nature = dialect.nature();
        let clips = bundle.clips.len();
        let mut producer = RequestProducer {
            requests: Requests::new(spec.requests.clone(), nature, peak, clips),
            bundle: bundle.clone(),
            audio_cache: AudioCache::new(dialect, bundle.clone(), limit_bytes),
            orders: ordered,
            unfinished: None,
            workers: senders,
        };
        for user in 0..peak {
            let start = population.next_start(user, RunTime(0));
            if start.is_none_or(|start| start.0 > AHEAD_NS) {
                continue;
            }
            if producer.unfinished.is_some() {
                // There is no room now: as soon as there is.
                let _ = orders.send(user);
                continue;
            }
            let script = producer.requests.next(user, &bundle.clips);
            match producer.provide(&script)? {
                true => producer.hand(user, script),
                false => producer.unfinished = Some((user, script)),
            }
        }
        Ok((producer, of_workers))
    }

    /// Makes what is ordered until nobody orders any more, or it is no longer needed.
    ///
    /// # Errors
    /// As for [`RequestProducer::new`].
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
        for stretch in 0..script.index.stretches.len() {
            if !self.audio_cache.provide(script, stretch)? {
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
