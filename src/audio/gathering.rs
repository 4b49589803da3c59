//! What became of files is written to the bundle's tables in their order, and counted.

use std::collections::HashMap;
use std::path::Path;

use super::files::{Files, Made};
use super::kept::Kept;
use super::library_error::AudioError;
use super::pool::Pool;
use super::synthetic;
use super::transcripts::Said;
use crate::trace::model::{ClipRow, SourceRow};
use crate::trace::writer::Buffered;
use crate::units::{SampleRate, Samples};

/// Rows in a row group of the tables: so many are in memory until they are written.
const GROUP_ROWS: usize = 16 * 1024;
/// Reasons that are listed when no file could be converted.
const REASONS: usize = 3;

/// A clip, and where it is from: in few bytes, since each is kept to the end.
struct Listed {
    clip: Kept,
    /// The number of its first file, or of synthetic audio, which is counted on behind the files.
    origin: u32,
    /// The row of the table of transcripts that says what is said in it.
    said: Option<u32>,
}

/// Tables that are being written.
pub(super) struct Gathering<'a> {
    files: &'a Files<'a>,
    said: Option<Said>,
    sources: Buffered<SourceRow>,
    clips: Vec<Listed>,
    /// Numbers of clips, by what tells them apart: equal audio is stored once.
    numbers: HashMap<[u8; 16], u32>,
    pool: Pool,
}

impl<'a> Gathering<'a> {
    /// Begins the tables in the bundle `folder`.
    pub(super) fn begin(
        folder: &Path,
        files: &'a Files<'a>,
        said: Option<Said>,
    ) -> Result<Gathering<'a>, AudioError> {
        std::fs::create_dir_all(folder).map_err(AudioError::io(folder))?;
        Ok(Gathering {
            files,
            said,
            sources: Buffered::create(folder, GROUP_ROWS)?,
            clips: Vec::new(),
            numbers: HashMap::new(),
            pool: Pool::default(),
        })
    }

    /// Takes in what became of the next file.
    ///
    /// # Errors
    /// A table that cannot be written; with `strict`, a file without clips.
    pub(super) fn take(&mut self, made: Made) -> Result<(), AudioError> {
        let pool = &mut self.pool;
        pool.files += 1;
        pool.reused += u64::from(made.reused);
        let (mut skipped, mut noted) = (None, None);
        for (row, _) in &made.rows {
            skipped = skipped.or(row.skipped.as_ref().map(|reason| (&row.path, reason)));
            noted = noted.or(row.note.as_ref().map(|note| (&row.path, note)));
        }
        match (skipped, noted) {
            (Some((path, reason)), _) if self.files.spec.strict => {
                return Err(AudioError::Strict {
                    path: path.clone(),
                    reason: reason.clone(),
                });
            }
            (Some((path, reason)), _) => pool.skipped.push(path, reason),
            (None, Some((path, note))) => pool.noted.push(path, note),
            (None, None) => {}
        }
        pool.converted += u64::from(skipped.is_none() && !made.reused);
        let origin = made.file as u32;
        // Of two clips it is not known who of the two says it.
        let said = match (&self.said, made.rows.len()) {
            (Some(said), 1) => said.row_of(origin),
            _ => None,
        };
        for (source, clip) in made.rows {
            let clip = clip.map(|clip| self.add(clip, origin, said));
            self.sources.push(SourceRow { clip, ..source })?;
        }
        Ok(())
    }

    /// Adds a clip, unless an equal one is there, and returns its number. Of several files with it, the first row of
    /// the table that names one says what is said in it.
    fn add(&mut self, clip: Kept, origin: u32, said: Option<u32>) -> u32 {
        let next = self.clips.len() as u32;
        let number = *self.numbers.entry(clip.key()).or_insert(next);
        match self.clips.get_mut(number as usize) {
            Some(listed) => listed.said = listed.said.into_iter().chain(said).min(),
            None => self.clips.push(Listed { clip, origin, said }),
        }
        number
    }

    /// Synthesises what is to be, and ends the tables.
    ///
    /// # Errors
    /// No clips, a clip or a table that cannot be written.
    pub(super) fn finish(mut self, folder: &Path) -> Result<Pool, AudioError> {
        let spec = self.files.spec;
        if self.clips.is_empty() && spec.synth.is_empty() {
            return Err(none_converted(&self.pool));
        }
        for (number, &synth) in spec.synth.iter().enumerate() {
            let clip = Kept::of(&synthetic::clip(synth, number, folder)?);
            let origin = self.files.found.entries.len() + number;
            clip.map(|clip| self.add(clip, origin as u32, None));
        }
        let Gathering {
            files,
            said,
            sources,
            clips,
            numbers,
            mut pool,
        } = self;
        drop(numbers);
        sources.close()?;
        let longest = spec.max_clip_ns;
        let longest = longest.map_or(u64::MAX, |ns| Samples::in_ns(ns, SampleRate::PREPARED).0);
        let mut matched = said.as_ref().map(|said| said.matched.clone());
        let mut table: Buffered<ClipRow> = Buffered::create(folder, GROUP_ROWS)?;
        pool.clips = clips.len() as u64;
        for (number, listed) in (0..).zip(clips) {
            let row = listed.said.filter(|_| listed.clip.samples < longest);
            let transcript = said
                .as_ref()
                .zip(row)
                .and_then(|(said, row)| said.text(row));
            if let Some(matched) = &mut matched {
                matched.clips += 1;
                matched.transcribed += u64::from(transcript.is_some());
            }
            let origin = listed.origin as usize;
            let source = match files.found.entries.get(origin) {
                Some(entry) => files.found.name(entry),
                None => synthetic::name(spec.synth[origin - files.found.entries.len()]),
            };
            table.push(listed.clip.row(number, source, transcript))?;
        }
        table.close()?;
        pool.transcripts = matched;
        Ok(pool)
    }
}

fn none_converted(pool: &Pool) -> AudioError {
    let skipped = &pool.skipped;
    let first = skipped.first.iter().take(REASONS);
    let mut reasons: Vec<String> = first.map(|s| format!("{}: {}", s.path, s.text)).collect();
    if skipped.files > REASONS as u64 {
        reasons.push(format!("and {} more", skipped.files - REASONS as u64));
    }
    AudioError::NoneConverted {
        files: skipped.files as usize,
        reasons: reasons.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::walk::Entry;

    #[test]
    fn what_is_kept_of_each_file_is_small() {
        assert!(size_of::<Listed>() <= 96, "{}", size_of::<Listed>());
        assert!(size_of::<Entry>() <= 48, "{}", size_of::<Entry>());
    }
}
