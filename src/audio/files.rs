//! The files of a library, each looked at when its turn comes, since there may be millions: taken over from an earlier
//! bundle, or converted.

use std::path::Path;

use super::convert::{self, Job};
use super::file_state::FileState;
use super::kept::Kept;
use super::labels::Labels;
use super::library_error::AudioError;
use super::reuse::Earlier;
use super::source_info::SourceInfo;
use super::spec::{Channel, ConvertSpec};
use super::walk::Found;
use crate::trace::model::SourceRow;

/// The files that were found, and what is to be done with them.
pub(super) struct Files<'a> {
    /// Where they are.
    pub(super) found: &'a Found,
    /// What becomes of them.
    pub(super) spec: &'a ConvertSpec,
    labels: &'a Labels,
}

/// What became of a file.
pub(super) struct Made {
    /// Its number.
    pub(super) file: usize,
    /// A row for each clip, or one that says why there is none; without clip numbers.
    pub(super) rows: Vec<(SourceRow, Option<Kept>)>,
    /// Whether it was taken over.
    pub(super) reused: bool,
}

impl Made {
    /// The size of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.first().map_or(0, |(row, _)| row.bytes)
    }
}

impl<'a> Files<'a> {
    pub(super) fn new(found: &'a Found, spec: &'a ConvertSpec, labels: &'a Labels) -> Files<'a> {
        Files {
            found,
            spec,
            labels,
        }
    }

    /// The size of all of them.
    pub(super) fn bytes(&self) -> u64 {
        let paths = self
            .found
            .entries
            .iter()
            .map(|entry| self.found.path(entry));
        paths
            .filter_map(|path| path.metadata().ok())
            .map(|m| m.len())
            .sum()
    }

    /// Takes the clips of a file over from `earlier` into the bundle `folder`, or converts it; `heard` is told how many
    /// nanoseconds of audio were written, from time to time.
    ///
    /// # Errors
    /// Only what ends the whole conversion.
    pub(super) fn make(
        &self,
        file: usize,
        folder: &Path,
        earlier: Option<&Earlier>,
        heard: &dyn Fn(i64),
    ) -> Result<Made, AudioError> {
        let entry = &self.found.entries[file];
        let (name, path) = (self.found.name(entry), self.found.path(entry));
        let raw = self.spec.raw.filter(|_| self.found.is_headerless(entry));
        let label = self.labels.of(&name, &path);
        let state = FileState::of(path.metadata().ok().as_ref());
        let row = SourceRow {
            path: name,
            bytes: state.bytes,
            mtime_ns: state.mtime_ns,
            channel: Channel::Mix.name().to_owned(),
            codec: String::new(),
            rate_hz: 0,
            channels: 0,
            settings_hash: self.spec.hash(raw, label),
            clip: None,
            skipped: None,
            decoder: None,
            trim: None,
            note: None,
        };
        let made = |rows, reused| Made { file, rows, reused };
        if let Some(problem) = &entry.problem {
            return Ok(made(skipped(row, problem.to_string()), false));
        }
        if let Some(earlier) = earlier
            && let Some(taken) = earlier.take_over(&row, folder)?
            // What is odd may be too odd for `strict`, which only its conversion tells.
            && !(self.spec.strict && taken.iter().any(|(row, _)| row.note.is_some()))
        {
            let rows = taken.into_iter().map(|(row, clip)| (row, Some(clip)));
            return Ok(made(rows.collect(), true));
        }
        let job = Job {
            path: &path,
            name: &row.path,
            state,
            number: file,
            raw,
            label,
            ahead: self.found.entries.len() < rayon::current_num_threads(),
        };
        let outcome = convert::convert(&job, self.spec, folder, heard)?;
        let row = described(row, outcome.info);
        let clips = match outcome.clips {
            Ok(clips) => clips,
            Err(reason) => return Ok(made(skipped(row, reason), false)),
        };
        let rows = clips.into_iter().map(|(channel, clip)| {
            let row = SourceRow {
                channel: channel.name().to_owned(),
                note: outcome.note.clone(),
                ..row.clone()
            };
            (row, Kept::of(&clip))
        });
        Ok(made(rows.collect(), false))
    }
}

fn skipped(row: SourceRow, reason: String) -> Vec<(SourceRow, Option<Kept>)> {
    let skipped = Some(reason);
    vec![(SourceRow { skipped, ..row }, None)]
}

fn described(row: SourceRow, info: Option<SourceInfo>) -> SourceRow {
    match info {
        Some(info) => SourceRow {
            codec: info.codec,
            rate_hz: info.rate_hz,
            channels: u32::from(info.channels),
            decoder: Some(info.decoder.name().to_owned()),
            trim: info.trim,
            ..row
        },
        None => row,
    }
}
