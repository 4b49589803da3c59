//! A recording that was not finished is named so, left alone, and finished on demand.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use voicelt::trace::TraceError;
use voicelt::trace::journal::{JOURNAL_FILE, JournalWriter};
use voicelt::trace::recover::finish;
use voicelt::trace::staging::Staging;
use voicelt::trace::stream::Bundle;

use super::caller::{Caller, two_turns};
use super::{Desk, recording, step};

#[test]
fn an_unfinished_recording_is_named_so_and_left_alone() {
    let desk = Desk::new(two_turns(0, 0).end());
    let said = Bundle::open(&desk.place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    assert!(said.to_string().contains("voicelt trace recover"), "{said}");
    let said = Staging::begin(&desk.place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    desk.finish();
    let said = finish(&desk.place, step()).unwrap_err();
    assert!(matches!(said, TraceError::NoJournal(_)), "{said}");
    Bundle::open(&desk.place).unwrap();
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

/// `voicelt trace`, with what it said on both of its outputs.
fn trace(verb: &str, place: &Path) -> (Option<i32>, String) {
    let mut command = Command::cargo_bin("voicelt").unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = command.args(["trace", verb]).arg(place).output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn check_names_the_mend_and_recover_is_it() {
    let mut open = Caller::new(7, 0);
    open.speak(1);
    let desk = Desk::new([two_turns(0, 0).end(), open.passing].concat());
    let (code, said) = trace("check", &desk.place);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("voicelt trace recover"), "{said}");

    let (code, said) = trace("recover", &desk.place);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 of 2 are in the trace"), "{said}");
    assert!(said.contains("1 calls were still open"), "{said}");
    let (code, said) = trace("check", &desk.place);
    assert_eq!(code, Some(0), "{said}");
    for name in ["", "trace.json", "events.parquet", "clips"] {
        let mode = std::fs::metadata(desk.place.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name} is for its owner alone");
    }
    let (code, said) = trace("recover", &desk.place);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_journal_without_its_beginning_is_bad_input() {
    let desk = Desk::new(Vec::new());
    std::fs::write(desk.place.join(JOURNAL_FILE), [0; 100]).unwrap();
    let (code, said) = trace("recover", &desk.place);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("damaged"), "{said}");
}
