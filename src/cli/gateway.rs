//! `voicelt gateway`: the reference gateway as a server of its own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::dialect::arg::{DialectArg, DialectParser};
use super::dialect::description::described;
use super::duration::DurationArg;
use super::exit::BadInput;
use super::metrics::MetricsArgs;
use super::signals::Ends;
use super::stderr::say;
use crate::dialect::described::Server;
use crate::gateway::metrics::gateway_metrics;
use crate::gateway::{
    BotSpec, Distribution, Gateway, GatewayError, GatewayReport, GatewaySpec, ModelSpec,
    RealtimeSpec, Served,
};

/// Serve the reference gateway, a target to try out traces on.
///
/// DIST is `constant:50ms`, `50ms` or `lognormal:p50=49ms,p95=63ms`. The defaults give the
/// latencies of a published run of the original gateway at 5 users.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct GatewayArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    pub listen: String,
    /// Protocol to serve: stream-audio is gRPC, realtime is OpenAI Realtime over a WebSocket, twilio is a bot of
    /// Twilio Media Streams, and a TOML file describes any other
    #[arg(long, value_name = "NAME", value_parser = DialectParser, default_value_t)]
    pub(crate) dialect: DialectArg,
    /// Speak first, once the client has set the session or the call has begun (realtime, twilio)
    #[arg(long)]
    pub greeting: bool,
    /// Share of answers that call a function first, the session's or `look_up_order`, 0 to 1 (realtime)
    #[arg(long, value_name = "SHARE")]
    pub tool_calls: Option<f64>,
    /// Send final transcripts so much later than they are known (realtime)
    #[arg(long, value_name = "DURATION")]
    pub late_transcripts: Option<DurationArg>,
    /// Share of sessions that are refused with HTTP 429, 0 to 1 (realtime, twilio)
    #[arg(long, value_name = "SHARE")]
    pub refuse: Option<f64>,
    /// Answers that can be produced at a time; the others wait in line
    #[arg(long, value_name = "N", default_value_t = GatewaySpec::default().slots)]
    pub slots: usize,
    /// Detected end of speech to final transcript
    #[arg(long, value_name = "DIST", default_value_t = ModelSpec::default().asr_final)]
    pub asr_final: Distribution,
    /// Start of the answer to the first text of the language model
    #[arg(long, value_name = "DIST", default_value_t = ModelSpec::default().llm_first_token)]
    pub llm_first_token: Distribution,
    /// Between two words of the language model, one draw for each answer
    #[arg(long, value_name = "DIST", default_value_t = ModelSpec::default().llm_token_interval)]
    pub llm_token_interval: Distribution,
    /// First text of a sentence to its first audio
    #[arg(long, value_name = "DIST", default_value_t = ModelSpec::default().tts_first_audio)]
    pub tts_first_audio: Distribution,
    /// Least synthesis time for each second of audio; a sentence is synthesised whole
    #[arg(long, value_name = "FACTOR", default_value_t = ModelSpec::default().tts_real_time_factor)]
    pub tts_rtf: f64,
    /// Silence after speech that ends an utterance
    #[arg(long, value_name = "DURATION", default_value_t = DurationArg { ns: GatewaySpec::default().endpoint_silence_ns })]
    pub endpoint_silence: DurationArg,
    /// Answer early, once in an utterance, at a pause of this length
    #[arg(long, value_name = "PAUSE")]
    pub early_endpoint: Option<DurationArg>,
    /// Share of answers that are an ERROR event instead, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub error_rate: f64,
    /// Share of turns after which an interim transcript of noise comes before the next one, 0 to 1
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    pub stray_interims: f64,
    /// Cut every stream off at this age, as a proxy does that has such a limit
    #[arg(long, value_name = "AGE")]
    pub cut_streams_after: Option<DurationArg>,
    /// What every random choice derives from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Log the arrival of each client message to this Parquet file
    #[arg(long, value_name = "FILE")]
    pub arrivals_log: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
}

const EXAMPLES: &str = "\
Examples:
  voicelt gateway --listen 127.0.0.1:50051
  voicelt gateway --slots 4 --llm-first-token lognormal:p50=200ms,p95=900ms --error-rate 0.01
  voicelt gateway --stray-interims 0.2
  voicelt gateway --cut-streams-after 15s --arrivals-log arrivals.parquet
  voicelt gateway --dialect realtime --greeting --tool-calls 0.2 --late-transcripts 300ms
  voicelt gateway --dialect proto/dialects/vosk.toml";

impl GatewayArgs {
    /// What is served.
    ///
    /// # Errors
    /// The flag that is of another protocol; a description that cannot be read or served.
    fn serves(&self) -> Result<Served, BadInput> {
        let of_websocket = "--dialect realtime or twilio";
        let of_realtime = "--dialect realtime";
        let flags = [
            ("--greeting", self.greeting, of_websocket),
            ("--refuse", self.refuse.is_some(), of_websocket),
            ("--tool-calls", self.tool_calls.is_some(), of_realtime),
            (
                "--late-transcripts",
                self.late_transcripts.is_some(),
                of_realtime,
            ),
        ];
        let refused = self.refuse.unwrap_or(0.0);
        let (served, foreign) = match &self.dialect {
            DialectArg::StreamAudio => (Served::StreamAudio, &flags[..]),
            DialectArg::File(path) => (described_server(path)?, &flags[..]),
            DialectArg::Realtime => {
                let spec = RealtimeSpec {
                    greeting: self.greeting,
                    tool_calls: self.tool_calls.unwrap_or(0.0),
                    late_transcripts_ns: self.late_transcripts.map_or(0, |late| late.ns),
                    refused,
                };
                (Served::Realtime(spec), &flags[4..])
            }
            DialectArg::Twilio => {
                let greeting = self.greeting;
                (Served::Twilio(BotSpec { greeting, refused }), &flags[2..])
            }
        };
        match foreign.iter().find(|(_, given, _)| *given) {
            None => Ok(served),
            Some((flag, _, of)) => Err(BadInput(anyhow!("{flag}: add {of}, or leave it out"))),
        }
    }

    fn spec(&self) -> Result<GatewaySpec, BadInput> {
        Ok(GatewaySpec {
            serves: self.serves()?,
            model: ModelSpec {
                asr_final: self.asr_final,
                llm_first_token: self.llm_first_token,
                llm_token_interval: self.llm_token_interval,
                tts_first_audio: self.tts_first_audio,
                tts_real_time_factor: self.tts_rtf,
            },
            slots: self.slots,
            endpoint_silence_ns: self.endpoint_silence.ns,
            early_endpoint_ns: self.early_endpoint.map(|pause| pause.ns),
            error_rate: self.error_rate,
            stray_interims: self.stray_interims,
            cut_streams_after_ns: self.cut_streams_after.map(|age| age.ns),
            seed: self.seed,
            arrivals_log: self.arrivals_log.clone(),
        })
    }
}

/// Serves until a signal ends it, lets calls end for a short while, and says the counts; a
/// second signal ends it at once.
///
/// # Errors
/// An address that cannot be listened on, and those of [`Gateway`].
pub fn run(args: &GatewayArgs) -> anyhow::Result<ExitCode> {
    let metrics = args.metrics.listen(false)?;
    let spec = args.spec()?;
    if let Served::Described(server) = &spec.serves {
        say(&words(server));
    }
    let gateway = Gateway::new(spec).map_err(|error| match error {
        GatewayError::NoSlots
        | GatewayError::ErrorRate(_)
        | GatewayError::StrayInterims(_)
        | GatewayError::Share { .. }
        | GatewayError::RealTimeFactor(_) => anyhow::Error::from(BadInput(error.into())),
        other => other.into(),
    })?;
    metrics.show(|| gateway_metrics(gateway.gauges()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the gateway's threads")?;
    let ended = runtime.block_on(listen(&args.listen, gateway))?;
    metrics.linger()?;
    Ok(ended)
}

/// The other side of what a file describes.
fn described_server(path: &Path) -> Result<Served, BadInput> {
    // A server needs no key of the service that it stands in for.
    let env = |name: &str| Some(std::env::var(name).unwrap_or_default());
    let server = Server::new(Arc::new(described(path, &env)?));
    let server = server.map_err(|why| {
        BadInput(anyhow!(
            "--dialect {}: {why}; simplify `when` of that [[reply]]",
            path.display()
        ))
    })?;
    Ok(Served::Described(Arc::new(server)))
}

/// What a server of a description can say, and what not.
fn words(server: &Server) -> String {
    let name = server.name();
    let mut words = format!("speaks {name}: {}\n", server.can_say().join(", "));
    let unsaid = server.cannot_say();
    if !unsaid.is_empty() {
        let unsaid = unsaid.join(", ");
        words.push_str(&format!(
            "never says {unsaid}: by the rules of {name}, nothing that it can make of them is understood so\n"
        ));
    }
    words
}

async fn listen(addr: &str, gateway: Gateway) -> anyhow::Result<ExitCode> {
    let bound = TcpListener::bind(addr).await;
    let listener = bound.map_err(|error| {
        BadInput(anyhow!(
            "--listen: cannot listen on {addr}: {error}; give a free address of this machine, such as 127.0.0.1:0"
        ))
    })?;
    let shutdown = CancellationToken::new();
    let mut ends = Ends::listen()?;
    // Whoever reads this may send a signal at once.
    say(&format!("listening on {}\n", listener.local_addr()?));
    let mut serving = Box::pin(gateway.serve(listener, shutdown.clone()));
    loop {
        let outcome = tokio::select! {
            report = &mut serving => {
                say_report(&report?);
                return Ok(ExitCode::SUCCESS);
            }
            outcome = ends.next() => outcome,
        };
        if shutdown.is_cancelled() {
            return Ok(outcome.into());
        }
        say("stopping: calls under way may end; once more to stop at once\n");
        shutdown.cancel();
    }
}

fn say_report(report: &GatewayReport) {
    say(&format!(
        "{} streams ({} cut off), {} answers, {} errors, {} messages received\n",
        report.streams, report.cut_off, report.answers, report.errors, report.messages
    ));
    if report.arrivals_logged + report.arrivals_lost > 0 {
        say(&format!(
            "arrivals: {} logged, {} lost\n",
            report.arrivals_logged, report.arrivals_lost
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        gateway: GatewayArgs,
    }

    fn spec(flags: &[&str]) -> Result<GatewaySpec, clap::Error> {
        let command = Command::try_parse_from([&["gateway"], flags].concat())?;
        Ok(command.gateway.spec().expect("flags that go together"))
    }

    #[test]
    fn without_flags_it_is_the_default_gateway() {
        assert_eq!(spec(&[]).expect("usable"), GatewaySpec::default());
    }

    #[test]
    fn flags_reach_the_specification() {
        let flags = [
            "--slots=2",
            "--llm-first-token=5ms",
            "--tts-first-audio=lognormal:p50=10ms,p95=20ms",
            "--endpoint-silence=0.3",
            "--early-endpoint=150ms",
            "--error-rate=0.01",
            "--stray-interims=0.5",
            "--cut-streams-after=15s",
            "--seed=7",
            "--arrivals-log=a.parquet",
        ];
        let default = GatewaySpec::default();
        let expected = GatewaySpec {
            model: ModelSpec {
                llm_first_token: Distribution::Constant(5_000_000),
                tts_first_audio: Distribution::Lognormal {
                    p50_ns: 10_000_000,
                    p95_ns: 20_000_000,
                },
                ..default.model
            },
            serves: Served::StreamAudio,
            slots: 2,
            endpoint_silence_ns: 300_000_000,
            early_endpoint_ns: Some(150_000_000),
            error_rate: 0.01,
            stray_interims: 0.5,
            cut_streams_after_ns: Some(15_000_000_000),
            seed: 7,
            arrivals_log: Some(PathBuf::from("a.parquet")),
        };
        assert_eq!(spec(&flags).expect("usable"), expected);
        assert!(spec(&["--asr-final=soon"]).is_err());
    }

    #[test]
    fn flags_of_realtime_need_it() {
        let flags = [
            "--dialect=realtime",
            "--greeting",
            "--tool-calls=0.25",
            "--late-transcripts=300ms",
            "--refuse=0.5",
        ];
        let expected = RealtimeSpec {
            greeting: true,
            tool_calls: 0.25,
            late_transcripts_ns: 300_000_000,
            refused: 0.5,
        };
        let serves = spec(&flags).expect("usable").serves;
        assert_eq!(serves, Served::Realtime(expected));
        for flag in &flags[1..] {
            let command = Command::try_parse_from(["gateway", flag]).expect("a flag");
            let said = command.gateway.spec().expect_err("refused").to_string();
            assert!(said.contains("--dialect realtime"), "{said}");
        }
    }
}
