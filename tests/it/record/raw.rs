//! A gRPC server and client of raw bytes, built on tonic: each method of `conformance.Test` does one
//! thing that a proxy could spoil, and the client tells what it saw.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Service, http};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Response, Status, Streaming};

/// The method that the recorder taps, and that these peers serve as an echo.
const TAPPED: &str = "/voice_workflow.VoiceGateway/StreamAudio";

/// Messages are what they are.
#[derive(Clone, Copy, Default)]
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

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// How many calls the server saw cancelled.
#[derive(Clone, Default)]
struct Cancelled(Arc<AtomicU32>);

/// Counts when it is dropped: the call has gone.
struct Hanging(Cancelled);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, SeqCst);
    }
}

#[derive(Clone, Default)]
struct Peer {
    cancelled: Cancelled,
}

impl tonic::server::NamedService for Peer {
    const NAME: &'static str = "conformance.Test";
}

/// One method of the peer.
struct Method {
    peer: Peer,
    path: String,
}

impl tonic::server::StreamingService<Bytes> for Method {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answers>, Status>> + Send + 'static>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let (peer, path) = (self.peer.clone(), self.path.clone());
        Box::pin(async move { peer.answer(&path, request).await })
    }
}

impl Peer {
    async fn answer(
        self,
        path: &str,
        request: Request<Streaming<Bytes>>,
    ) -> Result<Response<Answers>, Status> {
        let asked = request.metadata().get("x-ask").cloned();
        let deadline = request.metadata().contains_key("grpc-timeout");
        let mut from = request.into_inner();
        let (to, answers) = mpsc::channel(4);
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        if name == "Refused" {
            return Err(Status::permission_denied("not for you"));
        }
        if name == "Deadline" && deadline {
            let _hanging = Hanging(self.cancelled.clone());
            std::future::pending::<()>().await;
        }
        tokio::spawn(async move {
            match name.as_str() {
                "First" => {
                    let _ = to.send(Ok(Bytes::from_static(b"first"))).await;
                    echo(&mut from, &to).await;
                }
                "Status" => {
                    let _ = from.next().await;
                    let details = Bytes::from_static(b"\x08\x03\x12\x02no\xff");
                    let status =
                        Status::with_details(Code::InvalidArgument, "n\u{e4}h: 100 %", details);
                    let _ = to.send(Err(status)).await;
                }
                "Hang" => {
                    let _ = from.next().await;
                    let _ = to.send(Ok(Bytes::from_static(b"hanging"))).await;
                    let hanging = Hanging(self.cancelled);
                    to.closed().await;
                    drop(hanging);
                }
                "Cancelled" => {
                    let count = self.cancelled.0.load(SeqCst);
                    let _ = to.send(Ok(Bytes::from(count.to_string()))).await;
                }
                _ => echo(&mut from, &to).await,
            }
        });
        let mut response: Response<Answers> = Response::new(Box::pin(ReceiverStream::new(answers)));
        if let Some(asked) = asked {
            response.metadata_mut().insert("x-hello", asked);
        }
        Ok(response)
    }
}

/// Sends back what comes, then how many there were, then trailers.
async fn echo(from: &mut Streaming<Bytes>, to: &mpsc::Sender<Result<Bytes, Status>>) {
    let mut count = 0;
    while let Some(Ok(message)) = from.next().await {
        count += 1;
        if to.send(Ok(message)).await.is_err() {
            return;
        }
    }
    let _ = to.send(Ok(Bytes::from(format!("{count} in all")))).await;
    let mut trailers = MetadataMap::new();
    trailers.insert("x-count", count.into());
    trailers.insert_bin("x-seal-bin", MetadataValue::from_bytes(b"\x00\xff\x10"));
    let _ = to
        .send(Err(Status::with_metadata(Code::Ok, "", trailers)))
        .await;
}

impl Service<http::Request<Body>> for Peer {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Method {
            peer: self.clone(),
            path: request.uri().path().to_owned(),
        };
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(grpc.streaming(method, request).await)
        })
    }
}

/// The same peer under the name of the gateway, whose calls the recorder taps.
#[derive(Clone)]
struct Tapped(Peer);

impl tonic::server::NamedService for Tapped {
    const NAME: &'static str = "voice_workflow.VoiceGateway";
}

impl Service<http::Request<Body>> for Tapped {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = <Peer as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

/// Serves the peer on a free port, on threads of its own, as long as the result lives.
pub(crate) fn serve() -> (tokio::runtime::Runtime, String) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = Peer::default();
    let server = tonic::transport::Server::builder()
        .add_service(peer.clone())
        .add_service(Tapped(peer));
    runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (runtime, address)
}

/// What a client saw in one call.
struct Seen {
    hello: String,
    replies: Vec<Bytes>,
    status: Status,
}

type Client = tonic::client::Grpc<tonic::transport::Channel>;

async fn call(
    client: &mut Client,
    path: &'static str,
    messages: impl Stream<Item = Bytes> + Send + 'static,
    timeout: Option<Duration>,
) -> Seen {
    client.ready().await.unwrap();
    let mut request = Request::new(messages);
    request
        .metadata_mut()
        .insert("x-ask", "how are you".parse().unwrap());
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let path = http::uri::PathAndQuery::from_static(path);
    let response = client.streaming(request, path, Raw).await;
    let response: Response<Streaming<Bytes>> = match response {
        Ok(response) => response,
        Err(status) => {
            return Seen {
                hello: String::new(),
                replies: Vec::new(),
                status,
            };
        }
    };
    let hello = response.metadata().get("x-hello");
    let hello = hello.map_or(String::new(), |hello| hello.to_str().unwrap().to_owned());
    let (mut from, mut replies) = (response.into_inner(), Vec::new());
    let status = loop {
        match from.message().await {
            Ok(Some(reply)) => replies.push(reply),
            Ok(None) => {
                let trailers = from.trailers().await.unwrap().unwrap_or_default();
                break Status::with_metadata(Code::Ok, "", trailers);
            }
            Err(status) => break status,
        }
    };
    Seen {
        hello,
        replies,
        status,
    }
}

fn told(name: &str, seen: &Seen) -> String {
    // Whose clock runs out first, the client's or the server's, is chance.
    if name == "deadline" && matches!(seen.status.code(), Code::DeadlineExceeded | Code::Cancelled)
    {
        return "deadline: over".to_owned();
    }
    let replies: Vec<_> = seen
        .replies
        .iter()
        .map(|reply| match reply.len() {
            0..=20 => String::from_utf8_lossy(reply).into_owned(),
            length => format!("{length} bytes, sum {}", sum(reply)),
        })
        .collect();
    let replies = match replies.len() {
        0..=5 => replies.join(", "),
        many => format!("{many} replies, sum {}", sum(&seen.replies.concat())),
    };
    let metadata = seen.status.metadata();
    let count = metadata.get("x-count").map_or("", |c| c.to_str().unwrap());
    let seal = metadata
        .get_bin("x-seal-bin")
        .map(|seal| seal.to_bytes().unwrap());
    format!(
        "{name}: hello [{}] replies [{replies}] code {} message [{}] details {} count [{count}] seal {}",
        seen.hello,
        seen.status.code() as i32,
        seen.status.message(),
        hex(seen.status.details()),
        hex(&seal.unwrap_or_default()),
    )
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn all(messages: Vec<Bytes>) -> impl Stream<Item = Bytes> + Send + 'static {
    tokio_stream::iter(messages)
}

/// Calls every method of the peer at `address` and tells, line by line, what came of it.
pub(crate) async fn ask(address: &str) -> Vec<String> {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"));
    let channel = channel.unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(8 << 20);
    let mut lines = Vec::new();
    let texts = || all(["a", "bb", ""].map(Bytes::from).to_vec());
    for (name, path) in [
        ("half-close", "/conformance.Test/Echo"),
        ("tapped", TAPPED),
        ("server first", "/conformance.Test/First"),
        ("status", "/conformance.Test/Status"),
        ("refused", "/conformance.Test/Refused"),
    ] {
        let seen = call(&mut client, path, texts(), None).await;
        lines.push(told(name, &seen));
    }
    let large = Bytes::from(
        (0..4_000_000_u32)
            .map(|n| (n % 251) as u8)
            .collect::<Vec<_>>(),
    );
    for (name, path) in [
        ("large", "/conformance.Test/Echo"),
        ("large tapped", TAPPED),
    ] {
        let seen = call(&mut client, path, all(vec![large.clone()]), None).await;
        lines.push(told(name, &seen));
    }
    // Field 1023, a varint of many bytes, a group: fields that nobody knows.
    let unknown = Bytes::from_static(b"\xfa\x3f\x03abc\x08\xff\xff\xff\x7f\x13\x14");
    let seen = call(&mut client, TAPPED, all(vec![unknown]), None).await;
    lines.push(told("unknown fields", &seen));
    let burst: Vec<_> = (0..1000_u32)
        .map(|n| Bytes::from(vec![n as u8; n as usize]))
        .collect();
    let seen = call(&mut client, TAPPED, all(burst), None).await;
    lines.push(told("burst", &seen));

    let timeout = Some(Duration::from_millis(400));
    let (_open, from) = mpsc::channel(1);
    let asked = all(vec![Bytes::from_static(b"x")]).chain(ReceiverStream::new(from));
    let seen = call(&mut client, "/conformance.Test/Deadline", asked, timeout).await;
    lines.push(told("deadline", &seen));
    lines.push(cancelled(&mut client, 1).await);

    let (open, from) = mpsc::channel(1);
    let asked = all(vec![Bytes::from_static(b"x")]).chain(ReceiverStream::new(from));
    let hang = call(&mut client, "/conformance.Test/Hang", asked, None);
    // Dropping the call is how this client cancels it.
    assert!(
        tokio::time::timeout(Duration::from_millis(400), hang)
            .await
            .is_err()
    );
    drop(open);
    lines.push(cancelled(&mut client, 2).await);
    lines
}

/// Waits until the server has seen so many calls cancelled, for at most ten seconds.
async fn cancelled(client: &mut Client, count: u32) -> String {
    let wanted = count.to_string();
    for _ in 0..100 {
        let ask = all(vec![Bytes::from_static(b"x")]);
        let seen = call(client, "/conformance.Test/Cancelled", ask, None).await;
        if seen.replies == [wanted.clone()] {
            return format!("the server saw {count} calls cancelled");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server did not see {count} calls cancelled")
}
