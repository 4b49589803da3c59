//! A piece of a requirement's text and where it stands, so that what cannot be read says where.

use strsim::levenshtein;

/// A text that is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at character {at}); {advice}")]
pub struct RequirementError {
    /// What was wrong.
    pub what: String,
    /// Where: the character that it begins at, from 1.
    pub at: usize,
    /// What is possible.
    pub advice: String,
}

/// A part of the text and where it begins, in characters from 0.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    at: usize,
}

impl<'a> Part<'a> {
    /// All of a text.
    pub(super) fn whole(text: &'a str) -> Part<'a> {
        Part { text, at: 0 }
    }

    /// Without the spaces around it.
    pub(super) fn trimmed(self) -> Part<'a> {
        let without_start = self.text.trim_start();
        let spaces = self.text.chars().count() - without_start.chars().count();
        Part {
            text: without_start.trim_end(),
            at: self.at + spaces,
        }
    }

    /// What lies before byte `at` of it, and the rest.
    pub(super) fn split_at(self, at: usize) -> (Part<'a>, Part<'a>) {
        let (text, rest) = self.text.split_at(at);
        let rest = Part {
            text: rest,
            at: self.at + text.chars().count(),
        };
        (Part { text, ..self }, rest)
    }

    /// The part after `skipped`, its first piece.
    pub(super) fn after(self, skipped: &str) -> Part<'a> {
        self.split_at(skipped.len().min(self.text.len())).1
    }

    /// Its end, as the place of what is missing there.
    pub(super) fn end(self) -> Part<'a> {
        self.after(self.text)
    }

    pub(super) fn error(
        self,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> RequirementError {
        RequirementError {
            what: what.into(),
            at: self.at + 1,
            advice: advice.into(),
        }
    }
}

/// What could have been meant, and everything that could.
pub(super) fn possible(what: &str, written: &str, names: &[&str]) -> String {
    let named = names.iter().map(|name| (levenshtein(written, name), *name));
    let nearest = named.min();
    let all = names.join(", ");
    match nearest {
        Some((edits, name)) if edits * 3 <= name.chars().count().max(3) => {
            format!("did you mean `{name}`? Possible {what}: {all}")
        }
        _ => format!("possible {what}: {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(levenshtein("respnse", "response"), 1);
        assert_eq!(levenshtein("", "abc"), 3);
        assert_eq!(levenshtein("kitten", "sitting"), 3);
    }

    #[test]
    fn places_are_counted_in_characters() {
        let part = Part::whole("  äö < 1").trimmed();
        let (left, rest) = part.split_at("äö".len());
        assert_eq!(
            (left.text, left.at, rest.text, rest.at),
            ("äö", 2, " < 1", 4)
        );
        assert_eq!((rest.trimmed().at, part.end().at), (5, 8));
    }
}
