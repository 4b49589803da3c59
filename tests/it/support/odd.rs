//! Servers that answer calls in ways of their own, below gRPC.

use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// A server on a port of its own, as long as it lives.
pub(crate) struct Odd {
    pub(crate) port: u16,
    _runtime: Runtime,
}

impl Odd {
    /// Answers each call as `answer` does, which is given what was asked.
    pub(crate) fn calls<Answer, Answered>(answer: Answer) -> Odd
    where
        Answer:
            Fn(Request<h2::RecvStream>, SendResponse<Bytes>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = ()> + Send + 'static,
    {
        Odd::with_room(u16::MAX.into(), answer)
    }

    /// As [`Odd::calls`]; a call may send so many bytes before the server must read.
    pub(crate) fn with_room<Answer, Answered>(bytes: u32, answer: Answer) -> Odd
    where
        Answer:
            Fn(Request<h2::RecvStream>, SendResponse<Bytes>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = ()> + Send + 'static,
    {
        let answer = Arc::new(answer);
        Odd::sockets(move |socket| {
            let answer = answer.clone();
            async move {
                let mut builder = h2::server::Builder::new();
                builder.initial_window_size(bytes);
                let Ok(mut connection) = builder.handshake(socket).await else {
                    return;
                };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(answer(request, respond));
                }
            }
        })
    }

    /// Speaks no more HTTP/2 than it takes to write `frame` once a call has come, and hangs up.
    pub(crate) fn frame(frame: Vec<u8>) -> Odd {
        /// An empty frame of settings.
        const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        const PREFACE_BYTES: usize = 24;
        const HEADERS: u8 = 1;
        Odd::sockets(move |mut socket| {
            let frame = frame.clone();
            async move {
                let _ = socket.write_all(&SETTINGS).await;
                let mut preface = [0; PREFACE_BYTES];
                let _ = socket.read_exact(&mut preface).await;
                let mut head = [0; 9];
                while socket.read_exact(&mut head).await.is_ok() {
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                    let mut payload = vec![0; length as usize];
                    if socket.read_exact(&mut payload).await.is_err() || head[3] == HEADERS {
                        break;
                    }
                }
                let _ = socket.write_all(&frame).await;
                // What the caller still sends is read, lest a reset overtakes the frame.
                let _ = socket.shutdown().await;
                let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
            }
        })
    }

    /// Lets a call send as much as it likes, and does not read it.
    pub(crate) fn deaf() -> Odd {
        const ALL: u32 = 1 << 30;
        const SMALL: u32 = 16 * 1024;
        Odd::sockets_with(Some(SMALL), move |socket| async move {
            let mut builder = h2::server::Builder::new();
            builder.initial_window_size(ALL);
            builder.initial_connection_window_size(ALL);
            let shaken = builder.handshake::<_, Bytes>(socket).await;
            let Ok(mut connection) = shaken else { return };
            let _call = connection.accept().await;
            std::future::pending::<()>().await;
        })
    }

    /// Serves each connection as `serve` does.
    pub(crate) fn sockets<Serve, Served>(serve: Serve) -> Odd
    where
        Serve: Fn(TcpStream) -> Served + Send + Sync + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        Odd::sockets_with(None, serve)
    }

    /// The system takes so many bytes for a server that does not read.
    fn sockets_with<Serve, Served>(bytes: Option<u32>, serve: Serve) -> Odd
    where
        Serve: Fn(TcpStream) -> Served + Send + Sync + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let runtime = Runtime::new().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let entered = runtime.enter();
        let listener = socket.listen(128).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket));
            }
        });
        drop(entered);
        Odd {
            port,
            _runtime: runtime,
        }
    }
}
