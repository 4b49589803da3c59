//! `voicelt config show`: what each setting is, and where that comes from.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use serde::Serialize;

use super::environment::VARIABLE;
use super::file::FILE;
use super::flag::{self, flags};
use super::given::Given;
use super::layers::Layers;
use super::names::subcommand;
use super::{parser, refusal};
use crate::cli::exit::BadInput;
use crate::cli::outputs::Format;
use crate::cli::secrets::shown;
use crate::units::plain_lines;

/// Show what each setting is and where that comes from: a variable, a recipe, the file, the default
///
/// A flag of the command line takes precedence, then a variable of the environment
/// (VOICELT_REPLAY_SPEED, else VOICELT_SPEED, for `replay --speed`), then a recipe or a scenario, then
/// voicelt.toml in this folder, or the file of --config or VOICELT_CONFIG. Values are checked; secrets
/// are not shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  voicelt config show
  voicelt config show replay
  voicelt config show trace cut --format json")]
pub(super) struct Args {
    /// Command whose settings are shown, such as `replay` or `trace cut`; when none is named, what is
    /// set of any
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// One setting.
#[derive(Debug, PartialEq, Serialize)]
struct Setting {
    /// As in the file: the command's words and the flag, such as `trace.cut.window`.
    name: String,
    /// Nothing for what is not set.
    values: Vec<String>,
    /// `variable`, `recipe`, `file`, `default` or `unset`.
    origin: &'static str,
    /// The variable, the recipe, or the file and the line in it.
    #[serde(rename = "where")]
    place: Option<String>,
}

/// A variable that sets nothing.
#[derive(Debug, Serialize)]
struct Unused {
    variable: String,
    advice: String,
}

/// All that is shown.
#[derive(Debug, Default, Serialize)]
struct Shown {
    /// The file that was read.
    file: Option<String>,
    settings: Vec<Setting>,
    /// What is overridden, as it cannot be used with something that takes precedence.
    left_out: Vec<String>,
    unused_variables: Vec<Unused>,
}

/// Shows the settings.
///
/// # Errors
/// [`BadInput`] for a command that there is not; otherwise a failure to write.
pub(super) fn run(args: &Args, parser: &Command, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let root = &parser::root(parser);
    let layers = Layers::find(file, root)?;
    let mut found = Shown {
        file: layers.file.as_ref().map(|file| file.path.clone()),
        ..Shown::default()
    };
    let mut words = args.command.iter();
    let command = words.try_fold(root, |above, word| subcommand(above, word));
    let command = command.map_err(|what| BadInput(anyhow!(what)))?;
    for words in below(command, &args.command) {
        if let Some(refused) = found.add(&words, parser, root, &layers, args.command.is_empty())? {
            return Ok(refused);
        }
    }
    let unused = layers.environment.unused(root).into_iter();
    found.unused_variables = unused
        .map(|(variable, advice)| Unused { variable, advice })
        .collect();
    args.format
        .print(&found, || plain_lines(&found.text()).into_owned())?;
    Ok(ExitCode::SUCCESS)
}

/// The commands that can be run below `command`, or itself, each as the words that name it; and what
/// is above all of them.
fn below(command: &Command, words: &[String]) -> Vec<Vec<String>> {
    let own = words.is_empty() || !command.has_subcommands();
    let mut found: Vec<_> = own.then(|| words.to_vec()).into_iter().collect();
    for subcommand in command.get_subcommands() {
        let words = [words, &[subcommand.get_name().to_owned()]].concat();
        found.extend(below(subcommand, &words));
    }
    found
}

impl Shown {
    /// Adds the settings of the command; of each that is one of `many`, only its own that are set. If
    /// a value is refused, that is said, and the exit code is returned.
    fn add(
        &mut self,
        words: &[String],
        parser: &Command,
        root: &Command,
        layers: &Layers,
        many: bool,
    ) -> anyhow::Result<Option<ExitCode>> {
        let program = [OsString::from("voicelt")].into_iter();
        let line: Vec<_> = program.chain(words.iter().map(OsString::from)).collect();
        let (line, chosen) = layers.complete(root, &line, &parser::lenient(parser, &line)?)?;
        if let Err(error) = parser.clone().try_get_matches_from(line)
            && is_about_values(error.kind())
        {
            return Ok(Some(refusal::say(&error, &chosen.given, &[])));
        }
        let command = flag::find(root, words).unwrap_or(root);
        for (long, arg) in flags(command) {
            let given = chosen.given.iter().find(|given| given.flag == long);
            let is_shown = match many {
                true if words.is_empty() => true,
                true => given.is_some() && !arg.is_global_set(),
                false => true,
            };
            if is_shown {
                let global = words.is_empty() || arg.is_global_set();
                let words = if global { &[] } else { words };
                let setting = setting(words, long, arg, given);
                // Those of all commands once.
                if !self.settings.contains(&setting) {
                    self.settings.push(setting);
                }
            }
        }
        for (given, rival) in &chosen.left_out {
            let flag = &given.flag;
            let place = &given.origin.place;
            let said = format!("{place}: `{flag}` is overridden by `{rival}`");
            if !self.left_out.contains(&said) {
                self.left_out.push(said);
            }
        }
        Ok(None)
    }

    fn text(&self) -> String {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => format!("no {FILE} in this folder, and neither --config nor {VARIABLE}"),
        };
        let rows = self.settings.iter().map(|setting| {
            let value = match setting.values.as_slice() {
                [] => "-".to_owned(),
                values => values.join(", "),
            };
            let place = setting.place.as_deref().unwrap_or(setting.origin);
            [setting.name.clone(), value, place.to_owned()]
        });
        let rows: Vec<_> = rows.collect();
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or(0).min(40)
        };
        let (names, values) = (width(0), width(1));
        let mut text = format!("file: {file}\n");
        for [name, value, place] in &rows {
            text += &format!("{name:names$}  {value:values$}  {place}\n");
        }
        for left_out in &self.left_out {
            text += &format!("left out: {left_out}\n");
        }
        for unused in &self.unused_variables {
            text += &format!("sets nothing: {}; {}\n", unused.variable, unused.advice);
        }
        text
    }
}

/// Whether arguments were refused for what they are, and not for what is missing.
fn is_about_values(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue
            | ErrorKind::ValueValidation
            | ErrorKind::TooManyValues
            | ErrorKind::TooFewValues
            | ErrorKind::WrongNumberOfValues
            | ErrorKind::ArgumentConflict
    )
}

fn setting(words: &[String], long: &str, arg: &Arg, given: Option<&Given>) -> Setting {
    let (values, origin, place) = match given {
        Some(given) => {
            let values = given.values.iter().map(|value| shown(long, value));
            let origin = &given.origin;
            (values.collect(), origin.kind, Some(origin.place.clone()))
        }
        None => match default(arg) {
            values if values.is_empty() => (values, "unset", None),
            values => (values, "default", None),
        },
    };
    Setting {
        name: [words, &[long.to_owned()]].concat().join("."),
        values,
        origin,
        place,
    }
}

/// The default of the flag; where the command works it out, what its help says of it.
fn default(arg: &Arg) -> Vec<String> {
    let declared = arg.get_default_values().iter();
    let declared: Vec<_> = declared
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    if !declared.is_empty() {
        return declared;
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let told = help.split_once("[default: ");
    let told = told.and_then(|(_, rest)| rest.rsplit_once(']'));
    told.map(|(told, _)| told.to_owned()).into_iter().collect()
}
