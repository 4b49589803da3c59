//! `scale`: so many times the sessions, as `replay --scale` makes them; the shape of bursts is kept.

use serde_json::json;

use super::carry::{Carrier, shift};
use super::names::Names;
use super::{EditError, Output};
use crate::trace::in_order::InOrder;
use crate::trace::scaling::Scaling;
use crate::trace::stream::Bundle;
use crate::trace::writer::BundleWriter;

/// Makes a bundle of `factor` times the sessions of `from`: above 1 with copies that are shifted
/// in time and named after their original, below 1 with fewer.
///
/// # Errors
/// A factor that leaves no session, or a bundle that cannot be read or written.
pub fn scale(from: &Bundle, factor: f64, seed: u64, output: &Output) -> Result<Bundle, EditError> {
    let mut writer = BundleWriter::create(&output.place)?;
    let mut carrier = Carrier::new(from);
    let mut names = Names::of(from)?;
    let scaling = Scaling::new(factor, seed, from.extent()?.mean_gap_ns());
    let mut waiting = InOrder::default();
    let mut written = 0_u64;
    for rows in from.sessions()? {
        let rows = rows?;
        let session = &rows.session;
        for (copy, shift_ns) in (0_u32..).zip(scaling.shifts(session.session, 0)) {
            let mut made = rows.clone();
            shift(&mut made, shift_ns);
            if copy > 0 {
                made.session.session_id = names.take(&format!("{}-{copy}", session.session_id));
            }
            waiting.push(made.session.start_ns, made);
            written += 1;
        }
        // No session that is still to come starts before this one.
        while let Some((_, ready)) = waiting.pop_until(session.start_ns) {
            carrier.session(ready, &mut writer)?;
        }
    }
    while let Some((_, ready)) = waiting.pop_until(i64::MAX) {
        carrier.session(ready, &mut writer)?;
    }
    if written == 0 {
        return Err(EditError::Nothing {
            trace: from.dir.display().to_string(),
        });
    }
    let step = output.step("scale", json!({ "factor": factor, "seed": seed }));
    Ok(writer.finish(&output.manifest(&from.manifest, step))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::{Desk, sessions, starts};
    use crate::units::NS_PER_S;

    #[test]
    fn a_factor_of_one_is_the_same_content() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2), (6, 3)]);
        let made = scale(&from, 1.0, 7, &desk.output("b")).unwrap();
        assert_eq!(made.manifest.content_blake3, from.manifest.content_blake3);
        assert_eq!(sessions(&made), sessions(&from));
    }

    #[test]
    fn copies_follow_their_original_closely_under_names_of_their_own() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2), (50, 2)]);
        let made = scale(&from, 3.0, 7, &desk.output("b")).unwrap();
        let mut all = starts(&made);
        assert!(all.is_sorted_by_key(|(_, start_ns)| *start_ns));
        all.sort();
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["call-0", "call-5", "call-50"];
        let expected = expected.map(|id| [id.to_owned(), format!("{id}-1"), format!("{id}-2")]);
        let mut expected = expected.concat();
        expected.sort();
        assert_eq!(names, expected);
        for original in [0, 5, 50] {
            let near = |at: &i64| (original * NS_PER_S..(original + 1) * NS_PER_S).contains(at);
            assert_eq!(all.iter().filter(|(_, at)| near(at)).count(), 3);
        }
        assert_eq!(made.clips.len(), 2);
        assert_eq!(made.manifest.provenance[0].settings["seed"], 7);
    }

    #[test]
    fn fewer_sessions_are_a_part_of_them() {
        let desk = Desk::new();
        let calls: Vec<_> = (0..40).map(|second| (second, 1)).collect();
        let from = desk.bundle("a", &calls);
        let made = scale(&from, 0.5, 1, &desk.output("b")).unwrap();
        let whole = sessions(&from);
        let part = starts(&made);
        assert!((10..30).contains(&part.len()), "{}", part.len());
        let is_there = |id: &String| whole.iter().any(|rows| rows.session.session_id == *id);
        assert!(part.iter().all(|(id, _)| is_there(id)));
        let refused = scale(&from, 1e-9, 1, &desk.output("c")).unwrap_err();
        assert!(matches!(refused, EditError::Nothing { .. }));
    }
}
