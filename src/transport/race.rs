//! Addresses that are tried side by side: the next joins in when those before take long, as in RFC 8305,
//! and the first that answers is used.

use std::future::poll_fn;
use std::net::SocketAddr;

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

/// A connection that was tried: where, how many nanoseconds that took, and what came of it.
type Tried = (SocketAddr, i64, Result<Channel, ConnectError>);

/// Attempts at the addresses of one endpoint, as tasks of a local task set; those under way end when it is dropped.
#[derive(Debug, Default)]
pub struct Race(JoinSet<Tried>);

impl Race {
    /// Opens a connection to the endpoint's address number `start` (counted around), or to the first
    /// of those after it that answers: the next is tried when `pause` is over, or all before have failed.
    /// Each has ten seconds. Returns the connection, and how many nanoseconds it took from the beginning
    /// of its own attempt; that it was there is not `told`, since others may follow it.
    ///
    /// # Errors
    /// Nobody answered: a failure of TLS, which is more than silence, or the last address's reason. A
    /// limit of this machine at once, which another address does not change.
    pub async fn first(
        &mut self,
        connector: &Connector,
        start: usize,
        pause: impl AsyncFn(),
        told: &mut impl FnMut(SocketAddr, Told<'_>),
    ) -> Result<(Channel, i64), ConnectError> {
        let addresses = connector.addresses(FRESH).await?;
        let count = addresses.len();
        let mut left = (0..count).map(|nth| addresses[(start % count + nth) % count]);
        let mut failure = None;
        loop {
            if let Some(peer) = left.next() {
                told(peer, Told::Begun);
                let connector = connector.clone();
                self.0.spawn_local(async move {
                    let begun_ns = monotonic_ns();
                    let opened = connector.connect_only(peer).await;
                    (peer, monotonic_ns() - begun_ns, opened)
                });
            }
            tokio::select! {
                Some(tried) = next(&mut self.0) => match tried {
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
                && self.0.is_empty()
                && let Some(error) = failure.take()
            {
                return Err(error);
            }
        }
    }

    /// Waits for those that were overtaken, and closes what comes of them.
    pub async fn rest(mut self, told: &mut impl FnMut(SocketAddr, Told<'_>)) {
        while let Some((peer, took_ns, opened)) = next(&mut self.0).await {
            match opened {
                Ok(_) => told(peer, Told::Answered(took_ns)),
                Err(error) => told(peer, Told::Failed(&error)),
            }
        }
    }
}

/// The next that ends; `None` when none is under way.
async fn next(trying: &mut JoinSet<Tried>) -> Option<Tried> {
    match trying.join_next().await? {
        Ok(tried) => Some(tried),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
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
