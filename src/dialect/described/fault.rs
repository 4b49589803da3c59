//! What is wrong with a description, and where.

use std::fmt;

/// What is wrong, with the file and the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// A text that is read, and how messages call it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// That something is wrong at this offset in the text.
    pub(super) fn fault(&self, at: usize, what: impl fmt::Display) -> Fault {
        let before = self.text.as_bytes().iter().take(at);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Fault(format!("{}, line {line}: {what}", self.name))
    }
}
