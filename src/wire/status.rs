//! gRPC status: its codes' names, and how it is read from headers and trailers.

use http::{HeaderMap, StatusCode};

use crate::units::grpc_code_name;

/// `OK`.
pub const OK: u32 = 0;
/// `CANCELLED`.
pub const CANCELLED: u32 = 1;
/// `UNKNOWN`.
pub const UNKNOWN: u32 = 2;
/// `INTERNAL`.
pub const INTERNAL: u32 = 13;
/// `UNAVAILABLE`.
pub const UNAVAILABLE: u32 = 14;

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

    /// The status of a response that is not gRPC's 200, as gRPC's "HTTP to gRPC status code
    /// mapping" has it.
    #[must_use]
    pub fn from_http(status: StatusCode) -> GrpcStatus {
        let code = match status.as_u16() {
            400 => INTERNAL,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        GrpcStatus::new(
            code,
            format!("the server answered HTTP {status} instead of gRPC"),
        )
    }
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
    fn trailers_are_read_with_their_percent_signs() {
        let mut headers = HeaderMap::new();
        assert_eq!(GrpcStatus::from_headers(&headers), None);
        headers.insert("grpc-status", "14".parse().unwrap());
        headers.insert("grpc-message", "no%20gpu%3A 100%".parse().unwrap());
        let status = GrpcStatus::from_headers(&headers).unwrap();
        assert_eq!(status, GrpcStatus::new(14, "no gpu: 100%"));
        assert_eq!(status.code_name(), "UNAVAILABLE");
    }

    #[test]
    fn a_proxy_that_speaks_plain_http_is_unavailable_or_unknown() {
        assert_eq!(
            GrpcStatus::from_http(StatusCode::BAD_GATEWAY).code,
            UNAVAILABLE
        );
        assert_eq!(GrpcStatus::from_http(StatusCode::OK).code, UNKNOWN);
    }
}
