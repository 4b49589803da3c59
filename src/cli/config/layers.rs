//! Which of the environment, a recipe and `voicelt.toml` sets a flag that is not on the command line.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::environment::Environment;
use super::file::ConfigFile;
use super::flag::{self, arguments, flags, gives_way, stands_for};
use super::recipe::Recipe;
use crate::cli::exit::BadInput;

/// What there is besides the command line.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) environment: Environment,
    pub(super) file: Option<ConfigFile>,
}

/// Where a value comes from, the one that counts more first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Origin {
    /// The variable of this name.
    Variable(String),
    /// A recipe or scenario, named here or in the file.
    Recipe(String),
    /// The file, and the line in it.
    File(PathBuf, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Variable(name) => f.write_str(name),
            Origin::Recipe(named) => f.write_str(named),
            Origin::File(path, line) => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// A flag that is set elsewhere than on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Given {
    /// Its long name.
    pub(super) flag: String,
    pub(super) values: Vec<String>,
    pub(super) origin: Origin,
}

/// What counts, besides the command line.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) given: Vec<Given>,
    /// What is left out, as it cannot be used with the flag that is named.
    pub(super) left_out: Vec<(Given, String)>,
}

impl Layers {
    /// `args` with what else sets flags of the command that `parsed` is of; a recipe's part is added
    /// by the command itself.
    ///
    /// # Errors
    /// [`BadInput`] for what a flag cannot be.
    pub(super) fn complete(
        &self,
        root: &Command,
        args: &[OsString],
        parsed: &ArgMatches,
    ) -> Result<(Vec<OsString>, Chosen), BadInput> {
        let (words, parsed) = innermost(parsed);
        let command = flag::find(root, &words).unwrap_or(root);
        let chosen = self.choose(command, &words, parsed);
        let mut added = Vec::new();
        for given in &chosen.given {
            if !matches!(given.origin, Origin::Recipe(_))
                && let Some((_, arg)) = flags(command).find(|(long, _)| *long == given.flag)
            {
                let said = arguments(&given.flag, arg, &given.values);
                added.extend(said.map_err(|what| BadInput(anyhow!("{}: {what}", given.origin)))?);
            }
        }
        // What follows `--` is no flag.
        let end = args.iter().position(|arg| arg == "--");
        let (before, after) = args.split_at(end.unwrap_or(args.len()));
        Ok(([before, &added, after].concat(), chosen))
    }

    /// What counts of a command: of what cannot go together, the nearer.
    fn choose(&self, command: &Command, words: &[String], parsed: &ArgMatches) -> Chosen {
        let recipe = self.recipe(command, words, parsed);
        let said = command.get_arguments().filter(|arg| is_said(parsed, arg));
        let said = said.filter_map(|arg| Some((arg.get_long()?, arg)));
        let mut present: Vec<_> = said
            .map(|(long, arg)| (arg, stands_for(long, &said_values(parsed, arg))))
            .collect();
        let unsaid = flags(command).filter(|(_, arg)| !is_said(parsed, arg));
        let given = unsaid.filter_map(|(long, arg)| {
            let given = self.given(words, long, arg, recipe.as_ref())?;
            Some((long, arg, given))
        });
        let (near, far): (Vec<_>, Vec<_>) =
            given.partition(|(.., given)| matches!(given.origin, Origin::Variable(_)));
        let mut chosen = Chosen::default();
        for layer in [near, far] {
            let higher = present.clone();
            for (long, arg, given) in layer {
                let says_something =
                    arguments(long, arg, &given.values).is_ok_and(|a| !a.is_empty());
                let meant = stands_for(long, &given.values);
                let rival = higher.iter().find(|(other, other_meant)| {
                    gives_way(command, arg, other) || meant == *other_meant
                });
                match rival.filter(|_| says_something) {
                    Some((rival, _)) => {
                        let rival = rival.get_long().unwrap_or_default().to_owned();
                        chosen.left_out.push((given, rival));
                    }
                    None => {
                        present.extend(says_something.then_some((arg, meant)));
                        chosen.given.push(given);
                    }
                }
            }
        }
        chosen
    }

    /// The recipe that the command is given, if it is given one.
    fn recipe(&self, command: &Command, words: &[String], parsed: &ArgMatches) -> Option<Recipe> {
        Recipe::named(command, |long, arg| {
            if is_said(parsed, arg) {
                let named = parsed.get_raw(arg.get_id().as_str())?.next_back()?;
                return Some((named.to_string_lossy().into_owned(), true));
            }
            let given = self.given(words, long, arg, None)?;
            let is_near = matches!(given.origin, Origin::Variable(_));
            Some((given.values.into_iter().last()?, is_near))
        })
    }

    /// What sets the flag, from the nearest layer on.
    fn given(
        &self,
        words: &[String],
        long: &str,
        arg: &Arg,
        recipe: Option<&Recipe>,
    ) -> Option<Given> {
        let given = |values, origin| Given {
            flag: long.to_owned(),
            values,
            origin,
        };
        let variable = || {
            let (name, values) = self.environment.get(words, long, arg)?;
            Some(given(values, Origin::Variable(name)))
        };
        let file = || {
            let file = self.file.as_ref()?;
            // A flag of all commands stands at the top.
            let setting = file.get(if arg.is_global_set() { &[] } else { words }, long)?;
            let origin = Origin::File(file.path.clone(), setting.line);
            Some(given(setting.values.clone(), origin))
        };
        let recipe_says = |is_near: bool| {
            let recipe = recipe.filter(|recipe| recipe.is_near == is_near)?;
            let value = recipe.says(long)?;
            Some(given(vec![value], Origin::Recipe(recipe.name.clone())))
        };
        variable()
            .or_else(|| recipe_says(true))
            .or_else(file)
            .or_else(|| recipe_says(false))
    }
}

/// The words that name the command, and what was said of it.
fn innermost(mut parsed: &ArgMatches) -> (Vec<String>, &ArgMatches) {
    let mut words = Vec::new();
    while let Some((name, below)) = parsed.subcommand() {
        words.push(name.to_owned());
        parsed = below;
    }
    (words, parsed)
}

/// The values of a flag that is on the command line.
fn said_values(parsed: &ArgMatches, arg: &Arg) -> Vec<String> {
    let values = parsed.get_raw(arg.get_id().as_str()).into_iter().flatten();
    values
        .map(|value| value.to_string_lossy().into_owned())
        .collect()
}

/// Whether the flag is on the command line.
fn is_said(parsed: &ArgMatches, arg: &Arg) -> bool {
    parsed.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::config::{command, lenient};

    /// The command line as completed by variables and a file, without `voicelt` itself.
    fn completed(line: &str, variables: &[(&str, &str)], file: &str) -> (String, Vec<String>) {
        let root = command();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let layers = Layers {
            environment: Environment::of(variables.iter().map(own)),
            file: Some(ConfigFile::parse(Path::new("voicelt.toml"), file, &root).unwrap()),
        };
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let parsed = lenient(&args).unwrap();
        let (args, chosen) = layers.complete(&root, &args, &parsed).unwrap();
        let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        let left_out = chosen.left_out.iter();
        let left_out = left_out.map(|(given, rival)| format!("{} for {rival}", given.flag));
        (args.join(" "), left_out.collect())
    }

    #[test]
    fn the_nearest_layer_sets_a_flag() {
        let file = "[replay]\nspeed = 2\nlimit = 3\nlabel = [\"a=b\", \"c=d\"]\nmessages = true\n";
        let said = |line: &str, variables: &[_]| completed(line, variables, file).0;
        assert_eq!(
            said("voicelt replay a", &[]),
            "voicelt replay a --limit=3 --speed=2 --label=a=b --label=c=d --messages"
        );
        let general = ("VOICELT_SPEED", "4");
        let own = ("VOICELT_REPLAY_SPEED", "5");
        let off = ("VOICELT_MESSAGES", "false");
        let labels = ("VOICELT_LABEL", "x=y\nz=w");
        assert_eq!(
            said("voicelt replay a --limit 1 -- b", &[general, off, labels]),
            "voicelt replay a --limit 1 --speed=4 --label=x=y --label=z=w -- b"
        );
        let said = said(
            "voicelt replay a --label p=q --limit 1",
            &[general, own, off],
        );
        assert_eq!(said, "voicelt replay a --label p=q --limit 1 --speed=5");
    }

    #[test]
    fn what_cannot_go_with_something_nearer_is_left_out() {
        let file = "quiet = true\n[run]\nrequire = \"errors < 1%\"\njson = \"a.json\"\n\
                    strict-verdict = true\n[record]\nkeep = \"audio\"\n";
        let (args, left_out) = completed("voicelt replay a -v", &[], file);
        assert_eq!(
            (args.as_str(), left_out),
            ("voicelt replay a -v", vec!["quiet for verbose".to_owned()])
        );
        let (args, left_out) = completed(
            "voicelt run --find-capacity errors<1% --output b.json",
            &[("VOICELT_ALLOW_INVALID", "true")],
            file,
        );
        assert!(
            args.ends_with("--output b.json --allow-invalid --quiet"),
            "{args}"
        );
        assert_eq!(left_out.len(), 3, "{left_out:?}");
        let (args, _) = completed("voicelt record --timing-only", &[], file);
        assert_eq!(args, "voicelt record --timing-only --quiet");
    }

    #[test]
    fn an_output_is_out_of_place_beside_a_nearer_flag_for_the_same() {
        let file = "[run]\njson = \"a.json\"\nrun-dir = \"kept\"\n[replay]\noutput = \"b.json\"\n";
        let variable = ("VOICELT_RUN_OUTPUT", "c.json");
        for (line, variables, expected, left_out) in [
            (
                "voicelt run -o d.json",
                &[][..],
                "--run-dir=kept",
                "json for output",
            ),
            (
                "voicelt run -o dir",
                &[],
                "--json=a.json",
                "run-dir for output",
            ),
            (
                "voicelt run",
                &[variable],
                "--output=c.json --run-dir=kept",
                "json for output",
            ),
            (
                "voicelt run --json e.json",
                &[variable],
                "--run-dir=kept",
                "output for json",
            ),
            ("voicelt replay a --json e.json", &[], "", "output for json"),
            ("voicelt replay a --run-dir dir", &[], "--output=b.json", ""),
        ] {
            let (args, left) = completed(line, variables, file);
            assert_eq!(args, format!("{line} {expected}").trim_end(), "{line}");
            assert_eq!(left.join(" "), left_out, "{line}");
        }
    }

    #[test]
    fn a_recipe_counts_more_than_the_file_unless_the_file_names_it() {
        let file = "[run]\nusers = 3\nlanguage = \"de\"\n";
        let (args, _) = completed("voicelt run -s light", &[], file);
        assert_eq!(args, "voicelt run -s light --language=de");
        let (args, _) = completed("voicelt run", &[("VOICELT_SCENARIO", "light")], file);
        assert!(!args.contains("--users"), "{args}");
        let (args, _) = completed("voicelt run", &[], &format!("{file}scenario = \"light\"\n"));
        assert!(
            args.contains("--users=3") && args.contains("--scenario=light"),
            "{args}"
        );
    }
}
