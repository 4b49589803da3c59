//! `merge`: the sessions of several traces in one, each at its time since the start of its trace.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::carry::Carrier;
use super::names::Names;
use super::{EditError, Output};
use crate::trace::in_order::InOrder;
use crate::trace::manifest::TraceManifest;
use crate::trace::model::TraceSource;
use crate::trace::stream::{Bundle, Sessions};
use crate::trace::writer::BundleWriter;

/// Makes a bundle of all sessions of `first` and `others`. A name that is taken already gets a
/// number; equal clips are stored once.
///
/// # Errors
/// A bundle that cannot be read or written.
pub fn merge(first: &Bundle, others: &[Bundle], output: &Output) -> Result<Bundle, EditError> {
    let all: Vec<_> = std::iter::once(first).chain(others).collect();
    let mut writer = BundleWriter::create(&output.place)?;
    let mut carriers: Vec<_> = all.iter().map(|bundle| Carrier::new(bundle)).collect();
    let sources = all.iter().map(|bundle| bundle.sessions());
    let mut sources = sources.collect::<Result<Vec<Sessions>, _>>()?;
    let mut names = Names::default();
    // The next session of each source.
    let mut waiting = InOrder::default();
    for (number, source) in sources.iter_mut().enumerate() {
        if let Some(rows) = source.next().transpose()? {
            waiting.push(rows.session.start_ns, (number, rows));
        }
    }
    while let Some((_, (number, mut rows))) = waiting.pop_until(i64::MAX) {
        rows.session.session_id = names.take(&rows.session.session_id);
        carriers[number].session(rows, &mut writer)?;
        if let Some(rows) = sources[number].next().transpose()? {
            waiting.push(rows.session.start_ns, (number, rows));
        }
    }
    let others = others.iter().map(|bundle| &bundle.manifest);
    let manifest = merged(&first.manifest, &others.collect::<Vec<_>>(), output);
    Ok(writer.finish(&manifest)?)
}

/// What holds for all of them together: what any contains, the earliest day of deletion, and the
/// origin and the seed where they agree.
fn merged(first: &TraceManifest, others: &[&TraceManifest], output: &Output) -> TraceManifest {
    let all = || std::iter::once(first).chain(others.iter().copied());
    let traces = all().map(|of| json!({ "name": of.name, "content_blake3": of.content_blake3 }));
    let step = output.step("merge", json!({ "traces": traces.collect::<Vec<_>>() }));
    let agree = |fits: fn(&TraceManifest, &TraceManifest) -> bool| all().all(|of| fits(of, first));
    let contains: BTreeSet<_> = all().flat_map(|of| of.contains.clone()).collect();
    let merged = TraceManifest {
        source: source(all()).unwrap_or(&first.source).to_owned(),
        contains: contains.into_iter().collect(),
        origin_at: (first.origin_at.clone()).filter(|_| agree(|a, b| a.origin_at == b.origin_at)),
        seed: first.seed.filter(|_| agree(|a, b| a.seed == b.seed)),
        delete_after: earliest(all().filter_map(|of| of.delete_after.as_deref())),
        provenance: all().flat_map(|of| of.provenance.clone()).collect(),
        ..first.clone()
    };
    output.manifest(&merged, step)
}

/// `recorded` where one is: it asks for the most care.
fn source<'a>(mut all: impl Iterator<Item = &'a TraceManifest>) -> Option<&'a str> {
    let recorded = all.find(|of| of.source == TraceSource::Recorded.name());
    recorded.map(|of| of.source.as_str())
}

/// The earliest of these days; one that cannot be read counts as the earliest, so that it is seen.
fn earliest<'a>(days: impl Iterator<Item = &'a str>) -> Option<String> {
    let day = days.min_by_key(|day| day.parse::<Timestamp>().ok());
    day.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::cut::{Choice, cut};
    use crate::trace::edit::testing::{Desk, sessions, starts};
    use crate::trace::sample;
    use crate::units::NS_PER_S;

    fn manifest(source: &str, contains: &[&str], delete_after: Option<&str>) -> TraceManifest {
        TraceManifest {
            source: source.to_owned(),
            contains: contains.iter().map(|what| (*what).to_owned()).collect(),
            delete_after: delete_after.map(str::to_owned),
            ..sample::manifest("a")
        }
    }

    #[test]
    fn sessions_come_by_time_and_clashing_names_get_a_number() {
        let desk = Desk::new();
        let first = desk.bundle("a", &[(0, 1), (5, 2)]);
        let second = desk.bundle("b", &[(3, 2), (5, 4)]);
        let made = merge(&first, &[second], &desk.output("c")).unwrap();
        let expected = [("call-0", 0), ("call-3", 3), ("call-5", 5), ("call-5-2", 5)];
        let expected = expected.map(|(id, s)| (id.to_owned(), s * NS_PER_S));
        assert_eq!(starts(&made), expected);
        assert_eq!(made.clips.len(), 3, "equal clips are one");
    }

    #[test]
    fn a_trace_alone_and_the_parts_of_one_make_it_again() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2), (6, 3)]);
        let alone = merge(&from, &[], &desk.output("b")).unwrap();
        assert_eq!(alone.manifest.content_blake3, from.manifest.content_blake3);
        let empty = desk.bundle("empty", &[]);
        let with_nothing = merge(&empty, &[alone], &desk.output("f")).unwrap();
        assert_eq!(
            with_nothing.manifest.content_blake3,
            from.manifest.content_blake3
        );
        let part = |name: &str, condition: &str| {
            let choice = Choice {
                conditions: vec![condition.parse().unwrap()],
                ..Choice::default()
            };
            cut(&from, &choice, &desk.output(name)).unwrap()
        };
        let (odd, even) = (part("c", "start=5s"), part("d", "start!=5s"));
        let whole = merge(&even, &[odd], &desk.output("e")).unwrap();
        assert_eq!(whole.manifest.content_blake3, from.manifest.content_blake3);
        assert_eq!(sessions(&whole).len(), 3);
        assert_eq!(whole.manifest.provenance.len(), 3);
    }

    #[test]
    fn the_manifest_takes_the_most_care() {
        let desk = Desk::new();
        let early = "2026-02-01T01:00:00+02:00";
        let prepared = manifest("prepared", &["audio"], None);
        let recorded = manifest("recorded", &["text"], Some("2026-02-01T00:00:00Z"));
        let older = manifest("recorded", &[], Some(early));
        let all = [("a", prepared), ("b", recorded), ("c", older)];
        let [first, second, third] =
            all.map(|(name, manifest)| desk.bundle_with(name, &[(0, 1)], &manifest));
        let made = merge(&first, &[second, third], &desk.output("d")).unwrap();
        assert_eq!(made.manifest.source, "recorded");
        assert_eq!(made.manifest.contains, ["audio", "text"]);
        assert_eq!(made.manifest.delete_after.as_deref(), Some(early));
    }
}
