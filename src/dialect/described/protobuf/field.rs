//! Where a pointer leads in messages of a type, and how what is there is read.

use std::borrow::Cow;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::wire::Value;
use crate::dialect::described::found::Found;
use crate::dialect::described::pointer::index;
use crate::units::spelling::unknown;

/// Where a pointer leads.
#[derive(Debug, Clone)]
pub(in crate::dialect::described) struct Path {
    /// Numbers of fields, and of an element where there are several.
    pub(in crate::dialect::described) steps: Vec<(u32, Option<usize>)>,
    pub(super) leaf: Leaf,
    /// What it leads to.
    pub(in crate::dialect::described) field: FieldDescriptor,
}

impl Path {
    /// Whether it leads to a list and to none of its elements.
    pub(in crate::dialect::described) fn is_whole_list(&self) -> bool {
        let last = self.steps.last();
        self.field.is_list() && last.is_some_and(|(_, element)| element.is_none())
    }
}

/// How what is at the end of a path is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    kind: LeafKind,
    /// What is not on the wire has its default.
    has_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeafKind {
    Text,
    Bytes,
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Message,
    /// A list as a whole; of numbers, several may stand in one value.
    List {
        is_packable: bool,
    },
}

/// Where the pointer of these names leads in messages of this type.
///
/// # Errors
/// A field that there is not, and what cannot be pointed at.
pub(in crate::dialect::described) fn path(
    of: &MessageDescriptor,
    names: &[String],
) -> Result<Path, String> {
    let mut message = of.clone();
    let mut steps = Vec::new();
    let mut names = names.iter();
    loop {
        let name = names.next().map_or("", String::as_str);
        let field = field(&message, name)?;
        let mut element = None;
        if field.is_list() {
            element = match names.next() {
                None => None,
                Some(number) => Some(index(number).ok_or_else(|| {
                    format!("`{name}` is a list: say which element, as in {name}/0")
                })?),
            };
        }
        steps.push((field.number(), element));
        let is_whole_list = field.is_list() && element.is_none();
        if names.len() == 0 {
            let kind = match is_whole_list {
                true => LeafKind::List {
                    is_packable: is_number(&field.kind()),
                },
                false => leaf_kind(&field.kind()),
            };
            if element.is_some() && is_number(&field.kind()) {
                return Err(format!("`{name}` is a list of numbers, which are not read"));
            }
            let has_default = !field.is_list() && !field.supports_presence();
            let leaf = Leaf { kind, has_default };
            return Ok(Path { steps, leaf, field });
        }
        message = match field.kind() {
            Kind::Message(message) => message,
            _ => return Err(format!("`{name}` is no message: it has no fields")),
        };
    }
}

fn field(message: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, String> {
    let field = message.get_field_by_name(name).ok_or_else(|| {
        let fields: Vec<_> = message.fields().collect();
        let known = fields.iter().map(FieldDescriptor::name);
        unknown(&format!("field of {}", message.full_name()), name, known)
    })?;
    match field.is_map() || field.is_group() {
        true => Err(format!("`{name}` is a map or a group, which are not read")),
        false => Ok(field),
    }
}

fn is_number(kind: &Kind) -> bool {
    !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_))
}

fn leaf_kind(kind: &Kind) -> LeafKind {
    match kind {
        Kind::String => LeafKind::Text,
        Kind::Bytes => LeafKind::Bytes,
        Kind::Bool => LeafKind::Bool,
        Kind::Int32 | Kind::Enum(_) => LeafKind::Int32,
        Kind::Int64 => LeafKind::Int64,
        Kind::Uint32 => LeafKind::Uint32,
        Kind::Uint64 => LeafKind::Uint64,
        Kind::Sint32 => LeafKind::Sint32,
        Kind::Sint64 => LeafKind::Sint64,
        Kind::Fixed32 => LeafKind::Fixed32,
        Kind::Fixed64 => LeafKind::Fixed64,
        Kind::Sfixed32 => LeafKind::Sfixed32,
        Kind::Sfixed64 => LeafKind::Sfixed64,
        Kind::Float => LeafKind::Float,
        Kind::Double => LeafKind::Double,
        Kind::Message(_) => LeafKind::Message,
    }
}

impl Leaf {
    /// What stands for a value that is not on the wire.
    pub(super) fn default<'a>(self) -> Found<'a> {
        if !self.has_default {
            return Found::Missing;
        }
        match self.kind {
            LeafKind::Text => Found::Text(Cow::Borrowed("")),
            LeafKind::Bytes => Found::Bytes(&[]),
            LeafKind::Bool => Found::Bool(false),
            LeafKind::Float | LeafKind::Double => Found::Fraction(0.0),
            LeafKind::Message | LeafKind::List { .. } => Found::Missing,
            _ => Found::Whole(0),
        }
    }

    /// What a value on the wire is; `None` if it is not of the field's type, `Some(None)` if nothing is in it.
    pub(super) fn found(self, value: Value<'_>) -> Option<Option<Found<'_>>> {
        use LeafKind as Is;
        Some(Some(match (self.kind, value) {
            (Is::Text, Value::Bytes(bytes)) => {
                Found::Text(Cow::Borrowed(std::str::from_utf8(bytes).ok()?))
            }
            (Is::Bytes, Value::Bytes(bytes)) => Found::Bytes(bytes),
            (Is::Message, Value::Bytes(bytes)) => Found::Several {
                is_empty: bytes.is_empty(),
            },
            (Is::List { is_packable: true }, Value::Bytes([])) => return Some(None),
            (Is::List { .. }, _) => Found::Several { is_empty: false },
            (Is::Bool, Value::Varint(number)) => Found::Bool(number != 0),
            (Is::Int32, Value::Varint(number)) => Found::Whole(i64::from(number as i32)),
            (Is::Uint32, Value::Varint(number)) => Found::Whole(i64::from(number as u32)),
            (Is::Int64, Value::Varint(number)) => Found::Whole(number as i64),
            (Is::Uint64, Value::Varint(number)) => unsigned(number),
            (Is::Sint32, Value::Varint(number)) => Found::Whole(zigzag(u64::from(number as u32))),
            (Is::Sint64, Value::Varint(number)) => Found::Whole(zigzag(number)),
            (Is::Fixed32, Value::Fixed32(number)) => Found::Whole(i64::from(number)),
            (Is::Sfixed32, Value::Fixed32(number)) => Found::Whole(i64::from(number.cast_signed())),
            (Is::Fixed64, Value::Fixed64(number)) => unsigned(number),
            (Is::Sfixed64, Value::Fixed64(number)) => Found::Whole(number.cast_signed()),
            (Is::Float, Value::Fixed32(bits)) => Found::Fraction(f64::from(f32::from_bits(bits))),
            (Is::Double, Value::Fixed64(bits)) => Found::Fraction(f64::from_bits(bits)),
            _ => return None,
        }))
    }
}

fn unsigned<'a>(number: u64) -> Found<'a> {
    let whole = i64::try_from(number).map(Found::Whole);
    whole.unwrap_or(Found::Fraction(number as f64))
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
