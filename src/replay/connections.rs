//! A worker's connections: opened before the run, opened again when one is lost, shared out evenly among
//! its sessions, and moved to where the gateway's name leads.
//!
//! A session waits here, not inside the transport, when the server takes no more streams: so that it is seen
//! to wait, and gets the first place that becomes free on any connection.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::results::settings::Balance;
use crate::transport::channel::{Channel, ConnectError, Connector, Endpoint};
use crate::transport::stream::Connection;

/// Connections that are being opened at once before a run: few enough for a listener's backlog.
pub(super) const BATCH: u32 = 32;
/// How often a session that waits for a place looks whether the server has raised its limit, or
/// the connection was lost; places that become free are told at once.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How connections are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Where they go.
    pub balance: Balance,
    /// Whether each is opened at the first session that needs it, instead of before the run.
    pub cold: bool,
    /// How often the gateway's name is looked up again; never where it is zero.
    pub resolve_every: Duration,
}

impl Default for Opening {
    /// To each address in turn, before the run; the name is looked up every ten seconds.
    fn default() -> Opening {
        Opening {
            balance: Balance::default(),
            cold: false,
            resolve_every: Duration::from_secs(10),
        }
    }
}

/// Why a session got no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotReady {
    /// In a sentence.
    pub(super) reason: String,
    /// Whether a limit of this machine is to blame, not the gateway.
    pub(super) ours: bool,
}

impl From<ConnectError> for NotReady {
    fn from(error: ConnectError) -> NotReady {
        NotReady {
            reason: error.to_string(),
            ours: error.is_our_limit(),
        }
    }
}

/// Where a connection is, was, or is to be.
struct Slot {
    number: u32,
    line: RefCell<Option<Connection>>,
    /// Places taken on the present connection; those who wait for it to open have one already.
    taken: RefCell<Rc<Cell<usize>>>,
    /// Held by whoever opens it.
    opening: Mutex<()>,
}

impl Slot {
    fn new(number: u32) -> Rc<Slot> {
        Rc::new(Slot {
            number,
            line: RefCell::default(),
            taken: RefCell::default(),
            opening: Mutex::default(),
        })
    }

    fn load(&self) -> usize {
        self.taken.borrow().get()
    }

    /// The connection, if it is open. A lost one is forgotten; its last sessions no longer count.
    fn line(&self) -> Option<Connection> {
        let mut line = self.line.borrow_mut();
        if line.as_ref().is_some_and(Connection::is_lost) {
            *line = None;
            self.taken.replace(Rc::default());
        }
        line.clone()
    }

    /// How many streams the server takes at once; unknown while there is no connection.
    fn stream_limit(&self) -> Option<usize> {
        let line = self.line()?;
        Some(line.max_streams())
    }

    /// The connection, opened if need be; those who come meanwhile wait for the same one.
    async fn open(
        &self,
        connector: &Connector,
        balance: Balance,
    ) -> Result<Connection, ConnectError> {
        if let Some(line) = self.line() {
            return Ok(line);
        }
        let _sole = self.opening.lock().await;
        if let Some(line) = self.line() {
            return Ok(line);
        }
        let start = match balance {
            Balance::RoundRobin => self.number as usize,
            Balance::First => 0,
        };
        Ok(self.use_from_now(connector.connect(start).await?))
    }

    /// Puts a connection in place of the one before, whose streams go on.
    fn use_from_now(&self, channel: Channel) -> Connection {
        let (line, kept) = Connection::of(channel);
        // Those who wait for a connection to open have their places on it already.
        if self.line.borrow().is_some() {
            self.taken.replace(Rc::default());
        }
        let taken = self.taken.borrow().clone();
        // It ends with the worker's task set; its streams tell why it was lost.
        tokio::task::spawn_local(async move { kept.run(|| taken.get() > 0).await });
        *self.line.borrow_mut() = Some(line.clone());
        line
    }

    /// Moves the connection to where one that is opened now would lead; what cannot be reached leaves
    /// it as it is.
    async fn follow(&self, connector: &Connector, balance: Balance, addresses: &[SocketAddr]) {
        let Some(line) = self.line() else { return };
        let home = match balance {
            Balance::RoundRobin => addresses[self.number as usize % addresses.len()],
            Balance::First if addresses.contains(&line.peer()) => return,
            Balance::First => addresses[0],
        };
        if home == line.peer() {
            return;
        }
        let _sole = self.opening.lock().await;
        if let Ok(channel) = connector.connect_only(home).await {
            self.use_from_now(channel);
        }
    }
}

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
        let taken = slot.taken.borrow().clone();
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
        Rc::ptr_eq(&self.taken, &self.slot.taken.borrow()) && self.rank <= line.max_streams()
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
    _place: Place,
}

/// The connections of one worker.
pub(super) struct Connections {
    connector: Connector,
    balance: Balance,
    slots: Vec<Rc<Slot>>,
    /// Where the search for the next session's connection begins.
    next: Cell<usize>,
    /// Held by the session that is to get the next place: who came first is served first.
    turn: Mutex<()>,
    freed: Rc<Notify>,
}

impl Connections {
    /// Opens the connections with these numbers, at least one, unless they are to be opened cold;
    /// must run inside a local task set.
    ///
    /// A limit of this machine is an error only when not a single connection could be opened:
    /// otherwise those that are not open are tried again when a session is to use them.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub(super) async fn open(
        connector: Connector,
        numbers: std::ops::Range<u32>,
        opening: Opening,
    ) -> Result<Connections, ConnectError> {
        let connections = Connections {
            connector,
            balance: opening.balance,
            slots: numbers.map(Slot::new).collect(),
            next: Cell::new(0),
            turn: Mutex::default(),
            freed: Rc::default(),
        };
        if !opening.cold {
            connections.open_all().await?;
        }
        if !connections.connector.is_address() && !opening.resolve_every.is_zero() {
            connections.follow(opening.resolve_every);
        }
        Ok(connections)
    }

    /// One that is open already.
    #[cfg(test)]
    pub(super) fn over(connection: Connection) -> Connections {
        let connections = Connections {
            connector: Connector::to(vec![connection.peer()]),
            balance: Balance::First,
            slots: vec![Slot::new(0)],
            next: Cell::new(0),
            turn: Mutex::default(),
            freed: Rc::default(),
        };
        *connections.slots[0].line.borrow_mut() = Some(connection);
        connections
    }

    /// Looks the gateway's name up from time to time, and moves connections to where it leads. Ends with
    /// the worker's task set.
    fn follow(&self, every: Duration) {
        let (slots, connector) = (self.slots.clone(), self.connector.clone());
        let balance = self.balance;
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(every).await;
                // Workers look at about the same time, and one look-up is enough for all.
                let Ok(addresses) = connector.addresses(every / 2).await else {
                    continue;
                };
                for slot in &slots {
                    slot.follow(&connector, balance, &addresses).await;
                }
            }
        });
    }

    async fn open_all(&self) -> Result<(), ConnectError> {
        for batch in self.slots.chunks(BATCH as usize) {
            let mut opened = JoinSet::new();
            for slot in batch {
                let (slot, connector, balance) =
                    (slot.clone(), self.connector.clone(), self.balance);
                opened.spawn_local(async move { slot.open(&connector, balance).await.map(drop) });
            }
            let mut limit = None;
            while let Some(joined) = opened.join_next().await {
                match joined {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) if error.is_our_limit() => limit = Some(error),
                    Ok(Err(error)) => return Err(error),
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                }
            }
            match limit {
                Some(_) if self.slots.iter().any(|slot| slot.line().is_some()) => break,
                Some(error) => return Err(error),
                None => {}
            }
        }
        Ok(())
    }

    /// A place on the connection with the fewest sessions; equals take turns. Waits while the
    /// server takes no further stream on any; opens a connection that is closed or was lost.
    ///
    /// # Errors
    /// A connection that cannot be opened.
    pub(super) async fn ready(&self) -> Result<Ready, NotReady> {
        loop {
            let place = self.place().await;
            let line = place.slot.open(&self.connector, self.balance).await?;
            // While it was closed nobody knew the limit: more may have come than it takes.
            if place.is_on(&line) {
                return Ok(Ready {
                    connection: line,
                    number: place.slot.number,
                    _place: place,
                });
            }
        }
    }

    /// Where they go.
    pub(super) fn endpoint(&self) -> &Endpoint {
        self.connector.endpoint()
    }

    /// How many streams the server takes at once on one connection, the least of all that are
    /// open; `None` when it sets no limit, or no connection is open.
    pub(super) fn stream_limit(&self) -> Option<usize> {
        let limits = self.slots.iter().filter_map(|slot| slot.stream_limit());
        limits.min().filter(|limit| *limit < usize::MAX)
    }

    async fn place(&self) -> Place {
        let _turn = self.turn.lock().await;
        loop {
            if let Some(slot) = self.least_loaded() {
                return Place::take(slot, &self.freed);
            }
            // Freed, or time to look again: either way the answer is to look.
            let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
    }

    /// The slot with the fewest sessions among those that have room.
    fn least_loaded(&self) -> Option<&Rc<Slot>> {
        let start = self.next.get();
        let mut best: Option<(usize, &Rc<Slot>)> = None;
        for nth in (start..self.slots.len()).chain(0..start) {
            let slot = &self.slots[nth];
            // The load is compared first: it costs nothing to look at, the limit a lock.
            if best.is_none_or(|(_, best)| slot.load() < best.load())
                && slot.stream_limit().is_none_or(|limit| slot.load() < limit)
            {
                best = Some((nth, slot));
            }
        }
        let (nth, slot) = best?;
        self.next.set((nth + 1) % self.slots.len());
        Some(slot)
    }
}
