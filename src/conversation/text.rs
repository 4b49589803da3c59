//! How much of a text is kept.

/// Most characters kept of a transcript or an answer.
pub const MAX_TEXT_CHARS: usize = 500;
/// Most characters kept of an error.
pub const MAX_ERROR_CHARS: usize = 200;

/// The first `chars` characters of `text`.
#[must_use]
pub fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
