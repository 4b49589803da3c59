//! What can be wrong with a file of rows, as this room says it.

use std::path::Path;

use super::TableError;
use crate::fence::fenced;

/// Runs `read`; the Parquet library's panics on damaged files become errors.
pub(super) fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, TableError>,
) -> Result<T, TableError> {
    fenced(read).unwrap_or_else(|| {
        Err(TableError::Parquet {
            path: path.display().to_string(),
            reason: "damaged beyond what the reader can follow".to_owned(),
        })
    })
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> TableError {
    let path = path.display().to_string();
    move |source| TableError::Io { path, source }
}

pub(super) fn parquet_error(
    path: &Path,
) -> impl FnOnce(parquet::errors::ParquetError) -> TableError {
    let path = path.display().to_string();
    move |reason| match reason {
        // A full disk must read as one.
        parquet::errors::ParquetError::External(source) if source.is::<std::io::Error>() => {
            match source.downcast::<std::io::Error>() {
                Ok(source) => TableError::Io {
                    path,
                    source: *source,
                },
                Err(source) => TableError::Parquet {
                    path,
                    reason: source.to_string(),
                },
            }
        }
        other => TableError::Parquet {
            path,
            reason: other.to_string(),
        },
    }
}
