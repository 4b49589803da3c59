//! `shuffle`: start times are permuted at random among the sessions; the arrival process stays as it is.

use std::ops::Range;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::carry::{Carrier, shift};
use super::{EditError, Output};
use crate::trace::model::SessionRows;
use crate::trace::stream::Bundle;
use crate::trace::writer::BundleWriter;

/// Most rows that are in memory at a time, unless one session has more.
const MAX_ROWS: u64 = 1_000_000;

/// Makes a bundle of the sessions of `from`, each at the start of one that is drawn by `seed`.
///
/// The new bundle is written in stretches that fit in memory, and `from` is read once for each of
/// them: sessions cannot be read out of order.
///
/// # Errors
/// A bundle that cannot be read or written.
pub fn shuffle(from: &Bundle, seed: u64, output: &Output) -> Result<Bundle, EditError> {
    shuffle_within(MAX_ROWS, from, seed, output)
}

fn shuffle_within(
    max_rows: u64,
    from: &Bundle,
    seed: u64,
    output: &Output,
) -> Result<Bundle, EditError> {
    let mut writer = BundleWriter::create(&output.place)?;
    let mut carrier = Carrier::new(from);
    let (mut starts, mut sizes) = (Vec::new(), Vec::new());
    for rows in from.sessions()? {
        let rows = rows?;
        starts.push(rows.session.start_ns);
        sizes.push(size(&rows));
    }
    let order = order(starts.len(), seed);
    let mut place_of = vec![0; order.len()];
    for (place, session) in order.iter().enumerate() {
        place_of[*session] = place;
    }
    for stretch in stretches(order.iter().map(|session| sizes[*session]), max_rows) {
        let first = stretch.start;
        let mut kept: Vec<Option<SessionRows>> = vec![None; stretch.len()];
        for (rows, place) in from.sessions()?.zip(&place_of) {
            let rows = rows?;
            if stretch.contains(place) {
                kept[place - first] = Some(rows);
            }
        }
        for (mut rows, start_ns) in kept.into_iter().flatten().zip(&starts[stretch]) {
            let by_ns = start_ns - rows.session.start_ns;
            shift(&mut rows, by_ns);
            carrier.session(rows, &mut writer)?;
        }
    }
    let step = output.step("shuffle", json!({ "seed": seed }));
    Ok(writer.finish(&output.manifest(&from.manifest, step))?)
}

/// The session that comes at each place.
fn order(sessions: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<_> = (0..sessions).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

fn size(rows: &SessionRows) -> u32 {
    let rows = 1 + rows.turns.len() + rows.events.len() + rows.replies.len();
    u32::try_from(rows).unwrap_or(u32::MAX)
}

/// Stretches of places whose sizes add up to at most `most`, or that are one place.
fn stretches(sizes: impl Iterator<Item = u32>, most: u64) -> Vec<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    let mut sum = 0;
    for (place, size) in sizes.map(u64::from).enumerate() {
        sum += size;
        match stretches.last_mut() {
            Some(last) if sum <= most => last.end = place + 1,
            _ => {
                stretches.push(place..place + 1);
                sum = size;
            }
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::{Desk, sessions, starts};
    use std::collections::BTreeSet;

    #[test]
    fn arrivals_stay_and_sessions_are_exchanged_whole() {
        let desk = Desk::new();
        let calls: Vec<_> = (0..30).map(|n| (n * n, n as i16)).collect();
        let from = desk.bundle("a", &calls);
        let made = shuffle(&from, 3, &desk.output("b")).unwrap();
        let instants = |bundle| starts(bundle).into_iter().map(|(_, start_ns)| start_ns);
        assert!(instants(&made).eq(instants(&from)));
        let names = |bundle| starts(bundle).into_iter().map(|(id, _)| id);
        assert!(!names(&made).eq(names(&from)));
        assert_eq!(
            names(&made).collect::<BTreeSet<_>>(),
            names(&from).collect()
        );
        let whole = sessions(&from);
        for mut rows in sessions(&made) {
            let id = &rows.session.session_id;
            let original = whole
                .iter()
                .find(|rows| rows.session.session_id == *id)
                .unwrap();
            let by_ns = original.session.start_ns - rows.session.start_ns;
            let (audio, was) = (rows.events[1].clip, original.events[1].clip);
            let id_of = |bundle: &Bundle, clip: Option<u32>| {
                bundle.clips[clip.unwrap() as usize].clip_id.clone()
            };
            assert_eq!(id_of(&made, audio), id_of(&from, was));
            shift(&mut rows, by_ns);
            assert_eq!(rows.replies[0].at_ns, original.replies[0].at_ns);
            assert_eq!(
                rows.session.recorded_end_ns,
                original.session.recorded_end_ns
            );
        }
    }

    #[test]
    fn a_trace_that_does_not_fit_in_memory_is_shuffled_alike() {
        let desk = Desk::new();
        let calls: Vec<_> = (0..20).map(|n| (n * 3, 1)).collect();
        let from = desk.bundle("a", &calls);
        let at_once = shuffle(&from, 5, &desk.output("b")).unwrap();
        let in_parts = shuffle_within(25, &from, 5, &desk.output("c")).unwrap();
        assert_eq!(
            at_once.manifest.content_blake3,
            in_parts.manifest.content_blake3
        );
    }

    #[test]
    fn stretches_cover_every_place_within_the_limit() {
        let of = |sizes: &[u32]| stretches(sizes.iter().copied(), 10);
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[4, 6, 1, 20, 9, 1, 1]), [0..2, 2..3, 3..4, 4..6, 6..7]);
    }

    #[test]
    fn an_order_is_a_permutation_that_the_seed_decides() {
        let mut drawn = order(1000, 7);
        assert_eq!(drawn, order(1000, 7));
        assert_ne!(drawn, order(1000, 8));
        drawn.sort_unstable();
        assert!(drawn.into_iter().eq(0..1000));
    }
}
