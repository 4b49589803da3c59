//! A recording that was not finished is named so, left alone, and finished on demand.

use std::os::unix::fs::PermissionsExt;

use voicelt::trace::TraceError;
use voicelt::trace::journal::{JOURNAL_FILE, JournalWriter};
use voicelt::trace::recover::finish;
use voicelt::trace::staging::Staging;
use voicelt::trace::stream::Bundle;

use super::caller::{Caller, two_turns};
use super::{Unfinished, recording, step};
use crate::support::Output;

#[test]
fn an_unfinished_recording_is_named_so_and_left_alone() {
    let unfinished = Unfinished::new(two_turns(0, 0).end());
    let said = Bundle::open(&unfinished.place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    assert!(said.to_string().contains("voicelt trace recover"), "{said}");
    let said = Staging::begin(&unfinished.place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    unfinished.finish();
    let said = finish(&unfinished.place, step()).unwrap_err();
    assert!(matches!(said, TraceError::NoJournal(_)), "{said}");
    Bundle::open(&unfinished.place).unwrap();
}

#[test]
fn a_recording_that_goes_on_is_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a.vtrace");
    let writer = JournalWriter::create(&place, &recording()).unwrap();
    let said = finish(&place, step()).unwrap_err();
    assert!(matches!(said, TraceError::Live { .. }), "{said}");
    drop(writer);
    finish(&place, step()).unwrap();
}

/// `voicelt trace` on the recording.
fn trace(unfinished: &Unfinished, verb: &str) -> Output {
    unfinished.desk.voicelt(&format!("trace {verb} a.vtrace"))
}

#[test]
fn check_names_the_mend_and_recover_is_it() {
    let mut open = Caller::new(7, 0);
    open.speak(1);
    let unfinished = Unfinished::new([two_turns(0, 0).end(), open.passing].concat());
    trace(&unfinished, "check")
        .exits(2)
        .says("voicelt trace recover");
    trace(&unfinished, "recover")
        .exits(0)
        .says("2 of 2 are in the trace")
        .says("1 calls were still open");
    trace(&unfinished, "check").exits(0);
    for name in ["", "trace.json", "events.parquet", "clips"] {
        let metadata = unfinished.place.join(name).metadata().unwrap();
        let mode = metadata.permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is for its owner alone");
    }
    trace(&unfinished, "recover").exits(2);
}

#[test]
fn a_journal_without_its_beginning_is_bad_input() {
    let unfinished = Unfinished::new(Vec::new());
    std::fs::write(unfinished.place.join(JOURNAL_FILE), [0; 100]).unwrap();
    trace(&unfinished, "recover").refused("damaged");
}
