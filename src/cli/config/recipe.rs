//! What a recipe or a scenario says itself: unless `voicelt.toml` names it, it takes precedence over that.

use clap::{Arg, Command};
use toml::{Table, Value};

use super::flag::flags;
use crate::cli::run::scenario_text;

/// The flags that name a recipe.
const FLAGS: [&str; 2] = ["recipe", "scenario"];
/// The flags of a run of one stage; a scenario with stages says all of them.
const OF_ONE_STAGE: [&str; 4] = ["users", "duration", "ramp-up", "ramp-down"];

/// A recipe that is used.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The flag and what it names, such as `scenario light`.
    pub(super) name: String,
    /// Whether it was named nearer than in `voicelt.toml`.
    pub(super) is_near: bool,
    says: Table,
}

impl Recipe {
    /// The recipe that the command is given, by what `value` gives for a flag: its value, and whether
    /// that is from nearer than `voicelt.toml`. None where it cannot be read, which is said later.
    pub(super) fn named(
        command: &Command,
        value: impl Fn(&str, &Arg) -> Option<(String, bool)>,
    ) -> Option<Recipe> {
        let (long, arg) = flags(command).find(|(long, _)| FLAGS.contains(long))?;
        let (named, is_near) = value(long, arg)?;
        let text = match long {
            "scenario" => scenario_text(&named),
            _ => std::fs::read_to_string(&named),
        };
        Some(Recipe {
            name: format!("{long} {named}"),
            is_near,
            says: text.ok()?.parse().ok()?,
        })
    }

    /// What it says of the flag.
    pub(super) fn says(&self, long: &str) -> Option<String> {
        let key = match self.says.contains_key("stages") && OF_ONE_STAGE.contains(&long) {
            true => "stages",
            false => long,
        };
        Some(match self.says.get(key)? {
            Value::String(text) => text.clone(),
            other if key == "stages" => {
                let stages = other.as_array().map_or(0, Vec::len);
                format!("{stages} stages")
            }
            other => other.to_string(),
        })
    }
}
