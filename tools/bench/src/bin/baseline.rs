//! Two senders that voicelt was measured against while it was designed, kept to be measured again:
//! `tokio-timer` gives each session a timer of the runtime, `tonic-channel` has our pacer hand
//! chunks to tonic's client through a channel.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::Request;
use tokio::task::{JoinSet, LocalSet};
use voicelt::clock::{Clock, RunClock, epoch_now};
use voicelt::dialect::Dialect;
use voicelt::dialect::grpc::frame;
use voicelt::dialect::stream_audio::PATH;
use voicelt::dialect::voice_workflow::client_message::Content;
use voicelt::dialect::voice_workflow::voice_gateway_client::VoiceGatewayClient;
use voicelt::dialect::voice_workflow::{ClientMessage, VoiceConfig};
use voicelt::replay::pacer::Pacer;
use voicelt::results::settings::PacerKind;
use voicelt::transport::channel::{Connector, Endpoint, TlsOptions};
use voicelt::units::{NS_PER_MS, NS_PER_S, RunTime};

/// Most connections, as many as voicelt opens by itself.
const CONNECTIONS: usize = 64;
const CHUNK_BYTES: usize = 640;
const CHUNK_NS: i64 = 20 * NS_PER_MS;
/// From the start of the program to the first session.
const LEAD_NS: i64 = NS_PER_S;

struct Load {
    target: Endpoint,
    sessions: usize,
    chunks: i64,
    clock: RunClock,
    lag: RefCell<Histogram<u64>>,
}

impl Load {
    fn name(number: usize) -> String {
        format!("baseline-{number}")
    }

    /// Sessions start evenly spread over a second, and over the chunk as well.
    fn start(&self, number: usize) -> RunTime {
        let phase_ns = (number as f64 * 0.618_034).fract() * CHUNK_NS as f64;
        RunTime(LEAD_NS + number as i64 * NS_PER_S / self.sessions as i64 + phase_ns as i64)
    }

    fn due(&self, number: usize, chunk: i64) -> RunTime {
        RunTime(self.start(number).0 + (chunk + 1) * CHUNK_NS)
    }

    fn sent(&self, due: RunTime) {
        let lag_ns = self.clock.now().0 - due.0;
        let lag_ns = u64::try_from(lag_ns).unwrap_or(0);
        self.lag.borrow_mut().saturating_record(lag_ns);
    }

    fn config(number: usize) -> VoiceConfig {
        VoiceConfig {
            language_code: "en-US".to_owned(),
            session_id: Load::name(number),
            sample_rate: 16_000,
        }
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, target, sessions, seconds, plan] = args.as_slice() else {
        bail!("usage: baseline tokio-timer|tonic-channel TARGET SESSIONS SECONDS PLAN");
    };
    let epoch = epoch_now();
    let load = Rc::new(Load {
        target: target.parse()?,
        sessions: sessions.parse()?,
        chunks: seconds.parse::<i64>()? * 50,
        clock: RunClock::new(&epoch),
        lag: RefCell::new(Histogram::new_with_bounds(1, 3_600_000_000_000, 3)?),
    });
    let mut text = String::new();
    for number in 0..load.sessions {
        let start_ns = load.clock.monotonic_of(load.start(number));
        writeln!(text, "{},{start_ns}", Load::name(number))?;
    }
    std::fs::write(plan, text)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        match kind.as_str() {
            "tokio-timer" => tokio_timer(&load).await,
            "tonic-channel" => tonic_channel(&load).await,
            kind => bail!("`{kind}` is no baseline"),
        }
    })?;
    report(&load.lag.borrow());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the program's output")]
fn report(lag: &Histogram<u64>) {
    let at = |q| lag.value_at_quantile(q);
    let found = serde_json::json!({
        "p50_ns": at(0.5), "p99_ns": at(0.99), "p999_ns": at(0.999), "max_ns": lag.max(),
    });
    println!("{found}");
}

/// Each session is a task that sleeps on a timer of the runtime, on an absolute schedule.
async fn tokio_timer(load: &Rc<Load>) -> Result<()> {
    let connector = Connector::new(load.target.clone(), &TlsOptions::default())?;
    let mut connections = Vec::new();
    for _ in 0..load.sessions.min(CONNECTIONS) {
        let channel = connector.connect(0).await?;
        tokio::task::spawn_local(channel.driver);
        connections.push(channel.streams);
    }
    let audio =
        Dialect::StreamAudio.frame_audio(&vec![0; CHUNK_BYTES], std::iter::once(CHUNK_BYTES));
    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's own timers are what is measured"
    )]
    let zero = tokio::time::Instant::now();
    let zero_ns = load.clock.now().0;
    let sleep_until = move |at: RunTime| {
        let after = u64::try_from(at.0 - zero_ns).unwrap_or(0);
        tokio::time::sleep_until(zero + Duration::from_nanos(after))
    };
    let mut tasks = JoinSet::new();
    for number in 0..load.sessions {
        let load = load.clone();
        let streams = connections[number % connections.len()].clone();
        let chunk = audio.chunk(0).0;
        tasks.spawn_local(async move {
            sleep_until(load.start(number)).await;
            let request = Request::post(format!("{}{PATH}", load.target))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())?;
            let mut streams = streams.ready().await?;
            let (response, mut send) = streams.send_request(request, false)?;
            send.send_data(
                frame(&ClientMessage {
                    content: Some(Content::Config(Load::config(number))),
                }),
                false,
            )?;
            for k in 0..load.chunks {
                let due = load.due(number, k);
                sleep_until(due).await;
                send.reserve_capacity(chunk.len());
                while send.capacity() < chunk.len() {
                    let room = std::future::poll_fn(|context| send.poll_capacity(context)).await;
                    room.context("the stream is gone")??;
                }
                send.send_data(chunk.clone(), false)?;
                load.sent(due);
            }
            send.send_data(Bytes::new(), true)?;
            let mut body = response.await?.into_body();
            while let Some(data) = body.data().await {
                body.flow_control().release_capacity(data?.len())?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// One pacer for all sessions; what is due is put into the channel that tonic's client reads.
async fn tonic_channel(load: &Rc<Load>) -> Result<()> {
    let mut connections = Vec::new();
    for _ in 0..load.sessions.min(CONNECTIONS) {
        let endpoint = tonic::transport::Endpoint::from_shared(load.target.to_string())?;
        connections.push(endpoint.tcp_nodelay(true).connect().await?);
    }
    let pacer = Pacer::new(PacerKind::default(), load.clock.clone(), 0)?;
    let mut senders = Vec::new();
    let mut tasks = JoinSet::new();
    let mut due = BinaryHeap::new();
    for number in 0..load.sessions {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let mut client = VoiceGatewayClient::new(connections[number % connections.len()].clone());
        let messages = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
        tasks.spawn_local(async move {
            let mut replies = client.stream_audio(messages).await?.into_inner();
            while replies.message().await?.is_some() {}
            anyhow::Ok(())
        });
        senders.push(Some(sender));
        due.push(Reverse((load.start(number), number, -1)));
    }
    let message = |content| ClientMessage {
        content: Some(content),
    };
    let audio = Bytes::from(vec![0; CHUNK_BYTES]);
    while let Some(Reverse((at, number, chunk))) = due.pop() {
        pacer.until(at).await?;
        let Some(sender) = &senders[number] else {
            continue;
        };
        let content = match chunk {
            -1 => Content::Config(Load::config(number)),
            _ => Content::AudioChunk(audio.clone()),
        };
        sender.send(message(content))?;
        if chunk >= 0 {
            load.sent(at);
        }
        if chunk + 1 == load.chunks {
            senders[number] = None;
        } else {
            due.push(Reverse((load.due(number, chunk + 1), number, chunk + 1)));
        }
        // What is due already goes out together with this; before a pause the tasks must run.
        let pauses = due
            .peek()
            .is_some_and(|Reverse((at, ..))| *at > load.clock.now());
        if pauses || due.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}
