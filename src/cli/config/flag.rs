//! What a flag takes, and how a value of the environment or of a file is said as a flag.

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, ArgAction, Command};

use crate::cli::load::is_report;

/// Flags that are set on the command line alone; of `config`, there is a variable.
const NOT_SETTABLE: [&str; 3] = ["help", "version", "config"];

/// Flags of which the first, where it is set nearer, makes the second say nothing or something else.
const OVERRULING: [(&str, &str); 4] = [
    ("debug", "verbose"),
    ("verbose", "debug"),
    ("turn-timing", "barge-in"),
    ("map", "format"),
];

/// Flags whose values hold metadata of calls, and what stands between its name and its value.
const SECRET: [(&str, char); 3] = [
    ("header", ':'),
    ("consent-header", '='),
    ("drop-header", '='),
];

/// Flags whose values are addresses, with or without the beginning of a URL.
const ADDRESSES: [&str; 2] = ["target", "prometheus"];

/// The flags of `command` that can be set from elsewhere: every long one that is shown.
pub(super) fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let long = shown.filter_map(|arg| Some((arg.get_long()?, arg)));
    long.filter(|(long, _)| !NOT_SETTABLE.contains(long))
}

/// The long names of the flag, the usual one first.
pub(super) fn names(arg: &Arg) -> impl Iterator<Item = &str> {
    let others = arg.get_visible_aliases().unwrap_or_default();
    arg.get_long().into_iter().chain(others)
}

/// The command that `words` name below `root`.
pub(super) fn find<'a>(root: &'a Command, words: &[impl AsRef<str>]) -> Option<&'a Command> {
    words
        .iter()
        .try_fold(root, |command, word| command.find_subcommand(word.as_ref()))
}

/// Whether the flag is on or off, and takes no value.
pub(super) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Whether the flag takes several values.
pub(super) fn is_list(arg: &Arg) -> bool {
    let most = arg.get_num_args().map_or(1, |range| range.max_values());
    matches!(arg.get_action(), ArgAction::Append) || most > 1
}

/// Whether `flag` is out of place where the nearer `rival` is set.
pub(super) fn gives_way(command: &Command, flag: &Arg, rival: &Arg) -> bool {
    let excludes = |one: &Arg, other: &Arg| {
        let excluded = command.get_arg_conflicts_with(one);
        excluded.iter().any(|arg| arg.get_id() == other.get_id())
    };
    let is_overruled = || {
        let pair = rival.get_long().zip(flag.get_long());
        pair.is_some_and(|pair| OVERRULING.contains(&pair))
    };
    excludes(flag, rival) || excludes(rival, flag) || is_overruled()
}

/// The flag that this one stands for, by its values: `--output` of a run is either of two.
pub(super) fn stands_for<'a>(long: &'a str, values: &[String]) -> &'a str {
    match values.last() {
        Some(path) if long == "output" && is_report(Path::new(path)) => "json",
        Some(_) if long == "output" => "run-dir",
        _ => long,
    }
}

/// `values` as arguments of the command line.
///
/// # Errors
/// What a switch, or a flag that is counted, cannot be.
pub(super) fn arguments(long: &str, arg: &Arg, values: &[String]) -> Result<Vec<OsString>, String> {
    let mut arguments = Vec::new();
    for value in values {
        match arg.get_action() {
            ArgAction::SetTrue => match value.as_str() {
                "true" | "1" => arguments.push(format!("--{long}").into()),
                "false" | "0" => {}
                _ => {
                    return Err(format!(
                        "`{value}` is neither true nor false; use one of them"
                    ));
                }
            },
            ArgAction::Count => {
                let times = value.parse::<u8>().ok().filter(|times| *times <= 9);
                let times = times.ok_or_else(|| {
                    format!("`{value}` is no number up to 9; say how often the flag is given")
                })?;
                let flags = (0..times).map(|_| OsString::from(format!("--{long}")));
                arguments.extend(flags);
            }
            _ => arguments.push(format!("--{long}={value}").into()),
        }
    }
    Ok(arguments)
}

/// Whether the values of the flag hold metadata of calls.
pub(super) fn is_secret(long: &str) -> bool {
    SECRET.iter().any(|(flag, _)| *flag == long)
}

/// A value as it may be shown: without what is a secret in it.
pub(in crate::cli) fn shown(long: &str, value: &str) -> String {
    let secret = SECRET.iter().find(|(flag, _)| *flag == long);
    match secret.map(|(_, mark)| (mark, value.split_once(*mark))) {
        Some((mark, Some((name, _)))) if is_header_name(name.trim()) => {
            format!("{}{mark}(hidden)", name.trim())
        }
        // What is no name may be a part of the secret.
        Some(_) => "(hidden)".to_owned(),
        None => without_password(value, ADDRESSES.contains(&long)),
    }
}

fn is_header_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

/// A URL without who logs in there; where it `is_address`, also one whose beginning is wrong.
fn without_password(value: &str, is_address: bool) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None if is_address => (String::new(), value),
        None => return value.to_owned(),
    };
    let host_ends = match scheme.is_empty() {
        true => rest.rfind('@').unwrap_or(rest.len()),
        false => 0,
    };
    let path_starts = rest[host_ends..].find(['/', '?', '#']);
    let path_starts = path_starts.map_or(rest.len(), |at| host_ends + at);
    let (host, path) = rest.split_at(path_starts);
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}(hidden)@{host}{path}"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let table = [
            (
                "header",
                "authorization: Bearer x",
                "authorization:(hidden)",
            ),
            ("header", "Bearer x", "(hidden)"),
            ("header", "authorization=Bearer x:y", "(hidden)"),
            ("header", ": Bearer x", "(hidden)"),
            ("target", "a:x@host:1", "(hidden)@host:1"),
            ("target", "http:/a:x@host:1/p", "(hidden)@host:1/p"),
            ("target", "host:1", "host:1"),
            ("drop-header", "x-line=payment", "x-line=(hidden)"),
            (
                "prometheus",
                "https://a:x@host:1/p@q",
                "https://(hidden)@host:1/p@q",
            ),
            ("target", "http://host:1/a@b", "http://host:1/a@b"),
            ("label", "a=b:c", "a=b:c"),
        ];
        for (long, value, expected) in table {
            assert_eq!(shown(long, value), expected);
        }
    }
}
