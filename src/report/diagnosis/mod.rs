//! What is likely wrong, in words and with figures: the findings that a run's rows support.
//!
//! Rows are taken in one by one (`Evidence`), and little is kept of each. A file a finding: what
//! it needs to see, and when it is said. Nothing is said of a run that shows nothing unusual; a
//! failure that one finding explains is no evidence for the next. Whatever the failures are, where
//! they are more than 1 % of the turns, there is a finding that names the most frequent error.

mod admission;
mod broken;
mod chance;
mod concentrated;
mod count;
mod ended;
mod errors_at_load;
mod failures;
mod finding;
mod flagged;
mod flood;
mod frequent;
mod generator;
mod known_limits;
mod limit;
mod load;
mod measure;
mod messages;
mod moved;
mod outliers;
mod pool;
mod queueing;
mod refused;
mod seen;
mod slots;
mod stage_reached;
mod stages;
mod stream_limit;
#[cfg(test)]
mod tests;
mod traits;
mod unopened;
mod unread;
mod values;

use crate::results::answer::AnswerKind;
use crate::results::row::RequestRow;

use ended::Ended;
use failures::Failures;
pub(super) use failures::clock;
pub(super) use finding::Case;
pub use finding::{Finding, Kind};
use flagged::{CUT_OFF, Flagged, OWNER_UNCERTAIN};
use load::Load;
use seen::{Look, Seen, without_turns};

/// What is kept of a run's turns for its findings.
#[derive(Debug)]
pub(super) struct Evidence {
    failures: Failures,
    ended: Ended,
    looks: Vec<Box<dyn Look>>,
}

impl Evidence {
    /// Nothing seen yet of a server that answers with `answers`.
    pub(super) fn of(answers: AnswerKind) -> Evidence {
        Evidence {
            failures: Failures::of(answers),
            ended: Ended::default(),
            // What explains more of the failures comes first: it leaves none for the others.
            looks: vec![
                without_turns(|seen| generator::finding(seen.case)),
                without_turns(|seen| moved::finding(seen.case)),
                Box::<unopened::Sessions>::default(),
                Box::<slots::Waits>::default(),
                without_turns(flood::finding),
                without_turns(refused::shed),
                without_turns(refused::policy),
                without_turns(refused::own),
                Box::<stream_limit::Ages>::default(),
                Box::new(admission::Calls::of(answers)),
                without_turns(concentrated::finding),
                without_turns(errors_at_load::finding),
                Box::<pool::Waiting>::default(),
                Box::new(stages::Answers::of(answers)),
                without_turns(frequent::finding),
                Box::new(Flagged::of(CUT_OFF)),
                Box::new(Flagged::of(OWNER_UNCERTAIN)),
                Box::new(queueing::ByLoad::of(answers)),
                Box::new(outliers::Slowest::of(answers)),
                Box::<unread::Waits>::default(),
            ],
        }
    }

    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        self.failures.add(row);
        self.ended.add(row);
        self.looks.iter_mut().for_each(|look| look.add(row));
    }

    /// What the turns show.
    pub(super) fn findings(self, case: Case<'_>) -> Vec<Finding> {
        let mut seen = Seen {
            failures: self.failures,
            ended: self.ended,
            load: Load::of(case.timeline),
            case,
            found: Vec::new(),
        };
        for look in self.looks {
            let finding = look.finding(&mut seen);
            seen.found.extend(finding);
        }
        seen.found.sort_by_key(|finding| finding.kind);
        seen.found
    }
}
