//! Scenarios: recipes of what users do, some of them built in.

use std::path::Path;

use anyhow::{Context, anyhow};

use super::behaviour::Behaviour;
use crate::cli::exit::BadInput;
use crate::cli::recipe::parse;

/// The scenarios that are built in: name and recipe.
pub(super) const BUILT_IN: [(&str, &str); 6] = [
    (
        "baseline",
        include_str!("../../../traces/scenarios/baseline.toml"),
    ),
    (
        "light",
        include_str!("../../../traces/scenarios/light.toml"),
    ),
    (
        "medium",
        include_str!("../../../traces/scenarios/medium.toml"),
    ),
    (
        "heavy",
        include_str!("../../../traces/scenarios/heavy.toml"),
    ),
    (
        "spike",
        include_str!("../../../traces/scenarios/spike.toml"),
    ),
    (
        "endurance",
        include_str!("../../../traces/scenarios/endurance.toml"),
    ),
];

/// A scenario: its name, and what its users do.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) behaviour: Behaviour,
}

impl Scenario {
    /// The scenario of that name, or of that file; `audio` in a file counts from its folder.
    ///
    /// # Errors
    /// [`BadInput`] for neither, and for a file that cannot be read, with the line of the mistake.
    pub(super) fn find(named: &str) -> Result<Scenario, BadInput> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == named) {
            return read(name, named, text);
        }
        let path = Path::new(named);
        if path.extension().is_none_or(|extension| extension != "toml") {
            let names: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            return Err(BadInput(anyhow!(
                "--scenario {named}: there is no such scenario; use {}, or a recipe such as my-day.toml",
                names.join(", ")
            )));
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("--scenario {named}"));
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut scenario = read(&name, named, &text.map_err(BadInput)?)?;
        if let (Some(folder), Some(audio)) = (path.parent(), &mut scenario.behaviour.audio) {
            *audio = folder.join(&*audio);
        }
        Ok(scenario)
    }
}

/// The text of the scenario of that name, or of that file.
///
/// # Errors
/// The system's, for a file that cannot be read.
pub(crate) fn text(named: &str) -> std::io::Result<String> {
    match BUILT_IN.iter().find(|(name, _)| *name == named) {
        Some((_, text)) => Ok((*text).to_owned()),
        None => std::fs::read_to_string(named),
    }
}

fn read(name: &str, shown: &str, text: &str) -> Result<Scenario, BadInput> {
    Ok(Scenario {
        name: name.to_owned(),
        behaviour: parse(&format!("scenario {shown}"), text)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::manifest::Stage;
    use crate::units::NS_PER_S;

    fn shape(name: &str) -> (Vec<[i64; 3]>, f64, Option<u32>) {
        let scenario = Scenario::find(name).unwrap();
        let resolved = scenario.behaviour.resolve().unwrap().users;
        let stage = |stage: &Stage| {
            let seconds = [stage.ramp_ns, stage.hold_ns].map(|ns| ns / NS_PER_S);
            [i64::from(stage.users), seconds[0], seconds[1]]
        };
        let think_s = *resolved.think_ns.start() as f64 / NS_PER_S as f64;
        (
            resolved.stages.iter().map(stage).collect(),
            think_s,
            resolved.requests_per_user,
        )
    }

    #[test]
    fn the_built_in_scenarios_are_these() {
        assert_eq!(shape("baseline"), (vec![[1, 0, 30]], 2.0, Some(10)));
        assert_eq!(shape("light"), (vec![[5, 10, 120], [0, 5, 0]], 2.0, None));
        assert_eq!(
            shape("medium"),
            (vec![[20, 30, 300], [0, 10, 0]], 1.5, None)
        );
        assert_eq!(shape("heavy"), (vec![[50, 60, 300], [0, 15, 0]], 1.0, None));
        assert_eq!(shape("spike"), (vec![[100, 5, 30], [0, 5, 0]], 0.5, None));
        assert_eq!(
            shape("endurance"),
            (vec![[20, 30, 1800], [0, 10, 0]], 3.0, None)
        );
    }

    #[test]
    fn a_scenario_of_ones_own_has_stages_and_its_mistakes_have_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("day.toml");
        let find = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Scenario::find(path.to_str().unwrap())
        };
        let text = "audio = \"calls\"\n[[stages]]\nusers = 5\nramp = \"2s\"\nhold = \"1m\"\n\
                    [[stages]]\nusers = 0\nramp = true\n";
        let scenario = find(text);
        assert!(scenario.unwrap_err().to_string().contains("line 8"));
        let scenario = find(&text.replace("= true", "= 3")).unwrap();
        assert_eq!(scenario.name, "day");
        assert_eq!(scenario.behaviour.audio, Some(dir.path().join("calls")));
        assert_eq!(scenario.behaviour.resolve().unwrap().users.stages.len(), 2);
        let flags = Behaviour::default();
        assert!(flags.or(scenario.behaviour).is_ok());
        let error = find("users = 1\nspeed = 2\n").unwrap_err().to_string();
        assert!(error.contains("line 2: unknown field `speed`"), "{error}");
        let error = Scenario::find("lite").unwrap_err().to_string();
        assert!(
            error.contains("lite") && error.contains("endurance"),
            "{error}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "users = 0",
            "duration = \"0s\"",
            "chunk = \"1500us\"",
            "[[stages]]\nusers = 0\nhold = \"1s\"",
            "users = 2\n[[stages]]\nusers = 3\nhold = \"1s\"",
        ] {
            let behaviour: Behaviour = toml::from_str(text).unwrap();
            assert!(behaviour.resolve().is_err(), "{text}");
        }
    }
}
