//! Lines of a text file that may be anything: numbered, and of bounded length.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

/// Longest line that is read.
pub(super) const MAX_LINE: usize = 1024 * 1024;
/// What some programs begin a text file in UTF-8 with.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file.
pub(crate) struct Lines {
    file: BufReader<Box<dyn Read + Send>>,
    number: u64,
    line: Vec<u8>,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// What is in it, without its end.
    Bytes(&'a [u8]),
    /// It is longer than [`MAX_LINE`].
    TooLong,
}

impl Lines {
    /// The lines of `file` from where it stands.
    pub(crate) fn new(file: impl Read + Send + 'static) -> Lines {
        Lines {
            file: BufReader::with_capacity(64 * 1024, Box::new(file)),
            number: 0,
            line: Vec::new(),
        }
    }

    /// The number of the next line, from 1, and the line; `None` at the end.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.line.clear();
        let mut bounded = (&mut self.file).take(MAX_LINE as u64 + 1);
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.len() > MAX_LINE && !self.line.ends_with(b"\n") {
            self.file.skip_until(b'\n')?;
            return Ok(Some((self.number, Line::TooLong)));
        }
        let mut bytes = &self.line[..];
        if self.number == 1 {
            bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        }
        bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Some((self.number, Line::Bytes(bytes))))
    }
}

/// What the bytes from 0x80 to 0x9f are in Windows-1252; five of them are nothing there.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text of some bytes: UTF-8, or else Windows-1252, which is Latin-1 and more, in which each byte is a character.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let character = |byte: u8| match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(byte),
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(character).collect()),
    }
}

/// What is said of a line, or of a record of several, that is not read.
pub(super) fn too_long() -> String {
    format!("longer than {MAX_LINE} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn lines(bytes: &[u8]) -> Vec<Option<String>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut lines = Lines::new(file);
        let mut all = Vec::new();
        while let Some((_, line)) = lines.next().unwrap() {
            all.push(match line {
                Line::Bytes(bytes) => Some(text_of(bytes).into_owned()),
                Line::TooLong => None,
            });
        }
        all
    }

    #[test]
    fn ends_marks_and_foreign_bytes_are_taken_care_of() {
        let read = lines(b"\xef\xbb\xbfa\r\nb\n\nM\xfcller\n\x93it\x92s\x94");
        let expected = ["a", "b", "", "Müller", "“it’s”"].map(|line| Some(line.to_owned()));
        assert_eq!(read, expected);
    }

    #[test]
    fn a_line_without_end_does_not_fill_memory() {
        let mut bytes = vec![b'x'; 3 * MAX_LINE];
        bytes.extend_from_slice(b"\nafter\n");
        assert_eq!(lines(&bytes), [None, Some("after".to_owned())]);
    }
}
