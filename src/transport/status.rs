//! gRPC status: its codes' names, and how it is read from headers, trailers, and a stream or connection
//! that broke.

use h2::Reason;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};

use crate::units::grpc_code_name;

/// `OK`.
pub const OK: u32 = 0;
/// `CANCELLED`.
pub const CANCELLED: u32 = 1;
/// `UNKNOWN`.
pub const UNKNOWN: u32 = 2;
/// `PERMISSION_DENIED`.
pub const PERMISSION_DENIED: u32 = 7;
/// `RESOURCE_EXHAUSTED`.
pub const RESOURCE_EXHAUSTED: u32 = 8;
/// `INTERNAL`.
pub const INTERNAL: u32 = 13;
/// `UNAVAILABLE`.
pub const UNAVAILABLE: u32 = 14;
/// `UNIMPLEMENTED`.
const UNIMPLEMENTED: u32 = 12;
/// `UNAUTHENTICATED`.
const UNAUTHENTICATED: u32 = 16;

/// The end of a stream: a gRPC code and the server's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcStatus {
    /// The code.
    pub code: u32,
    /// The message, empty when there is none.
    pub message: String,
}

impl GrpcStatus {
    /// A status of our own making.
    #[must_use]
    pub fn new(code: u32, message: impl Into<String>) -> GrpcStatus {
        GrpcStatus {
            code,
            message: message.into(),
        }
    }

    /// The name of its code; a code that gRPC does not know counts as unknown, as gRPC has it.
    #[must_use]
    pub fn code_name(&self) -> &'static str {
        grpc_code_name(self.code).unwrap_or("UNKNOWN")
    }

    /// The status in `headers`, if they hold one.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<GrpcStatus> {
        let code = headers
            .get("grpc-status")?
            .to_str()
            .ok()
            .and_then(|code| code.parse().ok());
        let message = headers.get("grpc-message").map(http::HeaderValue::as_bytes);
        Some(GrpcStatus::new(
            code.unwrap_or(UNKNOWN),
            message.map(decode).unwrap_or_default(),
        ))
    }

    /// The status of a response whose head says that it is not gRPC's, or that it is over; `None` for
    /// one that goes on. A status of gRPC's own comes first, then HTTP's, then the type of what is sent.
    #[must_use]
    pub fn of_head<B>(response: &Response<B>) -> Option<GrpcStatus> {
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let is_grpc = kind
            .as_deref()
            .is_some_and(|kind| kind.starts_with("application/grpc"));
        if response.status() == StatusCode::OK && is_grpc {
            return None;
        }
        if let Some(status) = GrpcStatus::from_headers(response.headers()) {
            return Some(status);
        }
        let kind = kind.as_deref().unwrap_or("no content type");
        Some(GrpcStatus::from_http(response.status(), kind))
    }

    /// The status of a response that is not gRPC's, as gRPC's "HTTP to gRPC status code mapping" has it.
    fn from_http(status: StatusCode, kind: &str) -> GrpcStatus {
        let code = match status.as_u16() {
            400 => INTERNAL,
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        GrpcStatus::new(
            code,
            format!("the server answered HTTP {status} with {kind} instead of gRPC"),
        )
    }

    /// The status of a stream that broke, as the table "Errors" of gRPC's HTTP/2 protocol has it.
    #[must_use]
    pub fn of_broken(error: &h2::Error) -> GrpcStatus {
        let reason = error.reason().unwrap_or(Reason::INTERNAL_ERROR);
        match (error.is_go_away(), error.is_remote()) {
            (true, true) => {
                let text = go_away_text(error).unwrap_or_default();
                let said = format!("the server closed the connection: GOAWAY {reason:?}{text}");
                GrpcStatus::new(UNAVAILABLE, said)
            }
            (false, true) if error.is_reset() => {
                let code = match reason {
                    Reason::REFUSED_STREAM => UNAVAILABLE,
                    Reason::CANCEL => CANCELLED,
                    Reason::ENHANCE_YOUR_CALM => RESOURCE_EXHAUSTED,
                    Reason::INADEQUATE_SECURITY => PERMISSION_DENIED,
                    _ => INTERNAL,
                };
                GrpcStatus::new(code, format!("the server reset the stream: {reason:?}"))
            }
            _ if error.is_io() => {
                GrpcStatus::new(UNAVAILABLE, format!("the connection broke: {error}"))
            }
            _ => GrpcStatus::new(INTERNAL, format!("HTTP/2 failed: {error}")),
        }
    }
}

/// What a server said in its GOAWAY, as ` ("too_many_pings")`; the library shows it in its own words alone.
fn go_away_text(error: &h2::Error) -> Option<String> {
    let shown = error.to_string();
    let (_, text) = shown.split_once(" (b\"")?;
    Some(format!(" (\"{}\")", text.strip_suffix("\")")?))
}

/// Percent-decodes a `grpc-message`.
fn decode(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let hex = |digits: &[u8; 2]| {
            std::str::from_utf8(digits)
                .ok()
                .and_then(|d| u8::from_str_radix(d, 16).ok())
        };
        match (first, tail.first_chunk().and_then(hex)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &tail[2..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_names_reasons_as_the_diagnosis_knows_them() {
        let refused = Reason::REFUSED_STREAM.to_string();
        assert_eq!(
            refused,
            "refused stream before processing any application logic"
        );
        let flood = Reason::ENHANCE_YOUR_CALM.to_string();
        assert_eq!(flood, "detected excessive load generating behavior");
    }

    #[test]
    fn trailers_are_read_with_their_percent_signs() {
        let mut headers = HeaderMap::new();
        assert_eq!(GrpcStatus::from_headers(&headers), None);
        headers.insert("grpc-status", "14".parse().unwrap());
        headers.insert("grpc-message", "no%20gpu%3A 100%".parse().unwrap());
        let status = GrpcStatus::from_headers(&headers).unwrap();
        assert_eq!(status, GrpcStatus::new(14, "no gpu: 100%"));
        assert_eq!(status.code_name(), "UNAVAILABLE");
    }

    fn head(status: u16, headers: &[(&str, &str)]) -> Option<GrpcStatus> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        GrpcStatus::of_head(&response.body(()).unwrap())
    }

    #[test]
    fn a_head_that_is_not_grpcs_is_named() {
        let grpc = ("content-type", "application/grpc+proto");
        let page = ("content-type", "text/html");
        assert_eq!(head(200, &[grpc]), None);
        assert_eq!(
            head(200, &[grpc, ("grpc-status", "5")]),
            None,
            "trailers may follow"
        );
        let said = |code, text: &str| Some(GrpcStatus::new(code, text));
        let proxy = "the server answered HTTP 200 OK with text/html instead of gRPC";
        assert_eq!(head(200, &[page]), said(UNKNOWN, proxy));
        let bare = "the server answered HTTP 502 Bad Gateway with no content type instead of gRPC";
        assert_eq!(head(502, &[]), said(UNAVAILABLE, bare));
        let own = head(
            403,
            &[page, ("grpc-status", "8"), ("grpc-message", "quota")],
        );
        assert_eq!(own, said(RESOURCE_EXHAUSTED, "quota"));
        for (status, code) in [
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (429, 14),
            (500, 2),
            (503, 14),
        ] {
            assert_eq!(head(status, &[page]).unwrap().code, code, "{status}");
        }
    }

    #[test]
    fn resets_have_the_codes_that_grpc_gives_them() {
        let of = |reason: Reason| GrpcStatus::of_broken(&reason.into());
        assert_eq!(of(Reason::CANCEL).code, INTERNAL, "not by the server");
    }
}
