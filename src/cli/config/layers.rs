//! Which of the environment, a recipe and `voicelt.toml` sets a flag that is not on the command line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::environment::{Environment, VARIABLE};
use super::file::{FILE, SettingsFile};
use super::flag::{self, NAMING, arguments, flags, is_overridden, stands_for};
use super::given::Given;
use super::recipe;
use crate::cli::exit::BadInput;

/// What there is besides the command line.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) environment: Environment,
    pub(super) file: Option<SettingsFile>,
}

/// What takes effect, besides the command line.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) given: Vec<Given>,
    /// What is left out, as it cannot be used with the flag that is named.
    pub(super) left_out: Vec<(Given, String)>,
}

impl Layers {
    /// The environment, and the file: the one that is named, else the one of this folder, if there is
    /// one.
    ///
    /// # Errors
    /// A file that cannot be read, or that sets what `root` does not have.
    pub(super) fn find(named: Option<&Path>, root: &Command) -> Result<Layers, BadInput> {
        let from_environment = || std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        let named = named.map(Path::to_owned);
        let named = named.or_else(|| from_environment().map(PathBuf::from));
        let usual = || Some(PathBuf::from(FILE)).filter(|path| path.exists());
        let file = named.or_else(usual);
        let file = file
            .map(|path| SettingsFile::open(&path, root))
            .transpose()?;
        Ok(Layers {
            environment: Environment::of_process(),
            file,
        })
    }

    /// `args` with what else sets flags of the command that `parsed` is of.
    ///
    /// # Errors
    /// [`BadInput`] for what a flag cannot be, and a recipe that cannot be read.
    pub(super) fn complete(
        &self,
        root: &Command,
        args: &[OsString],
        parsed: &ArgMatches,
    ) -> Result<(Vec<OsString>, Chosen), BadInput> {
        let (words, parsed) = innermost(parsed);
        let command = flag::find(root, &words).unwrap_or(root);
        let chosen = choose(command, parsed, self.listed(command, &words, parsed)?);
        let (mut added, mut operands) = (Vec::new(), Vec::new());
        for Given {
            flag,
            values,
            origin,
        } in &chosen.given
        {
            if let Some(arg) = flag::named(command, flag) {
                let said = arguments(flag, arg, values)
                    .map_err(|what| BadInput(anyhow!("{}: {what}", origin.place)))?;
                match arg.is_positional() {
                    true => operands.extend(said),
                    false => added.extend(said),
                }
            }
        }
        // What follows `--` is no flag.
        let end = args.iter().position(|arg| arg == "--");
        let (before, after) = args.split_at(end.unwrap_or(args.len()));
        if !operands.is_empty() && end.is_none() {
            operands.insert(0, "--".into());
        }
        Ok(([before, &added, after, &operands].concat(), chosen))
    }

    /// What each layer gives of the command, the one that takes precedence first.
    fn listed(
        &self,
        command: &Command,
        words: &[String],
        parsed: &ArgMatches,
    ) -> Result<Vec<Vec<Given>>, BadInput> {
        let environment = self.environment.given(command, words);
        let file = self.file.as_ref();
        let file = file.map_or(Vec::new(), |file| file.given(words));
        let Some((naming, arg)) = flags(command).find(|(long, _)| NAMING.contains(long)) else {
            return Ok(vec![environment, file]);
        };
        let names = |layer: &[Given]| {
            let given = layer.iter().find(|given| given.flag == naming)?;
            given.values.last().cloned()
        };
        let said = is_said(parsed, arg).then(|| said_values(parsed, arg).pop());
        let near = said.flatten().or_else(|| names(&environment));
        let read = |named: String| recipe::given(naming, &named, command);
        Ok(match (near, names(&file)) {
            (Some(near), _) => vec![environment, read(near)?, file],
            (None, Some(far)) => vec![environment, file, read(far)?],
            (None, None) => vec![environment, file],
        })
    }
}

/// What takes effect of the layers of a command: of a flag what the first layer gives that has it, and
/// of flags that cannot go together those of the first.
fn choose(command: &Command, parsed: &ArgMatches, layers: Vec<Vec<Given>>) -> Chosen {
    let said = flags(command).filter(|(_, arg)| is_said(parsed, arg));
    let mut settled: BTreeSet<String> = said.map(|(long, _)| long.to_owned()).collect();
    let mut present: Vec<(&Arg, String)> = command
        .get_arguments()
        .filter(|arg| is_said(parsed, arg))
        .filter_map(|arg| Some((arg, stands_for(arg.get_long()?, &said_values(parsed, arg)))))
        .collect();
    let mut chosen = Chosen::default();
    for layer in layers {
        let higher = present.clone();
        for given in layer {
            let Some(arg) = flag::named(command, &given.flag) else {
                continue;
            };
            if !settled.insert(given.flag.clone()) {
                continue;
            }
            let says_something =
                arguments(&given.flag, arg, &given.values).is_ok_and(|said| !said.is_empty());
            let meant = stands_for(&given.flag, &given.values);
            let rival = higher.iter().find(|(other, other_meant)| {
                is_overridden(command, arg, other) || meant == *other_meant
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
    use crate::cli::Cli;
    use crate::cli::config::parser::{lenient, root};
    use clap::CommandFactory;

    /// The command line as completed by variables and a file, without `voicelt` itself.
    fn completed(line: &str, variables: &[(&str, &str)], file: &str) -> (String, Vec<String>) {
        let parser = Cli::command();
        let root = root(&parser);
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let layers = Layers {
            environment: Environment::of(variables.iter().map(own)),
            file: Some(SettingsFile::parse(Path::new("voicelt.toml"), file, &root).unwrap()),
        };
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let parsed = lenient(&parser, &args).unwrap();
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
            "voicelt replay a --label=a=b --label=c=d --limit=3 --messages --speed=2"
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
    fn a_recipe_takes_precedence_over_the_file_unless_the_file_names_it() {
        let file = "[run]\nusers = 3\nlanguage = \"de\"\n";
        let (args, _) = completed("voicelt run -s light", &[], file);
        assert!(
            args.contains("--users=5") && args.ends_with("--language=de"),
            "{args}"
        );
        let (args, _) = completed("voicelt run", &[("VOICELT_SCENARIO", "light")], file);
        assert!(!args.contains("--users=3"), "{args}");
        let (args, _) = completed("voicelt run", &[], &format!("{file}scenario = \"light\"\n"));
        assert!(
            args.contains("--users=3") && args.contains("--scenario=light"),
            "{args}"
        );
    }
}
