//! A journal is what was committed, whatever happens to its files.

use std::fs::{self, OpenOptions};
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
            assert_eq!(
                *read,
                JournalRow {
                    offset,
                    ..row.clone()
                }
            );
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
fn rows_whose_audio_is_not_there_end_the_journal() {
    let (_folder, place, batches) = journal(3);
    let pcm = OpenOptions::new()
        .write(true)
        .open(place.join(PCM_FILE))
        .unwrap();
    pcm.set_len(2 * 5 * 640 - 1).unwrap();
    assert_eq!(read(&place), batches[..1]);
    fs::remove_file(place.join(PCM_FILE)).unwrap();
    assert!(read(&place).is_empty());
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
    reader.go_to(places[1]);
    assert_eq!(reader.next_batch().unwrap().unwrap().rows, batches[1]);
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_damage_costs_the_batches_from_there_on(
        at in 0.0..1.0_f64,
        damage in prop_oneof![
            Just(Vec::new()),
            (1_usize..5000).prop_map(|bytes| vec![0; bytes]),
            prop::collection::vec(any::<u8>(), 1..5000),
        ],
        cuts in any::<bool>(),
    ) {
        thread_local!(static JOURNAL: (TempDir, PathBuf, Vec<Vec<JournalRow>>) = journal(4));
        JOURNAL.with(|(_folder, place, batches)| {
            let damaged = tempfile::tempdir().unwrap();
            let mut bytes = fs::read(place.join(JOURNAL_FILE)).unwrap();
            let ends = ends(place);
            let at = (at * bytes.len() as f64) as usize;
            let behind = bytes.get(at + damage.len()..).unwrap_or_default().to_vec();
            let was = bytes.split_off(at);
            let changes = was.iter().zip(&damage).position(|(was, is)| was != is);
            bytes.extend(&damage);
            // Overwritten in the middle, or cut off behind the damage.
            let first_change = match cuts {
                true => at + changes.unwrap_or(damage.len().min(was.len())),
                false => {
                    bytes.extend(behind);
                    at + changes.unwrap_or(was.len())
                }
            };
            fs::write(damaged.path().join(JOURNAL_FILE), &bytes).unwrap();
            fs::copy(place.join(PCM_FILE), damaged.path().join(PCM_FILE)).unwrap();
            let whole = ends.iter().filter(|end| **end <= first_change as u64).count();
            match JournalReader::open(damaged.path()) {
                Ok(mut reader) => {
                    let mut read = 0;
                    while let Some(batch) = reader.next_batch().unwrap() {
                        prop_assert_eq!(&batch.rows, &batches[read]);
                        read += 1;
                    }
                    prop_assert!(read >= whole, "{} of {}", read, whole);
                }
                Err(_) => prop_assert_eq!(whole, 0),
            }
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
