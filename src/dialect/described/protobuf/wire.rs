//! Fields as protobuf has them on the wire: read one by one, and written where their bytes come from elsewhere.

/// Most groups that may stand in each other.
const MOST_GROUPS: usize = 64;
/// Wire types.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// A value on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// It is passed over.
    Group,
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

pub(super) fn tag(rest: &mut &[u8]) -> Option<(u32, u8)> {
    let tag = u32::try_from(varint(rest)?).ok()?;
    let number = tag >> 3;
    (number > 0).then_some((number, (tag & 7) as u8))
}

pub(super) fn value<'a>(rest: &mut &'a [u8], number: u32, wire: u8) -> Option<Value<'a>> {
    Some(match wire {
        VARINT => Value::Varint(varint(rest)?),
        FIXED64 => Value::Fixed64(u64::from_le_bytes(array(rest)?)),
        FIXED32 => Value::Fixed32(u32::from_le_bytes(array(rest)?)),
        LENGTH => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, later) = rest.split_at_checked(length)?;
            *rest = later;
            Value::Bytes(bytes)
        }
        GROUP => {
            pass_group(rest, number)?;
            Value::Group
        }
        _ => return None,
    })
}

/// Passes over a group, and those in it.
fn pass_group(rest: &mut &[u8], number: u32) -> Option<()> {
    let mut open = vec![number];
    while let Some(inner) = open.last() {
        let (number, wire) = tag(rest)?;
        match wire {
            GROUP if open.len() == MOST_GROUPS => return None,
            GROUP => open.push(number),
            GROUP_END if number == *inner => drop(open.pop()),
            _ => drop(value(rest, number, wire)?),
        }
    }
    Some(())
}

pub(super) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (place, byte) in rest.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth has one bit left.
        if place == 9 && bits > 1 {
            return None;
        }
        number |= bits << (7 * place);
        if byte & 0x80 == 0 {
            *rest = &rest[place + 1..];
            return Some(number);
        }
    }
    None
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, later) = rest.split_first_chunk()?;
    *rest = later;
    Some(*array)
}

/// What the field of these numbers holds, from without; of several the last. `None` if there is none.
pub(in crate::dialect::described) fn bytes_at<'m>(
    numbers: &[u32],
    message: &'m [u8],
) -> Option<&'m [u8]> {
    let mut inner = message;
    for wanted in numbers {
        let (mut rest, mut found) = (inner, None);
        while !rest.is_empty() {
            let (number, wire) = tag(&mut rest)?;
            let value = value(&mut rest, number, wire)?;
            if number == *wanted {
                found = value.bytes();
            }
        }
        inner = found?;
    }
    Some(inner)
}

/// Bytes that a field of so many bytes takes.
pub(in crate::dialect::described) fn put_field_bytes(number: u32, bytes: usize) -> usize {
    let tag = prost::encoding::key_len(number);
    tag + prost::length_delimiter_len(bytes)
}

/// Appends what comes before the bytes of a field.
pub(in crate::dialect::described) fn put_field(
    number: u32,
    bytes: usize,
    out: &mut bytes::BytesMut,
) {
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, out);
    prost::encoding::encode_varint(bytes as u64, out);
}
