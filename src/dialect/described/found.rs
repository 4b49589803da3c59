//! What a pointer finds in a message, and what is asked of it.

use std::borrow::Cow;

/// What is found in a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Found<'a> {
    /// Nothing, or JSON's null.
    #[default]
    Missing,
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    Bool(bool),
    Whole(i64),
    Fraction(f64),
    /// An object, a list or a message, and whether anything is in it.
    Several {
        is_empty: bool,
    },
}

/// A value that a description names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Bool(bool),
    Whole(i64),
    Fraction(f64),
}

/// What is asked of what is found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Is(Scalar),
    IsPresent(bool),
    IsEmpty(bool),
}

impl Condition {
    /// Whether it holds.
    pub(super) fn holds(&self, found: &Found<'_>) -> bool {
        match self {
            Condition::Is(scalar) => scalar.is(found),
            Condition::IsPresent(present) => *present == (*found != Found::Missing),
            Condition::IsEmpty(empty) => *empty == found.is_empty(),
        }
    }
}

impl Scalar {
    fn is(&self, found: &Found<'_>) -> bool {
        match (self, found) {
            (Scalar::Text(text), Found::Text(found)) => text == found,
            (Scalar::Bool(is), Found::Bool(found)) => is == found,
            (Scalar::Whole(number), Found::Whole(found)) => number == found,
            (Scalar::Whole(number), Found::Fraction(found)) => *number as f64 == *found,
            (Scalar::Fraction(number), Found::Fraction(found)) => number == found,
            (Scalar::Fraction(number), Found::Whole(found)) => *number == *found as f64,
            _ => false,
        }
    }
}

impl Found<'_> {
    /// Whether nothing is in it; numbers, true and false are something.
    fn is_empty(&self) -> bool {
        match self {
            Found::Missing => true,
            Found::Text(text) => text.is_empty(),
            Found::Bytes(bytes) => bytes.is_empty(),
            Found::Several { is_empty } => *is_empty,
            Found::Bool(_) | Found::Whole(_) | Found::Fraction(_) => false,
        }
    }

    /// Its text; empty where it has none.
    pub(super) fn text(&self) -> &str {
        match self {
            Found::Text(text) => text,
            _ => "",
        }
    }

    /// Whether it is true.
    pub(super) fn is_true(&self) -> bool {
        *self == Found::Bool(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_for_what_is_found() {
        let text = |text: &'static str| Found::Text(Cow::Borrowed(text));
        let is = |scalar| Condition::Is(scalar);
        for (condition, found, holds) in [
            (is(Scalar::Text("a".into())), text("a"), true),
            (is(Scalar::Text("1".into())), Found::Whole(1), false),
            (is(Scalar::Bool(false)), Found::Bool(false), true),
            (is(Scalar::Bool(false)), Found::Missing, false),
            (is(Scalar::Whole(1)), Found::Fraction(1.0), true),
            (is(Scalar::Fraction(1.0)), Found::Whole(1), true),
            (
                is(Scalar::Fraction(f64::NAN)),
                Found::Fraction(f64::NAN),
                false,
            ),
            (Condition::IsPresent(true), text(""), true),
            (Condition::IsPresent(false), Found::Missing, true),
            (Condition::IsEmpty(false), text(""), false),
            (Condition::IsEmpty(true), Found::Missing, true),
            (Condition::IsEmpty(false), Found::Bool(false), true),
            (
                Condition::IsEmpty(true),
                Found::Several { is_empty: true },
                true,
            ),
        ] {
            assert_eq!(condition.holds(&found), holds, "{condition:?} {found:?}");
        }
    }
}
