//! What is said of settings that are refused: where each was set, but for what is on the command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::given::Given;
use crate::cli::secrets::{is_secret, shown};
use crate::cli::stderr;
use crate::units::plain_lines;

/// Says what is wrong with the arguments, or the help that was asked for; returns the exit code.
/// `args` are those of the command line.
pub(super) fn say(error: &Error, given: &[Given], args: &[OsString]) -> ExitCode {
    let text = error.render().to_string();
    let secrets = given_secrets(given).chain(refused_secret(error, args));
    match without(&text, secrets) {
        Some(text) => stderr::say(&text),
        None if plain_lines(&text) != text => stderr::say(&text),
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
    let spoken_of = |given: &&Given| names(text, &format!("--{}", given.flag));
    let note = |given: &Given| format!("note: --{} is set by {}\n", given.flag, given.origin.place);
    given.iter().filter(spoken_of).map(note).collect()
}

/// Whether the flag is in the text, and not as a part of another's name.
fn names(text: &str, flag: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|next: char| next == '-' || next.is_alphanumeric());
    let mut found = text.match_indices(flag);
    found.any(|(at, _)| !goes_on(&text[at + flag.len()..]))
}

/// A text that holds a secret, and what may be shown for it.
type Secret = (String, String);

/// The secrets that are set elsewhere than on the command line.
fn given_secrets(given: &[Given]) -> impl Iterator<Item = Secret> {
    let values = given
        .iter()
        .flat_map(|given| given.values.iter().map(move |value| (given, value)));
    values.map(|(given, value)| (value.clone(), shown(&given.flag, value)))
}

/// The value that `error` refuses: that of a flag, or a word that stands behind one whose value
/// lacked quotes, as in `--header authorization: TOKEN`.
fn refused_secret(error: &Error, args: &[OsString]) -> Option<Secret> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let refused = text(ContextKind::InvalidArg)?;
    match text(ContextKind::InvalidValue) {
        Some(value) if !value.is_empty() => {
            let flag = refused.strip_prefix("--")?;
            let flag = flag.split([' ', '=']).next()?;
            Some((value.to_owned(), shown(flag, value)))
        }
        _ => {
            let is_behind = follows_secret(args, refused);
            is_behind.then(|| (refused.to_owned(), "(hidden)".to_owned()))
        }
    }
}

/// Whether `word` is on the command line behind a flag whose values are secrets, with no other flag
/// between.
fn follows_secret(args: &[OsString], word: &str) -> bool {
    let mut behind = false;
    for arg in args.iter().filter_map(|arg| arg.to_str()) {
        if behind && arg == word {
            return true;
        }
        if let Some(flag) = arg.strip_prefix("--") {
            behind = is_secret(flag.split('=').next().unwrap_or_default());
        }
    }
    false
}

/// The text with `secrets` hidden, if there is any in it.
fn without(text: &str, secrets: impl Iterator<Item = Secret>) -> Option<String> {
    let mut safe = text.to_owned();
    for (secret, hidden) in secrets.filter(|(secret, hidden)| secret != hidden) {
        // What renders errors leaves control characters out.
        let printed: String = secret.chars().filter(|c| !c.is_control()).collect();
        safe = safe.replace(&secret, &hidden).replace(&printed, &hidden);
    }
    (safe != text).then_some(safe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::given::Origin;
    use crate::cli::config::parser::tests::root;

    fn given(flag: &str, value: &str) -> Given {
        Given {
            flag: flag.to_owned(),
            values: vec![value.to_owned()],
            origin: Origin {
                kind: "file",
                place: "voicelt.toml, line 3".to_owned(),
            },
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
        let hidden = |text: &str| without(text, given_secrets(&given));
        let said = hidden("invalid value 'Bearer x'");
        assert_eq!(said.unwrap(), "invalid value '(hidden)'");
        assert_eq!(hidden("invalid value 'y'"), None);
    }

    #[test]
    fn a_secret_on_the_command_line_is_not_repeated_however_it_is_written() {
        let said = |line: &str| {
            let args: Vec<OsString> = line.split('|').map(OsString::from).collect();
            let error = root().try_get_matches_from(&args).unwrap_err();
            let text = error.render().to_string();
            let said = without(&text, refused_secret(&error, &args).into_iter());
            said.unwrap_or(text)
        };
        for line in [
            "voicelt|replay|x|--header|authorization Bearer s3cret",
            "voicelt|replay|x|--header=authorization Bearer s3cret",
            "voicelt|replay|x|--header|authorization=Bearer s3cret:y",
            "voicelt|replay|x|--header|authorization: s3cret\u{7f}",
            "voicelt|replay|x|--header|authorization:|s3cret",
            "voicelt|replay|x|--header|authorization:|Bearer|s3cret",
            "voicelt|doctor|--header|s3cret",
            "voicelt|record|--consent-header|s3cret",
            "voicelt|record|--drop-header|x y=s3cret",
        ] {
            let said = said(line);
            assert!(!said.contains("s3cret"), "{line}\n{said}");
            assert!(said.starts_with("error: "), "{line}\n{said}");
        }
        let said = said("voicelt|replay|x|--speed|s3cret");
        assert!(said.contains("'s3cret'"), "{said}");
    }
}
