//! A field of an event as a server that is not trusted writes it: what is of another type than expected is as
//! if it were missing, and memory is bounded by what was received.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Elements of a list that are kept: an element takes more memory than its text.
const MOST_ELEMENTS: usize = 64;
/// Numbers up to here are whole where they are written with a fraction or an exponent.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A field; `T` is what it is read as where it is an object.
#[derive(Debug, Default)]
pub(in crate::dialect) enum Field<'a, T = IgnoredAny> {
    /// It is not there, or of no use.
    #[default]
    Missing,
    Text(Cow<'a, str>),
    /// A number, rounded down.
    Whole(i64),
    Object(T),
    /// The first elements of a list.
    List(Vec<Field<'a, T>>),
}

impl<'a, T> Field<'a, T> {
    pub(in crate::dialect) fn text(&self) -> Option<&str> {
        match self {
            Field::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its text, if there is any in it.
    pub(in crate::dialect) fn words(&self) -> Option<&str> {
        self.text().filter(|text| !text.is_empty())
    }

    pub(in crate::dialect) fn whole(&self) -> Option<i64> {
        match self {
            Field::Whole(number) => Some(*number),
            _ => None,
        }
    }

    pub(in crate::dialect) fn object(&self) -> Option<&T> {
        match self {
            Field::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The objects of a list.
    pub(in crate::dialect) fn objects(&self) -> impl Iterator<Item = &T> {
        let elements = match self {
            Field::List(elements) => elements.as_slice(),
            _ => &[],
        };
        elements.iter().filter_map(Field::object)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Field<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field<'a, T>, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

struct AnyValue<'a, T>(PhantomData<Field<'a, T>>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for AnyValue<'a, T> {
    type Value = Field<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Field::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Field::Missing, Field::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        let is_exact = number.abs() <= EXACT;
        Ok(match is_exact {
            true => Field::Whole(number.floor() as i64),
            false => Field::Missing,
        })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Missing)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Field::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < MOST_ELEMENTS
            && let Some(element) = list.next_element()?
        {
            elements.push(element);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::List(elements))
    }
}
