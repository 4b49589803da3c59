//! The receiver of the benchmarks: stamps every client message as its bytes are read, logs it and
//! throws it away. One thread, HTTP/2 driven directly, no answers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;
use voicelt::dialect::voice_workflow::ClientMessage;
use voicelt::dialect::voice_workflow::client_message::Content;
use voicelt::gateway::arrivals::{ArrivalsLog, ArrivalsSink, Caller};
use voicelt::replay::scheduling;
use voicelt::transport::grpc::FrameReader;

/// Bytes of a client message's tag and of the length of a payload over 127 bytes.
const ENVELOPE_BYTES: usize = 3;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: sink LOG [MAX_STREAMS]";
    let log = PathBuf::from(args.next().context(usage)?);
    let max_streams = args.next().map(|n| n.parse()).transpose().context(usage)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // It is to see what arrives when it arrives: before its own log is written.
    let _ = scheduling::request();
    LocalSet::new().block_on(&runtime, serve(log, max_streams))
}

/// Serves until SIGTERM or Ctrl-C.
async fn serve(log: PathBuf, max_streams: Option<u32>) -> Result<()> {
    let log = ArrivalsLog::create(&log)?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    say(&format!("listening on {}", listener.local_addr()?));
    let sink = Rc::new(log.sink());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let sink = sink.clone();
        tokio::task::spawn_local(async move {
            if let Err(error) = connection(socket, &sink, max_streams).await {
                say(&format!("connection: {error}"));
            }
        });
    }
    let report = log.finish()?;
    say(&format!("logged {} lost {}", report.logged, report.lost));
    Ok(())
}

async fn connection(
    socket: TcpStream,
    sink: &Rc<ArrivalsSink>,
    max_streams: Option<u32>,
) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(1024 * 1024)
        .initial_connection_window_size(1024 * 1024 * 1024);
    if let Some(max_streams) = max_streams {
        builder.max_concurrent_streams(max_streams);
    }
    let mut connection = builder.handshake::<_, Bytes>(socket).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let sink = sink.clone();
        tokio::task::spawn_local(async move {
            // A stream that is reset has said all that the log needs.
            let _ = stream(request, respond, &sink).await;
        });
    }
    Ok(())
}

async fn stream(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    sink: &ArrivalsSink,
) -> Result<()> {
    let run_id = request.headers().get("x-voicelt-run-id");
    let run_id = run_id
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let head = Response::builder().header("content-type", "application/grpc");
    let mut send = respond.send_response(head.body(())?, false)?;
    let mut body = request.into_body();
    let mut frames = FrameReader::default();
    let mut caller = None;
    let mut seq = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        let at = sink.now();
        body.flow_control().release_capacity(data.len())?;
        frames.push(data, |message| {
            let caller = caller.get_or_insert_with(|| introduced(&run_id, message.clone()));
            let payload = match seq {
                0 => 0,
                _ => message.len().saturating_sub(ENVELOPE_BYTES),
            };
            sink.push(caller, seq, at, payload);
            seq += 1;
        })?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers)?;
    Ok(())
}

/// Who speaks, by the stream's first message.
fn introduced(run_id: &str, message: Bytes) -> Arc<Caller> {
    let config = ClientMessage::decode(message)
        .ok()
        .and_then(|message| message.content);
    let wire_session_id = match config {
        Some(Content::Config(config)) => config.session_id,
        _ => String::new(),
    };
    Arc::new(Caller {
        run_id: run_id.to_owned(),
        wire_session_id,
    })
}

#[expect(clippy::print_stderr, reason = "the program's output")]
fn say(text: &str) {
    eprintln!("{text}");
}
