//! A place for a connection: opened in the background, opened again when it is lost, and moved to where
//! the gateway's name leads.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use super::opener::{NotReady, Opener};
use crate::clock::monotonic_ns;
use crate::results::settings::Balance;
use crate::transport::channel::Channel;
use crate::transport::stream::Connection;

/// How far a connection has come that is not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody has tried to open it.
    Untried,
    /// It is being opened since this instant; whether sessions wait for it, or it has been in vain before.
    Opening { since_ns: i64, is_awaited: bool },
    /// It could not be opened.
    Failed { at_ns: i64, why: Rc<NotReady> },
    /// It was opened; where it is not open, it was lost.
    Opened,
}

/// Where a connection is, was, or is to be.
pub(super) struct Slot {
    pub(super) number: u32,
    line: RefCell<Option<Connection>>,
    /// Places taken on the present connection; those who wait for it to open have one already.
    taken: RefCell<Rc<Cell<usize>>>,
    state: RefCell<State>,
}

impl Slot {
    pub(super) fn new(number: u32) -> Rc<Slot> {
        Rc::new(Slot {
            number,
            line: RefCell::default(),
            taken: RefCell::default(),
            state: RefCell::new(State::Untried),
        })
    }

    /// One whose connection is open already.
    #[cfg(test)]
    pub(super) fn over(connection: Connection) -> Rc<Slot> {
        let slot = Slot::new(0);
        *slot.line.borrow_mut() = Some(connection);
        *slot.state.borrow_mut() = State::Opened;
        slot
    }

    /// Sessions on it, or waiting for it.
    pub(super) fn load(&self) -> usize {
        self.taken.borrow().get()
    }

    /// Places taken on the present connection.
    pub(super) fn taken(&self) -> Rc<Cell<usize>> {
        self.taken.borrow().clone()
    }

    /// The connection, if it is open. A lost one is forgotten; its last sessions no longer count.
    pub(super) fn line(&self) -> Option<Connection> {
        let mut line = self.line.borrow_mut();
        if line.as_ref().is_some_and(Connection::is_lost) {
            *line = None;
            self.taken.replace(Rc::default());
        }
        line.clone()
    }

    /// How many streams the server takes at once; unknown while there is no connection.
    pub(super) fn stream_limit(&self) -> Option<usize> {
        let line = self.line()?;
        Some(line.max_streams())
    }

    /// How far its connection has come, if it is not open.
    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(&*self.state.borrow(), State::Opening { .. })
    }

    /// Begins to open the connection. What is returned does so, in a task of the caller's; nobody else
    /// is to begin before its end.
    pub(super) fn open(self: &Rc<Slot>, opener: &Rc<Opener>) -> impl Future<Output = ()> + use<> {
        let (slot, opener) = (self.clone(), opener.clone());
        let is_awaited = match &*self.state.borrow() {
            State::Untried => true,
            State::Failed { why, .. } => why.ours,
            State::Opening { .. } | State::Opened => false,
        };
        let since_ns = monotonic_ns();
        self.state.replace(State::Opening {
            since_ns,
            is_awaited,
        });
        let attempt = opener.begin();
        async move {
            let failure = match opener.open(slot.number).await {
                Ok(channel) => {
                    slot.use_from_now(channel);
                    slot.state.replace(State::Opened);
                    None
                }
                Err(error) => {
                    let (at_ns, why) = (monotonic_ns(), Rc::new(NotReady::from(error)));
                    slot.state.replace(State::Failed {
                        at_ns,
                        why: why.clone(),
                    });
                    Some(why)
                }
            };
            opener.end(attempt, failure);
        }
    }

    /// Puts a connection in place of the one before, whose streams go on.
    fn use_from_now(&self, channel: Channel) {
        let (line, kept) = Connection::of(channel);
        // Those who wait for a connection to open have their places on it already.
        if self.line.borrow().is_some() {
            self.taken.replace(Rc::default());
        }
        let taken = self.taken();
        // It ends with the worker's task set; its streams tell why it was lost.
        tokio::task::spawn_local(async move { kept.run(|| taken.get() > 0).await });
        *self.line.borrow_mut() = Some(line);
    }

    /// Moves the connection to where one that is opened now would lead; what cannot be reached leaves
    /// it as it is.
    pub(super) async fn follow(&self, opener: &Opener, addresses: &[SocketAddr]) {
        let Some(line) = self.line() else { return };
        let home = match opener.balance {
            Balance::RoundRobin => addresses[self.number as usize % addresses.len()],
            Balance::First if addresses.contains(&line.peer()) => return,
            Balance::First => addresses[0],
        };
        if home == line.peer() {
            return;
        }
        if let Some(channel) = opener.open_only(self.number, home).await {
            self.use_from_now(channel);
        }
    }
}
