//! One stream across: what the caller sends goes to the gateway, what the gateway answers to the
//! caller, as the bytes they are, with metadata, trailers, half-closes and resets, each side at the
//! pace that the other reads at.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};

use super::delay::Delays;
use super::tap::CallTap;
use super::upstream::Upstream;
use crate::clock::monotonic_ns;
use crate::transport::channel::Endpoint;
use crate::transport::status::{GrpcStatus, UNAVAILABLE};

/// How a stream ended before its end.
struct Reset(Reason);

impl From<h2::Error> for Reset {
    fn from(error: h2::Error) -> Reset {
        // A connection that broke has no reason; what depended on it is cancelled.
        Reset(error.reason().unwrap_or(Reason::CANCEL))
    }
}

/// Carries one stream from its first byte to its last; its delays are counted and what it carries
/// is given to `tap`.
pub(super) async fn relay(
    request: Request<RecvStream>,
    mut caller: SendResponse<Bytes>,
    upstream: &Upstream,
    delays: &Delays,
    tap: CallTap,
) {
    let (head, from_caller) = request.into_parts();
    let line = tokio::select! {
        ready = upstream.ready() => ready,
        // The caller may give up while the gateway cannot be reached, or has no slot.
        _ = poll_fn(|cx| caller.poll_reset(cx)) => return tap.cancelled(monotonic_ns()),
    };
    let mut line = match line {
        Ok(line) => line,
        Err(error) => {
            let reason = format!("voicelt record: the gateway cannot be reached: {error}");
            refuse(&mut caller, &reason);
            return tap.closed(Some(GrpcStatus::new(UNAVAILABLE, reason)), monotonic_ns());
        }
    };
    let outgoing = addressed(head, upstream.connector().endpoint());
    let sent = line
        .streams
        .send_request(outgoing, from_caller.is_end_stream());
    let Ok((response, mut to_gateway)) = sent else {
        let reason = "voicelt record: the gateway's connection broke";
        refuse(&mut caller, reason);
        return tap.closed(Some(GrpcStatus::new(UNAVAILABLE, reason)), monotonic_ns());
    };

    let ended = {
        let mut up = pin!(ask(from_caller, &mut to_gateway, delays, tap.caller()));
        let mut down = pin!(answer(response, &mut caller, delays, tap.gateway()));
        let mut asked = false;
        loop {
            tokio::select! {
                biased;
                ended = &mut down => break ended,
                ended = &mut up, if !asked => match ended {
                    Ok(()) => asked = true,
                    Err(Reset(reason)) => break Ended::ByCaller(reason),
                },
            }
        }
    };
    match ended {
        Ended::Whole(status) => tap.closed(status, monotonic_ns()),
        Ended::ByGateway(reason) => {
            caller.send_reset(reason);
            tap.closed(None, monotonic_ns());
        }
        Ended::ByCaller(reason) => {
            to_gateway.send_reset(reason);
            tap.cancelled(monotonic_ns());
        }
    }
}

/// How a stream ended.
enum Ended {
    /// With the gateway's status, if it gave one.
    Whole(Option<GrpcStatus>),
    /// The gateway reset it, or its connection broke.
    ByGateway(Reason),
    /// The caller reset it, or its connection broke.
    ByCaller(Reason),
}

/// The caller's side: until it has finished sending.
async fn ask(
    mut from: RecvStream,
    to: &mut SendStream<Bytes>,
    delays: &Delays,
    tap: super::tap::Side<'_>,
) -> Result<(), Reset> {
    while let Some(data) = from.data().await {
        let (data, at_ns) = (data?, monotonic_ns());
        let last = from.is_end_stream();
        let bytes = data.len();
        tap.push(&data, at_ns);
        if !send(to, data, last).await {
            // The gateway takes no more: what it answers tells why.
            return Ok(());
        }
        delays.to_gateway(monotonic_ns() - at_ns);
        from.flow_control().release_capacity(bytes)?;
        if last {
            tap.half_closed(at_ns);
            return Ok(());
        }
    }
    let trailers = from.trailers().await?;
    tap.half_closed(monotonic_ns());
    // Refused only by a stream that has ended, which the answer tells.
    let _ = match trailers {
        Some(trailers) => to.send_trailers(trailers),
        None => to.send_data(Bytes::new(), true),
    };
    Ok(())
}

/// The gateway's side: until its status, or until the caller has gone.
async fn answer(
    response: h2::client::ResponseFuture,
    caller: &mut SendResponse<Bytes>,
    delays: &Delays,
    tap: super::tap::Side<'_>,
) -> Ended {
    let response = tokio::select! {
        biased;
        response = response => response,
        reset = poll_fn(|cx| caller.poll_reset(cx)) => return gone(reset),
    };
    let response = match response {
        Ok(response) => response,
        Err(error) => return Ended::ByGateway(Reset::from(error).0),
    };
    let (head, mut from) = response.into_parts();
    let only_a_head = from.is_end_stream();
    let status = GrpcStatus::from_headers(&head.headers);
    let mut to = match caller.send_response(Response::from_parts(head, ()), only_a_head) {
        Ok(to) => to,
        Err(error) => return Ended::ByCaller(Reset::from(error).0),
    };
    if only_a_head {
        return Ended::Whole(status);
    }
    loop {
        let data = tokio::select! {
            biased;
            data = from.data() => data,
            reset = poll_fn(|cx| to.poll_reset(cx)) => return gone(reset),
        };
        let data = match data {
            Some(Ok(data)) => data,
            Some(Err(error)) => return Ended::ByGateway(Reset::from(error).0),
            None => break,
        };
        let (bytes, at_ns, last) = (data.len(), monotonic_ns(), from.is_end_stream());
        tap.push(&data, at_ns);
        if !send(&mut to, data, last).await {
            return gone(poll_fn(|cx| to.poll_reset(cx)).await);
        }
        delays.to_caller(monotonic_ns() - at_ns);
        if last {
            return Ended::Whole(None);
        }
        if let Err(error) = from.flow_control().release_capacity(bytes) {
            return Ended::ByGateway(Reset::from(error).0);
        }
    }
    match from.trailers().await {
        Ok(trailers) => {
            let status = trailers.as_ref().and_then(GrpcStatus::from_headers);
            // Refused only by a caller that has gone, who misses nothing.
            let _ = match trailers {
                Some(trailers) => to.send_trailers(trailers),
                None => to.send_data(Bytes::new(), true),
            };
            Ended::Whole(status)
        }
        Err(error) => Ended::ByGateway(Reset::from(error).0),
    }
}

fn gone(reset: Result<Reason, h2::Error>) -> Ended {
    Ended::ByCaller(reset.unwrap_or_else(|error| Reset::from(error).0))
}

/// Sends all of `data` as the peer grants room; `false` when the stream has ended.
async fn send(to: &mut SendStream<Bytes>, mut data: Bytes, last: bool) -> bool {
    if data.is_empty() {
        return !last || to.send_data(data, true).is_ok();
    }
    while !data.is_empty() {
        to.reserve_capacity(data.len());
        let room = match to.capacity() {
            0 => match poll_fn(|cx| to.poll_capacity(cx)).await {
                Some(Ok(room)) => room,
                Some(Err(_)) | None => return false,
            },
            room => room,
        };
        let piece = data.split_to(room.min(data.len()));
        let ends = last && data.is_empty();
        if to.send_data(piece, ends).is_err() {
            return false;
        }
    }
    true
}

/// The request as it goes on: to the gateway's own name, as a reverse proxy does, since meshes and
/// virtual hosts route by it. All else is as it came.
fn addressed(head: http::request::Parts, gateway: &Endpoint) -> Request<()> {
    let scheme = if gateway.tls { "https" } else { "http" };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(gateway.authority())
        .path_and_query(path);
    let mut request = Request::new(());
    *request.method_mut() = head.method;
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = head.headers;
    *request.uri_mut() = uri.build().unwrap_or(head.uri);
    request
}

/// Answers a call that cannot be carried across, as a gRPC server would.
fn refuse(caller: &mut SendResponse<Bytes>, reason: &str) {
    let mut response = Response::new(());
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(UNAVAILABLE));
    let ascii: String = reason
        .chars()
        .map(|c| {
            if matches!(c, ' '..='~') && c != '%' {
                c
            } else {
                '?'
            }
        })
        .collect();
    if let Ok(message) = HeaderValue::from_str(&ascii) {
        headers.insert("grpc-message", message);
    }
    // Refused only by a caller that has gone.
    let _ = caller.send_response(response, true);
}
