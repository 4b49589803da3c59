//! Reads a run directory: finished, killed, or still being written.
//!
//! A finished run has one file a table; before that there are numbered parts (see
//! `unfinished`).

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::ResultsError;
use super::manifest::{RUN_FORMAT, RunManifest};
use super::row::{MessageRow, RequestRow, ServerRow, SessionRow, TimelineRow};
use super::standing::standing;
use super::unfinished::{Ends, Unfinished, finished, load, parts, stream};
use crate::table::{Row, read_all};

/// The word that stands for the newest finished run.
pub const LATEST: &str = "latest";

const MANIFEST: &str = "run.json";
/// Longest `run.json` that is read.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// A run directory whose `run.json` has been read.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    manifest: RunManifest,
}

/// The rows of a table, and the parts of it that could not be read.
#[derive(Debug)]
pub struct Loaded<R> {
    /// The rows, in order of their time.
    pub rows: Vec<R>,
    /// One message for each part that could not be read.
    pub unreadable: Vec<String>,
}

/// The directory that `run` means: `latest` is the link of that name in `runs_dir`, anything else
/// is a path.
#[must_use]
pub fn resolve(run: &Path, runs_dir: &Path) -> PathBuf {
    match run.to_str() {
        Some(LATEST) => runs_dir.join(LATEST),
        _ => run.to_owned(),
    }
}

impl RunDir {
    /// Opens the run at `path`, which is its directory or its `run.json`. One that nobody makes any
    /// more is `killed`, whatever its `run.json` says.
    ///
    /// # Errors
    /// No run there, a `run.json` that cannot be understood, or one of a newer major version.
    pub fn open(path: &Path) -> Result<RunDir, ResultsError> {
        let path = match path.file_name() {
            Some(name) if name == MANIFEST => path.parent().unwrap_or(Path::new("")),
            _ => path,
        };
        let mut manifest = read_manifest(&path.join(MANIFEST))?;
        manifest.exit_reason = standing(&manifest);
        Ok(RunDir {
            path: path.to_owned(),
            manifest,
        })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `run.json` says.
    #[must_use]
    pub fn manifest(&self) -> &RunManifest {
        &self.manifest
    }

    /// The files of `messages`, whole or in parts.
    ///
    /// # Errors
    /// A run that was made without them.
    pub fn message_files(&self) -> Result<Vec<PathBuf>, ResultsError> {
        let parts = parts(&self.path, MessageRow::TABLE)?;
        let finished = finished(&self.path, MessageRow::TABLE);
        let files = match finished.exists() {
            true => vec![finished.clone()],
            false => parts.files,
        };
        match files.is_empty() {
            false => Ok(files),
            true if self.manifest.spec.messages.is_set() => Err(ResultsError::MissingTable {
                path: finished.display().to_string(),
            }),
            true => Err(ResultsError::NoMessages {
                path: self.path.display().to_string(),
            }),
        }
    }

    /// One row for every turn that started, in order of intended start.
    ///
    /// A turn whose row is missing (the run was killed, or is under way, or a part is damaged) has
    /// status `interrupted`, with its identity and the instants of its start only.
    ///
    /// # Errors
    /// A directory or a finished table that cannot be read; damaged parts are listed instead.
    pub fn requests(&self) -> Result<Loaded<RequestRow>, ResultsError> {
        let mut rows = Vec::new();
        let unreadable = self.for_each_request(|row| rows.push(row))?;
        rows.sort_by(|a, b| {
            let key = |row: &RequestRow| (row.intended_start_ns, row.copy, row.turn);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.session_id.cmp(&b.session_id))
        });
        Ok(Loaded { rows, unreadable })
    }

    /// Hands each row of [`RunDir::requests`] to `each`, in no order and without holding them all;
    /// returns one message for each part that could not be read.
    ///
    /// # Errors
    /// As for [`RunDir::requests`].
    pub fn for_each_request(
        &self,
        each: impl FnMut(RequestRow),
    ) -> Result<Vec<String>, ResultsError> {
        self.for_each(each)
    }

    /// One row for every session that started, in order of planned start; none of a run of a version
    /// that did not write them.
    ///
    /// A session whose row is missing, and of which a message was sent, has ended `interrupted`, as
    /// in [`RunDir::requests`].
    ///
    /// # Errors
    /// As for [`RunDir::requests`].
    pub fn sessions(&self) -> Result<Loaded<SessionRow>, ResultsError> {
        let mut rows = Vec::new();
        let unreadable = self.for_each(|row| rows.push(row))?;
        rows.sort_by(|a: &SessionRow, b| {
            let key = |row: &SessionRow| (row.planned_start_ns, row.copy);
            key(a)
                .cmp(&key(b))
                .then_with(|| a.session_id.cmp(&b.session_id))
        });
        Ok(Loaded { rows, unreadable })
    }

    fn for_each<R: Ends>(&self, mut each: impl FnMut(R)) -> Result<Vec<String>, ResultsError> {
        match Unfinished::<R>::list(&self.path)? {
            Some(unfinished) => unfinished.visit(&self.manifest, &mut each),
            None => {
                stream(&finished(&self.path, R::TABLE), each)?;
                Ok(Vec::new())
            }
        }
    }

    /// Hands each row of [`RunDir::sessions`] to `each`, in no order and without holding them all; returns one
    /// message for each part that could not be read.
    ///
    /// # Errors
    /// As for [`RunDir::sessions`].
    pub fn for_each_session(
        &self,
        each: impl FnMut(SessionRow),
    ) -> Result<Vec<String>, ResultsError> {
        self.for_each(each)
    }

    /// One row for every second, in order.
    ///
    /// # Errors
    /// As for [`RunDir::requests`].
    pub fn timeline(&self) -> Result<Loaded<TimelineRow>, ResultsError> {
        let mut timeline = self.load::<TimelineRow>()?;
        timeline.rows.sort_by_key(|row| row.second_ns);
        Ok(timeline)
    }

    /// What was fetched from the servers' Prometheus, as it was written; nothing where nothing was.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn server(&self) -> Result<Vec<ServerRow>, ResultsError> {
        let path = finished(&self.path, ServerRow::TABLE);
        match path.exists() {
            true => Ok(read_all(&path)?),
            false => Ok(Vec::new()),
        }
    }

    fn load<R: Row>(&self) -> Result<Loaded<R>, ResultsError> {
        let (rows, unreadable) = load(&self.path)?;
        Ok(Loaded { rows, unreadable })
    }
}

fn read_manifest(path: &Path) -> Result<RunManifest, ResultsError> {
    let shown = || path.display().to_string();
    let damaged = |reason: String| ResultsError::Damaged {
        path: shown(),
        reason,
    };
    let mut json = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut json));
    read.map_err(|source| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => no_run(path.parent().unwrap_or(path)),
        ErrorKind::IsADirectory => damaged("it is a folder".to_owned()),
        _ => ResultsError::Io {
            path: shown(),
            source,
        },
    })?;
    if json.len() as u64 > MAX_BYTES {
        return Err(damaged(format!("it has more than {MAX_BYTES} bytes")));
    }
    // The version comes first: a newer file need not have the fields of today.
    let value: serde_json::Value =
        serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
    let format = value.get("format").and_then(serde_json::Value::as_str);
    let format = format.ok_or_else(|| damaged("it has no `format`".to_owned()))?;
    let found = major(format).ok_or_else(|| damaged(format!("its format is `{format}`")))?;
    if Some(found) > major(RUN_FORMAT) {
        return Err(ResultsError::Newer {
            path: shown(),
            found: format.to_owned(),
            known: RUN_FORMAT,
        });
    }
    serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
}

/// What is said of `dir`, which has no `run.json`.
fn no_run(dir: &Path) -> ResultsError {
    const GIVE: &str = "give a run directory, or `latest` for the newest one in runs/";
    let path = dir.display().to_string();
    let (why, advice) = if dir.join("trace.json").is_file() {
        let replay = format!("`voicelt replay {path}` makes one of it");
        ("it is a trace, not a run", replay)
    } else if dir.is_file() {
        ("it is a file, and a run is a folder", GIVE.to_owned())
    } else if dir.exists() {
        ("there is no run.json in it", GIVE.to_owned())
    } else if dir.file_name().is_some_and(|name| name == LATEST) {
        let make = "`voicelt replay` and `voicelt run` make one";
        ("no run has finished there yet", make.to_owned())
    } else {
        ("there is nothing of this name", GIVE.to_owned())
    };
    ResultsError::NoRun { path, why, advice }
}

/// The part of `version` before the first dot.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::{SessionEnd, StartedRow, Status};
    use crate::results::sample;
    use crate::table::write_all;

    fn run_dir(manifest: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MANIFEST), manifest).unwrap();
        dir
    }

    fn sample_dir() -> tempfile::TempDir {
        run_dir(&serde_json::to_string(&sample::manifest()).unwrap())
    }

    fn put<R: Row>(dir: &Path, name: &str, rows: &[R]) {
        write_all(&dir.join(name), 1024, &[], rows).unwrap();
    }

    fn started(turn: u32) -> StartedRow {
        let row = sample::row(turn);
        StartedRow {
            session_id: row.session_id,
            copy: row.copy,
            turn,
            user: None,
            intended_start_ns: row.intended_start_ns,
            started_ns: row.intended_start_ns + 1,
            planned_start_ns: Some(-5),
        }
    }

    fn turns(rows: &[RequestRow]) -> Vec<(u32, Status)> {
        rows.iter().map(|row| (row.turn, row.status)).collect()
    }

    #[test]
    fn a_killed_run_counts_every_turn_that_started() {
        let dir = sample_dir();
        put(dir.path(), "requests-00002.parquet", &[sample::row(2)]);
        put(
            dir.path(),
            "requests-00001.parquet",
            &[sample::row(0), sample::row(1)],
        );
        let starts: Vec<_> = (0..4).map(started).collect();
        put(dir.path(), "started-00001.parquet", &starts);
        fs::write(dir.path().join("requests-00003.parquet.tmp"), "half").unwrap();
        fs::write(dir.path().join("requests-00003.parquet"), "PAR1 cut off").unwrap();

        let run = RunDir::open(dir.path()).unwrap();
        let loaded = run.requests().unwrap();
        let ok = Status::Ok;
        assert_eq!(
            turns(&loaded.rows),
            [(0, ok), (1, ok), (2, ok), (3, Status::Interrupted)]
        );
        let cut = &loaded.rows[3];
        assert_eq!(
            (cut.started_ns, cut.intended_start_at.0),
            (
                Some(cut.intended_start_ns + 1),
                run.manifest().epoch.realtime_ns + cut.intended_start_ns
            )
        );
        assert_eq!(cut.wire_session_id, sample::row(3).wire_session_id);
        assert_eq!(loaded.unreadable.len(), 1);
        assert!(loaded.unreadable[0].contains("requests-00003.parquet"));
    }

    #[test]
    fn a_killed_run_counts_every_session_that_started() {
        let dir = sample_dir();
        let ended = sample::session(0, -5);
        assert_eq!(ended.session_id, started(0).session_id);
        let part = std::slice::from_ref(&ended);
        put(dir.path(), "sessions-00001.parquet", part);
        // Two turns of the session that ended, and two of one that did not.
        let of_session = |n: u32, turn: u32| StartedRow {
            session_id: format!("call-{n}"),
            ..started(turn)
        };
        let starts = [(0, 0), (0, 1), (7, 0), (7, 1)].map(|(n, turn)| of_session(n, turn));
        put(dir.path(), "started-00001.parquet", &starts);

        let run = RunDir::open(dir.path()).unwrap();
        let loaded = run.sessions().unwrap();
        assert_eq!(loaded.unreadable, Vec::<String>::new());
        let [first, cut] = &loaded.rows[..] else {
            panic!("one row a session: {:?}", loaded.rows)
        };
        assert_eq!(*first, ended);
        assert_eq!(
            (cut.end, &*cut.session_id),
            (SessionEnd::Interrupted, "call-7")
        );
        assert_eq!((cut.planned_start_ns, cut.started_ns), (-5, Some(1)));
        assert_eq!(cut.planned_start_at.0, run.manifest().epoch.realtime_ns - 5);
        assert_eq!(cut.wire_session_id, "01234567-call-7-0");
        assert_eq!(
            (cut.ended_ns, cut.turns_planned, cut.blocked_ns),
            (None, None, None)
        );
    }

    #[test]
    fn a_run_of_a_version_without_sessions_has_none_however_it_ended() {
        let dir = sample_dir();
        let before = StartedRow {
            planned_start_ns: None,
            ..started(0)
        };
        put(dir.path(), "started-00001.parquet", &[before]);
        let run = RunDir::open(dir.path()).unwrap();
        assert_eq!(turns(&run.requests().unwrap().rows).len(), 1);
        let killed = run.sessions().unwrap();
        assert_eq!((killed.rows.len(), killed.unreadable.len()), (0, 0));
        fs::remove_file(dir.path().join("started-00001.parquet")).unwrap();
        put(dir.path(), "requests.parquet", &[sample::row(0)]);
        let finished = run.sessions().unwrap();
        assert_eq!((finished.rows.len(), finished.unreadable.len()), (0, 0));
    }

    #[test]
    fn a_run_that_ends_while_it_is_read_gives_each_turn_once() {
        let dir = sample_dir();
        put(dir.path(), "requests-00001.parquet", &[sample::row(0)]);
        put(dir.path(), "requests-00002.parquet", &[sample::row(1)]);
        let starts: Vec<_> = (0..3).map(started).collect();
        put(dir.path(), "started-00001.parquet", &starts);
        let run = RunDir::open(dir.path()).unwrap();
        let listed = Unfinished::<RequestRow>::list(dir.path()).unwrap().unwrap();
        // The merge is done when the second part's turn comes.
        fs::remove_file(dir.path().join("requests-00002.parquet")).unwrap();
        let all: Vec<_> = (0..3).map(sample::row).collect();
        put(dir.path(), "requests.parquet", &all);

        let mut rows = Vec::new();
        let unreadable = listed.visit(run.manifest(), &mut |row| rows.push(row));
        let ok = Status::Ok;
        assert_eq!(turns(&rows), [(0, ok), (1, ok), (2, ok)]);
        assert_eq!(unreadable.unwrap(), Vec::<String>::new());
        assert_eq!(turns(&run.requests().unwrap().rows), turns(&rows));
    }

    #[test]
    fn parts_that_are_folded_while_they_are_read_give_each_turn_once() {
        let dir = sample_dir();
        let (one, two) = (sample::row(0), sample::row(1));
        put(
            dir.path(),
            "requests-00001.parquet",
            std::slice::from_ref(&one),
        );
        put(
            dir.path(),
            "requests-00002.parquet",
            std::slice::from_ref(&two),
        );
        put(dir.path(), "started-00001.parquet", &[started(2)]);
        let run = RunDir::open(dir.path()).unwrap();
        let listed = Unfinished::<RequestRow>::list(dir.path()).unwrap().unwrap();
        fs::remove_file(dir.path().join("requests-00002.parquet")).unwrap();
        put(dir.path(), "requests-00001-00002.parquet", &[one, two]);
        // The fold has not removed its first part yet.
        let mut rows = Vec::new();
        let unreadable = listed.visit(run.manifest(), &mut |row| rows.push(row));
        let ok = Status::Ok;
        assert_eq!(turns(&rows), [(0, ok), (1, ok), (2, Status::Interrupted)]);
        assert_eq!(unreadable.unwrap(), Vec::<String>::new());
        assert_eq!(turns(&run.requests().unwrap().rows), turns(&rows));
    }

    #[test]
    fn parts_beside_the_finished_table_are_leftovers() {
        let dir = sample_dir();
        put(dir.path(), "requests.parquet", &[sample::row(0)]);
        put(dir.path(), "requests-00001.parquet", &[sample::row(0)]);
        let run = RunDir::open(&dir.path().join(MANIFEST)).unwrap();
        assert_eq!(
            turns(&run.requests().unwrap().rows),
            [(0, Status::Ok)],
            "opened by its run.json"
        );
        assert!(run.timeline().unwrap().rows.is_empty());
    }

    #[test]
    fn a_damaged_finished_table_is_an_error() {
        let dir = sample_dir();
        fs::write(dir.path().join("timeline.parquet"), "not Parquet").unwrap();
        let run = RunDir::open(dir.path()).unwrap();
        let said = run.timeline().unwrap_err().to_string();
        assert!(said.contains("not a readable Parquet file"), "{said}");
    }

    #[test]
    fn what_is_no_run_says_what_to_do() {
        let empty = tempfile::tempdir().unwrap();
        let said = |dir: &Path| RunDir::open(dir).unwrap_err().to_string();
        assert!(said(empty.path()).contains("give a run directory, or `latest`"));
        for damaged in ["{", "{}", r#"{"format":"x"}"#, r#"{"format":"1.0"}"#] {
            let dir = run_dir(damaged);
            assert!(said(dir.path()).contains("is damaged"), "{damaged}");
        }
        let newer = run_dir(r#"{"format":"2.0"}"#);
        assert!(said(newer.path()).ends_with(
            "has format 2.0, and this version reads up to 1.0; update voicelt to read it"
        ));
    }

    #[test]
    fn latest_is_a_link_among_the_runs() {
        let runs = Path::new("runs");
        assert_eq!(resolve(Path::new("latest"), runs), Path::new("runs/latest"));
        assert_eq!(resolve(Path::new("a/latest"), runs), Path::new("a/latest"));
    }
}
