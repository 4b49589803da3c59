//! Connections of which each carries one session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;
use crate::results::manifest::ConnectFailure;
use crate::transport::websocket::dialler::Dialler;

const SERIES: Series = Series { first: 1, step: 2 };

/// Accepts whoever comes, asks nothing, and counts.
struct Listener {
    addr: SocketAddr,
    accepted: Arc<AtomicUsize>,
    sockets: Rc<RefCell<Vec<TcpStream>>>,
    tasks: JoinHandle<()>,
}

impl Listener {
    async fn start(ip: [u8; 4], port: u16) -> Listener {
        let listener = TcpListener::bind((Ipv4Addr::from(ip), port)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (accepted, sockets) = <(Arc<AtomicUsize>, Rc<RefCell<Vec<TcpStream>>>)>::default();
        let (count, kept) = (accepted.clone(), sockets.clone());
        let tasks = tokio::task::spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                kept.borrow_mut().push(socket);
                count.fetch_add(1, SeqCst);
            }
        });
        Listener {
            addr,
            accepted,
            sockets,
            tasks,
        }
    }

    async fn has_accepted(&self, number: usize) {
        while self.accepted.load(SeqCst) < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn lines(addresses: Vec<SocketAddr>, opening: Opening) -> Connections {
    let dialler = Dialler::start(Connector::to(addresses)).unwrap();
    Connections::one_each(dialler, SERIES, opening, 0)
}

fn idle(connections: &Connections) -> usize {
    match &connections.0 {
        Kind::Single(lines) => lines.idle(),
        Kind::Shared(_) => panic!("they are shared"),
    }
}

#[test]
fn connections_are_opened_ahead_and_each_is_taken_once() {
    in_worker(async {
        let listeners = [
            Listener::start([127, 0, 0, 1], 0).await,
            Listener::start([127, 0, 0, 2], 0).await,
        ];
        let addresses = listeners.iter().map(|listener| listener.addr).collect();
        let connections = lines(addresses, Opening::default());
        assert!(connections.expects_every_ns().is_some());
        assert_eq!(connections.stream_limit(), None);
        connections.expect(6);
        // Those that are being opened count.
        connections.expect(6);
        while idle(&connections) < 6 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut numbers = Vec::new();
        for _ in 0..6 {
            let ready = connections.ready().await.unwrap();
            assert_eq!(ready.connection.max_streams(), 1);
            assert!(!ready.connection.is_lost());
            numbers.push(ready.number);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 3, 5, 7, 9, 11]);
        // One that was not expected.
        let seventh = connections.ready().await.unwrap();
        assert_eq!((seventh.number, idle(&connections)), (13, 0));
        for listener in &listeners {
            listener.has_accepted(3).await;
        }
        let book = Book::sum([connections.close()]);
        let tried: u64 = book.iter().map(|address| address.tried).sum();
        assert_eq!(tried, 7);
        assert!(book.iter().all(|address| address.failed.is_empty()));
    });
}

#[test]
fn no_more_than_some_are_opened_at_once_and_those_that_were_lost_are_not_taken() {
    in_worker(async {
        let listener = Listener::start([127, 0, 0, 1], 0).await;
        let connections = lines(vec![listener.addr], Opening::default());
        connections.expect(200);
        while idle(&connections) < 200 {
            if let Kind::Single(lines) = &connections.0 {
                assert!(lines.under_way() <= 64, "{}", lines.under_way());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        listener.has_accepted(200).await;
        listener.sockets.borrow_mut().clear();
        connections.expect(1);
        let ready = connections.ready().await.unwrap();
        listener.has_accepted(201).await;
        assert!(ready.number >= 2 * 200, "one of those that were lost");
    });
}

#[test]
fn a_session_that_cannot_be_connected_learns_why_and_a_later_one_tries_again() {
    in_worker(async {
        let listener = Listener::start([127, 0, 0, 1], 0).await;
        let addr = listener.addr;
        listener.tasks.abort();
        let _ = listener.tasks.await;
        let cold = Opening {
            cold: true,
            ..Opening::default()
        };
        let connections = lines(vec![addr], cold);
        connections.expect(5);
        assert_eq!(idle(&connections), 0, "cold");
        let [one, two, three] = [(); 3].map(|()| connections.ready());
        let (one, two, three) = tokio::join!(one, two, three);
        for refused in [one, two, three] {
            let why = refused.err().unwrap();
            assert!(
                !why.ours && why.reason.contains("cannot connect"),
                "{why:?}"
            );
        }
        let listener = Listener::start([127, 0, 0, 1], addr.port()).await;
        connections.ready().await.unwrap();
        listener.has_accepted(1).await;
        let book = Book::sum([connections.close()]);
        assert_eq!(book[0].tried, 4);
        assert_eq!(book[0].failed, [(ConnectFailure::Refused, 3)].into());
    });
}

#[test]
fn a_session_that_has_gone_leaves_its_connection_to_the_next() {
    in_worker(async {
        let listener = Listener::start([127, 0, 0, 1], 0).await;
        let connections = lines(vec![listener.addr], Opening::default());
        {
            let mut gone = Box::pin(connections.ready());
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(gone.as_mut().poll(context).is_pending())
            });
            assert!(polled.await, "it is there at once");
        }
        while idle(&connections) < 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(connections.ready().await.unwrap().number, 1);
        assert_eq!(listener.accepted.load(SeqCst), 1);
    });
}
