//! The names that protocols give their codes.

/// The name of a gRPC status code; `None` for a number that gRPC gives no name.
#[must_use]
pub fn grpc_code_name(code: u32) -> Option<&'static str> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(usize::try_from(code).ok()?).copied()
}

/// What a close code of a WebSocket means (RFC 6455, 7.4.1, and the registry of IANA); `None` for one that is not
/// registered, such as those from 4000 on, which are a server's own.
#[must_use]
fn close_code_name(code: u32) -> Option<&'static str> {
    Some(match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => "no code",
        1006 => "connection broke",
        1007 => "invalid data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "extension missing",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS failed",
        3000 => "unauthorized",
        3003 => "forbidden",
        3008 => "timeout",
        _ => return None,
    })
}

/// A close code of a WebSocket and what it means, as in `close 1013 (try again later)`.
#[must_use]
pub fn close_code(code: u32) -> String {
    match close_code_name(code) {
        Some(name) => format!("close {code} ({name})"),
        None => format!("close {code}"),
    }
}

/// A status of HTTP and its reason, as in `HTTP 429 Too Many Requests`.
#[must_use]
pub fn http_status(status: u32) -> String {
    let code = u16::try_from(status).ok();
    let code = code.and_then(|code| http::StatusCode::from_u16(code).ok());
    match code.and_then(|code| code.canonical_reason()) {
        Some(reason) => format!("HTTP {status} {reason}"),
        None => format!("HTTP {status}"),
    }
}
