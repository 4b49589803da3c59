//! The arguments of `voicelt replay`, and what they ask for.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::cli::report::Format;
use crate::cli::shape::{factor, window};
use crate::cli::size::SizeArg;
use crate::replay::TurnTiming;
use crate::replay::connections::Balance;
use crate::replay::pacer::PacerKind;
use crate::replay::plan::Shape;
use crate::units::TraceTime;

/// Replay a trace: sessions start and chunks leave at their recorded instants, whatever the
/// gateway answers.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The trace bundle
    #[arg(value_name = "TRACE")]
    pub(super) trace: PathBuf,
    /// The gateway: host:port, a URL, or `embedded` for the reference gateway in this process
    #[arg(
        short,
        long,
        value_name = "URL",
        default_value = "http://localhost:50051",
        env = "VOICELT_TARGET"
    )]
    pub(super) target: String,
    /// Run directory to make; runs/TRACE-TIME when not given
    #[arg(short, long, value_name = "RUNDIR")]
    pub(super) output: Option<PathBuf>,
    /// Print what the replay will ask of this machine, and stop
    #[arg(long)]
    pub(super) plan: bool,
    /// Replay though this machine will not keep up
    #[arg(long)]
    pub(super) force: bool,

    /// Only sessions that start in this stretch of the trace, such as 30s..2m
    #[arg(long, value_name = "A..B", value_parser = window, help_heading = "Shape")]
    pub(super) window: Option<(i64, i64)>,
    /// Only the first N sessions
    #[arg(long, value_name = "N", help_heading = "Shape")]
    pub(super) limit: Option<u64>,
    /// Let sessions start so many times as fast; speech keeps its own rate
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor, help_heading = "Shape")]
    pub(super) speed: f64,
    /// So many times the sessions: above 1 with copies that are shifted in time, below 1 with fewer
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor, help_heading = "Shape")]
    pub(super) scale: f64,
    /// Start again at the trace's end; needs --until
    #[arg(long = "loop", requires = "until", help_heading = "Shape")]
    pub(super) looped: bool,
    /// No session starts so long after the first, or later; those under way end
    #[arg(long, value_name = "DURATION", help_heading = "Shape")]
    pub(super) until: Option<DurationArg>,
    /// What the shifts of --scale derive from
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Shape")]
    pub(super) seed: u64,
    /// Turns that start before this are left out of the headline; those after the trace has run dry
    /// always are
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "0s",
        help_heading = "Shape"
    )]
    pub(super) warmup: DurationArg,

    /// When the later utterances of a session start: as recorded, or after the heard answer's end
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Timing::Recorded, help_heading = "Callers")]
    pub(super) turn_timing: Timing,
    /// Callers speak into an answer that has played for so long; implies reactive timing
    #[arg(long, value_name = "AFTER", help_heading = "Callers")]
    pub(super) barge_in: Option<DurationArg>,
    /// From the end of speech to the first audio; the call is then ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        help_heading = "Callers"
    )]
    pub(super) timeout: DurationArg,
    /// Audio that the virtual caller buffers before it plays an answer
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60ms",
        help_heading = "Callers"
    )]
    pub(super) playout_buffer: DurationArg,
    /// Let the gateway see the trace's own session ids
    #[arg(long, help_heading = "Callers")]
    pub(super) keep_session_ids: bool,

    /// Request header, repeatable; values are never written anywhere
    #[arg(long = "header", value_name = "KEY:VALUE", value_parser = header, help_heading = "Connections")]
    pub(super) headers: Vec<(String, String)>,
    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    pub(super) ca: Option<PathBuf>,
    /// Sessions that share a connection at the peak; when not given, 1 up to 64 sessions, and what
    /// 64 connections take with more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Connections")]
    pub(super) sessions_per_connection: Option<u32>,
    /// Open a connection only when a session needs it: its set-up is then part of the first request
    #[arg(long, help_heading = "Connections")]
    pub(super) cold_connections: bool,
    /// Which of the addresses that a name resolves to get connections: all in turn, or the first
    /// that answers
    #[arg(long, value_name = "HOW", default_value_t = Balance::default(), help_heading = "Connections")]
    pub(super) balance: Balance,
    /// Response header that names the replica which answered
    #[arg(long, value_name = "NAME", help_heading = "Connections")]
    pub(super) replica_header: Option<String>,

    /// Threads that send; half of the cores when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Schedule")]
    pub(super) workers: Option<u16>,
    /// What wakes them: the kernel's timerfd, or a timer thread that works on any system
    #[arg(long, value_name = "KIND", default_value_t = PacerKind::default(), help_heading = "Schedule")]
    pub(super) pacer: PacerKind,
    /// Keep the processor busy for so long before an instant instead of sleeping; 0 never does
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5us",
        help_heading = "Schedule"
    )]
    pub(super) spin: DurationArg,
    /// Chunks that are due within so long leave together, early: less processor time, less exact
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "0s",
        help_heading = "Schedule"
    )]
    pub(super) coalesce: DurationArg,
    /// Most memory for audio that is ready to be sent
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "256MB",
        help_heading = "Schedule"
    )]
    pub(super) clip_memory: SizeArg,

    /// Label of the run, repeatable
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label, help_heading = "Results")]
    pub(super) labels: Vec<(String, String)>,
    /// Keep no transcripts and answers (the default for recorded traces)
    #[arg(long, help_heading = "Results")]
    pub(super) no_text: bool,
    /// Keep a row of each message in messages.parquet
    #[arg(long, help_heading = "Results")]
    pub(super) messages: bool,
    /// Exit 0 though the schedule was not kept
    #[arg(long, help_heading = "Results")]
    pub(super) allow_invalid: bool,
    /// Exit 4 when the schedule was not kept with the embedded gateway too
    #[arg(long, conflicts_with = "allow_invalid", help_heading = "Results")]
    pub(super) strict_verdict: bool,
    /// What to print: text, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Results")]
    pub(super) format: Format,
    /// Also write the JSON to FILE
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(super) json: Option<PathBuf>,
}

/// When the later utterances of a session start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Timing {
    /// As in the trace.
    Recorded,
    /// The think time after the heard answer's end.
    Reactive,
}

impl Args {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), BadInput> {
        if self.keep_session_ids && (self.scale > 1.0 || self.looped) {
            return Err(BadInput(anyhow!(
                "--keep-session-ids gives several sessions one id with --scale above 1 or --loop; leave one of them out"
            )));
        }
        Ok(())
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            window: self.window.map(|(from, to)| TraceTime(from)..TraceTime(to)),
            limit: self.limit,
            speed: self.speed,
            scale: self.scale,
            looped: self.looped,
            until_ns: self.until.map(|until| until.ns),
            seed: self.seed,
        }
    }

    pub(super) fn turn_timing(&self) -> TurnTiming {
        let barge_in_ns = self.barge_in.map(|after| after.ns);
        match (self.turn_timing, barge_in_ns) {
            (Timing::Recorded, None) => TurnTiming::Recorded,
            _ => TurnTiming::Reactive { barge_in_ns },
        }
    }

    pub(super) fn workers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.map_or(cores.div_ceil(2), usize::from)
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is KEY:VALUE")?;
    let name = http::HeaderName::from_bytes(name.trim().to_lowercase().as_bytes())
        .map_err(|_| format!("`{}` is no header name", name.trim()))?;
    let value = value.trim();
    http::HeaderValue::from_str(value)
        .map_err(|_| format!("the value of `{name}` is no header value"))?;
    Ok((name.to_string(), value.to_owned()))
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
