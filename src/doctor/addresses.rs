//! Which of a gateway's addresses take connections: each is tried, and the first that answers is asked more.

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::monotonic_ns;
use crate::transport::channel::{ConnectError, Connector};

/// Most addresses of a name that are tried.
pub const MOST_TRIED: usize = 8;

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

/// What was found of a gateway.
#[derive(Debug)]
pub struct Found<Shown> {
    /// Its addresses.
    pub addresses: Vec<SocketAddr>,
    /// Those that were tried.
    pub tried: Vec<Tried>,
    /// What the first that answered showed.
    pub shown: Option<Shown>,
}

/// Resolves the gateway's name, tries to `open` a connection to each of its addresses, and has the first asked.
///
/// # Errors
/// A name without address.
pub(super) async fn try_each<Opened, Shown>(
    connector: &Connector,
    open: impl AsyncFn(SocketAddr) -> Result<Opened, ConnectError>,
    ask: impl AsyncFnOnce(Opened) -> Shown,
) -> Result<Found<Shown>, ConnectError> {
    let addresses = connector.addresses(Duration::ZERO).await?.to_vec();
    let mut tried = Vec::new();
    let (mut ask, mut shown) = (Some(ask), None);
    for peer in addresses.iter().copied().take(MOST_TRIED) {
        let begun = monotonic_ns();
        let opened = open(peer).await;
        let took_ns = monotonic_ns() - begun;
        let error = match opened {
            Ok(opened) => {
                if let Some(ask) = ask.take() {
                    shown = Some(ask(opened).await);
                }
                None
            }
            Err(error) => Some(error),
        };
        tried.push(Tried {
            peer,
            took_ns,
            error,
        });
    }
    Ok(Found {
        addresses,
        tried,
        shown,
    })
}
