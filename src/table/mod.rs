//! Plain structs as Parquet tables: one declaration is the row, the schema, the writer and the reader.
//!
//! A table is declared once with [`table!`](crate::table!); names, types, units and definitions of
//! its columns come from there. Readers match columns by name, cast where nothing is lost, ignore
//! columns they do not know, and take a missing nullable column as null. Tables whose columns are not ours are read
//! as text. What a file unpacks to is bounded before it is unpacked (`pages`, `batches`). This room knows no clock, no
//! trace and no run.

mod batches;
mod cell;
mod failure;
mod file;
mod pages;
mod text;
mod values;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};

pub use cell::{Cell, UtcInstant, read_column};
pub use file::{Reader, Writer, blake3_of, read_all, write_all};
pub use text::{TextBatch, TextReader, TextRows, texts};

/// Most rows in a Parquet row group, for tables that are read whole.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Most bytes that the rows of a table take which is read whole: those of a million clips with names of usual length.
pub const MAX_TABLE_BYTES: u64 = 480 * 1024 * 1024;

/// What one column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the file.
    pub name: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    /// Whether a row may lack it.
    pub nullable: bool,
    /// The unit of its values, empty where there is none.
    pub unit: &'static str,
    /// Its definition; that of a nullable column ends in `; null when …`.
    pub description: &'static str,
    /// The names that it may hold; empty where it holds anything else.
    pub names: &'static [&'static str],
}

impl Column {
    /// What the column holds.
    #[must_use]
    pub fn definition(&self) -> &'static str {
        let split = self.description.split_once(NULL_CLAUSE);
        split.map_or(self.description.trim_end_matches('.'), |(what, _)| what)
    }

    /// When a row lacks it, such as `when none came`; `None` for a column that every row has.
    #[must_use]
    pub fn null_meaning(&self) -> Option<&'static str> {
        let split = self.description.split_once(NULL_CLAUSE);
        split.map(|(_, when)| when.trim_end_matches('.'))
    }
}

/// What begins the clause of a description that says when a row lacks the column.
const NULL_CLAUSE: &str = "; null ";

/// A row of a table declared with [`table!`](crate::table!).
pub trait Row: Sized + Clone + Send + 'static {
    /// The table's name, as in its file's name.
    const TABLE: &'static str;
    /// What a row is.
    const ABOUT: &'static str;

    /// The columns in order.
    fn columns() -> Vec<Column>;

    /// The rows as columns, in the order of [`Row::columns`].
    fn arrays(rows: &[Self]) -> Vec<ArrayRef>;

    /// Appends the rows of `batch` to `out`.
    ///
    /// # Errors
    /// A required column that is missing or holds nulls, or one that cannot be cast without loss.
    fn read(batch: &RecordBatch, out: &mut Vec<Self>) -> Result<(), TableError>;

    /// The Arrow schema, with what each column holds, its unit and when it is null in the field's
    /// metadata: `description`, `unit`, `null`.
    #[must_use]
    fn schema() -> SchemaRef {
        cell::schema_of(&Self::columns())
    }
}

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

/// Declares a row struct and implements [`Row`] for it.
///
/// ```
/// voicelt::table! {
///     /// A clip of audio.
///     pub struct Clip in "clips" {
///         /// Its number.
///         pub clip: u32 [""],
///         /// Its peak level.
///         pub peak_dbfs: Option<f64> ["dBFS"],
///     }
/// }
/// let rows = vec![Clip { clip: 7, peak_dbfs: None }];
/// let batch = voicelt::table::to_batch(&rows);
/// assert_eq!(voicelt::table::from_batch::<Clip>(&batch).unwrap(), rows);
/// ```
#[macro_export]
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        $(#[$attribute:meta])*
        $vis:vis struct $name:ident in $table:literal {
            $( $(#[doc = $doc:literal])+ pub $field:ident : $type:ty [$unit:literal], )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        $(#[$attribute])*
        $vis struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl $crate::table::Row for $name {
            const TABLE: &'static str = $table;
            const ABOUT: &'static str = concat!($($about),+).trim_ascii();

            fn columns() -> Vec<$crate::table::Column> {
                vec![ $( $crate::table::Column {
                    name: stringify!($field),
                    data_type: <$type as $crate::table::Cell>::data_type(),
                    nullable: <$type as $crate::table::Cell>::NULLABLE,
                    unit: $unit,
                    description: concat!($($doc),+).trim_ascii(),
                    names: <$type as $crate::table::Cell>::NAMES,
                }, )+ ]
            }

            fn arrays(rows: &[Self]) -> Vec<::arrow_array::ArrayRef> {
                vec![ $(
                    <$type as $crate::table::Cell>::array(&mut rows.iter().map(|row| &row.$field)),
                )+ ]
            }

            fn read(
                batch: &::arrow_array::RecordBatch,
                out: &mut Vec<Self>,
            ) -> Result<(), $crate::table::TableError> {
                $( let mut $field =
                    $crate::table::read_column::<$type>(batch, stringify!($field))?.into_iter(); )+
                out.reserve(batch.num_rows());
                for _ in 0..batch.num_rows() {
                    // Every column has one value a row, so that all of them end together.
                    let ($( Some($field), )+) = ($( $field.next(), )+) else { break };
                    out.push($name { $( $field, )+ });
                }
                Ok(())
            }
        }
    };
}

/// Declares an enum whose values are stored by name.
///
/// ```
/// voicelt::names! {
///     /// A direction.
///     pub enum Direction { /// Sent.
///         Sent = "sent", /// Received.
///         Received = "received" }
/// }
/// assert_eq!("sent".parse(), Ok(Direction::Sent));
/// assert_eq!(Direction::Received.name(), "received");
/// ```
#[macro_export]
macro_rules! names {
    (
        $(#[$about:meta])+
        $vis:vis enum $name:ident { $( $(#[$doc:meta])+ $variant:ident = $text:literal ),+ $(,)? }
    ) => {
        $(#[$about])+
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        $vis enum $name { $( $(#[$doc])+ #[serde(rename = $text)] $variant, )+ }

        impl $name {
            /// Every value, in order.
            $vis const ALL: &'static [$name] = &[ $( $name::$variant, )+ ];

            /// The name it is stored and shown under.
            #[must_use]
            $vis fn name(self) -> &'static str {
                match self { $( $name::$variant => $text, )+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $( $text => Ok($name::$variant), )+
                    _ => Err([$( $text ),+].join(", ")),
                }
            }
        }

        impl $crate::table::Cell for $name {
            type Stored = String;
            const NULLABLE: bool = false;
            const NAMES: &'static [&'static str] = &[ $( $text, )+ ];

            fn data_type() -> ::arrow_schema::DataType {
                ::arrow_schema::DataType::Utf8
            }

            fn array(cells: &mut dyn Iterator<Item = &Self>) -> ::arrow_array::ArrayRef {
                let names = cells.map(|cell| Some(cell.name()));
                ::std::sync::Arc::new(names.collect::<::arrow_array::StringArray>())
            }

            fn from_stored(
                stored: Option<String>,
                column: &'static str,
                row: usize,
            ) -> Result<Self, $crate::table::TableError> {
                let value = stored.ok_or($crate::table::TableError::Null { column, row })?;
                value.parse().map_err(|known| $crate::table::TableError::Name {
                    column, value, row, known,
                })
            }
        }
    };
}

/// The rows as one Arrow batch.
#[must_use]
pub fn to_batch<R: Row>(rows: &[R]) -> RecordBatch {
    #[expect(
        clippy::expect_used,
        reason = "schema and arrays come from one declaration"
    )]
    RecordBatch::try_new(R::schema(), R::arrays(rows)).expect("columns match their own schema")
}

/// The rows of one Arrow batch.
///
/// # Errors
/// As for [`Row::read`].
pub fn from_batch<R: Row>(batch: &RecordBatch) -> Result<Vec<R>, TableError> {
    let mut rows = Vec::new();
    R::read(batch, &mut rows)?;
    Ok(rows)
}
