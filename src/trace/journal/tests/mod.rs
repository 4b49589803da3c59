//! A journal is what was committed, whatever happens to its files: damage costs no more than it
//! touches.

mod first_format;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::trace::TraceError;
use crate::units::NS_PER_MS;

fn recording() -> Recording {
    Recording {
        name: "a".to_owned(),
        tool: "a test".to_owned(),
        origin_at: "2026-01-01T00:00:00Z".to_owned(),
        contains: vec!["audio".to_owned(), "text".to_owned()],
        delete_after: Some("2026-02-01T00:00:00Z".to_owned()),
        settings: serde_json::json!({"sample": 0.01}),
    }
}

/// Rows of one second, with the audio of those that have some.
fn second(number: i64) -> Vec<(JournalRow, Option<Vec<u8>>)> {
    let row = |kind, ms: i64| {
        JournalRow::new(
            number as u64,
            number * 1000 * NS_PER_MS + ms * NS_PER_MS,
            kind,
        )
    };
    let config = JournalRow {
        session_id: Some(format!("call-{number}")),
        text: Some("en-US".to_owned()),
        rate_hz: Some(16_000),
        ..row(JournalKind::Config, 1)
    };
    let mut rows = vec![(row(JournalKind::Opened, 0), None), (config, None)];
    for chunk in 0..5 {
        let pcm: Vec<u8> = (0..640).map(|i| (i + chunk + number) as u8).collect();
        let audio = JournalRow {
            bytes: 640,
            ..row(JournalKind::Audio, 20 + 20 * chunk)
        };
        rows.push((audio, Some(pcm)));
    }
    let heard = JournalRow {
        bytes: 5,
        text: Some("hello".to_owned()),
        ..row(JournalKind::Transcript, 130)
    };
    rows.push((heard, None));
    rows
}

/// A journal of so many seconds, a batch each; returns its folder and its rows by batch.
fn journal(seconds: i64) -> (TempDir, PathBuf, Vec<Vec<JournalRow>>) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a.vtrace");
    let mut writer = JournalWriter::create(&place, &recording()).unwrap();
    for number in 0..seconds {
        for (row, pcm) in second(number) {
            writer.append(row, pcm.as_deref());
        }
        writer.commit().unwrap();
    }
    drop(writer);
    let batches = read(&place);
    assert_eq!(batches.len(), seconds as usize);
    (folder, place, batches)
}

fn read(place: &Path) -> Vec<Vec<JournalRow>> {
    let mut reader = JournalReader::open(place).unwrap();
    assert_eq!(*reader.recording(), recording());
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        batches.push(batch.rows);
    }
    batches
}

#[test]
fn rows_and_audio_come_back_as_they_were_committed() {
    let (_folder, place, batches) = journal(3);
    let pcm = fs::File::open(place.join(PCM_FILE)).unwrap();
    for (number, batch) in (0..).zip(&batches) {
        let written = second(number);
        assert_eq!(batch.len(), written.len());
        for (read, (row, audio)) in batch.iter().zip(&written) {
            let offset = read.offset;
            let expected = JournalRow {
                offset,
                audio_sum: audio.as_deref().map(audio_sum),
                ..row.clone()
            };
            assert_eq!(*read, expected);
            assert_eq!(offset.is_some(), audio.is_some());
            if let (Some(offset), Some(audio)) = (offset, audio) {
                let mut stored = vec![0; audio.len()];
                pcm.read_exact_at(&mut stored, offset).unwrap();
                assert_eq!(stored, *audio);
            }
        }
    }
}

/// Bytes in memory that fail as they are told.
#[derive(Clone, Default)]
struct Sink {
    bytes: Vec<u8>,
    /// Most bytes that there is room for.
    room: Option<usize>,
    syncs_fail: bool,
    cuts_fail: bool,
}

/// A sink that a test keeps a hold of.
#[derive(Clone, Default)]
struct Held(std::rc::Rc<std::cell::RefCell<Sink>>);

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sink = self.0.borrow_mut();
        let left = sink
            .room
            .map_or(bytes.len(), |room| room - sink.bytes.len());
        if left == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let taken = left.min(bytes.len());
        sink.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl JournalFile for Held {
    fn sync(&mut self) -> io::Result<()> {
        match self.0.borrow().syncs_fail {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        }
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        if self.0.borrow().cuts_fail {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.borrow_mut().bytes.truncate(bytes as usize);
        Ok(())
    }
}

#[test]
fn a_batch_that_cannot_be_written_is_lost_alone() {
    let faults: [fn(&mut Sink); 3] = [
        |sink| sink.room = Some(sink.bytes.len() + 100),
        |sink| sink.syncs_fail = true,
        |sink| (sink.room, sink.cuts_fail) = (Some(sink.bytes.len() + 100), true),
    ];
    for (fault, in_pcm) in faults
        .iter()
        .flat_map(|fault| [(fault, true), (fault, false)])
    {
        let (journal, pcm) = (Held::default(), Held::default());
        let mut writer = JournalWriter::begin(journal.clone(), pcm.clone(), &recording()).unwrap();
        let mut commit = |number| {
            for (row, audio) in second(number) {
                writer.append(row, audio.as_deref());
            }
            writer.commit()
        };
        commit(0).unwrap();
        fault(&mut if in_pcm { &pcm } else { &journal }.0.borrow_mut());
        for _ in 0..2 {
            let said = commit(1).unwrap_err();
            assert!(matches!(said, TraceError::Lost { rows: 8, .. }), "{said}");
        }
        for sink in [&journal, &pcm] {
            let bytes = std::mem::take(&mut sink.0.borrow_mut().bytes);
            *sink.0.borrow_mut() = Sink {
                bytes,
                ..Sink::default()
            };
        }
        commit(2).unwrap();

        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(JOURNAL_FILE), &journal.0.borrow().bytes).unwrap();
        fs::write(folder.path().join(PCM_FILE), &pcm.0.borrow().bytes).unwrap();
        let batches = read(folder.path());
        let calls: Vec<u64> = batches.iter().map(|batch| batch[0].call).collect();
        assert_eq!(calls, [0, 2]);
        assert_eq!(
            batches[1][2].offset,
            Some(5 * 640),
            "the lost audio left no hole"
        );
    }
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let (_folder, place, _) = journal(1);
    let refused = JournalWriter::create(&place, &recording()).err().unwrap();
    assert!(matches!(refused, TraceError::Exists { .. }), "{refused}");
    assert_eq!(read(&place).len(), 1);
}

#[test]
fn what_is_not_a_journal_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let refused = JournalReader::open(folder.path()).unwrap_err();
    assert!(matches!(refused, TraceError::NoJournal(_)), "{refused}");
    for bytes in [&b""[..], b"hello", &[0; 4096], &[0xff; 4096]] {
        fs::write(folder.path().join(JOURNAL_FILE), bytes).unwrap();
        let refused = JournalReader::open(folder.path()).unwrap_err();
        assert!(matches!(refused, TraceError::Journal { .. }), "{refused}");
    }
}

#[test]
fn batches_are_found_again_by_their_place() {
    let (_folder, place, batches) = journal(3);
    let mut reader = JournalReader::open(&place).unwrap();
    let mut places = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        places.push(batch.at);
    }
    assert_eq!(reader.bytes_left(), 0);
    assert_eq!(reader.batch_at(places[1]).unwrap(), batches[1]);
    let said = reader.batch_at(places[1] + 8).unwrap_err();
    assert!(matches!(said, TraceError::Journal { .. }), "{said}");
}

#[test]
fn a_journal_of_the_first_format_is_read_behind_damage_too() {
    let (_folder, place, batches) = journal(4);
    let path = place.join(JOURNAL_FILE);
    let rows: Vec<Vec<JournalRow>> = batches
        .iter()
        .map(|batch| {
            let first = |row: &JournalRow| JournalRow {
                audio_sum: None,
                ..row.clone()
            };
            batch.iter().map(first).collect()
        })
        .collect();
    first_format::write(&path, &recording(), &rows);
    assert_eq!(read(&place), rows);
    let mut bytes = fs::read(&path).unwrap();
    let name = bytes.windows(6).position(|six| six == b"call-1");
    bytes[name.unwrap()] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut reader = JournalReader::open(&place).unwrap();
    let read: Vec<Batch> = std::iter::from_fn(|| reader.next_batch().unwrap()).collect();
    let gaps: Vec<_> = read.iter().map(|batch| batch.gap.is_some()).collect();
    assert_eq!(gaps, [false, true, false]);
    assert_eq!(read[1].gap.unwrap().held, None, "it is not known");
    assert_eq!(read[1].rows, rows[2]);
}

#[test]
fn the_hash_of_the_first_format_stays_what_it_was() {
    let rows: Vec<JournalRow> = second(3).into_iter().map(|(row, _)| row).collect();
    let written = "963a59f7a1def0a8f1811b659f81c477237c33e28a3f04ecd56a3cad40b1ac71";
    assert_eq!(sum::hash_at(&rows, 2368), written);
}

#[test]
fn each_batch_says_what_is_recorded_and_what_was_before_it() {
    let (_folder, place, batches) = journal(5);
    let path = place.join(JOURNAL_FILE);
    let whole = fs::read(&path).unwrap();
    let ends = ends(&place);
    // The beginning is blank, the second and the third batch are gone, the fifth is there twice.
    let (one, three, four) = (ends[0] as usize, ends[2] as usize, ends[3] as usize);
    let mut bytes = vec![0; 1000];
    bytes.extend(&whole[1000..one]);
    bytes.extend(&whole[three..]);
    bytes.extend(&whole[four..]);
    fs::write(&path, bytes).unwrap();
    let mut reader = JournalReader::open(&place).unwrap();
    assert_eq!(*reader.recording(), recording());
    let read: Vec<Batch> = std::iter::from_fn(|| reader.next_batch().unwrap()).collect();
    let rows: Vec<_> = read.iter().map(|batch| batch.rows.clone()).collect();
    assert_eq!(rows, [&batches[0][..], &batches[3], &batches[4]]);
    let held = Passed {
        calls: 2,
        turns: 0,
        rows: 16,
    };
    let gap = Gap {
        bytes: (three - one) as u64,
        held: Some(held),
    };
    assert_eq!(read[1].gap, Some(gap));
    assert_eq!(read[0].gap.unwrap().held, Some(Passed::default()));
    assert_eq!(read[2].gap, None);
    assert_eq!(reader.bytes_left(), (whole.len() - four) as u64);
}

/// Where each batch of the journal ends.
fn ends(place: &Path) -> Vec<u64> {
    let mut reader = JournalReader::open(place).unwrap();
    let bytes = fs::metadata(place.join(JOURNAL_FILE)).unwrap().len();
    let mut ends = Vec::new();
    while reader.next_batch().unwrap().is_some() {
        ends.push(bytes - reader.bytes_left());
    }
    ends
}

/// Where the first batch begins.
fn head_end(bytes: &[u8]) -> u64 {
    let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
    8 + u64::from(length)
}

/// What happens to a file.
#[derive(Debug, Clone)]
struct Damage {
    at: f64,
    bytes: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Flipped(u8),
    CutOff,
    Removed,
    Blank,
    Noise(Vec<u8>),
    Inserted(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let noise = || prop::collection::vec(any::<u8>(), 1..300);
    let what = prop_oneof![
        4 => (0_u8..8).prop_map(What::Flipped),
        1 => Just(What::CutOff),
        1 => Just(What::Removed),
        1 => Just(What::Blank),
        1 => noise().prop_map(What::Noise),
        1 => noise().prop_map(What::Inserted),
    ];
    (0.0..1.0_f64, 1_usize..3000, what).prop_map(|(at, bytes, what)| Damage { at, bytes, what })
}

impl Damage {
    /// What becomes of `bytes`, and which of them are touched.
    fn of(&self, bytes: &[u8]) -> (Vec<u8>, std::ops::Range<usize>) {
        let at = (self.at * bytes.len() as f64) as usize;
        let end = (at + self.bytes).min(bytes.len());
        let mut now = bytes.to_vec();
        let touched = match &self.what {
            What::Flipped(bit) => {
                now[at] ^= 1 << bit;
                at..at + 1
            }
            What::CutOff => {
                now.truncate(at);
                at..bytes.len()
            }
            What::Removed => {
                now.drain(at..end);
                at..end
            }
            What::Blank => {
                now[at..end].fill(0);
                at..end
            }
            What::Noise(noise) => {
                let end = (at + noise.len()).min(bytes.len());
                now[at..end].copy_from_slice(&noise[..end - at]);
                at..end
            }
            What::Inserted(noise) => {
                now.splice(at..at, noise.iter().copied());
                at..at
            }
        };
        (now, touched)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn damage_costs_the_batches_that_it_touches(damage in damage()) {
        thread_local!(static JOURNAL: (TempDir, PathBuf, Vec<Vec<JournalRow>>) = journal(6));
        JOURNAL.with(|(_folder, place, batches)| {
            let damaged = tempfile::tempdir().unwrap();
            let bytes = fs::read(place.join(JOURNAL_FILE)).unwrap();
            let (now, touched) = damage.of(&bytes);
            fs::write(damaged.path().join(JOURNAL_FILE), &now).unwrap();
            let ends = ends(place);
            let starts = std::iter::once(head_end(&bytes)).chain(ends.iter().copied());
            let spared = starts.zip(&ends).map(|(start, end)| {
                *end as usize <= touched.start || start as usize >= touched.end
            });
            let spared: Vec<bool> = spared.collect();
            let mut reader = match JournalReader::open(damaged.path()) {
                Ok(reader) => reader,
                Err(said) => {
                    prop_assert!(!spared.contains(&true), "{}", said);
                    return Ok(());
                }
            };
            prop_assert_eq!(reader.recording(), &recording());
            let (mut read, mut lost) = (Vec::new(), 0);
            while let Some(batch) = reader.next_batch().unwrap() {
                lost += batch.gap.map_or(0, |gap| gap.held.unwrap().rows);
                read.push(batch.rows);
            }
            for (batch, spared) in batches.iter().zip(&spared) {
                prop_assert!(!spared || read.contains(batch));
            }
            let is_prefix = read.iter().all(|rows| batches.contains(rows));
            prop_assert!(is_prefix, "what is read was written");
            let rows: usize = read.iter().map(Vec::len).sum();
            let all: usize = batches.iter().map(Vec::len).sum();
            let known = reader.bytes_left() > 0 || now.len() < bytes.len();
            prop_assert!(known || rows + lost as usize == all, "{} and {}", rows, lost);
            Ok(())
        })?;
    }

    #[test]
    fn garbage_behind_the_last_batch_costs_nothing(
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        blank in 0_usize..5000,
    ) {
        thread_local!(static JOURNAL: (TempDir, PathBuf, Vec<Vec<JournalRow>>) = journal(2));
        JOURNAL.with(|(_folder, place, batches)| {
            let damaged = tempfile::tempdir().unwrap();
            let mut bytes = fs::read(place.join(JOURNAL_FILE)).unwrap();
            bytes.resize(bytes.len() + blank, 0);
            bytes.extend(&garbage);
            fs::write(damaged.path().join(JOURNAL_FILE), &bytes).unwrap();
            fs::copy(place.join(PCM_FILE), damaged.path().join(PCM_FILE)).unwrap();
            prop_assert_eq!(&read(damaged.path()), batches);
            Ok(())
        })?;
    }
}

#[test]
fn many_rows_are_several_batches() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a.vtrace");
    let mut writer = JournalWriter::create(&place, &recording()).unwrap();
    let rows: Vec<_> = (0..70_000)
        .map(|at| JournalRow::new(1, at, JournalKind::Silence))
        .collect();
    for row in rows.iter().cloned() {
        writer.append(row, None);
    }
    assert_eq!((writer.waiting_rows(), writer.waiting_bytes()), (70_000, 0));
    writer.commit().unwrap();
    assert_eq!(writer.waiting_rows(), 0);
    let bytes = [JOURNAL_FILE, PCM_FILE].map(|name| fs::metadata(place.join(name)).unwrap().len());
    assert_eq!(writer.committed_bytes(), bytes.iter().sum::<u64>());
    let batches = read(&place);
    assert_eq!(batches.len(), 2);
    assert_eq!(batches.concat(), rows);
}
