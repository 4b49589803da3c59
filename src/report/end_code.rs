//! How a stream that failed ended, in its protocol's codes.

use std::fmt;

use crate::results::row::RequestRow;
use crate::units::{close_code, grpc_code_name, http_status};

/// The code that a stream ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum EndCode {
    /// A gRPC status.
    Grpc(u32),
    /// The HTTP status that an upgrade was refused with.
    Http(u32),
    /// The close code of a WebSocket.
    Close(u32),
}

impl EndCode {
    /// The code that says that the stream of a turn did not end well; `None` where none says so.
    pub(super) fn of_failure(row: &RequestRow) -> Option<EndCode> {
        let grpc = row.grpc_code.filter(|code| *code != 0);
        let close = row.close_code.filter(|code| !matches!(code, 1000 | 1005));
        let http = row.http_status.filter(|status| *status >= 300);
        let grpc = grpc.map(EndCode::Grpc);
        grpc.or(close.map(EndCode::Close))
            .or(http.map(EndCode::Http))
    }

    /// Whether it is what a timer between the two sides ends a stream with, rather than one of them.
    pub(super) fn is_cut(self) -> bool {
        match self {
            EndCode::Grpc(code) => matches!(code, 1 | 4 | 14),
            EndCode::Http(status) => matches!(status, 502 | 504),
            EndCode::Close(code) => matches!(code, 1001 | 1006),
        }
    }
}

impl fmt::Display for EndCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndCode::Grpc(code) => match grpc_code_name(*code) {
                Some(name) => f.write_str(name),
                None => write!(f, "code {code}"),
            },
            EndCode::Http(status) => f.write_str(&http_status(*status)),
            EndCode::Close(code) => f.write_str(&close_code(*code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::row;

    #[test]
    fn a_failure_is_named_by_the_code_of_its_protocol() {
        let of = |grpc_code, http_status, close_code| {
            let row = RequestRow {
                grpc_code,
                http_status,
                close_code,
                ..row(0)
            };
            EndCode::of_failure(&row).map(|code| code.to_string())
        };
        let named = |text: &str| Some(text.to_owned());
        assert_eq!(of(Some(14), None, None), named("UNAVAILABLE"));
        assert_eq!(of(Some(99), None, None), named("code 99"));
        assert_eq!(
            of(None, Some(429), None),
            named("HTTP 429 Too Many Requests")
        );
        assert_eq!(of(None, Some(799), None), named("HTTP 799"));
        let shed = of(None, Some(101), Some(1013));
        assert_eq!(shed, named("close 1013 (try again later)"));
        assert_eq!(of(None, Some(101), Some(4002)), named("close 4002"));
        for well in [(Some(0), None, None), (None, Some(101), Some(1000))] {
            assert_eq!(of(well.0, well.1, well.2), None);
        }
        assert_eq!(of(None, Some(101), Some(1005)), None);
        assert_eq!(
            of(None, Some(u32::MAX), Some(1000)),
            named("HTTP 4294967295")
        );
    }
}
