//! What an Arrow array holds, as plain values of Rust: arrays that others wrote have types similar to ours, such as
//! wider numbers, dictionaries, or instants in milliseconds.

use std::fmt::Debug;

use arrow_array::cast::AsArray;
use arrow_array::temporal_conversions::as_datetime;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTemporalType, ArrowTimestampType, Date32Type, Date64Type,
    Decimal128Type, Float32Type, Float64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, StringArray, downcast_integer_array};
use arrow_schema::{DataType, TimeUnit};

/// A number of any width.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    /// As an integer, unless it has a fraction or does not fit.
    pub(super) fn whole<T: TryFrom<i128>>(self) -> Option<T> {
        let whole = match self {
            Number::Whole(whole) => whole,
            Number::Float(float) => {
                let whole = float as i128;
                (whole as f64 == float).then_some(whole)?
            }
        };
        T::try_from(whole).ok()
    }

    /// As a float, unless that would round it.
    pub(super) fn exact(self) -> Option<f64> {
        match self {
            Number::Whole(whole) => {
                let float = whole as f64;
                (float as i128 == whole).then_some(float)
            }
            Number::Float(float) => Some(float),
        }
    }
}

/// The numbers of an array of numbers, if each can be what `convert` makes.
pub(super) fn numbers<T>(
    array: &dyn Array,
    convert: fn(Number) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    let convert = |number: Option<Number>| match number {
        None => Some(None),
        Some(number) => convert(number).map(Some),
    };
    downcast_integer_array!(
        array => array.iter().map(|n| convert(n.map(|n| Number::Whole(n.into())))).collect(),
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>().iter();
            floats.map(|n| convert(n.map(|n| Number::Float(n.into())))).collect()
        }
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>().iter();
            floats.map(|n| convert(n.map(Number::Float))).collect()
        }
        _ => nulls(array),
    )
}

/// The texts of an array of texts.
pub(super) fn texts(array: &dyn Array) -> Option<Vec<Option<String>>> {
    let own = |text: Option<&str>| text.map(str::to_owned);
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().iter().map(own).collect()),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().iter().map(own).collect()),
        DataType::Utf8View => Some(array.as_string_view().iter().map(own).collect()),
        DataType::Dictionary(_, _) => of_dictionary(array, texts),
        _ => nulls(array),
    }
}

/// The instants of an array of instants, in nanoseconds since 1970, if each is one.
pub(super) fn instants(array: &dyn Array) -> Option<Vec<Option<i64>>> {
    fn scaled<T: ArrowPrimitiveType<Native = i64>>(
        array: &dyn Array,
        factor: i64,
    ) -> Option<Vec<Option<i64>>> {
        let scaled = |at: Option<i64>| match at {
            None => Some(None),
            Some(at) => at.checked_mul(factor).map(Some),
        };
        array.as_primitive::<T>().iter().map(scaled).collect()
    }
    match array.data_type() {
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => scaled::<TimestampSecondType>(array, 1_000_000_000),
            TimeUnit::Millisecond => scaled::<TimestampMillisecondType>(array, 1_000_000),
            TimeUnit::Microsecond => scaled::<TimestampMicrosecondType>(array, 1_000),
            TimeUnit::Nanosecond => scaled::<TimestampNanosecondType>(array, 1),
        },
        _ => nulls(array),
    }
}

/// The values of an array that has no type, since it holds none.
pub(super) fn nulls<T>(array: &dyn Array) -> Option<Vec<Option<T>>> {
    (*array.data_type() == DataType::Null).then(|| (0..array.len()).map(|_| None).collect())
}

/// Any plain values as text: instants and dates as ISO 8601 has them, those with a zone in UTC, as names of zones are
/// not known here. `None` for what is no plain value, such as a list, and for bytes that are not UTF-8.
pub(super) fn text_of(array: &dyn Array) -> Option<StringArray> {
    plain_texts(array).map(StringArray::from)
}

fn plain_texts(array: &dyn Array) -> Option<Vec<Option<String>>> {
    downcast_integer_array!(
        array => Some(array.iter().map(|n| n.map(|n| n.to_string())).collect()),
        DataType::Float32 => Some(shown::<Float32Type>(array)),
        DataType::Float64 => Some(shown::<Float64Type>(array)),
        DataType::Decimal128(_, _) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let text = |row| decimals.is_valid(row).then(|| decimals.value_as_string(row));
            Some((0..array.len()).map(text).collect())
        }
        DataType::Boolean => {
            let values = array.as_boolean().iter();
            Some(values.map(|value| value.map(|value| value.to_string())).collect())
        }
        DataType::Date32 => dates::<Date32Type>(array),
        DataType::Date64 => dates::<Date64Type>(array),
        DataType::Timestamp(unit, zone) => match unit {
            TimeUnit::Second => timestamps::<TimestampSecondType>(array, zone.is_some()),
            TimeUnit::Millisecond => timestamps::<TimestampMillisecondType>(array, zone.is_some()),
            TimeUnit::Microsecond => timestamps::<TimestampMicrosecondType>(array, zone.is_some()),
            TimeUnit::Nanosecond => timestamps::<TimestampNanosecondType>(array, zone.is_some()),
        },
        DataType::Binary => utf8(array.as_binary::<i32>().iter()),
        DataType::LargeBinary => utf8(array.as_binary::<i64>().iter()),
        DataType::BinaryView => utf8(array.as_binary_view().iter()),
        DataType::Dictionary(_, _) => of_dictionary(array, plain_texts),
        _ => texts(array),
    )
}

fn shown<T: ArrowPrimitiveType<Native: Debug>>(array: &dyn Array) -> Vec<Option<String>> {
    let values = array.as_primitive::<T>().iter();
    values
        .map(|value| value.map(|value| format!("{value:?}")))
        .collect()
}

fn utf8<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Option<Vec<Option<String>>> {
    let text = |bytes: Option<&[u8]>| match bytes {
        None => Some(None),
        Some(bytes) => std::str::from_utf8(bytes)
            .ok()
            .map(|text| Some(text.to_owned())),
    };
    values.map(text).collect()
}

fn dates<T>(array: &dyn Array) -> Option<Vec<Option<String>>>
where
    T: ArrowTemporalType,
    i64: From<T::Native>,
{
    let dates = array.as_primitive::<T>();
    (0..array.len())
        .map(|row| match dates.is_valid(row) {
            false => Some(None),
            true => dates
                .value_as_date(row)
                .map(|date| Some(format!("{date:?}"))),
        })
        .collect()
}

/// `None` where one lies beyond the calendar.
fn timestamps<T: ArrowTimestampType>(
    array: &dyn Array,
    zoned: bool,
) -> Option<Vec<Option<String>>> {
    let zone = if zoned { "Z" } else { "" };
    let text = |at: Option<i64>| match at {
        None => Some(None),
        Some(at) => as_datetime::<T>(at).map(|at| Some(format!("{at:?}{zone}"))),
    };
    array.as_primitive::<T>().iter().map(text).collect()
}

/// The values of a dictionary's rows, where `read` reads those it names.
fn of_dictionary(
    array: &dyn Array,
    read: fn(&dyn Array) -> Option<Vec<Option<String>>>,
) -> Option<Vec<Option<String>>> {
    let dictionary = array.as_any_dictionary();
    let values = read(dictionary.values().as_ref())?;
    let keys = numbers(dictionary.keys(), Number::whole::<usize>)?;
    let value = |key: Option<usize>| key.and_then(|key| values.get(key).cloned().flatten());
    Some(keys.into_iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int8Type;
    use arrow_array::{
        BinaryArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int8Array, LargeStringArray, ListArray, NullArray, StringViewArray,
        TimestampMillisecondArray, TimestampSecondArray, UInt64Array,
    };

    fn text(array: &dyn Array) -> Option<Vec<Option<String>>> {
        let texts = text_of(array)?;
        Some(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn numbers_are_what_they_were_or_refused() {
        let of = |array: &dyn Array| numbers(array, Number::whole::<u32>);
        assert_eq!(
            of(&Int8Array::from(vec![Some(7), None])),
            Some(vec![Some(7), None])
        );
        assert_eq!(of(&Float32Array::from(vec![3.0])), Some(vec![Some(3)]));
        assert_eq!(of(&NullArray::new(2)), Some(vec![None, None]));
        assert_eq!(of(&Int8Array::from(vec![7, -1])), None);
        assert_eq!(of(&UInt64Array::from(vec![1 << 32])), None);
        for float in [0.5, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(of(&Float64Array::from(vec![float])), None, "{float}");
        }
        assert_eq!(of(&StringArray::from(vec!["7"])), None);

        let exact = |array: &dyn Array| numbers(array, Number::exact);
        assert_eq!(exact(&Float32Array::from(vec![0.5])), Some(vec![Some(0.5)]));
        assert_eq!(
            exact(&UInt64Array::from(vec![1 << 60])),
            Some(vec![Some((1_u64 << 60) as f64)])
        );
        assert_eq!(
            exact(&UInt64Array::from(vec![(1 << 60) + 1])),
            None,
            "rounded"
        );
        let not = exact(&Float32Array::from(vec![f32::NAN])).unwrap()[0];
        assert!(not.is_some_and(f64::is_nan));
    }

    #[test]
    fn instants_of_any_unit_are_nanoseconds() {
        let seconds = TimestampSecondArray::from(vec![Some(2), None]).with_timezone("Europe/Oslo");
        assert_eq!(instants(&seconds), Some(vec![Some(2_000_000_000), None]));
        assert_eq!(instants(&TimestampSecondArray::from(vec![i64::MAX])), None);
        assert_eq!(instants(&UInt64Array::from(vec![2])), None);
    }

    #[test]
    fn any_plain_value_has_a_text() {
        let dictionary: DictionaryArray<Int8Type> =
            vec![Some("a"), None, Some("a")].into_iter().collect();
        let at = TimestampMillisecondArray::from(vec![Some(1_500), None]);
        let zoned =
            TimestampMillisecondArray::from(vec![Some(1_500), None]).with_timezone("Europe/Oslo");
        let decimal = Decimal128Array::from(vec![-1250])
            .with_precision_and_scale(10, 2)
            .unwrap();
        for (array, expected) in [
            (
                &Int8Array::from(vec![Some(-7), None]) as &dyn Array,
                &[some("-7"), None][..],
            ),
            (
                &Float64Array::from(vec![2.0, 0.25]),
                &[some("2.0"), some("0.25")],
            ),
            (&decimal, &[some("-12.50")]),
            (&LargeStringArray::from(vec!["a"]), &[some("a")]),
            (&StringViewArray::from(vec!["a"]), &[some("a")]),
            (&BinaryArray::from(vec!["ä".as_bytes()]), &[some("ä")]),
            (&dictionary, &[some("a"), None, some("a")]),
            (&Date32Array::from(vec![1]), &[some("1970-01-02")]),
            (&at, &[some("1970-01-01T00:00:01.500"), None]),
            (&zoned, &[some("1970-01-01T00:00:01.500Z"), None]),
            (&NullArray::new(1), &[None]),
        ] {
            assert_eq!(
                text(array).as_deref(),
                Some(expected),
                "{:?}",
                array.data_type()
            );
        }
        assert_eq!(text(&BinaryArray::from(vec![&[0xff_u8][..]])), None);
        assert_eq!(text(&TimestampSecondArray::from(vec![i64::MAX])), None);
        let lists = ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>([Some(
            [Some(1)],
        )]);
        assert_eq!(text(&lists), None);
    }
}
