//! A sealed bundle whose sessions are read one after the other, so that a trace of millions of
//! them needs no more memory than a few.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{
    Checker, Ids, MAX_SESSION_EVENTS, MAX_SESSION_TEXT_BYTES, MAX_SESSION_TURNS, check_clips,
};
use super::extent::{Extent, ExtentMeter};
use super::manifest::TraceManifest;
use super::model::{ClipRow, EventRow, ReplyRow, SessionRow, SessionRows, TurnRow};
use super::seal::{REPLIES_FILE, Seal, has_sealed_files};
use super::staging::finish_swap;
use super::tables::{open_table, read_table};
use super::{TraceError, content};
use crate::pcm::wav;
use crate::storage::Store;
use crate::table::{Reader, Row};

/// A bundle, of which only the manifest and the clips' table are in memory.
#[derive(Debug)]
pub struct Bundle {
    /// The bundle's folder; clips' files are relative to it.
    pub dir: PathBuf,
    /// `trace.json`.
    pub manifest: TraceManifest,
    /// Clips by number.
    pub clips: Arc<[ClipRow]>,
    /// Whether the tables are those that the manifest describes.
    sealed: bool,
    /// How large it is, where that is known without reading it.
    extent: Option<Extent>,
    /// Where files of clips are that are not in the folder yet.
    pub(super) store: Option<Arc<Store>>,
}

impl Bundle {
    /// Opens the bundle `dir` and checks that it was not edited since it was sealed: by the hashes
    /// of its files, or where those differ, as after a rewrite by another tool, by its content.
    ///
    /// # Errors
    /// Not a bundle, a newer format, damaged tables, an unsealed edit.
    pub fn open(dir: &Path) -> Result<Bundle, TraceError> {
        match Bundle::open_unsealed(dir)? {
            bundle if bundle.sealed => Ok(bundle),
            _ => Err(TraceError::Edited(dir.display().to_string())),
        }
    }

    /// Like [`Bundle::open`], but accepts tables that were edited since the bundle was sealed, if
    /// their rows make sense.
    ///
    /// # Errors
    /// As for [`Bundle::open`], edits aside.
    pub fn open_unsealed(dir: &Path) -> Result<Bundle, TraceError> {
        let mut bundle = Bundle::read(dir)?;
        // Replies are no part of the content, and not every trace has them.
        for table in bundle.manifest.tables.keys() {
            let path = dir.join(table);
            if !path.exists() {
                let path = path.display().to_string();
                return Err(TraceError::Missing { path });
            }
        }
        if has_sealed_files(dir, &bundle.manifest) {
            bundle.sealed = true;
            bundle.extent = bundle.manifest.extent;
        } else {
            let seal = bundle.measure()?;
            bundle.sealed = seal.content == bundle.manifest.content_blake3;
            bundle.extent = Some(seal.extent);
        }
        Ok(bundle)
    }

    /// Accepts the tables of the bundle `dir` as they are: writes their counts, lengths and hashes
    /// into its `trace.json`.
    ///
    /// # Errors
    /// Not a bundle, a newer format, damaged tables, rows that make no sense, or the system's.
    pub fn seal(dir: &Path) -> Result<Bundle, TraceError> {
        let mut bundle = Bundle::read(dir)?;
        let seal = bundle.measure()?;
        seal.put_on(dir, &mut bundle.manifest)?;
        bundle.sealed = true;
        bundle.extent = bundle.manifest.extent;
        Ok(bundle)
    }

    /// Manifest and clips, taken for edited.
    fn read(dir: &Path) -> Result<Bundle, TraceError> {
        finish_swap(dir)?;
        let manifest = TraceManifest::read(dir)?;
        let clips: Vec<ClipRow> = read_table(dir)?;
        check_clips(&clips)?;
        Ok(Bundle {
            dir: dir.to_owned(),
            manifest,
            clips: clips.into(),
            sealed: false,
            extent: None,
            store: None,
        })
    }

    /// Whether the tables are those that the manifest describes.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Its sessions in order of their start, from the first; each is checked as it is read.
    ///
    /// # Errors
    /// A table that cannot be opened.
    pub fn sessions(&self) -> Result<Sessions, TraceError> {
        Ok(Sessions {
            sessions: Ahead::open(&self.dir)?,
            turns: Ahead::open(&self.dir)?,
            events: Ahead::open(&self.dir)?,
            replies: match self.dir.join(REPLIES_FILE).is_file() {
                true => Some(Ahead::open(&self.dir)?),
                false => None,
            },
            checker: Checker::new(&self.clips),
            ended: false,
        })
    }

    /// How large it is: from the seal, or from one pass over the sessions.
    ///
    /// # Errors
    /// A session that cannot be read.
    pub fn extent(&self) -> Result<Extent, TraceError> {
        match self.extent {
            Some(extent) => Ok(extent),
            None => self.check(),
        }
    }

    /// Checks all rows against each other, and measures them on the way.
    ///
    /// # Errors
    /// A damaged table, or the first row that makes no sense, and why.
    pub fn check(&self) -> Result<Extent, TraceError> {
        Ok(self.check_and_count()?.0)
    }

    /// The extent, and the number of event rows.
    pub(super) fn check_and_count(&self) -> Result<(Extent, u64), TraceError> {
        let (mut meter, mut ids, mut events) = (ExtentMeter::default(), Ids::default(), 0);
        for rows in self.sessions()? {
            let rows = rows?;
            let session = &rows.session;
            ids.take_in(session)?;
            meter.session(session.start_ns, session.turns, &rows.events, 0);
            events += rows.events.len() as u64;
        }
        Ok((meter.finish(), events))
    }

    /// What a seal would say of the tables. Their rows are checked first: those of a forged file
    /// may be without end.
    fn measure(&self) -> Result<Seal, TraceError> {
        let (extent, events) = self.check_and_count()?;
        Ok(Seal {
            extent,
            events,
            content: content::of_tables(&self.dir, &self.clips)?,
        })
    }

    /// The PCM16 samples `range` of `clip`, which must lie within it, or `None` when the trace
    /// holds only its timing.
    ///
    /// # Errors
    /// A file that is missing, unreadable, or not of the rate and length that the table says.
    pub fn clip_samples(
        &self,
        clip: &ClipRow,
        range: Range<u64>,
    ) -> Result<Option<Vec<i16>>, TraceError> {
        let Some(file) = &clip.file else {
            return Ok(None);
        };
        let path = self.dir.join(file);
        let of_clip = |error| TraceError::of_clip(&path, error);
        let mut file = wav::Reader::open(&path).map_err(of_clip)?;
        let (samples, rate) = (file.samples(), file.rate());
        if (samples, rate.0) != (clip.samples, clip.sample_rate_hz) {
            return Err(TraceError::Clip {
                path: path.display().to_string(),
                reason: format!(
                    "holds {samples} samples at {} Hz, but clips.parquet says {} at {} Hz; make the trace again",
                    rate.0, clip.samples, clip.sample_rate_hz
                ),
            });
        }
        let samples = file.read_range(range).map_err(of_clip)?;
        Ok(Some(samples))
    }

    /// Whether the file of every clip is there.
    ///
    /// # Errors
    /// The first that is not.
    pub fn find_clips(&self) -> Result<(), TraceError> {
        for file in self.clips.iter().filter_map(|clip| clip.file.as_ref()) {
            let path = self.dir.join(file);
            std::fs::metadata(&path).map_err(|source| TraceError::unreadable(&path, source))?;
        }
        Ok(())
    }
}

/// The rows of a table, a batch at a time.
struct Ahead<R> {
    reader: Reader<R>,
    rows: std::vec::IntoIter<R>,
}

impl<R: Row> Ahead<R> {
    fn open(dir: &Path) -> Result<Ahead<R>, TraceError> {
        Ok(Ahead {
            reader: open_table(dir)?,
            rows: Vec::new().into_iter(),
        })
    }

    /// The next row, if it passes.
    fn next_if(&mut self, passes: impl Fn(&R) -> bool) -> Result<Option<R>, TraceError> {
        while self.rows.as_slice().is_empty() {
            match self.reader.next_rows()? {
                Some(rows) => self.rows = rows.into_iter(),
                None => return Ok(None),
            }
        }
        match self.rows.as_slice().first().is_some_and(passes) {
            true => Ok(self.rows.next()),
            false => Ok(None),
        }
    }
}

/// The sessions of a bundle, in order of their start.
pub struct Sessions {
    sessions: Ahead<SessionRow>,
    turns: Ahead<TurnRow>,
    events: Ahead<EventRow>,
    /// Only recorded traces have them.
    replies: Option<Ahead<ReplyRow>>,
    checker: Checker,
    ended: bool,
}

impl Sessions {
    fn read(&mut self) -> Result<Option<SessionRows>, TraceError> {
        let Some(session) = self.sessions.next_if(|_| true)? else {
            let turns_left = self.turns.next_if(|_| true)?.is_some();
            let events_left = self.events.next_if(|_| true)?.is_some();
            let replies_left = match &mut self.replies {
                Some(replies) => replies.next_if(|_| true)?.is_some(),
                None => false,
            };
            self.checker.end(turns_left, events_left, replies_left)?;
            return Ok(None);
        };
        let number = session.session;
        let (mut turns, mut events, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        let mut text_bytes = 0;
        // One row over a limit is read, so that the checker names it; no more, so that memory holds.
        while turns.len() <= MAX_SESSION_TURNS
            && let Some(turn) = self.turns.next_if(|turn| turn.session <= number)?
        {
            turns.push(turn);
        }
        while events.len() <= MAX_SESSION_EVENTS
            && text_bytes <= MAX_SESSION_TEXT_BYTES
            && let Some(event) = self.events.next_if(|event| event.session <= number)?
        {
            text_bytes += event.text.as_ref().map_or(0, String::len);
            events.push(event);
        }
        text_bytes = 0;
        while replies.len() <= MAX_SESSION_EVENTS
            && text_bytes <= MAX_SESSION_TEXT_BYTES
            && let Some(answers) = &mut self.replies
            && let Some(reply) = answers.next_if(|reply| reply.session <= number)?
        {
            text_bytes += reply.text.as_ref().map_or(0, String::len);
            replies.push(reply);
        }
        let rows = SessionRows {
            session,
            turns,
            events,
            replies,
        };
        self.checker.session(&rows)?;
        Ok(Some(rows))
    }
}

impl Iterator for Sessions {
    type Item = Result<SessionRows, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read();
        self.ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}
