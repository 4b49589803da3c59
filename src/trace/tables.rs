//! The tables of a bundle as files: opened, read and written with their format.

use std::path::Path;

use super::TraceError;
use super::manifest::{FORMAT_KEY, TRACE_FORMAT, refuse_newer};
use crate::table::{self, Reader, Row, TableError};

/// Rows in a row group of `events.parquet`, so that a session can be read when it starts.
pub(super) const EVENT_ROW_GROUP_ROWS: usize = 64 * 1024;
/// Rows read at a time.
const READ_ROWS: usize = 4096;

/// One table of the bundle `dir`, to be read a few thousand rows at a time.
///
/// # Errors
/// A missing or damaged file, or a newer format.
pub(crate) fn open_table<R: Row>(dir: &Path) -> Result<Reader<R>, TraceError> {
    let path = dir.join(format!("{}.parquet", R::TABLE));
    let reader = Reader::<R>::open_with(&path, READ_ROWS).map_err(|error| match error {
        TableError::Io { source, .. } => TraceError::unreadable(&path, source),
        other => other.into(),
    })?;
    refuse_newer(&path, reader.note(FORMAT_KEY).unwrap_or(TRACE_FORMAT))?;
    Ok(reader)
}

/// All rows of one table of the bundle `dir`.
///
/// # Errors
/// A missing or damaged file, a newer format, or rows that take more memory than a table may.
pub fn read_table<R: Row>(dir: &Path) -> Result<Vec<R>, TraceError> {
    Ok(open_table::<R>(dir)?.all()?)
}

/// Writes one table of the bundle `dir`.
///
/// # Errors
/// The system's.
pub(super) fn write_table<R: Row>(
    dir: &Path,
    row_group_rows: usize,
    rows: &[R],
) -> Result<(), TraceError> {
    let path = dir.join(format!("{}.parquet", R::TABLE));
    Ok(table::write_all(
        &path,
        row_group_rows,
        &format_notes(),
        rows,
    )?)
}

/// The key-values of each table's footer.
pub(super) fn format_notes() -> [(String, String); 1] {
    [(FORMAT_KEY.to_owned(), TRACE_FORMAT.to_owned())]
}
