//! What a recipe or a scenario gives: it is as the table of its command in `voicelt.toml`, in a file of
//! its own.

use std::path::Path;

use anyhow::Context;
use clap::Command;

use super::file::{Source, read};
use super::given::Given;
use crate::cli::exit::BadInput;
use crate::cli::scenario::built_in;

/// What the recipe gives that is named by the flag `naming` of `command`.
///
/// # Errors
/// [`BadInput`] for one that cannot be read, and what it has that the command does not know, with its
/// line.
pub(super) fn given(naming: &str, named: &str, command: &Command) -> Result<Vec<Given>, BadInput> {
    let path = Path::new(named);
    let built_in = match naming {
        "scenario" => built_in(named)?,
        _ => None,
    };
    let from_disk = || {
        let text = std::fs::read_to_string(path);
        text.with_context(|| format!("--{naming} {named}"))
    };
    let text = built_in.map_or_else(from_disk, |text| Ok(text.to_owned()));
    let source = Source {
        kind: "recipe",
        name: format!("{naming} {named}"),
        folder: path.parent().unwrap_or(Path::new("")),
    };
    let read = read(&source, &text.map_err(BadInput)?, command)?;
    let mut given: Vec<Given> = read.into_iter().map(|(_, given)| given).collect();
    if built_in.is_some() {
        // Its lines are not at hand.
        for given in &mut given {
            given.origin.place.clone_from(&source.name);
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::flag::find;
    use crate::cli::config::parser::tests::root;
    use crate::cli::scenario::BUILT_IN;

    /// What a recipe gives, as `flag=value` each, and where the last stands.
    fn read(naming: &str, named: &str) -> Result<(Vec<String>, String), String> {
        let root = root();
        let command = if naming == "recipe" { "prepare" } else { "run" };
        let given = given(naming, named, find(&root, &[command]).unwrap());
        let given = given.map_err(|error| format!("{:#}", error.0))?;
        let place = given.last().map(|given| given.origin.place.clone());
        let said = given.into_iter().map(|given| {
            let Given { flag, values, .. } = given;
            format!("{flag}={}", values.join(" "))
        });
        Ok((said.collect(), place.unwrap_or_default()))
    }

    /// As [`read`], of a text in the folder `recipes`.
    fn of_text(naming: &str, text: &str) -> Result<(Vec<String>, String), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        let folder = dir.path().display().to_string() + "/";
        let here = |text: String| text.replace(&folder, "recipes/");
        match read(naming, path.to_str().unwrap()) {
            Ok((said, place)) => Ok((said.into_iter().map(here).collect(), here(place))),
            Err(error) => Err(here(error)),
        }
    }

    #[test]
    fn keys_are_the_flags_of_the_command_and_paths_count_from_the_recipe() {
        let text = "seed = 3\naudio = [\"calls\", \"/music\"]\narrivals = \"file:starts.csv\"\n\
                    normalize = -23\nhang = 0.1\nstrict = true\nspeech-labels = \"../labels.csv\"\n";
        let (said, place) = of_text("recipe", text).unwrap();
        assert_eq!(
            said,
            [
                "arrivals=file:recipes/starts.csv",
                "audio=recipes/calls /music",
                "hang=0.1",
                "normalize=-23",
                "seed=3",
                "speech-labels=recipes/../labels.csv",
                "strict=true",
            ]
        );
        assert_eq!(place, "recipe recipes/mine.toml, line 6");
    }

    #[test]
    fn stages_are_tables() {
        let text = "think-time = 2\n[[stages]]\nusers = 10\nramp = \"30s\"\nhold = \"2m\"\n\
                    [[stages]]\nusers = 0\nramp = 1.5\n";
        let (said, _) = of_text("scenario", text).unwrap();
        assert_eq!(said, ["stage=10:30s:2m 0:1.5:0s", "think-time=2"]);
        let (said, _) = of_text("scenario", "stage = [\"3:0s:1s\"]\n").unwrap();
        assert_eq!(said, ["stage=3:0s:1s"]);
    }

    #[test]
    fn each_built_in_scenario_is_read() {
        for (name, _) in BUILT_IN {
            let (said, place) = read("scenario", name).unwrap();
            assert!(
                said.iter().any(|said| said.starts_with("users=")),
                "{said:?}"
            );
            assert_eq!(place, format!("scenario {name}"));
        }
        let (said, _) = read("scenario", "spike").unwrap();
        assert!(said.contains(&"ramp-up=5s".to_owned()), "{said:?}");
        let error = read("scenario", "lite").unwrap_err();
        assert!(
            error.contains("lite") && error.contains("endurance"),
            "{error}"
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line_and_what_is_meant() {
        for (naming, text, said) in [
            (
                "recipe",
                "seed = 1\nspede = 2",
                "line 2: there is no setting `spede`; is `seed` meant?",
            ),
            (
                "recipe",
                "audio = [\"a\"]\nspeed = 2",
                "line 2: there is no setting `speed`; ",
            ),
            (
                "recipe",
                "stages = [1]",
                "line 1: there is no setting `stages`; ",
            ),
            (
                "recipe",
                "hang = [1, 2]",
                "line 1: `hang` takes one value, not several",
            ),
            ("recipe", "[hang]\na = 1", "line 1: `hang` is a table"),
            (
                "recipe",
                "recipe = \"b.toml\"",
                "line 1: `recipe` cannot be set here",
            ),
            (
                "recipe",
                "list = 1",
                "line 1: `list` is a switch; set it to true or false",
            ),
            (
                "scenario",
                "quiet = true",
                "line 1: `quiet` is a setting of all commands",
            ),
            (
                "scenario",
                "users = 1\n[[stages]]\nramp = 1",
                "line 2: a stage needs `users`",
            ),
            (
                "scenario",
                "[[stages]]\nusers = 1\nhold = true",
                "line 3: `hold`: `true` is not a dur",
            ),
            (
                "scenario",
                "[[stages]]\nusers = \"x\"",
                "line 2: `users`: `x` is no number of users",
            ),
            (
                "scenario",
                "[[stages]]\nusers = 1\nholds = 2",
                "line 3: there is no setting of a stage `holds`; is `hold` meant?",
            ),
            (
                "scenario",
                "[[stages]]\nusers = 1\n[[stages]]\nusrs = 1",
                "line 4: there is no setting of a stage `usrs`; is `users` meant?",
            ),
            (
                "scenario",
                "[[stages]]\nusers = 1\n[[stages]]\nramp = 1",
                "line 3: a stage needs `users`",
            ),
            (
                "scenario",
                "stages = 3",
                "line 1: a stage is `[[stages]]` with `users`",
            ),
            ("scenario", "users = ", "line 1: "),
        ] {
            let error = of_text(naming, text).unwrap_err();
            let start = format!("{naming} recipes/mine.toml, line ");
            assert!(error.starts_with(&start) && error.contains(said), "{error}");
        }
        let error = read("recipe", "nowhere.toml").unwrap_err();
        assert!(
            error.starts_with("--recipe nowhere.toml: No such file"),
            "{error}"
        );
    }
}
