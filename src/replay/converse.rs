//! Opens one session's stream and reads it to its end.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::{HeaderMap, Request};

use super::call::Call;
use super::progress::End;
use super::worker::Shared;
use crate::clock::Clock;
use crate::trace::model::metadata_pairs;
use crate::wire::STREAM_AUDIO_PATH;
use crate::wire::frame::{ACCEPTED_ENCODINGS, FrameReader};
use crate::wire::status::{GrpcStatus, INTERNAL, OK, UNAVAILABLE, UNKNOWN};

/// Holds a session's conversation and returns how it ended.
pub(super) async fn converse(shared: &Shared, call: &RefCell<Call>) -> End {
    match conversation(shared, call).await {
        Ok(end) | Err(end) => end,
    }
}

async fn conversation(shared: &Shared, call: &RefCell<Call>) -> Result<End, End> {
    let unavailable = |reason: String| End::Stream(GrpcStatus::new(UNAVAILABLE, reason));
    let ready = unless_ended(shared, call, shared.connections.ready()).await?;
    let mut ready = ready.map_err(|not_ready| match not_ready.ours {
        true => {
            shared.not_started(&not_ready.reason);
            End::OurFault(not_ready.reason)
        }
        false => unavailable(not_ready.reason),
    })?;
    {
        let mut call = call.borrow_mut();
        call.facts.connection = Some(ready.number);
        call.facts.peer = Some(ready.peer);
    }
    let request = request(shared, &call.borrow());
    let request = request.map_err(|reason| End::Stream(GrpcStatus::new(INTERNAL, reason)))?;
    let loss = ready.loss.clone();
    let lost = move |error: h2::Error| {
        let given_up = loss.get().map(|why| GrpcStatus::new(UNAVAILABLE, why));
        End::Stream(given_up.unwrap_or_else(|| GrpcStatus::of_broken(&error)))
    };
    let (response, send) = ready.streams.send_request(request, false).map_err(&lost)?;
    call.borrow_mut().opened(shared, send);
    let response = unless_ended(shared, call, response).await?.map_err(&lost)?;
    {
        let mut call = call.borrow_mut();
        call.facts.headers_ns = Some(shared.clock.now().0);
        if let Some(header) = &shared.spec.replica_header {
            let value = response
                .headers()
                .get(header)
                .and_then(|value| value.to_str().ok());
            call.facts.replica = value.map(Arc::from);
        }
    }
    if let Some(status) = GrpcStatus::of_head(&response) {
        return Ok(End::Stream(status));
    }
    let in_headers = GrpcStatus::from_headers(response.headers());
    let mut body = response.into_body();
    let mut frames = FrameReader::default();
    while let Some(data) =
        unless_ended(shared, call, std::future::poll_fn(|cx| body.poll_data(cx))).await?
    {
        let data = data.map_err(&lost)?;
        let at = shared.clock.now();
        // Read at once, so that the gateway never waits for us.
        let _ = body.flow_control().release_capacity(data.len());
        let read = frames.push(data, |message| call.borrow_mut().heard(shared, at, message));
        read.map_err(|error| End::Stream(GrpcStatus::new(INTERNAL, error.to_string())))?;
    }
    let trailers = unless_ended(
        shared,
        call,
        std::future::poll_fn(|cx| body.poll_trailers(cx)),
    )
    .await?;
    let trailers: Option<HeaderMap> = trailers.map_err(&lost)?;
    let status = trailers
        .as_ref()
        .and_then(GrpcStatus::from_headers)
        .or(in_headers);
    let status = status
        .unwrap_or_else(|| GrpcStatus::new(UNKNOWN, "the stream ended without a gRPC status"));
    Ok(End::Stream(match frames.finish() {
        Ok(()) => status,
        Err(cut) if status.code == OK => GrpcStatus::new(INTERNAL, cut.to_string()),
        // What the server says of its failure comes first.
        Err(cut) => GrpcStatus::new(status.code, format!("{}; {cut}", status.message)),
    }))
}

/// Waits for `future`, unless the session is ended from our side; meanwhile lets what is blocked
/// leave as soon as the peer makes room.
async fn unless_ended<T>(
    shared: &Shared,
    call: &RefCell<Call>,
    future: impl Future<Output = T>,
) -> Result<T, End> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        {
            let mut call = call.borrow_mut();
            if let Some(end) = &call.end {
                return Poll::Ready(Err(end.clone()));
            }
            call.waker = Some(context.waker().clone());
            call.poll_room(shared, context);
        }
        future.as_mut().poll(context).map(Ok)
    })
    .await
}

fn request(shared: &Shared, call: &Call) -> Result<Request<()>, String> {
    let endpoint = shared.connections.endpoint();
    let trace_id = shared.run.trace_id(&call.script);
    let span = &trace_id[..16];
    let mut request = Request::post(format!("{endpoint}{STREAM_AUDIO_PATH}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("grpc-accept-encoding", ACCEPTED_ENCODINGS)
        .header("user-agent", concat!("voicelt/", env!("CARGO_PKG_VERSION")))
        .header("traceparent", format!("00-{trace_id}-{span}-01"))
        .header("x-voicelt-run-id", &shared.run.run_id);
    let recorded = call.script.rows.session.metadata.as_deref();
    let recorded = recorded.and_then(metadata_pairs).unwrap_or_default();
    let given = |name: &str| {
        let mut headers = shared.spec.headers.iter();
        headers.any(|(header, _)| header.eq_ignore_ascii_case(name))
    };
    let recorded = recorded.iter().filter(|(name, _)| !given(name));
    for (name, value) in recorded.chain(&shared.spec.headers) {
        request = request.header(name, value);
    }
    request.body(()).map_err(|error| error.to_string())
}
