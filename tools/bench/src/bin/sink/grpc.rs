//! Calls of the gRPC service, HTTP/2 driven directly.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use prost::Message;
use tokio::net::TcpStream;
use voicelt::conversation::message::ServerMessage;
use voicelt::dialect::grpc::frame;
use voicelt::dialect::voice_workflow::client_message::Content;
use voicelt::dialect::voice_workflow::{self as proto, ClientMessage};
use voicelt::gateway::arrivals::{ArrivalsSink, Caller};
use voicelt::transport::grpc::FrameReader;

use crate::answering::{Answering, PIECE};

/// Bytes of a client message's tag and of the length of a payload over 127 bytes.
const ENVELOPE_BYTES: usize = 3;

/// Bytes of a second of audio: traces made of sound have 16 kHz.
const SECOND_BYTES: u128 = 32_000;

/// How calls are served.
#[derive(Default)]
pub(crate) struct Manners {
    pub(crate) max_streams: Option<u32>,
    pub(crate) answers: bool,
}

/// What is said in an answer, as it is sent.
struct Words {
    begin: Vec<Bytes>,
    piece: Bytes,
    end: Bytes,
}

impl Words {
    fn prepare() -> Words {
        let framed = |message| frame(&proto::ServerMessage::from(message));
        let piece_bytes = SECOND_BYTES * PIECE.as_millis() / 1000;
        let piece = Bytes::from_iter((0..piece_bytes).map(|_| 0x15));
        let begin = [
            ServerMessage::transcript("one two three".to_owned()),
            ServerMessage::Processing,
            ServerMessage::Speaking,
        ];
        Words {
            begin: begin.map(framed).into(),
            piece: framed(ServerMessage::Audio(piece)),
            end: framed(ServerMessage::TurnEnded),
        }
    }
}

/// Serves the calls of one connection.
pub(crate) async fn serve(
    socket: TcpStream,
    sink: &Rc<ArrivalsSink>,
    manners: &Manners,
) -> Result<()> {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(1024 * 1024)
        .initial_connection_window_size(1024 * 1024 * 1024);
    if let Some(max_streams) = manners.max_streams {
        builder.max_concurrent_streams(max_streams);
    }
    let words = manners.answers.then(|| Rc::new(Words::prepare()));
    let mut connection = builder.handshake::<_, Bytes>(socket).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let (sink, words) = (sink.clone(), words.clone());
        tokio::task::spawn_local(async move {
            // A stream that is reset has said all that the log needs.
            let _ = stream(request, respond, &sink, words.as_deref()).await;
        });
    }
    Ok(())
}

async fn stream(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    sink: &ArrivalsSink,
    words: Option<&Words>,
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
    let mut answering = Answering::new();
    loop {
        let data = tokio::select! {
            biased;
            data = body.data() => data,
            is_last = answering.piece() => {
                if let Some(words) = words {
                    send.send_data(words.piece.clone(), false)?;
                    if is_last {
                        send.send_data(words.end.clone(), false)?;
                    }
                }
                continue;
            }
        };
        let Some(data) = data.transpose()? else {
            break;
        };
        let at = sink.now();
        body.flow_control().release_capacity(data.len())?;
        let before = seq;
        frames.push(data, |message| {
            let caller = caller.get_or_insert_with(|| introduced(&run_id, message.clone()));
            let payload = match seq {
                0 => 0,
                _ => message.len().saturating_sub(ENVELOPE_BYTES),
            };
            sink.push(caller, seq, at, payload);
            seq += 1;
        })?;
        if let Some(words) = words {
            // The first message is the configuration.
            for _ in (before.max(1)..seq).filter(|seq| answering.begins(*seq)) {
                for message in &words.begin {
                    send.send_data(message.clone(), false)?;
                }
            }
        }
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
