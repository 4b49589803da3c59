//! `voicelt witness`: what the receiver says of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{BadInput, Outcome};
use super::format::Format;
use super::outputs;
use super::report::RUNS_DIR;
use super::stdout;
use crate::report::receiver_check::{ReceiverCheck, text};
use crate::results::reader::{RunDir, resolve};

/// Compare a run with the receiver's log of arrivals: was the schedule kept there too?
///
/// The run must have been made with `--messages`, the log by `voicelt gateway --arrivals-log`.
/// Exit code 4 when messages were lost, doubled or reordered, or over 1 % of chunks arrived late.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run directory; `latest` is the newest finished one in runs/
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The receiver's log, a Parquet file
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// What to print: text, or JSON
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also write the JSON to FILE
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  voicelt witness latest arrivals.parquet
  voicelt witness runs/proof arrivals.parquet --json witness.json";

/// Prints the testimony.
///
/// # Errors
/// [`BadInput`] for a run or a log that cannot be read; otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let run = resolve(&args.run, Path::new(RUNS_DIR));
    let check = RunDir::open(&run).and_then(|run| ReceiverCheck::of(&run, &args.log));
    let check = check.map_err(|error| BadInput(error.into()))?;
    if let Some(file) = &args.json {
        outputs::write_json(file, &check)?;
    }
    let text = || text::render(&check, stdout::colour());
    args.format.print(&check, text)?;
    let outcome = match check.failures.is_empty() {
        true => Outcome::Ok,
        false => Outcome::Untrusted,
    };
    Ok(outcome.into())
}
