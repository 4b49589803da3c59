//! Why a session ended, and what is said of that.

use super::facts::CallFacts;
use crate::conversation::text::{MAX_ERROR_CHARS, cut};
use crate::dialect::{Carrier, Nature};
use crate::transport::ended::{BROKE, EndCode, Ended};

/// What is said of a session that was opened and on which nothing could be sent.
const NO_ROOM: &str = "the server opened the stream and gave no room to send on it";
/// The same of a WebSocket, by how far it came.
const NO_UPGRADE: &str = "the server did not answer the request for a WebSocket";
const NO_SESSION: &str = "the server accepted the WebSocket and did not begin a session on it";
const NO_READY: &str = "the server did not confirm what the session is to be";

/// The HTTP status with which a WebSocket begins.
const UPGRADED: u16 = 101;

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The stream ended by itself.
    Stream(Ended),
    /// The server said that the session cannot be, what is none of the protocol, or not what the caller waits for.
    Refused(String),
    /// We could not open it: a limit of this machine, or audio that could not be read.
    OurFault(String),
    /// No answer within the timeout; we cancelled it.
    Timeout,
    /// The plan says that the caller hangs up.
    HungUp,
    /// Cancelled after the drain time.
    Cancelled,
    /// We were told to stop.
    Interrupted,
}

impl End {
    /// How the stream ended, if it did by itself.
    pub(super) fn ended(&self) -> Option<&Ended> {
        match self {
            End::Stream(ended) => Some(ended),
            _ => None,
        }
    }

    /// What was said at an end that was in order, if anything.
    pub(super) fn reason(&self) -> Option<String> {
        let ended = self.ended()?;
        let is_said = ended.is_ok() && !ended.message.is_empty();
        is_said.then(|| cut(&ended.to_string(), MAX_ERROR_CHARS))
    }
}

/// What kept a session from being ready that was opened, and of which a message was sent or not; the rest is said
/// by its end.
pub(super) fn stalled(facts: &CallFacts, started: bool, nature: Nature) -> Option<&'static str> {
    facts.opened_ns?;
    match (nature.carrier, facts.headers_ns) {
        (Carrier::Http2, _) => (!started).then_some(NO_ROOM),
        (Carrier::WebSocket, None) => Some(NO_UPGRADE),
        (Carrier::WebSocket, Some(_)) if !started => facts.ready_ns.is_none().then_some(NO_SESSION),
        (Carrier::WebSocket, Some(_)) => {
            let is_awaited = nature.says_ready && facts.ready_ns.is_none();
            is_awaited.then_some(NO_READY)
        }
    }
}

/// The close code of a WebSocket; that of one that was open and broke, where it had none, as RFC 6455 §7.4.1 has
/// it.
pub(super) fn close_code(facts: &CallFacts, end: Option<&End>) -> Option<u32> {
    let ended = end.and_then(End::ended)?;
    let was_open = facts.http_status == Some(UPGRADED);
    let broke = was_open && ended.code == EndCode::Broken;
    let code = broke.then_some(BROKE).or_else(|| ended.close_code());
    code.map(u32::from)
}

/// What is to be said of the session's end, if that was an error.
pub(super) fn ended(end: Option<&End>) -> Option<String> {
    match end? {
        End::Stream(ended) if !ended.is_ok() => Some(cut(&ended.to_string(), MAX_ERROR_CHARS)),
        End::OurFault(reason) | End::Refused(reason) => Some(cut(reason, MAX_ERROR_CHARS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::status::{GrpcStatus, UNAVAILABLE};

    #[test]
    fn what_ended_it_is_said() {
        let said = |end: End| ended(Some(&end));
        let refused = GrpcStatus::new(UNAVAILABLE, "refused");
        assert_eq!(
            said(End::Stream(refused.into())).unwrap(),
            "UNAVAILABLE: refused"
        );
        assert_eq!(said(End::Refused("no".to_owned())).unwrap(), "no");
        assert_eq!(said(End::Timeout), None);
        let closed = |reason| End::Stream(Ended::new(EndCode::Close(1000), reason));
        assert_eq!(said(closed("bye")), None);
        let reason = closed("bye").reason();
        assert_eq!(reason.unwrap(), "close 1000 (normal closure): bye");
        assert_eq!(closed("").reason(), None);
    }

    #[test]
    fn how_far_a_session_came_is_said_of_one_that_did_not_begin() {
        let facts = |opened, headers, ready| CallFacts {
            opened_ns: opened,
            headers_ns: headers,
            ready_ns: ready,
            ..CallFacts::default()
        };
        let some = Some(1);
        let grpc = Nature::default();
        let silent = Nature {
            carrier: Carrier::WebSocket,
            ..grpc
        };
        let websocket = Nature {
            says_ready: true,
            ..silent
        };
        assert_eq!(stalled(&facts(None, None, None), false, websocket), None);
        let open = facts(some, None, None);
        assert_eq!(stalled(&open, false, grpc), Some(NO_ROOM));
        assert_eq!(stalled(&open, true, grpc), None);
        assert_eq!(stalled(&open, false, websocket), Some(NO_UPGRADE));
        let upgraded = facts(some, some, None);
        assert_eq!(stalled(&upgraded, false, websocket), Some(NO_SESSION));
        assert_eq!(stalled(&upgraded, true, websocket), Some(NO_READY));
        assert_eq!(stalled(&upgraded, true, silent), None, "none is awaited");
        assert_eq!(stalled(&facts(some, some, some), true, websocket), None);
    }

    #[test]
    fn a_websocket_that_was_open_and_broke_has_the_code_for_it() {
        let broke = End::Stream(Ended::new(EndCode::Broken, "reset"));
        let of = |http_status| {
            let facts = CallFacts {
                http_status,
                ..CallFacts::default()
            };
            close_code(&facts, Some(&broke))
        };
        assert_eq!(of(Some(101)), Some(1006));
        assert_eq!((of(None), of(Some(200))), (None, None));
    }
}
