//! A finding, and what findings are made of besides the turns.

use serde::{Deserialize, Serialize};

use crate::report::stats::Percentiles;
use crate::results::manifest::RunManifest;
use crate::results::row::TimelineRow;

/// What a finding is about, in the order in which findings are shown: those before may explain
/// those after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The load did not leave when it should.
    GeneratorLate,
    /// The gateway's name led to other addresses.
    NameMoved,
    /// Connections to an address did not come to be, or late.
    ConnectionsFailed,
    /// Connections were closed for too much traffic: GOAWAY with ENHANCE_YOUR_CALM.
    ConnectionFlood,
    /// Streams were refused, or waited for a place on a connection.
    StreamSlots,
    /// What was sent on open streams was not taken.
    NotRead,
    /// Sessions or answers were refused by a code that says that the load is too much.
    LoadShed,
    /// Sessions were closed for a violation of the server's policy.
    PolicyClose,
    /// Sessions were closed with codes that are the server's own.
    OwnClose,
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
pub(in crate::report) struct Case<'a> {
    /// The run.
    pub(in crate::report) run: &'a RunManifest,
    /// Its seconds, in order.
    pub(in crate::report) timeline: &'a [TimelineRow],
    /// The longest time that a server took to be ready for a session; 0 where none said so.
    pub(in crate::report) ready_wait_max_ns: i64,
    /// The time to the answer of the requests that headline figures are over.
    pub(in crate::report) response: Option<Percentiles>,
}
