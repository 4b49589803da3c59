//! The upgrade from HTTP/1.1 (RFC 6455 §4): what is asked, and what a server answers. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::response::Parts;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use sha1::{Digest as _, Sha1};

use super::answer_head::AnswerHead;
use crate::transport::endpoint::Endpoint;

/// What makes an answer of a key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Headers that the upgrade itself has.
const OURS: [HeaderName; 6] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_ACCEPT,
];

/// The request for `path` (with its query) that opens a stream at `endpoint`, with these headers; one named `sec-websocket-protocol` says
/// which subprotocols are offered.
///
/// # Errors
/// A header or a path that HTTP does not allow.
pub fn request<'a>(
    endpoint: &Endpoint,
    path: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Request<()>, String> {
    let uri = format!("{}{path}", endpoint.origin());
    let request = headers
        .into_iter()
        .fold(Request::get(uri), |request, (name, value)| {
            request.header(name, value)
        });
    request.body(()).map_err(|error| error.to_string())
}

/// What was asked, and how far the answer has come.
#[derive(Debug)]
pub(super) struct Upgrade {
    accept: String,
    offered: Vec<String>,
    head: AnswerHead,
}

/// What a server answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// It agrees; these bytes of frames have come already.
    Agreed(Box<Parts>, Vec<u8>),
    /// It agrees to something that was not asked.
    Wrong(Box<Parts>, String),
    /// It refuses; these bytes of its reasons have come already.
    Refused(Box<Parts>, Vec<u8>),
}

/// What a server answers to a key (RFC 6455 §4.2.2).
pub(super) fn accept(key: &[u8]) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

impl Upgrade {
    /// Writes what asks for an upgrade to `out`; `nonce` is a random number.
    pub(super) fn ask(request: &Request<()>, nonce: [u8; 16], out: &mut Vec<u8>) -> Upgrade {
        let key = BASE64.encode(nonce);
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let mut line = |pieces: &[&[u8]]| {
            pieces.iter().for_each(|piece| out.extend_from_slice(piece));
            out.extend_from_slice(b"\r\n");
        };
        line(&[b"GET ", path.as_bytes(), b" HTTP/1.1"]);
        if !request.headers().contains_key(header::HOST) {
            line(&[b"Host: ", host(request).as_bytes()]);
        }
        line(&[b"Upgrade: websocket"]);
        line(&[b"Connection: Upgrade"]);
        line(&[b"Sec-WebSocket-Key: ", key.as_bytes()]);
        line(&[b"Sec-WebSocket-Version: 13"]);
        for (name, value) in request.headers() {
            if !OURS.contains(name) {
                line(&[name.as_str().as_bytes(), b": ", value.as_bytes()]);
            }
        }
        line(&[]);
        Upgrade {
            accept: accept(key.as_bytes()),
            offered: items(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL),
            head: AnswerHead::default(),
        }
    }

    /// Takes the next bytes of the answer; `None` while it is not complete.
    ///
    /// # Errors
    /// What came is no answer.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Option<Answer>, String> {
        let Some((parts, rest)) = self.head.push(bytes)? else {
            return Ok(None);
        };
        let parts = Box::new(parts);
        if parts.status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Some(Answer::Refused(parts, rest)));
        }
        Ok(Some(match self.wrong(&parts.headers) {
            None => Answer::Agreed(parts, rest),
            Some(what) => Answer::Wrong(parts, what),
        }))
    }

    /// Whether nothing of the answer has come.
    pub(super) fn is_unanswered(&self) -> bool {
        self.head.is_empty()
    }

    /// What is wrong with the head of an answer that agrees.
    fn wrong(&self, headers: &HeaderMap) -> Option<String> {
        let has = |name: &HeaderName, item: &str| {
            let mut items = items(headers, name).into_iter();
            items.any(|found| found.eq_ignore_ascii_case(item))
        };
        let accept = headers.get(header::SEC_WEBSOCKET_ACCEPT);
        let extensions = items(headers, &header::SEC_WEBSOCKET_EXTENSIONS);
        let protocols = items(headers, &header::SEC_WEBSOCKET_PROTOCOL);
        if !has(&header::UPGRADE, "websocket") || !has(&header::CONNECTION, "upgrade") {
            Some("it switched to another protocol than WebSocket".to_owned())
        } else if accept.is_none_or(|accept| accept.as_bytes() != self.accept.as_bytes()) {
            Some(
                "its Sec-WebSocket-Accept is not that of our key, so that it may be the answer to another"
                    .to_owned(),
            )
        } else if !extensions.is_empty() {
            Some(format!(
                "it chose the extension `{}`, and none was offered",
                shortened(&extensions[0])
            ))
        } else {
            // What we offer may hold a key, and what it chooses may repeat that.
            let was_offered = |protocol: &String| self.offered.contains(protocol);
            let is_right = protocols.len() <= 1 && protocols.iter().all(was_offered);
            (!is_right).then(|| "it chose a subprotocol that was not offered".to_owned())
        }
    }
}

/// The URL that is asked for, as the server sees it: without a port that is the usual one, and with the `/` that a
/// request has where a URL has no path.
#[must_use]
pub fn url(request: &Request<()>) -> String {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or_default();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{}{path}", host(request))
}

/// The host of a request, with its port where that is not the usual one.
#[must_use]
pub fn host(request: &Request<()>) -> String {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default();
    let usual = match uri.scheme_str() {
        Some("wss" | "https") => 443,
        _ => 80,
    };
    match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The items of a header that is a list.
fn items(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).into_iter();
    let items = values.filter_map(|value| value.to_str().ok());
    let items = items.flat_map(|value| value.split(','));
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6455 §1.3.
    const NONCE: [u8; 16] = *b"the sample nonce";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn ask(url: &str, headers: &[(&str, &str)]) -> (Upgrade, String) {
        let endpoint: Endpoint = url.parse().unwrap();
        let request = request(
            &endpoint,
            endpoint.path_and_query(),
            headers.iter().copied(),
        )
        .unwrap();
        let mut out = Vec::new();
        let upgrade = Upgrade::ask(&request, NONCE, &mut out);
        (upgrade, String::from_utf8(out).unwrap())
    }

    fn answered(headers: &[(&str, &str)], answer: &str) -> Answer {
        let (mut upgrade, _) = ask("ws://gw", headers);
        upgrade.push(answer.as_bytes()).unwrap().unwrap()
    }

    fn agreed(more: &str) -> String {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n{more}\r\n"
        )
    }

    #[test]
    fn the_request_has_what_the_protocol_asks_and_what_was_given() {
        let given = [
            ("authorization", "Bearer x"),
            ("sec-websocket-key", "not this one"),
            ("sec-websocket-protocol", "realtime"),
        ];
        let (_, asked) = ask("wss://gw/v1/realtime?model=m", &given);
        let expected = "GET /v1/realtime?model=m HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nauthorization: Bearer x\r\n\
            sec-websocket-protocol: realtime\r\n\r\n";
        assert_eq!(asked, expected);
        for (url, host) in [
            ("ws://[::1]:8000", "Host: [::1]:8000\r\n"),
            ("ws://gw", "Host: gw\r\n"),
            ("ws://gw:443", "Host: gw:443\r\n"),
        ] {
            let asked = ask(url, &[]).1;
            assert!(asked.contains(host), "{asked}");
        }
        let (_, asked) = ask("ws://gw", &[("host", "other.example")]);
        assert_eq!(asked.matches("ost: ").count(), 1, "{asked}");
    }

    #[test]
    fn an_agreement_is_checked_and_what_follows_it_is_kept() {
        let answer = agreed("sec-websocket-protocol: b\r\n") + "\u{1}frames";
        let Answer::Agreed(parts, rest) =
            answered(&[("sec-websocket-protocol", "a, b"), ("x", "y")], &answer)
        else {
            panic!("refused");
        };
        assert_eq!(rest, b"\x01frames");
        assert_eq!(parts.headers["sec-websocket-protocol"], "b");
        let wrong = [
            (agreed("").replace(ACCEPT, "abc="), "Sec-WebSocket-Accept"),
            (
                agreed("sec-websocket-extensions: permessage-deflate\r\n"),
                "extension",
            ),
            (agreed("sec-websocket-protocol: c\r\n"), "subprotocol"),
            (agreed("").replace("WebSocket", "h2c"), "another protocol"),
            (
                agreed("").replace("keep-alive, Upgrade", "close"),
                "another protocol",
            ),
        ];
        for (answer, part) in wrong {
            match answered(&[("sec-websocket-protocol", "a")], &answer) {
                Answer::Wrong(_, what) => assert!(what.contains(part), "{what}"),
                other => panic!("{other:?}"),
            }
        }
        // None was chosen: that is the server's right.
        let offered = [("sec-websocket-protocol", "a")];
        assert!(matches!(
            answered(&offered, &agreed("")),
            Answer::Agreed(..)
        ));
    }

    #[test]
    fn an_answer_may_come_in_pieces_and_after_others() {
        let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n"
            .to_owned()
            + &agreed("");
        let (mut upgrade, _) = ask("ws://gw", &[]);
        assert!(upgrade.is_unanswered());
        for byte in answer.as_bytes().iter().take(answer.len() - 1) {
            assert!(upgrade.push(std::slice::from_ref(byte)).unwrap().is_none());
            assert!(!upgrade.is_unanswered());
        }
        assert!(matches!(upgrade.push(b"\n"), Ok(Some(Answer::Agreed(..)))));
    }

    #[test]
    fn no_answer_takes_memory_without_bounds_or_is_taken_for_another() {
        let (mut upgrade, _) = ask("ws://gw", &[]);
        upgrade.push(b"HTTP/1.1 429 Too Many\r\n").unwrap();
        let endless = b"x: y\r\n".repeat(100);
        let refused = (0..100).find_map(|_| upgrade.push(&endless).err());
        assert!(refused.unwrap().contains("answer"));
        let (mut upgrade, _) = ask("ws://gw", &[]);
        let hints = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
        let refused = (0..10).find_map(|_| upgrade.push(&hints).err());
        assert!(refused.unwrap().contains("without an end"));
        let (mut upgrade, _) = ask("ws://gw", &[]);
        let other = upgrade.push(b"\0\0\x12\x04\0\0\0\0\0\0").unwrap_err();
        assert!(other.contains("HTTP/1.1"), "{other}");
    }
}
