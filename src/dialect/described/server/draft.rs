//! A message that is to be understood by a rule, while it is made: values where pointers lead, as JSON, which of protobuf
//! is the JSON that it maps to.

use prost_reflect::Kind;
use serde_json::{Map, Value, json};

use crate::dialect::described::found::Scalar;
use crate::dialect::described::pointer::index;
use crate::dialect::described::protobuf;
use crate::dialect::described::reader::Reader;

/// Most elements of a list.
const MOST_ELEMENTS: usize = 64;

/// A message that is being made.
pub(super) struct Draft<'r> {
    reader: &'r Reader,
    root: Value,
}

impl Draft<'_> {
    /// One with nothing in it, for messages that `reader` reads.
    pub(super) fn new(reader: &Reader) -> Draft<'_> {
        Draft {
            reader,
            root: Value::Object(Map::new()),
        }
    }

    /// Puts a value where the pointer of this number leads; `None` if something else stands there or around it.
    pub(super) fn put(&mut self, slot: usize, value: Value) -> Option<()> {
        let place = place(&mut self.root, &self.reader.names(slot)?)?;
        match place {
            Value::Null => *place = value,
            there if *there == value => {}
            _ => return None,
        }
        Some(())
    }

    /// Puts anything where the pointer of this number leads, if nothing stands there.
    pub(super) fn put_something(&mut self, slot: usize) -> Option<()> {
        let names = self.reader.names(slot)?;
        let something = match self.reader.message_type() {
            None => Value::from("-"),
            Some(of) => {
                let path = protobuf::path(of, &names).ok()?;
                let one = something(&path.field.kind());
                match path.is_whole_list() {
                    true => Value::Array(vec![one]),
                    false => one,
                }
            }
        };
        let place = place(&mut self.root, &names)?;
        if place.is_null() {
            *place = something;
        }
        Some(())
    }

    /// The message.
    pub(super) fn finish(mut self) -> String {
        fill_gaps(&mut self.root);
        self.root.to_string()
    }
}

/// The value that a description names; `None` of one that JSON does not have.
pub(super) fn value(scalar: &Scalar) -> Option<Value> {
    match scalar {
        Scalar::Text(text) => Some(text.as_str().into()),
        Scalar::Bool(is) => Some((*is).into()),
        Scalar::Whole(number) => Some((*number).into()),
        Scalar::Fraction(number) => serde_json::Number::from_f64(*number).map(Value::Number),
    }
}

/// What stands at the end of `names`, which is made where it is not there.
fn place<'v>(root: &'v mut Value, names: &[String]) -> Option<&'v mut Value> {
    let mut here = root;
    for name in names {
        if here.is_null() {
            *here = match index(name) {
                Some(_) => Value::Array(Vec::new()),
                None => Value::Object(Map::new()),
            };
        }
        here = match here {
            Value::Object(fields) => fields.entry(name).or_insert(Value::Null),
            Value::Array(list) => {
                let at = index(name).filter(|at| *at < MOST_ELEMENTS)?;
                list.resize(list.len().max(at + 1), Value::Null);
                list.get_mut(at)?
            }
            _ => return None,
        };
    }
    Some(here)
}

/// Elements that nothing was put into are empty: in protobuf none can be missing.
fn fill_gaps(value: &mut Value) {
    match value {
        Value::Array(list) => {
            for element in list {
                match element {
                    Value::Null => *element = json!({}),
                    element => fill_gaps(element),
                }
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(fill_gaps),
        _ => {}
    }
}

/// A value of this kind that is neither missing nor empty, as far as one is simple.
fn something(kind: &Kind) -> Value {
    match kind {
        Kind::String => "-".into(),
        Kind::Bytes => "AA==".into(),
        Kind::Bool => true.into(),
        Kind::Message(of) => {
            let is_plain = |field: &prost_reflect::FieldDescriptor| {
                !field.is_list() && !matches!(field.kind(), Kind::Message(_))
            };
            let plain = of.fields().find(is_plain);
            match plain {
                Some(field) => json!({ field.name(): something(&field.kind()) }),
                None => json!({}),
            }
        }
        _ => 1.into(),
    }
}
