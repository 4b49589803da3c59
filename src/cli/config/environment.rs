//! The variables of the environment that set a flag.

use std::collections::BTreeMap;

use clap::Arg;

use super::flag::is_list;

/// Flags that mean different things in different commands: only the variable with the command's
/// name sets them.
const OF_ONE_COMMAND: [&str; 4] = ["audio", "format", "output", "sessions"];

/// The variables there are, by name.
#[derive(Debug, Default)]
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Our variables among those of this process; an empty one counts as none.
    pub(super) fn of_process() -> Environment {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Environment::of(texts)
    }

    /// Our variables among `all`.
    pub(super) fn of(all: impl IntoIterator<Item = (String, String)>) -> Environment {
        let ours = all
            .into_iter()
            .filter(|(name, value)| name.starts_with("VOICELT_") && !value.is_empty());
        Environment(ours.collect())
    }

    /// The variable that sets the flag of the command, and its values: of a flag that takes several,
    /// one a line.
    pub(super) fn get(&self, words: &[String], long: &str, arg: &Arg) -> Option<(String, Vec<String>)> {
        let name = names(words, long).find(|name| self.0.contains_key(name))?;
        let text = self.0.get(&name)?;
        let values = match is_list(arg) {
            true => text.lines().map(str::to_owned).collect(),
            false => vec![text.clone()],
        };
        Some((name, values))
    }
}

/// The names of the variables that set a flag, the one that is looked at first at the beginning:
/// `VOICELT_REPLAY_SPEED`, `VOICELT_SPEED`.
pub(super) fn names(words: &[String], long: &str) -> impl Iterator<Item = String> {
    let upper = |text: &str| text.to_uppercase().replace('-', "_");
    let flag = upper(long);
    let command = words.iter().map(|word| upper(word)).collect::<Vec<_>>();
    let own = (!command.is_empty()).then(|| format!("VOICELT_{}_{flag}", command.join("_")));
    let is_general = words.is_empty() || !OF_ONE_COMMAND.contains(&long);
    let general = is_general.then(|| format!("VOICELT_{flag}"));
    own.into_iter().chain(general)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::{command, flag::flags};

    fn text(arg: &Arg) -> Vec<String> {
        let names = arg.get_value_names().unwrap_or_default();
        let known = arg.get_possible_values();
        let known = known.iter().map(|value| value.get_name().to_owned());
        names.iter().map(ToString::to_string).chain(known).collect()
    }

    #[test]
    fn a_variable_of_all_commands_means_the_same_in_each() {
        fn walk(command: &clap::Command, seen: &mut BTreeMap<String, Vec<String>>) {
            for (long, arg) in flags(command).filter(|(_, arg)| arg.get_action().takes_values()) {
                // `[=BOOL]` is a switch that can be turned off.
                if OF_ONE_COMMAND.contains(&long) || arg.is_require_equals_set() {
                    continue;
                }
                let first = seen.entry(long.to_owned()).or_insert_with(|| text(arg));
                assert_eq!(
                    *first,
                    text(arg),
                    "--{long} of `{}` takes something else elsewhere; add it to OF_ONE_COMMAND",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(|below| walk(below, seen));
        }
        walk(&command(), &mut BTreeMap::new());
    }

    #[test]
    fn the_variable_of_the_command_comes_first() {
        let words = ["trace".to_owned(), "cut".to_owned()];
        let all: Vec<_> = names(&words, "no-live").collect();
        assert_eq!(all, ["VOICELT_TRACE_CUT_NO_LIVE", "VOICELT_NO_LIVE"]);
        let all: Vec<_> = names(&words, "output").collect();
        assert_eq!(all, ["VOICELT_TRACE_CUT_OUTPUT"]);
        assert_eq!(names(&[], "quiet").collect::<Vec<_>>(), ["VOICELT_QUIET"]);
    }
}
