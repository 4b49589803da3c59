//! What is found on the wire is what a message holds that was decoded.

use std::rc::Rc;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value};

use super::{Place, compile, method, path};
use crate::dialect::described::found::Found;
use crate::dialect::described::pointer::names;

const PROTO: &str = r#"
syntax = "proto3";
package t;
service S { rpc M(stream All) returns (stream All); }
enum Color { NONE = 0; RED = 1; BLUE = -2; }
message All {
  string text = 1;
  bytes bytes = 2;
  bool flag = 3;
  int32 i32 = 4;
  int64 i64 = 5;
  uint32 u32 = 6;
  uint64 u64 = 7;
  sint32 s32 = 8;
  sint64 s64 = 9;
  fixed32 f32 = 10;
  fixed64 f64 = 11;
  sfixed32 sf32 = 12;
  sfixed64 sf64 = 13;
  float single = 14;
  double twice = 15;
  Color color = 16;
  All inner = 17;
  repeated All many = 18;
  repeated string texts = 19;
  repeated int32 numbers = 20;
  optional int32 maybe = 21;
  oneof one { string a = 22; All b = 23; }
  repeated string empties = 1000;
}
"#;

const POINTERS: &[&str] = &[
    "/text",
    "/bytes",
    "/flag",
    "/i32",
    "/i64",
    "/u32",
    "/u64",
    "/s32",
    "/s64",
    "/f32",
    "/f64",
    "/sf32",
    "/sf64",
    "/single",
    "/twice",
    "/color",
    "/inner",
    "/inner/text",
    "/inner/many/1/i32",
    "/many",
    "/many/0/flag",
    "/many/1/texts/1",
    "/many/2",
    "/texts",
    "/texts/0",
    "/texts/2",
    "/numbers",
    "/maybe",
    "/a",
    "/b",
    "/b/u64",
    "/b/maybe",
    "/empties",
    "/empties/1",
];

fn all() -> MessageDescriptor {
    let read = Rc::new(|_: &str| Ok(PROTO.to_owned()));
    method(&compile("t.proto", &(read as _)).unwrap(), "t.S/M")
        .unwrap()
        .input
}

fn find<'a>(of: &MessageDescriptor, message: &'a [u8]) -> Option<Vec<Found<'a>>> {
    let mut place = Place::default();
    for (slot, pointer) in POINTERS.iter().enumerate() {
        let path = path(of, &names(pointer).unwrap()).unwrap();
        place.want(&path, slot).unwrap();
    }
    let mut slots = vec![Found::Missing; POINTERS.len()];
    place.find(message, &mut slots).then_some(slots)
}

/// What a pointer finds in a message that was decoded.
fn expected(message: &DynamicMessage, pointer: &str) -> Found<'static> {
    let names = names(pointer).unwrap();
    let mut message = message.clone();
    let mut names = names.iter();
    loop {
        let field = message
            .descriptor()
            .get_field_by_name(names.next().unwrap())
            .unwrap();
        let is_there = message.has_field(&field);
        let mut value = message.get_field(&field).into_owned();
        if field.is_list() {
            let elements = value.as_list().unwrap().to_vec();
            value = match names.next() {
                None if elements.is_empty() => return Found::Missing,
                None => return Found::Several { is_empty: false },
                Some(number) => match elements.get(number.parse::<usize>().unwrap()) {
                    None => return Found::Missing,
                    Some(element) => element.clone(),
                },
            };
        } else if !is_there && field.supports_presence() {
            return Found::Missing;
        }
        if names.len() == 0 {
            return of(&value);
        }
        message = value.as_message().unwrap().clone();
    }
}

fn of(value: &Value) -> Found<'static> {
    let unsigned =
        |number: u64| i64::try_from(number).map_or(Found::Fraction(number as f64), Found::Whole);
    match value {
        Value::Bool(is) => Found::Bool(*is),
        Value::I32(number) | Value::EnumNumber(number) => Found::Whole(i64::from(*number)),
        Value::I64(number) => Found::Whole(*number),
        Value::U32(number) => Found::Whole(i64::from(*number)),
        Value::U64(number) => unsigned(*number),
        Value::F32(number) => Found::Fraction(f64::from(*number)),
        Value::F64(number) => Found::Fraction(*number),
        Value::String(text) => Found::Text(text.clone().into()),
        Value::Bytes(bytes) => Found::Bytes(bytes.to_vec().leak()),
        Value::Message(message) => Found::Several {
            is_empty: message.encoded_len() == 0,
        },
        Value::List(_) | Value::Map(_) => unreachable!("it is looked into"),
    }
}

/// A message with some of its fields, and messages in it.
fn messages(of: MessageDescriptor, depth: usize) -> BoxedStrategy<DynamicMessage> {
    let fields: Vec<_> = of.fields().collect();
    let value = prop::collection::vec((any::<u64>(), "[a-c]{0,2}"), fields.len() + 6);
    let inner = match depth {
        0 => Just(Vec::new()).boxed(),
        _ => prop::collection::vec(messages(of.clone(), depth - 1), 0..4).boxed(),
    };
    (value, inner)
        .prop_map(move |(values, inner)| {
            let mut message = DynamicMessage::new(of.clone());
            for (number, field) in fields.iter().enumerate() {
                let (bits, text) = &values[number];
                if bits % 3 == 0 {
                    continue;
                }
                let one = |place: usize| {
                    let (bits, text) = &values[number + place];
                    use prost_reflect::Kind;
                    Some(match field.kind() {
                        Kind::String => Value::String(text.clone()),
                        Kind::Bytes => Value::Bytes(text.clone().into()),
                        Kind::Bool => Value::Bool(bits % 2 == 0),
                        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(*bits as i32),
                        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(*bits as i64),
                        Kind::Uint32 | Kind::Fixed32 => Value::U32(*bits as u32),
                        Kind::Uint64 | Kind::Fixed64 => Value::U64(*bits),
                        Kind::Float => Value::F32(*bits as f32),
                        Kind::Double => Value::F64(*bits as f64),
                        Kind::Enum(_) => Value::EnumNumber([0, 1, -2, 77][(bits % 4) as usize]),
                        Kind::Message(_) => {
                            Value::Message(inner.get((number + place) % 4)?.clone())
                        }
                    })
                };
                let value = match field.is_list() {
                    true => Some(Value::List((0..text.len() + 1).filter_map(one).collect())),
                    false => one(0),
                };
                if let Some(value) = value {
                    message.set_field(field, value);
                }
            }
            message
        })
        .boxed()
}

proptest! {
    #[test]
    fn the_wire_says_what_the_message_holds(message in messages(all(), 2)) {
        let bytes = message.encode_to_vec();
        let found = find(&message.descriptor(), &bytes).unwrap();
        for (pointer, found) in POINTERS.iter().zip(found) {
            prop_assert_eq!(found, expected(&message, pointer), "{}", pointer);
        }
    }

    #[test]
    fn damaged_messages_are_refused_or_read(message in messages(all(), 1), at: usize, byte: u8, cut: usize) {
        let mut bytes = message.encode_to_vec();
        if !bytes.is_empty() {
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut % bytes.len());
        }
        let is_whole = DynamicMessage::decode(message.descriptor(), bytes.as_slice()).is_ok();
        // What is passed over is not read.
        prop_assert!(!is_whole || find(&message.descriptor(), &bytes).is_some());
    }

    #[test]
    fn any_bytes_are_a_message_or_not(bytes: Vec<u8>) {
        let is_whole = DynamicMessage::decode(all(), bytes.as_slice()).is_ok();
        prop_assert!(!is_whole || find(&all(), &bytes).is_some());
    }
}

#[test]
fn groups_are_passed_over_without_a_stack() {
    let group = |times: usize| [vec![0x0b; times], vec![0x0c; times], vec![0x1a, 0]].concat();
    let of = all();
    assert!(find(&of, &[0x0b; 100_000]).is_none());
    assert!(find(&of, &[vec![0xf3, 1], vec![0xf4, 1]].concat()).is_some());
    assert!(find(&of, &group(1_000)).is_none());
    assert!(find(&of, &[0x0c]).is_none(), "it ends and has not begun");
}

#[test]
fn what_cannot_be_pointed_at_is_said() {
    let of = all();
    let said = |pointer: &str| path(&of, &names(pointer).unwrap()).unwrap_err();
    assert_eq!(
        said("/txt"),
        "there is no field of t.All `txt`; is `text` meant?"
    );
    assert_eq!(
        said("/numbers/0"),
        "`numbers` is a list of numbers, which are not read"
    );
    assert_eq!(
        said("/many/text"),
        "`many` is a list: say which element, as in many/0"
    );
    assert_eq!(said("/text/a"), "`text` is no message: it has no fields");
}
