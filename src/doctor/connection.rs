//! What a gateway shows on its connections: each of its addresses is tried, and the first that
//! answers is asked for its health, its limits and its distance. Every wait has an end.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use super::health::{self, Answer};
use crate::clock::monotonic_ns;
use crate::transport::channel::{Channel, ConnectError, Connector, TlsFacts, answers};

/// Most addresses of a name that are tried.
pub const MOST_TRIED: usize = 8;
/// Round trips that are timed. More would be a flood to servers that count pings without a call: gRPC's
/// close the connection at the fourth, and the first is that of connecting.
const PINGS: usize = 2;
/// How long a round trip may take.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// An address that was tried.
#[derive(Debug)]
pub struct Tried {
    /// The address.
    pub peer: SocketAddr,
    /// Until the connection was ready, TLS and HTTP/2 included, or had failed.
    pub took_ns: i64,
    /// Why there is none.
    pub error: Option<ConnectError>,
}

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

/// What was found of a gateway.
#[derive(Debug)]
pub struct Found {
    /// Its addresses.
    pub addresses: Vec<SocketAddr>,
    /// Those that were tried.
    pub tried: Vec<Tried>,
    /// What the first that answered showed.
    pub shown: Option<Shown>,
}

/// Resolves the gateway's name, tries its addresses and asks the first that answers.
///
/// # Errors
/// A name without address.
pub async fn inspect(
    connector: &Connector,
    headers: &[(String, String)],
) -> Result<Found, ConnectError> {
    let addresses = connector.addresses(Duration::ZERO).await?.to_vec();
    let mut found = Found {
        addresses: addresses.clone(),
        tried: Vec::new(),
        shown: None,
    };
    for peer in addresses.into_iter().take(MOST_TRIED) {
        let begun = monotonic_ns();
        let opened = connector.connect_only(peer).await;
        let took_ns = monotonic_ns() - begun;
        let error = match opened {
            Ok(channel) if found.shown.is_none() => {
                found.shown = Some(ask(channel, connector, headers).await);
                None
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        found.tried.push(Tried {
            peer,
            took_ns,
            error,
        });
    }
    Ok(found)
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
