//! `voicelt trace recover`: makes a trace of a recording that a crash broke off.

use std::path::PathBuf;

use anyhow::bail;
use rustix::fs::Mode;
use serde_json::json;

use crate::cli::prepare::of_trace;
use crate::cli::summary_text::Lines;
use crate::cli::{stamp, stdout};
use crate::trace::manifest::Provenance;
use crate::trace::recover::{Counts, Damage, Finished, finish};
use crate::units::Human;

/// Make a trace, in its place, of a recording that was broken off
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A recorder that is stopped by Ctrl-C, SIGTERM or SIGHUP makes the trace itself; this is for one
that was killed, or lost its power. At most its last second is missing.

Where the journal is damaged, what is whole becomes the trace, what is missing is said, and the
journal stays in the folder. Put back from a copy what is damaged, and recover again; or remove
journal.arrows and journal.pcm. Exit code 1 when something of the calls is missing.

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
/// read; otherwise our own failure, and a journal of which something is missing.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    private_files();
    let step = Provenance {
        step: "recover".to_owned(),
        tool: stamp::TOOL.to_owned(),
        at: stamp::now().to_string(),
        settings: json!({}),
    };
    let Finished { counts, damage, .. } = finish(&args.recording, step).map_err(of_trace)?;
    let recording = args.recording.display();
    let in_part = if damage.costs() { " in part" } else { "" };
    let mut lines = Lines::default();
    what_became(&mut lines, &counts, &damage);
    let lines = lines.into_text();
    stdout::show(&format!("{recording}: recovered{in_part}\n{lines}"))?;
    match damage.costs() {
        true => bail!(
            "{recording}: the journal is damaged, and what it held there is missing in the trace; \
             it is kept in {recording}: put back from a copy what is damaged, and recover again"
        ),
        false => Ok(()),
    }
}

/// From now on, files that this process makes are for its user alone: they hold calls.
pub(crate) fn private_files() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// What of a recording is in its trace, and what is not.
pub(crate) fn what_became(lines: &mut Lines, counts: &Counts, damage: &Damage) {
    let (sessions, calls) = (counts.sessions, counts.calls);
    lines.line(
        "calls",
        format_args!("{sessions} of {calls} are in the trace"),
    );
    let mut count = |count, what| lines.count("", count, what);
    let what = "calls were still open, and end where the recording does";
    count(counts.open, what);
    let what = "calls left out: they sent no configuration";
    count(counts.unconfigured, what);
    let what = "calls left out: their sample rate is none that audio can have";
    count(counts.bad_rate, what);
    let what = "calls cut off before a message that a trace cannot hold";
    count(counts.cut, what);
    let what = "messages left out: a trace has no place for them";
    count(counts.messages_left_out, what);
    count(counts.messages_lost, "messages lost while recording");
    let what = "calls lost: they began where the journal is damaged";
    count(damage.calls_lost, what);
    let what = "calls end early: the rest of them is damaged";
    count(damage.calls_cut, what);
    count(damage.turns_lost, "turns lost with them");
    if damage.is_any() {
        say_damage(lines, damage);
    }
}

fn say_damage(lines: &mut Lines, damage: &Damage) {
    if damage.more_may_be_lost {
        lines.line("", "more calls and turns may be lost");
    }
    lines.line(
        "damaged",
        format_args!(
            "{} bytes of journal.arrows in {} places, {} bytes of audio in {} chunks",
            damage.journal_bytes, damage.places, damage.audio_bytes, damage.chunks
        ),
    );
    if let Some(from_ns) = damage.from_ns {
        let (from, span) = (Human(from_ns), Human(damage.span_ns));
        let what = match damage.span_ns {
            0 => format!("something is missing from {from} after its start on"),
            _ => format!("{span} of the recording, from {from} after its start on"),
        };
        lines.line("missing", what);
    }
    lines.line(
        "kept",
        "journal.arrows and journal.pcm, in the trace's folder",
    );
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
        let mut lines = Lines::default();
        what_became(&mut lines, &counts, &Damage::default());
        let expected = "calls     2 of 3 are in the trace\n          \
                        1 calls left out: their sample rate is none that audio can have\n";
        assert_eq!(lines.into_text(), expected);
    }
}
