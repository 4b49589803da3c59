//! What `voicelt doctor` is told.

use std::path::PathBuf;

use crate::cli::duration::DurationArg;
use crate::cli::format::Format;
use crate::cli::load::{ProtocolArgs, TargetArgs};
use crate::trace::layout::CallSpec;

/// Look whether a load can be made: at the gateway and the way to it, and at this machine.
///
/// The gateway is called once, with a few seconds of speech, as `replay` would call it. On a WebSocket a session is
/// begun and given up before that, to see what the server says.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    pub(super) to: TargetArgs,
    #[command(flatten)]
    pub(super) protocol: ProtocolArgs,
    /// Say this file in the call, instead of synthetic, speech-like audio
    #[arg(long, value_name = "FILE", help_heading = "Call")]
    pub(super) audio: Option<PathBuf>,
    /// Language of the call
    #[arg(long, value_name = "CODE", default_value_t = CallSpec::default().language_code, help_heading = "Call")]
    pub(super) language: String,
    /// From the end of speech to the answer; the call is then ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        help_heading = "Call"
    )]
    pub(super) timeout: DurationArg,
    /// How the checks are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

const EXAMPLES: &str = "\
Examples:
  voicelt doctor --target gateway:50051
  voicelt doctor --target https://gateway.example --ca authority.pem --audio hello.wav
  voicelt doctor --target embedded --format json
  voicelt doctor --target 'wss://api.example/v1/realtime?model=voice-1' --dialect realtime --header 'authorization: Bearer {env:API_KEY}'
  voicelt doctor --target embedded --dialect realtime --profile transcription

Exit codes: 0 nothing failed, 2 bad input, 3 the gateway cannot be reached, 99 a check failed.";
