//! One connection across: the bytes of both sides as they are, each at the pace that the other reads at.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::handshake::has_extensions;
use crate::clock::monotonic_ns;
use crate::record::delay::Delays;
use crate::record::tap::CallTap;
use crate::transport::websocket::answer_head::AnswerHead;

/// Bytes that are read at once.
const READ: usize = 16 * 1024;
/// How long a side that was told that nothing more comes may take to end as well.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How one direction ended.
enum End {
    /// Whoever sends has said that nothing more comes, which was handed on.
    Finished(i64),
    /// Whoever sends has gone.
    Broke,
    /// Whoever receives has gone.
    Refused,
}

/// Carries the rest of a connection, to its end; what a caller and the gateway say from an upgrade on is given to
/// `tap`. With `asks` it is one for which the gateway has not answered the request for an upgrade.
pub(super) async fn relay(
    mut caller: impl AsyncRead + AsyncWrite + Unpin,
    gateway: impl AsyncRead + AsyncWrite + Unpin,
    asks: bool,
    delays: &Delays,
    tap: &CallTap,
) {
    {
        let (from_caller, to_caller) = tokio::io::split(&mut caller);
        let (from_gateway, to_gateway) = tokio::io::split(gateway);
        let asked = |data: &Bytes, at_ns| tap.caller().push(data, at_ns);
        let mut head = asks.then(AnswerHead::default);
        let answered = |data: &Bytes, at_ns| answered(&mut head, data, at_ns, tap);
        let up = hand_on(from_caller, to_gateway, asked, |ns| delays.to_gateway(ns));
        let down = hand_on(from_gateway, to_caller, answered, |ns| delays.to_caller(ns));
        let (mut up, mut down) = (pin!(up), pin!(down));
        let first = tokio::select! {
            biased;
            ended = &mut down => Err(ended),
            ended = &mut up => Ok(ended),
        };
        match first {
            Err(End::Finished(_)) => tap.closed(None, monotonic_ns()),
            Err(End::Broke) => return tap.closed(None, monotonic_ns()),
            Err(End::Refused) | Ok(End::Broke) => return tap.cancelled(monotonic_ns()),
            // What the gateway still says is handed on, and tells why it takes no more.
            Ok(ended) => {
                let rest = tokio::time::timeout(LAST_WORDS, down).await;
                match (ended, rest) {
                    (End::Finished(at_ns), _) => tap.cancelled(at_ns),
                    (_, Ok(End::Refused)) => tap.cancelled(monotonic_ns()),
                    _ => tap.closed(None, monotonic_ns()),
                }
                return;
            }
        }
    }
    // A socket that is closed with something unread takes back what the caller has not read yet.
    let drained = async {
        let mut unread = [0; 1024];
        while caller.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {}
    };
    let _ = tokio::time::timeout(LAST_WORDS, drained).await;
}

/// Hands on what comes to its end; each piece is shown to `see` before, with the instant at which it was read,
/// and `kept` is told for how long it was here.
async fn hand_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut see: impl FnMut(&Bytes, i64),
    kept: impl Fn(i64),
) -> End {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ);
        let read = from.read_buf(&mut buffer).await;
        let at_ns = monotonic_ns();
        match read {
            Ok(0) => {
                // Of a side that has gone its own direction tells.
                let _ = to.shutdown().await;
                return End::Finished(at_ns);
            }
            Ok(_) => {}
            Err(_) => return End::Broke,
        }
        let data = buffer.split().freeze();
        see(&data, at_ns);
        if to.write_all(&data).await.is_err() || to.flush().await.is_err() {
            return End::Refused;
        }
        kept(monotonic_ns() - at_ns);
    }
}

/// Gives what the gateway says to `tap`, once it has agreed to the upgrade.
fn answered(head: &mut Option<AnswerHead>, data: &Bytes, at_ns: i64, tap: &CallTap) {
    let Some(unanswered) = head else {
        return tap.gateway().push(data, at_ns);
    };
    match unanswered.push(data) {
        Ok(None) => return,
        Ok(Some((parts, rest))) if parts.status == StatusCode::SWITCHING_PROTOCOLS => {
            if has_extensions(&parts.headers) {
                tap.hidden(at_ns);
            }
            tap.gateway().push(&rest.into(), at_ns);
        }
        Ok(Some(_)) | Err(_) => tap.refused(at_ns),
    }
    *head = None;
}
