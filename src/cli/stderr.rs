//! What is said on standard error: progress notes and the one sentence of an error.

use std::io::{self, Write};
use std::process::ExitCode;

use super::exit::Outcome;

/// Says `text`. Nobody listening is no reason to fail.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says what went wrong and returns the exit code for it.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    say(&format!("error: {}\n", sentence(error)));
    Outcome::of_error(error).into()
}

/// The error and its causes as one sentence; a cause that is part of what is said already is left
/// out.
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
    said
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
}
