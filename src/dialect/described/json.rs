//! Finds what pointers name in a message of JSON in one pass. Nothing else of it is kept, and nothing that it holds
//! is followed deeper than the pointers go.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::found::Found;
use super::pointer::index;

/// A place in messages: what is wanted of it, and of what it holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    /// Where what is found there is put.
    slot: Option<usize>,
    below: Vec<(String, Place)>,
}

impl Place {
    /// Wants what is at the end of `names`, to be put in `slot`.
    pub(super) fn want(&mut self, names: &[String], slot: usize) {
        let Some((name, rest)) = names.split_first() else {
            self.slot = Some(slot);
            return;
        };
        let known = self.below.iter().position(|(known, _)| known == name);
        let at = known.unwrap_or_else(|| {
            self.below.push((name.clone(), Place::default()));
            self.below.len() - 1
        });
        self.below[at].1.want(rest, slot);
    }

    /// Puts what is found in `message` into `slots`; what is not there stays as it is. Whether it is JSON.
    pub(super) fn find<'a>(&self, message: &'a [u8], slots: &mut [Found<'a>]) -> bool {
        let mut json = serde_json::Deserializer::from_slice(message);
        let found = Finding { place: self, slots }.deserialize(&mut json);
        found.is_ok() && json.end().is_ok()
    }

    /// Of what stands twice in an object the last counts.
    fn forget(&self, slots: &mut [Found<'_>]) {
        if let Some(found) = self.slot.and_then(|slot| slots.get_mut(slot)) {
            *found = Found::Missing;
        }
        self.below.iter().for_each(|(_, place)| place.forget(slots));
    }
}

struct Finding<'p, 's, 'a> {
    place: &'p Place,
    slots: &'s mut [Found<'a>],
}

impl<'a> Finding<'_, '_, 'a> {
    fn put(self, found: Found<'a>) {
        if let Some(slot) = self.place.slot.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = found;
        }
    }
}

impl<'a> DeserializeSeed<'a> for Finding<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Finding<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.put(Found::Text(text.into()));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.put(Found::Text(text.to_owned().into()));
        Ok(())
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<(), E> {
        self.put(Found::Bool(is));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.put(Found::Whole(number));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let whole = i64::try_from(number).map(Found::Whole);
        self.put(whole.unwrap_or(Found::Fraction(number as f64)));
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.put(Found::Fraction(number));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        while let Some(name) = map.next_key_seed(Name(&self.place.below))? {
            is_empty = false;
            let Some(place) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            place.forget(self.slots);
            let slots = &mut *self.slots;
            map.next_value_seed(Finding { place, slots })?;
        }
        self.put(Found::Several { is_empty });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let mut count = 0;
        loop {
            let mut below = self.place.below.iter();
            let place = below.find(|(name, _)| index(name) == Some(count));
            let is_there = match place {
                Some((_, place)) => {
                    let slots = &mut *self.slots;
                    list.next_element_seed(Finding { place, slots })?.is_some()
                }
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !is_there {
                break;
            }
            count += 1;
        }
        self.put(Found::Several {
            is_empty: count == 0,
        });
        Ok(())
    }
}

/// The place below that has the name which comes next.
struct Name<'p>(&'p [(String, Place)]);

impl<'p, 'a> DeserializeSeed<'a> for Name<'p> {
    type Value = Option<&'p Place>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for Name<'p> {
    type Value = Option<&'p Place>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let mut below = self.0.iter();
        Ok(below
            .find(|(known, _)| known == name)
            .map(|(_, place)| place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::dialect::described::pointer::names;

    const POINTERS: [&str; 6] = ["/a", "/a/b", "/a/0", "/0", "/b/1/a", "/"];

    fn find<'a>(message: &'a [u8]) -> Option<Vec<Found<'a>>> {
        let mut root = Place::default();
        for (slot, pointer) in POINTERS.into_iter().enumerate() {
            root.want(&names(pointer).unwrap(), slot);
        }
        let mut slots = vec![Found::Missing; POINTERS.len()];
        root.find(message, &mut slots).then_some(slots)
    }

    fn of(value: Option<&Value>) -> Found<'_> {
        match value {
            None | Some(Value::Null) => Found::Missing,
            Some(Value::String(text)) => Found::Text(text.into()),
            Some(Value::Bool(is)) => Found::Bool(*is),
            Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Found::Whole(number),
                (None, number) => Found::Fraction(number.unwrap()),
            },
            Some(Value::Array(list)) => Found::Several {
                is_empty: list.is_empty(),
            },
            Some(Value::Object(object)) => Found::Several {
                is_empty: object.is_empty(),
            },
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                proptest::collection::hash_map("[ab01]?", inner, 0..4)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_pointers_find_in_the_whole(value in values()) {
            let text = value.to_string();
            let expected: Vec<_> = POINTERS.iter().map(|pointer| of(value.pointer(pointer))).collect();
            prop_assert_eq!(find(text.as_bytes()).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_json_or_not(bytes: Vec<u8>, value in values(), at: usize, byte: u8) {
            let is_json = |bytes: &[u8]| serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
            prop_assert!(find(&bytes).is_none() || is_json(&bytes));
            let mut damaged = value.to_string().into_bytes();
            let at = at % damaged.len();
            damaged[at] = byte;
            // What is passed over is not looked at for what is no UTF-8.
            prop_assert!(find(&damaged).is_none() || is_json(&damaged));
        }
    }

    #[test]
    fn of_what_stands_twice_the_last_counts() {
        let found = find(br#"{"a":{"b":1},"a":[true]}"#).unwrap();
        assert_eq!(
            found[..3],
            [
                Found::Several { is_empty: false },
                Found::Missing,
                Found::Bool(true)
            ]
        );
    }

    #[test]
    fn depth_takes_no_stack() {
        let deep = |open: &str, times| format!("{{\"z\":{}", open.repeat(times));
        assert_eq!(find(deep("[", 1_000_000).as_bytes()), None);
        assert_eq!(find(deep("{\"a\":", 1_000_000).as_bytes()), None);
        let closed = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(find(format!("{{\"z\":{closed}}}").as_bytes()).is_some());
        assert_eq!(find("{\"a\":".repeat(100_000).as_bytes()), None);
    }
}
