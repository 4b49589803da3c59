//! Addresses that are tried side by side: the next joins in when those before take long, as in RFC 8305,
//! and the first that answers is used.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use h2::Ping;
use tokio::task::JoinSet;

use super::channel::{Channel, ConnectError, Connector, FRESH};
use crate::clock::monotonic_ns;

/// What became of an address.
#[derive(Debug)]
pub enum Told<'a> {
    /// It is tried from now on.
    Begun,
    /// There is a connection, after so many nanoseconds.
    Answered(i64),
    /// There is none.
    Failed(&'a ConnectError),
}

/// Opens a connection to an address and no other, and gives up after some seconds.
pub trait Open<C>:
    AsyncFn(Connector, SocketAddr) -> Result<C, ConnectError> + Clone + 'static
{
}

impl<C, F> Open<C> for F where
    F: AsyncFn(Connector, SocketAddr) -> Result<C, ConnectError> + Clone + 'static
{
}

/// A connection that was tried: where, how many nanoseconds that took, and what came of it.
type Tried<C> = (SocketAddr, i64, Result<C, ConnectError>);

/// Attempts at the addresses of one endpoint, as tasks of a local task set; those under way end when it is dropped.
#[derive(Debug)]
pub struct Race<C> {
    trying: JoinSet<Tried<C>>,
    fresh: Duration,
}

impl<C> Default for Race<C> {
    /// The addresses are looked up again where they are older than a second.
    fn default() -> Self {
        Race::over(FRESH)
    }
}

impl<C> Race<C> {
    /// A race over addresses that were looked up within that time.
    #[must_use]
    pub fn over(fresh: Duration) -> Self {
        Race {
            trying: JoinSet::new(),
            fresh,
        }
    }
}

impl<C: 'static> Race<C> {
    /// Opens a connection to the endpoint's address number `start` (counted around) by `open`, or to the first
    /// of those after it that answers: the next is tried when `pause` is over, or all before have failed.
    /// Returns the connection, and how many nanoseconds it took from the beginning
    /// of its own attempt; that it was there is not `told`, since others may follow it.
    ///
    /// # Errors
    /// Nobody answered: a failure of TLS, which is more than silence, or the last address's reason. A
    /// limit of this machine at once, which another address does not change.
    pub async fn first(
        &mut self,
        connector: &Connector,
        open: impl Open<C>,
        start: usize,
        pause: impl AsyncFn(),
        told: &mut impl FnMut(SocketAddr, Told<'_>),
    ) -> Result<(C, i64), ConnectError> {
        let addresses = connector.addresses(self.fresh).await?;
        let count = addresses.len();
        let mut left = (0..count).map(|nth| addresses[(start % count + nth) % count]);
        let mut failure = None;
        loop {
            if let Some(peer) = left.next() {
                told(peer, Told::Begun);
                let (connector, open) = (connector.clone(), open.clone());
                self.trying.spawn_local(async move {
                    let begun_ns = monotonic_ns();
                    let opened = open(connector, peer).await;
                    (peer, monotonic_ns() - begun_ns, opened)
                });
            }
            tokio::select! {
                Some(tried) = next(&mut self.trying) => match tried {
                    (_, took_ns, Ok(channel)) => return Ok((channel, took_ns)),
                    (peer, _, Err(error)) => {
                        told(peer, Told::Failed(&error));
                        if error.is_our_limit() {
                            return Err(error);
                        }
                        if !matches!(failure, Some(ConnectError::Tls { .. })) {
                            failure = Some(error);
                        }
                    }
                },
                () = pause(), if left.len() > 0 => {}
            }
            if left.len() == 0
                && self.trying.is_empty()
                && let Some(error) = failure.take()
            {
                return Err(error);
            }
        }
    }

    /// Waits for those that were overtaken, and closes what comes of them.
    pub async fn rest(mut self, told: &mut impl FnMut(SocketAddr, Told<'_>)) {
        while let Some((peer, took_ns, opened)) = next(&mut self.trying).await {
            match opened {
                Ok(_) => told(peer, Told::Answered(took_ns)),
                Err(error) => told(peer, Told::Failed(&error)),
            }
        }
    }
}

/// The next that ends; `None` when none is under way.
async fn next<C: 'static>(trying: &mut JoinSet<Tried<C>>) -> Option<Tried<C>> {
    match trying.join_next().await? {
        Ok(tried) => Some(tried),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Opens a connection of HTTP/2: what [`Race::first`] is to do.
///
/// # Errors
/// Why there is none.
pub async fn http2(connector: Connector, peer: SocketAddr) -> Result<Channel, ConnectError> {
    connector.connect_only(peer).await
}

/// Moves the bytes of a connection that came without its server's settings until they are there; returns
/// whether they came before its end.
pub async fn settles(channel: &mut Channel) -> bool {
    let Some(ping) = &mut channel.ping else {
        return true;
    };
    // One may be on its way already; its answer will do.
    let _ = ping.send_ping(Ping::opaque());
    tokio::select! {
        _ = &mut channel.driver => false,
        answered = poll_fn(|context| ping.poll_pong(context)) => answered.is_ok(),
    }
}
