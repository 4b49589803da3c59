//! Calls that are refused at once whenever so many are open: a limit of admission.

use std::collections::{BTreeMap, HashMap};

use super::count::Count;
use super::failures::{Sign, session_hash};
use super::limit::Limit;
use super::{Finding, Kind, Look, Seen};
use crate::report::end_code::EndCode;
use crate::results::answer::AnswerKind;
use crate::results::row::{RequestRow, Status};
use crate::units::{NS_PER_S, counted};

/// Calls that are looked at; of a run with more of them nothing is said.
const MOST_CALLS: usize = 1 << 17;
/// What ends sooner after it was opened was refused at once.
const AT_ONCE_NS: i64 = NS_PER_S;
/// Fewer calls that are refused are no evidence.
const FEWEST: u64 = 3;
/// Least likelihood ratio (2 ln Λ) of two shares against one.
const LEAST_RATIO: f64 = 10.0;

/// When calls were open.
#[derive(Debug, Default)]
pub(super) struct Calls {
    answers: AnswerKind,
    calls: HashMap<u64, Span>,
    overflown: bool,
}

/// One call.
#[derive(Debug, Clone, Copy)]
struct Span {
    from_ns: i64,
    /// `None` while it is not known to have ended.
    to_ns: Option<i64>,
    refused: bool,
}

impl Look for Calls {
    fn add(&mut self, row: &RequestRow) {
        if self.overflown {
            return;
        }
        let to_ns = row.closed_ns;
        let call = self.calls.entry(session_hash(row)).or_insert(Span {
            from_ns: i64::MAX,
            to_ns,
            refused: false,
        });
        call.to_ns = call.to_ns.max(to_ns);
        if row.turn == 0 {
            call.from_ns = row.opened_ns.unwrap_or(row.intended_start_ns);
            call.refused = is_refused(row, call.from_ns) && !self.answers.is_answered(row);
        }
        if self.calls.len() > MOST_CALLS {
            self.calls = HashMap::new();
            self.overflown = true;
        }
    }

    /// Said when calls are refused from a number of open ones on, and taken below it.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let limit = Limit::of(&self.by_open(), LEAST_RATIO, [0, FEWEST])?;
        let open = limit.load;
        let from = format!("that began while {open} or more were open");
        let below = ["that began while fewer were", "were"];
        let mut evidence = limit.said("call", [&from, "were refused at once"], below);
        let refused = |session| self.calls.get(&session).is_some_and(|call| call.refused);
        evidence += &seen.failures.explain(|failure| refused(failure.session));
        Some(Finding {
            kind: Kind::AdmissionLimit,
            title: format!("Calls are refused at once whenever {open} are open"),
            evidence,
            advice: format!(
                "The gateway, or what is in front of it, takes {} at a time: raise that limit \
                 (workers, concurrent sessions, connections of a proxy) if the machine has room for \
                 more, or add replicas.",
                counted(open, "call")
            ),
        })
    }
}

impl Calls {
    pub(super) fn of(answers: AnswerKind) -> Calls {
        Calls {
            answers,
            ..Calls::default()
        }
    }

    /// Calls by the number of others that were open and not refused when they began.
    fn by_open(&self) -> BTreeMap<u64, Count> {
        let known = || self.calls.values().filter(|call| call.from_ns < i64::MAX);
        if known().filter(|call| call.refused).count() < FEWEST as usize {
            return BTreeMap::new();
        }
        let taken = || known().filter(|call| !call.refused);
        let mut starts: Vec<i64> = taken().map(|call| call.from_ns).collect();
        let mut ends: Vec<i64> = taken().filter_map(|call| call.to_ns).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let mut by_open: BTreeMap<u64, Count> = BTreeMap::new();
        for call in known() {
            let began = starts.partition_point(|start| *start < call.from_ns);
            let ended = ends.partition_point(|end| *end <= call.from_ns);
            let count = by_open
                .entry(began.saturating_sub(ended) as u64)
                .or_default();
            count.turns += 1;
            count.failed += u64::from(call.refused);
        }
        by_open
    }
}

/// Whether the first turn of a call, which was not answered, says that it was refused at once, by more than HTTP/2.
fn is_refused(row: &RequestRow, from_ns: i64) -> bool {
    let says_so = EndCode::of_failure(row).is_some() || row.error.is_some();
    let is_at_once = row
        .closed_ns
        .is_none_or(|to_ns| to_ns - from_ns < AT_ONCE_NS);
    let sign = row.error.as_deref().map_or(Sign::None, Sign::of);
    let is_other = matches!(sign, Sign::None | Sign::Reset | Sign::RateLimit);
    let failed = matches!(row.status, Status::Error | Status::NotStarted);
    failed && says_so && is_at_once && is_other
}
