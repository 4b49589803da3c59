//! Results on standard output, for people or for programs.

use serde::Serialize;

use super::stdout;

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: times in nanoseconds, null where there is no figure.
    Json,
}

impl Format {
    /// Prints `value` as JSON, or else `text`, which has no more than our own escape codes.
    ///
    /// # Errors
    /// A failure to write.
    pub(crate) fn print(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self {
            Format::Text => stdout::print(&text()),
            Format::Json => stdout::print(&json(value)?),
        }
    }
}

/// `value` as indented JSON.
///
/// # Errors
/// A value that JSON has no place for.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
