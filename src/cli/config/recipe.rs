//! What a recipe or a scenario says itself: there it is heard before `voicelt.toml`.

use std::collections::BTreeSet;

use crate::cli::run::scenario_text;

/// The flags of a run of one stage; a scenario with stages says all of them.
const OF_ONE_STAGE: [&str; 4] = ["users", "duration", "ramp-up", "ramp-down"];

/// The flag of the command that names a recipe, if it has one.
pub(super) fn flag_of(command: &[String]) -> Option<&'static str> {
    match command {
        [one] if one == "prepare" => Some("recipe"),
        [one] if one == "run" => Some("scenario"),
        _ => None,
    }
}

/// The flags that the recipe of that name sets; none where it cannot be read, which is said later.
pub(super) fn says(flag: &str, named: &str) -> BTreeSet<String> {
    let text = match flag {
        "scenario" => scenario_text(named),
        _ => std::fs::read_to_string(named),
    };
    let table = text.ok().and_then(|text| text.parse::<toml::Table>().ok());
    let mut said: BTreeSet<String> = table.into_iter().flatten().map(|(key, _)| key).collect();
    if said.contains("stages") {
        said.extend(OF_ONE_STAGE.map(str::to_owned));
    }
    said
}
