//! Rows in any order and of any kind become a bundle that is valid, with every chunk in it that a
//! trace can hold.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use voicelt::trace::journal::{JournalKind, JournalRow};
use voicelt::trace::stream::Bundle;

use super::caller::{Passing, one_turn};
use super::{Unfinished, sent};

/// A row that has nothing to do with the calls before it, and its audio.
fn passing() -> impl Strategy<Value = Passing> {
    let at_ns = prop_oneof![0_i64..10_000_000_000, Just(0), -5_i64..5];
    let kind = select(&JournalKind::ALL[..JournalKind::ALL.len() - 1]);
    let bytes = prop_oneof![Just(640_u32), Just(0), Just(2), 0_u32..2000];
    let text = prop::option::of(".{0,20}");
    let rate = prop_oneof![Just(8_000_u32), Just(16_000), Just(0)];
    let row = (
        0_u64..3,
        at_ns,
        kind,
        bytes,
        text,
        rate,
        any::<(bool, bool, i16)>(),
    );
    row.prop_map(
        |(call, at_ns, kind, bytes, text, rate, (keeps, voiced, sample))| {
            let is_audio = kind == JournalKind::Audio;
            let pcm = sample
                .to_le_bytes()
                .into_iter()
                .cycle()
                .take(bytes as usize);
            let row = JournalRow {
                bytes,
                voiced: (is_audio && !keeps).then_some(voiced),
                session_id: text.clone().filter(|_| kind == JournalKind::Config),
                text,
                rate_hz: (kind == JournalKind::Config).then_some(rate),
                ..JournalRow::new(call, at_ns, kind)
            };
            (row, (is_audio && keeps).then(|| pcm.collect()))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_become_a_bundle_that_is_well(
        strange in prop::collection::vec(passing(), 0..60),
        with_call in any::<bool>(),
    ) {
        static CALL: LazyLock<Vec<Passing>> = LazyLock::new(|| one_turn(1, 7).end());
        let mut all = strange.clone();
        if with_call {
            all.extend(CALL.clone());
        }
        let unfinished = Unfinished::new(all);
        let (finished, sessions) = unfinished.finish();
        let counts = finished.counts;
        prop_assert_eq!(counts.sessions + counts.unconfigured + counts.bad_rate, counts.calls);
        prop_assert_eq!(sessions.len() as u64, counts.sessions);
        let bundle: &Bundle = &finished.bundle;
        for rows in &sessions {
            let instants: Vec<i64> = sent(bundle, rows).iter().map(|(at_ns, ..)| *at_ns).collect();
            prop_assert!(instants.is_sorted());
        }
    }
}
