//! What replies mean: rules, each of which holds for some replies and makes a message of a conversation of them.

use toml::de::DeValue;

use super::fault::Fault;
use super::found::{Condition, Found, Scalar};
use super::reader::{Reader, Wanted};
use super::toml_table::{Placed, Table, whole};
use crate::units::spelling::unknown;

/// Where a reply's audio is, if it is the reply itself.
const BINARY: &str = "binary";

/// Keys of a rule.
pub(super) const KEYS: &[&str] = &["when", "then", "text", "final", "ends_utterance", "audio"];

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    /// By number of pointer.
    pub(super) when: Vec<(usize, Condition)>,
    pub(super) then: Then,
    /// The pointer to its text.
    pub(super) text: Option<usize>,
}

/// What a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Ready,
    Transcript {
        /// Whether it is final, where that is said.
        is_final: Option<Flag>,
        /// Whether the utterance ends with it, if it is final.
        ends_utterance: Flag,
    },
    Processing,
    Text,
    Speaking,
    /// Where the audio is.
    Audio(AudioAt),
    Cleared,
    TurnEnded,
    Done,
    Error,
    Refused,
    Ignored,
}

/// Something that is so or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    Always(bool),
    /// As the pointer of this number says.
    At(usize),
}

/// Where audio is in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AudioAt {
    /// It is all of a reply that is no JSON.
    Whole,
    Pointer(usize),
}

/// What rules may say, by name.
const THEN: [(&str, Then); 12] = [
    ("ready", Then::Ready),
    (
        "transcript",
        Then::Transcript {
            is_final: None,
            ends_utterance: Flag::Always(true),
        },
    ),
    ("processing", Then::Processing),
    ("text", Then::Text),
    ("speaking", Then::Speaking),
    ("audio", Then::Audio(AudioAt::Whole)),
    ("cleared", Then::Cleared),
    ("turn_ended", Then::TurnEnded),
    ("done", Then::Done),
    ("error", Then::Error),
    ("refused", Then::Refused),
    ("ignored", Then::Ignored),
];

impl Flag {
    pub(super) fn is_set(self, found: &[Found<'_>]) -> bool {
        match self {
            Flag::Always(is) => is,
            Flag::At(slot) => found.get(slot).is_some_and(Found::is_true),
        }
    }
}

impl Then {
    /// Its name in descriptions.
    pub(super) fn name(self) -> &'static str {
        let of = |then: &Then| std::mem::discriminant(then);
        let named = THEN.iter().find(|(_, then)| of(then) == of(&self));
        named.map_or("", |(name, _)| name)
    }
}

impl Rule {
    /// Reads a rule; `reader` learns what it points at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(table: &Table<'_>, reader: &mut Reader) -> Result<Rule, Fault> {
        let name = table.needed("then")?;
        let then = THEN.iter().find(|(known, _)| *known == name.value);
        let (_, then) = then.ok_or_else(|| {
            let known = THEN.iter().map(|(name, _)| *name);
            table
                .source
                .fault(name.at, unknown("message", name.value, known))
        })?;
        let then = match *then {
            Then::Transcript { .. } => {
                let ends_utterance = flag(table, "ends_utterance", reader)?;
                Then::Transcript {
                    is_final: flag(table, "final", reader)?,
                    ends_utterance: ends_utterance.unwrap_or(Flag::Always(true)),
                }
            }
            Then::Audio(_) => Then::Audio(audio(table, reader)?),
            then => then,
        };
        check_keys(table, then)?;
        let text = match then {
            Then::Transcript { .. } | Then::Text => Some(table.needed("text")?),
            _ => table.text("text")?,
        };
        let text = text.map(|text| {
            let slot = reader.want(text.value, Wanted::Text);
            slot.map_err(|what| table.source.fault(text.at, what))
        });
        let mut when = Vec::new();
        for (pointer, value) in table.pairs("when")? {
            let condition = condition(table, value)?;
            let asked = reader.ask(pointer.value, condition);
            when.push(asked.map_err(|what| table.source.fault(pointer.at, what))?);
        }
        let is_whole = then == Then::Audio(AudioAt::Whole);
        match (when.is_empty(), is_whole) {
            (true, false) => Err(table.fault("a [[reply]] needs `when`: which replies it is about")),
            (false, true) => Err(table.fault(
                "audio = \"binary\" is of replies that are not JSON, of which `when` can ask nothing",
            )),
            _ => Ok(Rule {
                when,
                then,
                text: text.transpose()?,
            }),
        }
    }

    /// Whether it holds for a reply.
    pub(super) fn holds(&self, found: &[Found<'_>]) -> bool {
        let mut when = self.when.iter();
        !self.when.is_empty()
            && when.all(|(slot, condition)| {
                let found = found.get(*slot);
                found.is_some_and(|found| condition.holds(found))
            })
    }

    /// Its text in a reply; empty where it has none.
    pub(super) fn text<'f>(&self, found: &'f [Found<'_>]) -> &'f str {
        let found = self.text.and_then(|slot| found.get(slot));
        found.map_or("", Found::text)
    }
}

/// Keys that say nothing of such a message are not to be there.
fn check_keys(table: &Table<'_>, then: Then) -> Result<(), Fault> {
    let is_transcript = matches!(then, Then::Transcript { .. });
    let is_marked = matches!(
        then,
        Then::Transcript {
            is_final: Some(_),
            ..
        }
    );
    let others = [
        ("final", is_transcript, "a transcript"),
        ("ends_utterance", is_marked, "a transcript that has `final`"),
        ("audio", matches!(then, Then::Audio(_)), "audio"),
        (
            "text",
            !matches!(then, Then::Audio(_) | Then::Ignored),
            "a message with words",
        ),
    ];
    for (key, may_be, of) in others {
        if let Some(found) = table.get(key).filter(|_| !may_be) {
            return Err(table
                .source
                .fault(found.at, format!("`{key}` is only of {of}")));
        }
    }
    Ok(())
}

fn flag(table: &Table<'_>, key: &str, reader: &mut Reader) -> Result<Option<Flag>, Fault> {
    let Some(Placed { value, at }) = table.get(key) else {
        return Ok(None);
    };
    let flag = match (value.as_bool(), value.as_str()) {
        (Some(is), _) => Ok(Flag::Always(is)),
        (None, Some(pointer)) => reader.want(pointer, Wanted::Flag).map(Flag::At),
        (None, None) => Err(format!(
            "`{key}` is true, false, or a pointer to one of them"
        )),
    };
    flag.map(Some).map_err(|what| table.source.fault(at, what))
}

fn audio(table: &Table<'_>, reader: &mut Reader) -> Result<AudioAt, Fault> {
    let audio = table.needed("audio")?;
    if audio.value != BINARY {
        let slot = reader.want(audio.value, Wanted::Audio);
        let slot = slot.map_err(|what| table.source.fault(audio.at, what))?;
        return Ok(AudioAt::Pointer(slot));
    }
    match reader.is_json() {
        true => Ok(AudioAt::Whole),
        false => Err(table
            .source
            .fault(audio.at, "`audio` of gRPC is a pointer to a field of bytes")),
    }
}

fn condition(
    table: &Table<'_>,
    Placed { value, at }: Placed<&DeValue<'_>>,
) -> Result<Condition, Fault> {
    let fault = |what: &str| table.source.fault(at, what);
    if let Some(asked) = value.as_table() {
        let asked = Table::new(
            table.source,
            asked,
            at,
            "a condition",
            &["present", "empty"],
        )?;
        let mut conditions = Vec::new();
        for (key, condition) in [
            ("present", Condition::IsPresent as fn(bool) -> Condition),
            ("empty", Condition::IsEmpty),
        ] {
            if let Some(Placed { value, at }) = asked.get(key) {
                let is = value
                    .as_bool()
                    .ok_or_else(|| table.source.fault(at, format!("`{key}` is true or false")))?;
                conditions.push(condition(is));
            }
        }
        return match conditions.pop() {
            Some(condition) if conditions.is_empty() => Ok(condition),
            _ => Err(fault(
                "a condition is one of present = true, empty = false, or a value",
            )),
        };
    }
    let scalar = match value {
        DeValue::String(text) => Scalar::Text(text.to_string()),
        DeValue::Boolean(is) => Scalar::Bool(*is),
        DeValue::Integer(_) => {
            Scalar::Whole(whole(value).ok_or_else(|| fault("the number is too large"))?)
        }
        DeValue::Float(number) => {
            let number = number.as_str().replace('_', "").parse();
            Scalar::Fraction(number.map_err(|_| fault("it is no number"))?)
        }
        _ => {
            return Err(fault(
                "a reply is compared with a text, a number, true or false",
            ));
        }
    };
    Ok(Condition::Is(scalar))
}
