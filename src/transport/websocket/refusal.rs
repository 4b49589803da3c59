//! Why a server refused an upgrade, in its own words as far as they may be shown. Pure.

use http::HeaderMap;
use http::header;
use http::response::Parts;

use crate::transport::ended::{EndCode, Ended};
use crate::transport::endpoint::without_values;
use crate::transport::secrets::Secrets;
use crate::units::plain;

/// Most bytes of a body that are read for its first words.
const MOST_BODY: usize = 8 * 1024;
/// Most characters of a body, or of a header, that are shown.
const MOST_SHOWN: usize = 200;

/// A response that is no agreement, and what has come of its body.
#[derive(Debug)]
pub(super) struct Refusal {
    head: Box<Parts>,
    body: Vec<u8>,
    /// What is not to be shown though the server repeats it.
    secrets: Secrets,
}

impl Refusal {
    pub(super) fn new(head: Box<Parts>, body: Vec<u8>, secrets: Secrets) -> Refusal {
        Refusal {
            head,
            body,
            secrets,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = MOST_BODY.saturating_sub(self.body.len());
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether all of the body has come that is of interest.
    pub(super) fn is_complete(&self) -> bool {
        if self.body.len() >= MOST_BODY || !self.has_words() {
            return true;
        }
        if is_chunked(&self.head.headers) {
            return unchunked(&self.body).1;
        }
        let length = self.text(&header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.trim().parse::<usize>().ok());
        length.is_some_and(|length| self.body.len() >= length)
    }

    /// Whether its body may be text for people.
    fn has_words(&self) -> bool {
        let kind = self.text(&header::CONTENT_TYPE).unwrap_or("text/plain");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is_text = kind == "text/plain" || kind.ends_with("json");
        is_text && !self.head.status.is_redirection()
    }

    fn text(&self, name: &header::HeaderName) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// How the stream ended.
    pub(super) fn ended(&self) -> Ended {
        let mut said = Vec::new();
        if self.head.status.is_redirection() {
            let place = self.text(&header::LOCATION);
            let place = place.map_or_else(
                || "without saying where to".to_owned(),
                |place| format!("to {}", cut(&without_login(&without_values(place)))),
            );
            said.push(format!(
                "it redirects {place}; redirects are not followed, use that as the target if it is meant"
            ));
        } else if self.has_words() {
            let whole;
            let body = match is_chunked(&self.head.headers) {
                true => {
                    whole = unchunked(&self.body).0;
                    &whole
                }
                false => &self.body,
            };
            let words = String::from_utf8_lossy(body);
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            said.push(self.secrets.hidden_in(words));
        }
        if let Some(after) = self.text(&header::RETRY_AFTER) {
            let unit = match after.trim().parse::<u64>() {
                Ok(_) => " s",
                Err(_) => "",
            };
            said.push(format!("retry after {}{unit}", after.trim()));
        }
        said.retain(|part| !part.is_empty());
        let said: Vec<String> = said.iter().map(|part| cut(part)).collect();
        let code = EndCode::Http(self.head.status.as_u16());
        Ended::new(code, said.join("; "))
    }
}

/// A URL without who logs in there.
fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let path_starts = rest.find('/').unwrap_or(rest.len());
    match rest[..path_starts].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

fn cut(text: &str) -> String {
    let text = plain(text);
    match text.chars().nth(MOST_SHOWN) {
        None => text.into_owned(),
        Some(_) => text.chars().take(MOST_SHOWN - 1).chain(['…']).collect(),
    }
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let coding = headers.get(header::TRANSFER_ENCODING);
    coding.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// What has come of a body in chunks (RFC 9112 §7.1), and whether that is all of it.
fn unchunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete((_, 0))) => return (body, true),
            Ok(httparse::Status::Complete((head, length))) => {
                bytes = &bytes[head..];
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                body.extend_from_slice(&bytes[..length.min(bytes.len())]);
                // A line ends it.
                match bytes.get(length.saturating_add(2)..) {
                    Some(rest) => bytes = rest,
                    None => return (body, false),
                }
            }
            Ok(httparse::Status::Partial) => return (body, false),
            Err(_) => return (body, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Refusal {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let head = response.body(()).unwrap().into_parts().0;
        Refusal::new(head.into(), body.as_bytes().to_vec(), Secrets::default())
    }

    fn said(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> String {
        refusal(status, headers, body).ended().to_string()
    }

    #[test]
    fn the_servers_words_are_shown_as_far_as_they_may_be() {
        let long = "x".repeat(300);
        let table = [
            (
                said(
                    429,
                    &[
                        ("retry-after", "30"),
                        ("content-type", "application/json; charset=utf-8"),
                    ],
                    "{\"error\":\n  \"slow\x1b[31m down\"}",
                ),
                "HTTP 429 Too Many Requests: {\"error\": \"slow [31m down\"}; retry after 30 s",
            ),
            (said(401, &[], ""), "HTTP 401 Unauthorized"),
            (
                said(
                    502,
                    &[("content-type", "text/html")],
                    "<html>bad gateway</html>",
                ),
                "HTTP 502 Bad Gateway",
            ),
            (
                said(
                    302,
                    &[("location", "https://me:pw@other/login?session=s3cret#a")],
                    "moved",
                ),
                "HTTP 302 Found: it redirects to https://other/login?session=(hidden)#(hidden); redirects are not followed, use that as the target if it is meant",
            ),
            (
                said(
                    503,
                    &[("transfer-encoding", "chunked")],
                    "4\r\nno r\r\n3\r\noom\r\n0\r\n\r\n",
                ),
                "HTTP 503 Service Unavailable: no room",
            ),
        ];
        for (said, expected) in table {
            assert_eq!(said, expected);
        }
        let cut = said(500, &[], &long);
        assert!(cut.ends_with("x…") && cut.chars().count() < 240, "{cut}");
    }

    #[test]
    fn a_body_is_read_as_far_as_it_goes() {
        let length = [("content-length", "5")];
        assert!(!refusal(500, &length, "four").is_complete());
        assert!(refusal(500, &length, "four5").is_complete());
        assert!(
            !refusal(500, &[], "until it hangs up").is_complete(),
            "the end is not known"
        );
        let mut endless = refusal(500, &[], "");
        while !endless.is_complete() {
            endless.push(&[b'x'; 1000]);
        }
        assert_eq!(endless.body.len(), MOST_BODY);
        let chunked = [("transfer-encoding", "chunked")];
        assert!(!refusal(500, &chunked, "5\r\nfour").is_complete());
        assert!(!refusal(500, &chunked, "ffffffffffffffff\r\nfour").is_complete());
        assert!(refusal(500, &chunked, "nothing of the kind").is_complete());
        assert!(refusal(500, &[("content-type", "image/png")], "").is_complete());
    }
}
