//! Which tables a run must have, and whether they are there.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::ResultsError;
use super::manifest::{ExitReason, RunManifest};
use super::neighbours::ClipUsed;
use super::reader::RunDir;
use super::row::{MessageRow, RequestRow, ServerRow, SessionRow, TimelineRow};
use super::unfinished::{finished, parts};
use crate::table::{ROW_GROUP_ROWS, Reader, Row, TableError, blake3_of, write_all};

/// The tables of a run that has ended, by their names.
const TABLES: [&str; 6] = [
    RequestRow::TABLE,
    SessionRow::TABLE,
    TimelineRow::TABLE,
    MessageRow::TABLE,
    ClipUsed::TABLE,
    ServerRow::TABLE,
];

/// The hash of each finished table that is in the run directory `dir`, by its name, for `run.json`.
///
/// # Errors
/// The system's.
pub fn tables_in(dir: &Path) -> Result<BTreeMap<String, String>, ResultsError> {
    let mut tables = BTreeMap::new();
    for table in TABLES {
        let path = finished(dir, table);
        match blake3_of(&path) {
            Ok(hash) => drop(tables.insert(table.to_owned(), hash)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(ResultsError::Io {
                    path: path.display().to_string(),
                    source,
                });
            }
        }
    }
    Ok(tables)
}

/// Writes a whole table into the run directory `dir`.
///
/// # Errors
/// The system's.
pub fn put_table<R: Row>(dir: &Path, rows: &[R]) -> Result<(), ResultsError> {
    Ok(write_all(
        &finished(dir, R::TABLE),
        ROW_GROUP_ROWS,
        &[],
        rows,
    )?)
}

impl RunDir {
    /// Checks that every table is there that the run must have, and that its file is one of Parquet.
    ///
    /// # Errors
    /// The first that is missing or damaged.
    pub fn check_tables(&self) -> Result<(), ResultsError> {
        for table in required(self.manifest()) {
            let path = finished(self.path(), &table);
            if !path.exists() {
                // One that was killed as it ended has parts in place of some tables.
                if parts(self.path(), &table)?.files.is_empty() {
                    return Err(ResultsError::MissingTable {
                        path: path.display().to_string(),
                    });
                }
                continue;
            }
            opens(&table, &path)?;
        }
        Ok(())
    }

    /// One message for each table whose file is not the one that was written: edited, or damaged in a
    /// way that cannot be seen. Messages, which are many, are not looked at.
    #[must_use]
    pub fn changed_tables(&self) -> Vec<String> {
        let tables = self.manifest().tables.iter();
        let looked_at = tables.filter(|(table, _)| *table != MessageRow::TABLE);
        let changed = looked_at.filter_map(|(table, hash)| {
            let path = finished(self.path(), table);
            let now = blake3_of(&path).ok()?;
            (now != *hash).then(|| {
                format!(
                    "{} is not as it was written when the run ended: edited, or damaged",
                    path.display()
                )
            })
        });
        changed.collect()
    }
}

/// The names of the tables that the run of `manifest` must have.
fn required(manifest: &RunManifest) -> Vec<String> {
    let mut tables: Vec<String> = manifest.tables.keys().cloned().collect();
    let has_ended = matches!(
        manifest.exit_reason,
        ExitReason::Finished | ExitReason::Interrupted
    );
    if !has_ended {
        // The others are parts.
        tables.retain(|table| table == ClipUsed::TABLE);
        return tables;
    }
    // Also of runs of before, which do not list their tables.
    let mut also = vec![RequestRow::TABLE, TimelineRow::TABLE];
    if manifest.spec.messages.is_set() {
        also.push(MessageRow::TABLE);
    }
    tables.extend(also.into_iter().map(str::to_owned));
    tables.sort();
    tables.dedup();
    tables
}

/// Whether the file of a table has an end, and columns that fit.
fn opens(table: &str, path: &Path) -> Result<(), TableError> {
    match table {
        RequestRow::TABLE => Reader::<RequestRow>::open(path).map(drop),
        SessionRow::TABLE => Reader::<SessionRow>::open(path).map(drop),
        TimelineRow::TABLE => Reader::<TimelineRow>::open(path).map(drop),
        MessageRow::TABLE => Reader::<MessageRow>::open(path).map(drop),
        ClipUsed::TABLE => Reader::<ClipUsed>::open(path).map(drop),
        ServerRow::TABLE => Reader::<ServerRow>::open(path).map(drop),
        // Of a later version.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample::{manifest, row, second, session};

    /// A run with `tables` on disk, as it ended or was killed.
    fn run(exit_reason: ExitReason, messages: bool) -> (tempfile::TempDir, RunDir) {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str| dir.path().join(format!("{name}.parquet"));
        write_all(&put("requests"), 1024, &[], &[row(0)]).unwrap();
        write_all(&put("sessions"), 1024, &[], &[session(0, 0)]).unwrap();
        write_all(&put("timeline"), 1024, &[], &[second(0)]).unwrap();
        write_all::<MessageRow>(&put("messages"), 1024, &[], &[]).unwrap();
        write_all::<ClipUsed>(&put("clips"), 1024, &[], &[]).unwrap();
        write_all::<ServerRow>(&put("server"), 1024, &[], &[]).unwrap();
        let mut run = manifest();
        run.exit_reason = exit_reason;
        run.tables = tables_in(dir.path()).unwrap();
        run.spec.messages = messages.into();
        let text = serde_json::to_string(&run).unwrap();
        std::fs::write(dir.path().join("run.json"), text).unwrap();
        let run = RunDir::open(dir.path()).unwrap();
        (dir, run)
    }

    #[test]
    fn each_table_that_a_run_must_have_is_missed_by_its_name() {
        let (dir, run) = run(ExitReason::Finished, true);
        run.check_tables().unwrap();
        assert_eq!(run.changed_tables(), Vec::<String>::new());
        for table in TABLES {
            let path = finished(dir.path(), table);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let said = run.check_tables().unwrap_err().to_string();
            assert!(
                said.contains(&format!("{table}.parquet is missing")),
                "{said}"
            );
            for damaged in [&bytes[..bytes.len() / 2], b""] {
                std::fs::write(&path, damaged).unwrap();
                let said = run.check_tables().unwrap_err().to_string();
                assert!(said.contains(&format!("{table}.parquet")), "{said}");
            }
            std::fs::write(&path, bytes).unwrap();
        }
        run.check_tables().unwrap();
    }

    #[test]
    fn a_run_of_before_must_have_what_every_run_has() {
        let (dir, run) = run(ExitReason::Finished, false);
        let mut before = run.manifest().clone();
        before.tables.clear();
        assert_eq!(required(&before), ["requests", "timeline"]);
        before.spec.messages = true.into();
        assert_eq!(required(&before), ["messages", "requests", "timeline"]);
        before.exit_reason = ExitReason::Killed;
        assert_eq!(required(&before), Vec::<String>::new());
        before.tables.insert("clips".to_owned(), String::new());
        assert_eq!(required(&before), ["clips"]);
        drop(dir);
    }

    #[test]
    fn a_table_that_was_changed_is_told_and_read() {
        let (dir, run) = run(ExitReason::Finished, false);
        let path = finished(dir.path(), "requests");
        write_all(&path, 1024, &[], &[row(0), row(1)]).unwrap();
        run.check_tables().unwrap();
        let changed = run.changed_tables();
        assert_eq!(changed.len(), 1);
        assert!(
            changed[0].contains("requests.parquet is not as it was written"),
            "{changed:?}"
        );
    }
}
