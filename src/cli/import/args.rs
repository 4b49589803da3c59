//! The arguments of `voicelt import`, and what they ask for.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::audio::import::ImportSpec;
use crate::cli::choice::{choice, microphone};
use crate::cli::duration::DurationArg;
use crate::cli::prepare::bad;
use crate::cli::shape::{factor, window};
use crate::trace::import::clip_assignment::ClipAssignmentSpec;
use crate::trace::import::library::WORDS_PER_SECOND;
use crate::trace::import::shape::Shape;
use crate::trace::import::{LogFormat, LogSpec, MapSpec, Unit, Zone};
use crate::trace::layout::CallSpec;
use crate::trace::model::Microphone;
use crate::trace::pace::Pace;

/// Make a trace of another system's log: its arrivals, with audio from a library.
///
/// Each row of the log is a call that starts at its instant; rows of one session are the turns of
/// one call. How long is spoken follows from the row's duration, or from its tokens: a token is
/// 0.75 words, and --words-per-second of them are spoken. The clip whose speech is nearest to that
/// is taken, or one that is within a tenth of its length as near, so that all are used evenly.
/// Clips are never cut or stretched; how well they fit is said at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Audio to speak: a file or folder, converted as by `prepare`, or a trace bundle
    #[arg(long, value_name = "DIR|TRACE")]
    audio: PathBuf,
    /// Trace bundle to make; an older one there is replaced
    #[arg(short, long, value_name = "OUT.vtrace")]
    pub(super) output: PathBuf,

    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    calls: CallArgs,
}

/// How the log is read.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
struct LogArgs {
    /// What the log is
    #[arg(long, value_name = "FORMAT", required_unless_present = "map",
          value_parser = choice::<LogFormat>())]
    format: Option<LogFormat>,
    /// Columns of any CSV, JSON lines or Parquet: start=COL, and of unit=s|ms|us|ns, session=COL,
    /// duration=COL, duration-unit=UNIT, tokens=COL, clip=COL what there is, with commas between. A
    /// clip is named by its source file, with or without folder and extension, or by its id
    #[arg(long, value_name = "KEY=COL,...")]
    map: Option<MapSpec>,
    /// Unit of timestamps that are plain numbers: s, ms, us or ns [default: that of the format, or
    /// told by their size]
    #[arg(long, value_name = "UNIT", value_parser = choice::<Unit>())]
    unit: Option<Unit>,
    /// Time zone of dates that name none, such as Europe/Berlin or +02:00 [default: UTC]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    zone: Option<Zone>,
    /// Envoy: only requests whose path begins so
    #[arg(long, value_name = "PREFIX")]
    path: Option<String>,
    /// Envoy: only requests of this gRPC status, or response code where there is none [default:
    /// all, as those that failed were offered too]
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Asterisk: only calls of this disposition [default: ANSWERED]
    #[arg(long, value_name = "DISPOSITION")]
    disposition: Option<String>,
    /// Fail on the first row that cannot be read, instead of skipping it
    #[arg(long)]
    strict: bool,
    /// Words spoken in a second, for logs that count tokens
    #[arg(long, value_name = "N", default_value_t = WORDS_PER_SECOND, value_parser = words)]
    words_per_second: f64,
}

/// What becomes of its arrivals.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shape")]
struct ShapeArgs {
    /// Only calls that start in this stretch since the first arrival, such as 30s..2m
    #[arg(long, value_name = "A..B", value_parser = window)]
    window: Option<(i64, i64)>,
    /// Cut longer gaps between the starts of calls to this
    #[arg(long, value_name = "DURATION")]
    max_idle: Option<DurationArg>,
    /// Let calls start so many times as fast; pauses inside calls stay
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor)]
    speed: f64,
    /// Start each call later by a random part of this: for logs of whole seconds, whose calls would
    /// all send at the same instants
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    spread: DurationArg,
    /// Only the first N calls
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Rows of a session that are further apart are calls of their own
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    session_gap: DurationArg,
}

/// How calls are made of them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Calls")]
struct CallArgs {
    /// Whether silence is sent between utterances (open) or nothing [default: push-to-talk for one
    /// turn, else open]
    #[arg(long, value_parser = microphone())]
    microphone: Option<Microphone>,
    /// Time that an answer is given, from the end of speech; what is left until the next row of the
    /// session is think time
    #[arg(long, value_name = "DURATION", default_value = "4s")]
    answer_time: DurationArg,
    /// Push-to-talk: silence sent after each utterance
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    hang: DurationArg,
    /// Audio in one message
    #[arg(long, value_name = "DURATION", default_value = "20ms")]
    chunk: DurationArg,
    /// Language that callers announce, BCP 47
    #[arg(long, value_name = "CODE", default_value = "en-US")]
    language: String,
    /// What every random choice derives from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  voicelt import access.log --format envoy --path /voice_workflow. --audio ~/calls -o a.vtrace
  voicelt import Master.csv --format cdr --zone Europe/Berlin --audio calls.vtrace -o a.vtrace
  voicelt import AzureLLMInferenceTrace_conv.csv --format azure --audio calls.vtrace -o a.vtrace
  voicelt import calls.parquet --map start=began,session=call_id,duration=secs,duration-unit=s \\
      --audio calls.vtrace -o a.vtrace --window 1h..2h --speed 4";

impl Args {
    /// What is asked for, with defaults where nothing is set.
    ///
    /// # Errors
    /// Flags of another format than the log's, and calls that are not possible.
    pub(super) fn spec(&self) -> anyhow::Result<ImportSpec> {
        let log = self.log.spec()?;
        let call = self.calls.spec();
        call.check().map_err(bad)?;
        Ok(ImportSpec {
            file: self.file.clone(),
            audio: self.audio.clone(),
            log,
            shape: self.shape.spec(),
            assignment: ClipAssignmentSpec {
                call,
                words_per_second: self.log.words_per_second,
            },
            seed: self.calls.seed,
        })
    }
}

impl LogArgs {
    fn spec(&self) -> anyhow::Result<LogSpec> {
        let format = self.format.unwrap_or(LogFormat::Map);
        let of_others = [
            ("--map", LogFormat::Map, self.map.is_some()),
            ("--path", LogFormat::Envoy, self.path.is_some()),
            ("--status", LogFormat::Envoy, self.status.is_some()),
            ("--disposition", LogFormat::Cdr, self.disposition.is_some()),
        ];
        for (flag, its_format, set) in of_others {
            if set && its_format != format {
                return Err(bad(anyhow!(
                    "{flag} is for --format {its_format}, not for {format}"
                )));
            }
        }
        Ok(LogSpec {
            map: self.map.clone().unwrap_or_default(),
            unit: self.unit,
            zone: self.zone.clone(),
            path: self.path.clone(),
            status: self.status.clone(),
            format,
            disposition: self.disposition.clone(),
            strict: self.strict,
        })
    }
}

impl ShapeArgs {
    fn spec(&self) -> Shape {
        Shape {
            session_gap_ns: self.session_gap.ns,
            window: self.window.map(|(from, to)| from..to),
            max_idle_ns: self.max_idle.map(|gap| gap.ns),
            speed: self.speed,
            spread_ns: self.spread.ns,
            limit: self.limit,
        }
    }
}

impl CallArgs {
    fn spec(&self) -> CallSpec {
        CallSpec {
            microphone: self.microphone,
            answer_time_ns: self.answer_time.ns,
            hang_ns: self.hang.ns,
            chunk_ns: self.chunk.ns,
            pace: Pace::RealTime,
            language_code: self.language.clone(),
        }
    }
}

fn words(text: &str) -> Result<f64, String> {
    let words = text.parse().ok().filter(|n| (0.1..=20.0).contains(n));
    words.ok_or_else(|| "people speak from 0.1 to 20 words a second".to_owned())
}
