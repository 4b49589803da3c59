//! The question of gRPC's health checking protocol, asked on a connection that is open, and what
//! the stream of the question shows beside the answer.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use prost::Message;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::clock::wall_ns;
use crate::dialect::grpc::frame;
use crate::transport::channel::Endpoint;
use crate::transport::grpc::{FrameReader, request};
use crate::transport::secrets::Secrets;
use crate::transport::status::GrpcStatus;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to give room for bytes.
const ROOM_PATIENCE: Duration = Duration::from_secs(1);
/// Room that is asked for; more is of no interest.
pub const ROOM: usize = 256 * 1024;
/// Longest answer that is read.
const MOST_BYTES: usize = 64 * 1024;
/// gRPC's code of a method that is not there.
const UNIMPLEMENTED: u32 = 12;

/// How a gateway says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It serves.
    Serving,
    /// It does not, in the protocol's own word.
    NotServing(&'static str),
    /// It does not take this question.
    NotServed,
    /// It failed to answer, and how.
    Failed(String),
}

/// Room for bytes of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// So many; of [`ROOM`] there may be more.
    Bytes(usize),
    /// None within a second.
    Withheld,
    /// The stream had ended before it could be seen.
    Unknown,
}

/// What came of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How the gateway says it is.
    pub health: Health,
    /// What a stream may send before the gateway must have read some.
    pub room: Room,
    /// The `date` header and the wall clock when it came.
    pub date: Option<(String, i64)>,
}

/// Asks for the health of the server as a whole.
pub async fn ask(
    streams: SendRequest<Bytes>,
    endpoint: &Endpoint,
    headers: &[(String, String)],
) -> Answer {
    let mut answer = Answer {
        health: Health::Failed("no answer within 5 s".to_owned()),
        room: Room::Unknown,
        date: None,
    };
    let asked = tokio::time::timeout(PATIENCE, answered(streams, endpoint, headers, &mut answer));
    if let Ok(health) = asked.await {
        answer.health = health.unwrap_or_else(Health::Failed);
    }
    answer
}

async fn answered(
    streams: SendRequest<Bytes>,
    endpoint: &Endpoint,
    headers: &[(String, String)],
    answer: &mut Answer,
) -> Result<Health, String> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let request = request(endpoint, PATH, headers)?;
    let secrets = Secrets::of(&request);
    // A server may repeat what it was sent.
    let shown =
        |status: GrpcStatus| GrpcStatus::new(status.code, secrets.hidden_in(status.message));
    let mut streams = streams.ready().await.map_err(broken)?;
    let opened = streams.send_request(request, false);
    let (response, mut stream) = opened.map_err(broken)?;
    answer.room = room(&mut stream).await;
    // Of a server that has answered before it was asked, the answer says why.
    let _ = stream.send_data(frame(&HealthCheckRequest::default()), true);
    let (head, body) = response.await.map_err(broken)?.into_parts();
    let date = head.headers.get(http::header::DATE);
    let date = date.and_then(|date| date.to_str().ok());
    answer.date = date.map(|date| (date.to_owned(), wall_ns()));
    let head = http::Response::from_parts(head, ());
    if let Some(status) = GrpcStatus::of_head(&head) {
        return of_status(&shown(status), None);
    }
    let in_headers = GrpcStatus::from_headers(head.headers());
    let (message, in_trailers) = read(body).await?;
    let status = in_trailers.or(in_headers);
    let status = status.ok_or("it ended without a gRPC status")?;
    of_status(&shown(status), message)
}

/// What the server gives room for, as far as [`ROOM`].
async fn room(stream: &mut SendStream<Bytes>) -> Room {
    stream.reserve_capacity(ROOM);
    let granted = poll_fn(|context| stream.poll_capacity(context));
    match tokio::time::timeout(ROOM_PATIENCE, granted).await {
        Ok(Some(Ok(_))) => Room::Bytes(stream.capacity()),
        Ok(Some(Err(_)) | None) => Room::Unknown,
        Err(_) => Room::Withheld,
    }
}

async fn read(mut body: RecvStream) -> Result<(Option<Bytes>, Option<GrpcStatus>), String> {
    let (mut frames, mut message, mut bytes) = (FrameReader::default(), None, 0);
    while let Some(data) = body.data().await {
        let data = data.map_err(broken)?;
        bytes += data.len();
        if bytes > MOST_BYTES {
            return Err(format!("it answered with over {MOST_BYTES} bytes"));
        }
        let released = body.flow_control().release_capacity(data.len());
        released.map_err(broken)?;
        let pushed = frames.push(data, |whole| message = Some(whole));
        pushed.map_err(|e| e.to_string())?;
    }
    let trailers = body.trailers().await.map_err(broken)?;
    let status = trailers.as_ref().and_then(GrpcStatus::from_headers);
    Ok((message, status))
}

/// What a peer that broke the stream off said, as a replay would say it.
#[expect(clippy::needless_pass_by_value, reason = "an error is mapped")]
fn broken(error: h2::Error) -> String {
    GrpcStatus::of_broken(&error).message
}

fn of_status(status: &GrpcStatus, message: Option<Bytes>) -> Result<Health, String> {
    match (status.code, message) {
        (0, Some(message)) => {
            let answer = HealthCheckResponse::decode(message);
            let answer = answer.map_err(|_| "its answer is no HealthCheckResponse")?;
            Ok(match answer.status() {
                ServingStatus::Serving => Health::Serving,
                other => Health::NotServing(other.as_str_name()),
            })
        }
        (0, None) => Err("it ended without an answer".to_owned()),
        (UNIMPLEMENTED, _) => Ok(Health::NotServed),
        (_, _) => Err(format!("{} {}", status.code_name(), status.message)
            .trim_end()
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_refusals() {
        let said = |status: ServingStatus| {
            let response = HealthCheckResponse {
                status: status.into(),
            };
            let message = Bytes::from(response.encode_to_vec());
            of_status(&GrpcStatus::new(0, ""), Some(message))
        };
        assert_eq!(said(ServingStatus::Serving), Ok(Health::Serving));
        let not = Health::NotServing("NOT_SERVING");
        assert_eq!(said(ServingStatus::NotServing), Ok(not));
        let of = |code, message| of_status(&GrpcStatus::new(code, message), None);
        assert_eq!(of(12, "no such service"), Ok(Health::NotServed));
        assert_eq!(
            of(16, "who are you?"),
            Err("UNAUTHENTICATED who are you?".into())
        );
        assert_eq!(of(0, ""), Err("it ended without an answer".into()));
        let noise = of_status(&GrpcStatus::new(0, ""), Some(Bytes::from_static(b"\xff")));
        assert!(noise.is_err());
    }
}
