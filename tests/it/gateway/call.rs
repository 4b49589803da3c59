//! The generated client, driven by hand, and a gateway on a free port for it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use voicelt::dialect::voice_workflow::client_message::Content as Said;
use voicelt::dialect::voice_workflow::server_message::Content as Answer;
use voicelt::dialect::voice_workflow::voice_gateway_client::VoiceGatewayClient;
use voicelt::dialect::voice_workflow::{ClientMessage, EventType, ServerMessage, VoiceConfig};
use voicelt::gateway::{
    Distribution, Gateway, GatewayError, GatewayReport, GatewaySpec, ModelSpec,
};

pub(crate) const RATE: i32 = 16_000;
/// Far longer than any of these tests takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn quick() -> GatewaySpec {
    let ms = |ms: i64| Distribution::Constant(ms * 1_000_000);
    GatewaySpec {
        model: ModelSpec {
            asr_final: ms(1),
            llm_first_token: ms(2),
            llm_token_interval: ms(0),
            tts_first_audio: ms(3),
            tts_real_time_factor: 0.0,
        },
        ..GatewaySpec::default()
    }
}

/// A gateway on a free port, and how to stop it.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) report: JoinHandle<Result<GatewayReport, GatewayError>>,
}

impl Served {
    pub(crate) async fn start(spec: GatewaySpec) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let shutdown = CancellationToken::new();
        let gateway = Gateway::new(spec).expect("a usable specification");
        let report = tokio::spawn(gateway.serve(listener, shutdown.clone()));
        Served {
            addr,
            shutdown,
            report,
        }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.addr)).expect("an address");
        endpoint.connect().await.expect("connected")
    }

    pub(crate) async fn call(&self) -> Call {
        Call::open(self.channel().await).await
    }

    pub(crate) async fn stop(self) -> GatewayReport {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.report).await;
        ended
            .expect("in time")
            .expect("no panic")
            .expect("no error")
    }
}

/// One stream, driven by hand.
pub(crate) struct Call {
    pub(crate) said: mpsc::Sender<ClientMessage>,
    pub(crate) answers: Streaming<ServerMessage>,
}

impl Call {
    pub(crate) async fn open(channel: Channel) -> Call {
        let (said, messages) = mpsc::channel(1_024);
        let mut request = Request::new(ReceiverStream::new(messages));
        let run_id = "run-1".parse().expect("ASCII");
        request.metadata_mut().insert("x-voicelt-run-id", run_id);
        let mut client = VoiceGatewayClient::new(channel);
        let response = client.stream_audio(request).await.expect("accepted");
        Call {
            said,
            answers: response.into_inner(),
        }
    }

    pub(crate) async fn say(&self, content: Said) {
        let message = ClientMessage {
            content: Some(content),
        };
        self.said.send(message).await.expect("the stream is open");
    }

    pub(crate) async fn config(&self, sample_rate: i32) {
        self.say(Said::Config(VoiceConfig {
            language_code: "en-US".to_owned(),
            session_id: "s-1".to_owned(),
            sample_rate,
        }))
        .await;
    }

    /// Audio of one level in 20 ms chunks.
    pub(crate) async fn audio(&self, level: i16, ms: usize) {
        for _ in 0..ms / 20 {
            let pcm: Vec<u8> = [level; 320]
                .into_iter()
                .flat_map(i16::to_le_bytes)
                .collect();
            self.say(Said::AudioChunk(pcm.into())).await;
        }
    }

    pub(crate) async fn speech(&self, ms: usize) {
        self.audio(3_000, ms).await;
    }

    pub(crate) async fn silence(&self, ms: usize) {
        self.audio(0, ms).await;
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Answer>, Status> {
        let next = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        let message = next.expect("in time")?;
        Ok(message.map(|message| message.content.expect("content")))
    }

    /// Everything up to and including the next event of kind `last`.
    pub(crate) async fn until(&mut self, last: EventType) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let answer = self.next().await.expect("no failure").expect("more");
            let found = event(&answer) == Some(last);
            answers.push(answer);
            if found {
                return answers;
            }
        }
    }

    /// Half-closes; everything up to the stream's end, which must be OK.
    pub(crate) async fn hang_up(mut self) -> Vec<Answer> {
        drop(self.said);
        let mut answers = Vec::new();
        loop {
            let message = tokio::time::timeout(PATIENCE, self.answers.message()).await;
            match message.expect("in time").expect("status OK") {
                Some(message) => answers.push(message.content.expect("content")),
                None => return answers,
            }
        }
    }
}

pub(crate) fn event(answer: &Answer) -> Option<EventType> {
    match answer {
        Answer::Event(event) => Some(event.r#type()),
        _ => None,
    }
}

/// The order of messages in one letter each: `L`istening, `t`ranscript, `P`rocessing, `w`ords,
/// `S`peaking, `a`udio, `E`rror, `.` for END_OF_TURN; runs of one kind as one.
pub(crate) fn order(answers: &[Answer]) -> String {
    let letters = answers.iter().map(|answer| match answer {
        Answer::TranscriptChunk(_) => 't',
        Answer::LlmResponseChunk(_) => 'w',
        Answer::AudioChunk(_) => 'a',
        Answer::Event(event) => match event.r#type() {
            EventType::Listening => 'L',
            EventType::Processing => 'P',
            EventType::Speaking => 'S',
            EventType::Error => 'E',
            EventType::EndOfTurn => '.',
            EventType::EventUnspecified => '?',
        },
    });
    let mut order: Vec<char> = letters.collect();
    order.dedup();
    order.into_iter().collect()
}

/// Whether `order` is one whole server turn.
pub(crate) fn is_server_turn(order: &str) -> bool {
    let Some(spoken) = order.strip_prefix("tP").and_then(|o| o.strip_suffix('L')) else {
        return false;
    };
    let known = spoken.chars().all(|letter| "wSa".contains(letter));
    known && spoken.starts_with('w') && spoken.contains("Sa") && spoken.ends_with('a')
}

pub(crate) fn transcripts(answers: &[Answer]) -> Vec<&str> {
    let texts = answers.iter().filter_map(|answer| match answer {
        Answer::TranscriptChunk(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

pub(crate) fn audio_bytes(answers: &[Answer]) -> usize {
    let pieces = answers.iter().map(|answer| match answer {
        Answer::AudioChunk(pcm) => pcm.len(),
        _ => 0,
    });
    pieces.sum()
}
