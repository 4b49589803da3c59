//! What opens a worker's connections: where they go, and what came of it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::book::{Book, why};
use crate::clock::monotonic_ns;
use crate::results::manifest::ConnectFailure;
use crate::results::settings::Balance;
use crate::transport::channel::{
    CONNECT_TIMEOUT, Channel, ConnectError, Connector, SETTINGS_TIMEOUT,
};
use crate::transport::race::{Race, Told, http2, settles};

/// How long a connection's own address is waited for before the next is tried as well.
const FALL_OVER: Duration = Duration::from_secs(3);
/// The same while sessions wait and no connection is open, of a gateway that opens them faster.
pub(in crate::replay) const HURRY: Duration = Duration::from_millis(300);

/// Why a session got no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::replay) struct NotReady {
    /// In a sentence.
    pub(in crate::replay) reason: String,
    /// Whether a limit of this machine is to blame, not the gateway.
    pub(in crate::replay) ours: bool,
}

impl From<ConnectError> for NotReady {
    fn from(error: ConnectError) -> NotReady {
        NotReady {
            reason: error.to_string(),
            ours: error.is_our_limit(),
        }
    }
}

/// Opens the connections of one worker.
pub(super) struct Opener {
    pub(super) connector: Connector,
    pub(super) balance: Balance,
    /// How long a connection's own address is waited for while sessions wait and no connection is open.
    hurried: Duration,
    book: RefCell<Book>,
    /// The shortest time that a connection has taken.
    fastest_ns: Cell<Option<i64>>,
    /// Streams that the server takes at once, the fewest of all connections.
    stream_limit: Cell<usize>,
    /// Connections that have been begun, and those of them that are being opened.
    begun: Cell<u64>,
    under_way: Cell<u64>,
    /// The latest that failed: its number among those begun, and why.
    failure: RefCell<Option<(u64, Rc<NotReady>)>>,
    /// Sessions that wait while no connection is open, and that there is one.
    needed: Cell<usize>,
    hurry: Notify,
    /// Tells all who wait that a connection was opened, or was not.
    pub(super) changed: Notify,
}

impl Opener {
    /// Of a gateway whose connections usually take `usual_ns` to open.
    pub(super) fn new(connector: Connector, balance: Balance, usual_ns: i64) -> Rc<Opener> {
        let usual = Duration::from_nanos(u64::try_from(usual_ns).unwrap_or(0));
        Rc::new(Opener {
            connector,
            balance,
            hurried: HURRY.max(2 * usual),
            book: RefCell::default(),
            fastest_ns: Cell::default(),
            stream_limit: Cell::new(usize::MAX),
            begun: Cell::default(),
            under_way: Cell::default(),
            failure: RefCell::default(),
            needed: Cell::default(),
            hurry: Notify::new(),
            changed: Notify::new(),
        })
    }

    /// Connections that have been begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// Whether any is being opened.
    pub(super) fn is_opening(&self) -> bool {
        self.under_way.get() > 0
    }

    /// The shortest time that a connection has taken.
    pub(super) fn fastest_ns(&self) -> Option<i64> {
        self.fastest_ns.get()
    }

    /// Streams that the server takes at once on a connection, the fewest of all; `None` without a
    /// limit.
    pub(super) fn stream_limit(&self) -> Option<usize> {
        Some(self.stream_limit.get()).filter(|limit| *limit < usize::MAX)
    }

    /// Why there is no connection, if one that was begun after the first `before` has failed.
    pub(super) fn failure_since(&self, before: u64) -> Option<Rc<NotReady>> {
        let failure = self.failure.borrow();
        let (_, why) = failure.as_ref().filter(|(number, _)| *number > before)?;
        Some(why.clone())
    }

    /// A connection is being opened; returns its number among all.
    pub(super) fn begin(&self) -> u64 {
        self.begun.set(self.begun.get() + 1);
        self.under_way.set(self.under_way.get() + 1);
        self.begun.get()
    }

    /// What came of the one with this number is known, and its connection is in place.
    pub(super) fn end(&self, number: u64, failure: Option<Rc<NotReady>>) {
        self.under_way.set(self.under_way.get() - 1);
        if let Some(why) = failure {
            *self.failure.borrow_mut() = Some((number, why));
        }
        self.changed.notify_waiters();
    }

    /// A session waits, and no connection is open: as long as what is returned lives.
    pub(super) fn need(&self) -> Need<'_> {
        self.needed.set(self.needed.get() + 1);
        self.hurry.notify_waiters();
        Need(self)
    }

    async fn needed(&self) {
        while self.needed.get() == 0 {
            self.hurry.notified().await;
        }
    }

    /// Opens connection number `number`: to its own address, or when that does not answer soon, to the
    /// first of the others that does.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn open(self: &Rc<Opener>, number: u32) -> Result<Channel, ConnectError> {
        let start = match self.balance {
            Balance::RoundRobin => number as usize,
            Balance::First => 0,
        };
        let (mut channel, mut took_ns) = self.first(number, start).await?;
        let begun_ns = monotonic_ns() - took_ns;
        let settled = match is_late(took_ns) {
            true => self.settled(&mut channel).await,
            false => Settled::Yes,
        };
        took_ns = monotonic_ns() - begun_ns;
        let silent = channel.peer;
        let others = self.connector.addresses(Duration::MAX).await?.len() > 1;
        match settled {
            Settled::Yes => {}
            Settled::No => {
                self.silent(number, silent);
                return Err(ConnectError::TimedOut {
                    address: silent.to_string(),
                    seconds: CONNECT_TIMEOUT.as_secs(),
                });
            }
            // Where nobody else answers it will have to do: what it is worth, the sessions will show.
            Settled::Needed if others => {
                if let Ok(other) = self.first(number, start + 1).await {
                    self.silent(number, silent);
                    (channel, took_ns) = other;
                }
            }
            Settled::Needed => {}
        }
        self.answered(number, &channel, took_ns);
        Ok(channel)
    }

    /// A connection to the address number `start` or to the first after it that answers, and how many
    /// nanoseconds it took.
    async fn first(
        self: &Rc<Opener>,
        number: u32,
        start: usize,
    ) -> Result<(Channel, i64), ConnectError> {
        let pause = async || {
            let hurried = async {
                tokio::time::sleep(self.hurried).await;
                self.needed().await;
            };
            let _ = tokio::time::timeout(FALL_OVER, hurried).await;
        };
        let (mut race, mut told) = (Race::default(), self.told(number));
        let opened = race
            .first(&self.connector, http2, start, pause, &mut told)
            .await;
        let opened = opened.inspect_err(|_| self.book.borrow_mut().forget(number))?;
        let opener = self.clone();
        // What becomes of those that were overtaken is of interest all the same.
        tokio::task::spawn_local(async move { race.rest(&mut opener.told(number)).await });
        Ok(opened)
    }

    /// Opens connection number `number` to this address and no other; `None` where it does not answer.
    pub(super) async fn open_only(&self, number: u32, peer: SocketAddr) -> Option<Channel> {
        let begun_ns = monotonic_ns();
        (self.told(number))(peer, Told::Begun);
        match self.connector.connect_only(peer).await {
            Ok(channel) => {
                self.answered(number, &channel, monotonic_ns() - begun_ns);
                Some(channel)
            }
            Err(error) => {
                (self.told(number))(peer, Told::Failed(&error));
                None
            }
        }
    }

    /// What the book has by now, the end of the run.
    pub(super) fn close(&self) -> Book {
        self.book.take().close(monotonic_ns())
    }

    fn told(&self, number: u32) -> impl FnMut(SocketAddr, Told<'_>) {
        move |peer, told| {
            let mut book = self.book.borrow_mut();
            match told {
                Told::Begun => book.begun(number, peer, monotonic_ns()),
                Told::Answered(took_ns) => book.answered(number, peer, took_ns),
                Told::Failed(error) => book.failed(number, peer, why(error)),
            }
        }
    }

    fn answered(&self, number: u32, channel: &Channel, took_ns: i64) {
        self.book
            .borrow_mut()
            .answered(number, channel.peer, took_ns);
        let fastest_ns = self.fastest_ns.get();
        self.fastest_ns
            .set(Some(fastest_ns.map_or(took_ns, |known| known.min(took_ns))));
        let limit = self.stream_limit.get().min(channel.max_streams());
        self.stream_limit.set(limit);
    }

    /// The server of a connection did not tell its settings in time.
    fn silent(&self, number: u32, peer: SocketAddr) {
        let why = ConnectFailure::NoSettings;
        self.book.borrow_mut().failed(number, peer, why);
    }

    /// Waits for the settings of a connection that came without them.
    async fn settled(&self, channel: &mut Channel) -> Settled {
        let left = CONNECT_TIMEOUT.saturating_sub(SETTINGS_TIMEOUT);
        tokio::select! {
            settled = settles(channel) => match settled {
                true => Settled::Yes,
                false => Settled::No,
            },
            () = self.needed() => Settled::Needed,
            () = tokio::time::sleep(left) => Settled::No,
        }
    }
}

/// Whether the settings of a server have come.
enum Settled {
    Yes,
    No,
    /// Not yet, and a session waits while no connection is open.
    Needed,
}

/// That a session waits while no connection is open.
pub(super) struct Need<'a>(&'a Opener);

impl Drop for Need<'_> {
    fn drop(&mut self) {
        self.0.needed.set(self.0.needed.get() - 1);
    }
}

/// Whether a connection took so long that its server may not have told its settings yet.
fn is_late(took_ns: i64) -> bool {
    u128::try_from(took_ns).is_ok_and(|took| took >= SETTINGS_TIMEOUT.as_nanos())
}
