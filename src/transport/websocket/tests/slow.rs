//! A server that stops reading, and goes on.

use std::sync::Arc;

use tokio::net::TcpSocket;
use tokio::sync::Notify;

use super::*;

const FRAMES: usize = 400;

fn text(number: usize) -> String {
    format!("{number:08}").repeat(512)
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_stops_reading_blocks_and_loses_nothing() {
    let conversation = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let peer = listener.local_addr().unwrap();
        let reads = Arc::new(Notify::new());
        let may_read = reads.clone();
        let served = tokio::task::spawn_local(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut server = tokio_tungstenite::accept_async(stream).await.unwrap();
            // Asked while it does not listen: the latest question needs an answer.
            for n in 0..20 {
                server.send(Message::Ping(vec![n].into())).await.unwrap();
                server.send(Message::text(n.to_string())).await.unwrap();
            }
            may_read.notified().await;
            let (mut texts, mut pongs) = (Vec::new(), Vec::new());
            while let Some(Ok(message)) = server.next().await {
                match message {
                    Message::Text(text) => texts.push(text.to_string()),
                    Message::Pong(payload) => pongs.push(payload[0]),
                    Message::Close(_) => break,
                    other => panic!("{other:?}"),
                }
            }
            (texts, pongs)
        });
        let mut caller = Caller::to(peer).await;
        caller.head().await;
        let mut sent = 0;
        while caller.say(&text(sent)) == Sent::Taken {
            sent += 1;
            assert!(sent < FRAMES, "it takes everything");
        }
        let stuck = caller.outgoing.stuck_since(&caller.clock);
        assert!(stuck.is_some());
        // Meanwhile it hears what comes.
        while caller.heard.len() < 20 {
            caller.next().await;
        }
        assert_eq!(caller.say("x"), Sent::Blocked, "still");
        let mut had = Vec::new();
        let clock = caller.clock.clone();
        had.extend(std::iter::from_fn(|| caller.outgoing.take_written(&clock)));
        assert!(had.len() < sent, "the last was not written");
        assert!(had.iter().all(|had| had.stuck_since.is_none()));
        reads.notify_one();
        while had.len() < FRAMES {
            let room = poll_fn(|context| caller.outgoing.poll_room(context));
            let room = tokio::time::timeout(std::time::Duration::from_secs(20), room);
            room.await.expect("no room comes");
            had.extend(std::iter::from_fn(|| caller.outgoing.take_written(&clock)));
            while sent < FRAMES && caller.say(&text(sent)) == Sent::Taken {
                sent += 1;
            }
        }
        assert_eq!(had.len(), FRAMES);
        let waited = had.iter().find_map(|had| Some((had.stuck_since?, had.at)));
        let (since, at) = waited.expect("one waited");
        assert!(Some(since) == stuck && at > since);
        assert!(had.iter().map(|had| had.at).is_sorted());
        assert_eq!(caller.outgoing.stuck_since(&clock), None);
        caller.outgoing.close(1000);
        assert!(caller.end().await.is_ok());
        let (texts, pongs) = served.await.unwrap();
        let expected: Vec<String> = (0..FRAMES).map(text).collect();
        assert_eq!(texts, expected);
        assert_eq!(pongs.last(), Some(&19));
        assert!(pongs.is_sorted() && pongs.len() <= 20);
    };
    LocalSet::new().run_until(conversation).await;
}
