//! What is said of settings that are refused: where each was set, but for what is on the command line.

use std::process::ExitCode;

use clap::error::{Error, ErrorKind};

use super::flag::shown;
use super::layers::{Given, Origin};
use crate::cli::stderr;

/// Says what is wrong with the arguments, or the help that was asked for; returns the exit code.
pub(super) fn say(error: &Error, given: &[Given]) -> ExitCode {
    let text = error.render().to_string();
    match without_secrets(&text, given) {
        Some(text) => stderr::say(&text),
        // Nobody listening is no reason to fail otherwise.
        None => {
            let _ = error.print();
        }
    }
    let about = match error.kind() {
        // Its usage names the flags that need the missing one.
        ErrorKind::MissingRequiredArgument if text.contains("\n  --") => text.as_str(),
        _ => text.split("\nUsage:").next().unwrap_or_default(),
    };
    stderr::say(&notes(about, given));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// A line for each flag that `text` speaks of: where it is set.
pub(super) fn notes(text: &str, given: &[Given]) -> String {
    let spoken_of = |given: &&Given| {
        let is_set = !matches!(given.origin, Origin::Recipe(_));
        is_set && names(text, &format!("--{}", given.flag))
    };
    let note = |given: &Given| format!("note: --{} is set by {}\n", given.flag, given.origin);
    given.iter().filter(spoken_of).map(note).collect()
}

/// Whether the flag is in the text, and not as a part of another's name.
fn names(text: &str, flag: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|next: char| next == '-' || next.is_alphanumeric());
    let mut found = text.match_indices(flag);
    found.any(|(at, _)| !goes_on(&text[at + flag.len()..]))
}

/// The text with what is a secret hidden, if there is any in it.
fn without_secrets(text: &str, given: &[Given]) -> Option<String> {
    let mut safe = text.to_owned();
    for given in given {
        for value in &given.values {
            let hidden = shown(&given.flag, value);
            if hidden != *value {
                safe = safe.replace(value, &hidden);
            }
        }
    }
    (safe != text).then_some(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(flag: &str, value: &str) -> Given {
        Given {
            flag: flag.to_owned(),
            values: vec![value.to_owned()],
            origin: Origin::File("voicelt.toml".into(), 3),
        }
    }

    #[test]
    fn flags_that_are_spoken_of_are_named_with_where_they_are_set() {
        let given = [given("json", "a"), given("speed", "x"), given("scale", "2")];
        let said = notes("`--raw-json` and '--speed <F>', --scale-up", &given);
        assert_eq!(said, "note: --speed is set by voicelt.toml, line 3\n");
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let given = [given("header", "Bearer x")];
        let said = without_secrets("invalid value 'Bearer x'", &given);
        assert_eq!(said.unwrap(), "invalid value '(hidden)'");
        assert_eq!(without_secrets("invalid value 'y'", &given), None);
    }
}
