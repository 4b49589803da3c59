//! How a stream ended, whatever carried it.

use std::fmt;

use super::status::{GrpcStatus, OK};
use crate::units::{close_code, grpc_code_name, http_status};

/// The close code of a WebSocket whose purpose is fulfilled (RFC 6455 §7.4.1).
pub const NORMAL: u16 = 1000;
/// What stands for a WebSocket that was closed without a code.
pub const NO_CODE: u16 = 1005;

/// What stands for a WebSocket that was never closed: its connection broke.
pub const BROKE: u16 = 1006;

/// What says how a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCode {
    /// A gRPC status code.
    Grpc(u32),
    /// The HTTP status of a response that refused the stream.
    Http(u16),
    /// The close code of a WebSocket.
    Close(u16),
    /// Nothing: there was no connection, or it broke.
    Broken,
}

/// The end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What says how.
    pub code: EndCode,
    /// The peer's words or ours; empty where there are none.
    pub message: String,
}

impl Ended {
    /// An end.
    #[must_use]
    pub fn new(code: EndCode, message: impl Into<String>) -> Ended {
        Ended {
            code,
            message: message.into(),
        }
    }

    /// Whether all went well.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(
            self.code,
            EndCode::Grpc(OK) | EndCode::Close(NORMAL | NO_CODE)
        )
    }

    /// The gRPC status code, if it is one.
    #[must_use]
    pub fn grpc_code(&self) -> Option<u32> {
        match self.code {
            EndCode::Grpc(code) => Some(code),
            _ => None,
        }
    }

    /// The close code, if it is one.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self.code {
            EndCode::Close(code) => Some(code),
            _ => None,
        }
    }
}

impl From<GrpcStatus> for Ended {
    fn from(status: GrpcStatus) -> Ended {
        Ended::new(EndCode::Grpc(status.code), status.message)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            // A code that gRPC does not know counts as unknown, as gRPC has it.
            EndCode::Grpc(code) => f.write_str(grpc_code_name(code).unwrap_or("UNKNOWN"))?,
            EndCode::Http(status) => f.write_str(&http_status(status.into()))?,
            EndCode::Close(code) => f.write_str(&close_code(code.into()))?,
            EndCode::Broken => return f.write_str(&self.message),
        }
        match self.message.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_says_its_code_and_its_words() {
        let table = [
            (EndCode::Grpc(14), "no gpu", "UNAVAILABLE: no gpu"),
            (EndCode::Grpc(99), "", "UNKNOWN"),
            (
                EndCode::Http(429),
                "slow down",
                "HTTP 429 Too Many Requests: slow down",
            ),
            (EndCode::Http(799), "", "HTTP 799"),
            (EndCode::Close(1013), "", "close 1013 (try again later)"),
            (EndCode::Close(4001), "quota", "close 4001: quota"),
            (EndCode::Broken, "reset by peer", "reset by peer"),
        ];
        for (code, message, said) in table {
            let ended = Ended::new(code, message);
            assert_eq!(ended.to_string(), said);
            assert!(!ended.is_ok(), "{said}");
        }
        for code in [EndCode::Grpc(0), EndCode::Close(1000), EndCode::Close(1005)] {
            assert!(Ended::new(code, "").is_ok(), "{code:?}");
        }
        assert!(!Ended::new(EndCode::Close(1001), "").is_ok());
    }
}
