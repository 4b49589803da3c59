//! Whatever a crash leaves becomes a bundle that is valid.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use voicelt::trace::journal::{JOURNAL_FILE, JournalReader, PCM_FILE};
use voicelt::trace::recover::finish;
use voicelt::trace::stream::Bundle;
use voicelt::units::NS_PER_MS;

use super::caller::two_turns;
use super::{Unfinished, step};

/// The journal of a few calls, to be damaged.
struct Journal {
    rows: Vec<u8>,
    pcm: Vec<u8>,
}

impl Journal {
    fn new() -> Journal {
        let calls = (0..2).map(|call| two_turns(call, call as i64 * 900 * NS_PER_MS).end());
        let unfinished = Unfinished::new(calls.collect::<Vec<_>>().concat());
        Journal {
            rows: fs::read(unfinished.place.join(JOURNAL_FILE)).unwrap(),
            pcm: fs::read(unfinished.place.join(PCM_FILE)).unwrap(),
        }
    }

    fn put(&self, place: &Path, rows: &[u8], pcm: &[u8]) {
        fs::create_dir(place).unwrap();
        fs::write(place.join(JOURNAL_FILE), rows).unwrap();
        fs::write(place.join(PCM_FILE), pcm).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_crash_leaves_becomes_a_bundle_that_is_well(
        rows_kept in 0.0..1.0_f64,
        pcm_kept in prop_oneof![Just(1.0), 0.0..1.0_f64],
        tail in prop_oneof![
            Just(Vec::new()),
            (1_usize..9000).prop_map(|bytes| vec![0; bytes]),
            prop::collection::vec(any::<u8>(), 1..200),
        ],
    ) {
        thread_local!(static JOURNAL: Journal = Journal::new());
        JOURNAL.with(|journal| {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("a.vtrace");
            let mut rows = journal.rows.clone();
            rows.truncate((rows.len() as f64 * rows_kept) as usize);
            rows.extend(tail);
            let pcm = &journal.pcm[..(journal.pcm.len() as f64 * pcm_kept) as usize];
            journal.put(&place, &rows, pcm);

            if JournalReader::open(&place).is_err() {
                // Cut off within the schema, which the recorder syncs before it takes calls.
                prop_assert!(finish(&place, step()).is_err());
                prop_assert_eq!(fs::read(place.join(JOURNAL_FILE)).unwrap(), rows);
                return Ok(());
            }
            let finished = finish(&place, step()).unwrap();
            let bundle = Bundle::open(&place).unwrap();
            let extent = bundle.check().unwrap();
            bundle.verify_clips().unwrap();
            let counts = finished.counts;
            prop_assert_eq!(extent.sessions, counts.sessions);
            let left_out = counts.unconfigured + finished.damage.calls_lost;
            prop_assert_eq!(counts.sessions + left_out, counts.calls);
            Ok(())
        })?;
    }
}
