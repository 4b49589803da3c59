//! Finds the messages of an Arrow stream by hand, and believes none that is longer than the file.
//!
//! A message is four bytes of ones, the length of its header, the header (a flatbuffer, which says
//! how long the body is), and the body.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use arrow_buffer::Buffer;
use arrow_ipc::{Message, root_as_message};

/// A file that is a stream of messages as far as it is well.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    bytes: u64,
}

/// A message that is there to its end.
pub(super) struct Whole {
    header: Vec<u8>,
    pub(super) body: Buffer,
    /// Where the next one begins.
    pub(super) end: u64,
}

impl Whole {
    /// The header, whose structure was verified.
    pub(super) fn header(&self) -> Option<Message<'_>> {
        root_as_message(&self.header).ok()
    }
}

impl Stream {
    pub(super) fn new(file: File) -> io::Result<Stream> {
        let bytes = file.metadata()?.len();
        Ok(Stream { file, bytes })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The message that begins at `at`, unless what is there is not one, or not to its end.
    pub(super) fn message(&self, at: u64) -> io::Result<Option<Whole>> {
        let Some(prefix) = self.take(at, 8)? else {
            return Ok(None);
        };
        let (mark, length) = prefix.split_at(4);
        let length = length
            .iter()
            .rev()
            .fold(0, |n, &byte| n << 8 | u64::from(byte));
        if mark != [0xff; 4] || length == 0 {
            return Ok(None);
        }
        let Some(header) = self.take(at + 8, length)? else {
            return Ok(None);
        };
        let Ok(message) = root_as_message(&header) else {
            return Ok(None);
        };
        let Ok(body_length) = u64::try_from(message.bodyLength()) else {
            return Ok(None);
        };
        let body_at = at + 8 + length;
        let Some(body) = self.take(body_at, body_length)? else {
            return Ok(None);
        };
        Ok(Some(Whole {
            header,
            body: Buffer::from_vec(body),
            end: body_at + body_length,
        }))
    }

    /// `length` bytes from `at` on, if there are so many.
    fn take(&self, at: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
        let end = at.checked_add(length);
        if end.is_none_or(|end| end > self.bytes) {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(Some(bytes))
    }
}
