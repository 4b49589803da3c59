//! What a description's messages look like to whoever receives them: their fixed parts, and where values of a session
//! stand.

use prost_reflect::MessageDescriptor;
use serde_json::Value;

use crate::dialect::described::framing::Framing;
use crate::dialect::described::message::Message;
use crate::dialect::described::protobuf;
use crate::dialect::described::setup::Described;
use crate::dialect::described::template::Values;
use crate::dialect::grpc::HEADER_BYTES;

/// Characters for private use that stand for values.
pub(super) const SESSION_ID: char = '\u{e000}';
pub(super) const SAMPLE_RATE: char = '\u{e001}';
pub(super) const TEXT: char = '\u{e002}';
pub(super) const AUDIO: char = '\u{e003}';
const OTHER: char = '\u{e004}';

/// Stands for the rate where only a number may be: one that fits into 32 bits, and is whole in all floats.
const RATE: u32 = 2_147_483_520;

/// The most text of a message that is read as JSON.
const MOST_JSON_BYTES: usize = 1 << 20;

/// What messages of clients look like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shapes {
    pub(super) open: Vec<Shape>,
    pub(super) end_of_utterance: Vec<Shape>,
    pub(super) end_of_input: Vec<Shape>,
    pub(super) keep_alive: Option<Shape>,
    pub(super) typed: Option<Shape>,
    pub(super) audio: Audio,
    /// The type of messages, where they are protobuf.
    of: Option<MessageDescriptor>,
}

/// Where a client's audio is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Audio {
    /// It is a binary message.
    Binary,
    /// In base64 in a text.
    In(Shape),
    /// In the field of this number, in the messages of those before it.
    Field(Vec<u32>),
}

/// A message: JSON, or any text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Json(Value),
    Text(String),
}

/// A message that came.
pub(super) struct Came<'t> {
    text: &'t str,
    json: Option<Value>,
}

/// Values that a message has, by what stands for them.
pub(super) type Read = Vec<(char, String)>;

impl Shapes {
    pub(super) fn of(described: &Described) -> Shapes {
        let values = Values {
            session_id: SESSION_ID.to_string(),
            language: OTHER.to_string(),
            sample_rate: RATE,
            vars: vec![OTHER.to_string(); described.vars.len()],
            text: TEXT.to_string(),
        };
        let of = described.open.iter();
        let of = of
            .chain(&described.end_of_input)
            .chain(&described.end_of_utterance);
        let of = of.chain(&described.text);
        let of = of.chain(described.keep_alive.as_ref().map(|it| &it.message));
        let of = of.filter_map(Message::message_type).next().cloned();
        let one = |message: &Message| Shape::of(&message.filled(&values), of.as_ref());
        let all = |messages: &[Message]| messages.iter().map(one).collect();
        let around = |head: &str, tail: &str| Shape::of(&format!("{head}{AUDIO}{tail}"), None);
        Shapes {
            open: all(&described.open),
            end_of_utterance: all(&described.end_of_utterance),
            end_of_input: all(&described.end_of_input),
            keep_alive: described.keep_alive.as_ref().map(|it| one(&it.message)),
            typed: described.text.as_ref().map(one),
            audio: match &described.framing {
                Framing::Binary => Audio::Binary,
                Framing::Shared { head, tail } => Audio::In(around(head, tail)),
                Framing::Enveloped { head, tail } => {
                    Audio::In(around(&head.fill(&values), &tail.fill(&values)))
                }
                Framing::Field(numbers) => Audio::Field(numbers.clone()),
            },
            of,
        }
    }

    /// A text that came; `None` if it is JSON that is too long to be read.
    pub(super) fn text<'t>(&self, text: &'t str) -> Option<Came<'t>> {
        let is_json = text.trim_start().starts_with(['{', '[']);
        if is_json && text.len() > MOST_JSON_BYTES {
            return None;
        }
        let json = is_json.then(|| serde_json::from_str(text).ok()).flatten();
        Some(Came { text, json })
    }

    /// A message of gRPC that came; `None` if it is too long to be read.
    pub(super) fn protobuf(&self, message: &[u8]) -> Option<Came<'static>> {
        if message.len() > MOST_JSON_BYTES {
            return None;
        }
        let of = self.of.as_ref();
        Some(Came {
            text: "",
            json: of.and_then(|of| protobuf::decode(of, message)),
        })
    }
}

impl Shape {
    fn of(filled: &str, of: Option<&MessageDescriptor>) -> Shape {
        let json = match of {
            Some(of) => protobuf::encode(of, filled)
                .ok()
                .and_then(|framed| protobuf::decode(of, &framed[HEADER_BYTES..])),
            None if filled.trim_start().starts_with(['{', '[']) => {
                serde_json::from_str(filled).ok()
            }
            None => None,
        };
        match json {
            Some(json) => Shape::Json(json),
            None => Shape::Text(filled.replace(&RATE.to_string(), &SAMPLE_RATE.to_string())),
        }
    }

    /// The values of a message of this shape; `None` if it has another.
    pub(super) fn read(&self, came: &Came<'_>) -> Option<Read> {
        let mut read = Read::new();
        let fits = match self {
            Shape::Json(shape) => came
                .json
                .as_ref()
                .is_some_and(|json| json_fits(shape, json, &mut read)),
            Shape::Text(shape) => text_fits(shape, came.text, &mut read),
        };
        fits.then_some(read)
    }
}

fn json_fits(shape: &Value, json: &Value, read: &mut Read) -> bool {
    match (shape, json) {
        (Value::Number(shape), Value::Number(number)) => {
            let is_rate = shape.as_f64() == Some(f64::from(RATE));
            if is_rate {
                read.push((SAMPLE_RATE, number.to_string()));
            }
            is_rate || shape.as_f64() == number.as_f64()
        }
        (Value::String(shape), Value::String(text)) => {
            let shape = shape.replace(&RATE.to_string(), &SAMPLE_RATE.to_string());
            text_fits(&shape, text, read)
        }
        (Value::Array(shape), Value::Array(list)) => {
            let mut pairs = shape.iter().zip(list);
            shape.len() == list.len() && pairs.all(|(shape, json)| json_fits(shape, json, read))
        }
        (Value::Object(shape), Value::Object(fields)) => {
            let mut names = shape.iter();
            shape.len() == fields.len()
                && names.all(|(name, shape)| {
                    let field = fields.get(name);
                    field.is_some_and(|field| json_fits(shape, field, read))
                })
        }
        (shape, json) => shape == json,
    }
}

/// Whether `text` is `shape` with any values where marks stand.
fn text_fits(shape: &str, text: &str, read: &mut Read) -> bool {
    let is_mark = |char: char| (SESSION_ID..=OTHER).contains(&char);
    let mut pieces = shape.split_inclusive(is_mark).peekable();
    let (mut rest, mut mark) = (text, None);
    while let Some(piece) = pieces.next() {
        let next = piece.chars().next_back().filter(|last| is_mark(*last));
        let plain = piece.trim_end_matches(is_mark);
        let Some(of) = mark else {
            let Some(later) = rest.strip_prefix(plain) else {
                return false;
            };
            (rest, mark) = (later, next);
            continue;
        };
        // What follows a value is the end, or the next that is the same.
        let at = match next {
            None if pieces.peek().is_none() => rest.strip_suffix(plain).map(str::len),
            _ => rest.find(plain),
        };
        let Some(at) = at else {
            return false;
        };
        read.push((of, rest[..at].to_owned()));
        (rest, mark) = (&rest[at + plain.len()..], next);
    }
    match mark {
        Some(of) => {
            read.push((of, rest.to_owned()));
            true
        }
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(shape: &str, text: &str) -> Option<Read> {
        let came = Came { text, json: None };
        Shape::Text(shape.to_owned()).read(&came)
    }

    #[test]
    fn values_are_read_between_what_is_fixed() {
        let of = |text: &str| vec![(TEXT, text.to_owned())];
        assert_eq!(read("over", "over"), Some(Vec::new()));
        assert_eq!(read("over", "over "), None);
        assert_eq!(read("", ""), Some(Vec::new()));
        assert_eq!(read("\u{e002}", "any"), Some(of("any")));
        assert_eq!(read("say \u{e002}", "say "), Some(of("")));
        assert_eq!(read("<\u{e002}>", "<a>b>"), Some(of("a>b")));
        assert_eq!(read("<\u{e002}>", "<a"), None);
        assert_eq!(
            read("\u{e000};\u{e001};\u{e002}!", "s;8000;hi!"),
            Some(vec![
                (SESSION_ID, "s".to_owned()),
                (SAMPLE_RATE, "8000".to_owned()),
                (TEXT, "hi".to_owned()),
            ])
        );
        assert_eq!(
            read("\u{e000}\u{e002}", "both"),
            Some(vec![(SESSION_ID, String::new()), (TEXT, "both".to_owned())])
        );
    }
}
