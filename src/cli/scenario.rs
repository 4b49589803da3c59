//! Scenarios: recipes of what users do, some of them built in.

use std::path::Path;

use anyhow::anyhow;

use super::exit::BadInput;

macro_rules! recipes {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!("../../traces/scenarios/", $name, ".toml")))),+]
    };
}

/// The scenarios that are built in: name and recipe.
pub(super) const BUILT_IN: [(&str, &str); 6] =
    recipes!["baseline", "light", "medium", "heavy", "spike", "endurance"];

/// The recipe of the scenario of that name that is built in; none where a file is named.
///
/// # Errors
/// [`BadInput`] for what is neither.
pub(super) fn built_in(named: &str) -> Result<Option<&'static str>, BadInput> {
    let found = BUILT_IN.iter().find(|(name, _)| *name == named);
    let is_file = Path::new(named).extension().is_some_and(|of| of == "toml");
    match found {
        None if !is_file => {
            let names = BUILT_IN.map(|(name, _)| name).join(", ");
            Err(BadInput(anyhow!(
                "--scenario {named}: there is no such scenario; use {names}, or a recipe such as my-day.toml"
            )))
        }
        found => Ok(found.map(|(_, text)| *text)),
    }
}

/// What a scenario is called in runs.
pub(super) fn name_of(named: &str) -> String {
    let name = Path::new(named).file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
