//! Replacing a bundle whole: it is made in a hidden folder beside its place, then swapped in.
//!
//! An interruption leaves either the old bundle or the new one. Where the system cannot exchange
//! two folders in one step, the swap takes two; [`finish_swap`], called by readers, completes it.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{RenameFlags, renameat_with};

use super::TraceError;
use super::journal::has_journal;
use super::lock::Lock;

/// A bundle that is being made.
#[derive(Debug)]
pub struct Staging {
    place: PathBuf,
    dir: PathBuf,
    _lock: Lock,
}

impl Staging {
    /// Makes an empty hidden folder beside `place`.
    ///
    /// # Errors
    /// `place` is taken by something that is not a bundle, another process is making the same
    /// bundle, or the system refuses.
    pub fn begin(place: &Path) -> Result<Staging, TraceError> {
        finish_swap(place)?;
        let path = place.display().to_string();
        let is_bundle = place.join("trace.json").is_file();
        if has_journal(place) {
            return Err(match is_bundle {
                true => TraceError::HoldsJournal(path),
                false => TraceError::Unfinished(path),
            });
        }
        if place.symlink_metadata().is_ok() && !is_bundle {
            return Err(TraceError::Taken { path });
        }
        Staging::beside(place)
    }

    /// Like [`Staging::begin`], whatever is at `place`: for the journal of a recording, of which the
    /// bundle is made.
    ///
    /// # Errors
    /// Another process is making the same bundle, or the system refuses.
    pub(super) fn beside(place: &Path) -> Result<Staging, TraceError> {
        let parent = parent(place);
        let no_place = |e| TraceError::no_place(parent, e);
        fs::create_dir_all(parent).map_err(no_place)?;
        let dir = sibling(place, "tmp");
        let lock_path = sibling(place, "lock");
        let lock = File::create(&lock_path).map_err(no_place)?;
        let busy = || TraceError::Busy {
            path: place.display().to_string(),
        };
        let lock = Lock::take(lock).map_err(|_| busy())?;
        if !is_at(lock.file(), &lock_path) {
            return Err(busy());
        }
        // Whoever left this folder is gone, or would hold the lock.
        remove(&dir)?;
        fs::create_dir(&dir).map_err(|e| TraceError::io(&dir, e))?;
        Ok(Staging {
            place: place.to_owned(),
            dir,
            _lock: lock,
        })
    }

    /// The folder to write into.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the bundle will be.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the finished folder in its place.
    ///
    /// # Errors
    /// The system's.
    pub fn commit(self) -> Result<(), TraceError> {
        let io = |e| TraceError::io(&self.place, e);
        sync_folder(&self.dir)?;
        if !self.place.exists() {
            fs::rename(&self.dir, &self.place).map_err(io)?;
        } else if exchange(&self.dir, &self.place).is_ok() {
            remove(&self.dir)?;
        } else {
            fs::rename(&self.dir, sibling(&self.place, "new")).map_err(io)?;
            fs::rename(&self.place, sibling(&self.place, "old")).map_err(io)?;
            finish_swap(&self.place)?;
        }
        sync_folder(parent(&self.place))
    }
}

/// The folder that `place` is in.
pub(super) fn parent(place: &Path) -> &Path {
    match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // An abandoned bundle; where this fails, the next one made here removes it.
        let _ = fs::remove_dir_all(&self.dir);
        let _ = fs::remove_file(sibling(&self.place, "lock"));
    }
}

/// Completes a two-step swap that was interrupted after the old bundle had been moved away.
///
/// # Errors
/// The system's.
pub fn finish_swap(place: &Path) -> Result<(), TraceError> {
    let (new, old) = (sibling(place, "new"), sibling(place, "old"));
    if new.exists() && !place.exists() {
        fs::rename(&new, place).map_err(|e| TraceError::io(place, e))?;
    }
    if old.exists() && place.exists() {
        remove(&old)?;
    }
    Ok(())
}

/// Whether `file` is what the path leads to: its last owner may have removed it meanwhile.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |m: fs::Metadata| (m.dev(), m.ino());
    let (held, found) = (file.metadata().map(inode), fs::metadata(path).map(inode));
    matches!((held, found), (Ok(held), Ok(found)) if held == found)
}

pub(super) fn sibling(place: &Path, suffix: &str) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.{suffix}"))
}

fn exchange(a: &Path, b: &Path) -> rustix::io::Result<()> {
    renameat_with(
        rustix::fs::CWD,
        a,
        rustix::fs::CWD,
        b,
        RenameFlags::EXCHANGE,
    )
}

fn remove(dir: &Path) -> Result<(), TraceError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(TraceError::io(dir, e)),
        _ => Ok(()),
    }
}

pub(super) fn sync_folder(dir: &Path) -> Result<(), TraceError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| TraceError::io(dir, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(place: &Path, text: &str) {
        let staging = Staging::begin(place).unwrap();
        fs::write(staging.dir().join("trace.json"), text).unwrap();
        staging.commit().unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_bundle_replaces_the_old_one_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.vtrace");
        bundle(&place, "old");
        bundle(&place, "new");
        assert_eq!(fs::read_to_string(place.join("trace.json")).unwrap(), "new");
        assert_eq!(names(dir.path()), ["a.vtrace"]);
    }

    #[test]
    fn an_abandoned_bundle_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.vtrace");
        bundle(&place, "old");
        drop(Staging::begin(&place).unwrap());
        assert_eq!(fs::read_to_string(place.join("trace.json")).unwrap(), "old");
        assert_eq!(names(dir.path()), ["a.vtrace"]);
    }

    #[test]
    fn two_writers_of_one_bundle_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.vtrace");
        let _first = Staging::begin(&place).unwrap();
        assert!(matches!(
            Staging::begin(&place),
            Err(TraceError::Busy { .. })
        ));
    }

    #[test]
    fn what_is_not_a_bundle_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("precious");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("thesis.txt"), "x").unwrap();
        assert!(matches!(
            Staging::begin(&place),
            Err(TraceError::Taken { .. })
        ));
        assert_eq!(names(&place), ["thesis.txt"]);
    }

    #[test]
    fn a_reader_finishes_an_interrupted_swap() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a.vtrace");
        bundle(&place, "old");
        fs::create_dir(sibling(&place, "new")).unwrap();
        fs::write(sibling(&place, "new").join("trace.json"), "new").unwrap();
        fs::rename(&place, sibling(&place, "old")).unwrap();
        finish_swap(&place).unwrap();
        assert_eq!(fs::read_to_string(place.join("trace.json")).unwrap(), "new");
        assert_eq!(names(dir.path()), ["a.vtrace"]);
    }
}
