//! What all sessions of a worker share, and where their effects are carried out.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError};

use hdrhistogram::Histogram;
use tokio::sync::Notify;

use super::accumulator::{Accumulator, lag_histogram, record};
use super::connections::Connections;
use super::effect::Effect;
use super::entry::Entry;
use super::facts::RunFacts;
use super::idle::Idle;
use super::message_queue::MessageQueue;
use super::spec::ReplaySpec;
use super::timers::Timers;
use crate::clock::RunClock;
use crate::live::gauges::Gauges;
use crate::results::settings::Granted;
use crate::units::RunTime;

/// What a worker tells at its end.
pub(super) struct Account {
    /// Lags of its session starts.
    pub(super) start_lag: Histogram<u64>,
    /// Rows that the sink had no room for.
    pub(super) rows_lost: u64,
    /// Times that audio was not there when it was due.
    pub(super) audio_misses: u64,
    /// Sessions that a limit of this machine kept from starting, and the limit's message.
    pub(super) not_started: u64,
    pub(super) limit: Option<String>,
    /// The shortest of its sessions' usual chunk intervals.
    pub(super) interval_ns: Option<i64>,
    /// The scheduling that the system granted.
    pub(super) scheduling: Option<Granted>,
    /// Streams that the gateway allows on a connection, where it set a limit.
    pub(super) stream_limit: Option<usize>,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            start_lag: lag_histogram(),
            rows_lost: 0,
            audio_misses: 0,
            not_started: 0,
            limit: None,
            interval_ns: None,
            scheduling: None,
            stream_limit: None,
        }
    }
}

/// What all sessions of a worker share.
pub(super) struct Shared {
    pub(super) spec: Arc<ReplaySpec>,
    pub(super) run: Arc<RunFacts>,
    pub(super) clock: RunClock,
    pub(super) connections: Connections,
    pub(super) gauges: Arc<Gauges>,
    pub(super) sink: SyncSender<Entry>,
    pub(super) desk: RefCell<Desk>,
    pub(super) idle: Idle,
    /// How long the pacer's loop means to sleep; the beginning of time while it is awake.
    pub(super) asleep_until: Cell<RunTime>,
    /// A timer was set that comes before the end of its sleep.
    pub(super) changed: Notify,
}

/// What sessions change by their effects.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) timers: Timers,
    pub(super) accumulator: Accumulator,
    pub(super) account: Account,
    pub(super) messages: MessageQueue,
}

impl Shared {
    /// Carries out what follows from a session's last step, and empties it.
    pub(super) fn apply(&self, effects: &mut Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let desk = &mut *self.desk.borrow_mut();
        for effect in effects.drain(..) {
            match effect {
                Effect::Timer(at, timer) => {
                    desk.timers.set(at, timer);
                    if at < self.asleep_until.get() {
                        self.changed.notify_one();
                    }
                }
                Effect::Entry(entry) => self.enter(&mut desk.account, entry),
                Effect::Message(message) => {
                    let lost = desk.messages.push(message, &self.sink);
                    desk.account.rows_lost += lost as u64;
                }
                Effect::Ended(session) => desk.messages.end(session),
                Effect::Chunk(left) => {
                    desk.accumulator.chunk(&left);
                    self.gauges.lag.record(left.lag.0);
                }
                Effect::Start(left) => {
                    desk.accumulator.start(&left);
                    record(&mut desk.account.start_lag, left.lag);
                }
                Effect::AudioMissing => desk.account.audio_misses += 1,
            }
        }
    }

    /// Hands over what is kept of messages.
    pub(super) fn hand_over(&self) {
        let desk = &mut *self.desk.borrow_mut();
        let lost = desk.messages.hand_over(&self.sink);
        desk.account.rows_lost += lost as u64;
    }

    /// Up to when a wait for the peer that is found to be over `now` was the peer's: what came after this
    /// thread had last come back from waiting may have waited for us, and is our lag.
    pub(super) fn blame_until(&self, now: RunTime) -> RunTime {
        self.idle.until(&self.clock).min(now)
    }

    /// A limit of this machine kept a session from starting.
    pub(super) fn not_started(&self, reason: &str) {
        let account = &mut self.desk.borrow_mut().account;
        account.not_started += 1;
        account.limit.get_or_insert_with(|| reason.to_owned());
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

    /// Hands an entry to the sink without ever waiting: what has no room is counted as lost.
    pub(super) fn enter(&self, account: &mut Account, entry: Entry) {
        match self.sink.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => account.rows_lost += 1,
        }
    }
}
