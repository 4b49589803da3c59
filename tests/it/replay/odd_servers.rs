//! Servers and proxies that end calls in ways of their own: rows say what happened, by the codes that
//! gRPC gives it.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use voicelt::dialect::grpc::frame;
use voicelt::dialect::voice_workflow::server_message::Content;
use voicelt::dialect::voice_workflow::{EventType, ServerEvent, ServerMessage};
use voicelt::results::row::{RequestRow, Status};

use super::replay_into;
use crate::support::Desk;
use crate::support::odd::Odd;

/// The rows of two calls to a server.
fn rows(server: &Odd) -> Vec<RequestRow> {
    let desk = Desk::with_trace("--synth speech-like:1s --sessions 2 --arrivals constant:2/s");
    let target = format!("http://127.0.0.1:{}", server.port);
    desk.voicelt(&replay_into(&target, "run"));
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 2);
    rows
}

/// The one code and error of both calls.
fn failure(server: &Odd) -> (Option<u32>, String) {
    let rows = rows(server);
    assert!(
        rows.iter().all(|row| row.status == Status::Error),
        "{rows:?}"
    );
    let [one, other] = [&rows[0], &rows[1]].map(|row| (row.grpc_code, row.error.clone().unwrap()));
    assert_eq!(one, other);
    one
}

/// Waits until the caller has sent all it has.
async fn heard(mut body: h2::RecvStream) {
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
}

fn head(status: u16, kind: &str) -> Response<()> {
    let head = Response::builder()
        .status(status)
        .header("content-type", kind);
    head.body(()).unwrap()
}

fn trailers(code: &'static str, message: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers.insert("grpc-message", message.parse().unwrap());
    trailers
}

#[test]
fn a_stream_that_the_server_resets_has_the_code_of_its_reason() {
    for (reason, code) in [
        (Reason::CANCEL, 1),
        (Reason::ENHANCE_YOUR_CALM, 8),
        (Reason::INADEQUATE_SECURITY, 7),
        (Reason::REFUSED_STREAM, 14),
        (Reason::INTERNAL_ERROR, 13),
        (Reason::HTTP_1_1_REQUIRED, 13),
    ] {
        let server = Odd::calls(move |_, mut respond| async move { respond.send_reset(reason) });
        let (found, error) = failure(&server);
        assert_eq!(found, Some(code), "{reason:?}");
        assert!(
            error.ends_with(&format!("reset the stream: {reason:?}")),
            "{error}"
        );
    }
}

#[test]
fn what_a_server_says_in_its_goaway_is_kept() {
    let mut goaway = vec![0, 0, 22, 7, 0, 0, 0, 0, 0];
    goaway.put_u32(0);
    goaway.put_u32(Reason::ENHANCE_YOUR_CALM.into());
    goaway.extend_from_slice(b"too_many_pings");
    let (code, error) = failure(&Odd::frame(goaway));
    assert_eq!(code, Some(14), "{error}");
    assert!(
        error.contains("GOAWAY ENHANCE_YOUR_CALM (\"too_many_pings\")"),
        "{error}"
    );
}

#[test]
fn a_page_instead_of_grpc_is_named() {
    let server = Odd::calls(|_, mut respond: SendResponse<Bytes>| async move {
        let mut body = respond
            .send_response(head(200, "text/html"), false)
            .unwrap();
        let _ = body.send_data(Bytes::from_static(b"<html>Welcome</html>"), true);
    });
    let (code, error) = failure(&server);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("HTTP 200 OK with text/html instead of gRPC"),
        "{error}"
    );
}

#[test]
fn a_message_that_was_cut_does_not_hide_the_status() {
    let server = Odd::calls(|_, mut respond: SendResponse<Bytes>| async move {
        let mut body = respond
            .send_response(head(200, "application/grpc"), false)
            .unwrap();
        let _ = body.send_data(Bytes::from_static(&[0, 0, 0, 0, 10, 1]), false);
        let _ = body.send_trailers(trailers("8", "quota"));
    });
    let (code, error) = failure(&server);
    assert_eq!(code, Some(8));
    assert_eq!(
        error,
        "RESOURCE_EXHAUSTED: quota; the stream ended inside a message"
    );
}

/// A run of one call, of two turns, on a server that opens it and gives no room.
pub(super) fn run_without_room() -> Desk {
    let server = Odd::with_room(0, |_request, respond: SendResponse<Bytes>| async move {
        let _respond = respond;
        std::future::pending::<()>().await;
    });
    let desk = Desk::with_trace("--synth speech-like:1s --turns 2 --sessions 1");
    let target = format!("http://127.0.0.1:{}", server.port);
    desk.voicelt(&(replay_into(&target, "run") + " --timeout 500ms"));
    desk
}

#[test]
fn a_call_that_was_opened_and_given_no_room_has_timed_out() {
    let desk = run_without_room();
    let rows = desk.requests("run");
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.status, row.error.as_deref()))
        .collect();
    let no_room = "the server opened the stream and gave no room to send on it";
    let expected = [(Status::Timeout, Some(no_room)), (Status::NotStarted, None)];
    assert_eq!(told, expected);
}

/// A message as servers send it that compress.
fn gzip(content: Content) -> Bytes {
    let framed = frame(&ServerMessage {
        content: Some(content),
    });
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&framed[5..]).unwrap();
    let packed = packed.finish().unwrap();
    let mut out = BytesMut::new();
    out.put_u8(1);
    out.put_u32(packed.len() as u32);
    out.put_slice(&packed);
    out.freeze()
}

#[test]
fn gzip_is_offered_and_read() {
    let server = Odd::calls(|request, mut respond: SendResponse<Bytes>| async move {
        let offered = request.headers()["grpc-accept-encoding"].clone();
        assert_eq!(offered, "gzip, deflate");
        heard(request.into_body()).await;
        let mut body = respond
            .send_response(head(200, "application/grpc"), false)
            .unwrap();
        let event = |kind: EventType| {
            Content::Event(ServerEvent {
                r#type: kind.into(),
                message: String::new(),
            })
        };
        for content in [
            Content::TranscriptChunk("hello".to_owned()),
            event(EventType::Processing),
            Content::LlmResponseChunk("good day".to_owned()),
            event(EventType::Speaking),
            Content::AudioChunk(vec![1; 3200].into()),
            event(EventType::Listening),
        ] {
            let _ = body.send_data(gzip(content), false);
        }
        let _ = body.send_trailers(trailers("0", ""));
    });
    let rows = rows(&server);
    let answered = |row: &RequestRow| {
        (
            row.status,
            row.transcript.clone(),
            row.audio_received_samples,
        )
    };
    assert!(
        rows.iter()
            .all(|row| answered(row) == (Status::Ok, Some("hello".to_owned()), 1600)),
        "{rows:?}"
    );
}

#[test]
fn a_status_that_repeats_a_secret_is_shown_without_it() {
    let server = Odd::calls(|_, mut respond: SendResponse<Bytes>| async move {
        let mut body = respond
            .send_response(head(200, "application/grpc"), false)
            .unwrap();
        let _ = body.send_trailers(trailers("16", "SECRET-ONE is no key of ours"));
    });
    let desk = Desk::with_trace("--synth speech-like:1s");
    desk.write("vars.csv", "key\nSECRET-ONE\n");
    let target = format!("http://127.0.0.1:{}", server.port);
    let flags = "--session-vars vars.csv --header 'authorization: Bearer {var:key}'";
    desk.voicelt(&format!("{} {flags}", replay_into(&target, "run")));
    let error = desk.requests("run")[0].error.clone().unwrap();
    assert_eq!(error, "UNAUTHENTICATED: (hidden) is no key of ours");
    let said = desk.voicelt(&format!("doctor --target {target} {flags}"));
    assert!(!said.said().contains("SECRET"), "{}", said.said());
    said.says("UNAUTHENTICATED (hidden) is no key of ours");
}
