//! The `voicelt` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    voicelt::cli::start(std::env::args_os())
}
