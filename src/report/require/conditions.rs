//! What makes a turn good enough for a caller: conditions on its latencies.

use std::fmt;

use super::comparison::Comparison;
use crate::results::exclusion::Exclusion;
use crate::results::metrics::Latency;
use crate::results::row::RequestRow;

/// Conditions that a good turn meets all of, such as `response < 800ms and final < 1s`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions(pub(super) Vec<Condition>);

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) latency: &'static Latency,
    pub(super) comparison: Comparison,
    pub(super) limit_ns: f64,
    /// The limit as it was written.
    pub(super) limit_text: String,
}

impl PartialEq for Condition {
    /// Whether both mean the same, however the limit was written.
    fn eq(&self, other: &Condition) -> bool {
        let key = |of: &Condition| (of.latency.name, of.comparison, of.limit_ns);
        key(self) == key(other)
    }
}

impl Conditions {
    /// Whether a turn of the headline figures is good: a success that meets every condition, and what a
    /// turn does not have meets none; `None` for a turn that is left out of them.
    #[must_use]
    pub fn good(&self, row: &RequestRow) -> Option<bool> {
        let is_met = |condition: &Condition| {
            let ns = condition.latency.of(row);
            ns.is_some_and(|ns| condition.comparison.holds(ns as f64, condition.limit_ns))
        };
        let is_measured = Exclusion::of(row).is_none();
        is_measured.then(|| row.status.is_success() && self.0.iter().all(is_met))
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, condition) in self.0.iter().enumerate() {
            let joint = if i == 0 { "" } else { " and " };
            let (name, sign) = (condition.latency.name, condition.comparison.sign());
            write!(f, "{joint}{name} {sign} {}", condition.limit_text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};

    fn conditions(text: &str) -> Conditions {
        text.parse().unwrap()
    }

    #[test]
    fn a_good_turn_is_a_success_that_meets_every_condition() {
        // Answered 200 ms and as many more as its number after its end; final after 50 ms.
        let met = |text: &str, row: &RequestRow| conditions(text).good(row).unwrap();
        assert!(met("response < 210ms and final <= 50ms", &row(9)));
        assert!(!met("response < 210ms and final <= 50ms", &row(10)));
        assert!(!met("response < 210ms and final < 50ms", &row(9)));
        assert!(met("response >= 210ms", &row(10)));
        let failed = RequestRow {
            status: Status::Error,
            ..row(0)
        };
        assert!(!met("response < 1h", &failed));
        let silent = unanswered(0, Status::NoAnswer);
        assert!(!met("response < 1h", &silent) && !met("response > 0s", &silent));
        // Ok, but nobody spoke over it.
        assert!(!met("barge_in_stop < 1h", &row(0)));
        let left_out = RequestRow {
            early_endpoint: true,
            ..row(0)
        };
        assert_eq!(conditions("response < 1h").good(&left_out), None);
    }

    #[test]
    fn conditions_are_the_same_however_they_are_written() {
        let one = conditions("response<800ms   and  final <1s");
        assert_eq!(one.to_string(), "response < 800ms and final < 1s");
        assert_eq!(one, conditions("response < 0.8s and final < 1000ms"));
        assert_ne!(one, conditions("response <= 0.8s and final < 1000ms"));
        assert_ne!(one, conditions("response < 800ms"));
    }
}
