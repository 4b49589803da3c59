//! Connections that carry many sessions: which of them is the next session's, and when one is opened again.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use super::opener::{NotReady, Opener};
use super::slot::{Slot, State};
use crate::clock::monotonic_ns;
use crate::transport::stream::Connection;
use crate::units::{NS_PER_MS, NS_PER_S};

/// Connections that are being opened at once when a run starts: few enough for a listener's backlog.
pub(in crate::replay) const BATCH: u32 = 32;
/// How often a session that waits for a place looks whether the server has raised its limit, or
/// the connection was lost; places that become free are told at once.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A connection that is being opened takes its share of the sessions as long as it may be expected to open as
/// fast as the fastest: for twice that time, but no longer than this after it, and a margin. The sessions
/// of a first moment are then not all on the connection that opens first.
const BEHIND_NS: i64 = 250 * NS_PER_MS;
const MARGIN_NS: i64 = 50 * NS_PER_MS;
/// How long a session waits for a connection of its own where they are opened cold, while others are open.
const COLD_NS: i64 = NS_PER_S;
/// How long after a failure a connection is tried again.
const REST_NS: i64 = NS_PER_S;

/// A session's place on a connection, given back when dropped.
pub(super) struct Place {
    pub(super) slot: Rc<Slot>,
    taken: Rc<Cell<usize>>,
    /// Which place it is, from 1.
    rank: usize,
    freed: Rc<Notify>,
}

impl Place {
    fn take(slot: &Rc<Slot>, freed: &Rc<Notify>) -> Place {
        let taken = slot.taken();
        taken.set(taken.get() + 1);
        Place {
            slot: slot.clone(),
            rank: taken.get(),
            taken,
            freed: freed.clone(),
        }
    }

    /// Whether the place is on this connection, and the server takes as many.
    pub(super) fn is_on(&self, line: &Connection) -> bool {
        Rc::ptr_eq(&self.taken, &self.slot.taken()) && self.rank <= line.max_streams()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.set(self.taken.get() - 1);
        self.freed.notify_one();
    }
}

/// The shared connections of one worker.
pub(super) struct Pool {
    pub(super) opener: Rc<Opener>,
    pub(super) slots: Vec<Rc<Slot>>,
    pub(super) cold: bool,
    /// Whether those of the start are still being opened one after the other.
    pub(super) starting: Rc<Cell<bool>>,
    /// Where the search for the next session's connection begins.
    pub(super) next: Cell<usize>,
    /// Held by the session that is to get the next place: who came first is served first.
    pub(super) turn: Mutex<()>,
    pub(super) freed: Rc<Notify>,
}

impl Pool {
    /// Opens all in the background, a few at a time. Stops at a limit of this machine: those that are
    /// left are tried when a session is to use them.
    pub(super) fn start(&self) {
        let (slots, opener) = (self.slots.clone(), self.opener.clone());
        let starting = self.starting.clone();
        tokio::task::spawn_local(async move {
            let mut opening = JoinSet::new();
            for slot in &slots {
                if opening.len() >= BATCH as usize {
                    let _ = opening.join_next().await;
                }
                if opener.failure_since(0).is_some_and(|why| why.ours) {
                    break;
                }
                opening.spawn_local(slot.open(&opener));
            }
            starting.set(false);
            opener.changed.notify_waiters();
            while opening.join_next().await.is_some() {}
        });
    }

    /// Looks the gateway's name up from time to time, and moves connections to where it leads.
    pub(super) fn follow(&self, every: Duration) {
        let (slots, opener) = (self.slots.clone(), self.opener.clone());
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(every).await;
                // Workers look at about the same time, and one look-up is enough for all.
                let Ok(addresses) = opener.connector.addresses(every / 2).await else {
                    continue;
                };
                for slot in &slots {
                    slot.follow(&opener, &addresses).await;
                }
            }
        });
    }

    /// A place on a connection that is open, or may be expected to open in time where a session
    /// `may_wait` for that.
    pub(super) async fn place(&self, before: u64, may_wait: bool) -> Result<Place, NotReady> {
        let _turn = self.turn.lock().await;
        loop {
            if let Some(slot) = self.least_loaded(may_wait) {
                return Ok(Place::take(slot, &self.freed));
            }
            let is_open = self.is_any_open();
            if !is_open && !self.opener.is_opening() && !self.starting.get() {
                match self.opener.failure_since(before) {
                    Some(why) => return Err((*why).clone()),
                    None => self.open(self.wanted()),
                }
            }
            let _need = (!is_open).then(|| self.opener.need());
            // Freed, opened, or time to look again: whatever it is, the answer is to look.
            tokio::select! {
                () = self.freed.notified() => {}
                () = self.opener.changed.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// The connection of a place, as soon as it is open; `None` when another is to be looked for.
    pub(super) async fn line_of(&self, place: &Place) -> Result<Option<Connection>, NotReady> {
        let mut is_tried = false;
        loop {
            if let Some(line) = place.slot.line() {
                return Ok(Some(line));
            }
            match place.slot.state() {
                State::Opening { .. } if self.is_awaited(&place.slot) => is_tried = true,
                State::Failed { why, .. } if is_tried => {
                    return if why.ours {
                        Err((*why).clone())
                    } else {
                        Ok(None)
                    };
                }
                _ if self.is_awaited(&place.slot) => {
                    is_tried = true;
                    self.open(&place.slot);
                }
                _ => return Ok(None),
            }
            let left_ns = self.patience_ns(&place.slot).unwrap_or(i64::MAX);
            let left = Duration::from_nanos(u64::try_from(left_ns).unwrap_or(0));
            let _need = (!self.is_any_open()).then(|| self.opener.need());
            tokio::select! {
                () = self.opener.changed.notified() => {}
                () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    /// Opens a connection in the background.
    fn open(&self, slot: &Rc<Slot>) {
        tokio::task::spawn_local(slot.open(&self.opener));
    }

    fn is_any_open(&self) -> bool {
        self.slots.iter().any(|slot| slot.line().is_some())
    }

    /// How much longer a connection that is being opened is waited for while others are open; `None`
    /// as long as none has been.
    fn patience_ns(&self, slot: &Slot) -> Option<i64> {
        let State::Opening { since_ns, .. } = slot.state() else {
            return None;
        };
        let fastest_ns = self.opener.fastest_ns()?;
        let patience_ns = match self.cold {
            true => COLD_NS,
            false => fastest_ns + fastest_ns.min(BEHIND_NS) + MARGIN_NS,
        };
        Some(since_ns + patience_ns - monotonic_ns())
    }

    /// Whether sessions may take a place on this connection that is not open, and wait for it: it is
    /// being opened for the first time, and not late; or it is theirs to open, since it was left to them,
    /// or to find that a limit of this machine still stands.
    fn is_awaited(&self, slot: &Slot) -> bool {
        match slot.state() {
            State::Untried => !self.starting.get(),
            State::Opening { is_awaited, .. } => {
                is_awaited && self.patience_ns(slot).is_none_or(|left| left > 0)
            }
            State::Failed { why, .. } => why.ours,
            State::Opened => false,
        }
    }

    /// The slot with the fewest sessions among those that are open and have room, and where a session
    /// `may_wait` those that are [awaited](Pool::is_awaited). One with as few that was lost or failed is
    /// opened in the background.
    fn least_loaded(&self, may_wait: bool) -> Option<&Rc<Slot>> {
        let (mut best, mut least) = (None, (usize::MAX, true));
        for (nth, slot) in self.in_turn() {
            let (load, mut is_after) = (slot.load(), false);
            // The load is compared first: it costs nothing to look at, the limit a lock.
            if (load, is_after) >= least {
                continue;
            }
            let has_room = match slot.stream_limit() {
                Some(limit) => load < limit,
                None => {
                    // Of equals those that are open come first, unless sessions are to open them.
                    is_after = !self.cold;
                    may_wait && (load, is_after) < least && self.is_awaited(slot)
                }
            };
            if has_room {
                (best, least) = (Some((nth, slot)), (load, is_after));
            }
        }
        let wanted = self.wanted();
        if wanted.line().is_none() && is_due(wanted) {
            self.open(wanted);
        }
        let (nth, slot) = best?;
        self.next.set((nth + 1) % self.slots.len());
        Some(slot)
    }

    /// The slot with the fewest sessions that is not being opened, whether it is open or not.
    fn wanted(&self) -> &Rc<Slot> {
        let slots = self.in_turn().map(|(_, slot)| slot);
        let least = slots.filter(|slot| !slot.is_opening());
        let least = least.min_by_key(|slot| slot.load());
        least.unwrap_or(&self.slots[0])
    }

    fn in_turn(&self) -> impl Iterator<Item = (usize, &Rc<Slot>)> {
        let start = self.next.get();
        let numbers = (start..self.slots.len()).chain(0..start);
        numbers.map(|nth| (nth, &self.slots[nth]))
    }
}

/// Whether a connection that is not open is to be opened again by now.
fn is_due(slot: &Slot) -> bool {
    match slot.state() {
        State::Opened => true,
        State::Failed { at_ns, why } => !why.ours && monotonic_ns() - at_ns > REST_NS,
        State::Untried | State::Opening { .. } => false,
    }
}
