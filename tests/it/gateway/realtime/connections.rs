//! How sessions open and close.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use voicelt::gateway::{Embedded, RealtimeSpec};
use voicelt::results::row::ArrivalRow;
use voicelt::table::read_all;

use super::super::call::{PATIENCE, Served};
use super::line::Line;
use super::{serve, spec};

/// The head of the answer to a request that is written as it stands here, in lower case.
async fn ask(served: &Served, request: &str) -> String {
    let mut socket = TcpStream::connect(served.addr).await.expect("connected");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1_024];
        let read = timeout(PATIENCE, socket.read(&mut piece)).await;
        match read.expect("in time").expect("readable") {
            0 => break,
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    // The first event may follow the head at once.
    let head = answer.utf8_chunks().next().map_or("", |text| text.valid());
    head.to_ascii_lowercase()
}

#[tokio::test]
async fn what_asks_for_no_websocket_is_told_so() {
    let served = serve().await;
    let answer = ask(&served, "GET /v1/realtime HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("http/1.1 426 "), "{answer}");
    assert!(answer.contains("upgrade: websocket\r\n"), "{answer}");
    let old = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n";
    let answer = ask(&served, old).await;
    assert!(answer.starts_with("http/1.1 400 "), "{answer}");
    let answer = ask(&served, "\r\nnonsense\r\n\r\n").await;
    assert!(
        answer.is_empty() || answer.starts_with("http/1.1 400 "),
        "{answer}"
    );
    let browser = old.replace(
        "Version: 8",
        "Version: 13\r\nSec-WebSocket-Protocol: realtime, key",
    );
    let answer = ask(&served, &browser).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    // RFC 6455, section 1.3, has this key and what it is answered with.
    assert!(
        answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("sec-websocket-protocol: realtime\r\n"),
        "{answer}"
    );
    assert_eq!(served.stop().await.streams, 1);
}

#[tokio::test]
async fn sessions_are_refused_as_often_as_it_is_told() {
    let served = Served::start(spec(RealtimeSpec {
        refused: 1.0,
        ..RealtimeSpec::default()
    }));
    let served = served.await;
    let Err(Error::Http(answer)) = Line::try_open(served.addr, "/").await else {
        panic!("not refused")
    };
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "1");
    let report = served.stop().await;
    assert_eq!((report.streams, report.errors), (0, 1));
}

#[tokio::test]
async fn any_path_is_served_and_the_query_names_the_model() {
    let served = serve().await;
    let path = "/openai/v1/other?api-version=1&model=my-model";
    let mut line = Line::try_open(served.addr, path)
        .await
        .expect("a WebSocket");
    let created = line.until("session.created").await;
    assert_eq!(created[0]["session"]["model"], "my-model");
    line.hang_up().await;
    assert_eq!(served.stop().await.cut_off, 0);
}

#[tokio::test]
async fn a_shutdown_and_old_age_close_a_session_with_their_codes() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    served.shutdown.cancel();
    let close = line.next().await.expect_err("closed").expect("a code");
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Away, "the gateway is shutting down")
    );
    assert_eq!(served.stop().await.cut_off, 1);

    let mut aging = spec(RealtimeSpec::default());
    aging.cut_streams_after_ns = Some(200_000_000);
    let served = Served::start(aging).await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    let close = line.next().await.expect_err("closed").expect("a code");
    assert_eq!(close.code, CloseCode::Again);
    assert!(close.reason.contains("age"));
    assert_eq!(served.stop().await.cut_off, 1);
}

#[tokio::test]
async fn a_client_that_goes_without_a_close_frees_its_slot() {
    let mut slow = super::slow();
    slow.slots = 1;
    let served = Served::start(slow).await;
    let mut first = Line::ready(served.addr, &json!({})).await;
    first.utter(300).await;
    first.until("response.output_audio_transcript.delta").await;
    let mut second = Line::ready(served.addr, &json!({})).await;
    second.utter(300).await;
    second.until("response.created").await;
    drop(first);
    second.until("response.output_audio_transcript.delta").await;
    drop(second);
    let report = served.stop().await;
    assert_eq!((report.streams, report.cut_off, report.answers), (2, 2, 0));
}

#[test]
fn the_embedded_gateway_logs_arrivals() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("arrivals.parquet");
    let mut logging = spec(RealtimeSpec::default());
    logging.arrivals_log = Some(path.clone());
    let embedded = Embedded::start(logging).expect("started");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut line = Line::ready(embedded.addr(), &json!({})).await;
        line.utter(300).await;
        line.until("response.done").await;
        line.hang_up().await;
    });
    drop(runtime);
    let report = embedded.stop().expect("ended well");
    assert_eq!((report.arrivals_logged, report.arrivals_lost), (42, 0));

    let rows: Vec<ArrivalRow> = read_all(&path).expect("readable");
    assert!(rows.iter().map(|row| row.seq).eq(0..42));
    let bytes: Vec<u32> = rows.iter().map(|row| row.bytes).collect();
    assert_eq!(bytes[..2], [0, 0], "two updates");
    assert!(bytes[2..].iter().all(|bytes| *bytes == 960), "{bytes:?}");
    let named = |row: &ArrivalRow| row.run_id == "run-1" && row.wire_session_id == "s-1";
    assert!(rows.iter().all(named));
    assert!(rows.is_sorted_by_key(|row| row.received_ns));
}
