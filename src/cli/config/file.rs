//! `voicelt.toml`: a table for each command, such as `[replay]` or `[trace.cut]`, whose keys are the
//! long names of its flags.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Arg, Command, ValueHint};
use toml::de::{DeTable, DeValue};

use super::flag::{arguments, flags, is_list, is_switch, names};
use crate::cli::exit::BadInput;

/// How alike a name must be to be offered for one that is unknown, of 1.
const ALIKE: f64 = 0.75;

/// What the file says.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    settings: Vec<Setting>,
}

/// One flag of one command, as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    /// The words that name the command; none for flags of all.
    command: Vec<String>,
    flag: String,
    pub(super) values: Vec<String>,
    pub(super) line: usize,
}

impl ConfigFile {
    /// Reads the file; relative paths in it count from its folder.
    ///
    /// # Errors
    /// [`BadInput`] for one that cannot be read, and what it has that `root` does not know, with its
    /// line.
    pub(super) fn read(path: &Path, root: &Command) -> Result<ConfigFile, BadInput> {
        let shown = path.display();
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("the settings file {shown}"));
        ConfigFile::parse(path, &text.map_err(BadInput)?, root)
    }

    pub(super) fn parse(path: &Path, text: &str, root: &Command) -> Result<ConfigFile, BadInput> {
        let line = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
        let refused = |at: usize, what: String| {
            BadInput(anyhow!("{}, line {}: {what}", path.display(), line(at)))
        };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            refused(at, error.message().to_owned())
        })?;
        let mut reading = Reading {
            folder: path.parent().unwrap_or(Path::new("")),
            settings: Vec::new(),
        };
        let read = reading.table(root, &[], table.get_ref());
        read.map_err(|(at, what)| refused(at, what))?;
        let mut settings = reading.settings;
        for setting in &mut settings {
            setting.line = line(setting.line);
        }
        let path = path.to_owned();
        Ok(ConfigFile { path, settings })
    }

    /// What it says of the flag of the command.
    pub(super) fn get(&self, command: &[String], flag: &str) -> Option<&Setting> {
        let mut all = self.settings.iter();
        all.find(|setting| setting.command == command && setting.flag == flag)
    }
}

/// What has been read; a line is an offset in the text until all has been.
struct Reading<'a> {
    folder: &'a Path,
    settings: Vec<Setting>,
}

impl Reading<'_> {
    /// Reads what a table says of `command`, which `words` name.
    ///
    /// # Errors
    /// Where it is wrong, as an offset, and what.
    fn table(
        &mut self,
        command: &Command,
        words: &[String],
        table: &DeTable<'_>,
    ) -> Result<(), (usize, String)> {
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let fail = |what: String| (at, what);
            if let Some(below) = value.get_ref().as_table() {
                let subcommand = command.find_subcommand(name).ok_or_else(|| {
                    let known = command.get_subcommands().map(Command::get_name);
                    fail(unknown("command", name, known))
                })?;
                let words = [words, &[name.to_owned()]].concat();
                self.table(subcommand, &words, below)?;
                continue;
            }
            let (long, arg) = settable(command, words, name).map_err(fail)?;
            let mut read = self.settings.iter();
            if read.any(|setting| setting.command == words && setting.flag == long) {
                return Err(fail(format!(
                    "`{name}` is another name of `{long}`; keep one of them"
                )));
            }
            let read = values(value.get_ref(), is_list(arg));
            let mut values = read.map_err(|what| fail(format!("`{name}` {what}")))?;
            if is_switch(arg) && value.get_ref().as_bool().is_none() {
                return Err(fail(format!(
                    "`{name}` is a switch; set it to true or false"
                )));
            }
            for value in &mut values {
                *value = self.located(long, arg, value);
            }
            arguments(long, arg, &values).map_err(|what| fail(format!("`{name}`: {what}")))?;
            self.settings.push(Setting {
                command: words.to_vec(),
                flag: long.to_owned(),
                values,
                line: at,
            });
        }
        Ok(())
    }
}

/// The flag of the command that `name` sets in its table.
///
/// # Errors
/// That there is none, or that it is set elsewhere.
fn settable<'a>(
    command: &'a Command,
    words: &[String],
    name: &str,
) -> Result<(&'a str, &'a Arg), String> {
    let is_here = |arg: &Arg| words.is_empty() || !arg.is_global_set();
    match flags(command).find(|(_, arg)| names(arg).any(|known| known == name)) {
        Some((long, arg)) if is_here(arg) => Ok((long, arg)),
        Some((long, _)) => Err(format!(
            "`{long}` is a setting of all commands; set it at the top of the file"
        )),
        None => {
            let here = flags(command).filter(|(_, arg)| is_here(arg));
            Err(unknown("setting", name, here.map(|(long, _)| long)))
        }
    }
}

impl Reading<'_> {
    /// The value of a flag; if it is a path, as it is called from here.
    fn located(&self, long: &str, arg: &Arg, value: &str) -> String {
        let from_here = |path: &str| self.folder.join(path).to_string_lossy().into_owned();
        match value.strip_prefix("file:") {
            Some(path) if long == "arrivals" => format!("file:{}", from_here(path)),
            _ if arg.get_value_hint() == ValueHint::AnyPath => from_here(value),
            // The others are built in.
            _ if long == "scenario" && value.ends_with(".toml") => from_here(value),
            _ => value.to_owned(),
        }
    }
}

/// The values as the command line would have them.
fn values(value: &DeValue<'_>, is_list: bool) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(items) if is_list => {
            let each = items.iter().map(|item| values(item.get_ref(), false));
            Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
        }
        DeValue::Array(_) => Err("takes one value, not several".to_owned()),
        DeValue::String(text) => Ok(vec![text.to_string()]),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            let number = read.map_err(|error| format!("is no number: {error}"))?;
            Ok(vec![number.to_string()])
        }
        DeValue::Float(number) => Ok(vec![number.as_str().to_owned()]),
        DeValue::Boolean(is_on) => Ok(vec![is_on.to_string()]),
        DeValue::Datetime(_) => Err("is a date; write it in quotes".to_owned()),
        DeValue::Table(_) => Err("is a table".to_owned()),
    }
}

/// The one of `known` that is spelt most like `name`, if any is.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let most = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    most.filter(|most| likeness(most) >= ALIKE)
}

/// That there is no such thing, and which one is meant.
pub(super) fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("there is no {kind} `{name}`; is `{nearest}` meant?"),
        None => format!(
            "there is no {kind} `{name}`; there are {}",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::command;

    fn read(text: &str) -> Result<ConfigFile, String> {
        let file = ConfigFile::parse(Path::new("conf/voicelt.toml"), text, &command());
        file.map_err(|error| error.to_string())
    }

    fn values_of(file: &ConfigFile, command: &str, flag: &str) -> Vec<String> {
        let words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
        file.get(&words, flag).unwrap().values.clone()
    }

    #[test]
    fn values_are_read_as_the_command_line_has_them() {
        let file = read(
            "quiet = true\n[replay]\nlimit = 1_0\nspeed = 1.5\nhtml = \"a.html\"\nforce = false\n\
             label = [\"a=b\", \"c=d\"]\nverbose = 2\nrequire = \"errors < 1%\"\n\
             [trace.cut]\nwindow = \"1s..2s\"\n[run]\nscenario = \"day.toml\"\n\
             [prepare]\narrivals = \"file:starts.csv\"\n",
        )
        .unwrap();
        assert_eq!(values_of(&file, "", "quiet"), ["true"]);
        assert_eq!(values_of(&file, "replay", "limit"), ["10"]);
        assert_eq!(values_of(&file, "replay", "speed"), ["1.5"]);
        assert_eq!(values_of(&file, "replay", "html"), ["conf/a.html"]);
        assert_eq!(values_of(&file, "replay", "force"), ["false"]);
        assert_eq!(values_of(&file, "replay", "label"), ["a=b", "c=d"]);
        assert_eq!(values_of(&file, "replay", "require"), ["errors < 1%"]);
        assert_eq!(values_of(&file, "trace cut", "window"), ["1s..2s"]);
        assert_eq!(values_of(&file, "run", "scenario"), ["conf/day.toml"]);
        assert_eq!(
            values_of(&file, "prepare", "arrivals"),
            ["file:conf/starts.csv"]
        );
        let words = ["trace".to_owned(), "cut".to_owned()];
        assert_eq!(file.get(&words, "window").unwrap().line, 11);
        assert_eq!(file.get(&words, "where"), None);
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_what_is_meant() {
        for (text, said) in [
            (
                "[replay]\nlimt = 1",
                "line 2: there is no setting `limt`; is `limit` meant?",
            ),
            (
                "\n[repaly]\nlimit = 1",
                "line 2: there is no command `repaly`; is `replay` meant?",
            ),
            (
                "[trace.qqq]\na = 1",
                "there is no command `qqq`; there are info, check",
            ),
            (
                "[replay]\nlimit = [1, 2]",
                "line 2: `limit` takes one value, not several",
            ),
            (
                "[replay]\nforce = 1",
                "line 2: `force` is a switch; set it to true or false",
            ),
            ("[replay]\nverbose = 10", "`10` is no number up to 9"),
            ("[replay]\nuntil = 2026-01-01", "write it in quotes"),
            ("[replay]\nconfig = \"x\"", "there is no setting `config`"),
            ("[replay]\nquiet = true", "set it at the top of the file"),
            ("[replay\n", "line 1: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{error}");
            assert!(error.starts_with("conf/voicelt.toml, line "), "{error}");
        }
    }
}
