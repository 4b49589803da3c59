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
mod pool;
mod slot;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::Mutex;

#[cfg(test)]
use crate::results::settings::Balance;
use crate::transport::channel::{Connector, Endpoint};
use crate::transport::ended::Ended;
use crate::transport::endpoint::Carrier;
use crate::transport::stream::Connection;
use crate::transport::websocket::dialler::{Dialler, Line};

pub(super) use book::Book;
use lines::Lines;
pub(super) use lines::{AHEAD_NS, Series};
pub(super) use opener::HURRY;
use opener::{NotReady, Opener};
pub use opening::Opening;
pub(super) use pool::BATCH;
use pool::{Place, Pool};
use slot::Slot;

/// A connection that takes a stream now. The place on it is held until this is dropped, so it must
/// outlive the stream.
pub(super) struct Ready {
    pub(super) connection: Connection,
    pub(super) number: u32,
    _place: Option<Place>,
}

impl Ready {
    /// A connection that one session has.
    fn of(line: Line, number: u32) -> Ready {
        Ready {
            connection: Connection::of_line(line),
            number,
            _place: None,
        }
    }
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
                return Ok(Ready::of(line, number));
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

    /// A connection of a session's own to another place; `None` where sessions share connections.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn to_other(&self, endpoint: Endpoint) -> Option<Result<Ready, NotReady>> {
        let Kind::Single(lines) = &self.0 else {
            return None;
        };
        let taken = lines.to_other(endpoint).await;
        Some(taken.map(|(line, number)| Ready::of(line, number)))
    }

    /// The whole answer to a request, whose body has at most `most` bytes; `None` where sessions share connections.
    ///
    /// # Errors
    /// There was none, or one that is no success.
    pub(super) async fn exchange(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> Option<Result<Response<Bytes>, Ended>> {
        match &self.0 {
            Kind::Shared(_) => None,
            Kind::Single(lines) => Some(lines.exchange(request, most).await),
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
