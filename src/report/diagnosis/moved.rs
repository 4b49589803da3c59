//! The gateway's name led to other addresses during the run.

use super::failures::clock;
use super::{Case, Finding, Kind};
use crate::results::manifest::AddressChange;
use crate::units::counted;

/// Changes that are named; a name that moves all the time has many.
const NAMED: usize = 4;

/// Said whenever an address came or went: figures by address are then of different times.
pub(super) fn finding(case: Case<'_>) -> Option<Finding> {
    let changes = &case.run.address_changes;
    if changes.is_empty() {
        return None;
    }
    let one = |change: &AddressChange| {
        let verb = if change.came { "came" } else { "went" };
        format!("{} {verb} at {}", change.address, clock(change.at_ns))
    };
    let named: Vec<_> = changes.iter().take(NAMED).map(one).collect();
    let more = match changes.len() - named.len() {
        0 => String::new(),
        more => format!(", and {}", counted(more as u64, "more change")),
    };
    Some(Finding {
        kind: Kind::NameMoved,
        title: "The gateway's name moved during the run".to_owned(),
        evidence: format!("{}{more}.", named.join(", ")),
        advice:
            "Calls that began after a change went where the name led by then; compare figures by \
                 address with that in mind. --resolve-every 0 looks the name up again only for \
                 connections that are refused or lost."
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::manifest;

    #[test]
    fn each_change_is_named_up_to_a_few() {
        let mut run = manifest();
        let said = |run: &_| {
            let case = Case {
                run,
                timeline: &[],
                ready_wait_max_ns: 0,
                response: None,
            };
            finding(case).map(|finding| finding.evidence)
        };
        assert_eq!(said(&run), None);
        let change = |second: i64, came| AddressChange {
            at_ns: second * 1_000_000_000,
            address: "10.0.0.1:1".to_owned(),
            came,
        };
        run.address_changes = vec![change(7, false), change(71, true)];
        let both = "10.0.0.1:1 went at 0m07s, 10.0.0.1:1 came at 1m11s.";
        assert_eq!(said(&run).as_deref(), Some(both));
        run.address_changes = (0..6).map(|second| change(second, true)).collect();
        assert!(said(&run).unwrap().ends_with("0m03s, and 2 more changes."));
    }
}
