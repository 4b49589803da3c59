//! Finishes a recording: makes a bundle of its journal, in the same place, at the recording's end
//! or after a crash.
//!
//! A first pass over the journal finds where in it each call is, and what is damaged (`survey`). Then
//! calls are taken in order of their start, as many at a time as memory allows for. The journal is
//! there until the bundle is; one that could not be read to its end stays, in the bundle's folder,
//! so that a copy of what is damaged can be put back, and the trace made again.

mod damage;
mod survey;

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;

use rustix::fs::syncfs;
use serde_json::json;

pub use damage::Damage;

use super::TraceError;
use super::check::MAX_SESSION_ID_BYTES;
use super::journal::{JOURNAL_FILE, JournalReader, PCM_FILE, Recording, open_rows};
use super::lock::Lock;
use super::manifest::{Provenance, TraceManifest};
use super::model::TraceSource;
use super::recorded::{self, PcmFile, RecordedCall, Unfit};
use super::staging::{Staging, finish_swap};
use super::stream::Bundle;
use super::writer::BundleWriter;
use survey::{groups, survey};

/// Rows of the calls that are in memory at a time, unless one call alone has more.
const ROWS_AT_A_TIME: u64 = 1_000_000;

/// What became of a recording.
#[derive(Debug)]
pub struct Finished {
    /// The bundle.
    pub bundle: Bundle,
    /// What is in it.
    pub counts: Counts,
    /// What of the journal could not be read. If there is any, its files are in the bundle's folder.
    pub damage: Damage,
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
    /// Bytes of the journal that are in no whole batch.
    pub journal_bytes_lost: u64,
}

/// Finishes the recording in the folder `dir`, which becomes a bundle. `step` goes into its
/// provenance behind the recording, and what is in the bundle and what not into the settings of
/// `step`. Where the journal is damaged, its files stay in the folder.
///
/// # Errors
/// No recording, one that goes on, a journal that does not say what is recorded, audio that is gone,
/// or the system's. The journal is left as it was.
pub fn finish(dir: &Path, step: Provenance) -> Result<Finished, TraceError> {
    finish_swap(dir)?;
    let _lock = lock(dir)?;
    let mut reader = JournalReader::open(dir)?;
    let pcm = PcmFile::open(dir)?;
    let survey = survey(&mut reader, &pcm)?;
    let damage = survey.damage;
    let mut counts = Counts {
        calls: survey.calls,
        journal_bytes_lost: damage.journal_bytes,
        ..Counts::default()
    };
    let mut writer = BundleWriter::in_staging(Staging::beside(dir)?)?;
    let mut ids = Ids::default();
    for group in groups(&survey.places, ROWS_AT_A_TIME) {
        let mut rows = survey.read_calls(&reader, group)?;
        for place in group {
            let rows = rows.remove(&place.call).unwrap_or_default();
            let mut call = match RecordedCall::of(rows) {
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
            counts.take_in(&call, place.is_cut);
        }
    }
    if damage.is_any() {
        keep_journal(dir, writer.dir())?;
    }
    // Before the journal goes, all that was made of it must be on the disk.
    let staged = File::open(writer.dir()).map_err(|e| TraceError::io(writer.dir(), e))?;
    syncfs(&staged).map_err(|e| TraceError::io(writer.dir(), e.into()))?;
    let manifest = manifest(reader.recording(), step, &counts, &damage);
    let bundle = writer.finish(&manifest)?;
    Ok(Finished {
        bundle,
        counts,
        damage,
    })
}

/// Puts the files of the journal in `dir` into `bundle`, too.
fn keep_journal(dir: &Path, bundle: &Path) -> Result<(), TraceError> {
    for name in [JOURNAL_FILE, PCM_FILE] {
        let (from, to) = (dir.join(name), bundle.join(name));
        if from.exists() && fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(|e| TraceError::io(&to, e))?;
        }
    }
    Ok(())
}

/// Keeps a recorder or another recovery from the journal.
fn lock(dir: &Path) -> Result<Lock, TraceError> {
    Lock::take(open_rows(dir)?).map_err(|e| match e {
        rustix::io::Errno::WOULDBLOCK => TraceError::Live {
            path: dir.display().to_string(),
        },
        e => TraceError::io(&dir.join(JOURNAL_FILE), e.into()),
    })
}

impl Counts {
    fn take_in(&mut self, call: &RecordedCall, is_damaged: bool) {
        self.sessions += 1;
        self.open += u64::from(!call.has_ended() && !is_damaged);
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
    fn name(&mut self, call: &RecordedCall) -> String {
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

fn manifest(
    recording: &Recording,
    mut step: Provenance,
    counts: &Counts,
    damage: &Damage,
) -> TraceManifest {
    let record = Provenance {
        step: "record".to_owned(),
        tool: recording.tool.clone(),
        at: recording.origin_at.clone(),
        settings: recording.settings.clone(),
    };
    if !step.settings.is_object() {
        step.settings = json!({});
    }
    step.settings["counts"] = json!(counts);
    if damage.is_any() {
        step.settings["damage"] = json!(damage);
    }
    let name = recording.name.clone();
    let mut manifest = TraceManifest::begin(name, TraceSource::Recorded, step);
    manifest.contains.clone_from(&recording.contains);
    manifest.origin_at = Some(recording.origin_at.clone());
    manifest.delete_after.clone_from(&recording.delete_after);
    manifest.provenance.insert(0, record);
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::journal::{JournalKind, JournalRow};

    #[test]
    fn names_are_unique_and_not_too_long() {
        let call = |number, session_id: &str| {
            let config = JournalRow {
                session_id: Some(session_id.to_owned()),
                rate_hz: Some(8_000),
                ..JournalRow::new(number, 0, JournalKind::Config)
            };
            RecordedCall::of(vec![config]).unwrap()
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
