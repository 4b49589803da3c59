//! Connections that die without a word: while calls wait on one and nothing comes, the peer is asked
//! for a sign of life, and given up when it does not give one.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::Error as TlsError;

use super::driver::Driver;

/// How often a connection is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long nothing may come before the peer is asked, and again after each answer that nothing else
/// follows. Servers count pings and close the connection at too many: gRPC's own at the third that comes
/// within five minutes of the one before, without data from them between.
const SILENT_LOOKS: [u32; 3] = [5, 30, 301];
/// How long an answer may take.
const ANSWER_LOOKS: u32 = 5;

/// What has come from a peer.
#[derive(Debug, Clone, Default)]
pub(super) struct Received(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    failure: OnceLock<TlsError>,
}

impl Received {
    fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// The error of TLS that ended the connection; HTTP/2 passes on no more than its words.
    pub(super) fn failure(&self) -> Option<&TlsError> {
        self.0.failure.get()
    }

    fn note(&self, error: &io::Error) {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        if let Some(error) = inner.cloned() {
            self.0.failure.get_or_init(|| error);
        }
    }
}

/// A stream of bytes whose arrivals are counted.
pub(super) struct Counted<S> {
    inner: S,
    received: Received,
    /// Why nothing can be written any more, until what the peer said last is read.
    broken: Option<io::Error>,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S) -> (Counted<S>, Received) {
        let received = Received::default();
        let counted = Counted {
            inner,
            received: received.clone(),
            broken: None,
        };
        (counted, received)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Counted<S> {
    /// Writes; when that fails since the peer has hung up, first reads what it may have said just before:
    /// why it did.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.broken.is_none() {
            match write(Pin::new(&mut self.inner), cx) {
                Poll::Ready(Err(error)) => self.broken = Some(error),
                wrote => return wrote,
            }
        }
        let mut last = [0; 1024];
        loop {
            let mut last = ReadBuf::new(&mut last);
            match std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, &mut last)) {
                Ok(()) if last.filled().is_empty() => break,
                Ok(()) => {}
                Err(error) => {
                    self.received.note(&error);
                    break;
                }
            }
        }
        let broken = self.broken.take();
        Poll::Ready(Err(
            broken.unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
        ))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        let bytes = buf.filled().len() - before;
        self.received.0.bytes.fetch_add(bytes as u64, Relaxed);
        if let Poll::Ready(Err(error)) = &read {
            self.received.note(error);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |inner, cx| inner.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Why a connection was given up; empty while it was not.
pub type Loss = Arc<OnceLock<String>>;

/// An open connection's moving part.
pub struct KeptAlive {
    pub(super) driver: Driver,
    pub(super) ping: Option<PingPong>,
    pub(super) received: Received,
    pub(super) peer: SocketAddr,
    /// Why it was given up.
    pub loss: Loss,
}

impl KeptAlive {
    /// Moves bytes until the connection ends, or is given up since the peer shows no sign of life while
    /// calls wait (`is_busy`).
    pub async fn run(self, is_busy: impl Fn() -> bool) {
        self.run_with(is_busy, LOOK).await;
    }

    async fn run_with(self, is_busy: impl Fn() -> bool, look: Duration) {
        let KeptAlive {
            mut driver,
            ping,
            received,
            peer,
            loss,
        } = self;
        let watching = async {
            match ping {
                Some(ping) => watch(ping, &received, is_busy, look).await,
                None => std::future::pending().await,
            }
        };
        let given_up = {
            let mut watching = pin!(watching);
            tokio::select! {
                _ = &mut driver => false,
                () = &mut watching => true,
            }
        };
        if given_up {
            loss.get_or_init(|| {
                format!(
                    "{peer} fell silent: nothing came from it for {} s while calls waited, not even the answer to an HTTP/2 PING",
                    SILENT_LOOKS[0] + ANSWER_LOOKS
                )
            });
            driver.give_up();
        }
    }
}

/// Returns when the peer has not answered a ping.
async fn watch(
    mut ping: PingPong,
    received: &Received,
    is_busy: impl Fn() -> bool,
    look: Duration,
) {
    let (mut seen, mut silent, mut pings) = (received.bytes(), 0, 0);
    loop {
        tokio::time::sleep(look).await;
        if received.bytes() != seen || !is_busy() {
            (seen, silent, pings) = (received.bytes(), 0, 0);
            continue;
        }
        silent += 1;
        if silent < SILENT_LOOKS[pings] {
            continue;
        }
        let answered = tokio::time::timeout(look * ANSWER_LOOKS, ping.ping(Ping::opaque()));
        if answered.await.is_err() && received.bytes() == seen {
            return;
        }
        // What came with the answer is taken for no more than that: the worst is a ping too few.
        (seen, silent, pings) = (received.bytes(), 0, (pings + 1).min(SILENT_LOOKS.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::channel::{Connector, TlsOptions};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// Carries bytes to an HTTP/2 server until it is told to drop them.
    async fn fades(to: SocketAddr, fade: Arc<tokio::sync::Notify>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(to).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                () = fade.notified() => {
                    let mut lost = [0; 4096];
                    while near.read(&mut lost).await.is_ok_and(|bytes| bytes > 0) {}
                    let _ = far.shutdown().await;
                }
            }
        });
        address
    }

    async fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(socket).await.unwrap();
                    while connection.accept().await.is_some() {}
                });
            }
        });
        address
    }

    async fn open(address: SocketAddr) -> (KeptAlive, h2::client::SendRequest<bytes::Bytes>) {
        let endpoint = format!("http://{address}").parse().unwrap();
        let connector = Connector::new(endpoint, &TlsOptions::default()).unwrap();
        connector.connect(0).await.unwrap().kept_alive()
    }

    #[tokio::test]
    async fn a_silent_peer_is_given_up_only_while_calls_wait() {
        let (server, fade) = (server().await, Arc::new(tokio::sync::Notify::new()));
        let (kept, _streams) = open(fades(server, fade.clone()).await).await;
        let loss = kept.loss.clone();
        let look = Duration::from_millis(10);
        let mut watched = pin!(kept.run_with(|| true, look));
        // It answers the pings.
        let held = tokio::time::timeout(look * 60, &mut watched).await;
        assert!(held.is_err() && loss.get().is_none());
        fade.notify_one();
        let given_up = tokio::time::timeout(Duration::from_secs(60), watched).await;
        assert!(given_up.is_ok(), "still waiting");
        assert!(loss.get().unwrap().contains("fell silent"), "{loss:?}");
    }

    #[tokio::test]
    async fn a_connection_without_calls_is_not_asked() {
        let (server, fade) = (server().await, Arc::new(tokio::sync::Notify::new()));
        let (kept, _streams) = open(fades(server, fade.clone()).await).await;
        fade.notify_one();
        let loss = kept.loss.clone();
        let look = Duration::from_millis(5);
        let ran = tokio::time::timeout(look * 100, kept.run_with(|| false, look)).await;
        assert!(ran.is_err() && loss.get().is_none());
    }
}
