//! Opens one session's stream and reads it to its end.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::response::Parts;

use super::call::Call;
use super::end::End;
use super::request::{request, without_secrets};
use super::shared::Shared;
use super::webhook;
use crate::clock::Clock;
use crate::transport::ended::{EndCode, Ended};
use crate::transport::outcome::Progress;
use crate::transport::status::UNAVAILABLE;

/// Holds a session's conversation and returns how it ended.
pub(super) async fn converse(shared: &Shared, call: &RefCell<Call>) -> End {
    let (Ok(end) | Err(end)) = conversation(shared, call).await;
    match end {
        // Of WebSockets the transport has done it, which knows what are our own words.
        End::Stream(ended) if ended.grpc_code().is_some() && !ended.message.is_empty() => {
            End::Stream(Ended {
                message: without_secrets(shared, &call.borrow().script, ended.message),
                ..ended
            })
        }
        end => end,
    }
}

async fn conversation(shared: &Shared, call: &RefCell<Call>) -> Result<End, End> {
    let followed = match shared.spec.webhook {
        true => Some(unless_ended(shared, call, webhook::ask(shared, call)).await??),
        false => None,
    };
    let endpoint = followed.unwrap_or_else(|| shared.connections.endpoint().clone());
    let ready = async {
        match shared.spec.webhook {
            true => shared.connections.to_other(endpoint.clone()).await,
            false => Some(shared.connections.ready().await),
        }
    };
    let ready = unless_ended(shared, call, ready).await?;
    let ready = ready.ok_or_else(|| End::OurFault(webhook::NO_CONNECTION.to_owned()))?;
    let mut ready = ready.map_err(|not_ready| match not_ready.ours {
        true => {
            shared.not_started(&not_ready.reason);
            End::OurFault(not_ready.reason)
        }
        false => End::Stream(Ended::new(unavailable(shared), not_ready.reason)),
    })?;
    let request = {
        let mut call = call.borrow_mut();
        call.facts.connection = Some(ready.number);
        call.facts.peer = Some(ready.connection.peer());
        let connected_ns = ready.connection.connected_ns();
        let connected = connected_ns.map(|ns| shared.clock.run_time_of(ns).0);
        call.facts.connected_ns = connected;
        request(shared, &call.script, &endpoint)
    };
    let request = request.map_err(End::OurFault)?;
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
            Progress::Ended(ended) => return Ok(End::Stream(ended)),
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

/// What stands for a stream that there was no connection for.
fn unavailable(shared: &Shared) -> EndCode {
    match shared.spec.shares_connections() {
        true => EndCode::Grpc(UNAVAILABLE),
        false => EndCode::Broken,
    }
}
