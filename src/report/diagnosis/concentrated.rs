//! Failures of which most lie on one replica, address, connection, language or clip.

use std::collections::HashSet;

use super::chance::chance_of_draw;
use super::count::Count;
use super::failures::Failures;
use super::traits::Trait;
use super::values::{Values, most_frequent};
use super::{Finding, Kind, Seen};
use crate::units::{counted, grouped, percent};

/// Fewer failures are no evidence.
const FEWEST: usize = 5;
/// Largest chance that failures which have nothing to do with each other share a value.
const CHANCE: f64 = 2e-4;

/// Said when three of five failures or more are of one value that few others have.
pub(super) fn finding(seen: &mut Seen<'_>) -> Option<Finding> {
    let failures = &mut seen.failures;
    let found = failures.traits.iter().find_map(|(place, one, values)| {
        let (value, of) = concentrated(failures, place, one, values)?;
        Some((place, one, values, value, of))
    });
    let (place, one, values, value, of) = found?;
    let part = values.count(value);
    let noun = if one.is_of_turn { "turn" } else { "call" };
    let what = format!("{} {}", one.name, values.name(value)?);
    let mut evidence = format!(
        "{} of the {} that failed ({}) were of {what}, which had {} of all {noun}s: {} of its {} failed.",
        grouped(of.failed),
        counted(of.turns, noun),
        of.percent(),
        percent(part, values.all()),
        grouped(of.failed),
        grouped(part),
    );
    let advice = match one.name {
        "replica" | "peer" => {
            "Look at its log, its load and its hardware, and at whether what balances the load \
             notices that it fails."
        }
        "connection" => {
            "Look at where this connection ends: the replica or proxy behind it, and whether it \
             was cut without a word."
        }
        _ => "Look at what the gateway and its models make of it.",
    };
    evidence += &failures.explain(|failure| failure.traits[place] == Some(value));
    Some(Finding {
        kind: Kind::OnePartFails,
        title: format!("Most failures are of {what}"),
        evidence,
        advice: advice.to_owned(),
    })
}

/// The value that most failures have and few others, and failures that have it among all.
fn concentrated(
    failures: &Failures,
    place: usize,
    one: &Trait,
    values: &Values,
) -> Option<(u32, Count)> {
    let mut sessions = HashSet::new();
    // A call fails once, however many of its turns do.
    let units: Vec<Option<u32>> = failures
        .unexplained()
        .filter(|failure| one.is_of_turn || sessions.insert(failure.session))
        .map(|failure| failure.traits[place])
        .collect();
    let (value, count) = most_frequent(units.iter().copied().flatten())?;
    if count < FEWEST || count * 5 < units.len() * 3 {
        return None;
    }
    let known = units.iter().flatten().count();
    // Of thinned failures so many calls stand for the others.
    let every = failures.every;
    let thinned = |calls: u64| usize::try_from(calls / every).unwrap_or(usize::MAX);
    let (part, all) = (thinned(values.count(value)), thinned(values.all()));
    let of = Count {
        turns: units.len() as u64 * every,
        failed: count as u64 * every,
    };
    (chance_of_draw(count, part, known, all) < CHANCE).then_some((value, of))
}
