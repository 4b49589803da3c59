//! Addresses that do not answer, beside one that does: sessions run there, and what did not answer is
//! counted.

use std::collections::BTreeSet;

use tokio::net::TcpSocket;

use super::*;
use crate::results::manifest::{AddressConnections, ConnectFailure};
use crate::transport::channel::SETTINGS_TIMEOUT;

/// Where packets are swallowed: a listener whose backlog is full. Lives as long as what is returned.
async fn black_hole() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(addr)).await
    {
        waiting.push(connected.unwrap());
    }
    (addr, (listener, waiting))
}

/// Who takes connections and never says a word.
async fn mute() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// A server that says nothing for so long, and then serves.
async fn slow(wait: Duration) -> SocketAddr {
    let (addr, listener) = mute().await;
    tokio::task::spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                tokio::time::sleep(wait).await;
                serve(socket, None).await;
            });
        }
    });
    addr
}

fn tried(connections: &Connections, addr: SocketAddr) -> AddressConnections {
    let mut found = Book::sum([connections.close()]).into_iter();
    let found = found.find(|found| found.address == addr.to_string());
    found.unwrap_or_default()
}

/// Sessions that are due when the connections are just being begun, and where each came to be.
async fn due_at_once(connections: &Connections, sessions: usize) -> Vec<Ready> {
    let mut due = JoinSet::new();
    for _ in 0..sessions {
        let connections = connections.clone();
        due.spawn_local(async move { connections.ready().await.unwrap() });
    }
    due.join_all().await
}

async fn run_elsewhere(silent: SocketAddr) {
    let healthy = Server::start([127, 0, 0, 1], None).await;
    let connector = Connector::to(vec![silent, healthy.addr]);
    let connections = Connections::begin(connector, 0..8, Opening::default(), 0);
    let held = due_at_once(&connections, 16).await;
    let mut used = BTreeSet::new();
    for ready in &held {
        assert_eq!(ready.connection.peer(), healthy.addr);
        used.insert(ready.number);
    }
    assert!(used.len() > 1, "not all on the first: {used:?}");
    assert!(
        connections.pool().opener.is_opening(),
        "nobody waited for the others"
    );
}

#[test]
fn sessions_do_not_wait_for_an_address_that_swallows_packets() {
    in_worker(async {
        let (silent, _held) = black_hole().await;
        run_elsewhere(silent).await;
    });
}

#[test]
fn sessions_do_not_wait_for_a_server_that_takes_connections_and_says_nothing() {
    in_worker(async {
        let (silent, _held) = mute().await;
        run_elsewhere(silent).await;
    });
}

#[test]
fn where_no_connection_is_open_another_address_is_tried_soon() {
    in_worker(async {
        let healthy = Server::start([127, 0, 0, 1], None).await;
        let (silent, _held) = black_hole().await;
        let connector = Connector::to(vec![silent, healthy.addr]);
        let connections = Connections::begin(connector, 0..1, Opening::default(), 0);
        let ready = connections.ready().await.unwrap();
        assert_eq!(ready.connection.peer(), healthy.addr);
    });
}

#[test]
fn a_cold_connection_that_does_not_open_is_waited_for_but_once() {
    in_worker(async {
        let healthy = Server::start([127, 0, 0, 1], None).await;
        let (silent, _held) = black_hole().await;
        let connector = Connector::to(vec![healthy.addr, silent]);
        let cold = Opening {
            cold: true,
            ..Opening::default()
        };
        let connections = Connections::begin(connector, 0..2, cold, 0);
        for _ in 0..6 {
            let ready = connections.ready().await.unwrap();
            assert_eq!(ready.connection.peer(), healthy.addr);
        }
        assert_eq!(connections.pool().opener.begun(), 2);
        assert!(connections.pool().opener.is_opening());
    });
}

#[test]
fn a_server_that_tells_its_settings_late_is_waited_for_by_nobody_and_used_from_then_on() {
    in_worker(async {
        let healthy = Server::start([127, 0, 0, 1], None).await;
        let late = slow(Duration::from_millis(2_200)).await;
        let connector = Connector::to(vec![late, healthy.addr]);
        let connections = Connections::begin(connector, 0..2, Opening::default(), 0);
        let first = due_at_once(&connections, 3).await;
        assert!(first.iter().all(|ready| ready.number == 1));
        while connections.pool().opener.is_opening() {
            connections.pool().opener.changed.notified().await;
        }
        let next = connections.ready().await.unwrap();
        assert_eq!(next.connection.peer(), late);
        let found = tried(&connections, late);
        assert_eq!((found.tried, found.late, found.failed.len()), (1, 1, 0));
    });
}

#[test]
fn a_server_without_settings_is_used_where_there_is_no_other() {
    in_worker(async {
        let (mute, _held) = mute().await;
        let connections =
            Connections::begin(Connector::to(vec![mute]), 0..1, Opening::default(), 0);
        assert_eq!(connections.ready().await.unwrap().connection.peer(), mute);
    });
}

#[test]
fn a_session_that_comes_later_is_not_left_to_a_server_without_settings() {
    in_worker(async {
        let healthy = Server::start([127, 0, 0, 1], None).await;
        let (mute, _held) = mute().await;
        let connector = Connector::to(vec![mute, healthy.addr]);
        let connections = Connections::begin(connector, 0..1, Opening::default(), 0);
        // When it is due, whatever has come of the connection by then.
        tokio::time::sleep(SETTINGS_TIMEOUT + Duration::from_millis(200)).await;
        let ready = connections.ready().await.unwrap();
        assert_eq!(ready.connection.peer(), healthy.addr);
        let found = tried(&connections, mute);
        let no_settings = BTreeMap::from([(ConnectFailure::NoSettings, 1)]);
        assert_eq!((found.tried, found.failed), (1, no_settings));
    });
}

#[test]
fn connections_that_are_refused_are_counted_and_tried_again_in_the_background() {
    in_worker(async {
        let one = Server::start([127, 0, 0, 1], None).await;
        let two = Server::start([127, 0, 0, 1], None).await;
        let (a, b) = (one.addr, two.addr);
        let connections = open(&[&one, &two], 2, Opening::default()).await;
        one.stop().await;
        // That a server has gone takes a moment.
        while connections.pool().slots[0].line().is_some() {
            tokio::task::yield_now().await;
        }
        let ready = connections.ready().await.unwrap();
        assert_eq!(ready.number, 1, "at once");
        while connections.pool().opener.is_opening() {
            connections.pool().opener.changed.notified().await;
        }
        assert_eq!(peers(&connections).await, BTreeMap::from([(b, 2)]));
        let found = tried(&connections, a);
        let refused = BTreeMap::from([(ConnectFailure::Refused, 1)]);
        assert_eq!((found.tried, found.failed), (2, refused));
    });
}
