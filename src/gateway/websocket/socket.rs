//! The frames of one WebSocket: messages of the client in, those of the session out, and how it is closed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Frame, Protocol, Request};
use crate::gateway::arrivals::Caller;
use crate::gateway::inbox::Inbox;
use crate::gateway::outbox::{Abort, Broken, Outbox};
use crate::gateway::shared::Shared;
use crate::gateway::stream;

/// Longest message and frame of a client: what the service allows is 15 MiB of audio.
const MOST_MESSAGE_BYTES: usize = 16 << 20;

/// How long the other side may take to answer a close.
const CLOSE: Duration = Duration::from_millis(500);

/// Limits of a connection.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MOST_MESSAGE_BYTES))
        .max_frame_size(Some(MOST_MESSAGE_BYTES))
        .write_buffer_size(0)
}

/// Holds the session of a connection that was just upgraded, to the end of the connection.
pub(super) async fn serve<S, P: Protocol>(
    shared: &Arc<Shared>,
    protocol: &P,
    socket: WebSocketStream<S>,
    request: &Request,
    caller: Caller,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, frames) = futures_util::StreamExt::split(socket);
    let messages = Box::pin(messages(frames, protocol.reader()));
    let mut inbox = Inbox::new(Arc::clone(shared), messages, caller);
    // What waits beside this one waits in the session, which counts it.
    let (events, queue) = mpsc::channel(1);
    let session = async {
        let outbox = Outbox::new(events);
        let talk = protocol.converse(shared, request, &mut inbox, &outbox);
        stream::run(shared, &outbox, talk).await;
    };
    let ((), closing) = tokio::join!(session, write(sink, queue));
    if closing {
        // The close is answered, or nobody is there.
        let answered = async { while let Ok(Some(_)) = inbox.next().await {} };
        let _ = tokio::time::timeout(CLOSE, answered).await;
    }
}

/// What clients send, until they close.
fn messages<S, M>(
    frames: SplitStream<WebSocketStream<S>>,
    mut read: impl FnMut(Frame<'_>) -> M,
) -> impl Stream<Item = Result<Option<M>, Broken>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let messages = frames.filter_map(move |frame| match frame {
        Ok(Message::Text(text)) => Some(Some(Ok(Some(read(Frame::Text(&text)))))),
        Ok(Message::Binary(bytes)) => Some(Some(Ok(Some(read(Frame::Binary(&bytes)))))),
        Ok(Message::Close(_)) => Some(None),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => None,
        Err(error) => Some(Some(Err(broken(&error)))),
    });
    messages.map_while(|message| message)
}

fn broken(error: &Error) -> Broken {
    match error {
        Error::Capacity(_) => Broken::Unreadable(Abort::TooLong),
        Error::Protocol(_) | Error::Utf8(_) => Broken::Unreadable(Abort::Violation),
        _ => Broken::Gone,
    }
}

/// Sends what the session says and then a close; whether that could be sent.
async fn write<S, R: Into<Message>>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut queue: mpsc::Receiver<Result<R, Abort>>,
) -> bool
where
    SplitSink<WebSocketStream<S>, Message>: Sink<Message, Error = Error> + Unpin,
{
    let abort = loop {
        match queue.recv().await {
            Some(Ok(reply)) => {
                // What cannot be sent any more was crossed by a close, which is still to be answered.
                if sink.send(reply.into()).await.is_err() {
                    break None;
                }
            }
            Some(Err(abort)) => break Some(abort),
            None => break None,
        }
    };
    let close = async {
        match abort {
            Some(abort) => {
                let close = CloseFrame {
                    code: code(abort),
                    reason: abort.reason().into(),
                };
                sink.send(Message::Close(Some(close))).await
            }
            // The client closed: its close is answered with its code.
            None => sink.close().await,
        }
    };
    matches!(tokio::time::timeout(CLOSE, close).await, Ok(Ok(())))
}

fn code(abort: Abort) -> CloseCode {
    match abort {
        Abort::Age => CloseCode::Again,
        Abort::Shutdown => CloseCode::Away,
        Abort::TooLong => CloseCode::Size,
        Abort::Violation => CloseCode::Protocol,
    }
}
