//! What a gateway shows on a WebSocket: whether it agrees to one, how its session begins, and how long a ping
//! takes. Every wait has an end. The session is given up before anything is said in it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, Request, StatusCode};
use tokio::time::timeout;

use super::addresses::{Found, try_each};
use crate::clock::{RunClock, epoch_now, monotonic_ns};
use crate::conversation::message::{Reply, ServerMessage, Start};
use crate::dialect::{DialectSession, Part};
use crate::replay::{ReplaySpec, USER_AGENT};
use crate::transport::channel::{ConnectError, Connector, TlsFacts};
use crate::transport::ended::{EndCode, Ended};
use crate::transport::outcome::{Progress, Sent};
use crate::transport::secrets::Secrets;
use crate::transport::websocket::dialler::Line;
use crate::transport::websocket::{Connection, Incoming, Outgoing, handshake};
use crate::units::SampleRate;

/// Longest wait for the answer to the upgrade, and for the session to be ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// Round trips that are timed.
const PINGS: usize = 3;
/// How long a round trip may take.
const PING_PATIENCE: Duration = Duration::from_secs(2);
/// Whose values of `--session-vars` are used: those of the first.
pub(super) const SESSION: u64 = 0;

/// What an open connection showed.
#[derive(Debug)]
pub struct Shown {
    /// What TLS agreed on; `None` in clear.
    pub tls: Option<TlsFacts>,
    /// How long each answer was waited for.
    pub patience_ns: i64,
    /// What came of the request for a WebSocket.
    pub upgrade: Upgrade,
    /// How the session began; `None` without a WebSocket.
    pub session: Option<Session>,
    /// Round trips of pings, up to the first that was not answered in time; `None` where nobody was there to ask.
    pub round_trips_ns: Option<Vec<i64>>,
}

impl Shown {
    /// Whether a caller could have spoken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let session = self.session.as_ref();
        let is_ready = |beginning: &Beginning| {
            matches!(beginning, Beginning::Ready { .. } | Beginning::Unsaid)
        };
        session.is_some_and(|session| is_ready(&session.beginning))
    }
}

/// What came of the request for a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// Until it was answered, or was not.
    pub took_ns: i64,
    /// The answer.
    pub answer: Answer,
}

/// The answer to a request for a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The server agreed. A subprotocol may hold a key, so that only its place is kept.
    Agreed {
        /// How many subprotocols were offered.
        offered: usize,
        /// Which of them it chose, counted from 1.
        chosen: Option<usize>,
    },
    /// It refused, or is no server of WebSockets.
    Refused(Ended),
    /// There was none in time.
    Missing,
}

/// How a session began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The protocol's name of the server's first message, and when it came after the upgrade.
    pub first: Option<(String, i64)>,
    /// What came of it.
    pub beginning: Beginning,
}

/// What came of the beginning of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// A caller may speak.
    Ready {
        /// The protocol's name of the message that said so.
        name: String,
        /// When it came after the upgrade.
        took_ns: i64,
    },
    /// A caller may speak: servers of this protocol do not say so.
    Unsaid,
    /// The server said that the session cannot be.
    Refused(String),
    /// A message was none of the protocol.
    Unreadable(&'static str),
    /// The stream ended.
    Ended(Ended),
    /// It did not come to it in time.
    Missing,
}

impl Beginning {
    /// The same without what is secret in the request, which the server may repeat.
    fn without(self, secrets: &Secrets) -> Beginning {
        match self {
            Beginning::Refused(words) => Beginning::Refused(secrets.hidden_in(words)),
            beginning => beginning,
        }
    }
}

/// Tries the gateway's addresses and begins a session at the first that answers, as a call of `spec` would.
///
/// # Errors
/// A name without address.
pub async fn inspect(
    connector: &Connector,
    spec: &ReplaySpec,
) -> Result<Found<Shown>, ConnectError> {
    let open = async |peer| Line::open(connector.clone(), peer).await;
    let ask = async |line| ask(line, connector, spec).await;
    try_each(connector, open, ask).await
}

async fn ask(mut line: Line, connector: &Connector, spec: &ReplaySpec) -> Shown {
    let given = Duration::from_nanos(spec.timeout_ns.unsigned_abs());
    let patience = PATIENCE.min(given);
    let mut shown = Shown {
        tls: line.facts.take(),
        patience_ns: i64::try_from(patience.as_nanos()).unwrap_or(i64::MAX),
        upgrade: Upgrade {
            took_ns: 0,
            answer: Answer::Missing,
        },
        session: None,
        round_trips_ns: None,
    };
    let begun = monotonic_ns();
    let request = request(connector, spec).map_err(|why| Ended::new(EndCode::Broken, why));
    let secrets = request.as_ref().map(Secrets::of).unwrap_or_default();
    let opened = request.and_then(|request| {
        let offered = offered(request.headers());
        let (outgoing, incoming) = Connection::of(line).open(&request)?;
        Ok((outgoing, incoming, offered))
    });
    let (outgoing, incoming, offered) = match opened {
        Ok(opened) => opened,
        Err(ended) => {
            shown.upgrade.answer = Answer::Refused(ended);
            return shown;
        }
    };
    let mut stream = Stream {
        outgoing,
        incoming,
        clock: RunClock::new(&epoch_now()),
    };
    let answered = timeout(patience, stream.upgraded(&offered)).await;
    shown.upgrade = Upgrade {
        took_ns: monotonic_ns() - begun,
        answer: answered.unwrap_or(Answer::Missing),
    };
    if !matches!(shown.upgrade.answer, Answer::Agreed { .. }) {
        return shown;
    }
    let mut heard = Heard::new(spec);
    let begun = timeout(patience, heard.begin(&mut stream)).await;
    let ended = heard.ended.take();
    if let Some(ended) = ended.as_ref().filter(|end| is_wrong(end)) {
        shown.upgrade.answer = Answer::Refused(ended.clone());
        return shown;
    }
    let is_over = ended.is_some();
    let beginning = match (begun, ended) {
        (Ok(()), None) | (Err(_), _) => heard.beginning,
        (Ok(()), Some(ended)) => heard.beginning.or(Some(Beginning::Ended(ended))),
    };
    shown.session = Some(Session {
        first: heard.first,
        beginning: beginning.unwrap_or(Beginning::Missing).without(&secrets),
    });
    if !is_over {
        shown.round_trips_ns = Some(stream.round_trips().await);
        stream.outgoing.cancel();
    }
    shown
}

/// The request that a call would make.
fn request(connector: &Connector, spec: &ReplaySpec) -> Result<Request<()>, String> {
    let endpoint = connector.endpoint();
    let headers = spec.filled_headers(SESSION);
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = [("user-agent", USER_AGENT)].into_iter().chain(headers);
    let request = handshake::request(endpoint, &spec.path(endpoint, SESSION, &start()), headers)?;
    Ok(spec.signed(request, SESSION))
}

/// What the session is.
fn start() -> Start {
    Start {
        session_id: "doctor".to_owned(),
        sample_rate_hz: SampleRate::PREPARED.0.cast_signed(),
        ..Start::default()
    }
}

/// The subprotocols in these headers.
fn offered(headers: &HeaderMap) -> Vec<String> {
    let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    let lists = lists.filter_map(|list| list.to_str().ok());
    let names = lists.flat_map(|list| list.split(',')).map(str::trim);
    names.map(str::to_owned).collect()
}

/// Whether a stream ended as the server's agreement was to something else.
fn is_wrong(ended: &Ended) -> bool {
    matches!(ended.code, EndCode::Http(_))
}

/// A stream that was asked for.
struct Stream {
    outgoing: Outgoing,
    incoming: Incoming,
    clock: RunClock,
}

impl Stream {
    /// Ready once what was refused for want of room may be tried again.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // When a frame was written would be told first.
        while self.outgoing.take_written(&self.clock).is_some() {}
        self.outgoing.poll_room(context)
    }

    async fn upgraded(&mut self, offered: &[String]) -> Answer {
        loop {
            let progress = poll_fn(|context| self.incoming.poll_read(context, |_| {}));
            match progress.await {
                Progress::Head(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                    let chosen = head.headers.get(SEC_WEBSOCKET_PROTOCOL);
                    let chosen = chosen.and_then(|chosen| chosen.to_str().ok());
                    let place = offered.iter().position(|name| Some(&**name) == chosen);
                    return Answer::Agreed {
                        offered: offered.len(),
                        chosen: place.map(|place| place + 1),
                    };
                }
                Progress::Head(_) | Progress::Read => {}
                Progress::Ended(ended) => return Answer::Refused(ended),
            }
        }
    }

    async fn round_trips(&mut self) -> Vec<i64> {
        let mut round_trips_ns = Vec::new();
        while round_trips_ns.len() < PINGS {
            let begun = monotonic_ns();
            if timeout(PING_PATIENCE, self.ping()).await != Ok(true) {
                break;
            }
            round_trips_ns.push(monotonic_ns() - begun);
        }
        round_trips_ns
    }

    /// Whether the server answered a ping.
    async fn ping(&mut self) -> bool {
        let mut asked = false;
        while !asked || self.outgoing.awaits_pong() {
            let progress = poll_fn(|context| {
                while !asked {
                    match self.outgoing.ping(b"voicelt doctor") {
                        Sent::Taken => asked = true,
                        Sent::Blocked if self.poll_room(context).is_ready() => {}
                        Sent::Blocked | Sent::Gone => break,
                    }
                }
                self.incoming.poll_read(context, |_| {})
            });
            if let Progress::Ended(_) = progress.await {
                return false;
            }
        }
        true
    }
}

/// What is heard of a session, and said so that it begins.
struct Heard<'a> {
    spec: &'a ReplaySpec,
    dialect: DialectSession,
    unsent: VecDeque<Bytes>,
    is_started: bool,
    since_ns: i64,
    first: Option<(String, i64)>,
    beginning: Option<Beginning>,
    ended: Option<Ended>,
}

impl Heard<'_> {
    fn new(spec: &ReplaySpec) -> Heard<'_> {
        Heard {
            spec,
            dialect: spec.dialect.session(1, |column| spec.var(column, SESSION)),
            unsent: VecDeque::new(),
            is_started: false,
            since_ns: monotonic_ns(),
            first: None,
            beginning: None,
            ended: None,
        }
    }

    /// Says what the session is to be as soon as the protocol allows it, and reads until it is ready or cannot be.
    async fn begin(&mut self, stream: &mut Stream) {
        while self.beginning.is_none() && self.ended.is_none() {
            self.start();
            let progress = poll_fn(|context| {
                while let Some(message) = self.unsent.front() {
                    match stream.outgoing.try_send(&message.clone().into(), false) {
                        Sent::Taken => drop(self.unsent.pop_front()),
                        Sent::Blocked if stream.poll_room(context).is_ready() => {}
                        Sent::Blocked | Sent::Gone => break,
                    }
                }
                stream.outgoing.write_out();
                if self.unsent.is_empty() && !self.spec.dialect.nature().says_ready {
                    self.beginning = Some(Beginning::Unsaid);
                    return Poll::Ready(Progress::Read);
                }
                stream
                    .incoming
                    .poll_read(context, |message| self.message(message))
            });
            if let Progress::Ended(ended) = progress.await {
                self.ended = Some(ended);
            }
        }
    }

    fn start(&mut self) {
        if self.is_started || !self.dialect.may_send(Part::Start) {
            return;
        }
        self.is_started = true;
        let messages = self.dialect.start(monotonic_ns(), start());
        let messages = messages.into_iter();
        let filled = messages.map(|message| self.spec.filled_json(message, SESSION));
        self.unsent.extend(filled);
    }

    fn message(&mut self, message: Bytes) {
        if self.beginning.is_some() {
            return;
        }
        let took_ns = monotonic_ns() - self.since_ns;
        let name = self.spec.dialect.name_of(&message);
        let name = name.unwrap_or_else(|| "a message".to_owned());
        self.first.get_or_insert_with(|| (name.clone(), took_ns));
        let mut beginning = None;
        let decoded = self.dialect.decode(took_ns, message, |reply: Reply| {
            let found = match reply.what {
                ServerMessage::Ready => Beginning::Ready {
                    name: name.clone(),
                    took_ns,
                },
                ServerMessage::Error(words) => Beginning::Refused(words),
                _ => return,
            };
            beginning.get_or_insert(found);
        });
        self.beginning = match decoded {
            Ok(()) => beginning,
            Err(reason) => Some(Beginning::Unreadable(reason)),
        };
    }
}
