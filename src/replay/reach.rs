//! A gateway, seen to be there before anything is sent to it.

use std::time::Duration;

use super::connections::HURRY;
use super::error::ReplayError;
use crate::transport::channel::{ConnectError, Connector, Endpoint, TlsOptions};
use crate::transport::endpoint::Carrier;
use crate::transport::race::{Race, Told, http2};
use crate::transport::resolve::is_public;
use crate::transport::websocket::dialler::Line;

/// A gateway that was reached.
#[derive(Clone)]
pub struct Gateway {
    pub(super) connector: Connector,
    /// Streams that it allows on a connection; `usize::MAX` for no limit.
    pub stream_limit: usize,
    /// How long the connection to the address that answered took to be ready.
    pub connect_ns: i64,
    /// Addresses that its name leads to.
    pub addresses: usize,
    /// Whether one of them is no address of one's own.
    pub is_public: bool,
}

impl Gateway {
    /// Opens a connection, to see that it can be done, and closes it again. Of several addresses the
    /// first that answers will do; each is tried shortly after the one before. On a WebSocket nothing is asked: an
    /// upgrade may start what costs the gateway something.
    ///
    /// # Errors
    /// A gateway that cannot be reached at any of its addresses; an endpoint that its carrier cannot have.
    pub fn reach(endpoint: Endpoint, tls: &TlsOptions) -> Result<Gateway, ReplayError> {
        let carrier = endpoint.carrier;
        let connector = Connector::new(endpoint.carried_by(carrier)?, tls)?;
        let runtime = runtime()?;
        let local = tokio::task::LocalSet::new();
        let (stream_limit, connect_ns, addresses) = local.block_on(&runtime, async {
            let pause = async || tokio::time::sleep(HURRY).await;
            let told = &mut |_, _: Told<'_>| {};
            let (limit, took_ns) = match carrier {
                Carrier::Http2 => {
                    let mut race = Race::default();
                    let opened = race.first(&connector, http2, 0, pause, told);
                    let (opened, took_ns) = opened.await?;
                    (opened.max_streams(), took_ns)
                }
                Carrier::WebSocket => {
                    let mut race = Race::default();
                    let opened = race.first(&connector, Line::open, 0, pause, told);
                    (usize::MAX, opened.await?.1)
                }
            };
            let addresses = connector.addresses(Duration::MAX).await?;
            Ok::<_, ConnectError>((limit, took_ns, addresses))
        })?;
        Ok(Gateway {
            connector,
            stream_limit,
            connect_ns,
            addresses: addresses.len(),
            is_public: addresses.iter().any(|address| is_public(address.ip())),
        })
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, ReplayError> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|source| ReplayError::System {
        what: "start a worker",
        source,
    })
}
