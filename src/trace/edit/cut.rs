//! `cut`: a trace of some of the sessions of another.

use std::collections::HashSet;
use std::ops::{Range, RangeInclusive};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::carry::{Carrier, shift};
use super::filter::Condition;
use super::{EditError, Output};
use crate::trace::model::SessionRows;
use crate::trace::stream::Bundle;
use crate::trace::writer::BundleWriter;
use crate::units::{TraceTime, duration_text};

/// Sessions that are named.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// By their `session_id`.
    Ids(HashSet<String>),
    /// By their number in the trace.
    Numbers(RangeInclusive<u32>),
}

/// Which sessions are kept: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Only those that start in this stretch, whose start becomes the new trace's start.
    pub window: Option<Range<TraceTime>>,
    /// Only those.
    pub named: Option<Named>,
    /// Only those that meet all of these.
    pub conditions: Vec<Condition>,
}

impl Choice {
    /// Whether a session is kept.
    #[must_use]
    pub fn keeps(&self, rows: &SessionRows) -> bool {
        let session = &rows.session;
        let start = TraceTime(session.start_ns);
        let in_window = self
            .window
            .as_ref()
            .is_none_or(|window| window.contains(&start));
        let is_named = match &self.named {
            None => true,
            Some(Named::Ids(ids)) => ids.contains(&session.session_id),
            Some(Named::Numbers(numbers)) => numbers.contains(&session.session),
        };
        in_window
            && is_named
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(rows))
    }

    /// As it is kept in the provenance: without names of sessions.
    fn settings(&self) -> serde_json::Value {
        let text = |at: TraceTime| duration_text(at.0);
        let window = self.window.as_ref();
        let window = window.map(|w| format!("{}..{}", text(w.start), text(w.end)));
        let named = self.named.as_ref().map(|named| match named {
            Named::Ids(ids) => format!("{} by name", ids.len()),
            Named::Numbers(numbers) => format!("{}..{}", numbers.start(), numbers.end()),
        });
        let conditions = self.conditions.iter().map(Condition::to_string);
        json!({ "window": window, "sessions": named, "where": conditions.collect::<Vec<_>>() })
    }
}

/// Makes a bundle of the sessions of `from` that `choice` keeps.
///
/// # Errors
/// A named session that is not there, no session that fits, a bundle that cannot be read or
/// written.
pub fn cut(from: &Bundle, choice: &Choice, output: &Output) -> Result<Bundle, EditError> {
    let mut writer = BundleWriter::create(&output.place)?;
    let mut carrier = Carrier::new(from);
    let mut missing = match &choice.named {
        Some(Named::Ids(ids)) => ids.clone(),
        _ => HashSet::new(),
    };
    let begin_ns = choice.window.as_ref().map_or(0, |window| window.start.0);
    let mut kept = 0_u64;
    for rows in from.sessions()? {
        let mut rows = rows?;
        missing.remove(&rows.session.session_id);
        if choice.keeps(&rows) {
            shift(&mut rows, -begin_ns);
            carrier.session(rows, &mut writer)?;
            kept += 1;
        }
    }
    let trace = || from.dir.display().to_string();
    if !missing.is_empty() {
        return Err(EditError::NoSession {
            trace: trace(),
            ids: listed(missing),
        });
    }
    if kept == 0 {
        return Err(EditError::Nothing { trace: trace() });
    }
    let step = output.step("cut", choice.settings());
    let mut manifest = output.manifest(&from.manifest, step);
    manifest.origin_at = manifest
        .origin_at
        .map(|at| later(&at, begin_ns).unwrap_or(at));
    Ok(writer.finish(&manifest)?)
}

/// Names in a sentence, sorted.
pub(super) fn listed(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.sort();
    names.join(", ")
}

/// The instant so much later than `at`; `None` where that is no instant.
fn later(at: &str, ns: i64) -> Option<String> {
    let at: Timestamp = at.parse().ok()?;
    let later = at.checked_add(SignedDuration::from_nanos(ns)).ok()?;
    Some(later.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::{Desk, sessions, starts};
    use crate::trace::manifest::TraceManifest;
    use crate::trace::sample;
    use crate::units::NS_PER_S;
    use proptest::prelude::*;

    fn window(from_s: i64, to_s: i64) -> Choice {
        Choice {
            window: Some(TraceTime(from_s * NS_PER_S)..TraceTime(to_s * NS_PER_S)),
            ..Choice::default()
        }
    }

    fn ids(ids: &[&str]) -> Choice {
        let ids = ids.iter().map(|id| (*id).to_owned());
        Choice {
            named: Some(Named::Ids(ids.collect())),
            ..Choice::default()
        }
    }

    #[test]
    fn a_window_becomes_the_whole_and_takes_the_origin_along() {
        let desk = Desk::new();
        let manifest = TraceManifest {
            origin_at: Some("2026-01-01T12:00:00Z".to_owned()),
            delete_after: Some("2026-02-01T00:00:00Z".to_owned()),
            ..sample::manifest("a")
        };
        let from = desk.bundle_with("a", &[(0, 1), (5, 2), (8, 3), (9, 1)], &manifest);
        let made = cut(&from, &window(4, 9), &desk.output("b")).unwrap();
        let kept = [
            ("call-5".to_owned(), NS_PER_S),
            ("call-8".to_owned(), 4 * NS_PER_S),
        ];
        assert_eq!(starts(&made), kept);
        assert_eq!(
            made.manifest.origin_at.as_deref(),
            Some("2026-01-01T12:00:04Z")
        );
        assert_eq!(made.manifest.delete_after, manifest.delete_after);
        assert_eq!(made.manifest.name, "b");
        assert_eq!(made.clips.len(), 2, "only clips that are used");
    }

    #[test]
    fn nothing_chosen_is_everything_and_equal_in_content() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2)]);
        let made = cut(&from, &Choice::default(), &desk.output("b")).unwrap();
        assert_eq!(made.manifest.content_blake3, from.manifest.content_blake3);
        assert_eq!(sessions(&made), sessions(&from));
        assert_eq!(made.manifest.provenance.len(), 1);
    }

    #[test]
    fn names_numbers_and_conditions_choose_and_the_history_names_nobody() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2), (8, 3)]);
        let made = cut(&from, &ids(&["call-8", "call-0"]), &desk.output("b")).unwrap();
        assert_eq!(made.manifest.sessions, 2);
        assert!(!format!("{:?}", made.manifest.provenance).contains("call-"));
        let choice = Choice {
            named: Some(Named::Numbers(1..=7)),
            conditions: vec!["start<8s".parse().unwrap()],
            ..Choice::default()
        };
        let made = cut(&from, &choice, &desk.output("c")).unwrap();
        assert_eq!(starts(&made), [("call-5".to_owned(), 5 * NS_PER_S)]);
    }

    #[test]
    fn what_is_not_there_is_named_and_nothing_is_written() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2)]);
        let refused = cut(&from, &ids(&["b", "call-0", "a"]), &desk.output("b")).unwrap_err();
        assert!(
            refused.to_string().contains("holds no session `a`, `b`;"),
            "{refused}"
        );
        let refused = cut(&from, &window(20, 30), &desk.output("b")).unwrap_err();
        assert!(matches!(refused, EditError::Nothing { .. }));
        assert!(!desk.place("b").exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_cut_keeps_sessions_whole(
            mut calls in prop::collection::vec((0_i64..60, 0_i16..5), 1..12),
            from_s in 0_i64..60,
            length_s in 1_i64..60,
        ) {
            calls.sort_unstable();
            calls.dedup_by_key(|(start, _)| *start);
            let desk = Desk::new();
            let from = desk.bundle("a", &calls);
            let choice = window(from_s, from_s + length_s);
            let expected = sessions(&from).into_iter().filter(|rows| choice.keeps(rows));
            let expected: Vec<_> = expected.collect();
            match cut(&from, &choice, &desk.output("b")) {
                Err(EditError::Nothing { .. }) => prop_assert!(expected.is_empty()),
                made => {
                    let made = made.unwrap();
                    prop_assert_eq!(made.manifest.sessions, expected.len() as u64);
                    for (mut kept, whole) in sessions(&made).into_iter().zip(expected) {
                        shift(&mut kept, from_s * NS_PER_S);
                        prop_assert_eq!(kept.session.session_id, whole.session.session_id);
                        prop_assert_eq!(kept.events.len(), whole.events.len());
                        let at = kept.events.iter().map(|event| event.at_ns);
                        prop_assert!(at.eq(whole.events.iter().map(|event| event.at_ns)));
                        prop_assert_eq!(kept.replies.len(), whole.replies.len());
                    }
                }
            }
        }
    }
}
