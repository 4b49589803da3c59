//! Names that are unknown, and which one is meant.

use clap::Command;

/// How alike a name must be to be offered for one that is unknown, of 1.
const ALIKE: f64 = 0.75;

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

/// The command of that name below `command`.
///
/// # Errors
/// That there is none.
pub(super) fn subcommand<'a>(command: &'a Command, name: &str) -> Result<&'a Command, String> {
    command.find_subcommand(name).ok_or_else(|| {
        let known = command.get_subcommands().map(Command::get_name);
        unknown("command", name, known)
    })
}
