//! Connections: accepted, upgraded, and each held by a task of its own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::{TokioIo, TokioTimer};
use rand::RngExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;

use super::upgrade::{self, Answer, Request};
use super::{Protocol, socket};
use crate::gateway::arrivals::Caller;
use crate::gateway::counters::GatewayCounters;
use crate::gateway::model::turn_rng;
use crate::gateway::shared::Shared;

/// How long a client may take to send the head of its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Rest after the system refused a connection.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// Serves callers until `shutdown` is cancelled and their sessions have ended.
pub(in crate::gateway) async fn serve(
    shared: Arc<Shared>,
    protocol: impl Protocol,
    listener: TcpListener,
    shutdown: CancellationToken,
) {
    let door = Arc::new(Door {
        shared,
        protocol,
        asked: AtomicU64::new(0),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let connection = connection(Arc::clone(&door), socket, shutdown.clone());
                    connections.spawn(connection);
                }
                // There are too many open files, or the client has gone already.
                Err(_) => tokio::time::sleep(AFTER_REFUSAL).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What requests are answered by.
struct Door<P> {
    shared: Arc<Shared>,
    protocol: P,
    /// Sessions that were asked for.
    asked: AtomicU64,
}

/// A session that was let in.
struct Admitted {
    upgrade: OnUpgrade,
    request: Request,
    caller: Caller,
}

impl<P: Protocol> Door<P> {
    /// Answers a request; one that opens a session leaves it in `admitted`.
    fn answer(
        &self,
        mut request: http::Request<Incoming>,
        admitted: &Mutex<Option<Admitted>>,
    ) -> Answer {
        if !upgrade::is_upgrade(&request) {
            return upgrade::upgrade_required();
        }
        let number = self.asked.fetch_add(1, Relaxed);
        let mut rng = turn_rng(self.shared.spec.seed, &format!("connection {number}"), 0);
        if rng.random_bool(self.protocol.refused()) {
            GatewayCounters::count(&self.shared.counters.errors);
            GatewayCounters::count(&self.shared.gauges.failed);
            return upgrade::too_many();
        }
        let answer = upgrade::switch(&request, self.protocol.subprotocol());
        if answer.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            let caller = upgrade::caller(&request, number);
            let session = Admitted {
                upgrade: hyper::upgrade::on(&mut request),
                request: request.map(|_| ()),
                caller,
            };
            *admitted.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        }
        answer
    }
}

/// Serves one connection: requests, and the session that one of them opens.
async fn connection(
    door: Arc<Door<impl Protocol>>,
    socket: TcpStream,
    shutdown: CancellationToken,
) {
    // Events are to leave at once. Where that cannot be set they leave later.
    let _ = socket.set_nodelay(true);
    let admitted = Mutex::new(None);
    let service = service_fn(|request| {
        let answer = door.answer(request, &admitted);
        async { Ok::<_, std::convert::Infallible>(answer) }
    });
    let mut requests = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades()
    );
    let served = tokio::select! {
        served = requests.as_mut() => served,
        () = shutdown.cancelled() => {
            requests.as_mut().graceful_shutdown();
            requests.await
        }
    };
    let session = admitted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let (Ok(()), Some(session)) = (served, session) {
        hold(&door, session).await;
    }
}

async fn hold(door: &Door<impl Protocol>, session: Admitted) {
    let Admitted {
        upgrade,
        request,
        caller,
    } = session;
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    // It is what was given to hyper.
    let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return;
    };
    let socket = WebSocketStream::from_partially_read(
        io.into_inner(),
        read_buf.to_vec(),
        Role::Server,
        Some(socket::config()),
    );
    socket::serve(&door.shared, &door.protocol, socket.await, &request, caller).await;
}
