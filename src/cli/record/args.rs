//! The arguments of `voicelt record`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;

use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::cli::level::LevelArg;
use crate::cli::live::LiveArgs;
use crate::cli::metrics::MetricsArgs;
use crate::cli::share::share;
use crate::cli::size::SizeArg;
use crate::cli::stamp::TOOL;
use crate::cli::tls::TlsArgs;
use crate::conversation::audible::Threshold;
use crate::conversation::sound::ANSWER_GAP_NS;
use crate::dialect::Recordable;
use crate::dialect::realtime::{Realtime, RealtimeSpec};
use crate::record::admit::{Admission, HeaderValue, KeptName};
use crate::record::{Identity, Keep, ProxySpec, SinkSpec};
use crate::transport::endpoint::{Carrier, Endpoint};

/// What calls are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RecordedDialect {
    #[default]
    StreamAudio,
    Realtime,
    Twilio,
}

impl RecordedDialect {
    /// What carries its calls.
    fn carrier(self) -> Carrier {
        match self {
            RecordedDialect::StreamAudio => Carrier::Http2,
            RecordedDialect::Realtime | RecordedDialect::Twilio => Carrier::WebSocket,
        }
    }
}

/// Record live calls into a trace, as a transparent proxy before the gateway.
///
/// Callers connect to `--listen` instead of the gateway; every call is carried across byte for byte,
/// whatever its method. Calls of StreamAudio, or with `--dialect realtime` or `twilio` all WebSockets, are recorded
/// as far as `--keep` or `--timing-only` allows. Ctrl-C or SIGTERM finishes the trace; after a crash `voicelt trace recover` does.
///
/// Recording people may need their consent: see the README first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address to listen on for callers; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: String,
    /// The gateway: host:port, or a URL of http, https, ws or wss without a path
    #[arg(long, value_name = "URL")]
    pub(super) upstream: Endpoint,
    /// What calls are: stream-audio is gRPC, realtime is OpenAI Realtime over a WebSocket, twilio is Media Streams of
    /// Twilio to a bot
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub(super) dialect: RecordedDialect,
    /// Where to put the trace; with --rotate its name gets a number
    #[arg(short, long, value_name = "OUT.vtrace")]
    pub(super) output: PathBuf,

    #[command(flatten)]
    sound: SoundArgs,
    #[command(flatten)]
    pub(super) privacy: PrivacyArgs,
    #[command(flatten)]
    amount: AmountArgs,
    #[command(flatten)]
    connections: ConnectionArgs,
    #[command(flatten)]
    pub(super) live: LiveArgs,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
}

/// What tells answers where only their sound does.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Answers")]
struct SoundArgs {
    /// twilio: level above which answers are audible, of 10 ms at a time; over the noise that a bot streams all the time
    /// [default: -50dBFS]
    #[arg(long, value_name = "LEVEL", allow_hyphen_values = true)]
    audible_threshold: Option<LevelArg>,
    /// twilio: how long after its last sound an answer has ended [default: 1500ms]
    #[arg(long, value_name = "DURATION")]
    answer_gap: Option<DurationArg>,
}

/// What is kept, and of whom.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Privacy")]
pub(super) struct PrivacyArgs {
    /// What to keep of the calls besides lengths and times: audio, text, or audio,text
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    keep: Vec<Kept>,
    /// Keep lengths and times alone; a replay then sends speech-like audio of the same lengths
    #[arg(long, conflicts_with = "keep")]
    timing_only: bool,
    /// Record only calls that carry this metadata; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    consent_header: Vec<HeaderValue>,
    /// Never record calls that carry this metadata; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    drop_header: Vec<HeaderValue>,
    /// Keep this metadata with each call; all other is never stored; may be repeated
    #[arg(long, value_name = "NAME")]
    keep_header: Vec<KeptName>,
    /// Write into the trace that it must be deleted after this time, such as 30d
    #[arg(long, value_name = "DURATION")]
    retain: Option<DurationArg>,
}

/// How much is recorded.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Amount")]
struct AmountArgs {
    /// Record this share of the calls, chosen at random
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = share)]
    sample: f64,
    /// Record no call after so many
    #[arg(long, value_name = "N")]
    max_sessions: Option<u64>,
    /// Record no further call once the recording takes so much room, such as 10GB
    #[arg(long, value_name = "SIZE")]
    max_size: Option<SizeArg>,
    /// Begin a new trace after this time, such as 10m; calls stay whole in the one they began in
    #[arg(long, value_name = "DURATION")]
    rotate: Option<DurationArg>,
}

/// How callers connect, and the recorder to the gateway.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connections")]
struct ConnectionArgs {
    /// Certificate chain to show to callers, a PEM file; they then speak TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of that certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Ask callers for a certificate that one of these signed, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
    /// realtime, twilio: let callers agree on extensions such as permessage-deflate, which are taken out of their
    /// offers otherwise; of calls that use one, only start and end are recorded
    #[arg(long)]
    pass_extensions: bool,
    /// Threads that carry calls [default: one for each core]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  voicelt record --listen 0.0.0.0:50050 --upstream gateway:50051 -o monday.vtrace --timing-only
  voicelt record --listen 0.0.0.0:50050 --upstream https://gateway.internal -o calls.vtrace \\
      --keep audio,text --consent-header x-recording-consent=yes --retain 30d --rotate 10m
  voicelt record --listen 0.0.0.0:8443 --upstream wss://realtime.internal -o calls.vtrace \\
      --dialect realtime --tls-cert cert.pem --tls-key key.pem --timing-only
  voicelt record --listen 0.0.0.0:8443 --upstream wss://bot.internal -o calls.vtrace \
      --dialect twilio --tls-cert cert.pem --tls-key key.pem --keep audio";

/// What may be kept of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kept {
    /// What callers say, as audio.
    Audio,
    /// What callers and the gateway say, as text, and the callers' names of their sessions.
    Text,
}

impl PrivacyArgs {
    /// What is kept.
    ///
    /// # Errors
    /// [`BadInput`] when the user has not said what.
    pub(super) fn keep(&self) -> Result<Keep, BadInput> {
        if self.keep.is_empty() && !self.timing_only {
            return Err(BadInput(anyhow!(
                "say what may be kept of the calls:\n  \
                 --keep audio        what callers say, as audio\n  \
                 --keep text         transcripts, answers and texts, and the callers' session ids\n  \
                 --keep audio,text   both\n  \
                 --timing-only       lengths and times alone; a replay sends speech-like audio instead\n\
                 Recording what people say may need their consent; timing alone does not hold it."
            )));
        }
        Ok(Keep {
            audio: self.keep.contains(&Kept::Audio),
            text: self.keep.contains(&Kept::Text),
        })
    }
}

impl Args {
    /// What calls are.
    ///
    /// # Errors
    /// [`BadInput`]: a flag of another dialect.
    pub(super) fn dialect(&self) -> Result<Recordable, BadInput> {
        let SoundArgs {
            audible_threshold,
            answer_gap,
        } = self.sound;
        if self.dialect != RecordedDialect::Twilio {
            for (flag, is_given) in [
                ("--audible-threshold", audible_threshold.is_some()),
                ("--answer-gap", answer_gap.is_some()),
            ] {
                if is_given {
                    return Err(BadInput(anyhow!(
                        "{flag} is of --dialect twilio, in which only sound tells answers; leave it out"
                    )));
                }
            }
        }
        match self.dialect {
            RecordedDialect::StreamAudio if self.connections.pass_extensions => {
                Err(BadInput(anyhow!(
                    "--pass-extensions is of --dialect realtime and twilio, and the dialect is stream-audio"
                )))
            }
            RecordedDialect::StreamAudio => Ok(Recordable::StreamAudio),
            RecordedDialect::Realtime => {
                let realtime = Realtime::new(RealtimeSpec::default());
                let realtime = realtime.map_err(|error| BadInput(anyhow!(error)))?;
                Ok(Recordable::Realtime(Arc::new(realtime)))
            }
            RecordedDialect::Twilio => Ok(Recordable::Twilio {
                audible: audible_threshold
                    .map_or_else(Threshold::default, |level| Threshold { dbfs: level.dbfs }),
                answer_gap_ns: answer_gap.map_or(ANSWER_GAP_NS, |gap| gap.ns),
            }),
        }
    }

    /// Where calls go on to, and over what.
    fn gateway(&self) -> Result<Endpoint, BadInput> {
        let upstream = self.upstream.clone();
        let carrier = self.dialect.carrier();
        if carrier == Carrier::WebSocket && upstream.path_and_query() != "/" {
            return Err(BadInput(anyhow!(
                "--upstream: `{upstream}` has a path, and calls go to the one that callers ask for; leave it out"
            )));
        }
        let carried = upstream.carried_by(carrier);
        carried.map_err(|error| BadInput(anyhow!("--upstream: {error}")))
    }

    pub(super) fn sink(&self, dialect: Recordable, keep: Keep) -> SinkSpec {
        let (privacy, amount) = (&self.privacy, &self.amount);
        SinkSpec {
            place: self.output.clone(),
            dialect,
            admission: Admission {
                consent: privacy.consent_header.clone(),
                refuse: privacy.drop_header.clone(),
                sample: amount.sample,
                keep_headers: privacy.keep_header.clone(),
            },
            keep,
            rotate_ns: amount.rotate.map(|time| time.ns),
            most_sessions: amount.max_sessions,
            most_bytes: amount.max_size.map(|size| size.bytes as u64),
            retain_ns: privacy.retain.map(|time| time.ns),
            tool: TOOL.to_owned(),
        }
    }

    /// Where callers come from and go to.
    ///
    /// # Errors
    /// [`BadInput`]: an upstream that the dialect cannot have.
    pub(super) fn proxy(&self) -> Result<ProxySpec, BadInput> {
        let connections = &self.connections;
        let identity = connections
            .tls_cert
            .clone()
            .zip(connections.tls_key.clone());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(ProxySpec {
            listen: self.listen.clone(),
            identity: identity.map(|(certificate, key)| Identity {
                certificate,
                key,
                client_ca: connections.client_ca.clone(),
            }),
            upstream: self.gateway()?,
            pass_extensions: connections.pass_extensions,
            tls: connections.tls.options(),
            workers: connections.workers.unwrap_or(cores),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(flags: &[&str]) -> Result<Args, clap::Error> {
        let needed = [
            "record",
            "--listen=127.0.0.1:0",
            "--upstream=gw:1",
            "-o",
            "a.vtrace",
        ];
        Command::try_parse_from([&needed, flags].concat()).map(|command| command.args)
    }

    #[test]
    fn what_is_kept_must_be_said() {
        let refused = parse(&[]).unwrap().privacy.keep().unwrap_err().to_string();
        assert!(refused.contains("--timing-only") && refused.contains("--keep audio,text"));
        let keep = |flag| parse(&[flag]).unwrap().privacy.keep().unwrap();
        let of = |audio, text| Keep { audio, text };
        assert_eq!(keep("--timing-only"), of(false, false));
        assert_eq!(keep("--keep=audio"), of(true, false));
        assert_eq!(keep("--keep=audio,text"), of(true, true));
        assert!(parse(&["--keep=audio", "--timing-only"]).is_err());
    }

    #[test]
    fn secrets_cannot_be_kept_and_shares_are_percent() {
        assert!(parse(&["--keep-header=authorization"]).is_err());
        assert!(parse(&["--tls-cert=a.pem"]).is_err());
        let sample = |flag| parse(&[flag]).map(|args| args.amount.sample);
        assert_eq!(sample("--sample=1%").unwrap(), 0.01);
        assert!(sample("--sample=0.5").is_err() && sample("--sample=101%").is_err());
    }
}
