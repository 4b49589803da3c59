//! One request of HTTP/1.1 and its whole answer, on a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::refusal::Refusal;
use crate::transport::channel::Connector;
use crate::transport::ended::{EndCode, Ended};
use crate::transport::secrets::Secrets;

/// How long an answer may take, its connection included: what Twilio waits for a webhook.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends `request` to where `connector` leads, and returns the answer, whose body has at most `most` bytes. Must
/// run inside a local task set.
///
/// # Errors
/// There was no answer, or one that is no success, with the server's words.
pub(super) async fn exchange(
    connector: &Connector,
    start: usize,
    request: Request<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, Ended> {
    let query = request.uri().query().unwrap_or_default();
    let secrets = Secrets::sent(query, request.headers());
    let answer = tokio::time::timeout(PATIENCE, answer(connector, start, request, most));
    let answer = answer.await.unwrap_or_else(|_| {
        Err(format!(
            "{}: no answer within {} s",
            connector.endpoint(),
            PATIENCE.as_secs()
        ))
    });
    let (head, body) = answer
        .map_err(|reason| Ended::new(EndCode::Broken, secrets.hidden_in(reason)))?
        .into_parts();
    match head.status.is_success() {
        true => Ok(Response::from_parts(head, body)),
        // The body is whole by now, whatever it was cut into.
        false => {
            let mut head = head;
            head.headers.remove(header::TRANSFER_ENCODING);
            Err(Refusal::new(Box::new(head), body.into(), secrets).ended())
        }
    }
}

async fn answer(
    connector: &Connector,
    start: usize,
    request: Request<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, String> {
    let place = connector.endpoint();
    let opened = connector.open(start).await.map_err(|e| e.to_string())?;
    let failed = |error: hyper::Error| format!("{place}: {}", with_causes(&error));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(opened))
        .await
        .map_err(failed)?;
    // What goes wrong with it is told by the answer.
    let moving = spawn_local(connection);
    let response = sender.send_request(request.map(Full::new)).await;
    let (head, body) = response.map_err(failed)?.into_parts();
    let body = Limited::new(body, most).collect().await;
    moving.abort();
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => format!("{place}: the answer has more than {most} bytes"),
        None => format!("{place}: the answer is cut off: {}", with_causes(&*error)),
    })?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// An error and what caused it.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
