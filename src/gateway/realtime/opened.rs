//! What the request that opened a session says of it.

use crate::dialect::realtime::server::event::Names;
use crate::gateway::websocket::{Request, header, query_value, shortened};

/// Header of clients of the beta, and what it has.
const BETA_HEADER: &str = "openai-beta";
const BETA: &str = "realtime=v1";

/// The model of a session that asks for none.
const MODEL: &str = "gpt-realtime";

/// What the request that opened a session says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    /// The model that is asked for.
    pub(super) model: String,
    /// It is to transcribe, and to answer nothing.
    pub(super) transcribes_only: bool,
    /// What the client calls events.
    pub(super) names: Names,
}

impl Opened {
    pub(super) fn by(request: &Request) -> Opened {
        Opened {
            model: shortened(query_value(request, "model").unwrap_or(MODEL)),
            transcribes_only: query_value(request, "intent") == Some("transcription"),
            names: match header(request, BETA_HEADER).contains(BETA) {
                true => Names::Beta,
                false => Names::Current,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_what_the_session_is_for() {
        let plain = Request::builder().uri("/v1/realtime").body(());
        let expected = Opened {
            model: MODEL.to_owned(),
            transcribes_only: false,
            names: Names::Current,
        };
        assert_eq!(Opened::by(&plain.expect("a request")), expected);
        let of_beta = Request::builder()
            .uri("/x?intent=transcription&model=m")
            .header(BETA_HEADER, BETA)
            .body(());
        let expected = Opened {
            model: "m".to_owned(),
            transcribes_only: true,
            names: Names::Beta,
        };
        assert_eq!(Opened::by(&of_beta.expect("a request")), expected);
    }
}
