//! Servers that refuse, hang up, or speak otherwise than they may.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Reads a request, and returns its text.
async fn asked(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut some = [0; 1024];
        let bytes = stream.read(&mut some).await.unwrap();
        assert!(bytes > 0, "it hung up");
        request.extend_from_slice(&some[..bytes]);
    }
    String::from_utf8(request).unwrap()
}

/// A server that answers with these bytes, then reads until it is told to hang up, and returns what came.
async fn raw(
    answer: impl Fn(&str) -> Vec<u8> + 'static,
    hangs_up: bool,
) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::task::spawn_local(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = asked(&mut stream).await;
        stream.write_all(&answer(&request)).await.unwrap();
        let mut rest = Vec::new();
        if hangs_up {
            stream.shutdown().await.unwrap();
        }
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    });
    (address, served)
}

/// The answer that agrees to a request.
fn agreed(request: &str) -> Vec<u8> {
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.unwrap().as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    format!("{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
}

/// What a caller hears of a server that answers so.
async fn told(answer: impl Fn(&str) -> Vec<u8> + 'static, hangs_up: bool) -> (Option<u16>, Ended) {
    let (peer, _served) = raw(answer, hangs_up).await;
    let mut caller = Caller::to(peer).await;
    let mut status = None;
    loop {
        match caller.next().await {
            Progress::Head(head) => status = Some(head.status.as_u16()),
            Progress::Read => {}
            Progress::Ended(ended) => return (status, ended),
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_upgrade_is_told_with_its_reason() {
    let body = "{\"error\": \"no key s3cret-value\"}";
    let limited = format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let table = [
        (
            limited,
            false,
            429,
            "HTTP 429 Too Many Requests: {\"error\": \"no key (hidden)\"}; retry after 7 s",
        ),
        (
            "HTTP/1.1 401 Unauthorized\r\n\r\n".to_owned(),
            true,
            401,
            "HTTP 401 Unauthorized",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /login?next=s3cret\r\n\r\n".to_owned(),
            false,
            302,
            "HTTP 302 Found: it redirects to /login?next=(hidden); redirects are not followed, use that as the target if it is meant",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
            false,
            200,
            "HTTP 200 OK: hello",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n".to_owned(),
            false,
            101,
            "HTTP 101 Switching Protocols: its Sec-WebSocket-Accept is not that of our key, so that it may be the answer to another",
        ),
    ];
    let conversation = async {
        for (answer, hangs_up, status, said) in table {
            let (seen, ended) = told(move |_| answer.clone().into_bytes(), hangs_up).await;
            assert_eq!((seen, ended.to_string().as_str()), (Some(status), said));
            assert_eq!(ended.code, EndCode::Http(status));
        }
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_no_answer_is_a_broken_connection() {
    let table = [
        (Vec::new(), true, "hung up before"),
        (b"HTTP/1.1 1".to_vec(), true, "hung up before"),
        (b"SSH-2.0-x\r\n\r\n".to_vec(), false, "no WebSocket"),
        (b"x".repeat(40_000), false, "no WebSocket"),
    ];
    let conversation = async {
        for (answer, hangs_up, said) in table {
            let (status, ended) = told(move |_| answer.clone(), hangs_up).await;
            assert_eq!((status, ended.code), (None, EndCode::Broken));
            assert!(ended.message.contains(said), "{ended}");
        }
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_agreement_with_frames_behind_it_that_are_wrong_or_missing() {
    let table: [(&[u8], bool, EndCode, &str); 5] = [
        (b"\x81\x81abcde", false, EndCode::Close(1002), "masked"),
        (b"\x81\x01\xff", false, EndCode::Close(1007), "UTF-8"),
        (
            b"\x82\x7f\0\0\0\0\x40\0\0\0",
            false,
            EndCode::Close(1009),
            "bytes or more",
        ),
        (
            b"\x81\x02hi",
            true,
            EndCode::Broken,
            "without a close frame",
        ),
        (b"\x81\x09hi", true, EndCode::Broken, "inside a message"),
    ];
    let conversation = async {
        for (frames, hangs_up, code, said) in table {
            let answer = move |request: &str| [&agreed(request), frames].concat();
            let (peer, served) = raw(answer, hangs_up).await;
            let mut caller = Caller::to(peer).await;
            let ended = caller.end().await;
            assert_eq!(ended.code, code, "{ended}");
            assert!(ended.message.contains(said), "{ended}");
            drop(caller);
            let told = served.await.unwrap();
            match code {
                // It is told why, by a masked close frame.
                EndCode::Close(code) => {
                    let mut close = told[6..8].to_vec();
                    frame::mask(&mut close, told[2..6].try_into().unwrap());
                    assert_eq!((told[0], told[1]), (0x88, 0x82));
                    assert_eq!(close, code.to_be_bytes());
                }
                _ => assert_eq!(told, b""),
            }
        }
    };
    LocalSet::new().run_until(conversation).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_does_not_answer_a_close_frame_is_no_error() {
    let conversation = async {
        let (peer, served) = raw(agreed, false).await;
        let mut caller = Caller::to(peer).await;
        caller.head().await;
        // The reading task waits while another closes.
        let reading = async {
            let ended = caller.incoming_end().await;
            assert_eq!(ended, Ended::new(EndCode::Close(1000), ""));
        };
        reading.await;
        drop(caller);
        assert_eq!(served.await.unwrap()[0], 0x88);
        // One that hangs up instead means the same.
        let (peer, _served) = raw(agreed, true).await;
        let mut caller = Caller::to(peer).await;
        caller.head().await;
        caller.outgoing.close(1001);
        assert_eq!(caller.end().await, Ended::new(EndCode::Close(1001), ""));
    };
    LocalSet::new().run_until(conversation).await;
}

impl Caller {
    /// The end of a stream that is closed while it is read.
    async fn incoming_end(&mut self) -> Ended {
        let (incoming, outgoing) = (&mut self.incoming, &mut self.outgoing);
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            let progress = incoming.poll_read(context, |_| {});
            if polls == 1 {
                assert!(progress.is_pending());
                outgoing.close(1000);
            }
            match progress {
                Poll::Ready(Progress::Ended(ended)) => Poll::Ready(ended),
                Poll::Ready(other) => panic!("{other:?}"),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
