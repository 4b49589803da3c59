//! One value of a column: how Rust types map to Arrow's, both ways.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, PrimitiveArray, RecordBatch,
    StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::values::{Number, instants, nulls, numbers, texts};
use super::{Column, TableError};

/// A type that a column can hold.
pub trait Cell: Sized {
    /// The plain value that the file stores.
    type Stored: Stored;
    /// Whether the value may be absent.
    const NULLABLE: bool;
    /// The names that it may be; empty for what is no name.
    const NAMES: &'static [&'static str] = &[];

    /// The Arrow type of the column.
    fn data_type() -> DataType;

    /// The cells as one Arrow array.
    fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef;

    /// A cell from what was stored.
    ///
    /// # Errors
    /// A null where there must be a value, or a name that is not known.
    fn from_stored(
        stored: Option<Self::Stored>,
        column: &'static str,
        row: usize,
    ) -> Result<Self, TableError>;
}

/// A plain value that Arrow stores.
pub trait Stored: Sized {
    /// All values of an array of this type, or of a similar one that holds nothing that this type cannot: two numbers,
    /// two texts, two instants. A text that is read as a number, say, is a wrong column.
    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>>;
}

/// An absolute instant: nanoseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcInstant(pub i64);

macro_rules! primitive {
    ($type:ty, $array:ty, $data_type:expr, $other:expr) => {
        impl Stored for $type {
            fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
                match array.as_any().downcast_ref::<$array>() {
                    Some(array) => Some(array.iter().collect()),
                    None => $other(array),
                }
            }
        }

        impl Cell for $type {
            type Stored = $type;
            const NULLABLE: bool = false;

            fn data_type() -> DataType {
                $data_type
            }

            fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef {
                Arc::new(cells.map(|cell| Some(*cell)).collect::<$array>())
            }

            fn from_stored(
                stored: Option<$type>,
                column: &'static str,
                row: usize,
            ) -> Result<Self, TableError> {
                stored.ok_or(TableError::Null { column, row })
            }
        }

        impl Cell for Option<$type> {
            type Stored = $type;
            const NULLABLE: bool = true;

            fn data_type() -> DataType {
                $data_type
            }

            fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef {
                Arc::new(cells.copied().collect::<$array>())
            }

            fn from_stored(
                stored: Option<$type>,
                _: &'static str,
                _: usize,
            ) -> Result<Self, TableError> {
                Ok(stored)
            }
        }
    };
}

primitive!(u32, UInt32Array, DataType::UInt32, |array| numbers(
    array,
    Number::whole
));
primitive!(u64, UInt64Array, DataType::UInt64, |array| numbers(
    array,
    Number::whole
));
primitive!(i64, Int64Array, DataType::Int64, |array| numbers(
    array,
    Number::whole
));
primitive!(f64, Float64Array, DataType::Float64, |array| numbers(
    array,
    Number::exact
));
primitive!(bool, BooleanArray, DataType::Boolean, nulls);

impl Stored for String {
    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
        texts(array)
    }
}

impl Cell for String {
    type Stored = String;
    const NULLABLE: bool = false;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef {
        Arc::new(
            cells
                .map(|cell| Some(cell.as_str()))
                .collect::<StringArray>(),
        )
    }

    fn from_stored(
        stored: Option<String>,
        column: &'static str,
        row: usize,
    ) -> Result<Self, TableError> {
        stored.ok_or(TableError::Null { column, row })
    }
}

impl Cell for Option<String> {
    type Stored = String;
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef {
        Arc::new(cells.map(Option::as_deref).collect::<StringArray>())
    }

    fn from_stored(stored: Option<String>, _: &'static str, _: usize) -> Result<Self, TableError> {
        Ok(stored)
    }
}

/// One of a few names, as [`names!`](crate::names!) declares them.
pub trait Named: Cell<Stored = String> + Copy {
    /// The name it is stored under.
    fn stored_name(self) -> &'static str;
}

impl<N: Named> Cell for Option<N> {
    type Stored = String;
    const NULLABLE: bool = true;
    const NAMES: &'static [&'static str] = N::NAMES;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef {
        let names = cells.map(|cell| cell.map(Named::stored_name));
        Arc::new(names.collect::<StringArray>())
    }

    fn from_stored(
        stored: Option<String>,
        column: &'static str,
        row: usize,
    ) -> Result<Self, TableError> {
        let named = stored.map(|stored| N::from_stored(Some(stored), column, row));
        named.transpose()
    }
}

impl Stored for UtcInstant {
    fn values(array: &dyn Array) -> Option<Vec<Option<Self>>> {
        let instants = instants(array)?;
        Some(instants.into_iter().map(|at| at.map(UtcInstant)).collect())
    }
}

impl Cell for UtcInstant {
    type Stored = UtcInstant;
    const NULLABLE: bool = false;

    fn data_type() -> DataType {
        DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
    }

    fn array(cells: &mut dyn Iterator<Item = &Self>) -> ArrayRef {
        let values = cells.map(|cell| Some(cell.0));
        let array: TimestampNanosecondArray = values.collect::<PrimitiveArray<_>>();
        Arc::new(array.with_timezone("UTC"))
    }

    fn from_stored(
        stored: Option<UtcInstant>,
        column: &'static str,
        row: usize,
    ) -> Result<Self, TableError> {
        stored.ok_or(TableError::Null { column, row })
    }
}

/// All cells of the column called `name`.
///
/// # Errors
/// A column that must be there and is not, does not fit without loss, or holds a bad value.
pub fn read_column<C: Cell>(batch: &RecordBatch, name: &'static str) -> Result<Vec<C>, TableError> {
    let expected = C::data_type();
    let Some(array) = batch.column_by_name(name) else {
        if C::NULLABLE {
            return (0..batch.num_rows())
                .map(|row| C::from_stored(None, name, row))
                .collect();
        }
        return Err(TableError::MissingColumn {
            column: name,
            expected,
        });
    };
    let stored = C::Stored::values(array.as_ref()).ok_or_else(|| TableError::Type {
        column: name,
        found: array.data_type().clone(),
        expected,
    })?;
    stored
        .into_iter()
        .enumerate()
        .map(|(row, cell)| C::from_stored(cell, name, row))
        .collect()
}

/// The Arrow schema of `columns`, with what each is as field metadata.
pub(super) fn schema_of(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let mut notes = HashMap::from([("description".to_owned(), column.description.to_owned())]);
        if !column.unit.is_empty() {
            notes.insert("unit".to_owned(), column.unit.to_owned());
        }
        if let Some(when) = column.null_meaning() {
            notes.insert("null".to_owned(), when.to_owned());
        }
        Field::new(column.name, column.data_type.clone(), column.nullable).with_metadata(notes)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Row, from_batch, to_batch};
    use arrow_array::{Float64Array, LargeStringArray};

    crate::names! {
        /// A colour.
        enum Colour { /// Red.
            Red = "red", /// Blue.
            Blue = "blue" }
    }

    crate::table! {
        /// A row with every type.
        struct Everything in "everything" {
            /// A number
            /// over two lines.
            pub number: u32 ["things"],
            /// Maybe; null when not.
            pub maybe: Option<i64> ["ns"],
            /// Text; null without
            /// one.
            pub text: Option<String> [""],
            /// An instant.
            pub seen_at: UtcInstant [""],
            /// A colour.
            pub colour: Colour [""],
            /// Maybe a colour; null without one.
            pub second_colour: Option<Colour> [""],
        }
    }

    fn row() -> Everything {
        Everything {
            number: 7,
            maybe: None,
            text: Some("a".into()),
            seen_at: UtcInstant(5),
            colour: Colour::Blue,
            second_colour: None,
        }
    }

    fn batch_of(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).expect("columns of one length")
    }

    #[test]
    fn rows_survive_the_round_trip_and_the_schema_explains_itself() {
        let batch = to_batch(&[row()]);
        assert_eq!(from_batch::<Everything>(&batch).expect("readable"), [row()]);
        assert_eq!(Colour::ALL, [Colour::Red, Colour::Blue]);
        let field = batch.schema().field(0).clone();
        assert_eq!(field.metadata()["unit"], "things");
        assert_eq!(field.metadata()["description"], "A number over two lines.");
        assert_eq!(batch.schema().field(2).metadata()["null"], "without one");
        assert!(!field.metadata().contains_key("null"));
        let colour = &Everything::columns()[4];
        assert_eq!(
            (colour.names, colour.definition()),
            (&["red", "blue"][..], "A colour")
        );
    }

    #[test]
    fn other_types_are_cast_only_without_loss() {
        let fits: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let batch = batch_of(vec![("number", fits)]);
        assert_eq!(read_column::<u32>(&batch, "number").expect("fits"), [7]);
        for misfit in [
            Arc::new(Int64Array::from(vec![-1])) as ArrayRef,
            Arc::new(Float64Array::from(vec![1.5])),
            Arc::new(LargeStringArray::from(vec!["7"])),
        ] {
            let error = read_column::<u32>(&batch_of(vec![("number", misfit)]), "number");
            assert!(matches!(error, Err(TableError::Type { .. })), "{error:?}");
        }
    }

    #[test]
    fn missing_null_and_unknown_values_are_named() {
        let batch = batch_of(vec![(
            "c",
            Arc::new(StringArray::from(vec![Some("green"), None])),
        )]);
        let said = read_column::<Colour>(&batch, "c")
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert_eq!(
            said,
            "column `c` holds `green` in row 0; known are red, blue"
        );
        let said = read_column::<String>(&batch, "c")
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert_eq!(said, "column `c` is null in row 1; every row needs a value");
        let said = read_column::<u32>(&batch, "d")
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert_eq!(said, "column `d` is missing; it must hold UInt32");
        assert_eq!(
            read_column::<Option<u32>>(&batch, "d").expect("null"),
            [None, None]
        );
    }
}
