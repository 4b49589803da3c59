//! What is likely wrong, in words and with figures: the findings that a run's rows support.
//!
//! Rows are taken in one by one (`Evidence`), and little is kept of each. A file a finding: what
//! it needs to see, and when it is said. Nothing is said of a run that shows nothing unusual; a
//! failure that one finding explains is no evidence for the next. Whatever the failures are, where
//! they are more than 1 % of the turns, there is a finding that names the most frequent error.

mod admission;
mod broken;
mod concentrated;
mod count;
mod cut_off;
mod errors_at_load;
mod failures;
mod flood;
mod frequent;
mod generator;
mod known_limits;
mod load;
mod messages;
mod moved;
mod outliers;
mod owners;
mod pool;
mod queueing;
mod shared;
mod slots;
mod stage_reached;
mod stages;
mod stream_limit;
#[cfg(test)]
mod tests;
mod traits;

use serde::{Deserialize, Serialize};

use super::stats::Percentiles;
use crate::results::manifest::RunManifest;
use crate::results::row::{RequestRow, TimelineRow};

pub(super) use failures::clock;

/// What a finding is about, in the order in which findings are shown: those before may explain
/// those after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The load did not leave when it should.
    GeneratorLate,
    /// The gateway's name led to other addresses.
    NameMoved,
    /// Connections were closed for too much traffic: GOAWAY with ENHANCE_YOUR_CALM.
    ConnectionFlood,
    /// Streams were refused, or waited for a place on a connection.
    StreamSlots,
    /// Streams break off at one age or size.
    StreamLimit,
    /// Calls are refused at once whenever so many are open.
    AdmissionLimit,
    /// Most failures are of one replica, address, connection, language or clip.
    OnePartFails,
    /// Turns fail from some load on.
    ErrorsAtLoad,
    /// Turns get no answer whenever so many wait for one.
    PoolLimit,
    /// Answers come as far as one stage, and stop there.
    AnswersStop,
    /// The most frequent error of failures that are more than 1 %.
    FrequentError,
    /// Callers are cut off before they have spoken.
    CutOff,
    /// It cannot be told whose answers many are.
    OwnerUncertain,
    /// Answers take longer the more sessions there are.
    Queueing,
    /// A few answers take far longer than the others.
    Outliers,
}

/// One thing that is likely wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub kind: Kind,
    /// What is wrong, in a line.
    pub title: String,
    /// The figures that show it, in sentences.
    pub evidence: String,
    /// What to do.
    pub advice: String,
}

/// What findings are made of besides the turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    /// The run.
    pub(super) run: &'a RunManifest,
    /// Its seconds, in order.
    pub(super) timeline: &'a [TimelineRow],
    /// The response time of the requests that headline figures are over.
    pub(super) response: Option<Percentiles>,
}

/// What is kept of a run's turns for its findings.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    failures: failures::Failures,
    ages: stream_limit::Ages,
    slots: slots::Waits,
    turns: errors_at_load::Turns,
    calls: admission::Calls,
    waiting: pool::Waiting,
    answers: stages::Answers,
    cut_off: cut_off::CutOff,
    owners: owners::Owners,
    responses: queueing::ByLoad,
    slowest: outliers::Slowest,
}

impl Evidence {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        self.failures.add(row);
        self.ages.add(row);
        self.slots.add(row);
        self.turns.add(row);
        self.calls.add(row);
        self.waiting.add(row);
        self.answers.add(row);
        self.cut_off.add(row);
        self.owners.add(row);
        self.responses.add(row);
        self.slowest.add(row);
    }

    /// What the turns show.
    pub(super) fn findings(mut self, case: Case<'_>) -> Vec<Finding> {
        let failures = &mut self.failures;
        let load = load::Load::of(case.timeline);
        let slots = self.slots.finding(failures, &load, case);
        let never_began = slots.is_some();
        let mut found: Vec<Finding> = [
            generator::finding(case),
            moved::finding(case),
            slots,
            flood::finding(failures, &load),
            self.ages.finding(failures),
            // Each of the failures that are left.
            self.calls.finding(failures),
            concentrated::finding(failures),
            self.turns.finding(failures, &load),
            self.waiting.finding(failures),
            self.answers.finding(failures),
            frequent::finding(failures, never_began),
            self.cut_off.finding(),
            self.owners.finding(),
            self.responses.finding(),
            self.slowest.finding(case, &self.turns),
        ]
        .into_iter()
        .flatten()
        .collect();
        found.sort_by_key(|finding| finding.kind);
        found
    }
}
