//! Streams to servers of another implementation, and to some that keep to no rule.

mod odd;
mod slow;
mod tls;

use std::future::poll_fn;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use http::response::Parts;

use super::session::LAST_WORDS;
use super::*;
use crate::clock::epoch_now;
use crate::transport::channel::{Connector, TlsOptions};
use crate::transport::ended::EndCode;

type Server = WebSocketStream<TcpStream>;

/// A caller on a stream that was asked for.
struct Caller {
    outgoing: Outgoing,
    incoming: Incoming,
    clock: RunClock,
    heard: Vec<String>,
}

impl Caller {
    async fn over(line: Line, url: &str, headers: &[(&str, &str)]) -> Caller {
        let endpoint = url.parse().unwrap();
        let request = handshake::request(
            &endpoint,
            endpoint.path_and_query(),
            headers.iter().copied(),
        )
        .unwrap();
        let (outgoing, incoming) = Connection::of(line).open(&request).unwrap();
        Caller {
            outgoing,
            incoming,
            clock: RunClock::new(&epoch_now()),
            heard: Vec::new(),
        }
    }

    async fn to(peer: SocketAddr) -> Caller {
        let url = format!("ws://{peer}/v1?key=s3cret-value");
        Caller::over(line(&url, peer).await, &url, &[]).await
    }

    /// Reads on; panics if that takes long.
    async fn next(&mut self) -> Progress {
        let (incoming, heard) = (&mut self.incoming, &mut self.heard);
        let next = poll_fn(|context| {
            incoming.poll_read(context, |message| {
                heard.push(String::from_utf8(message.to_vec()).unwrap());
            })
        });
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), next);
        next.await.expect("nothing comes")
    }

    async fn head(&mut self) -> Parts {
        match self.next().await {
            Progress::Head(head) => *head,
            other => panic!("{other:?}"),
        }
    }

    async fn end(&mut self) -> Ended {
        loop {
            if let Progress::Ended(ended) = self.next().await {
                return ended;
            }
        }
    }

    fn say(&mut self, text: &str) -> Sent {
        let sent = self.outgoing.try_send(&said(text), false);
        self.outgoing.write_out();
        sent
    }
}

fn said(text: &str) -> crate::transport::message::Message<'static> {
    crate::transport::message::Message::text(Bytes::copy_from_slice(text.as_bytes()))
}

async fn line(url: &str, peer: SocketAddr) -> Line {
    let connector = Connector::new(url.parse().unwrap(), &TlsOptions::default()).unwrap();
    Line::open(connector, peer).await.unwrap()
}

/// A server of one connection.
async fn server<F>(serve: impl FnOnce(Server) -> F + 'static) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(tokio_tungstenite::accept_async(stream).await.unwrap()).await;
    });
    address
}

fn part(text: &str, opcode: Data, is_last: bool) -> Message {
    let text = text.as_bytes().to_vec();
    Message::Frame(Frame::message(text, OpCode::Data(opcode), is_last))
}

#[tokio::test(flavor = "current_thread")]
async fn messages_go_both_ways_whole_and_in_order() {
    let texts = [0, 1, 125, 126, 65_535, 65_536, 300_000].map(|bytes| "é".repeat(bytes / 2));
    let expected = texts.clone();
    let conversation = async {
        let peer = server(|mut server| async move {
            while let Some(Ok(message)) = server.next().await {
                match message {
                    Message::Text(text) => server.send(Message::Text(text)).await.unwrap(),
                    Message::Close(close) => {
                        assert_eq!(close.unwrap().code, CloseCode::Normal);
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(server.next().await.is_none_or(|end| end.is_err()));
        })
        .await;
        let mut caller = Caller::to(peer).await;
        assert_eq!(caller.say("early"), Sent::Blocked, "no upgrade yet");
        assert_eq!(caller.head().await.status, 101);
        let room = poll_fn(|context| caller.outgoing.poll_room(context));
        tokio::time::timeout(LAST_WORDS, room).await.unwrap();
        for text in &texts {
            while caller.say(text) == Sent::Blocked {
                caller.next().await;
            }
            while caller.heard.last() != Some(text) {
                caller.next().await;
            }
        }
        let written = std::iter::from_fn(|| caller.outgoing.take_written(&caller.clock));
        let written: Vec<_> = written.map(|had| had.at).collect();
        assert_eq!(written.len(), texts.len());
        assert!(written.is_sorted(), "{written:?}");
        assert_eq!(caller.outgoing.try_send(&said(""), true), Sent::Taken);
        assert_eq!(caller.outgoing.try_send(&said("more"), false), Sent::Gone);
        caller.outgoing.write_out();
        assert!(caller.outgoing.take_written(&caller.clock).is_some());
        let ended = caller.end().await;
        assert_eq!(ended, Ended::new(EndCode::Close(1000), ""));
        assert_eq!(caller.heard, expected);
        let after =
            poll_fn(|context| Poll::Ready(caller.incoming.poll_read(context, |_| {}).is_pending()));
        assert!(after.await, "nothing comes after the end");
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn parts_pings_and_the_servers_close_are_understood() {
    let conversation = async {
        let (done, is_done) = tokio::sync::oneshot::channel();
        let peer = server(|mut server| async move {
            for message in [
                part("one ", Data::Text, false),
                Message::Ping(vec![1, 2].into()),
                part("two ", Data::Continue, false),
                Message::Pong(vec![3].into()),
                part("three", Data::Continue, true),
                Message::Ping(vec![4].into()),
            ] {
                server.send(message).await.unwrap();
            }
            // The last has an answer, whatever became of the first.
            let pong = Message::Pong(vec![4].into());
            while server.next().await.unwrap().unwrap() != pong {}
            let close = CloseFrame {
                code: CloseCode::Again,
                reason: "no\x1b[31m gpu".into(),
            };
            server.close(Some(close)).await.unwrap();
            let answer = server.next().await.unwrap().unwrap();
            done.send(answer).unwrap();
        })
        .await;
        let mut caller = Caller::to(peer).await;
        let ended = caller.end().await;
        assert_eq!(caller.heard, ["one two three"]);
        assert_eq!(ended, Ended::new(EndCode::Close(1013), "no [31m gpu"));
        let Message::Close(Some(answer)) = is_done.await.unwrap() else {
            panic!("no close frame came back");
        };
        assert_eq!(answer.code, CloseCode::Again);
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_ping_is_answered_by_its_own_pong() {
    let conversation = async {
        let (go_on, may_go_on) = tokio::sync::oneshot::channel();
        let peer = server(|mut server| async move {
            server.send(Message::Pong(vec![3].into())).await.unwrap();
            server.send(Message::text("first")).await.unwrap();
            may_go_on.await.unwrap();
            let ping = server.next().await.unwrap().unwrap();
            assert_eq!(ping, Message::Ping(b"one".to_vec().into()));
            // Reading on answers it.
            while server.next().await.is_some_and(|next| next.is_ok()) {}
        })
        .await;
        let mut caller = Caller::to(peer).await;
        assert_eq!(
            caller.outgoing.ping(b"one"),
            Sent::Blocked,
            "no upgrade yet"
        );
        assert!(!caller.outgoing.awaits_pong());
        caller.head().await;
        assert_eq!(caller.outgoing.ping(b"one"), Sent::Taken);
        while caller.heard.is_empty() {
            caller.next().await;
        }
        assert!(caller.outgoing.awaits_pong(), "another pong came");
        go_on.send(()).unwrap();
        while caller.outgoing.awaits_pong() {
            caller.next().await;
        }
        assert_eq!(caller.outgoing.take_written(&caller.clock), None);
        caller.outgoing.cancel();
        assert_eq!(caller.outgoing.ping(b"two"), Sent::Gone);
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_gets_a_message_may_answer_at_once() {
    let conversation = async {
        let peer = server(|mut server| async move {
            server.send(Message::text("ready")).await.unwrap();
            let answer = server.next().await.unwrap().unwrap();
            server.send(answer).await.unwrap();
            server.close(None).await.unwrap();
            while let Some(Ok(_)) = server.next().await {}
        })
        .await;
        let Caller {
            mut outgoing,
            mut incoming,
            ..
        } = Caller::to(peer).await;
        let mut heard = Vec::new();
        let ended = loop {
            let progress = poll_fn(|context| {
                incoming.poll_read(context, |message| {
                    if heard.is_empty() {
                        assert_eq!(outgoing.try_send(&said("hello"), false), Sent::Taken);
                        outgoing.write_out();
                    }
                    heard.push(message);
                })
            });
            if let Progress::Ended(ended) = progress.await {
                break ended;
            }
        };
        assert_eq!(heard, ["ready", "hello"]);
        assert_eq!(ended, Ended::new(EndCode::Close(1005), ""));
        assert!(ended.is_ok());
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_caller_who_cancels_says_so_and_hears_nothing_more() {
    let conversation = async {
        let (done, is_done) = tokio::sync::oneshot::channel();
        let peer = server(|mut server| async move {
            let last = server.next().await.unwrap().unwrap();
            done.send(last).unwrap();
        })
        .await;
        let mut caller = Caller::to(peer).await;
        caller.head().await;
        caller.outgoing.cancel();
        assert_eq!(caller.say("more"), Sent::Gone);
        let Message::Close(Some(close)) = is_done.await.unwrap() else {
            panic!("no close frame came");
        };
        assert_eq!(close.code, CloseCode::Normal);
    };
    LocalSet::new().run_until(conversation).await;
}
