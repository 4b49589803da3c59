//! Traces in object stores: put there, and brought back.

use std::path::{Path, PathBuf};

use super::bundles::say_made;
use super::recover::private_files;
use crate::cli::load::bundle_at;
use crate::cli::prepare::{bad, of_trace};
use crate::cli::stderr::say;
use crate::storage::Location;
use crate::trace::model::TraceSource;
use crate::trace::stored::Stored;

/// Copy a trace to an object store, or to another folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
trace.json is written last: a trace is there as a whole or not at all. What is there already is not
copied again, and another trace is not replaced. Credentials come from the environment, by the names
of each cloud's own tools (AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS,
AZURE_STORAGE_ACCOUNT_NAME, ...).

Commands that read a trace take such a URL, too, and fetch the clips that they need.

Example:
  voicelt trace push calls.vtrace s3://loads/traces/calls.vtrace")]
pub(super) struct PushArgs {
    /// Trace bundle
    trace: PathBuf,
    /// Where to: s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, file:///PATH or a folder
    #[arg(value_name = "URL")]
    to: PathBuf,
}

/// Copy a trace from an object store, and check it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace pull s3://loads/traces/calls.vtrace -o calls.vtrace")]
pub(super) struct PullArgs {
    /// Where from: s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, file:///PATH or a folder
    #[arg(value_name = "URL")]
    from: PathBuf,
    /// Trace bundle to make; an older one there is replaced
    #[arg(short, long, value_name = "OUT.vtrace")]
    output: PathBuf,
}

pub(super) fn push(args: &PushArgs, quiet: bool) -> anyhow::Result<()> {
    let bundle = bundle_at(&args.trace).map_err(of_trace)?;
    let to = location(&args.to)?;
    let files = bundle.push(&to).map_err(of_trace)?;
    if !quiet {
        say(&match files {
            0 => format!("{to}: the trace is there already\n"),
            1 => format!("{to}: 1 file copied\n"),
            files => format!("{to}: {files} files copied\n"),
        });
    }
    Ok(())
}

pub(super) fn pull(args: &PullArgs, quiet: bool) -> anyhow::Result<()> {
    let stored = Stored::find(&location(&args.from)?).map_err(of_trace)?;
    if stored.manifest().source == TraceSource::Recorded.name() {
        private_files();
    }
    let bundle = stored.pull(&args.output).map_err(of_trace)?;
    say_made(&bundle, quiet)
}

fn location(text: &Path) -> anyhow::Result<Location> {
    Location::of_path(text).map_err(bad)
}
