//! What is said on standard error: progress notes and the one sentence of an error.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::exit::Outcome;
use crate::units::{plain, plain_lines};

/// What is said while the terminal shows something else; `None` while it does not.
static HELD: Mutex<Option<String>> = Mutex::new(None);

/// Says `text`, or keeps it until [`release`]. Nobody listening is no reason to fail. Whatever came
/// from outside in it cannot steer the terminal.
pub(crate) fn say(text: &str) {
    let text = plain_lines(text);
    match &mut *held() {
        Some(held) => held.push_str(&text),
        None => write(&text),
    }
}

/// Says `text` in place of the terminal's last line.
pub(crate) fn say_over(text: &str) {
    write(&format!("\r\x1b[2K{}", plain(text)));
}

/// Keeps what is said from now on.
pub(crate) fn hold() {
    held().get_or_insert_default();
}

/// Says what was kept, and keeps nothing more.
pub(crate) fn release() {
    if let Some(text) = held().take() {
        write(&text);
    }
}

/// As [`release`], unless the thread that panics is the one that was speaking.
pub(crate) fn release_in_panic() {
    if let Ok(mut held) = HELD.try_lock()
        && let Some(text) = held.take()
    {
        write(&text);
    }
}

/// The last line that was kept; empty for none.
pub(crate) fn last_held() -> String {
    let last = |text: &String| text.trim_end().lines().last().map(str::to_owned);
    held().as_ref().and_then(last).unwrap_or_default()
}

fn held() -> MutexGuard<'static, Option<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says what went wrong and returns the exit code for it.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    say(&format!("error: {}\n", plain(&sentence(error))));
    Outcome::of_error(error).into()
}

/// The error and its causes as one sentence, with what to do where the system refused; a cause that
/// is part of what is said already is left out, and so are the numbers of the system's errors.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        match said.is_empty() {
            true => said = cause,
            false if said.contains(&cause) => {}
            false => said = format!("{said}: {cause}"),
        }
    }
    let refused = error.chain().find_map(|cause| cause.downcast_ref());
    match refused.and_then(advice) {
        // Some messages know better what to do.
        Some(advice) if !said.contains("; ") => format!("{}; {advice}", unnumbered(&said)),
        _ => unnumbered(&said),
    }
}

/// What to do when the system refuses.
fn advice(refused: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    match refused.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            Some("make room on that disk, or write to another")
        }
        Kind::PermissionDenied => Some("check who may read and write there, or use another place"),
        Kind::ReadOnlyFilesystem => Some("nothing can be written there: use another place"),
        Kind::NotFound => Some("check the name and the folder"),
        _ => None,
    }
}

/// `text` without the likes of ` (os error 28)`.
fn unnumbered(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => kept += rest,
            _ => kept = format!("{kept} (os error {part}"),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn causes_are_joined_and_none_is_said_twice() {
        let error = anyhow!("disk full").context("a.wav: disk full");
        let error = error.context("cannot make the trace");
        assert_eq!(sentence(&error), "cannot make the trace: a.wav: disk full");
    }

    #[test]
    fn what_the_system_refuses_comes_with_what_to_do_and_without_numbers() {
        let full = io::Error::from_raw_os_error(28);
        let error = anyhow::Error::new(full).context("calls.vtrace");
        assert_eq!(
            sentence(&error),
            "calls.vtrace: No space left on device; make room on that disk, or write to another"
        );
        let known = anyhow!("x (os error 2), y (os error 13); do this");
        assert_eq!(sentence(&known), "x, y; do this");
        assert_eq!(sentence(&anyhow!("a (os error z) b")), "a (os error z) b");
    }
}
