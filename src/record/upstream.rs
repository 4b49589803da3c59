//! The gateway's side of a caller's connection. Each caller's connection has one of its own, so that
//! limits of streams, load balancing by connection and failures stay what they are without us.

use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::Mutex;

use crate::transport::channel::{ConnectError, Connector};

/// A connection to the gateway, opened when it is needed and again when it has gone.
pub(super) struct Upstream {
    connector: Connector,
    /// Which of the gateway's addresses to begin with.
    number: usize,
    held: Mutex<Held>,
}

/// The connection at present.
#[derive(Default)]
struct Held {
    /// Counts the connections.
    number: u64,
    line: Option<Line>,
}

/// A connection on which a stream can be opened.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) streams: SendRequest<Bytes>,
    /// Held by each call on it, for as long as it waits for the gateway.
    _call: Rc<()>,
}

impl Upstream {
    /// The gateway's side of the caller's connection `number`; not opened yet.
    pub(super) fn new(connector: Connector, number: usize) -> Upstream {
        Upstream {
            connector,
            number,
            held: Mutex::default(),
        }
    }

    /// How many streams the gateway takes at once on this connection.
    ///
    /// # Errors
    /// A gateway that cannot be reached.
    pub(super) async fn max_streams(&self) -> Result<usize, ConnectError> {
        let line = self.ready().await?;
        Ok(line.streams.current_max_send_streams())
    }

    /// Ready to open a stream, once the gateway has a slot for it. Must run on a local set.
    ///
    /// # Errors
    /// A gateway that cannot be reached.
    pub(super) async fn ready(&self) -> Result<Line, ConnectError> {
        let mut gone = None;
        loop {
            let mut held = self.held.lock().await;
            let number = held.number;
            let Some(mut line) = held.line.clone().filter(|_| gone != Some(number)) else {
                let channel = self.connector.connect(self.number).await?;
                let (kept, streams) = channel.kept_alive();
                let calls = Rc::new(());
                let counted = Rc::downgrade(&calls);
                tokio::task::spawn_local(async move {
                    // One is held here, by who hands it out.
                    kept.run(|| counted.strong_count() > 1).await;
                });
                held.number += 1;
                held.line = Some(Line {
                    streams,
                    _call: calls,
                });
                continue;
            };
            // Waiting for a slot must not keep others from seeing that the connection has gone.
            drop(held);
            match line.streams.ready().await {
                Ok(streams) => {
                    line.streams = streams;
                    return Ok(line);
                }
                Err(_) => gone = Some(number),
            }
        }
    }

    /// Where it leads, as HTTP/2 has it.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }
}
