//! Tables of text that users have: fields separated by commas, tabs, semicolons or bars; in UTF-8, UTF-16 or
//! Windows-1252; lines that end as on any system. What cannot be read is named by its line.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use crate::trace::import::records::Records;

/// Largest table that is read: about a million lines.
const MAX_BYTES: u64 = 256 << 20;
/// What separates fields, in the order in which it is looked for in the header.
const SEPARATORS: [u8; 4] = [b'\t', b',', b';', b'|'];

/// A column that a table must have.
pub(super) struct Column {
    /// What it holds.
    pub(super) what: &'static str,
    /// What it may be called, most telling first.
    pub(super) names: &'static [&'static str],
}

/// What is wrong with a table, and on which line.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) line: u64,
    pub(super) reason: String,
}

/// A table that is read row by row.
pub(super) struct Sheet {
    records: Records,
    /// Where the wanted columns are.
    places: Vec<usize>,
    /// What separates its fields.
    pub(super) separator: u8,
}

impl Sheet {
    /// Opens the file at `path`, whose first line must name the columns `wanted`. Lines that begin with `comment` are
    /// passed over.
    ///
    /// # Errors
    /// A file that cannot be read, is too large, or has not all columns.
    pub(super) fn open(
        path: &Path,
        wanted: &[Column],
        comment: Option<u8>,
    ) -> Result<Sheet, Wrong> {
        let wrong = |reason: String| Wrong { line: 1, reason };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|e| wrong(e.to_string()))?;
        if bytes.len() as u64 > MAX_BYTES {
            let most = MAX_BYTES >> 20;
            return Err(wrong(format!(
                "over {most} MB; keep only the rows of the files to prepare"
            )));
        }
        let mut bytes = in_lines(bytes)?;
        let lines = bytes.split_mut(|&byte| byte == b'\n');
        // Empty lines are no rows, but are counted.
        for line in lines.filter(|line| comment.is_some() && line.first() == comment.as_ref()) {
            line.fill(b' ');
        }
        Sheet::of(bytes, wanted)
    }

    fn of(bytes: Vec<u8>, wanted: &[Column]) -> Result<Sheet, Wrong> {
        let mut lines = bytes.split(|&byte| byte == b'\n');
        let header = lines
            .find(|line| !line.trim_ascii().is_empty())
            .unwrap_or_default();
        let mut missing = None;
        for separator in SEPARATORS.into_iter().filter(|s| header.contains(s)) {
            match places(header, separator, wanted)? {
                Ok((places, width)) => {
                    let mut records = records(bytes, separator);
                    records.next().map_err(|e| at(1, e.to_string()))?;
                    records.expect(width..=width, "the header");
                    return Ok(Sheet {
                        records,
                        places,
                        separator,
                    });
                }
                // The separator that finds most of the columns is the one that is meant.
                Err(lacks)
                    if missing
                        .as_ref()
                        .is_none_or(|m: &Vec<&Column>| lacks.len() < m.len()) =>
                {
                    missing = Some(lacks);
                }
                Err(_) => {}
            }
        }
        let lacks = missing.unwrap_or_else(|| wanted.iter().collect());
        let lacks = lacks
            .first()
            .map_or((String::new(), String::new()), |column| {
                (column.what.to_owned(), column.names.join(", "))
            });
        Err(at(
            1,
            format!("no column for the {}; call it one of {}", lacks.0, lacks.1),
        ))
    }

    /// The line of the next row, and what is in the columns, without spaces around it; `None` at the end.
    ///
    /// # Errors
    /// A row that cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Vec<String>)>, Wrong> {
        let Some((line, read)) = self.records.next().map_err(|e| at(1, e.to_string()))? else {
            return Ok(None);
        };
        read.map_err(|reason| {
            let advice = match reason.contains("quote") {
                true => "; a quotation mark inside of a quoted field is written twice",
                false => "",
            };
            at(line, format!("{reason}{advice}"))
        })?;
        let cells = self.places.iter().map(|&place| {
            let cell = self.records.field(place).unwrap_or_default();
            cell.trim().to_owned()
        });
        Ok(Some((line, cells.collect())))
    }
}

fn at(line: u64, reason: String) -> Wrong {
    Wrong { line, reason }
}

/// The records of a table. Where tabs separate fields, quotation marks belong to the text.
fn records(bytes: Vec<u8>, separator: u8) -> Records {
    let records = Records::new(Cursor::new(bytes), separator);
    match separator {
        b'\t' => records.without_quotes(),
        _ => records,
    }
}

/// Where the columns are in this header, and how many it has; or those that are not in it.
type Places<'a> = Result<(Vec<usize>, usize), Vec<&'a Column>>;

fn places<'a>(header: &[u8], separator: u8, wanted: &'a [Column]) -> Result<Places<'a>, Wrong> {
    let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
    let mut header = records(header.to_vec(), separator);
    if let Some((line, read)) = header.next().map_err(|e| at(1, e.to_string()))? {
        read.map_err(|reason| at(line, reason))?;
    }
    let mut names = header.fields();
    while names.last().is_some_and(|name| name.trim().is_empty()) {
        names.pop();
    }
    let place = |column: &Column| {
        let mut known = column.names.iter();
        known.find_map(|known| {
            let is_it = |name: &str| name.trim().trim_matches('"').eq_ignore_ascii_case(known);
            names.iter().position(|name| is_it(name))
        })
    };
    let places: Vec<Option<usize>> = wanted.iter().map(place).collect();
    let lacks = wanted
        .iter()
        .zip(&places)
        .filter(|(_, place)| place.is_none());
    let lacks: Vec<&Column> = lacks.map(|(column, _)| column).collect();
    Ok(match lacks.is_empty() {
        true => Ok((places.into_iter().flatten().collect(), names.len())),
        false => Err(lacks),
    })
}

/// The bytes of a text of lines that end in LF: UTF-16 as UTF-8, anything else as it is.
fn in_lines(bytes: Vec<u8>) -> Result<Vec<u8>, Wrong> {
    let mut bytes = match utf_16(&bytes) {
        Some((text, decode)) => in_utf_8(text, decode)?,
        None if bytes.contains(&0) => {
            let reason = "this is no text; save it as CSV, in UTF-8";
            return Err(at(1, reason.to_owned()));
        }
        None => bytes,
    };
    if !bytes.contains(&b'\n') {
        for byte in bytes.iter_mut().filter(|byte| **byte == b'\r') {
            *byte = b'\n';
        }
    }
    Ok(bytes)
}

/// How two bytes are read.
type Pair = fn([u8; 2]) -> u16;

/// The text behind the mark of UTF-16, and how two of its bytes are read; without a mark, every other of its first
/// bytes is 0.
fn utf_16(bytes: &[u8]) -> Option<(&[u8], Pair)> {
    match bytes {
        [0xff, 0xfe, text @ ..] => Some((text, u16::from_le_bytes)),
        [0xfe, 0xff, text @ ..] => Some((text, u16::from_be_bytes)),
        [a, 0, b, 0, ..] if *a > 0 && *b > 0 => Some((bytes, u16::from_le_bytes)),
        [0, a, 0, b, ..] if *a > 0 && *b > 0 => Some((bytes, u16::from_be_bytes)),
        _ => None,
    }
}

fn in_utf_8(bytes: &[u8], decode: Pair) -> Result<Vec<u8>, Wrong> {
    let (pairs, rest) = bytes.as_chunks();
    let mut text = String::with_capacity(bytes.len());
    let mut line = 1;
    let broken = |line| {
        at(
            line,
            "this is no character of UTF-16; save it as CSV, in UTF-8".to_owned(),
        )
    };
    for read in char::decode_utf16(pairs.iter().map(|&pair| decode(pair))) {
        let character = read.map_err(|_| broken(line))?;
        line += u64::from(character == '\n');
        text.push(character);
    }
    match rest.is_empty() {
        true => Ok(text.into_bytes()),
        false => Err(broken(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [Column; 2] = [
        Column {
            what: "file",
            names: &["path", "file"],
        },
        Column {
            what: "transcript",
            names: &["text"],
        },
    ];

    /// The rows of a table, each as its line and cells; or what is wrong with it.
    fn rows(bytes: &[u8]) -> Result<Vec<String>, String> {
        let said = |wrong: Wrong| format!("line {}: {}", wrong.line, wrong.reason);
        let mut sheet =
            Sheet::of(in_lines(bytes.to_vec()).map_err(said)?, &WANTED).map_err(said)?;
        let mut rows = Vec::new();
        while let Some((line, cells)) = sheet.next().map_err(said)? {
            rows.push(format!("{line} {}", cells.join("|")));
        }
        Ok(rows)
    }

    fn utf_16_of(text: &str, encode: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(encode).collect()
    }

    #[test]
    fn separators_encodings_and_ends_of_lines_are_those_of_the_file() {
        for table in [
            "path,n,text\na.wav,1,\"Grüße, „du“\"\n",
            "path;n;text\r\na.wav;1;Grüße, „du“\r\n",
            "path\tn\ttext\ra.wav\t1\tGrüße, „du“\r",
            "\u{feff}n | path | text\n1 | a.wav | Grüße, „du“\n\n",
            "path;n,m;text\na.wav;;Grüße, „du“",
            "\"file\";\"n\";\"text\"\n\"a.wav\";\"\";\"Grüße, „du“\"\n",
        ] {
            let expected = ["2 a.wav|Grüße, „du“".to_owned()];
            assert_eq!(rows(table.as_bytes()).unwrap(), expected, "{table}");
            let bare = table.trim_start_matches('\u{feff}');
            for text in [bare.to_owned(), format!("\u{feff}{bare}")] {
                assert_eq!(rows(&utf_16_of(&text, u16::to_le_bytes)).unwrap(), expected);
                assert_eq!(rows(&utf_16_of(&text, u16::to_be_bytes)).unwrap(), expected);
            }
            let windows: Vec<u8> = bare
                .chars()
                .map(|c| match c {
                    '„' => 0x84,
                    '“' => 0x93,
                    c => u8::try_from(c).unwrap(),
                })
                .collect();
            assert_eq!(rows(&windows).unwrap(), expected);
        }
        let tabs = rows(b"path\ttext\na\t\"Hi\", she said\n").unwrap();
        assert_eq!(tabs, ["2 a|\"Hi\", she said"]);
        let lines = rows(b"path,text\na,\"one\ntwo\"\nb,three\n").unwrap();
        assert_eq!(lines, ["2 a|one\ntwo", "4 b|three"]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line_with_what_to_do() {
        for (table, line, what) in [
            (
                &b"path,words\na,b\n"[..],
                1,
                "no column for the transcript; call it one of text",
            ),
            (b"path;words\na;b\n", 1, "no column for the transcript"),
            (
                b"text\na\n",
                1,
                "no column for the file; call it one of path, file",
            ),
            (b"", 1, "no column for the file"),
            (
                b"path,text\na,b\nc\n",
                3,
                "1 fields, fewer than the 2 of the header",
            ),
            (
                b"path,text\na,b,c\n",
                2,
                "a field that holds the separator needs quotes",
            ),
            (
                b"path,text\na,b\nc,\"d\ne,f\n",
                3,
                "not closed by line 4; a quotation mark inside",
            ),
            (b"PK\x03\x04\x14\0\x06\0", 1, "no text; save it as CSV"),
            (b"\xff\xfep\0\n\0\0\xd8\n\0", 2, "no character of UTF-16"),
            (b"\xfe\xff\0p\0", 1, "no character of UTF-16"),
        ] {
            let error = rows(table).unwrap_err();
            assert!(error.starts_with(&format!("line {line}: ")), "{error}");
            assert!(error.contains(what), "{error}");
        }
    }
}
