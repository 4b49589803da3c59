//! The gRPC service of a described dialect: its one method, whose messages are read and written here and not by tonic.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes};
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service as Serves};
use tonic::server::{Grpc, StreamingService};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};

use super::call;
use crate::dialect::described::{Listener, Said, Server};
use crate::gateway::arrivals::Caller;
use crate::gateway::inbox::Inbox;
use crate::gateway::outbox::Broken;
use crate::gateway::replies::Replies;
use crate::gateway::shared::Shared;
use crate::gateway::stream;
use crate::gateway::websocket::caller;

/// The service that the description's method is of, beside others.
#[derive(Clone)]
pub(in crate::gateway) struct Service {
    shared: Arc<Shared>,
    server: Arc<Server>,
    method: Arc<str>,
    asked: Arc<AtomicU64>,
    others: Routes,
}

impl Service {
    pub(in crate::gateway) fn new(
        shared: Arc<Shared>,
        server: Arc<Server>,
        others: Routes,
    ) -> Service {
        Service {
            shared,
            method: server.method().into(),
            server,
            asked: Arc::default(),
            others,
        }
    }
}

impl Serves<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // All that it calls are ready at any time.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != &*self.method {
            return Box::pin(Serves::call(&mut self.others, request));
        }
        let session = Session {
            shared: Arc::clone(&self.shared),
            server: Arc::clone(&self.server),
            caller: caller(&request, self.asked.fetch_add(1, Relaxed)),
        };
        Box::pin(async { Ok(Grpc::new(Raw).streaming(session, request).await) })
    }
}

/// A session that was asked for.
struct Session {
    shared: Arc<Shared>,
    server: Arc<Server>,
    caller: Caller,
}

impl StreamingService<Bytes> for Session {
    type Response = Bytes;
    type ResponseStream = Replies<Said, Bytes>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let (shared, server) = (Arc::clone(&self.shared), Arc::clone(&self.server));
        let mut listener = Listener::new(Arc::clone(&server));
        let messages = request.into_inner().map(move |message| match message {
            Ok(message) => Ok(Some(listener.message(&message))),
            Err(_) => Err(Broken::Gone),
        });
        let messages = Box::pin(messages);
        let mut inbox = Inbox::new(Arc::clone(&shared), messages, self.caller.clone());
        let replies = Replies::of(|outbox| async move {
            let serving = call::converse(&shared, &server, &mut inbox, &outbox);
            stream::run(&shared, &outbox, serving).await;
        });
        Box::pin(async { Ok(Response::new(replies)) })
    }
}

/// Messages as they are on the wire.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
