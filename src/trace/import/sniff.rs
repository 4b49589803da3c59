//! What a file is, by its first bytes: those that hold no text are named, with what makes a text of them.

use super::lines::BYTE_ORDER_MARK;

/// Bytes that a file is judged by.
pub(super) const FIRST: u64 = 64 * 1024;

/// Files that hold no text, by what they begin with: what they are, and what to do.
#[rustfmt::skip]
const NO_TEXT: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "packed with gzip", "unpack it with `gunzip`"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it with `unzstd`"),
    (b"BZh", "packed with bzip2", "unpack it with `bunzip2`"),
    (b"\xfd7zXZ\0", "packed with xz", "unpack it with `unxz`"),
    (b"\x04\x22\x4d\x18", "packed with lz4", "unpack it with `unlz4`"),
    (b"PK\x03\x04", "a ZIP archive, or a workbook", "unpack it with `unzip`, or save its table as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it with `7z x`"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook", "save its table as CSV"),
    (b"SQLite format 3\0", "a database of SQLite", "export its table with `sqlite3 -csv -header`"),
    (b"Obj\x01", "an Avro file", "export it as JSON lines"),
    (b"ORC", "an ORC file", "export it as Parquet or CSV"),
    (b"ARROW1", "an Arrow file", "export it as Parquet or CSV"),
    (b"\xff\xfe\0\0", "text in UTF-32", "convert it with `iconv -f UTF-32 -t UTF-8`"),
    (b"\0\0\xfe\xff", "text in UTF-32", "convert it with `iconv -f UTF-32 -t UTF-8`"),
    (b"\xff\xfe", "text in UTF-16", "convert it with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "text in UTF-16", "convert it with `iconv -f UTF-16 -t UTF-8`"),
];

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It is Parquet.
    Parquet,
    /// It begins with a JSON object, which takes a line.
    Lines,
    /// JSON objects go on over lines, or stand in an array.
    Objects,
    /// Text of another kind.
    Text,
}

/// What a file with these `first` bytes is.
///
/// # Errors
/// A file that holds no text that can be read: what it is, and what to do about it.
pub(super) fn shape(first: &[u8]) -> Result<Shape, (&'static str, &'static str)> {
    if first.starts_with(b"PAR1") {
        return Ok(Shape::Parquet);
    }
    let begins = |(magic, ..): &&(&[u8], _, _)| first.starts_with(magic);
    if let Some(&(_, found, advice)) = NO_TEXT.iter().find(begins) {
        return Err((found, advice));
    }
    if let Some(order) = utf_16(first) {
        return Err(("text in UTF-16 without its mark", order));
    }
    if first.contains(&b'\r') && !first.contains(&b'\n') {
        return Err((
            "text whose lines end in CR alone",
            "convert it with `tr '\\r' '\\n'`",
        ));
    }
    let text = first
        .strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(first)
        .trim_ascii_start();
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(match text {
        [b'[', rest @ ..]
            if matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b']')) =>
        {
            Shape::Objects
        }
        [b'{', ..] if line.trim_ascii_end() == b"{" => Shape::Objects,
        [b'{', ..] => Shape::Lines,
        _ => Shape::Text,
    })
}

/// What to do about text in UTF-16 that does not say so: every other byte of it is 0.
fn utf_16(first: &[u8]) -> Option<&'static str> {
    let zeros = |from: usize| {
        first
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|&&byte| byte == 0)
            .count()
    };
    let most = first.len() / 4;
    match (zeros(0), zeros(1)) {
        (0, low) if low > most => Some("convert it with `iconv -f UTF-16LE -t UTF-8`"),
        (high, 0) if high > most => Some("convert it with `iconv -f UTF-16BE -t UTF-8`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        for (first, expected) in [
            (&b"PAR1\x15\x04\0"[..], Shape::Parquet),
            (b"\xef\xbb\xbf {\"a\":1}\n", Shape::Lines),
            (b"{\n  \"a\": 1\n}\n{\n", Shape::Objects),
            (b"[\n  {\"a\":1},\n", Shape::Objects),
            (b"[{\"a\":1},{", Shape::Objects),
            (b"[]", Shape::Objects),
            (b"[2026-01-01T00:00:00.000Z] \"POST /\" 200", Shape::Text),
            (b"M\xfcller,b\r\n", Shape::Text),
            (b"\0\0\0\0t,d\n1,2\n", Shape::Text),
            (b"", Shape::Text),
        ] {
            assert_eq!(shape(first), Ok(expected), "{}", first.escape_ascii());
        }
    }

    #[test]
    fn what_holds_no_text_is_named_with_what_to_do() {
        for (first, found) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"BZh91AY", "bzip2"),
            (b"\x28\xb5\x2f\xfd\x24", "zstd"),
            (b"PK\x03\x04\x14\0", "ZIP"),
            (b"\xff\xfet\0,\0d\0", "UTF-16"),
            (b"t\0,\0d\0", "UTF-16 without"),
            (b"\0t\0,\0d", "UTF-16 without"),
            (b"a,b\r1,2\r", "CR alone"),
        ] {
            let (said, _) = shape(first).unwrap_err();
            assert!(said.contains(found), "{said}");
        }
    }
}
