//! What passes the recorder over a WebSocket: every byte of both sides but an offer of extensions, whatever they mean.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::recording::{chunks, sessions};
use crate::support::odd::Odd;
use crate::support::{Desk, Running};

/// How long a peer waits for bytes that never come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that answers the head of each request with these bytes, reads on to the end, and remembers all it read.
pub(super) struct Peer {
    odd: Odd,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Peer {
    pub(super) fn answering(answer: &[u8]) -> Peer {
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let (answer, told) = (answer.to_vec(), heard.clone());
        let odd = Odd::sockets(move |mut socket| {
            let (answer, told) = (answer.clone(), told.clone());
            async move {
                let (mut all, mut has_answered) = (Vec::new(), false);
                while socket.read_buf(&mut all).await.is_ok_and(|bytes| bytes > 0) {
                    if !has_answered && all.windows(4).any(|end| end == b"\r\n\r\n") {
                        has_answered = true;
                        socket.write_all(&answer).await.unwrap();
                    }
                }
                told.lock().unwrap().extend(all);
            }
        });
        Peer { odd, heard }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.odd.port)
    }

    /// What it read of connections that have ended.
    pub(super) fn heard(&self) -> Vec<u8> {
        crate::support::until(|| {
            let heard = self.heard.lock().unwrap();
            (!heard.is_empty()).then(|| heard.clone())
        })
    }
}

fn recorder(desk: &Desk, upstream: &str, flags: &str) -> (Running, String) {
    desk.recorder(upstream, &format!("--dialect realtime {flags}"))
}

fn connect(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Asks with `head`, reads exactly as many bytes as are `expected`, says `rest`, and ends; returns what was read.
pub(super) fn call(address: &str, head: &[u8], expected: usize, rest: &[u8]) -> Vec<u8> {
    let mut socket = connect(address);
    socket.write_all(head).unwrap();
    let mut read = vec![0; expected];
    socket.read_exact(&mut read).unwrap();
    for piece in rest.chunks(7) {
        socket.write_all(piece).unwrap();
    }
    socket.shutdown(Shutdown::Write).unwrap();
    socket.read_to_end(&mut read).unwrap();
    read
}

/// A frame, masked as a client's where `key` is given.
pub(super) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = vec![first];
    let masked = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..=125 => bytes.push(masked | short as u8),
        medium => {
            bytes.push(masked | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
    }
    bytes.extend(key.into_iter().flatten());
    let keys = key.unwrap_or_default().into_iter().cycle();
    bytes.extend(payload.iter().zip(keys).map(|(byte, key)| byte ^ key));
    bytes
}

pub(super) const KEY: Option<[u8; 4]> = Some([0x11, 0xfe, 0x5a, 0x07]);

const HEAD: &str = "GET /v1/realtime?model=m&key=SECRET-QUERY HTTP/1.1\r\nhost: api.example\r\nUPGRADE: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Odd:   spaces \r\n\
    Authorization: Bearer SECRET-HEADER\r\nSec-WebSocket-Protocol: realtime, openai-insecure-api-key.SECRET-OFFER\r\n\
    Sec-WebSocket-Version: 13\r\n";
pub(super) const OFFER: &str =
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
pub(super) const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: realtime\r\n";

/// No file of the trace, nor what was said, holds a secret.
pub(super) fn assert_silent(desk: &Desk, said: &str) {
    assert!(!said.contains("SECRET"), "{said}");
    for file in desk.files("live.vtrace") {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(6).any(|part| part == b"SECRET");
        assert!(!found, "a secret is in {}", file.display());
    }
}

#[test]
fn every_byte_of_a_call_passes_and_what_it_says_is_recorded() {
    let created = br#"{"type":"session.created","session":{"instructions":"SECRET words"}}"#;
    let error = br#"{"type":"error","error":{"code":"session_expired","message":"SECRET-QUERY SECRET-HEADER"}}"#;
    let bye = [&4001_u16.to_be_bytes()[..], b"SECRET reason"].concat();
    let answer = [
        format!("{AGREED}\r\n").as_bytes(),
        &frame(0x81, created, None),
        &frame(0x89, b"there?", None),
        &frame(0x81, error, None),
    ]
    .concat();
    let answer = [answer, frame(0x88, &bye, None)].concat();
    let peer = Peer::answering(&answer);
    let desk = Desk::new();
    let (recorder, address) = recorder(&desk, &peer.address(), "--keep audio,text");

    let update =
        br#"{"type":"session.update","session":{"type":"realtime","instructions":"SECRET words",
        "audio":{"input":{"format":{"type":"audio/pcmu"},"turn_detection":null}}}}"#;
    // Two samples of silence, and the loudest of either sign.
    let (half, rest) = br#"{"type":"input_audio_buffer.append","audio":"//8AgA=="}"#.split_at(30);
    let commit = br#"{"type":"input_audio_buffer.commit"}"#;
    let said = [
        frame(0x81, update, KEY),
        frame(0x01, half, KEY),
        frame(0x8a, b"there?", KEY),
        frame(0x00, b"", KEY),
        frame(0x89, b"", KEY),
        frame(0x80, rest, KEY),
        frame(0x81, commit, KEY),
        frame(0x88, &1000_u16.to_be_bytes(), KEY),
    ]
    .concat();
    let head = format!("{HEAD}{OFFER}\r\n");
    let read = call(&address, head.as_bytes(), answer.len(), &said);
    assert!(read == answer, "{:?}", String::from_utf8_lossy(&read));
    let went_on = [format!("{HEAD}\r\n").as_bytes(), &said].concat();
    assert!(peer.heard() == went_on, "without the offer");

    let told = recorder.interrupt().exits(0).said();
    assert!(told.contains("1 passed, 1 chosen"), "{told}");
    desk.voicelt("trace check live.vtrace").exits(0);
    assert_silent(&desk, &told);
    let (bundle, sessions) = sessions(&desk.path("live.vtrace"));
    let rows = sessions.values().next().unwrap();
    assert_eq!(rows.session.sample_rate_hz, 8_000);
    assert_eq!(rows.session.microphone.name(), "push_to_talk");
    assert_eq!(rows.session.recorded_status.as_deref(), Some("close 4001"));
    let texts: Vec<_> = rows
        .replies
        .iter()
        .filter_map(|reply| reply.text.as_deref())
        .collect();
    assert_eq!(texts, ["session_expired: (hidden) (hidden)", "close 4001"]);
    let chunks = chunks(&bundle, rows);
    let pcm: Vec<_> = chunks.iter().map(|(_, pcm)| pcm.as_slice()).collect();
    assert_eq!(pcm, [[0, 0, 0, 0, 0x84, 0x82, 0x7c, 0x7d]]);
}

#[test]
fn refusals_and_other_requests_pass_as_they_are() {
    let desk = Desk::new();
    for (refusal, of) in [
        ("401 Unauthorized", "WWW-Authenticate: Bearer\r\n"),
        ("429 Too Many Requests", "Retry-After: 7\r\n"),
    ] {
        let answer = format!("HTTP/1.1 {refusal}\r\n{of}Content-Length: 6\r\n\r\nnot us");
        let peer = Peer::answering(answer.as_bytes());
        let (recorder, address) = recorder(&desk, &peer.address(), "--timing-only");
        let head = format!("{HEAD}\r\n");
        let read = call(&address, head.as_bytes(), answer.len(), b"");
        assert_eq!(String::from_utf8(read).unwrap(), answer);
        let plain = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
        let read = call(&address, plain.as_bytes(), answer.len(), b"");
        assert_eq!(String::from_utf8(read).unwrap(), answer);
        let told = recorder.interrupt().exits(0).said();
        assert!(told.contains("1 calls were refused"), "{told}");
        assert!(told.contains("2 passed, 1 chosen"), "{told}");
        assert_silent(&desk, &told);
        std::fs::remove_dir_all(desk.path("live.vtrace")).unwrap();
    }
}

#[test]
fn who_speaks_no_http_or_finds_no_gateway_is_told_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = free.local_addr().unwrap().to_string();
    drop(free);
    let desk = Desk::new();
    let (recorder, address) = recorder(&desk, &gone, "--timing-only");
    let head = format!("{HEAD}\r\n");
    let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(80_000));
    for (asked, told) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request"),
        (&head, "502 Bad Gateway"),
        (&long, "431 "),
    ] {
        let mut socket = connect(&address);
        socket.write_all(asked.as_bytes()).unwrap();
        let mut read = Vec::new();
        // What was not read of a long one may take back the end of what it is told.
        let _ = socket.read_to_end(&mut read);
        let read = String::from_utf8(read).unwrap();
        assert!(read.starts_with(&format!("HTTP/1.1 {told}")), "{read}");
        assert!(!read.contains("SECRET"), "{read}");
    }
    recorder.interrupt().exits(0);
}

#[test]
fn extensions_that_hide_what_is_said_pass_where_they_may() {
    let agreed = format!("{AGREED}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    let answer = [agreed.as_bytes(), &frame(0xc1, b"deflated", None)].concat();
    let peer = Peer::answering(&answer);
    let desk = Desk::new();
    let flags = "--keep audio,text --pass-extensions";
    let (recorder, address) = recorder(&desk, &peer.address(), flags);
    let head = format!("{HEAD}{OFFER}\r\n");
    let said = frame(0xc1, b"deflated too", KEY);
    let read = call(&address, head.as_bytes(), answer.len(), &said);
    assert!(read == answer);
    assert!(peer.heard() == [head.as_bytes(), &said].concat());
    let told = recorder.interrupt().exits(0).said();
    assert!(
        told.contains("1 calls are recorded with their start"),
        "{told}"
    );
    desk.voicelt("trace check live.vtrace").exits(0);
    let (_, sessions) = sessions(&desk.path("live.vtrace"));
    let rows = sessions.values().next().unwrap();
    assert_eq!((sessions.len(), rows.turns.len()), (1, 0));
    assert_eq!(rows.session.recorded_status.as_deref(), Some("UNKNOWN"));
    assert!(rows.session.recorded_end_ns > Some(rows.session.start_ns));
}

#[test]
fn what_is_not_understood_passes_and_is_counted() {
    let agreed = format!("{AGREED}\r\n");
    let peer = Peer::answering(agreed.as_bytes());
    let desk = Desk::new();
    let (recorder, address) = recorder(&desk, &peer.address(), "--keep audio,text");
    let head = format!("{HEAD}\r\n");
    let cases = [
        frame(0x81, b"no JSON", KEY),
        frame(0x81, b"{}", None),
        frame(0xf1, b"{}", KEY),
        b"\xff\xff\xff\xff no frame".to_vec(),
    ];
    for said in &cases {
        let update = br#"{"type":"session.update","session":{}}"#;
        let said = [&frame(0x81, update, KEY)[..], said].concat();
        let read = call(&address, head.as_bytes(), agreed.len(), &said);
        assert!(read == agreed.as_bytes());
    }
    let went_on = peer.heard();
    for said in &cases {
        let found = went_on.windows(said.len()).any(|part| part == said);
        assert!(found, "{said:x?} in {went_on:x?}");
    }
    let told = recorder.interrupt().exits(0).said();
    assert!(
        told.contains("4 calls are recorded up to a message"),
        "{told}"
    );
    desk.voicelt("trace check live.vtrace").exits(0);
}

#[test]
fn a_server_that_reads_no_more_stops_the_caller() {
    let agreed = format!("{AGREED}\r\n");
    let server = Odd::sockets(move |mut socket| {
        let agreed = agreed.clone();
        async move {
            socket.write_all(agreed.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        }
    });
    let desk = Desk::new();
    let to = format!("127.0.0.1:{}", server.port);
    let (_recorder, address) = recorder(&desk, &to, "--timing-only");
    let mut socket = connect(&address);
    socket.write_all(format!("{HEAD}\r\n").as_bytes()).unwrap();
    let stuck = Duration::from_secs(2);
    socket.set_write_timeout(Some(stuck)).unwrap();
    let piece = frame(0x82, &[0; 60_000], KEY);
    // What the systems' buffers take of three sockets, and no more.
    let taken = (0..2_000).take_while(|_| socket.write_all(&piece).is_ok());
    assert!(taken.count() < 1_000, "60 MB went nowhere");
}
