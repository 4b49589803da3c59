//! The arguments of `voicelt replay`, and what they ask for.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::campaign::Callers;
use crate::cli::duration::DurationArg;
use crate::cli::exit::BadInput;
use crate::cli::load::LoadArgs;
use crate::cli::shape::{factor, window};
use crate::replay::TurnTiming;
use crate::replay::plan::Shape;
use crate::units::TraceTime;

/// Replay a trace: sessions start and chunks leave at their recorded instants, whatever the
/// gateway answers.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The trace bundle
    #[arg(value_name = "TRACE")]
    pub(super) trace: PathBuf,
    /// Print what the replay will ask of this machine, and stop
    #[arg(long)]
    pub(super) plan: bool,

    #[command(flatten)]
    pub(super) shape: ShapeArgs,
    #[command(flatten)]
    pub(super) callers: CallerArgs,
    #[command(flatten)]
    pub(super) load: LoadArgs,
}

/// Which sessions come, and when.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shape")]
pub(super) struct ShapeArgs {
    /// Only sessions that start in this stretch of the trace, such as 30s..2m
    #[arg(long, value_name = "A..B", value_parser = window)]
    window: Option<(i64, i64)>,
    /// Only the first N sessions
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Let sessions start so many times as fast; speech keeps its own rate
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor)]
    speed: f64,
    /// So many times the sessions: above 1 with copies that are shifted in time, below 1 with fewer
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = factor)]
    pub(super) scale: f64,
    /// Start again at the trace's end; needs --until
    #[arg(long = "loop", requires = "until")]
    looped: bool,
    /// No session starts so long after the first, or later; those under way end
    #[arg(long, value_name = "DURATION")]
    until: Option<DurationArg>,
    /// What the shifts of --scale derive from
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Turns that start before this are left out of the headline; those that start in the trace's
    /// ramp-down always are
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub(super) warmup: DurationArg,
}

/// How callers take part.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Callers")]
pub(super) struct CallerArgs {
    /// When the later utterances of a session start: as recorded, or after the heard answer's end
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Timing::Recorded)]
    turn_timing: Timing,
    /// Callers speak into an answer that has played for so long; implies reactive timing
    #[arg(long, value_name = "AFTER")]
    barge_in: Option<DurationArg>,
    /// Let the gateway see the trace's own session ids
    #[arg(long)]
    pub(super) keep_session_ids: bool,
}

const EXAMPLES: &str = "\
Examples:
  voicelt replay traces/demo.vtrace --target embedded
  voicelt replay calls.vtrace -t https://gateway.example --header 'authorization: Bearer TOKEN'
  voicelt replay calls.vtrace -t gateway:50051 --scale 3 --seed 7 --label build=abc123
  voicelt replay calls.vtrace -t gateway:50051 --loop --until 1h --warmup 1m
  voicelt replay calls.vtrace -t gateway:50051 --require 'response.p95 < 800ms' --html run.html";

/// When the later utterances of a session start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Timing {
    /// As in the trace.
    Recorded,
    /// The think time after the heard answer's end.
    Reactive,
}

impl Args {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), BadInput> {
        let copies = self.shape.scale > 1.0 || self.shape.looped;
        if self.callers.keep_session_ids && copies {
            return Err(BadInput(anyhow!(
                "--keep-session-ids gives several sessions one id with --scale above 1 or --loop; leave one of them out"
            )));
        }
        Ok(())
    }

    /// Who calls at this scale.
    pub(super) fn callers(&self, scale: f64) -> Callers {
        let of = &self.shape;
        Callers::Trace {
            shape: Shape {
                window: of.window.map(|(from, to)| TraceTime(from)..TraceTime(to)),
                limit: of.limit,
                speed: of.speed,
                scale,
                looped: of.looped,
                until_ns: of.until.map(|until| until.ns),
                seed: of.seed,
            },
            warmup_ns: of.warmup.ns,
        }
    }

    pub(super) fn turn_timing(&self) -> TurnTiming {
        let barge_in_ns = self.callers.barge_in.map(|after| after.ns);
        match (self.callers.turn_timing, barge_in_ns) {
            (Timing::Recorded, None) => TurnTiming::Recorded,
            _ => TurnTiming::Reactive { barge_in_ns },
        }
    }
}
