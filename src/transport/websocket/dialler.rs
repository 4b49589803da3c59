//! Opens connections off the threads that send: TCP and TLS, up to where a stream asks for its upgrade. What
//! a handshake of TLS costs, and how long a server takes to accept, then delays nobody.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use rustix::net::RecvFlags;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::rustls::{ClientConnection, Error as TlsError};

use super::exchange::exchange;
use crate::clock::monotonic_ns;
use crate::transport::channel::{CONNECT_TIMEOUT, ConnectError, Connector, TlsFacts, within};
use crate::transport::ended::Ended;
use crate::transport::endpoint::Endpoint;
use crate::transport::race::{Race, Told};

/// Other places whose connectors are kept.
const MOST_OTHERS: usize = 64;

/// A connection that nothing was asked on. It belongs to no runtime, so that any thread can take it over.
pub struct Line {
    /// Who answered.
    pub peer: SocketAddr,
    /// What TLS agreed on; `None` in clear.
    pub facts: Option<TlsFacts>,
    /// When it was open, on the monotonic clock.
    pub(super) connected_ns: i64,
    pub(super) stream: std::net::TcpStream,
    pub(super) tls: Option<Box<ClientConnection>>,
    pub(super) objections: Objections,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("peer", &self.peer)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// Opens one to `peer` and no other, within ten seconds: what [`Race::first`] is to do.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(connector: Connector, peer: SocketAddr) -> Result<Line, ConnectError> {
        within(CONNECT_TIMEOUT, peer, async {
            let stream = connector.socket(peer).await?;
            let secured = connector.secured(stream).await?;
            let (stream, tls, facts) = match secured {
                Err(stream) => (stream, None, None),
                Ok((stream, facts)) => {
                    let (stream, mut tls) = stream.into_inner();
                    // What is put in is taken out at once.
                    tls.set_buffer_limit(None);
                    (stream, Some(Box::new(tls)), Some(facts))
                }
            };
            let stream = stream.into_std();
            Ok(Line {
                peer,
                facts,
                connected_ns: monotonic_ns(),
                stream: stream.map_err(|source| ConnectError::tcp(peer, source))?,
                tls,
                objections: Objections(connector.clone()),
            })
        })
        .await
    }

    /// Whether the peer has hung up. Behind what TLS says by itself that is not seen.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match rustix::net::recv(&self.stream, &mut [0; 1], flags) {
            Ok((_, bytes)) => bytes == 0,
            Err(error) => error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR,
        }
    }
}

/// What a peer may have against us.
#[derive(Clone)]
pub(super) struct Objections(Connector);

impl Objections {
    /// Why it may have ended a connection on which it had said nothing, by this error or without a word.
    pub(super) fn to(&self, error: Option<&io::Error>) -> Option<String> {
        let failure = error
            .and_then(io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<TlsError>());
        let objection = self.0.objection(failure);
        objection.map(|objection| objection.to_string())
    }
}

/// How a connection is to be opened.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The number of the endpoint's address that is tried first, counted around.
    pub start: usize,
    /// How long those before have before the next address is tried as well.
    pub pause: Duration,
    /// How old the addresses may be.
    pub fresh: Duration,
}

/// What is to be told of each address that is tried.
type Tell = Box<dyn FnMut(SocketAddr, Told<'_>) + Send>;
/// A connection, and how many nanoseconds it took.
type Dialled = Result<(Line, i64), ConnectError>;

/// What is begun on the thread.
type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A thread that opens connections to one endpoint, or to where its webhook says. It ends, with all that is under
/// way, when this is dropped.
pub struct Dialler {
    connector: Connector,
    /// What opens connections to other places, by their origins.
    others: Arc<Mutex<HashMap<String, Connector>>>,
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Dialler {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's.
    pub fn start(connector: Connector) -> io::Result<Dialler> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (jobs, taken) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new().name("dialler".to_owned());
        let thread = thread.spawn(move || {
            LocalSet::new().block_on(&runtime, work(taken));
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Dialler {
            connector,
            others: Arc::default(),
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// What opens them.
    #[must_use]
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Has a connection opened to an address of the endpoint, or of the `other` one, or to the first of those after
    /// it that answers. On the thread that opens them it is told what became of each address but of the one whose
    /// connection is handed over.
    pub fn dial(
        &self,
        other: Option<Endpoint>,
        attempt: Attempt,
        tell: impl FnMut(SocketAddr, Told<'_>) + Send + 'static,
    ) -> oneshot::Receiver<Dialled> {
        let (connector, others) = (self.connector.clone(), self.others.clone());
        self.begin(move |reply| async move {
            let connector = match other {
                None => Ok(connector),
                Some(other) => of_other(&connector, &others, &other),
            };
            match connector {
                Ok(connector) => dial(connector, attempt, Box::new(tell), reply).await,
                // Nobody may want it any more.
                Err(error) => drop(reply.send(Err(error))),
            }
        })
    }

    /// Has `request` sent to the endpoint's address number `start`, or to the next that answers, and the whole answer
    /// read, whose body has at most `most` bytes.
    pub fn exchange(
        &self,
        start: usize,
        request: Request<Bytes>,
        most: usize,
    ) -> oneshot::Receiver<Result<Response<Bytes>, Ended>> {
        let connector = self.connector.clone();
        self.begin(move |reply| async move {
            let answer = exchange(&connector, start, request, most).await;
            // Nobody may want it any more.
            let _ = reply.send(answer);
        })
    }

    /// Begins what gives a reply on the thread.
    fn begin<T: 'static + Send, F: Future<Output = ()> + 'static>(
        &self,
        job: impl FnOnce(oneshot::Sender<T>) -> F + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        if let Some(jobs) = &self.jobs {
            // Of a thread that has gone the answer tells.
            let _ = jobs.send(Box::new(move || Box::pin(job(reply))));
        }
        answer
    }
}

/// What opens connections to `endpoint`, as those of `own` are opened.
fn of_other(
    own: &Connector,
    others: &Mutex<HashMap<String, Connector>>,
    endpoint: &Endpoint,
) -> Result<Connector, ConnectError> {
    // A thread that panics while it writes leaves it as it was.
    let mut others = others.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = others.get(&endpoint.origin()) {
        return Ok(known.clone());
    }
    if others.len() >= MOST_OTHERS {
        others.clear();
    }
    let connector = own.to_other(endpoint.clone())?;
    others.insert(endpoint.origin(), connector.clone());
    Ok(connector)
}

impl Drop for Dialler {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that was said already.
            let _ = thread.join();
        }
    }
}

async fn work(mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        spawn_local(job());
    }
}

async fn dial(
    connector: Connector,
    attempt: Attempt,
    mut tell: Tell,
    reply: oneshot::Sender<Dialled>,
) {
    let Attempt {
        start,
        pause,
        fresh,
    } = attempt;
    let mut race = Race::over(fresh);
    let pause = async || tokio::time::sleep(pause).await;
    let opened = race.first(&connector, Line::open, start, pause, &mut tell);
    let opened = opened.await;
    // Nobody may want it any more.
    let _ = reply.send(opened);
    race.rest(&mut tell).await;
}
