//! The `voicelt` command: parses, runs, and turns an error into a sentence and an exit code.

use std::process::ExitCode;

use clap::Parser;
use voicelt::cli::{Cli, stderr};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => stderr::fail(&error),
    }
}
