//! A worker's connections: opened in the background, opened again when one is lost, shared out evenly among
//! its sessions, and moved to where the gateway's name leads.
//!
//! A session waits here, not inside the transport, when the server takes no more streams: so that it is seen
//! to wait, and gets the first place that becomes free on any connection. It never waits for a connection
//! that does not open while another is open. `slot` is the place of one connection, `opener` opens them and
//! `book` keeps what came of it. Where each session has a connection of its own, `lines` are opened for them.

mod book;
mod lines;
mod opener;
mod opening;
mod slot;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::clock::monotonic_ns;
#[cfg(test)]
use crate::results::settings::Balance;
use crate::transport::channel::{Connector, Endpoint};
use crate::transport::endpoint::Carrier;
use crate::transport::stream::Connection;
use crate::transport::websocket::dialler::Dialler;
use crate::units::{NS_PER_MS, NS_PER_S};

pub(super) use book::Book;
use lines::Lines;
pub(super) use lines::{AHEAD_NS, Series};
pub(super) use opener::HURRY;
use opener::{NotReady, Opener};
pub use opening::Opening;
use slot::{Slot, State};

/// Connections that are being opened at once when a run starts: few enough for a listener's backlog.
pub(super) const BATCH: u32 = 32;
/// How often a session that waits for a place looks whether the server has raised its limit, or
/// the connection was lost; places that become free are told at once.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
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
struct Place {
    slot: Rc<Slot>,
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
    fn is_on(&self, line: &Connection) -> bool {
        Rc::ptr_eq(&self.taken, &self.slot.taken()) && self.rank <= line.max_streams()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.set(self.taken.get() - 1);
        self.freed.notify_one();
    }
}

/// A connection that takes a stream now. The place on it is held until this is dropped, so it must
/// outlive the stream.
pub(super) struct Ready {
    pub(super) connection: Connection,
    pub(super) number: u32,
    _place: Option<Place>,
}

/// Where connections come from. It is made before a worker's thread asks to come before others, so that the thread that
/// opens those which sessions have for themselves does not.
pub(super) enum Source {
    Shared(Connector),
    Single(Dialler),
}

impl Source {
    /// That of connections by `connector`, as its endpoint's carrier has them.
    ///
    /// # Errors
    /// The system's, of a thread.
    pub(super) fn of(connector: Connector) -> io::Result<Source> {
        match connector.endpoint().carrier {
            Carrier::Http2 => Ok(Source::Shared(connector)),
            Carrier::WebSocket => Dialler::start(connector).map(Source::Single),
        }
    }

    /// Connections of a worker, one of which usually takes `usual_ns`: with these `numbers` where sessions share them,
    /// and with those of the `series` where each has its own. Must run inside a local task set.
    pub(super) fn begin(
        self,
        numbers: std::ops::Range<u32>,
        series: Series,
        opening: Opening,
        usual_ns: i64,
    ) -> Connections {
        match self {
            Source::Shared(connector) => Connections::begin(connector, numbers, opening, usual_ns),
            Source::Single(dialler) => Connections::one_each(dialler, series, opening, usual_ns),
        }
    }
}

/// The connections of one worker; clones are the same ones.
#[derive(Clone)]
pub(super) struct Connections(Kind);

#[derive(Clone)]
enum Kind {
    /// Each carries many sessions.
    Shared(Rc<Pool>),
    /// Each carries one.
    Single(Rc<Lines>),
}

struct Pool {
    opener: Rc<Opener>,
    slots: Vec<Rc<Slot>>,
    cold: bool,
    /// Whether those of the start are still being opened one after the other.
    starting: Rc<Cell<bool>>,
    /// Where the search for the next session's connection begins.
    next: Cell<usize>,
    /// Held by the session that is to get the next place: who came first is served first.
    turn: Mutex<()>,
    freed: Rc<Notify>,
}

impl Connections {
    /// Begins to open the connections with these numbers, at least one, unless they are to be opened
    /// cold; one usually takes `usual_ns`. Must run inside a local task set, with which all that goes on
    /// in the background ends.
    fn begin(
        connector: Connector,
        numbers: std::ops::Range<u32>,
        opening: Opening,
        usual_ns: i64,
    ) -> Connections {
        let follows = !connector.is_address() && !opening.resolve_every.is_zero();
        let pool = Pool {
            opener: Opener::new(connector, opening.balance, usual_ns),
            slots: numbers.map(Slot::new).collect(),
            cold: opening.cold,
            starting: Rc::new(Cell::new(!opening.cold)),
            next: Cell::new(0),
            turn: Mutex::default(),
            freed: Rc::default(),
        };
        if !opening.cold {
            pool.start();
        }
        if follows {
            pool.follow(opening.resolve_every);
        }
        Connections(Kind::Shared(Rc::new(pool)))
    }

    /// Has a connection opened by `dialler` for each session, shortly before it starts where its
    /// start is [expected](Self::expect) and connections are not opened cold; one usually takes `usual_ns`. They have
    /// the numbers of `series`: its first, and each so many after the one before. Must run inside a local task set.
    fn one_each(dialler: Dialler, series: Series, opening: Opening, usual_ns: i64) -> Connections {
        let fresh = match opening.resolve_every.is_zero() {
            true => Duration::MAX,
            false => opening.resolve_every,
        };
        let how = (opening.balance, opening.cold, fresh);
        let lines = Lines::new(dialler, series, how, usual_ns);
        Connections(Kind::Single(lines))
    }

    #[cfg(test)]
    fn pool(&self) -> &Pool {
        match &self.0 {
            Kind::Shared(pool) => pool,
            Kind::Single(_) => panic!("each session has a connection of its own"),
        }
    }

    /// One that is open already.
    #[cfg(test)]
    pub(super) fn over(connection: Connection) -> Connections {
        let connector = Connector::to(vec![connection.peer()]);
        Connections(Kind::Shared(Rc::new(Pool {
            opener: Opener::new(connector, Balance::First, 0),
            slots: vec![Slot::over(connection)],
            cold: false,
            starting: Rc::default(),
            next: Cell::new(0),
            turn: Mutex::default(),
            freed: Rc::default(),
        })))
    }

    /// A place on the connection with the fewest sessions; equals take turns. Waits while no connection
    /// is open, and while the server takes no further stream on any. Where each session has its own, one that is
    /// open, or that is opened now.
    ///
    /// # Errors
    /// No connection is open, or is being opened, and one that was begun since then has failed; or a limit
    /// of this machine kept that of the session from being opened.
    pub(super) async fn ready(&self) -> Result<Ready, NotReady> {
        let pool = match &self.0 {
            Kind::Shared(pool) => pool,
            Kind::Single(lines) => {
                let (line, number) = lines.ready().await?;
                return Ok(Ready {
                    connection: Connection::of_line(line),
                    number,
                    _place: None,
                });
            }
        };
        let before = pool.opener.begun();
        let mut may_wait = true;
        loop {
            let place = pool.place(before, may_wait).await?;
            let Some(line) = pool.line_of(&place).await? else {
                // Once is enough.
                may_wait = false;
                continue;
            };
            // While it was closed nobody knew the limit: more may have come than it takes.
            if place.is_on(&line) {
                return Ok(Ready {
                    connection: line,
                    number: place.slot.number,
                    _place: Some(place),
                });
            }
        }
    }

    /// Where they go.
    pub(super) fn endpoint(&self) -> &Endpoint {
        match &self.0 {
            Kind::Shared(pool) => pool.opener.connector.endpoint(),
            Kind::Single(lines) => lines.endpoint(),
        }
    }

    /// How often it is worth saying what is [expected](Self::expect), in nanoseconds; `None` where that changes nothing.
    pub(super) fn expects_every_ns(&self) -> Option<i64> {
        match &self.0 {
            Kind::Shared(_) => None,
            Kind::Single(_) => Some(lines::LOOK_NS),
        }
    }

    /// So many sessions start within [`AHEAD_NS`].
    pub(super) fn expect(&self, sessions: usize) {
        if let Kind::Single(lines) = &self.0 {
            lines.expect(sessions);
        }
    }

    /// How many streams the server takes at once on one connection, the least of all that were
    /// opened; `None` when it sets no limit, or no connection was open.
    pub(super) fn stream_limit(&self) -> Option<usize> {
        match &self.0 {
            Kind::Shared(pool) => pool.opener.stream_limit(),
            Kind::Single(_) => None,
        }
    }

    /// What came of the connections, at the end of the run.
    pub(super) fn close(&self) -> Book {
        match &self.0 {
            Kind::Shared(pool) => pool.opener.close(),
            Kind::Single(lines) => lines.close(),
        }
    }
}

impl Pool {
    /// Opens all in the background, a few at a time. Stops at a limit of this machine: those that are
    /// left are tried when a session is to use them.
    fn start(&self) {
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
    fn follow(&self, every: Duration) {
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
    async fn place(&self, before: u64, may_wait: bool) -> Result<Place, NotReady> {
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
    async fn line_of(&self, place: &Place) -> Result<Option<Connection>, NotReady> {
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
