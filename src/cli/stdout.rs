//! Data on standard output, and whether it may have colour.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Context;
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::units::{plain_json, plain_lines};

/// As [`print`], for people: whatever came from outside in `text` cannot steer the terminal.
///
/// # Errors
/// As for [`print`].
pub(crate) fn show(text: &str) -> anyhow::Result<()> {
    print(&plain_lines(text))
}

/// Writes `text`, which is JSON, or has no more than our own escape codes, to standard output; a reader that went away early (`| head`) is no error.
///
/// # Errors
/// Any other failure to write.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let text = plain_json(text);
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe || is_closed_terminal(&error) => Ok(()),
        written => written.context("could not write to standard output"),
    }
}

/// Whether the terminal that this says could not be written to is one that was closed: its results
/// are kept, and nobody is there to be told.
fn is_closed_terminal(error: &io::Error) -> bool {
    let is_device = rustix::fs::fstat(io::stdout())
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice);
    error.raw_os_error() == Some(Errno::IO.raw_os_error()) && is_device
}

/// Characters in a line of the terminal; 80 where there is none.
pub(crate) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    size.map_or(80, |size| usize::from(size.ws_col).clamp(40, 200))
}

/// Whether standard output is a terminal that may have colour.
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && may_colour()
}

/// Whether `NO_COLOR` is not set (<https://no-color.org>).
pub(crate) fn may_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
