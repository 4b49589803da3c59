//! gRPC streams of an HTTP/2 connection: opened, written without ever waiting, and read to their status.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;

use super::channel::Channel;
use super::driver::Driver;
use super::grpc::FrameReader;
use super::keep_alive::{KeptAlive, Loss};
use super::outcome::{HadBy, Progress, Sent};
use super::status::{GrpcStatus, INTERNAL, OK, UNAVAILABLE, UNKNOWN};
use super::written::{Follower, Written};
use crate::clock::RunClock;
use crate::units::RunTime;

/// An open connection; clones are the same one.
#[derive(Clone)]
pub struct Connection {
    streams: SendRequest<Bytes>,
    pub(super) peer: SocketAddr,
    driver: Driver,
    written: Written,
    loss: Loss,
}

impl Connection {
    /// What opens streams on `channel`, and what moves their bytes.
    pub(super) fn of(channel: Channel) -> (Connection, KeptAlive) {
        let (peer, written) = (channel.peer, channel.written.clone());
        let (kept, streams) = channel.kept_alive();
        let connection = Connection {
            streams,
            peer,
            driver: kept.driver.clone(),
            written,
            loss: kept.loss.clone(),
        };
        (connection, kept)
    }

    pub(super) fn is_lost(&self) -> bool {
        // A handle that has opened nothing has nothing to wait for: it is ready, or it is lost.
        let mut context = Context::from_waker(Waker::noop());
        matches!(
            self.streams.clone().poll_ready(&mut context),
            Poll::Ready(Err(_))
        )
    }

    pub(super) fn max_streams(&self) -> usize {
        self.streams.current_max_send_streams()
    }

    pub(super) fn open(
        &mut self,
        request: Request<()>,
    ) -> Result<(Outgoing, Incoming), GrpcStatus> {
        let opened = self.streams.send_request(request, false);
        let (response, send) = opened.map_err(|error| lost(&self.loss, &error))?;
        let incoming = Incoming {
            at: At::Head(response),
            frames: FrameReader::default(),
            in_headers: None,
            loss: self.loss.clone(),
        };
        let outgoing = Outgoing {
            follower: self.written.follow(send.stream_id().into()),
            send,
            driver: self.driver.clone(),
        };
        Ok((outgoing, incoming))
    }
}

/// How a stream ended that broke off.
fn lost(loss: &Loss, error: &h2::Error) -> GrpcStatus {
    match loss.get() {
        Some(given_up) => GrpcStatus::new(UNAVAILABLE, given_up),
        None => GrpcStatus::of_broken(error),
    }
}

/// What a caller sends on a stream.
pub struct Outgoing {
    send: SendStream<Bytes>,
    follower: Follower,
    driver: Driver,
}

impl Outgoing {
    pub(super) fn try_send(&mut self, frame: Bytes, is_last: bool) -> Sent {
        let bytes = frame.len();
        self.send.reserve_capacity(bytes);
        if self.send.capacity() < bytes {
            return Sent::Blocked;
        }
        let send = &mut self.send;
        match self.driver.sending(|| send.send_data(frame, is_last)) {
            Ok(()) => {
                self.follower.handed(bytes, is_last);
                Sent::Taken
            }
            Err(_) => Sent::Gone,
        }
    }

    pub(super) fn write_out(&self) {
        self.driver.move_now();
    }

    pub(super) fn take_written(&mut self, clock: &RunClock) -> Option<HadBy> {
        let stamp = self.follower.take()?;
        Some(HadBy {
            at: clock.run_time_of(stamp.at_ns),
            stuck_since: stamp.stuck_since_ns.map(|ns| clock.run_time_of(ns)),
        })
    }

    pub(super) fn stuck_since(&self, clock: &RunClock) -> Option<RunTime> {
        let since_ns = self.follower.stuck_since_ns()?;
        Some(clock.run_time_of(since_ns))
    }

    /// Ready once there is more room, or more is written, than before; pending for good on a stream that has
    /// gone.
    pub(super) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.follower.has_more(context.waker()) {
            return Poll::Ready(());
        }
        match self.send.poll_capacity(context) {
            Poll::Ready(Some(Ok(_))) => Poll::Ready(()),
            // Not yet, or the stream is gone: whoever reads it learns why.
            Poll::Ready(_) | Poll::Pending => Poll::Pending,
        }
    }

    pub(super) fn cancel(&mut self) {
        self.send.send_reset(Reason::CANCEL);
    }
}

/// What a server answers on a stream.
pub struct Incoming {
    at: At,
    frames: FrameReader,
    /// A status in the headers; those in trailers take precedence.
    in_headers: Option<GrpcStatus>,
    loss: Loss,
}

/// How far a stream has been read.
enum At {
    Head(ResponseFuture),
    Body(RecvStream),
    Trailers(RecvStream),
    /// Its head said so.
    Over(GrpcStatus),
    End,
}

impl Incoming {
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        each: impl FnMut(Bytes),
    ) -> Poll<Progress> {
        let progress = match &mut self.at {
            At::Head(response) => {
                let response = ready!(Pin::new(response).poll(context));
                self.head(response)
            }
            At::Body(body) => match ready!(body.poll_data(context)) {
                Some(data) => self.data(data, each),
                None => {
                    if let At::Body(body) = std::mem::replace(&mut self.at, At::End) {
                        self.at = At::Trailers(body);
                    }
                    return self.poll_read(context, each);
                }
            },
            At::Trailers(body) => {
                let trailers = ready!(body.poll_trailers(context));
                let trailers = trailers.map_err(|error| lost(&self.loss, &error));
                Err(trailers.map_or_else(
                    |lost| lost,
                    |trailers| {
                        let status = trailers.as_ref().and_then(GrpcStatus::from_headers);
                        self.status(status)
                    },
                ))
            }
            At::Over(status) => Err(status.clone()),
            At::End => return Poll::Pending,
        };
        Poll::Ready(progress.unwrap_or_else(|status| {
            self.at = At::End;
            Progress::Ended(status.into())
        }))
    }

    fn head(
        &mut self,
        response: Result<http::Response<RecvStream>, h2::Error>,
    ) -> Result<Progress, GrpcStatus> {
        let (head, body) = response
            .map_err(|error| lost(&self.loss, &error))?
            .into_parts();
        let response = http::Response::from_parts(head, ());
        self.in_headers = GrpcStatus::from_headers(response.headers());
        self.at = match GrpcStatus::of_head(&response) {
            None => At::Body(body),
            // Its head ends it, and says how.
            Some(status) => At::Over(status),
        };
        Ok(Progress::Head(Box::new(response.into_parts().0)))
    }

    fn data(
        &mut self,
        data: Result<Bytes, h2::Error>,
        each: impl FnMut(Bytes),
    ) -> Result<Progress, GrpcStatus> {
        let data = data.map_err(|error| lost(&self.loss, &error))?;
        if let At::Body(body) = &mut self.at {
            // Read at once, so that the server never waits for us.
            let _ = body.flow_control().release_capacity(data.len());
        }
        let read = self.frames.push(data, each);
        read.map_err(|error| GrpcStatus::new(INTERNAL, error.to_string()))?;
        Ok(Progress::Read)
    }

    /// The status of a stream that was read to its end.
    fn status(&mut self, in_trailers: Option<GrpcStatus>) -> GrpcStatus {
        let status = in_trailers.or_else(|| self.in_headers.take());
        let status = status
            .unwrap_or_else(|| GrpcStatus::new(UNKNOWN, "the stream ended without a gRPC status"));
        match self.frames.finish() {
            Ok(()) => status,
            Err(cut) if status.code == OK => GrpcStatus::new(INTERNAL, cut.to_string()),
            // What the server says of its failure comes first.
            Err(cut) => GrpcStatus::new(status.code, format!("{}; {cut}", status.message)),
        }
    }
}
