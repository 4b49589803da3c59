//! `voicelt trace check` and `seal`: whether a bundle is valid, and accepting an edit by hand.

use std::path::PathBuf;

use crate::cli::load::bundle_at;
use crate::cli::prepare::{bad, of_trace};
use crate::cli::stderr::say;
use crate::cli::{stamp, stdout};
use crate::trace::journal::has_journal;
use crate::trace::retention::overdue;
use crate::trace::stream::Bundle;

/// Check the manifest, every row, the seal and the audio of every clip; exit code 2 if one is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace check calls.vtrace")]
pub(super) struct CheckArgs {
    /// Trace bundle
    trace: PathBuf,
}

/// Accept an edit of the tables: recompute the counts and the hash in trace.json
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace seal calls.vtrace")]
pub(super) struct SealArgs {
    /// Trace bundle
    trace: PathBuf,
}

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let bundle = bundle_at(&args.trace).map_err(of_trace)?;
    bundle.fetch_all().map_err(of_trace)?;
    let extent = bundle.verify().map_err(bad)?;
    if let Some(warning) = overdue(&bundle, stamp::now()) {
        say(&format!("warning: {warning}\n"));
    }
    if has_journal(&bundle.dir) {
        say(&format!(
            "warning: {0} holds journal.arrows and journal.pcm of a recording that could not be read whole; \
             put back from a copy what is damaged and run `voicelt trace recover {0}`, or remove the two\n",
            bundle.dir.display()
        ));
    }
    stdout::show(&format!(
        "{}: valid, with {} sessions and {} clips; content {}\n",
        bundle.dir.display(),
        extent.sessions,
        bundle.clips.len(),
        bundle.manifest.content_blake3
    ))
}

pub(super) fn seal(args: &SealArgs) -> anyhow::Result<()> {
    let bundle = Bundle::seal(&args.trace).map_err(bad)?;
    let (dir, content) = (bundle.dir.display(), &bundle.manifest.content_blake3);
    stdout::show(&format!("{dir}: sealed as {content}\n"))
}
