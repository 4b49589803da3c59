//! The head of a caller's request: what it asks for, and how it goes on. Pure.

use http::header::{HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, UPGRADE};

/// Most bytes of a request's head.
pub(super) const MOST_HEAD: usize = 64 * 1024;
/// Most headers of a request.
const MOST_HEADERS: usize = 128;

/// What a caller asks.
#[derive(Debug)]
pub(super) struct Request {
    /// Bytes of its head.
    pub(super) head: usize,
    /// Its query, which may hold secrets: it is never shown.
    pub(super) query: String,
    /// Those headers whose names are valid.
    pub(super) headers: HeaderMap,
}

impl Request {
    /// The request that `bytes` begin with, once its head is complete.
    ///
    /// # Errors
    /// What came is no request of HTTP/1.1.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Request>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(head) = parsed.parse(bytes)? else {
            return Ok(None);
        };
        let asked = parsed.path.and_then(|path| path.split_once('?'));
        let query = asked.map_or("", |(_, query)| query).to_owned();
        let headers = parsed.headers.iter().filter_map(|header| {
            let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(header.value).ok()?))
        });
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(name, value);
        }
        Ok(Some(Request {
            head,
            query,
            headers: all,
        }))
    }

    /// Whether it asks for a WebSocket.
    pub(super) fn is_upgrade(&self) -> bool {
        let mut asked = self.headers.get_all(UPGRADE).iter();
        asked.any(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
    }
}

/// Whether extensions are agreed on that change what frames hold.
pub(super) fn has_extensions(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    values.any(|value| !value.as_bytes().trim_ascii().is_empty())
}

/// The head without the offer of extensions; all else is as it came.
pub(super) fn without_extensions(head: &[u8]) -> Vec<u8> {
    let lines = head.split_inclusive(|byte| *byte == b'\n');
    let is_offer = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.trim_ascii()
            .eq_ignore_ascii_case(SEC_WEBSOCKET_EXTENSIONS.as_str().as_bytes())
    };
    lines
        .filter(|line| !is_offer(line))
        .collect::<Vec<_>>()
        .concat()
}

/// An answer of ours, which ends the connection.
pub(super) fn refusal(status: &str, reason: &str) -> Vec<u8> {
    let body = format!("voicelt record: {reason}\n");
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &[u8] = b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: api.example\r\nUPGRADE: WebSocket\r\n\
        Connection: keep-alive, Upgrade\r\nX-Odd:  two  spaces \r\nsec-websocket-EXTENSIONS: permessage-deflate; \
        client_max_window_bits\r\nSec-WebSocket-Extensions: x\r\nSec-WebSocket-Key: a\r\n\r\n\x81";

    #[test]
    fn a_request_is_known_once_its_head_is_there() {
        let head = ASKED.len() - 1;
        for length in 0..head {
            assert!(Request::of(&ASKED[..length]).unwrap().is_none(), "{length}");
        }
        let request = Request::of(ASKED).unwrap().unwrap();
        assert_eq!((request.head, request.query.as_str()), (head, "model=m"));
        assert!(request.is_upgrade() && has_extensions(&request.headers));
        let plain = Request::of(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(!plain.unwrap().is_upgrade());
        assert!(Request::of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_err());
        assert!(Request::of(&[0x16, 3, 1, 2, 0]).is_err(), "TLS");
    }

    #[test]
    fn all_but_the_offer_of_extensions_goes_on_as_it_came() {
        let head = &ASKED[..ASKED.len() - 1];
        let expected = String::from_utf8_lossy(head).into_owned();
        let lines: Vec<_> = expected.split_inclusive("\r\n").collect();
        let kept = [&lines[..5], &lines[7..]].concat().concat();
        assert_eq!(String::from_utf8(without_extensions(head)).unwrap(), kept);
    }

    #[test]
    fn our_own_answer_has_its_length() {
        let answer = String::from_utf8(refusal("502 Bad Gateway", "gone")).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "voicelt record: gone\n");
        assert!(head.contains("Content-Length: 21\r\n"), "{head}");
    }
}
