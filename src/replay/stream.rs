//! Opens one session's stream and reads it to its end.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::Request;
use http::response::Parts;

use super::call::Call;
use super::progress::End;
use super::shared::Shared;
use crate::clock::Clock;
use crate::trace::model::metadata_pairs;
use crate::transport::grpc;
use crate::transport::outcome::Progress;
use crate::transport::status::{GrpcStatus, INTERNAL, UNAVAILABLE};

/// Holds a session's conversation and returns how it ended.
pub(super) async fn converse(shared: &Shared, call: &RefCell<Call>) -> End {
    match conversation(shared, call).await {
        Ok(end) | Err(end) => end,
    }
}

async fn conversation(shared: &Shared, call: &RefCell<Call>) -> Result<End, End> {
    let ready = unless_ended(shared, call, shared.connections.ready()).await?;
    let mut ready = ready.map_err(|not_ready| match not_ready.ours {
        true => {
            shared.not_started(&not_ready.reason);
            End::OurFault(not_ready.reason)
        }
        false => End::Stream(GrpcStatus::new(UNAVAILABLE, not_ready.reason)),
    })?;
    let request = {
        let mut call = call.borrow_mut();
        call.facts.connection = Some(ready.number);
        call.facts.peer = Some(ready.connection.peer());
        request(shared, &call)
    };
    let request = request.map_err(|reason| End::Stream(GrpcStatus::new(INTERNAL, reason)))?;
    let (outgoing, mut incoming) = ready.connection.open(request).map_err(End::Stream)?;
    {
        let mut call = call.borrow_mut();
        call.opened(shared, outgoing);
        shared.apply(&mut call.effects);
    }
    loop {
        let progress = poll_fn(|context| {
            // All that comes at once has one instant.
            let mut at = None;
            incoming.poll_read(context, |message| {
                let at = *at.get_or_insert_with(|| shared.clock.now());
                let mut call = call.borrow_mut();
                call.received(shared, at, message);
                shared.apply(&mut call.effects);
            })
        });
        match unless_ended(shared, call, progress).await? {
            Progress::Head(head) => note_head(shared, &mut call.borrow_mut(), &head),
            Progress::Read => {}
            Progress::Ended(status) => return Ok(End::Stream(status)),
        }
    }
}

fn note_head(shared: &Shared, call: &mut Call, head: &Parts) {
    call.facts.headers_ns = Some(shared.clock.now().0);
    call.facts.http_status = Some(head.status.as_u16());
    if let Some(header) = &shared.spec.replica_header {
        let value = head
            .headers
            .get(header)
            .and_then(|value| value.to_str().ok());
        call.facts.replica = value.map(Arc::from);
    }
}

/// Waits for `future`, unless the session is ended from our side; meanwhile lets what is blocked
/// leave as soon as the peer makes room.
async fn unless_ended<T>(
    shared: &Shared,
    call: &RefCell<Call>,
    future: impl Future<Output = T>,
) -> Result<T, End> {
    let mut future = pin!(future);
    poll_fn(|context| {
        {
            let mut call = call.borrow_mut();
            if let Some(end) = &call.end {
                return Poll::Ready(Err(end.clone()));
            }
            call.waker = Some(context.waker().clone());
            call.poll_room(shared, context);
            shared.apply(&mut call.effects);
        }
        future.as_mut().poll(context).map(Ok)
    })
    .await
}

fn request(shared: &Shared, call: &Call) -> Result<Request<()>, String> {
    let trace_id = shared.run.trace_id(&call.script);
    let traceparent = format!("00-{trace_id}-{}-01", &trace_id[..16]);
    let recorded = call.script.rows.session.metadata.as_deref();
    let recorded = recorded.and_then(metadata_pairs).unwrap_or_default();
    let given = |name: &str| {
        let mut headers = shared.spec.headers.iter();
        headers.any(|(header, _)| header.eq_ignore_ascii_case(name))
    };
    let ours = [
        ("user-agent", concat!("voicelt/", env!("CARGO_PKG_VERSION"))),
        ("traceparent", &traceparent),
        ("x-voicelt-run-id", &shared.run.run_id),
    ];
    let recorded = recorded.iter().filter(|(name, _)| !given(name));
    let pairs = recorded.chain(&shared.spec.headers);
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    let path = shared.spec.dialect.path();
    grpc::request(
        shared.connections.endpoint(),
        path,
        ours.into_iter().chain(pairs),
    )
}
