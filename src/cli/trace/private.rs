//! `voicelt trace anonymize` and `forget`: what must not be known any more.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::bundles::{OutputArg, keep_private, of_edit, open, output, say_made};
use crate::cli::stderr::say;
use crate::cli::summary_text::Lines;
use crate::trace::edit::{Left, anonymize, forget};

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
    let from = open(&args.trace)?;
    let library = args.audio.as_deref().map(open).transpose()?;
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
    let from = open(&args.trace)?;
    keep_private(&from);
    let ids: HashSet<_> = args.session.iter().cloned().collect();
    let output = output(&from.dir, from.manifest.name.clone());
    let made = forget::forget(&from, &ids, &output).map_err(of_edit)?;
    say_made(&made, quiet)
}

/// What is left of calls, a line each.
fn describe(left: &Left) -> String {
    let mut lines = Lines::default();
    let sessions = left.sessions;
    lines.line(
        "left",
        format_args!("starts of {sessions} sessions, and when each message was sent"),
    );
    let turns = left.turns;
    lines.line(
        "",
        format_args!("lengths of {turns} utterances, and where speech is in them"),
    );
    if left.texts > 0 {
        lines.line("", format_args!("lengths of {} texts", left.texts));
    }
    if left.replies > 0 {
        let replies = left.replies;
        lines.line(
            "",
            format_args!("kinds, times and sizes of {replies} answers"),
        );
    }
    lines.line("", format_args!("languages {}", listed(&left.languages)));
    if !left.statuses.is_empty() {
        let statuses = listed(&left.statuses);
        lines.line("", format_args!("how calls ended: {statuses}"));
    }
    lines.into_text()
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let first = counts.iter().take(LISTED);
    let first = first.map(|(name, count)| format!("{name} ({count})"));
    let more = counts.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("and {more} more"));
    first.chain(more).collect::<Vec<_>>().join(", ")
}
