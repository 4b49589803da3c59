//! What an earlier conversion made of files that have not changed since.

use std::collections::HashMap;
use std::path::Path;

use super::clip::prepare_place;
use super::library::{AudioError, Previous};
use crate::trace::model::{ClipRow, SourceRow};

/// What tells one state of a file, under certain settings, from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    path: String,
    bytes: u64,
    mtime_ns: i64,
    settings_hash: String,
}

impl Key {
    fn of(row: &SourceRow) -> Key {
        Key {
            path: row.path.clone(),
            bytes: row.bytes,
            mtime_ns: row.mtime_ns,
            settings_hash: row.settings_hash.clone(),
        }
    }
}

/// The previous bundle, by source file.
pub(super) struct Earlier<'a> {
    folder: &'a Path,
    sources: HashMap<Key, Vec<(&'a SourceRow, Option<&'a ClipRow>)>>,
}

/// Bytes of a clip's header.
const HEADER: u64 = 44;

impl<'a> Earlier<'a> {
    pub(super) fn new(previous: Previous<'a>) -> Earlier<'a> {
        let clips: HashMap<u32, &ClipRow> = previous.clips.iter().map(|c| (c.clip, c)).collect();
        let mut sources: HashMap<Key, Vec<_>> = HashMap::new();
        for row in previous.sources {
            let clip = row.clip.and_then(|clip| clips.get(&clip).copied());
            sources.entry(Key::of(row)).or_default().push((row, clip));
        }
        Earlier {
            folder: previous.folder,
            sources,
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
    ) -> Result<Option<Vec<(SourceRow, ClipRow)>>, AudioError> {
        let Some(rows) = self.sources.get(&Key::of(now)) else {
            return Ok(None);
        };
        let mut taken = Vec::new();
        for (source, clip) in rows {
            let Some(clip) = clip.filter(|clip| self.is_there(clip)) else {
                return Ok(None);
            };
            self.place(clip, folder)?;
            let clip = ClipRow {
                source_path: Some(now.path.clone()),
                ..clip.clone()
            };
            taken.push(((*source).clone(), clip));
        }
        Ok(Some(taken))
    }

    fn is_there(&self, clip: &ClipRow) -> bool {
        let file = clip.file.as_deref().map(|file| self.folder.join(file));
        let metadata = file.and_then(|file| file.metadata().ok());
        metadata.is_some_and(|m| m.is_file() && m.len() == HEADER + 2 * clip.samples)
    }

    fn place(&self, clip: &ClipRow, folder: &Path) -> Result<(), AudioError> {
        let Some(file) = clip.file.as_deref() else {
            return Ok(());
        };
        let (from, to) = (self.folder.join(file), prepare_place(folder, file)?);
        // Equal clips of two sources meet here; and where links cannot be made, a copy will do.
        if to.exists() || std::fs::hard_link(&from, &to).is_ok() || to.exists() {
            return Ok(());
        }
        let copied = std::fs::copy(&from, &to);
        copied.map(|_| ()).map_err(AudioError::io(&to))
    }
}
