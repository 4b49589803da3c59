//! What an earlier conversion made of files that have not changed since.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::clip::prepare_place;
use super::kept::{Kept, half};
use super::library_error::AudioError;
use super::spec::Channel;
use crate::trace::TraceError;
use crate::trace::model::{ClipRow, SourceRow};
use crate::trace::tables::open_table;

/// What distinguishes a state of a file, under certain settings, from another: a hash, since there may be millions.
type Key = [u8; 16];

fn key(row: &SourceRow) -> Key {
    let mut hash = blake3::Hasher::new();
    for text in [&row.path, &row.settings_hash] {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(&row.bytes.to_le_bytes());
    hash.update(&row.mtime_ns.to_le_bytes());
    half(&hash.finalize())
}

/// What is kept of a row of the sources' table.
struct Source {
    channel: Channel,
    rate_hz: u32,
    channels: u32,
    codec: Text,
    decoder: Text,
    trim: Text,
    note: Text,
    clip: Kept,
}

/// The bundle that an earlier conversion made, as far as it can be reused.
pub struct Earlier {
    folder: PathBuf,
    sources: Vec<Source>,
    /// Which of the sources are of a file; `None` where it is not known which are.
    of_file: HashMap<Key, Option<Range<u32>>>,
    texts: Texts,
}

/// Bytes of a clip's header.
const HEADER: u64 = 44;

impl Earlier {
    /// Reads the tables of the bundle `folder`.
    ///
    /// # Errors
    /// Tables that are missing, damaged, or of more rows than fit in memory.
    pub fn open(folder: &Path) -> Result<Earlier, TraceError> {
        let mut clips = Vec::new();
        let mut table = open_table::<ClipRow>(folder)?.within_memory(size_of::<Kept>())?;
        while let Some(rows) = table.next_rows()? {
            clips.extend(rows.iter().map(Kept::of));
        }
        let mut earlier = Earlier {
            folder: folder.to_owned(),
            sources: Vec::new(),
            of_file: HashMap::new(),
            texts: Texts::default(),
        };
        let mut table = open_table::<SourceRow>(folder)?.within_memory(size_of::<Source>())?;
        while let Some(rows) = table.next_rows()? {
            for row in &rows {
                let clip = row.clip.and_then(|clip| clips.get(clip as usize));
                earlier.take_in(row, clip.copied().flatten());
            }
        }
        Ok(earlier)
    }

    fn take_in(&mut self, row: &SourceRow, clip: Option<Kept>) {
        if row.clip.is_none() {
            return;
        }
        let made = row.channel.parse().ok().zip(clip);
        let next = self.sources.len() as u32;
        match (self.of_file.entry(key(row)), made) {
            (Entry::Vacant(place), Some(_)) => {
                place.insert(Some(next..next + 1));
            }
            // The other channel of a file comes next to it. What comes later, or twice, may be of another file.
            (Entry::Occupied(mut place), Some((channel, _))) => {
                let both = place.get().clone().filter(|of_file| {
                    let before = &self.sources[of_file.start as usize..of_file.end as usize];
                    of_file.end == next && before.iter().all(|source| source.channel != channel)
                });
                place.insert(both.map(|of_file| of_file.start..next + 1));
            }
            (place, None) => {
                place.insert_entry(None);
            }
        }
        if let Some((channel, clip)) = made {
            self.sources.push(Source {
                channel,
                rate_hz: row.rate_hz,
                channels: row.channels,
                codec: self.texts.number(Some(&row.codec)),
                decoder: self.texts.number(row.decoder.as_deref()),
                trim: self.texts.number(row.trim.as_deref()),
                note: self.texts.number(row.note.as_deref()),
                clip,
            });
        }
    }

    /// Takes the clips that were made of the file over into the bundle `folder`, if `now`, its row,
    /// says that nothing has changed; `None` if it must be converted.
    ///
    /// # Errors
    /// A clip that cannot be written.
    pub(super) fn take_over(
        &self,
        now: &SourceRow,
        folder: &Path,
    ) -> Result<Option<Vec<(SourceRow, Kept)>>, AudioError> {
        let Some(Some(of_file)) = self.of_file.get(&key(now)) else {
            return Ok(None);
        };
        let sources = &self.sources[of_file.start as usize..of_file.end as usize];
        if !sources.iter().all(|source| self.is_there(&source.clip)) {
            return Ok(None);
        }
        let taken = sources.iter().map(|source| {
            self.place(&source.clip, folder)?;
            let row = SourceRow {
                channel: source.channel.name().to_owned(),
                codec: self.texts.of(source.codec).unwrap_or_default(),
                rate_hz: source.rate_hz,
                channels: source.channels,
                decoder: self.texts.of(source.decoder),
                trim: self.texts.of(source.trim),
                note: self.texts.of(source.note),
                ..now.clone()
            };
            Ok((row, source.clip))
        });
        taken.collect::<Result<_, AudioError>>().map(Some)
    }

    fn is_there(&self, clip: &Kept) -> bool {
        let metadata = self.folder.join(clip.file()).metadata();
        metadata.is_ok_and(|m| m.is_file() && m.len() == HEADER + 2 * clip.samples)
    }

    fn place(&self, clip: &Kept, folder: &Path) -> Result<(), AudioError> {
        let file = clip.file();
        let (from, to) = (self.folder.join(&file), prepare_place(folder, &file)?);
        // Equal clips of two sources meet here; and where links cannot be made, a copy will do.
        if to.exists() || std::fs::hard_link(&from, &to).is_ok() || to.exists() {
            return Ok(());
        }
        let copied = std::fs::copy(&from, &to);
        copied.map(|_| ()).map_err(AudioError::io(&to))
    }
}

/// The number of a text among [`Texts`]; 0 for none.
type Text = u32;

/// Texts that many rows share, each kept once.
#[derive(Default)]
struct Texts {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Text>,
}

impl Texts {
    fn number(&mut self, text: Option<&str>) -> Text {
        let Some(text) = text else { return 0 };
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        self.texts.push(text.into());
        let number = self.texts.len() as Text;
        self.numbers.insert(text.into(), number);
        number
    }

    fn of(&self, number: Text) -> Option<String> {
        let text = self.texts.get((number as usize).checked_sub(1)?)?;
        Some(text.as_ref().to_owned())
    }
}
