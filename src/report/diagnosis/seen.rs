//! What finds a fault: it looks at each turn, and at what all of them showed.

use super::ended::Ended;
use super::failures::Failures;
use super::load::Load;
use super::{Case, Finding};
use crate::results::row::RequestRow;

/// What is known when all turns were seen.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) failures: Failures,
    pub(super) ended: Ended,
    pub(super) load: Load<'a>,
    pub(super) case: Case<'a>,
    /// What was found before.
    pub(super) found: Vec<Finding>,
}

/// Looks for one kind of fault.
pub(super) trait Look: std::fmt::Debug {
    /// Takes in a turn.
    fn add(&mut self, row: &RequestRow);

    /// What there is to say. Failures that it explains are noted as such.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding>;
}

/// One that needs nothing of the turns but their failures.
#[derive(Debug)]
struct WithoutTurns(fn(&mut Seen<'_>) -> Option<Finding>);

impl Look for WithoutTurns {
    fn add(&mut self, _: &RequestRow) {}

    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        self.0(seen)
    }
}

/// Looks by `finding` alone, which needs nothing of the turns but their failures.
pub(super) fn without_turns(finding: fn(&mut Seen<'_>) -> Option<Finding>) -> Box<dyn Look> {
    Box::new(WithoutTurns(finding))
}
