//! `voicelt trace recover`: makes a trace of a recording that a crash broke off.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use rustix::fs::Mode;
use serde_json::json;

use crate::cli::prepare::of_trace;
use crate::cli::stamp::{self, TOOL};
use crate::cli::stdout;
use crate::trace::manifest::Provenance;
use crate::trace::recover::{Counts, finish};

/// Make a trace, in its place, of a recording that was broken off
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A recorder that is stopped by Ctrl-C or SIGTERM makes the trace itself; this is for one that was
killed, or lost its power. At most its last second is missing.

Example:
  voicelt trace recover calls.vtrace")]
pub(crate) struct Args {
    /// Folder of the recording
    recording: PathBuf,
}

/// Finishes the recording and says what became of it.
///
/// # Errors
/// [`BadInput`](crate::cli::exit::BadInput) for what is no recording, or one that goes on or cannot be
/// read; otherwise our own failure.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    private_files();
    let step = Provenance {
        step: "recover".to_owned(),
        tool: TOOL.to_owned(),
        at: stamp::now().to_string(),
        settings: json!({}),
    };
    let finished = finish(&args.recording, step).map_err(of_trace)?;
    let said = format!(
        "{}: recovered\n{}",
        args.recording.display(),
        what_became(&finished.counts)
    );
    stdout::print(&said).context("could not write to standard output")
}

/// From now on, files that this process makes are for its user alone: they hold calls.
pub(crate) fn private_files() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// What of a recording is in its trace, and what is not.
pub(crate) fn what_became(counts: &Counts) -> String {
    let mut text = format!(
        "calls     {} of {} are in the trace\n",
        counts.sessions, counts.calls
    );
    let rest = [
        (
            counts.open,
            "calls were still open, and end where the recording does",
        ),
        (
            counts.unconfigured,
            "calls left out: they sent no configuration",
        ),
        (
            counts.bad_rate,
            "calls left out: their sample rate is none that audio can have",
        ),
        (
            counts.cut,
            "calls cut off before a message that a trace cannot hold",
        ),
        (
            counts.messages_left_out,
            "messages left out: a trace has no place for them",
        ),
        (counts.messages_lost, "messages lost while recording"),
        (
            counts.journal_bytes_lost,
            "bytes at the journal's end were not whole",
        ),
    ];
    for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:9} {count} {what}", "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_said() {
        let counts = Counts {
            calls: 3,
            sessions: 2,
            bad_rate: 1,
            ..Counts::default()
        };
        let said = what_became(&counts);
        let expected = "calls     2 of 3 are in the trace\n          \
                        1 calls left out: their sample rate is none that audio can have\n";
        assert_eq!(said, expected);
    }
}
