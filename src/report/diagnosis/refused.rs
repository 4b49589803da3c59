//! Servers of WebSockets that refuse sessions or close them, and say so by a code: load shedding, a
//! violation of their policy, and reasons of their own.

use std::collections::BTreeMap;

use super::failures::{Failure, Sign, clock};
use super::{Finding, Kind, Seen};
use crate::report::end_code::EndCode;
use crate::units::{counted, grouped};

/// Codes that are named one by one; a server may choose from a thousand.
const MOST_NAMED: usize = 5;

/// What one finding is about.
struct Group {
    kind: Kind,
    title: &'static str,
    /// How a failure of the group shows; `None` for others.
    how: fn(&Failure) -> Option<How>,
    advice: &'static str,
}

/// How a failure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// The upgrade was refused with a status, or the session was closed with a code.
    Code(EndCode),
    /// The answer's error names a limit of rate.
    RateLimit,
}

const SHED: Group = Group {
    kind: Kind::LoadShed,
    title: "The server sheds load: it refuses sessions or answers",
    how: |failure| match (failure.code, failure.sign) {
        (Ok(code @ (EndCode::Http(429 | 503) | EndCode::Close(1013))), _) => Some(How::Code(code)),
        (_, Sign::RateLimit) => Some(How::RateLimit),
        _ => None,
    },
    advice: "It, or what is in front of it, takes less than this load: raise its limits (sessions at once, requests \
             and tokens a minute of the key or account, workers of the model, connections of a proxy), add \
             replicas, or offer less. Callers meet the same limit.",
};

const POLICY: Group = Group {
    kind: Kind::PolicyClose,
    title: "The server closes sessions for a violation of its policy",
    how: |failure| code(failure).filter(|how| *how == How::Code(EndCode::Close(1008))),
    advice: "See what it does not permit: the key and its rights, the origin, the longest session or silence, the \
             size of a message, or how many sessions a caller may have. Its log, or the reason above, says which.",
};

const OWN: Group = Group {
    kind: Kind::OwnClose,
    title: "The server closes sessions with codes of its own",
    how: |failure| match code(failure) {
        Some(How::Code(EndCode::Close(4000..5000))) => code(failure),
        _ => None,
    },
    advice: "Codes from 4000 to 4999 mean what the server's developers say: look for them in its documentation, source \
             or log.",
};

fn code(failure: &Failure) -> Option<How> {
    failure.code.ok().map(How::Code)
}

/// Said when one failure shows it: nobody says it by chance.
pub(super) fn shed(seen: &mut Seen<'_>) -> Option<Finding> {
    SHED.finding(seen)
}

/// As [`shed`].
pub(super) fn policy(seen: &mut Seen<'_>) -> Option<Finding> {
    POLICY.finding(seen)
}

/// As [`shed`].
pub(super) fn own(seen: &mut Seen<'_>) -> Option<Finding> {
    OWN.finding(seen)
}

impl Group {
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let failures = &mut seen.failures;
        // How many of each there were, and when the first was.
        let mut shown: BTreeMap<How, (u64, i64)> = BTreeMap::new();
        for failure in &failures.kept {
            if let Some(how) = (self.how)(failure) {
                let (count, first_ns) = shown.entry(how).or_insert((0, failure.at_ns));
                *count += failures.every;
                *first_ns = failure.at_ns.min(*first_ns);
            }
        }
        let mut shown: Vec<_> = shown.into_iter().collect();
        // Stable, so that those of one count stay in the order of their codes.
        shown.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut said: Vec<String> = shown
            .iter()
            .take(MOST_NAMED)
            .map(|(how, (count, first_ns))| {
                let what = match how {
                    How::Code(code @ EndCode::Http(_)) => {
                        format!(
                            "{} refused at the upgrade with {code}",
                            counted(*count, "turn")
                        )
                    }
                    How::Code(code) => format!("{} ended by {code}", counted(*count, "turn")),
                    How::RateLimit => {
                        format!(
                            "{} failed with rate_limit_exceeded",
                            counted(*count, "turn")
                        )
                    }
                };
                let at = (clock(*first_ns), seen.load.said_at(*first_ns));
                format!("{what}, the first at {}{}", at.0, at.1)
            })
            .collect();
        if said.is_empty() {
            return None;
        }
        let rest = shown.iter().skip(MOST_NAMED);
        let rest: u64 = rest.map(|(_, (count, _))| count).sum();
        if rest > 0 {
            said.push(format!("{} with other codes", grouped(rest)));
        }
        let mut evidence = said.join("; ") + ".";
        evidence += &failures.explain(|failure| (self.how)(failure).is_some());
        Some(Finding {
            kind: self.kind,
            title: self.title.to_owned(),
            evidence,
            advice: self.advice.to_owned(),
        })
    }
}
