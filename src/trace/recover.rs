//! Finishes a recording: makes a bundle of its journal, in the same place, at the recording's end
//! or after a crash.
//!
//! A first pass over the journal finds where in it each call is. Then calls are taken in order of
//! their start, as many at a time as memory allows for. The journal is there until the bundle is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::syncfs;
use serde_json::json;

use super::TraceError;
use super::check::MAX_SESSION_ID_BYTES;
use super::journal::{JOURNAL_FILE, JournalReader, JournalRow, Recording};
use super::lock::Lock;
use super::manifest::{Provenance, TRACE_FORMAT, TraceManifest};
use super::model::TraceSource;
use super::recorded::{self, Call, PcmFile, Unfit};
use super::staging::{Staging, finish_swap};
use super::stream::Bundle;
use super::writer::BundleWriter;

/// Rows of the calls that are in memory at a time, unless one call alone has more.
const ROWS_AT_A_TIME: u64 = 1_000_000;

/// What became of a recording.
#[derive(Debug)]
pub struct Finished {
    /// The bundle.
    pub bundle: Bundle,
    /// What is in it.
    pub counts: Counts,
}

/// What is in a finished recording, and what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Calls in the journal.
    pub calls: u64,
    /// Calls in the bundle.
    pub sessions: u64,
    /// Calls that were still open.
    pub open: u64,
    /// Calls left out because they were never configured.
    pub unconfigured: u64,
    /// Calls left out because of a sample rate that audio cannot have.
    pub bad_rate: u64,
    /// Calls that were cut off before a message that a trace cannot hold: audio that is not whole
    /// samples, or more than a session may have.
    pub cut: u64,
    /// Messages that a trace has no place for.
    pub messages_left_out: u64,
    /// Messages that the recorder lost.
    pub messages_lost: u64,
    /// Bytes at the journal's end that were not a whole batch.
    pub journal_bytes_lost: u64,
}

/// Finishes the recording in the folder `dir`, which becomes a bundle. `step` goes into its
/// provenance behind the recording, and the counts into the settings of `step`.
///
/// # Errors
/// No recording, one that goes on, a journal that cannot be read from its beginning, or the
/// system's. The journal is left as it was.
pub fn finish(dir: &Path, step: Provenance) -> Result<Finished, TraceError> {
    finish_swap(dir)?;
    let _lock = lock(dir)?;
    let mut reader = JournalReader::open(dir)?;
    let pcm = PcmFile::open(dir)?;
    let (calls, mut counts) = find_calls(&mut reader)?;
    let mut writer = BundleWriter::in_staging(Staging::beside(dir)?)?;
    let mut ids = Ids::default();
    for group in groups(&calls, ROWS_AT_A_TIME) {
        let mut rows = read_calls(&mut reader, group)?;
        for place in group {
            let rows = rows.remove(&place.call).unwrap_or_default();
            let mut call = match Call::of(rows) {
                Ok(call) => call,
                Err(Unfit::Unconfigured) => {
                    counts.unconfigured += 1;
                    continue;
                }
                Err(Unfit::Rate) => {
                    counts.bad_rate += 1;
                    continue;
                }
            };
            let session_id = ids.name(&call);
            recorded::write(&mut writer, &mut call, &session_id, &pcm)?;
            counts.take_in(&call);
        }
    }
    // Before the journal goes, all that was made of it must be on the disk.
    let staged = File::open(writer.dir()).map_err(|e| TraceError::io(writer.dir(), e))?;
    syncfs(&staged).map_err(|e| TraceError::io(writer.dir(), e.into()))?;
    let bundle = writer.finish(&manifest(reader.recording(), step, &counts))?;
    Ok(Finished { bundle, counts })
}

/// Keeps a recorder or another recovery from the journal.
fn lock(dir: &Path) -> Result<Lock, TraceError> {
    let path = dir.join(JOURNAL_FILE);
    let journal = match File::open(&path) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(TraceError::NoJournal(dir.display().to_string()));
        }
        opened => opened.map_err(|e| TraceError::io(&path, e))?,
    };
    Lock::take(journal).map_err(|e| match e {
        rustix::io::Errno::WOULDBLOCK => TraceError::Live {
            path: dir.display().to_string(),
        },
        e => TraceError::io(&path, e.into()),
    })
}

/// Where in the journal a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    call: u64,
    /// Its first instant.
    start_ns: i64,
    rows: u64,
    /// Its first batch.
    first_at: u64,
    /// Its last batch.
    last_at: u64,
}

/// All calls, in order of their start.
fn find_calls(reader: &mut JournalReader) -> Result<(Vec<Place>, Counts), TraceError> {
    let mut places: HashMap<u64, Place> = HashMap::new();
    while let Some(batch) = reader.next_batch()? {
        for row in batch.rows {
            let place = places.entry(row.call).or_insert(Place {
                call: row.call,
                start_ns: row.at_ns,
                rows: 0,
                first_at: batch.at,
                last_at: batch.at,
            });
            place.start_ns = place.start_ns.min(row.at_ns);
            place.rows += 1;
            place.last_at = batch.at;
        }
    }
    let counts = Counts {
        calls: places.len() as u64,
        journal_bytes_lost: reader.bytes_left(),
        ..Counts::default()
    };
    let mut places: Vec<Place> = places.into_values().collect();
    places.sort_unstable_by_key(|place| (place.start_ns, place.call));
    Ok((places, counts))
}

/// Calls that follow each other, as many as have `most` rows together, but at least one.
fn groups(mut places: &[Place], most: u64) -> impl Iterator<Item = &[Place]> {
    std::iter::from_fn(move || {
        let mut rows = 0;
        let fits = |place: &&Place| {
            rows += place.rows;
            rows <= most
        };
        let count = places.iter().take_while(fits).count();
        let (group, rest) = places.split_at(count.max(1).min(places.len()));
        places = rest;
        (!group.is_empty()).then_some(group)
    })
}

/// The rows of each call of `group`, from the stretch of the journal that holds them.
fn read_calls(
    reader: &mut JournalReader,
    group: &[Place],
) -> Result<HashMap<u64, Vec<JournalRow>>, TraceError> {
    let mut rows: HashMap<u64, Vec<JournalRow>> = HashMap::new();
    for place in group {
        let room = usize::try_from(place.rows).unwrap_or(0);
        rows.insert(place.call, Vec::with_capacity(room));
    }
    let first_at = group.iter().map(|place| place.first_at).min();
    let last_at = group.iter().map(|place| place.last_at).max();
    reader.go_to(first_at.unwrap_or(0));
    while let Some(batch) = reader.next_batch()? {
        for row in batch.rows {
            if let Some(its) = rows.get_mut(&row.call) {
                its.push(row);
            }
        }
        if Some(batch.at) >= last_at {
            break;
        }
    }
    Ok(rows)
}

impl Counts {
    fn take_in(&mut self, call: &Call) {
        self.sessions += 1;
        self.open += u64::from(!call.has_ended());
        self.cut += u64::from(call.is_cut);
        self.messages_left_out += call.left_out;
        self.messages_lost += call.lost;
    }
}

/// Names of sessions, none of which is used twice.
#[derive(Default)]
struct Ids(HashSet<String>);

impl Ids {
    /// The caller's name of the call, or where it has none that will do, its number.
    fn name(&mut self, call: &Call) -> String {
        let given = call.session_id.as_deref().unwrap_or_default();
        let name = match given.is_empty() {
            true => format!("call-{}", call.number),
            false => given.to_owned(),
        };
        let room = MAX_SESSION_ID_BYTES - 20;
        let stem = &name[..name.floor_char_boundary(room)];
        let mut id = stem.to_owned();
        let mut copy = 2_u64;
        while !self.0.insert(id.clone()) {
            id = format!("{stem}-{copy}");
            copy += 1;
        }
        id
    }
}

fn manifest(recording: &Recording, mut step: Provenance, counts: &Counts) -> TraceManifest {
    let record = Provenance {
        step: "record".to_owned(),
        tool: recording.tool.clone(),
        at: recording.origin_at.clone(),
        settings: recording.settings.clone(),
    };
    if let Some(settings) = step.settings.as_object_mut() {
        settings.insert("counts".to_owned(), json!(counts));
    } else {
        step.settings = json!({ "counts": counts });
    }
    TraceManifest {
        format: TRACE_FORMAT.to_owned(),
        name: recording.name.clone(),
        created_at: step.at.clone(),
        tool: step.tool.clone(),
        source: TraceSource::Recorded.name().to_owned(),
        contains: recording.contains.clone(),
        origin_at: Some(recording.origin_at.clone()),
        seed: None,
        sessions: 0,
        events: 0,
        duration_ns: 0,
        content_blake3: String::new(),
        tables: BTreeMap::new(),
        extent: None,
        delete_after: recording.delete_after.clone(),
        provenance: vec![record, step],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::journal::{JournalKind, JournalWriter};

    fn recording() -> Recording {
        Recording {
            name: "a".to_owned(),
            tool: "a test".to_owned(),
            origin_at: "2026-01-01T00:00:00Z".to_owned(),
            contains: Vec::new(),
            delete_after: None,
            settings: json!({}),
        }
    }

    #[test]
    fn calls_are_read_group_by_group_from_their_own_stretch_of_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.vtrace");
        let mut writer = JournalWriter::create(&place, &recording()).unwrap();
        // Call n goes on from second n to second 2n.
        let rows_of = |call: u64| (call..=2 * call).map(move |second| (call, second as i64));
        for second in 0..20 {
            for (call, _) in (0..10).flat_map(rows_of).filter(|(_, at)| *at == second) {
                writer.append(JournalRow::new(call, second, JournalKind::Silence), None);
            }
            writer.commit().unwrap();
        }
        let mut reader = JournalReader::open(&place).unwrap();
        let (places, counts) = find_calls(&mut reader).unwrap();
        assert_eq!(
            (places.len(), counts.calls, counts.journal_bytes_lost),
            (10, 10, 0)
        );
        for most in [1, 9, 15, 1000] {
            let mut read = Vec::new();
            for group in groups(&places, most) {
                let rows: u64 = group.iter().map(|place| place.rows).sum();
                assert!(rows <= most || group.len() == 1);
                let mut calls = read_calls(&mut reader, group).unwrap();
                for place in group {
                    let rows = calls.remove(&place.call).unwrap();
                    let rows: Vec<_> = rows.iter().map(|row| (row.call, row.at_ns)).collect();
                    assert_eq!(rows, rows_of(place.call).collect::<Vec<_>>());
                    read.push(place.call);
                }
            }
            assert_eq!(read, (0..10).collect::<Vec<_>>(), "in order of their start");
        }
    }

    #[test]
    fn names_are_unique_and_not_too_long() {
        let call = |number, session_id: &str| {
            let config = JournalRow {
                session_id: Some(session_id.to_owned()),
                rate_hz: Some(8_000),
                ..JournalRow::new(number, 0, JournalKind::Config)
            };
            Call::of(vec![config]).unwrap()
        };
        let mut ids = Ids::default();
        let long = "é".repeat(200);
        let given = ["a", "a", "a-2", "", &long, &long];
        let names: Vec<String> = (0..)
            .zip(given)
            .map(|(n, id)| ids.name(&call(n, id)))
            .collect();
        assert_eq!(names[..4], ["a", "a-2", "a-2-2", "call-3"]);
        assert_ne!(names[4], names[5]);
        assert!(names.iter().all(|name| name.len() <= MAX_SESSION_ID_BYTES));
    }
}
