//! The arguments of `voicelt run`.

use std::path::PathBuf;

use super::behaviour::{SpeechArgs, UserArgs};
use super::test_audio::TestAudioArgs;
use crate::cli::load::LoadArgs;

/// Let virtual users call a gateway in a closed loop: each waits for the answer, thinks, and makes
/// the next request.
///
/// A request is a new stream of one utterance, unless --turns-per-session says otherwise. Durations
/// are written as 250ms or 1m30s; a bare number is seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// baseline, light, medium, heavy, spike, endurance, or a recipe of your own (FILE.toml), whose
    /// keys are the long names here, and `[[stages]]`; flags overrule it
    #[arg(short, long, value_name = "NAME|FILE")]
    pub(super) scenario: Option<String>,
    /// What the run is for, in a few words; said as it begins
    #[arg(long, value_name = "TEXT")]
    pub(super) purpose: Option<String>,
    #[command(flatten)]
    pub(super) users: UserArgs,
    #[command(flatten)]
    pub(super) speech: SpeechArgs,
    #[command(flatten)]
    pub(super) test_audio: TestAudioArgs,

    /// Make the run so many times and report how far they lie apart
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100), conflicts_with = "find_capacity", help_heading = "Campaign")]
    pub(super) repeat: u32,

    /// Write what the users did as a trace, which replays it in an open loop
    #[arg(
        long,
        value_name = "OUT.vtrace",
        conflicts_with = "find_capacity",
        help_heading = "Results"
    )]
    pub(super) emit_trace: Option<PathBuf>,
    #[command(flatten)]
    pub(super) load: LoadArgs,
}

const EXAMPLES: &str = "\
Examples:
  voicelt run --scenario light --audio ~/calls --target gateway:50051
  voicelt run -u 10 -d 2m --ramp-up 20s --think-time 1s..3s -a calls.vtrace -t embedded
  voicelt run -u 10 -d 60s -a calls.vtrace --find-capacity 'response.p95 < 800ms'
  voicelt run -s my-day.toml -a calls.vtrace --repeat 3 --cool-down 90s";
