//! Connections to servers of the test's own, which count what they are asked for.

mod lines;
mod silent;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use h2::server::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::task::JoinSet;

use super::pool::LOOK_AGAIN;
use super::*;
use crate::transport::channel::{Endpoint, TlsOptions};
use crate::transport::outcome::Sent;
use crate::transport::stream::{Incoming, Outgoing};

/// Bounds every wait; nothing takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

fn in_worker<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bounded = async { tokio::time::timeout(PATIENCE, test).await };
    tokio::task::LocalSet::new()
        .block_on(&runtime, bounded)
        .expect("the test hangs")
}

/// A server that leaves every stream open and takes at most `max_streams` at once.
struct Server {
    addr: SocketAddr,
    tasks: JoinHandle<()>,
    connections: Rc<RefCell<Vec<JoinHandle<()>>>>,
}

impl Server {
    async fn start(ip: [u8; 4], max_streams: Option<u32>) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::from(ip), 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let connections = Rc::<RefCell<Vec<JoinHandle<()>>>>::default();
        let kept = connections.clone();
        let tasks = tokio::task::spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let serving = tokio::task::spawn_local(serve(socket, max_streams));
                kept.borrow_mut().push(serving);
            }
        });
        Server {
            addr,
            tasks,
            connections,
        }
    }

    fn connections(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Hangs up on everyone and goes on listening.
    fn hang_up(&self) {
        for serving in self.connections.borrow_mut().drain(..) {
            serving.abort();
        }
    }

    /// Hangs up and listens no more.
    async fn stop(self) -> SocketAddr {
        self.tasks.abort();
        let _ = self.tasks.await;
        for serving in self.connections.take() {
            serving.abort();
        }
        self.addr
    }
}

async fn serve(socket: TcpStream, max_streams: Option<u32>) {
    let mut builder = Builder::new();
    if let Some(limit) = max_streams {
        builder.max_concurrent_streams(limit);
    }
    let mut connection = builder.handshake::<_, bytes::Bytes>(socket).await.unwrap();
    let mut open = Vec::new();
    while let Some(Ok(stream)) = connection.accept().await {
        open.push(stream);
    }
}

async fn open(servers: &[&Server], number: u32, opening: Opening) -> Connections {
    let connector = Connector::to(servers.iter().map(|server| server.addr).collect());
    opened(connector, number, opening).await
}

/// So many connections, of which none is being opened any more.
async fn opened(connector: Connector, number: u32, opening: Opening) -> Connections {
    let connections = Connections::begin(connector, 0..number, opening, 0);
    let pool = connections.pool();
    while pool.starting.get() || pool.opener.is_opening() {
        let _ = tokio::time::timeout(LOOK_AGAIN, pool.opener.changed.notified()).await;
    }
    connections
}

/// Opens a stream, as a session does, and keeps it.
fn call(ready: &mut Ready) -> (Outgoing, Incoming) {
    let request = http::Request::post("http://gateway/").body(()).unwrap();
    ready.connection.open(request).unwrap()
}

/// Whether `future` is still waiting once everything else has had its turn.
async fn waits(future: &mut (impl Future + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(30), future)
        .await
        .is_err()
}

fn warm(balance: Balance) -> Opening {
    Opening {
        balance,
        ..Opening::default()
    }
}

async fn peers(connections: &Connections) -> BTreeMap<SocketAddr, usize> {
    let mut peers = BTreeMap::new();
    let mut held = Vec::new();
    for _ in 0..connections.pool().slots.len() {
        let ready = connections.ready().await.unwrap();
        *peers.entry(ready.connection.peer()).or_default() += 1;
        held.push(ready);
    }
    peers
}

#[test]
fn each_address_gets_its_share_and_one_that_is_down_is_passed_over() {
    in_worker(async {
        let one = Server::start([127, 0, 0, 1], None).await;
        let two = Server::start([127, 0, 0, 2], None).await;
        let (a, b) = (one.addr, two.addr);
        let in_turn = open(&[&one, &two], 6, warm(Balance::RoundRobin)).await;
        assert_eq!((one.connections(), two.connections()), (3, 3));
        assert_eq!(peers(&in_turn).await, BTreeMap::from([(a, 3), (b, 3)]));
        let first = open(&[&one, &two], 4, warm(Balance::First)).await;
        assert_eq!(peers(&first).await, BTreeMap::from([(a, 4)]));

        one.stop().await;
        let connector = Connector::to(vec![a, b]);
        for balance in Balance::ALL {
            let left = peers(&opened(connector.clone(), 4, warm(*balance)).await).await;
            assert_eq!(left, BTreeMap::from([(b, 4)]), "{balance}");
        }
        two.stop().await;
        let nobody = Connections::begin(connector, 0..1, Opening::default(), 0);
        let refused = nobody.ready().await.err().unwrap();
        assert!(
            !refused.ours && refused.reason.contains("cannot connect to"),
            "{refused:?}"
        );
    });
}

#[test]
fn connections_follow_the_name_and_their_calls_go_on() {
    in_worker(async {
        let one = Server::start([127, 0, 0, 1], None).await;
        let two = Server::start([127, 0, 0, 2], None).await;
        let (a, b) = (one.addr, two.addr);
        for balance in Balance::ALL {
            let connector = Connector::to(vec![a]);
            let opening = Opening {
                balance: *balance,
                resolve_every: Duration::from_millis(20),
                ..Opening::default()
            };
            let connections = opened(connector.clone(), 4, opening).await;
            let mut held = connections.ready().await.unwrap();
            let mut stream = call(&mut held);
            let become_ = async |expected: &[(SocketAddr, usize)]| {
                let expected: BTreeMap<_, _> = expected.iter().copied().collect();
                while peers(&connections).await != expected {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            connector.moved(&[a, b]);
            while connector.address_changes().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // Of one who takes the first that answers, nobody moves.
            match balance {
                Balance::RoundRobin => become_(&[(a, 2), (b, 2)]).await,
                Balance::First => become_(&[(a, 4)]).await,
            }
            connector.moved(&[b]);
            become_(&[(b, 4)]).await;
            let sent = stream
                .0
                .try_send(bytes::Bytes::from_static(b"more").into(), false);
            assert_eq!(sent, Sent::Taken, "on the connection that it began on");
            assert_eq!(held.connection.peer(), a);
            let changes = connector.address_changes();
            let changes: Vec<_> = changes.iter().map(|c| (c.address, c.came)).collect();
            assert_eq!(changes, [(b, true), (a, false)]);
        }
    });
}

#[test]
fn a_connection_that_was_lost_is_opened_where_the_name_leads_by_then() {
    in_worker(async {
        let one = Server::start([127, 0, 0, 1], None).await;
        let two = Server::start([127, 0, 0, 2], None).await;
        let connector = Connector::to(vec![one.addr]);
        let opening = Opening {
            resolve_every: Duration::ZERO,
            ..Opening::default()
        };
        let connections = opened(connector.clone(), 1, opening).await;
        connector.moved(&[two.addr]);
        one.stop().await;
        // What was looked up within the last second is fresh, and that a server has gone takes a moment.
        loop {
            match connections.ready().await {
                Ok(ready) if ready.connection.peer() == two.addr => break,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
}

#[test]
fn a_name_is_resolved_to_all_its_addresses() {
    in_worker(async {
        let endpoint: Endpoint = "127.0.0.1:50051".parse().unwrap();
        let connector = Connector::new(endpoint, &TlsOptions::default()).unwrap();
        let addresses = connector.addresses(Duration::MAX).await.unwrap();
        assert_eq!(*addresses, ["127.0.0.1:50051".parse().unwrap()]);
    });
}

#[test]
fn sessions_take_the_connection_with_the_fewest_and_equals_take_turns() {
    in_worker(async {
        let server = Server::start([127, 0, 0, 1], None).await;
        let connections = open(&[&server], 3, Opening::default()).await;
        assert_eq!(connections.stream_limit(), None);
        let ready = async || connections.ready().await.unwrap();
        let held = [
            ready().await,
            ready().await,
            ready().await,
            ready().await,
            ready().await,
        ];
        assert_eq!(held.each_ref().map(|ready| ready.number), [0, 1, 2, 0, 1]);
        let [a, b, c, d, e] = held;
        assert_eq!(ready().await.number, 2);
        drop((a, d));
        assert_eq!(ready().await.number, 0, "the one that has none");
        drop((b, c, e));
    });
}

#[test]
fn the_servers_limit_of_streams_is_known_and_kept() {
    in_worker(async {
        let server = Server::start([127, 0, 0, 1], Some(2)).await;
        let connections = open(&[&server], 1, Opening::default()).await;
        assert_eq!(connections.stream_limit(), Some(2));
        let mut first = connections.ready().await.unwrap();
        let mut second = connections.ready().await.unwrap();
        let _streams = (call(&mut first), call(&mut second));
        let mut third = Box::pin(connections.ready());
        let mut fourth = Box::pin(connections.ready());
        assert!(waits(&mut third).await && waits(&mut fourth).await);
        drop(first);
        let third = third.await.unwrap();
        assert!(waits(&mut fourth).await, "who came first is served first");
        drop(third);
        assert_eq!(fourth.await.unwrap().number, 0);
        drop(second);
        assert_eq!(
            connections.pool().slots[0].load(),
            0,
            "all places are given back"
        );
    });
}

#[test]
fn a_session_that_gives_up_waiting_leaves_its_place_to_the_next() {
    in_worker(async {
        let server = Server::start([127, 0, 0, 1], Some(1)).await;
        let connections = open(&[&server], 1, Opening::default()).await;
        let first = connections.ready().await.unwrap();
        let mut second = Box::pin(connections.ready());
        let mut third = Box::pin(connections.ready());
        assert!(waits(&mut second).await && waits(&mut third).await);
        drop(second);
        drop(first);
        assert!(third.await.is_ok());
    });
}

#[test]
fn cold_connections_are_opened_by_the_sessions_that_need_them_and_once() {
    in_worker(async {
        let server = Server::start([127, 0, 0, 1], Some(2)).await;
        let cold = Opening {
            cold: true,
            ..Opening::default()
        };
        let connections = Rc::new(open(&[&server], 2, cold).await);
        assert_eq!(
            (server.connections(), connections.stream_limit()),
            (0, None)
        );
        let mut sessions = JoinSet::new();
        for _ in 0..7 {
            let connections = connections.clone();
            sessions.spawn_local(async move { connections.ready().await.unwrap() });
        }
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(sessions.join_next().await.unwrap().unwrap());
        }
        assert_eq!(
            (server.connections(), connections.stream_limit()),
            (2, Some(2))
        );
        assert!(waits(&mut Box::pin(sessions.join_next())).await);
        drop(held);
        for _ in 0..3 {
            drop(sessions.join_next().await.unwrap().unwrap());
        }
        assert_eq!(server.connections(), 2);
    });
}

#[test]
fn a_lost_connection_is_opened_again_and_its_sessions_no_longer_count() {
    in_worker(async {
        let server = Server::start([127, 0, 0, 1], Some(1)).await;
        let connections = open(&[&server], 1, Opening::default()).await;
        let stale = connections.ready().await.unwrap();
        let mut next = Box::pin(connections.ready());
        assert!(waits(&mut next).await);
        server.hang_up();
        let next = next.await.unwrap();
        assert_eq!(
            (server.connections(), connections.pool().slots[0].load()),
            (1, 1)
        );
        drop(stale);
        assert_eq!(connections.pool().slots[0].load(), 1);
        drop(next);

        server.hang_up();
        let addr = server.stop().await;
        let refused = loop {
            // The loss is noticed when the connection's task has had its turn.
            match connections.ready().await {
                Ok(ready) => drop(ready),
                Err(refused) => break refused,
            }
            tokio::task::yield_now().await;
        };
        assert!(
            !refused.ours && refused.reason.contains(&addr.to_string()),
            "{refused:?}"
        );
    });
}

#[test]
fn who_does_not_speak_http2_is_found_out_at_once() {
    in_worker(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            let _ = socket.writable().await;
            let _ = socket.try_write(answer);
        });
        let connector = Connector::to(vec![addr]);
        let connections = Connections::begin(connector, 0..1, Opening::default(), 0);
        let error = connections.ready().await.err().unwrap().reason;
        assert!(error.contains("does not speak HTTP/2"), "{error}");
    });
}

/// The address that the child process of the next test connects to.
const SERVER_OF_CHILD: &str = "VOICELT_TEST_SERVER";

/// A limit of open files holds for a whole process, so the connections are opened in a child.
#[test]
fn a_limit_of_open_files_is_ours_and_leaves_the_rest_closed() {
    if let Ok(server) = std::env::var(SERVER_OF_CHILD) {
        return in_worker(hit_the_limit(server.parse().unwrap()));
    }
    in_worker(async {
        let server = Server::start([127, 0, 0, 1], None).await;
        let addr = server.addr;
        let (_crate, module) = module_path!().split_once("::").unwrap();
        let test = format!("{module}::a_limit_of_open_files_is_ours_and_leaves_the_rest_closed");
        let child = tokio::task::spawn_blocking(move || {
            Command::new("sh")
                .args([
                    "-c",
                    "ulimit -n 40; exec \"$0\" --exact \"$1\" --test-threads 1",
                ])
                .arg(std::env::current_exe().unwrap())
                .arg(test)
                .env(SERVER_OF_CHILD, addr.to_string())
                .output()
                .unwrap()
        });
        let output = child.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    });
}

async fn hit_the_limit(server: SocketAddr) {
    let connector = Connector::to(vec![server]);
    let connections = opened(connector, 80, Opening::default()).await;
    let is_open = |slot: &&Rc<Slot>| slot.line().is_some();
    let open = connections.pool().slots.iter().filter(is_open).count();
    assert!((1..40).contains(&open), "{open} are open");
    let mut held = Vec::new();
    let refused = loop {
        match connections.ready().await {
            Ok(ready) => held.push(ready),
            Err(refused) => break refused,
        }
    };
    assert!(
        refused.ours && refused.reason.contains("ulimit -n"),
        "{refused:?}"
    );
    // The tables of the run can still be written.
    let files = (0..12).map(|_| std::fs::File::open("/dev/null"));
    files.collect::<Result<Vec<_>, _>>().unwrap();
}
