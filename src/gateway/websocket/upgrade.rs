//! The request that opens a session: who calls, and whether it becomes a WebSocket.

use bytes::Bytes;
use http::header::{
    CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{Response, StatusCode};
use http_body_util::Full;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::gateway::arrivals::Caller;
use crate::gateway::shared::RUN_ID_HEADER;

/// Header with the session's name.
const SESSION_ID_HEADER: &str = "x-voicelt-session-id";

/// Most characters of a name that a client gives.
const MOST_CHARS: usize = 256;

/// A request without its body.
pub(in crate::gateway) type Request = http::Request<()>;

/// The answer to a request.
pub(super) type Answer = Response<Full<Bytes>>;

/// Whether the connection is to become a WebSocket.
pub(super) fn is_upgrade<B>(request: &http::Request<B>) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The answer to a request that asks for no WebSocket.
pub(super) fn upgrade_required() -> Answer {
    let body = "This is a WebSocket endpoint: send an upgrade request.\n";
    let mut answer = plain(StatusCode::UPGRADE_REQUIRED, body.to_owned());
    let websocket = HeaderValue::from_static("websocket");
    answer.headers_mut().insert(UPGRADE, websocket);
    answer
}

/// The answer to a request that comes when there are too many.
pub(super) fn too_many() -> Answer {
    let body = r#"{"error":{"message":"Rate limit reached.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
    let mut answer = plain(StatusCode::TOO_MANY_REQUESTS, body.to_owned());
    let headers = answer.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The answer to a request for a WebSocket, of a protocol that may have a name: 101, or what is wrong with it.
pub(super) fn switch<B>(request: &http::Request<B>, subprotocol: Option<&'static str>) -> Answer {
    let mut answer = match create_response_with_body(request, Full::default) {
        Ok(answer) => answer,
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|offered| offered.to_str().ok());
    if let Some(name) = subprotocol
        && offered.any(|list| list.split(',').any(|offered| offered.trim() == name))
    {
        let chosen = HeaderValue::from_static(name);
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    answer
}

/// Who asks; a session without a name is the `number`-th.
pub(in crate::gateway) fn caller<B>(request: &http::Request<B>, number: u64) -> Caller {
    let session_id = header(request, SESSION_ID_HEADER);
    Caller {
        run_id: header(request, RUN_ID_HEADER),
        wire_session_id: match session_id.is_empty() {
            true => format!("session-{number}"),
            false => session_id,
        },
    }
}

/// The value of a name in the query of a request.
pub(in crate::gateway) fn query_value<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The beginning of a header's text; empty where there is none.
pub(in crate::gateway) fn header<B>(request: &http::Request<B>, name: &'static str) -> String {
    let value = request.headers().get(HeaderName::from_static(name));
    let value = value.and_then(|value| value.to_str().ok());
    shortened(value.unwrap_or_default())
}

/// The beginning of a text of a client.
pub(in crate::gateway) fn shortened(text: &str) -> String {
    text.chars().take(MOST_CHARS).collect()
}

fn plain(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_who_calls() {
        let plain = http::Request::builder().uri("/x?a=b&c=").body(());
        let plain = plain.expect("a request");
        let of = caller(&plain, 7);
        assert_eq!((&*of.run_id, &*of.wire_session_id), ("", "session-7"));
        assert_eq!(query_value(&plain, "a"), Some("b"));
        assert_eq!(query_value(&plain, "b"), None);
        let named = http::Request::builder()
            .header(SESSION_ID_HEADER, "a-0")
            .header(RUN_ID_HEADER, "r-1")
            .body(());
        let of = caller(&named.expect("a request"), 7);
        assert_eq!((&*of.run_id, &*of.wire_session_id), ("r-1", "a-0"));
    }
}
