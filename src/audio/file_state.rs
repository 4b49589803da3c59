//! What tells whether a file is still the one that was found.

use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::units::grouped;

/// Size and time of a file; what it is and holds follows from them as long as they stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) bytes: u64,
    /// When it was changed last, since 1970.
    pub(super) mtime_ns: i64,
}

impl FileState {
    /// That of a file whose metadata are these; zeros where there are none.
    pub(super) fn of(metadata: Option<&Metadata>) -> FileState {
        let changed = metadata.and_then(|m| m.modified().ok());
        let since_1970 = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        FileState {
            bytes: metadata.map_or(0, Metadata::len),
            mtime_ns: since_1970.map_or(0, |at| i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)),
        }
    }

    /// That the file at `path` is no more what it was, if so: what was read of it may be of two
    /// contents.
    pub(super) fn change(self, path: &Path) -> Option<String> {
        let now = FileState::of(std::fs::metadata(path).ok().as_ref());
        (now != self).then(|| {
            format!(
                "it changed while it was prepared (from {} to {} bytes): prepare again when nothing \
                 writes to it any more",
                grouped(self.bytes),
                grouped(now.bytes)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_replaced_or_removed_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let state = |path: &Path| FileState::of(std::fs::metadata(path).ok().as_ref());
        std::fs::write(&path, [0; 2_000]).unwrap();
        let before = state(&path);
        assert_eq!(before.change(&path), None);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(100).unwrap();
        let change = before.change(&path).unwrap();
        assert!(change.contains("from 2,000 to 100 bytes"), "{change}");
        // Of equal length, and another time.
        file.set_len(2_000).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert!(before.change(&path).is_some());
        let now = state(&path);
        std::fs::remove_file(&path).unwrap();
        assert!(now.change(&path).unwrap().contains("to 0 bytes"));
    }
}
