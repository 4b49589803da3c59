//! JSON objects that stand in an array or go on over lines, one after the other and each of bounded length.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use super::lines::{MAX_LINE, too_long};

/// The objects of a file.
pub(super) struct Objects {
    file: BufReader<File>,
    line: u64,
    object: Vec<u8>,
}

/// The line that an object begins on, and its text or what is wrong with it.
type Object<'a> = (u64, Result<&'a [u8], String>);

/// Where the end of an object is looked for.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes in a byte of the object, and says whether it is its last.
    fn ends_with(&mut self, byte: u8) -> bool {
        match (self.in_string, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (_, b'"') => self.in_string = !self.in_string,
            (true, _) => {}
            (false, b'{' | b'[') => self.depth += 1,
            (false, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            // What is no object ends with what separates it from the next.
            (false, b',' | b'\n') => return self.depth == 0,
            (false, _) => {}
        }
        false
    }
}

impl Objects {
    /// The objects of `file` from where it stands.
    pub(super) fn new(file: File) -> Objects {
        Objects {
            file: BufReader::with_capacity(64 * 1024, file),
            line: 1,
            object: Vec::new(),
        }
    }

    /// The next object; `None` at the end.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn next(&mut self) -> io::Result<Option<Object<'_>>> {
        self.object.clear();
        let (mut scan, mut first, mut is_long) = (Scan::default(), None, false);
        loop {
            let bytes = self.file.fill_buf()?;
            if bytes.is_empty() {
                let reason = "it does not end, so that nothing behind it is read".to_owned();
                return Ok(first.map(|first| (first, Err(reason))));
            }
            let mut ended = false;
            let mut taken = 0;
            for &byte in bytes {
                taken += 1;
                let between = byte.is_ascii_whitespace() || b"[],\xef\xbb\xbf".contains(&byte);
                if first.is_some() || !between {
                    first.get_or_insert(self.line);
                    is_long |= self.object.len() == MAX_LINE;
                    if !is_long {
                        self.object.push(byte);
                    }
                    ended = scan.ends_with(byte);
                }
                self.line += u64::from(byte == b'\n');
                if ended {
                    break;
                }
            }
            self.file.consume(taken);
            if let Some(first) = first.filter(|_| ended) {
                return Ok(Some((
                    first,
                    if is_long {
                        Err(too_long())
                    } else {
                        Ok(&self.object)
                    },
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn objects(text: &[u8]) -> Vec<String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let mut objects = Objects::new(file);
        let mut all = Vec::new();
        while let Some((line, object)) = objects.next().unwrap() {
            let shown = match object {
                Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Err(reason) => format!("!{reason}"),
            };
            all.push(format!("{line} {shown}"));
        }
        all
    }

    #[test]
    fn objects_of_an_array_are_given_with_their_lines() {
        let text = b"\xef\xbb\xbf[\n {\"a\":\n  [1, {}]},\n{\"b\":\"}\\\"]\"}, {}\n]\n";
        assert_eq!(
            objects(text),
            ["2 {\"a\":\n  [1, {}]}", "4 {\"b\":\"}\\\"]\"}", "4 {}"]
        );
        assert_eq!(
            objects(b"{\n\"a\":1\n}\n{\n\"a\":2\n}"),
            ["1 {\n\"a\":1\n}", "4 {\n\"a\":2\n}"]
        );
        assert_eq!(objects(b"[]"), [""; 0]);
    }

    #[test]
    fn what_is_no_object_or_does_not_end_is_given_as_it_is_or_named() {
        assert_eq!(objects(b"[1,\n{\"a\":2}"), ["1 1,", "2 {\"a\":2}"]);
        let cut = objects(b"[{\"a\":1},\n{\"a\":");
        assert_eq!(cut[0], "1 {\"a\":1}");
        assert!(cut[1].starts_with("2 !it does not end"), "{}", cut[1]);
    }

    #[test]
    fn an_object_without_end_does_not_fill_memory() {
        let long = format!("[{{\"a\":\"{}\"}},\n{{\"b\":1}}]", "x".repeat(3 * MAX_LINE));
        assert_eq!(
            objects(long.as_bytes()),
            [format!("1 !{}", too_long()), "2 {\"b\":1}".into()]
        );
    }
}
