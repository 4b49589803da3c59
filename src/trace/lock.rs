//! Files that are locked, so that two processes do not make one bundle.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

/// An exclusive lock of an open file, held as long as this lives. It is given back by name: a program
/// that was started meanwhile may have the file open a moment longer.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks the file, unless somebody else has.
    pub(super) fn take(file: File) -> rustix::io::Result<Lock> {
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Lock(file))
    }

    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The system does so itself once nobody has the file open.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn a_lock_is_given_back_though_another_has_the_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let open = || std::fs::File::create(folder.path().join("lock")).unwrap();
        let file = open();
        // As a program has that was started in this moment.
        let _inherited = file.try_clone().unwrap();
        let lock = Lock::take(file).unwrap();
        assert!(Lock::take(open()).is_err());
        drop(lock);
        Lock::take(open()).unwrap();
    }
}
