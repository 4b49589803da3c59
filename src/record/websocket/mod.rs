//! Calls over WebSockets: each has a connection of its own, which begins with a request for an upgrade. `handshake`
//! reads that, `relay` carries all that follows.
//!
//! What is no request for an upgrade is carried across too, and nothing of it is recorded.

mod handshake;
mod relay;

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::shared::Shared;
use crate::clock::monotonic_ns;
use handshake::{MOST_HEAD, Request, refusal, without_extensions};
use relay::relay;

/// How long a caller may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries one connection, a caller's `number`th, until its end.
pub(super) async fn carry(
    shared: &Shared,
    caller: impl AsyncRead + AsyncWrite + Unpin,
    number: usize,
) {
    tokio::select! {
        () = serve(shared, caller, number) => {}
        () = shared.stop.calls.cancelled() => {}
    }
}

async fn serve(shared: &Shared, mut caller: impl AsyncRead + AsyncWrite + Unpin, number: usize) {
    let asked = tokio::select! {
        asked = tokio::time::timeout(PATIENCE, read_request(&mut caller)) => asked,
        () = shared.stop.arrivals.cancelled() => return,
    };
    let (bytes, request) = match asked {
        Ok(Ok(Some(asked))) => asked,
        // Who has gone, or says nothing, is told nothing.
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(refused)) => return say(&mut caller, refused).await,
    };
    let asks = request.is_upgrade();
    let tap = match asks {
        true => shared
            .tap
            .call(&request.query, &request.headers, monotonic_ns()),
        false => shared.tap.passing(),
    };
    let mut gateway = match shared.connector.open(number).await {
        Ok(gateway) => gateway,
        Err(error) => {
            tap.closed(None, monotonic_ns());
            let reason = format!("the gateway cannot be reached: {error}");
            return say(&mut caller, refusal("502 Bad Gateway", &reason)).await;
        }
    };
    let (head, early) = bytes.split_at(request.head);
    let mut head = match tap.records() && !shared.pass_extensions {
        true => without_extensions(head),
        false => head.to_vec(),
    };
    if !early.is_empty() {
        head.extend_from_slice(early);
        tap.caller()
            .push(&Bytes::copy_from_slice(early), monotonic_ns());
    }
    if gateway.write_all(&head).await.is_err() || gateway.flush().await.is_err() {
        tap.closed(None, monotonic_ns());
        let reason = "the gateway's connection broke";
        return say(&mut caller, refusal("502 Bad Gateway", reason)).await;
    }
    relay(caller, gateway, asks, &shared.delays, &tap).await;
}

/// What a caller asks first, and all that came with it; `None` of one that has gone.
///
/// # Errors
/// What it is to be told, where it speaks no HTTP/1.1.
async fn read_request(
    caller: &mut (impl AsyncRead + Unpin),
) -> Result<Option<(Vec<u8>, Request)>, Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match caller.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
        match Request::of(&bytes) {
            Ok(Some(request)) => return Ok(Some((bytes, request))),
            Ok(None) if bytes.len() <= MOST_HEAD => {}
            Ok(None) => {
                let status = "431 Request Header Fields Too Large";
                return Err(refusal(status, "the head of the request is too large"));
            }
            Err(error) => {
                let reason = format!("this is no request of HTTP/1.1: {error}");
                return Err(refusal("400 Bad Request", &reason));
            }
        }
    }
}

/// The last that a caller is told.
async fn say(caller: &mut (impl AsyncWrite + Unpin), answer: Vec<u8>) {
    // Who has gone misses nothing.
    let _ = caller.write_all(&answer).await;
    let _ = caller.shutdown().await;
}
