//! Records of a CSV file, read with one parser as the `csv` crate reads: a quote within an unquoted field is a
//! character like others. Only a quote that opens a field lets a record go on over several lines; where such a record
//! does not end, ends in the middle of a field, or does not have the fields that the others have, the line that it
//! begins on is at fault, and those behind it are read again.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::lines::{Line, Lines, MAX_LINE, text_of, too_long};

/// Bytes of a file that are read again where a quote was not closed. Behind those, a record is a line, so that a file
/// that is full of quotes does not take for ever.
const MAX_AGAIN: usize = 32 * MAX_LINE;

/// The records of a file.
pub(crate) struct Records {
    lines: Lines,
    separator: u8,
    record: Record,
    /// How many fields a record has, once that is known, and whose that are.
    width: Option<(RangeInclusive<usize>, &'static str)>,
    /// The lines of a record that goes on.
    held: Vec<Held>,
    /// Lines that are read again, before those of the file.
    again: VecDeque<Held>,
    /// How many bytes may still be read again.
    may_again: usize,
    /// Up to this line, a record is a line.
    alone_until: u64,
}

/// The number of a line, and its bytes unless it is too long.
type Held = (u64, Option<Vec<u8>>);

/// A record of a file: where it begins, and what is wrong with it.
type Read = (u64, Result<(), String>);

impl Records {
    /// The records of `file`, whose fields are separated by `separator`.
    pub(crate) fn new(file: impl io::Read + Send + 'static, separator: u8) -> Records {
        Records {
            lines: Lines::new(file),
            separator,
            record: Record::new(separator),
            width: None,
            held: Vec::new(),
            again: VecDeque::new(),
            may_again: MAX_AGAIN,
            alone_until: 0,
        }
    }

    /// Quotation marks are characters like others.
    pub(crate) fn without_quotes(mut self) -> Records {
        self.record.parser = ReaderBuilder::new()
            .delimiter(self.separator)
            .terminator(Terminator::Any(b'\n'))
            .quoting(false)
            .build();
        self
    }

    /// From now on a record has as many fields as those `whose`; others are named. Empty fields at its end do not count.
    pub(crate) fn expect(&mut self, width: RangeInclusive<usize>, whose: &'static str) {
        self.width = Some((width, whose));
    }

    /// Field `at` of the record that was read last.
    pub(crate) fn field(&self, at: usize) -> Option<Cow<'_, str>> {
        self.record.field(at).map(text_of)
    }

    /// All fields of the record that was read last.
    pub(crate) fn fields(&self) -> Vec<Cow<'_, str>> {
        let fields = (0..self.record.len).filter_map(|at| self.field(at));
        fields.collect()
    }

    /// Reads the next record that holds something, and says on which line it begins and what is wrong with it.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn next(&mut self) -> io::Result<Option<Read>> {
        self.record.clear();
        let mut held_bytes = 0;
        loop {
            let again = self.again.pop_front();
            let (number, line) = match &again {
                Some((number, line)) => (*number, line.as_deref()),
                None => match self.lines.next()? {
                    Some((number, Line::Bytes(line))) => (number, Some(line)),
                    Some((number, Line::TooLong)) => (number, None),
                    None => return Ok(self.give_up()),
                },
            };
            let Some(line) = line else {
                if self.held.is_empty() {
                    return Ok(Some((number, Err(too_long()))));
                }
                self.held.push((number, None));
                return Ok(self.give_up());
            };
            let is_whole = self.record.take_in(line);
            if is_whole && self.held.is_empty() {
                match self.record.is_blank() {
                    true => self.record.clear(),
                    false => return Ok(Some((number, self.misfit().map_or(Ok(()), Err)))),
                }
                continue;
            }
            held_bytes += line.len();
            self.held.push((number, Some(line.to_vec())));
            if is_whole && self.misfit().is_none() && is_well_quoted(&self.held, self.separator) {
                let first = self.held.first().map_or(number, |&(first, _)| first);
                self.held.clear();
                return Ok(Some((first, Ok(()))));
            }
            if is_whole || held_bytes > MAX_LINE || number <= self.alone_until {
                return Ok(self.give_up());
            }
        }
    }

    /// What is wrong with the number of the record's fields.
    fn misfit(&self) -> Option<String> {
        let (width, whose) = self.width.as_ref()?;
        let len = self.record.len_without_empty_beyond(*width.end());
        if len < *width.start() {
            let least = width.start();
            return Some(format!("{len} fields, fewer than the {least} of {whose}"));
        }
        (len > *width.end()).then(|| {
            format!(
                "{len} fields, more than the {} of {whose}; a field that holds the separator needs quotes",
                width.end()
            )
        })
    }

    /// Names the first of the lines that are held, and has the others read again; `None` where none is.
    fn give_up(&mut self) -> Option<Read> {
        self.record.reset();
        let mut held = std::mem::take(&mut self.held).into_iter();
        let (first, _) = held.next()?;
        let behind: Vec<Held> = held.collect();
        let last = behind.last().map_or(first, |&(last, _)| last);
        let bytes = |(_, line): &Held| line.as_ref().map_or(0, Vec::len);
        match self.may_again.checked_sub(behind.iter().map(bytes).sum()) {
            Some(left) => self.may_again = left,
            None => self.alone_until = last,
        }
        for line in behind.into_iter().rev() {
            self.again.push_front(line);
        }
        let reason = format!("its quote is not closed by line {last}");
        Some((first, Err(reason)))
    }
}

/// Whether each quote that closes a field of these lines stands at the field's end.
fn is_well_quoted(lines: &[Held], separator: u8) -> bool {
    enum At {
        Begin,
        Plain,
        Quoted,
        Closed,
    }
    let lines = lines.iter().filter_map(|(_, line)| line.as_deref());
    let mut at = At::Begin;
    for byte in lines.flat_map(|line| line.iter().copied().chain([b'\n'])) {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Closed,
            (At::Quoted, _) | (At::Begin | At::Closed, b'"') => At::Quoted,
            (_, b'\n') => At::Begin,
            (_, byte) if byte == separator => At::Begin,
            (At::Closed, b' ') => At::Closed,
            (At::Closed, _) => return false,
            (At::Begin | At::Plain, _) => At::Plain,
        };
    }
    true
}

/// The record that is being read.
struct Record {
    parser: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many of `bytes` it has.
    filled: usize,
    /// How many fields.
    len: usize,
}

impl Record {
    fn new(separator: u8) -> Record {
        Record {
            parser: ReaderBuilder::new()
                .delimiter(separator)
                .terminator(Terminator::Any(b'\n'))
                .build(),
            bytes: vec![0; 1024],
            ends: vec![0; 64],
            filled: 0,
            len: 0,
        }
    }

    fn clear(&mut self) {
        (self.filled, self.len) = (0, 0);
    }

    /// Forgets a record that has not ended.
    fn reset(&mut self) {
        self.parser.reset();
        self.clear();
    }

    /// Takes in a line, and says whether the record ends with it; an empty line is a record without fields.
    fn take_in(&mut self, line: &[u8]) -> bool {
        for mut left in [line, b"\n"] {
            while !left.is_empty() {
                let (bytes, ends) = (&mut self.bytes[self.filled..], &mut self.ends[self.len..]);
                let (read, taken, filled, fields) = self.parser.read_record(left, bytes, ends);
                left = &left[taken..];
                self.filled += filled;
                self.len += fields;
                match read {
                    ReadRecordResult::InputEmpty => {}
                    ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                    ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                    ReadRecordResult::Record | ReadRecordResult::End => return true,
                }
            }
        }
        // The end of the line is in the field where a quote is open.
        self.filled == 0
    }

    fn field(&self, at: usize) -> Option<&[u8]> {
        let ends = &self.ends[..self.len];
        let from = at
            .checked_sub(1)
            .map_or(Some(0), |before| ends.get(before).copied())?;
        self.bytes.get(from..*ends.get(at)?)
    }

    fn is_empty_at(&self, at: usize) -> bool {
        self.field(at)
            .is_none_or(|field| field.trim_ascii().is_empty())
    }

    fn is_blank(&self) -> bool {
        self.len <= 1 && self.is_empty_at(0)
    }

    fn len_without_empty_beyond(&self, width: usize) -> usize {
        let mut len = self.len;
        while len > width && self.is_empty_at(len - 1) {
            len -= 1;
        }
        len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    /// The records, each as its line and its fields or what is wrong; the first is the header.
    fn records(text: &[u8]) -> Vec<String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let mut records = Records::new(file, b',');
        let mut all = Vec::new();
        while let Some((line, read)) = records.next().unwrap() {
            let shown = match read {
                Ok(()) => records.fields().join("|"),
                Err(reason) => format!("!{reason}"),
            };
            all.push(format!("{line} {shown}"));
            if all.len() == 1 {
                let width = records.fields().len();
                records.expect(width..=width, "the header");
            }
        }
        all
    }

    #[test]
    fn a_quote_in_an_unquoted_field_is_a_character() {
        let read = records(b"a,b\n1,5\" pipe\n2,x\n3,6\" \"pipe\"\n4,\"say \"\"x\"\"\"\n");
        let expected = [
            "1 a|b",
            "2 1|5\" pipe",
            "3 2|x",
            "4 3|6\" \"pipe\"",
            "5 4|say \"x\"",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn quoted_fields_go_on_over_lines_and_blank_lines_are_none() {
        let read = records(b"a,b\r\n\r\n1,\"x\r\ny\"\r\n  \r\n2,\"\n\n\"\r\n3,z");
        assert_eq!(read, ["1 a|b", "3 1|x\ny", "6 2|\n\n", "9 3|z"]);
    }

    #[test]
    fn an_open_quote_costs_its_own_line() {
        let never = "!its quote is not closed by line";
        let read = records(b"a,b\n1,\"x\n2,y\n3,\"z\nz\"\n4,w\n");
        // The quote of line 4 ends the field that begins on line 2, and more follows in that field.
        let expected = [
            "1 a|b".to_owned(),
            format!("2 {never} 4"),
            "3 2|y".into(),
            "4 3|z\nz".into(),
            "6 4|w".into(),
        ];
        assert_eq!(read, expected);
        let read = records(b"a,b\n1,x\n2,\"y\n3,z\n");
        assert_eq!(
            read,
            [
                "1 a|b".to_owned(),
                "2 1|x".into(),
                format!("3 {never} 4"),
                "4 3|z".into()
            ]
        );
    }

    #[test]
    fn rows_of_another_width_are_named_and_empty_fields_at_the_end_do_not_count() {
        let read = records(b"a,b\n1,2,3\n1\n1,2,, \n1,\n");
        let more = "2 !3 fields, more than the 2 of the header; a field that holds the separator needs quotes";
        let expected = [
            "1 a|b",
            more,
            "3 !1 fields, fewer than the 2 of the header",
            "4 1|2|| ",
            "5 1|",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_file_of_quotes_ends_and_so_does_a_line_without_end() {
        let mut text = b"a,b\n".to_vec();
        // Each line closes a quote and opens one, so that no record ever ends.
        text.extend(b"1,\"\n".iter().chain(&b"\",\"\n".repeat(700_000)));
        text.extend(vec![b'x'; 3 * MAX_LINE]);
        text.extend(b"\n7,8\n");
        let read = records(&text);
        assert!(read[1].contains("not closed"), "{}", read[1]);
        assert_eq!(read[read.len() - 2], format!("700003 !{}", too_long()));
        assert_eq!(read[read.len() - 1], "700004 7|8");
    }
}
