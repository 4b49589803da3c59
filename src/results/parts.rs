//! A table that grows by parts (`requests-00001.parquet`, …), each written under a temporary name and
//! renamed when it is whole, so that nothing that was closed is lost by a crash.
//!
//! Parts are many, so they are folded as they come: sixteen of a size become one
//! (`requests-00001-00016.parquet`), and sixteen of these one again. A row is then written a few times
//! in hours, and there are never more than [`MOST_FILES`] files. A fold is a thread of its own, since
//! whoever closes parts must not wait for it. What it took in is removed when it is there; a reader
//! leaves out parts that another one covers.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::merge::{Ordered, merge};
use crate::table::{ROW_GROUP_ROWS, TableError, write_all};
use crate::units::priority::lower_priority;

/// Most files of a table while a run goes on.
const MOST_FILES: usize = 100;
/// How often files are listed again when some were folded, or became the finished table, meanwhile.
pub(super) const MOST_LOOKS: usize = 16;
/// Parts of one size that become one.
const FOLDED: usize = 16;
/// Rows of a table that are held before a part is closed early.
const PART_ROWS: usize = 64 * 1024;

/// The numbers of the parts that a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    first: u64,
    last: u64,
}

impl Span {
    /// Whether all of `other` is in it, too.
    fn covers(self, other: Span) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    fn parts(self) -> u64 {
        self.last - self.first + 1
    }

    fn path(self, dir: &Path, table: &str) -> PathBuf {
        let Span { first, last } = self;
        dir.join(match first == last {
            true => format!("{table}-{first:05}.parquet"),
            false => format!("{table}-{first:05}-{last:05}.parquet"),
        })
    }

    /// That of the file `name` of `table`; `None` for any other file.
    fn of(name: &str, table: &str) -> Option<Span> {
        let numbers = name.strip_prefix(table)?.strip_prefix('-')?;
        let numbers = numbers.strip_suffix(".parquet")?;
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Span { first, last })
    }
}

/// The files among `names` that are parts of `table`, in order, without those that a fold has left
/// behind; files under other names (one that is being written) are none of them.
fn parts_among(names: impl Iterator<Item = String>, table: &str) -> Vec<String> {
    let spans = names.filter_map(|name| Some((Span::of(&name, table)?, name)));
    let mut spans: Vec<(Span, String)> = spans.collect();
    spans.sort_by_key(|(span, _)| (span.first, std::cmp::Reverse(span.last)));
    let mut kept: Vec<(Span, String)> = Vec::new();
    for (span, name) in spans {
        if !kept.last().is_some_and(|(last, _)| last.covers(span)) {
            kept.push((span, name));
        }
    }
    kept.into_iter().map(|(_, name)| name).collect()
}

/// The parts of a table that are there, in order.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) files: Vec<PathBuf>,
    /// What is said where one is missing among them.
    pub(super) missing: Option<String>,
}

/// The parts of `table` in `dir`.
///
/// # Errors
/// The system's.
pub(super) fn list(dir: &Path, table: &str) -> std::io::Result<Listed> {
    let mut looks = 0;
    loop {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string());
        }
        let files = parts_among(names.into_iter(), table);
        let missing = first_missing(&files, table);
        looks += 1;
        // A fold may have taken some away while they were listed.
        if missing.is_none() || looks == MOST_LOOKS {
            let missing = missing.map(|span| span.path(dir, table).display().to_string());
            return Ok(Listed {
                files: files.into_iter().map(|name| dir.join(name)).collect(),
                missing: missing.map(|path| format!("{path} is missing; restore it from a copy")),
            });
        }
    }
}

/// The first part of `table` that is in none of `files`, which are in order, but ought to be.
fn first_missing(files: &[String], table: &str) -> Option<Span> {
    let mut next = 1;
    for span in files.iter().filter_map(|name| Span::of(name, table)) {
        if span.first > next {
            let (first, last) = (next, next);
            return Some(Span { first, last });
        }
        next = span.last + 1;
    }
    None
}

/// One table that grows by parts.
pub(super) struct Parts<R> {
    dir: PathBuf,
    notes: Vec<(String, String)>,
    rows: Vec<R>,
    closed: Vec<Span>,
    folds: Vec<Fold>,
    made: u64,
}

/// Parts on their way into one.
struct Fold {
    into: Span,
    thread: JoinHandle<Result<(), TableError>>,
}

impl<R: Ordered> Parts<R> {
    pub(super) fn new(dir: &Path, notes: &[(String, String)]) -> Self {
        Parts {
            dir: dir.to_owned(),
            notes: notes.to_vec(),
            rows: Vec::new(),
            closed: Vec::new(),
            folds: Vec::new(),
            made: 0,
        }
    }

    pub(super) fn push(&mut self, row: R) -> Result<(), TableError> {
        self.rows.push(row);
        if self.rows.len() >= PART_ROWS {
            self.close()?;
        }
        Ok(())
    }

    /// Closes a part, if there is anything for it. Rows stay in memory until it is whole.
    pub(super) fn close(&mut self) -> Result<(), TableError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.settle(|fold| fold.thread.is_finished())?;
        // A fold has a file on the way, and so has this.
        while self.closed.len() + self.folds.len() + 2 > MOST_FILES && !self.folds.is_empty() {
            let oldest = self.folds[0].into;
            self.settle(|fold| fold.into == oldest)?;
        }
        self.rows.sort_by_key(Ordered::key);
        let number = self.made + 1;
        let span = Span {
            first: number,
            last: number,
        };
        let path = span.path(&self.dir, R::TABLE);
        let temporary = path.with_extension("tmp");
        write_all(&temporary, ROW_GROUP_ROWS, &self.notes, &self.rows)?;
        rename(&temporary, &path)?;
        self.rows.clear();
        self.made = number;
        self.closed.push(span);
        self.fold()
    }

    /// Begins to fold the oldest parts of each size of which there are enough.
    fn fold(&mut self) -> Result<(), TableError> {
        let is_folded = |span: &Span| self.folds.iter().any(|fold| fold.into.covers(*span));
        let free: Vec<Span> = self
            .closed
            .iter()
            .copied()
            .filter(|s| !is_folded(s))
            .collect();
        // Between two of a size there may be one that a fold is still making.
        let follows = |a: &Span, b: &Span| a.parts() == b.parts() && a.last + 1 == b.first;
        let of_a_size = free.chunk_by(follows);
        let due = of_a_size.filter(|spans| spans.len() >= FOLDED);
        let due: Vec<Vec<Span>> = due.map(|spans| spans[..FOLDED].to_vec()).collect();
        for spans in due {
            let into = Span {
                first: spans[0].first,
                last: spans[FOLDED - 1].last,
            };
            let (dir, notes) = (self.dir.clone(), self.notes.clone());
            let work = move || {
                lower_priority();
                fold_into::<R>(&dir, &spans, into, &notes)
            };
            let thread = std::thread::Builder::new().name("fold".to_owned());
            let thread = thread.spawn(work).map_err(|source| TableError::Io {
                path: into.path(&self.dir, R::TABLE).display().to_string(),
                source,
            })?;
            self.folds.push(Fold { into, thread });
        }
        Ok(())
    }

    /// Takes in the folds of which `is_wanted` says so, waiting for those that go on.
    fn settle(&mut self, is_wanted: impl Fn(&Fold) -> bool) -> Result<(), TableError> {
        let (wanted, rest) = std::mem::take(&mut self.folds)
            .into_iter()
            .partition(is_wanted);
        self.folds = rest;
        for Fold { into, thread } in wanted {
            match thread.join() {
                Ok(folded) => folded?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
            self.closed.retain(|span| !into.covers(*span));
            self.closed.push(into);
        }
        self.closed.sort();
        Ok(())
    }

    /// Makes one table of all parts and removes them.
    pub(super) fn finish(&mut self) -> Result<(), TableError> {
        self.close()?;
        self.settle(|_| true)?;
        let whole = self.dir.join(format!("{}.parquet", R::TABLE));
        let temporary = whole.with_extension("tmp");
        merge::<R>(&self.paths(), &temporary, &self.notes)?;
        rename(&temporary, &whole)?;
        self.remove()
    }

    /// Removes all parts, and drops what is not in one yet.
    pub(super) fn remove(&mut self) -> Result<(), TableError> {
        self.rows.clear();
        self.settle(|_| true)?;
        self.paths().iter().try_for_each(|part| remove(part))?;
        self.closed.clear();
        Ok(())
    }

    fn paths(&self) -> Vec<PathBuf> {
        let spans = self.closed.iter();
        spans.map(|span| span.path(&self.dir, R::TABLE)).collect()
    }
}

impl<R> Drop for Parts<R> {
    fn drop(&mut self) {
        // Nothing is written into the directory of a run that has failed.
        for fold in self.folds.drain(..) {
            let _ = fold.thread.join();
        }
    }
}

/// Makes one part of others, and then removes them.
fn fold_into<R: Ordered>(
    dir: &Path,
    spans: &[Span],
    into: Span,
    notes: &[(String, String)],
) -> Result<(), TableError> {
    let parts: Vec<PathBuf> = spans.iter().map(|span| span.path(dir, R::TABLE)).collect();
    let path = into.path(dir, R::TABLE);
    let temporary = path.with_extension("tmp");
    merge::<R>(&parts, &temporary, notes)?;
    rename(&temporary, &path)?;
    parts.iter().try_for_each(|part| remove(part))
}

fn remove(part: &Path) -> Result<(), TableError> {
    match fs::remove_file(part) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed(part, e)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), TableError> {
    fs::rename(from, to).map_err(|e| failed(to, e))
}

fn failed(path: &Path, source: std::io::Error) -> TableError {
    TableError::Io {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::TimelineRow;
    use crate::results::sample::second;
    use crate::table::{Row, read_all};

    fn files(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn parts_are_folded_as_they_come_and_their_rows_stay() {
        let dir = tempfile::tempdir().unwrap();
        let mut parts = Parts::<TimelineRow>::new(dir.path(), &[]);
        let count = 700;
        for n in 0..count {
            parts.push(second(n)).unwrap();
            parts.close().unwrap();
            let names = files(dir.path());
            assert!(names.len() <= MOST_FILES, "{}", names.len());
        }
        parts.settle(|_| true).unwrap();
        parts.fold().unwrap();
        parts.settle(|_| true).unwrap();
        let names = files(dir.path());
        assert!(names.len() < 3 * FOLDED, "{names:?}");
        assert!(
            names.contains(&"timeline-00001-00256.parquet".to_owned()),
            "{names:?}"
        );
        let read = parts_among(names.into_iter(), TimelineRow::TABLE);
        let rows = read
            .iter()
            .flat_map(|name| read_all::<TimelineRow>(&dir.path().join(name)).unwrap());
        let seconds: Vec<i64> = rows.map(|row| row.second_ns).collect();
        let expected: Vec<i64> = (0..count).map(|n| second(n).second_ns).collect();
        assert_eq!(seconds, expected);
        parts.finish().unwrap();
        assert_eq!(files(dir.path()), ["timeline.parquet"]);
    }

    #[test]
    fn parts_around_a_fold_that_goes_on_wait_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut parts = Parts::<TimelineRow>::new(dir.path(), &[]);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        // Fifteen of sixteen before a fold that takes its time, and one behind it.
        let of_sixteen = |n: u64| Span {
            first: n * 16 + 1,
            last: n * 16 + 16,
        };
        parts.closed = (0..15).chain([16]).map(of_sixteen).collect();
        parts.folds.push(Fold {
            into: of_sixteen(15),
            thread: std::thread::spawn(move || {
                let _ = wait.recv();
                Ok(())
            }),
        });
        parts.fold().unwrap();
        assert_eq!(
            parts.folds.len(),
            1,
            "those around it do not follow each other"
        );
        drop(go);
        parts.settle(|_| true).unwrap();
        assert_eq!(parts.closed.len(), 17);
    }

    #[test]
    fn what_a_fold_left_behind_is_left_out() {
        let names = [
            "requests-00002.parquet",
            "requests-00001-00016.parquet",
            "requests-00016.parquet",
            "requests-00017.parquet",
            "requests-00017-00032.tmp",
            "requests.parquet",
            "requests-00019-00018.parquet",
            "started-00001.parquet",
            "requests-00018.parquet",
        ];
        let parts = parts_among(names.into_iter().map(str::to_owned), "requests");
        assert_eq!(
            parts,
            [
                "requests-00001-00016.parquet",
                "requests-00017.parquet",
                "requests-00018.parquet"
            ]
        );
        assert_eq!(first_missing(&parts, "requests"), None);
        let missing = |first, last| Some(Span { first, last });
        assert_eq!(first_missing(&parts[1..], "requests"), missing(1, 1));
        let hole = [parts[0].clone(), parts[2].clone()];
        assert_eq!(first_missing(&hole, "requests"), missing(17, 17));
    }
}
