//! What a description reads of replies: pointers, each checked when it is first met, and all found in one pass.

use prost_reflect::{Kind, MessageDescriptor};

use super::found::{Condition, Found, Scalar};
use super::{json, pointer, protobuf};
use crate::units::spelling::unknown;

const NO_JSON: &str = "the server sent a message that is not JSON";
const NO_PROTOBUF: &str = "the server sent a message that is not protobuf";

/// Finds what pointers name in replies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reader {
    pointers: Vec<String>,
    format: Format,
}

#[derive(Debug, Clone, PartialEq)]
enum Format {
    Json(json::Place),
    Protobuf(MessageDescriptor, protobuf::Place),
}

/// What a pointer is to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Text,
    Flag,
    /// Audio: bytes, or base64 in JSON.
    Audio,
}

impl Reader {
    /// One of JSON.
    pub(super) fn json() -> Reader {
        Reader {
            pointers: Vec::new(),
            format: Format::Json(json::Place::default()),
        }
    }

    /// One of messages of this type.
    pub(super) fn protobuf(of: MessageDescriptor) -> Reader {
        Reader {
            pointers: Vec::new(),
            format: Format::Protobuf(of, protobuf::Place::default()),
        }
    }

    /// Whether replies are JSON.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.format, Format::Json(_))
    }

    /// The type of replies, where they are protobuf.
    pub(super) fn message_type(&self) -> Option<&MessageDescriptor> {
        match &self.format {
            Format::Json(_) => None,
            Format::Protobuf(of, _) => Some(of),
        }
    }

    /// The number of a pointer that leads to something of this kind.
    ///
    /// # Errors
    /// It leads nowhere, or to something else.
    pub(super) fn want(&mut self, pointer: &str, wanted: Wanted) -> Result<usize, String> {
        if let Some(path) = self.path(pointer)? {
            let kind = path.field.kind();
            let (is_it, what) = match wanted {
                Wanted::Text => (kind == Kind::String, "text"),
                Wanted::Flag => (kind == Kind::Bool, "true or false"),
                Wanted::Audio => (kind == Kind::Bytes, "bytes"),
            };
            if !is_it || path.is_whole_list() {
                return Err(format!("`{pointer}` is not {what} but {}", said(&path)));
            }
        }
        self.slot(pointer)
    }

    /// The number of a pointer, and what is asked of what it leads to, as the wire has that.
    ///
    /// # Errors
    /// It leads nowhere, or to something of which that cannot be asked.
    pub(super) fn ask(
        &mut self,
        pointer: &str,
        condition: Condition,
    ) -> Result<(usize, Condition), String> {
        let condition = match self.path(pointer)? {
            Some(path) => on_the_wire(pointer, &path, condition)?,
            None => condition,
        };
        Ok((self.slot(pointer)?, condition))
    }

    /// The numbers of the field of bytes that a pointer leads to, and of the messages around it.
    ///
    /// # Errors
    /// It leads nowhere, to something else, or into a list.
    pub(super) fn fields_of_bytes(&mut self, pointer: &str) -> Result<Vec<u32>, String> {
        self.want(pointer, Wanted::Audio)?;
        let steps = self
            .path(pointer)?
            .map(|path| path.steps)
            .unwrap_or_default();
        match steps.iter().any(|(_, element)| element.is_some()) {
            true => Err(format!("`{pointer}` leads into a list")),
            false => Ok(steps.into_iter().map(|(number, _)| number).collect()),
        }
    }

    fn path(&self, pointer: &str) -> Result<Option<protobuf::Path>, String> {
        let names = pointer::names(pointer)?;
        match &self.format {
            Format::Json(_) => Ok(None),
            Format::Protobuf(of, _) => protobuf::path(of, &names).map(Some),
        }
    }

    fn slot(&mut self, pointer: &str) -> Result<usize, String> {
        let mut known = self.pointers.iter();
        if let Some(slot) = known.position(|known| known == pointer) {
            return Ok(slot);
        }
        let slot = self.pointers.len();
        let names = pointer::names(pointer)?;
        match &mut self.format {
            Format::Json(place) => place.want(&names, slot),
            Format::Protobuf(of, place) => place.want(&protobuf::path(of, &names)?, slot)?,
        }
        self.pointers.push(pointer.to_owned());
        Ok(slot)
    }

    /// The names of the pointer of this number.
    pub(super) fn names(&self, slot: usize) -> Option<Vec<String>> {
        pointer::names(self.pointers.get(slot)?).ok()
    }

    /// What each pointer finds in a message, by its number.
    ///
    /// # Errors
    /// The message is none.
    pub(super) fn read<'a>(&self, message: &'a [u8]) -> Result<Vec<Found<'a>>, &'static str> {
        let mut slots = vec![Found::Missing; self.pointers.len()];
        match &self.format {
            Format::Json(place) if place.find(message, &mut slots) => Ok(slots),
            Format::Protobuf(_, place) if place.find(message, &mut slots) => Ok(slots),
            Format::Json(_) => Err(NO_JSON),
            Format::Protobuf(..) => Err(NO_PROTOBUF),
        }
    }
}

/// What is asked, as the wire has it: a value of an enum is its number.
fn on_the_wire(
    pointer: &str,
    path: &protobuf::Path,
    condition: Condition,
) -> Result<Condition, String> {
    let kind = path.field.kind();
    let scalar = match condition {
        Condition::IsPresent(_) if !path.field.is_list() && !path.field.supports_presence() => {
            return Err(format!(
                "whether `{pointer}` is there cannot be seen on the wire; ask whether it is empty, or what it is"
            ));
        }
        Condition::IsEmpty(_)
            if !path.is_whole_list()
                && !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_)) =>
        {
            return Err(format!(
                "`{pointer}` is {}, which is never empty; ask what it is",
                said(path)
            ));
        }
        Condition::Is(scalar) => scalar,
        other => return Ok(other),
    };
    let refused = || Err(format!("`{pointer}` is {}", said(path)));
    if path.is_whole_list() {
        return refused();
    }
    let scalar = match (kind, scalar) {
        (Kind::Enum(of), Scalar::Text(name)) => {
            let values: Vec<_> = of.values().collect();
            let known = values.iter().map(prost_reflect::EnumValueDescriptor::name);
            let value = of.get_value_by_name(&name);
            let value = value
                .ok_or_else(|| unknown(&format!("value of {}", of.full_name()), &name, known))?;
            Scalar::Whole(i64::from(value.number()))
        }
        (Kind::String, Scalar::Text(text)) => Scalar::Text(text),
        (Kind::Bool, Scalar::Bool(is)) => Scalar::Bool(is),
        (Kind::String | Kind::Bool | Kind::Bytes | Kind::Message(_), _)
        | (_, Scalar::Text(_) | Scalar::Bool(_)) => return refused(),
        (_, number) => number,
    };
    Ok(Condition::Is(scalar))
}

/// What a path leads to, in words.
fn said(path: &protobuf::Path) -> String {
    match path.is_whole_list() {
        true => "a list".to_owned(),
        false => format!("of type {:?}", path.field.kind()),
    }
}
