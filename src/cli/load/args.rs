//! What is said of any load on the command line: where it goes, how it is made, and what is kept.

use super::place::PlaceArgs;
use super::protocol::{Protocol, ProtocolArgs};
use super::target::TargetArgs;
use crate::cli::choice::choice;
use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::cli::level::LevelArg;
use crate::cli::live::LiveArgs;
use crate::cli::metrics::MetricsArgs;
use crate::cli::outputs::OutputArgs;
use crate::cli::prometheus::PrometheusArgs;
use crate::cli::size::SizeArg;
use crate::replay::default_workers;
use crate::report::require::Requirement;
use crate::results::settings::{Balance, PacerKind};

/// The arguments that `replay` and `run` share.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) to: TargetArgs,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    /// The protocol, once its files were read.
    #[arg(skip)]
    pub(super) resolved: Protocol,
    /// Go on though this machine will not keep up
    #[arg(long, help_heading = None)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(super) answers: AnswerArgs,
    #[command(flatten)]
    pub(super) connections: ConnectionArgs,
    #[command(flatten)]
    pub(super) schedule: ScheduleArgs,
    #[command(flatten)]
    pub(crate) campaign: CampaignArgs,
    #[command(flatten)]
    pub(super) kept: KeptArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    #[command(flatten)]
    pub(crate) metrics: MetricsArgs,
    #[command(flatten)]
    pub(crate) server: PrometheusArgs,
}

/// How answers are waited for and played.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Callers")]
pub(super) struct AnswerArgs {
    /// From the end of speech to the first audio; the call is then ended
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub(super) timeout: DurationArg,
    /// Audio that the virtual caller buffers before it plays an answer
    #[arg(long, value_name = "DURATION", default_value = "60ms")]
    pub(super) playout_buffer: DurationArg,
    /// Level above which answers are audible, of 10 ms at a time; over the noise that a server streams all the time
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "-50dBFS",
        allow_hyphen_values = true
    )]
    pub(super) audible_threshold: LevelArg,
}

/// How calls share connections.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct ConnectionArgs {
    /// Sessions that share a connection at the peak; when not given, 1 up to 64 sessions, and what
    /// 64 connections take with more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) sessions_per_connection: Option<u32>,
    /// Open a connection only when a session needs it: its set-up is then part of the first request
    #[arg(long)]
    pub(super) cold_connections: bool,
    /// Which of the addresses that a name resolves to get connections: all in turn, or the first
    /// that answers
    #[arg(long, value_name = "HOW", value_parser = choice::<Balance>(), default_value_t)]
    pub(super) balance: Balance,
    /// Look the target's name up again this often, and move connections to where it leads; 0 does so only
    /// for connections that are refused or lost
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(super) resolve_every: DurationArg,
    /// Response header that names the replica which answered
    #[arg(long, value_name = "NAME")]
    pub(super) replica_header: Option<String>,
}

/// How chunks are sent in time.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Schedule")]
pub(super) struct ScheduleArgs {
    /// Threads that send; half of the cores when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// What wakes them: the kernel's timerfd, or a timer thread that works on any system
    #[arg(long, value_name = "KIND", value_parser = choice::<PacerKind>(), default_value_t)]
    pub(super) pacer: PacerKind,
    /// Keep the processor busy for so long before an instant instead of sleeping; 0 never does
    #[arg(long, value_name = "DURATION", default_value = "5us")]
    pub(super) spin: DurationArg,
    /// Chunks that are due within so long leave together, early: less processor time, less exact
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub(super) coalesce: DurationArg,
    /// Most memory for audio that is ready to be sent
    #[arg(long, value_name = "SIZE", default_value = "256MB")]
    pub(super) clip_memory: SizeArg,
}

/// Several runs.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Campaign")]
pub(crate) struct CampaignArgs {
    /// Make runs at one load after the other, and find the highest at which this holds; repeatable,
    /// such as 'response.p95 < 800ms'
    #[arg(long, value_name = "REQUIREMENT", conflicts_with_all = ["raw_json", "csv", "junit", "require"])]
    pub(crate) find_capacity: Vec<Requirement>,
    /// Rest between two runs
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub(crate) cool_down: DurationArg,
}

/// What is said and kept of a run.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Results")]
pub(super) struct KeptArgs {
    /// Label of the run, repeatable
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
    /// Say which requests failed as they end; twice (-vv): say it of every request
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// As -vv
    #[arg(long, conflicts_with = "quiet")]
    debug: bool,
    /// Keep no transcripts and answers (the default for recorded traces)
    #[arg(long)]
    pub(super) no_text: bool,
    /// Keep a row of each message in messages.parquet
    #[arg(long)]
    pub(super) messages: bool,
    /// Exit 0 though the schedule was not kept
    #[arg(long)]
    pub(super) allow_invalid: bool,
    /// Exit 4 when the schedule was not kept with the embedded gateway too
    #[arg(long, conflicts_with = "allow_invalid")]
    pub(super) strict_verdict: bool,
}

impl LoadArgs {
    /// These arguments with `--output` as what it stands for, with outputs that can be written, and with what
    /// the protocol's files say.
    ///
    /// # Errors
    /// [`BadInput`] where what it stands for is given already, for a file that cannot be written, and for one
    /// that cannot be read.
    pub(crate) fn checked(&self) -> Result<LoadArgs, BadInput> {
        let mut checked = self.clone();
        checked.place.settle(&mut checked.outputs.json)?;
        checked.outputs.check()?;
        checked.resolved = self.protocol.resolve(&self.to)?;
        Ok(checked)
    }
}

impl ScheduleArgs {
    /// Threads that send.
    pub(super) fn workers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.map_or(default_workers(cores), usize::from)
    }
}

impl KeptArgs {
    /// How much is to be said of requests: nothing, of those that failed, or of all.
    pub(super) fn verbosity(&self) -> u8 {
        match self.debug {
            true => 2,
            false => self.verbose,
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
