//! Files that set flags: `voicelt.toml` has a table for each command, such as `[replay]` or
//! `[trace.cut]`, whose keys are the long names of its flags; a recipe is one such table.

use std::path::Path;

use anyhow::{Context, anyhow};
use clap::{Arg, Command, ValueHint};
use toml::de::{DeTable, DeValue};

use super::flag::{NAMING, STAGE, arguments, flags, is_list, is_switch, named, names};
use super::given::{Given, Origin};
use super::names::subcommand;
use crate::cli::exit::BadInput;
use crate::cli::stage::stage;
use crate::units::spelling::unknown;

/// The file that is read where no other is named.
pub(super) const FILE: &str = "voicelt.toml";
/// The stages of a scenario, a table each, and what one has.
const STAGES: &str = "stages";
const MEMBERS: [&str; 3] = ["users", "ramp", "hold"];

/// A text that sets flags.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// `recipe` or `file`.
    pub(super) kind: &'static str,
    /// How messages call it.
    pub(super) name: String,
    /// What relative paths in it count from.
    pub(super) folder: &'a Path,
}

/// What a file gives: the words that name the command, none for flags of all, and the flag.
#[derive(Debug)]
pub(super) struct SettingsFile {
    pub(super) path: String,
    settings: Vec<(Vec<String>, Given)>,
}

impl SettingsFile {
    /// Reads the file at `path`; relative paths in it count from its folder.
    ///
    /// # Errors
    /// [`BadInput`] for one that cannot be read, and what it has that `root` does not know, with its
    /// line.
    pub(super) fn open(path: &Path, root: &Command) -> Result<SettingsFile, BadInput> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the settings file {}", path.display()));
        SettingsFile::parse(path, &text.map_err(BadInput)?, root)
    }

    pub(super) fn parse(path: &Path, text: &str, root: &Command) -> Result<SettingsFile, BadInput> {
        let source = Source {
            kind: "file",
            name: path.display().to_string(),
            folder: path.parent().unwrap_or(Path::new("")),
        };
        let settings = read(&source, text, root)?;
        Ok(SettingsFile {
            path: source.name,
            settings,
        })
    }

    /// What it gives of the command.
    pub(super) fn given(&self, words: &[String]) -> Vec<Given> {
        // Flags of all commands stand at the top.
        let here = |of: &[String]| of.is_empty() || of == words;
        let settings = self.settings.iter().filter(|(of, _)| here(of));
        settings.map(|(_, given)| given.clone()).collect()
    }
}

/// Reads what `text` gives of `command` and of those below it, each flag with the words that name its
/// command from there.
///
/// # Errors
/// [`BadInput`] for what is no TOML or unknown, with its line.
pub(super) fn read(
    source: &Source<'_>,
    text: &str,
    command: &Command,
) -> Result<Vec<(Vec<String>, Given)>, BadInput> {
    let mut reading = Reading {
        source,
        text,
        settings: Vec::new(),
    };
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        reading.refused(at, error.message())
    })?;
    reading.table(command, &[], table.get_ref())?;
    Ok(reading.settings)
}

/// What has been read.
struct Reading<'a> {
    source: &'a Source<'a>,
    text: &'a str,
    settings: Vec<(Vec<String>, Given)>,
}

impl Reading<'_> {
    /// Where this offset in the text is.
    fn place(&self, at: usize) -> String {
        let before = &self.text[..at.min(self.text.len())];
        let line = 1 + before.matches('\n').count();
        format!("{}, line {line}", self.source.name)
    }

    fn refused(&self, at: usize, what: &str) -> BadInput {
        BadInput(anyhow!("{}: {what}", self.place(at)))
    }

    /// Reads what a table gives of `command`, which `words` name.
    fn table(
        &mut self,
        command: &Command,
        words: &[String],
        table: &DeTable<'_>,
    ) -> Result<(), BadInput> {
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            if let Some(below) = value
                .get_ref()
                .as_table()
                .filter(|_| command.has_subcommands())
            {
                let below_it = subcommand(command, name);
                let below_it = below_it.map_err(|what| self.refused(at, &what))?;
                let words = [words, &[name.to_owned()]].concat();
                self.table(below_it, &words, below)?;
                continue;
            }
            let given = self.setting(command, words, (name, at), value.get_ref())?;
            let mut settings = self.settings.iter();
            if settings.any(|(of, other)| of == words && other.flag == given.flag) {
                let what = format!(
                    "`{name}` is another name of `{}`; keep one of them",
                    given.flag
                );
                return Err(self.refused(at, &what));
            }
            self.settings.push((words.to_vec(), given));
        }
        Ok(())
    }

    /// The flag of `command` that `name` sets in its table.
    fn setting(
        &self,
        command: &Command,
        words: &[String],
        (name, at): (&str, usize),
        value: &DeValue<'_>,
    ) -> Result<Given, BadInput> {
        let refused = |what: String| self.refused(at, &what);
        let is_stages = name == STAGES && named(command, STAGE).is_some();
        let sought = if is_stages { STAGE } else { name };
        let (long, arg) = self.settable(command, words, sought).map_err(refused)?;
        let mut values = match is_stages {
            true => self.stages(at, value)?,
            false => {
                texts(value, is_list(arg)).map_err(|what| refused(format!("`{name}` {what}")))?
            }
        };
        if is_switch(arg) && value.as_bool().is_none() {
            return Err(refused(format!(
                "`{name}` is a switch; set it to true or false"
            )));
        }
        for value in &mut values {
            *value = self.located(long, arg, value);
        }
        arguments(long, arg, &values).map_err(|what| refused(format!("`{name}`: {what}")))?;
        Ok(Given {
            flag: long.to_owned(),
            values,
            origin: Origin {
                kind: self.source.kind,
                place: self.place(at),
            },
        })
    }

    /// The flag of the command that `name` sets in its table.
    ///
    /// # Errors
    /// That there is none, or that it is set elsewhere.
    fn settable<'a>(
        &self,
        command: &'a Command,
        words: &[String],
        name: &str,
    ) -> Result<(&'a str, &'a Arg), String> {
        let is_recipe = self.source.kind == "recipe";
        let is_here = |arg: &Arg| (words.is_empty() && !is_recipe) || !arg.is_global_set();
        match flags(command).find(|(_, arg)| names(arg).any(|known| known == name)) {
            Some((long, _)) if is_recipe && NAMING.contains(&long) => Err(format!(
                "`{long}` cannot be set here: a recipe does not name another"
            )),
            Some((long, arg)) if is_here(arg) => Ok((long, arg)),
            Some((long, _)) => Err(format!(
                "`{long}` is a setting of all commands; set it at the top of {}",
                if is_recipe { FILE } else { "the file" }
            )),
            None => {
                let here = flags(command).filter(|(_, arg)| is_here(arg));
                let here = here.map(|(long, _)| long);
                let here = here.filter(|long| !(is_recipe && NAMING.contains(long)));
                Err(unknown("setting", name, here))
            }
        }
    }

    /// Stages as `--stage` has them.
    fn stages(&self, at: usize, stages: &DeValue<'_>) -> Result<Vec<String>, BadInput> {
        let no_stage = |at| {
            self.refused(
                at,
                "a stage is `[[stages]]` with `users`, `ramp` and `hold`",
            )
        };
        let mut read = Vec::new();
        for item in stages.as_array().ok_or_else(|| no_stage(at))? {
            let at = item.span().start;
            let table = item.get_ref().as_table().ok_or_else(|| no_stage(at))?;
            let mut parts = ["0", "0s", "0s"].map(str::to_owned);
            for (key, value) in table {
                let (name, at) = (key.get_ref().as_ref(), key.span().start);
                let refused = |what: String| self.refused(at, &what);
                let place = MEMBERS.iter().position(|member| *member == name);
                let place = place.ok_or_else(|| {
                    refused(unknown("setting of a stage", name, MEMBERS.into_iter()))
                })?;
                let text = texts(value.get_ref(), false);
                parts[place] = text
                    .map_err(|what| refused(format!("`{name}` {what}")))?
                    .concat();
                stage(&parts.join(":")).map_err(|what| refused(format!("`{name}`: {what}")))?;
            }
            if !table.contains_key(MEMBERS[0]) {
                return Err(
                    self.refused(at, "a stage needs `users`: how many there are at its end")
                );
            }
            read.push(parts.join(":"));
        }
        Ok(read)
    }

    /// The value of a flag; if it is a path, as it is called from here.
    fn located(&self, long: &str, arg: &Arg, value: &str) -> String {
        let from_here = |path: &str| self.source.folder.join(path).to_string_lossy().into_owned();
        match value.strip_prefix("file:") {
            Some(path) if long == "arrivals" => format!("file:{}", from_here(path)),
            _ if arg.get_value_hint() == ValueHint::AnyPath => from_here(value),
            // The others are built in.
            _ if ["dialect", "scenario"].contains(&long) && value.ends_with(".toml") => {
                from_here(value)
            }
            _ => value.to_owned(),
        }
    }
}

/// The values as the command line would have them.
fn texts(value: &DeValue<'_>, is_list: bool) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(items) if is_list => {
            let each = items.iter().map(|item| texts(item.get_ref(), false));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::parser::tests::root;

    fn read(text: &str) -> Result<SettingsFile, String> {
        let file = SettingsFile::parse(Path::new("conf/voicelt.toml"), text, &root());
        file.map_err(|error| error.to_string())
    }

    fn values_of(file: &SettingsFile, command: &str, flag: &str) -> Vec<String> {
        let words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
        let given = file.given(&words);
        let given = given.into_iter().find(|given| given.flag == flag);
        given.unwrap().values
    }

    #[test]
    fn values_are_read_as_the_command_line_has_them() {
        let file = read(
            "quiet = true\n[replay]\nlimit = 1_0\nspeed = 1.5\nhtml = \"a.html\"\nforce = false\n\
             label = [\"a=b\", \"c=d\"]\nverbose = 2\nrequire = \"errors < 1%\"\n\
             [trace.cut]\nwindow = \"1s..2s\"\n[run]\nscenario = \"day.toml\"\n\
             [prepare]\narrivals = \"file:starts.csv\"\naudio = [\"a\", \"/b\"]\n",
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
        assert_eq!(values_of(&file, "prepare", "audio"), ["conf/a", "/b"]);
        let given = file.given(&words);
        let places = given
            .iter()
            .map(|given| (given.flag.as_str(), given.origin.place.as_str()));
        let at = |line| format!("conf/voicelt.toml, line {line}");
        assert_eq!(
            places.collect::<Vec<_>>(),
            [("quiet", &*at(1)), ("window", &*at(11))]
        );
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
