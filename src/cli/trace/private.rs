//! `voicelt trace anonymize` and `forget`: what must not be known any more.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::errors::of_edit;
use super::output::{OutputArg, keep_private, output, say_made};
use crate::cli::prepare::of_trace;
use crate::cli::stderr::say;
use crate::trace::edit::{Left, anonymize, forget};
use crate::trace::stream::Bundle;
use crate::units::plain;

/// Languages and codes that are listed.
const LISTED: usize = 10;

/// Make a trace of the same calls with other voices and no words, and say what is left of them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Audio is replaced by speech of the same length, of --audio or synthetic; sessions get new names;
texts, transcripts, paths, the origin in time, the day of deletion and the history are dropped.

Examples:
  voicelt trace anonymize calls.vtrace -o public.vtrace
  voicelt trace anonymize calls.vtrace --audio library.vtrace -o public.vtrace")]
pub(super) struct AnonymizeArgs {
    /// Trace bundle
    trace: PathBuf,
    /// Trace whose speech stands in for the calls'; it must not be recorded itself [default: made
    /// up]
    #[arg(long, value_name = "TRACE")]
    audio: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArg,
}

/// Remove sessions from a trace, in its place, with every clip that no other session uses
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Traces that were made of this one are not changed: forget the sessions in each of them.

Example:
  voicelt trace forget calls.vtrace --session 7f3a 91bc")]
pub(super) struct ForgetArgs {
    /// Trace bundle
    trace: PathBuf,
    /// Names of the sessions, as in session_id
    #[arg(long, value_name = "ID", required = true, num_args = 1..)]
    session: Vec<String>,
}

pub(super) fn anonymize(args: &AnonymizeArgs, quiet: bool) -> anyhow::Result<()> {
    let from = Bundle::open(&args.trace).map_err(of_trace)?;
    let library = args.audio.as_ref().map(|audio| Bundle::open(audio));
    let library = library.transpose().map_err(of_trace)?;
    let output = args.output.of(library.iter().chain([&from]))?;
    let made = anonymize::anonymize(&from, library.as_ref(), &output);
    let (made, left) = made.map_err(of_edit)?;
    say_made(&made, quiet)?;
    if !quiet {
        say(&describe(&left));
    }
    Ok(())
}

pub(super) fn forget(args: &ForgetArgs, quiet: bool) -> anyhow::Result<()> {
    let from = Bundle::open(&args.trace).map_err(of_trace)?;
    keep_private(&from);
    let ids: HashSet<_> = args.session.iter().cloned().collect();
    let output = output(&from.dir, from.manifest.name.clone());
    say_made(
        &forget::forget(&from, &ids, &output).map_err(of_edit)?,
        quiet,
    )
}

/// What is left of calls, a line each.
fn describe(left: &Left) -> String {
    let mut lines = vec![
        format!(
            "starts of {} sessions, and when each message was sent",
            left.sessions
        ),
        format!(
            "lengths of {} utterances, and where speech is in them",
            left.turns
        ),
    ];
    if left.texts > 0 {
        lines.push(format!("lengths of {} texts", left.texts));
    }
    if left.replies > 0 {
        lines.push(format!(
            "kinds, times and sizes of {} answers",
            left.replies
        ));
    }
    lines.push(format!("languages {}", listed(&left.languages)));
    if !left.statuses.is_empty() {
        lines.push(format!("how calls ended: {}", listed(&left.statuses)));
    }
    format!("left      {}\n", lines.join("\n          "))
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let first = counts.iter().take(LISTED);
    let mut listed: Vec<_> = first
        .map(|(name, count)| format!("{} ({count})", plain(name)))
        .collect();
    if counts.len() > LISTED {
        listed.push(format!("and {} more", counts.len() - LISTED));
    }
    listed.join(", ")
}
