//! A worker's connections: opened before the run, opened again when one is lost.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;

use crate::wire::channel::{Channel, ConnectError, Connector};

struct Slot {
    number: u32,
    open: RefCell<Option<(SendRequest<Bytes>, SocketAddr)>>,
}

/// The connections of one worker.
pub(super) struct Connections {
    connector: Connector,
    slots: Vec<Rc<Slot>>,
    /// The connection that the next session takes.
    next: Cell<usize>,
}

/// A connection that is ready for a stream.
pub(super) struct Ready {
    pub(super) streams: SendRequest<Bytes>,
    pub(super) peer: SocketAddr,
    pub(super) number: u32,
}

impl Connections {
    /// Opens the connections with these numbers, at least one; must run inside a local task set.
    ///
    /// # Errors
    /// The first that cannot be opened.
    pub(super) async fn open(
        connector: Connector,
        numbers: std::ops::Range<u32>,
    ) -> Result<Connections, ConnectError> {
        let mut slots = Vec::new();
        for number in numbers {
            let open = RefCell::new(Some(start(connector.connect().await?)));
            slots.push(Rc::new(Slot { number, open }));
        }
        Ok(Connections {
            connector,
            slots,
            next: Cell::new(0),
        })
    }

    /// A stream slot on the next connection in turn. Waits for the server's limit
    /// of streams; a lost connection is opened again.
    ///
    /// # Errors
    /// A connection that cannot be opened again, or is lost at once.
    pub(super) async fn ready(&self) -> Result<Ready, String> {
        let slot = &self.slots[self.next.get()];
        self.next.set((self.next.get() + 1) % self.slots.len());
        let held = slot.open.borrow().clone();
        if let Some((streams, peer)) = held {
            if let Ok(streams) = streams.ready().await {
                return Ok(Ready {
                    streams,
                    peer,
                    number: slot.number,
                });
            }
            slot.open.borrow_mut().take();
        }
        let (streams, peer) = start(
            self.connector
                .connect()
                .await
                .map_err(|error| error.to_string())?,
        );
        *slot.open.borrow_mut() = Some((streams.clone(), peer));
        let streams = streams.ready().await.map_err(|error| error.to_string())?;
        Ok(Ready {
            streams,
            peer,
            number: slot.number,
        })
    }
}

/// Lets a connection move bytes until it ends or the worker does.
fn start(channel: Channel) -> (SendRequest<Bytes>, SocketAddr) {
    let Channel {
        streams,
        driver,
        peer,
    } = channel;
    // It ends with the worker's task set; its streams tell why it was lost.
    tokio::task::spawn_local(async move {
        let _ = driver.await;
    });
    (streams, peer)
}
