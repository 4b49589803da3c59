//! `voicelt trace`: looks at traces, checks them, and makes new ones of them.

mod bundles;
mod check;
mod edit;
mod info;
mod plot;
mod private;
pub(super) mod recover;
mod show;
mod store;

use std::process::ExitCode;

/// Look at a trace, check it, or make a new one of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  voicelt trace info calls.vtrace
  voicelt trace check calls.vtrace
  voicelt trace cut calls.vtrace --window 30s..2m -o part.vtrace")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Info(info::Args),
    Check(check::CheckArgs),
    Recover(recover::Args),
    Seal(check::SealArgs),
    Cut(edit::CutArgs),
    Scale(edit::ScaleArgs),
    Merge(edit::MergeArgs),
    Shuffle(edit::ShuffleArgs),
    Anonymize(private::AnonymizeArgs),
    Forget(private::ForgetArgs),
    Diff(show::DiffArgs),
    Push(store::PushArgs),
    Pull(store::PullArgs),
    Export(show::ExportArgs),
}

/// Does what was asked and prints the result.
///
/// # Errors
/// [`super::exit::BadInput`] for a trace that cannot be read or is not well; otherwise a failure to write.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Info(args) => info::run(args),
        Command::Check(args) => check::check(args),
        Command::Recover(args) => recover::run(args),
        Command::Seal(args) => check::seal(args),
        Command::Cut(args) => edit::cut(args, quiet),
        Command::Scale(args) => edit::scale(args, quiet),
        Command::Merge(args) => edit::merge(args, quiet),
        Command::Shuffle(args) => edit::shuffle(args, quiet),
        Command::Anonymize(args) => private::anonymize(args, quiet),
        Command::Forget(args) => private::forget(args, quiet),
        Command::Diff(args) => show::diff(args),
        Command::Push(args) => store::push(args, quiet),
        Command::Pull(args) => store::pull(args, quiet),
        Command::Export(args) => show::export(args),
    }?;
    Ok(ExitCode::SUCCESS)
}
