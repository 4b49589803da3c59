//! What a gateway shows on a connection of HTTP/2: it is asked for its health, its limits and its distance.
//! Every wait has an end.

use std::pin::pin;
use std::time::Duration;

use super::addresses::{Found, try_each};
use super::health::{self, Answer};
use crate::clock::monotonic_ns;
use crate::transport::channel::{Channel, ConnectError, Connector, TlsFacts, answers};

/// Round trips that are timed. More would be a flood to servers that count pings without a call: gRPC's
/// close the connection at the fourth, and the first is that of connecting.
const PINGS: usize = 2;
/// How long a round trip may take.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// What an open connection showed.
#[derive(Debug)]
pub struct Shown {
    /// What TLS agreed on; `None` in clear.
    pub tls: Option<TlsFacts>,
    /// Streams that the server takes at once; `None` without a limit.
    pub most_streams: Option<usize>,
    /// Round trips of HTTP/2 pings, up to the first that was not answered in time.
    pub round_trips_ns: Vec<i64>,
    /// What came of the question for its health.
    pub health: Answer,
}

/// Tries the gateway's addresses and asks the first that answers.
///
/// # Errors
/// A name without address.
pub async fn inspect(
    connector: &Connector,
    headers: &[(String, String)],
) -> Result<Found<Shown>, ConnectError> {
    let open = async |peer| connector.connect_only(peer).await;
    let ask = async |channel| ask(channel, connector, headers).await;
    try_each(connector, open, ask).await
}

async fn ask(channel: Channel, connector: &Connector, headers: &[(String, String)]) -> Shown {
    let mut driver = channel.driver.clone();
    let mut asking = pin!(ask_on(channel, connector, headers));
    tokio::select! {
        shown = &mut asking => shown,
        // What it has been told by then is all.
        _ = &mut driver => asking.await,
    }
}

async fn ask_on(channel: Channel, connector: &Connector, headers: &[(String, String)]) -> Shown {
    let limit = channel.max_streams();
    let mut round_trips_ns = Vec::new();
    if let Some(mut ping) = channel.ping {
        while round_trips_ns.len() < PINGS {
            let begun = monotonic_ns();
            let answered = tokio::time::timeout(PING_PATIENCE, answers(&mut ping)).await;
            if answered != Ok(true) {
                break;
            }
            round_trips_ns.push(monotonic_ns() - begun);
        }
    }
    Shown {
        tls: channel.tls,
        most_streams: Some(limit).filter(|limit| *limit < usize::MAX),
        round_trips_ns,
        health: health::ask(channel.streams, connector.endpoint(), headers).await,
    }
}
