//! The variables of the environment that set a flag.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, Command};

use super::flag::{self, flags, is_list};
use super::given::{Given, Origin};
use crate::cli::prometheus::TOKEN;
use crate::units::spelling::nearest;

/// The variable that names the file, as `--config` does.
pub(super) const VARIABLE: &str = "VOICELT_CONFIG";
/// What our variables begin with.
const PREFIX: &str = "VOICELT_";
/// Flags that mean different things in different commands: only the variable with the command's
/// name sets them.
const OF_ONE_COMMAND: [&str; 8] = [
    "audio", "dialect", "format", "greeting", "output", "sample", "session", "sessions",
];

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
            .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty());
        Environment(ours.collect())
    }

    /// What they give of the command; of a flag that takes several values, one a line.
    pub(super) fn given(&self, command: &Command, words: &[String]) -> Vec<Given> {
        let given = flags(command).filter_map(|(long, arg)| {
            let (name, text) = names(words, long, arg).find_map(|name| {
                let text = self.0.get(&name)?;
                Some((name, text))
            })?;
            let values = match is_list(arg) {
                true => text.lines().map(str::to_owned).collect(),
                false => vec![text.clone()],
            };
            Some(Given {
                flag: long.to_owned(),
                values,
                origin: Origin {
                    kind: "variable",
                    place: name,
                },
            })
        });
        given.collect()
    }

    /// Each variable that sets nothing, and what it may be meant to be; `root` is all commands.
    pub(super) fn unused(&self, root: &Command) -> Vec<(String, String)> {
        let mut known = BTreeSet::from([VARIABLE.to_owned(), TOKEN.to_owned()]);
        add_known(root, &[], &mut known);
        let unused = self.0.keys().filter(|name| !known.contains(*name));
        let meant = |name: &String| (name.clone(), meant(name, &known));
        unused.map(meant).collect()
    }
}

/// What a variable that is not one of `known` may be meant to be.
fn meant(name: &str, known: &BTreeSet<String>) -> String {
    // What all begin with would make all alike.
    let own = |name| str::strip_prefix(name, PREFIX).unwrap_or(name);
    let flag = format!("_{}", own(name));
    if OF_ONE_COMMAND
        .iter()
        .any(|one| flag == format!("_{}", upper(one)))
        && let Some(example) = known.iter().find(|known| known.ends_with(&flag))
    {
        return format!("name the command too, as in {example}");
    }
    match nearest(own(name), known.iter().map(|known| own(known))) {
        Some(nearest) => format!("is {PREFIX}{nearest} meant?"),
        None => "no flag has this name".to_owned(),
    }
}

/// A name as variables have it.
fn upper(text: &str) -> String {
    text.to_uppercase().replace('-', "_")
}

/// Adds the variables of `command`, which `words` name, and of all below it.
fn add_known(command: &Command, words: &[String], known: &mut BTreeSet<String>) {
    for (long, arg) in flags(command) {
        known.extend(names(words, long, arg));
    }
    for below in command.get_subcommands() {
        let words = [words, &[below.get_name().to_owned()]].concat();
        add_known(below, &words, known);
    }
}

/// The names of the variables that set a flag, the one that is looked at first at the beginning:
/// `VOICELT_REPLAY_SPEED`, `VOICELT_SPEED`.
fn names(words: &[String], long: &str, arg: &Arg) -> impl Iterator<Item = String> {
    let command: String = words.iter().map(|word| upper(word) + "_").collect();
    let is_general = words.is_empty() || !OF_ONE_COMMAND.contains(&long);
    let own = flag::names(arg).map(|flag| format!("{PREFIX}{command}{}", upper(flag)));
    let general = flag::names(arg).map(|flag| format!("{PREFIX}{}", upper(flag)));
    own.chain(general.filter(|_| is_general))
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::flag::flags;
    use crate::cli::config::parser::tests::root;

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
            command
                .get_subcommands()
                .for_each(|below| walk(below, seen));
        }
        walk(&root(), &mut BTreeMap::new());
    }

    #[test]
    fn no_variable_sets_two_flags_of_different_names() {
        fn walk(command: &Command, words: &[String], seen: &mut BTreeMap<String, String>) {
            for (long, arg) in flags(command) {
                for name in names(words, long, arg) {
                    let first = seen.entry(name.clone()).or_insert_with(|| long.to_owned());
                    assert_eq!(first, long, "{name}");
                }
            }
            for below in command.get_subcommands() {
                walk(
                    below,
                    &[words, &[below.get_name().to_owned()]].concat(),
                    seen,
                );
            }
        }
        walk(&root(), &[], &mut BTreeMap::new());
    }

    #[test]
    fn the_variable_of_the_command_comes_first() {
        let root = root();
        let all = |words: &str, wanted: &str| {
            let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
            let command = flag::find(&root, &words).unwrap();
            let (_, arg) = flags(command).find(|(long, _)| *long == wanted).unwrap();
            names(&words, wanted, arg).collect::<Vec<_>>()
        };
        assert_eq!(
            all("trace shuffle", "seed"),
            ["VOICELT_TRACE_SHUFFLE_SEED", "VOICELT_SEED"]
        );
        assert_eq!(all("trace cut", "output"), ["VOICELT_TRACE_CUT_OUTPUT"]);
        assert_eq!(all("", "quiet")[0], "VOICELT_QUIET");
    }

    #[test]
    fn a_variable_that_sets_nothing_is_found() {
        let set = [
            "VOICELT_SPEDE",
            "VOICELT_SPEED",
            "VOICELT_CONFIG",
            "VOICELT_QQ",
            "VOICELT_FORMAT",
            "VOICELT",
        ];
        let environment = Environment::of(set.map(|name| (name.to_owned(), "1".to_owned())));
        let unused = environment.unused(&root());
        let said: Vec<_> = unused
            .iter()
            .map(|(name, said)| format!("{name}: {said}"))
            .collect();
        assert_eq!(
            said,
            [
                "VOICELT_FORMAT: name the command too, as in VOICELT_COMPARE_FORMAT",
                "VOICELT_QQ: no flag has this name",
                "VOICELT_SPEDE: is VOICELT_SPEED meant?"
            ]
        );
    }
}
