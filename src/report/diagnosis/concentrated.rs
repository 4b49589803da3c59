//! Failures of which most lie on one replica, address, connection, language or clip.

use std::collections::HashSet;

use super::failures::{Failure, Failures};
use super::shared::{chance_of_draw, most_frequent};
use super::traits::TRAITS;
use super::{Finding, Kind};
use crate::units::{counted, grouped, percent};

/// Fewer failures are no evidence.
const FEWEST: usize = 5;
/// Largest chance that failures which have nothing to do with each other share a value.
const CHANCE: f64 = 2e-4;

/// Said when three of five failures or more are of one value that few others have.
pub(super) fn finding(failures: &mut Failures) -> Option<Finding> {
    let number = (0..TRAITS.len()).find_map(|number| concentrated(failures, number))?;
    let Concentrated {
        number,
        value,
        count,
        of,
        calls,
        all,
    } = number;
    let (one, every) = (&TRAITS[number], failures.every());
    let name = failures.traits().values(number)?.name(value)?.to_owned();
    let noun = if one.is_of_turn { "turn" } else { "call" };
    let count = count as u64 * every;
    let mut evidence = format!(
        "{} of the {} that failed ({}) were of {} {name}, which had {} of all {noun}s: {} of its {} failed.",
        grouped(count),
        counted(of as u64 * every, noun),
        percent(count, of as u64 * every),
        one.name,
        percent(calls, all),
        grouped(count),
        grouped(calls),
    );
    let is_of_it = |failure: &Failure| failure.traits[number] == Some(value);
    evidence += &failures.explain(is_of_it);
    Some(Finding {
        kind: Kind::OnePartFails,
        title: format!("Most failures are of {} {name}", one.name),
        evidence,
        advice: match one.name {
            "replica" | "peer" => {
                "Look at its log, its load and its hardware, and at whether what balances the load \
                 notices that it fails."
            }
            "connection" => {
                "Look at where this connection ends: the replica or proxy behind it, and whether it \
                 was cut without a word."
            }
            _ => "Look at what the gateway and its models make of it.",
        }
        .to_owned(),
    })
}

/// Failures of which most have one value.
struct Concentrated {
    /// The number of the trait, and of its value.
    number: usize,
    value: u32,
    /// Failures that have it, and all.
    count: usize,
    of: usize,
    /// Calls or turns that have it, and all.
    calls: u64,
    all: u64,
}

fn concentrated(failures: &Failures, number: usize) -> Option<Concentrated> {
    let mut sessions = HashSet::new();
    let is_of_turn = TRAITS[number].is_of_turn;
    let units = failures.unexplained();
    // A call fails once, however many of its turns do.
    let units: Vec<Option<u32>> = units
        .filter(|failure| is_of_turn || sessions.insert(failure.session))
        .map(|failure| failure.traits[number])
        .collect();
    let (value, count) = most_frequent(units.iter().copied().flatten())?;
    if count < FEWEST || count * 5 < units.len() * 3 {
        return None;
    }
    let values = failures.traits().values(number)?;
    let (calls, all) = (values.count(value), values.all());
    let known = units.iter().flatten().count();
    // Of thinned failures so many calls stand for the others.
    let thinned = |calls: u64| usize::try_from(calls / failures.every()).unwrap_or(usize::MAX);
    let chance = chance_of_draw(count, thinned(calls), known, thinned(all));
    (chance < CHANCE).then_some(Concentrated {
        number,
        value,
        count,
        of: units.len(),
        calls,
        all,
    })
}
