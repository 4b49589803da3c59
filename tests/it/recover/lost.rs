//! Damage costs the calls that it touches and no others, is said, and takes no journal away.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use voicelt::trace::TraceError;
use voicelt::trace::journal::{JOURNAL_FILE, JournalKind, JournalReader, JournalRow, PCM_FILE};
use voicelt::trace::model::SessionRows;
use voicelt::trace::recover::{Damage, finish};
use voicelt::trace::staging::Staging;
use voicelt::trace::stream::Bundle;
use voicelt::units::NS_PER_S;

use super::caller::{Caller, Passing};
use super::{Unfinished, sent, step};
use crate::support::{Desk, Output};

const FILES: [&str; 2] = [JOURNAL_FILE, PCM_FILE];

/// A short call that is answered: it begins in one second and ends in the next.
fn short(call: u64) -> Vec<Passing> {
    let mut caller = Caller::new(call, call as i64 * NS_PER_S + 400_000_000);
    let samples: Vec<i16> = (0..9_600_i16)
        .map(|n| (n % 97 - 48) * 300 + call as i16 + 1)
        .collect();
    caller.send(&samples, |_| true);
    caller.answer();
    caller.end()
}

/// A journal, and which bytes of its two files each call has.
struct Journal {
    desk: Unfinished,
    calls: HashMap<u64, [Vec<Range<usize>>; 2]>,
    /// The bundle of it as it is.
    whole: Whole,
}

/// What each session of a bundle is, by its name: its rows, and what is sent.
type Whole = HashMap<String, (SessionRows, Vec<(i64, u32, Option<Vec<u8>>)>)>;

fn contents(place: &Path) -> Whole {
    let bundle = Bundle::open(place).unwrap();
    bundle.check().unwrap();
    bundle.verify_clips().unwrap();
    let sessions = bundle.sessions().unwrap().map(Result::unwrap);
    let sessions = sessions.map(|mut rows| {
        let sent = sent(&bundle, &rows);
        // Numbers are of the bundle, not of the session.
        rows.session.session = 0;
        rows.turns.iter_mut().for_each(|turn| turn.session = 0);
        rows.events.iter_mut().for_each(|event| {
            (event.session, event.clip) = (0, None);
        });
        rows.turns.iter_mut().for_each(|turn| turn.clip = None);
        rows.replies.iter_mut().for_each(|reply| reply.session = 0);
        (rows.session.session_id.clone(), (rows, sent))
    });
    sessions.collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in FILES {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

impl Journal {
    fn new(calls: u64) -> Journal {
        let desk = Unfinished::new((0..calls).flat_map(short).collect());
        let mut reader = JournalReader::open(&desk.place).unwrap();
        let bytes = fs::metadata(desk.place.join(JOURNAL_FILE)).unwrap().len();
        let mut calls = HashMap::<u64, [Vec<Range<usize>>; 2]>::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            let end = (bytes - reader.bytes_left()) as usize;
            for row in &batch.rows {
                let [rows, audio] = calls.entry(row.call).or_default();
                rows.push(batch.at as usize..end);
                if let Some(offset) = row.offset {
                    audio.push(offset as usize..offset as usize + row.bytes as usize);
                }
            }
        }
        let folder = desk.place.with_file_name("whole.vtrace");
        copy(&desk.place, &folder);
        finish(&folder, step()).unwrap();
        Journal {
            calls,
            whole: contents(&folder),
            desk,
        }
    }

    /// A copy of it in `folder`, of which `change` was done to the file `name`.
    fn damaged(&self, folder: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let place = folder.join("a.vtrace");
        copy(&self.desk.place, &place);
        let mut bytes = fs::read(place.join(name)).unwrap();
        change(&mut bytes);
        fs::write(place.join(name), bytes).unwrap();
        place
    }
}

fn read(place: &Path) -> [Option<Vec<u8>>; 2] {
    FILES.map(|name| fs::read(place.join(name)).ok())
}

#[derive(Debug, Clone)]
enum Change {
    Flip(u8),
    CutOff,
    Remove(usize),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn calls_outside_of_damage_are_in_the_trace_and_the_journal_stays(
        in_audio in any::<bool>(),
        at in 0.0..1.0_f64,
        change in prop_oneof![
            3 => (0_u8..8).prop_map(Change::Flip),
            1 => Just(Change::CutOff),
            1 => (1_usize..4000).prop_map(Change::Remove),
        ],
    ) {
        thread_local!(static JOURNAL: Journal = Journal::new(5));
        JOURNAL.with(|journal| {
            let folder = tempfile::tempdir().unwrap();
            let mut touched = 0..0;
            let place = journal.damaged(folder.path(), FILES[usize::from(in_audio)], |bytes| {
                let at = (at * bytes.len() as f64) as usize;
                match &change {
                    Change::Flip(bit) => {
                        bytes[at] ^= 1 << bit;
                        touched = at..at + 1;
                    }
                    Change::CutOff => touched = at..bytes.len(),
                    Change::Remove(length) => touched = at..(at + length).min(bytes.len()),
                }
                if !matches!(change, Change::Flip(_)) {
                    bytes.drain(touched.clone());
                }
            });
            // Audio behind a hole is not where the rows say.
            if in_audio && matches!(change, Change::Remove(_)) {
                touched.end = usize::MAX;
            }
            let before = read(&place);
            let finished = finish(&place, step());
            let is_spared = |call: &u64| {
                let ranges = &journal.calls[call][usize::from(in_audio)];
                let is_clear = |r: &Range<usize>| r.end <= touched.start || r.start >= touched.end;
                ranges.iter().all(is_clear)
            };
            let spared: Vec<u64> = journal.calls.keys().copied().filter(is_spared).collect();
            let finished = match finished {
                Ok(finished) => finished,
                Err(said) => {
                    prop_assert!(spared.is_empty(), "{}", said);
                    prop_assert_eq!(read(&place), before);
                    return Ok(());
                }
            };
            let damage = finished.damage;
            match damage.is_any() {
                true => prop_assert_eq!(read(&place), before),
                false => prop_assert_eq!(read(&place), [None, None]),
            }
            let contents = contents(&place);
            for call in spared {
                let name = format!("call-{call}");
                prop_assert_eq!(contents.get(&name), journal.whole.get(&name));
            }
            let are_all = contents == journal.whole;
            prop_assert!(damage.costs() || are_all, "{:?}", damage);
            let counts = finished.counts;
            let rest = counts.unconfigured + damage.calls_lost;
            prop_assert_eq!(counts.sessions + rest, counts.calls);
            prop_assert!(damage.more_may_be_lost || counts.calls == 5, "{:?}", counts);
            Ok(())
        })?;
    }
}

#[test]
fn what_is_missing_in_the_middle_is_counted() {
    let journal = Journal::new(6);
    let folder = tempfile::tempdir().unwrap();
    // Seconds two to four: all of calls two and three, the end of one and the beginning of four.
    let mut reader = JournalReader::open(&journal.desk.place).unwrap();
    let batches = std::iter::from_fn(|| reader.next_batch().unwrap());
    let starts: Vec<usize> = batches.map(|batch| batch.at as usize).collect();
    let place = journal.damaged(folder.path(), JOURNAL_FILE, |bytes| {
        bytes[starts[2]..starts[5]].fill(0);
    });
    let finished = finish(&place, step()).unwrap();
    let damage = finished.damage;
    assert_eq!((damage.calls_lost, damage.calls_cut), (3, 1), "{damage:?}");
    assert_eq!((damage.places, damage.chunks), (1, 0));
    assert_eq!(damage.journal_bytes, (starts[5] - starts[2]) as u64);
    assert_eq!(damage.turns_lost, 4);
    assert!(!damage.more_may_be_lost);
    assert!(
        (2 * NS_PER_S..4 * NS_PER_S).contains(&damage.span_ns),
        "{damage:?}"
    );
    assert_eq!((finished.counts.sessions, finished.counts.calls), (3, 6));
    assert_eq!(finished.counts.open, 0, "the one that is cut was not open");
    let settings = &finished.bundle.manifest.provenance[1].settings;
    assert_eq!(settings["damage"]["calls_lost"], 3);
}

/// `voicelt trace` on `a.vtrace` of the desk: a panic of a library is not heard of.
fn trace(desk: &Desk, verb: &str) -> Output {
    let output = desk.voicelt(&format!("trace {verb} a.vtrace"));
    assert!(!output.said().contains("panicked"), "{}", output.said());
    output
}

#[test]
fn a_recording_without_its_audio_is_recovered_when_that_is_back() {
    let (journal, desk) = (Journal::new(3), Desk::new());
    let place = journal.damaged(&desk.path(""), PCM_FILE, |_| {});
    let (pcm, aside) = (place.join(PCM_FILE), desk.path("aside"));
    fs::rename(&pcm, &aside).unwrap();
    trace(&desk, "recover").refused("journal.pcm is missing");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "as it was");

    // Half of it: a trace of what is whole, and the journal beside it.
    let audio = fs::read(&aside).unwrap();
    fs::write(&pcm, &audio[..audio.len() / 2]).unwrap();
    for _ in 0..2 {
        trace(&desk, "recover")
            .exits(1)
            .says("3 of 3 are in the trace")
            .says("2 calls end early")
            .says("error: ");
        trace(&desk, "check")
            .exits(0)
            .says("warning: ")
            .says("journal.arrows");
    }
    let said = Staging::begin(&place).unwrap_err();
    assert!(matches!(said, TraceError::HoldsJournal(_)), "{said}");

    fs::rename(&aside, &pcm).unwrap();
    trace(&desk, "recover").exits(0);
    assert_eq!(read(&place), [None, None]);
    assert_eq!(contents(&place), journal.whole);
}

#[test]
fn audio_without_its_rows_is_left_alone() {
    let (journal, desk) = (Journal::new(1), Desk::new());
    let place = journal.damaged(&desk.path(""), PCM_FILE, |_| {});
    fs::remove_file(place.join(JOURNAL_FILE)).unwrap();
    trace(&desk, "recover").refused("journal.arrows is missing");
    let said = Staging::begin(&place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
}

#[test]
fn headers_that_lie_are_damage_and_no_panic() {
    let journal = Journal::new(40);
    let mut reader = JournalReader::open(&journal.desk.place).unwrap();
    let batches = std::iter::from_fn(|| reader.next_batch().unwrap());
    let starts: Vec<usize> = batches.map(|batch| batch.at as usize).collect();
    let words = {
        let bytes = fs::read(journal.desk.place.join(JOURNAL_FILE)).unwrap();
        let length: [u8; 4] = bytes[starts[1] + 4..starts[1] + 8].try_into().unwrap();
        u32::from_le_bytes(length) as usize / 8
    };
    assert!(words < 4 * (starts.len() - 1), "each word has its turn");
    // Each word of a header in a batch of its own, but for the first and the last.
    for (round, bit) in [(0, 51), (1, 51), (2, 51), (3, 51), (0, 3), (1, 20), (2, 63)] {
        let desk = Desk::new();
        let place = journal.damaged(&desk.path(""), JOURNAL_FILE, |bytes| {
            for (number, start) in starts.iter().enumerate().skip(1).step_by(2) {
                let word = (round * starts.len() / 2 + number / 2) % words;
                bytes[start + 8 + word * 8 + bit / 8] ^= 1 << (bit % 8);
            }
        });
        let before = read(&place);
        let output = trace(&desk, "recover");
        assert!(matches!(output.code, Some(0 | 1)), "{}", output.said());
        if output.code == Some(1) {
            assert_eq!(read(&place), before);
        }
    }
}

#[test]
fn a_full_disk_costs_a_recovery_and_nothing_else() {
    let (journal, desk) = (Journal::new(4), Desk::new());
    let place = journal.damaged(&desk.path(""), PCM_FILE, |_| {});
    let before = read(&place);
    let line = "trap '' XFSZ; ulimit -f 4; exec voicelt trace recover a.vtrace";
    Output::of(&mut desk.shell(line)).exits(1).says("make room");
    assert_eq!(read(&place), before);
    assert_eq!(desk.names("", ""), ["a.vtrace"]);
    finish(&place, step()).unwrap();
    assert_eq!(contents(&place), journal.whole);
}

#[test]
fn a_recording_that_is_whole_has_no_damage() {
    let rows = [JournalRow::new(0, 5, JournalKind::Opened)];
    let desk = Unfinished::new(rows.into_iter().map(|row| (row, None)).collect());
    let (finished, _) = desk.finish();
    assert_eq!(finished.damage, Damage::default());
    assert_eq!(finished.counts.unconfigured, 1);
}
