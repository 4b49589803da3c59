//! Plain structs as Parquet tables: one declaration is the row, the schema, the writer and the reader.
//!
//! A table is declared once with [`table!`](crate::table!); names, types, units and definitions of
//! its columns come from there. Readers match columns by name, cast where nothing is lost, ignore
//! columns they do not know, and take a missing nullable column as null. Tables whose columns are not ours are read
//! as text. What a file unpacks to is bounded before it is unpacked (`pages`, `batches`). This room knows no clock, no
//! trace and no run.

mod batches;
mod cell;
mod column;
mod error;
mod failure;
mod file;
mod pages;
mod text;
mod values;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;

pub use cell::{Cell, Named, UtcInstant, read_column};
pub use column::Column;
pub use error::TableError;
pub use file::{Reader, Writer, blake3_of, read_all, write_all};
pub use text::{TextBatch, TextReader, TextRows, texts};

/// Most rows in a Parquet row group, for tables that are read whole.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Most bytes that the rows of a table take which is read whole: those of a million clips with names of usual length.
pub const MAX_TABLE_BYTES: u64 = 480 * 1024 * 1024;

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

        impl $crate::table::Named for $name {
            fn stored_name(self) -> &'static str {
                self.name()
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
