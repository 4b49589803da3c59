//! What can be wrong with a table's file.

use arrow_schema::DataType;

/// What can be wrong with a table's file.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not readable Parquet, or could not be written as such.
    #[error(
        "{path}: not a readable Parquet file ({reason}); if it was cut off or edited, restore it or make it again"
    )]
    Parquet {
        /// The file.
        path: String,
        /// The Parquet library's reason.
        reason: String,
    },
    /// The file unpacks to more than may be read.
    #[error(
        "{path}: its {what} take {bytes} bytes of memory, and at most {limit} are read; if it is damaged, restore it or make it again, else split it"
    )]
    TooLarge {
        /// The file.
        path: String,
        /// What is too large.
        what: &'static str,
        /// How much memory it would take, or took so far.
        bytes: u64,
        /// How much it may take.
        limit: u64,
    },
    /// A column that every row needs is not there.
    #[error("column `{column}` is missing; it must hold {expected}")]
    MissingColumn {
        /// The column.
        column: &'static str,
        /// The type it should have.
        expected: DataType,
    },
    /// A column that every row needs holds a null.
    #[error("column `{column}` is null in row {row}; every row needs a value")]
    Null {
        /// The column.
        column: &'static str,
        /// The row, from 0, within its batch.
        row: usize,
    },
    /// A column has a type whose values do not fit.
    #[error("column `{column}` holds {found}, which does not fit {expected} without loss")]
    Type {
        /// The column.
        column: &'static str,
        /// The type found.
        found: DataType,
        /// The type it should have.
        expected: DataType,
    },
    /// A column of names holds one that is not known.
    #[error("column `{column}` holds `{value}` in row {row}; known are {known}")]
    Name {
        /// The column.
        column: &'static str,
        /// The value found.
        value: String,
        /// The row, from 0, within its batch.
        row: usize,
        /// The names that are known.
        known: String,
    },
    /// A column error, with the file it was found in.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: String,
        /// What was wrong in it.
        source: Box<TableError>,
    },
}
