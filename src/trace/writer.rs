//! Writes a bundle session by session, so that one of millions needs no more memory than a few.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::TraceError;
use super::check::short_hash;
use super::manifest::TraceManifest;
use super::model::SessionRows;
use super::model::{ClipRow, EventRow, ReplyRow, SessionRow, TurnRow};
use super::staging::Staging;
use super::stream::Bundle;
use super::tables::{EVENT_ROW_GROUP_ROWS, format_notes};
use crate::pcm::wav;
use crate::table::{ROW_GROUP_ROWS, Row, Writer};
use crate::units::SampleRate;

/// Rows of a table that are written at a time.
const BATCH_ROWS: usize = 8192;

/// Where the audio of a clip comes from.
#[derive(Debug, Clone, Copy)]
pub enum ClipAudio<'a> {
    /// These samples, of the row's rate.
    Samples(&'a [i16]),
    /// A WAV file that holds what the row says; it is linked, or copied where that cannot be.
    File(&'a Path),
    /// The place that this clip has in the folder that is being made: it was put there already.
    InPlace,
    /// Nowhere: only its timing is known.
    Unknown,
}

/// A bundle that is being written. It appears in its place when it is finished, and not before.
pub struct BundleWriter {
    staging: Staging,
    sessions: Buffered<SessionRow>,
    turns: Buffered<TurnRow>,
    events: Buffered<EventRow>,
    replies: Option<Buffered<ReplyRow>>,
    clips: Vec<ClipRow>,
    /// Number of each clip by its id's hash: equal audio is stored once.
    numbers: HashMap<[u8; 16], u32>,
    /// Whether the table of clips is in the folder already, and not to be made of `clips`.
    has_clips: bool,
    written: u32,
}

impl BundleWriter {
    /// Begins a bundle that will be at `place`.
    ///
    /// # Errors
    /// As for [`Staging::begin`], or the system's.
    pub fn create(place: &Path) -> Result<BundleWriter, TraceError> {
        BundleWriter::in_staging(Staging::begin(place)?)
    }

    /// Begins a bundle in a folder that has its clips and their table already: sessions name them by their numbers.
    ///
    /// # Errors
    /// The system's.
    pub fn with_clips(staging: Staging) -> Result<BundleWriter, TraceError> {
        let writer = BundleWriter::in_staging(staging)?;
        Ok(BundleWriter {
            has_clips: true,
            ..writer
        })
    }

    /// Begins a bundle in a folder that is there.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn in_staging(staging: Staging) -> Result<BundleWriter, TraceError> {
        let dir = staging.dir().to_owned();
        Ok(BundleWriter {
            sessions: Buffered::create(&dir, ROW_GROUP_ROWS)?,
            turns: Buffered::create(&dir, ROW_GROUP_ROWS)?,
            events: Buffered::create(&dir, EVENT_ROW_GROUP_ROWS)?,
            replies: None,
            clips: Vec::new(),
            numbers: HashMap::new(),
            has_clips: false,
            written: 0,
            staging,
        })
    }

    /// The folder that is being made.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.staging.dir()
    }

    /// Takes in a clip, unless one of the same id is there, and returns its number. The row's
    /// number and file are set here.
    ///
    /// # Errors
    /// A file that cannot be written, linked or copied.
    pub fn clip(&mut self, mut row: ClipRow, audio: ClipAudio<'_>) -> Result<u32, TraceError> {
        let id = short_hash(&row.clip_id);
        if let Some(&number) = self.numbers.get(&id) {
            return Ok(number);
        }
        let number = u32::try_from(self.clips.len()).unwrap_or(u32::MAX);
        row.clip = number;
        row.file = match audio {
            ClipAudio::Unknown => None,
            ClipAudio::InPlace => Some(clip_file(&row.clip_id)),
            ClipAudio::Samples(samples) => {
                let (file, path) = self.place_for(&row.clip_id)?;
                let written = wav::write(&path, SampleRate(row.sample_rate_hz), samples);
                written.map_err(|e| TraceError::of_clip(&path, e))?;
                Some(file)
            }
            ClipAudio::File(from) => {
                let (file, path) = self.place_for(&row.clip_id)?;
                if fs::hard_link(from, &path).is_err() {
                    fs::copy(from, &path).map_err(|e| match from.exists() {
                        true => TraceError::io(&path, e),
                        false => TraceError::unreadable(from, e),
                    })?;
                }
                Some(file)
            }
        };
        self.numbers.insert(id, number);
        self.clips.push(row);
        Ok(number)
    }

    /// Appends a session, which must not start before the one before it, with all that belongs to
    /// it; sets the session's number in each row, and how many turns it has. Clips are given by the
    /// numbers that [`BundleWriter::clip`] returned.
    ///
    /// # Errors
    /// The system's. Whether the rows make sense is checked at the end.
    pub fn session(&mut self, mut rows: SessionRows) -> Result<(), TraceError> {
        let number = self.written;
        self.written += 1;
        rows.session.session = number;
        rows.session.turns = u32::try_from(rows.turns.len()).unwrap_or(u32::MAX);
        self.sessions.push(rows.session)?;
        for mut turn in rows.turns {
            turn.session = number;
            self.turns.push(turn)?;
        }
        for mut event in rows.events {
            event.session = number;
            self.events.push(event)?;
        }
        for mut reply in rows.replies {
            reply.session = number;
            let replies = match &mut self.replies {
                Some(replies) => replies,
                None => {
                    let new = Buffered::create(self.staging.dir(), ROW_GROUP_ROWS)?;
                    self.replies.insert(new)
                }
            };
            replies.push(reply)?;
        }
        Ok(())
    }
    /// The clips so far, by number.
    #[must_use]
    pub fn clips(&self) -> &[ClipRow] {
        &self.clips
    }

    /// Closes the tables, checks and seals the bundle, and puts it in its place. What `manifest`
    /// says of the tables is computed here.
    ///
    /// # Errors
    /// Rows that make no sense, or the system's.
    pub fn finish(self, manifest: &TraceManifest) -> Result<Bundle, TraceError> {
        let dir = self.staging.dir().to_owned();
        self.sessions.close()?;
        self.turns.close()?;
        self.events.close()?;
        if let Some(replies) = self.replies {
            replies.close()?;
        }
        if !self.has_clips {
            let mut clips = Buffered::create(&dir, ROW_GROUP_ROWS)?;
            for clip in self.clips {
                clips.push(clip)?;
            }
            clips.close()?;
        }
        manifest.write(&dir)?;
        let mut bundle = Bundle::seal(&dir)?;
        self.staging.place().clone_into(&mut bundle.dir);
        self.staging.commit()?;
        Ok(bundle)
    }

    /// Where the file of a clip goes: relative to the bundle, and as a path.
    fn place_for(&self, clip_id: &str) -> Result<(String, PathBuf), TraceError> {
        let file = clip_file(clip_id);
        let path = self.staging.dir().join(&file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| TraceError::io(folder, e))?;
        }
        Ok((file, path))
    }
}

/// The file of the clip with this id, relative to the bundle.
pub(crate) fn clip_file(clip_id: &str) -> String {
    format!("clips/{}/{clip_id}.wav", clip_id.get(..2).unwrap_or("00"))
}

/// A table that is written a batch at a time.
pub(crate) struct Buffered<R> {
    writer: Writer<R>,
    rows: Vec<R>,
}

impl<R: Row> Buffered<R> {
    /// Begins the table in the bundle `dir`.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn create(dir: &Path, row_group_rows: usize) -> Result<Buffered<R>, TraceError> {
        let path = dir.join(format!("{}.parquet", R::TABLE));
        Ok(Buffered {
            writer: Writer::create(&path, row_group_rows, &format_notes())?,
            rows: Vec::with_capacity(BATCH_ROWS),
        })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn push(&mut self, row: R) -> Result<(), TraceError> {
        self.rows.push(row);
        if self.rows.len() == BATCH_ROWS {
            self.writer.write(&self.rows)?;
            self.rows.clear();
        }
        Ok(())
    }

    /// Writes what is left, and waits until the table is on the disk.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn close(mut self) -> Result<(), TraceError> {
        self.writer.write(&self.rows)?;
        Ok(self.writer.close()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    #[test]
    fn what_was_written_session_by_session_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.vtrace");
        let mut writer = BundleWriter::create(&place).unwrap();
        let samples: Vec<i16> = (0..640).collect();
        let clip = sample::clip(&samples, "a");
        let number = writer
            .clip(clip.clone(), ClipAudio::Samples(&samples))
            .unwrap();
        assert_eq!(writer.clip(clip, ClipAudio::Unknown).unwrap(), number);
        let rows = [sample::session(0, number), sample::session(5, number)];
        for rows in rows.clone() {
            writer.session(rows).unwrap();
        }
        assert!(!place.exists(), "it appears when it is whole");
        let written = writer.finish(&sample::manifest("a")).unwrap();
        let bundle = Bundle::open(&place).unwrap();
        assert_eq!(bundle.manifest, written.manifest);
        bundle.verify_clips().unwrap();
        let read: Vec<_> = bundle.sessions().unwrap().map(Result::unwrap).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].session.session_id, rows[0].session.session_id);
        assert_eq!((read[1].session.session, read[1].session.turns), (1, 1));
        assert!(read[1].replies.iter().all(|reply| reply.session == 1));
        assert_eq!(read[1].replies.len(), rows[1].replies.len());
    }

    #[test]
    fn a_session_that_starts_before_the_one_before_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.vtrace");
        let mut writer = BundleWriter::create(&place).unwrap();
        let samples = vec![1; 640];
        let number = writer
            .clip(sample::clip(&samples, "a"), ClipAudio::Samples(&samples))
            .unwrap();
        writer.session(sample::session(5, number)).unwrap();
        writer.session(sample::session(0, number)).unwrap();
        let refused = writer.finish(&sample::manifest("a")).unwrap_err();
        assert!(refused.to_string().contains("start_ns"), "{refused}");
        assert!(!place.exists());
    }
}
