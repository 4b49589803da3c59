//! `voicelt trace diff` and `export`: traces as text.

use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::PathBuf;

use super::bundles::{of_edit, open};
use crate::cli::stdout;
use crate::trace::edit::diff::{self, Diff, Sessions};
use crate::trace::edit::{EditError, export};
use crate::units::plain;

/// Say which sessions two traces do not share, and in what those differ that they do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Sessions are the same when they have one name. They can differ in their start, their schedule
(what is sent when, since the start), their turns, their audio, and their recorded answers.

Example:
  voicelt trace diff before.vtrace after.vtrace")]
pub(super) struct DiffArgs {
    /// First trace bundle
    first: PathBuf,
    /// Second trace bundle
    second: PathBuf,
}

/// Write a trace as JSON Lines to standard output, one line an event
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  voicelt trace export calls.vtrace | jq -c 'select(.kind == \"audio\")'")]
pub(super) struct ExportArgs {
    /// Trace bundle
    trace: PathBuf,
}

pub(super) fn diff(args: &DiffArgs) -> anyhow::Result<()> {
    let (first, second) = (open(&args.first)?, open(&args.second)?);
    stdout::show(&text(&diff::diff(&first, &second).map_err(of_edit)?))
}

pub(super) fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let bundle = open(&args.trace)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let written = export::export(&bundle, &mut out);
    let written = written.and_then(|()| out.flush().map_err(EditError::Export));
    match written {
        // A reader that went away early (`| head`) is no error.
        Err(EditError::Export(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(of_edit),
    }
}

fn text(diff: &Diff) -> String {
    let mut text = format!("equal       {} sessions\n", diff.equal);
    push(&mut text, "differ", &diff.differing);
    for (aspect, count) in &diff.aspects {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {aspect:8}  {count}");
    }
    push(&mut text, "only first", &diff.only_first);
    push(&mut text, "only second", &diff.only_second);
    text
}

fn push(text: &mut String, label: &str, sessions: &Sessions) {
    let mut names = plain(&sessions.first.join(", ")).into_owned();
    let more = sessions.count - sessions.first.len() as u64;
    if more > 0 {
        let _ = write!(names, " and {more} more");
    }
    let colon = if names.is_empty() { "" } else { ": " };
    let _ = writeln!(text, "{label:11} {} sessions{colon}{names}", sessions.count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_came_from_outside_are_on_their_line_and_steer_nothing() {
        let odd = Sessions {
            count: 2,
            first: vec!["a\x1b[2J".to_owned(), "b\nequal 9\u{202e}".to_owned()],
        };
        let diff = Diff {
            equal: 1,
            only_first: odd.clone(),
            only_second: odd.clone(),
            differing: odd,
            aspects: Default::default(),
        };
        let shown = text(&diff);
        assert_eq!(shown.lines().count(), 4, "{shown:?}");
        assert!(
            shown.contains("only first  2 sessions: a [2J, b equal 9 \n"),
            "{shown:?}"
        );
        assert!(!shown.contains(['\x1b', '\u{202e}']), "{shown:?}");
    }
}
