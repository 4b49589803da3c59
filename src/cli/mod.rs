//! The command line: arguments, and one flow per subcommand. The only room that prints.

mod cache;
mod choice;
pub mod compare;
pub mod completions;
pub mod config;
pub mod dialect;
pub mod doctor;
pub mod duration;
pub mod exit;
pub mod format;
pub mod gateway;
pub mod import;
mod level;
mod listing;
mod live;
mod load;
pub mod man;
mod metrics;
pub mod outputs;
pub mod prepare;
mod progress;
mod prometheus;
pub mod record;
pub mod replay;
pub mod report;
pub mod run;
pub mod runs;
mod scenario;
pub mod schema;
mod secrets;
mod settings;
mod shape;
mod share;
mod signals;
mod size;
mod span;
mod stage;
mod stamp;
pub mod stderr;
pub mod stdout;
mod summary_text;
mod tls;
pub mod trace;
pub mod witness;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Record and replay the traffic of streaming voice gateways.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say nothing on standard error but errors
    #[arg(long, global = true)]
    quiet: bool,
    /// Take settings from this file instead of voicelt.toml in this folder (or VOICELT_CONFIG)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  voicelt prepare ~/calls -o calls.vtrace --arrivals poisson:2/s --duration 2m
  voicelt doctor --target gateway:50051
  voicelt replay calls.vtrace --target gateway:50051
  voicelt run --scenario light --audio ~/calls --target gateway:50051
  voicelt report latest --html report.html
  voicelt compare runs/monday latest

`voicelt COMMAND --help` has examples of each command.

Exit codes: 0 ok, 1 our own failure, 2 usage or bad input, 3 target unreachable,
4 figures not to be trusted, 99 a requirement not met, a regression, or nothing
answered, 130 and 143 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Prepare(Box<prepare::Args>),
    Import(Box<import::Args>),
    Record(Box<record::Args>),
    Replay(Box<replay::Args>),
    Run(Box<run::Args>),
    Gateway(gateway::GatewayArgs),
    Report(report::Args),
    Compare(compare::Args),
    Runs(runs::Args),
    Trace(trace::Args),
    Witness(witness::Args),
    Schema(schema::Args),
    Doctor(doctor::Args),
    Dialect(dialect::Args),
    Config(config::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs what `args` ask for, with the settings of the environment and of `voicelt.toml`; what went
/// wrong is said.
#[must_use]
pub fn start(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<_> = args.into_iter().collect();
    let (matches, given) = match config::parse(&Cli::command(), &args) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let cli = Cli::from_arg_matches(&matches).map_err(anyhow::Error::from);
    cli.and_then(Cli::run).unwrap_or_else(|error| {
        let code = stderr::fail(&error);
        config::say_origins(&error, &given);
        code
    })
}

impl Cli {
    /// Runs the subcommand and returns its exit code.
    ///
    /// # Errors
    /// [`exit::BadInput`] for what the user can correct, otherwise our own failure.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Prepare(args) => prepare::run(*args, self.quiet),
            Command::Import(args) => import::run(&args, self.quiet),
            Command::Record(args) => record::run(&args, self.quiet),
            Command::Replay(args) => replay::run(&args, self.quiet),
            Command::Run(args) => run::run(&args, self.quiet),
            Command::Gateway(args) => gateway::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Compare(args) => compare::run(&args),
            Command::Runs(args) => runs::run(&args, self.quiet),
            Command::Trace(args) => trace::run(&args, self.quiet),
            Command::Witness(args) => witness::run(&args),
            Command::Schema(args) => schema::run(&args),
            Command::Config(args) => config::run(&args, &Cli::command(), self.config.as_deref()),
            Command::Completions(args) => completions::run(&args, Cli::command()),
            Command::Man(args) => man::run(&args, Cli::command()),
            Command::Doctor(args) => doctor::run(&args, self.quiet),
            Command::Dialect(args) => dialect::run(&args),
        }
    }
}

#[cfg(test)]
mod tests;
