//! Names of files as text, one for one: another name is another text, whatever its bytes are.

use std::fmt::Write;
use std::path::Path;

/// `path` as text: a byte that is not UTF-8 is written as `\xff`, and a backslash as `\\`, so that nothing else looks
/// like it.
pub(super) fn escaped(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_that_differ_in_any_byte_are_different_texts() {
        let of = |bytes: &[u8]| escaped(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"a/b c.wav"), "a/b c.wav");
        assert_eq!(of("für/é.wav".as_bytes()), "für/é.wav");
        assert_eq!(of(b"\xff.wav"), "\\xff.wav");
        assert_eq!(of(b"\\xff.wav"), "\\\\xff.wav");
        assert_eq!(of(b"f\xfcr\xc3.wav"), "f\\xfcr\\xc3.wav");
    }
}
