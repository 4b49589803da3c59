//! Finds the messages of an Arrow stream by hand, and believes none that is longer than the file,
//! or whose buffers do not lie in it.
//!
//! A message is four bytes of ones, the length of its header, the header (a flatbuffer, which says
//! how long the body is), and the body.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use arrow_buffer::Buffer;
use arrow_ipc::{Message, RecordBatch, root_as_message};
use arrow_schema::{DataType, Schema};

/// Longest header that is looked at: that of a schema with what it says of the recording.
const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Longest body that is looked at, well above what a writer puts into one.
const MAX_BODY_BYTES: u64 = 256 << 20;
/// How much is searched at a time.
const SEARCHED_BYTES: u64 = 64 << 10;
/// What a message begins with.
const MARK: [u8; 4] = [0xff; 4];

/// A file that is a stream of messages as far as it is valid.
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

    /// The schema's message at the beginning, unless what is there is not one, or not to its end.
    pub(super) fn schema(&self) -> io::Result<Option<Whole>> {
        self.message(0, |message| message.header_as_schema().is_some())
    }

    /// The message of a batch of at most `most` rows of `schema` that begins at `at`, unless what is
    /// there is not one, or not to its end.
    pub(super) fn batch(&self, at: u64, schema: &Schema, most: usize) -> io::Result<Option<Whole>> {
        self.message(at, |message| {
            let batch = message.header_as_record_batch();
            let bytes = message.bodyLength();
            batch.is_some_and(|batch| are_in_body(batch, schema, bytes, most))
        })
    }

    /// The message that begins at `at`, if its header is one that is looked for.
    fn message(
        &self,
        at: u64,
        is_sought: impl FnOnce(Message<'_>) -> bool,
    ) -> io::Result<Option<Whole>> {
        let prefix = self.take(at, 8)?;
        let Some(length) = prefix.as_deref().and_then(header_length) else {
            return Ok(None);
        };
        let Some(header) = self.take(at + 8, length)? else {
            return Ok(None);
        };
        let Ok(message) = root_as_message(&header) else {
            return Ok(None);
        };
        let body_length = u64::try_from(message.bodyLength());
        let body_length = body_length.ok().filter(|bytes| *bytes <= MAX_BODY_BYTES);
        let Some(body_length) = body_length.filter(|_| is_sought(message)) else {
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

    /// The first place from `from` on where a message may begin.
    pub(super) fn next_place(&self, mut from: u64) -> io::Result<Option<u64>> {
        const PREFIX: u64 = 8;
        while from + PREFIX <= self.bytes {
            let length = SEARCHED_BYTES.min(self.bytes - from);
            let Some(bytes) = self.take(from, length)? else {
                break;
            };
            let mut places = bytes.windows(PREFIX as usize);
            if let Some(place) = places.position(|prefix| header_length(prefix).is_some()) {
                return Ok(Some(from + place as u64));
            }
            from += length - (PREFIX - 1);
        }
        Ok(None)
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

/// The length of the header behind `prefix`, if that begins a message.
fn header_length(prefix: &[u8]) -> Option<u64> {
    let (mark, length) = prefix.split_first_chunk::<4>()?;
    let length = u64::from(u32::from_le_bytes(*length.first_chunk()?));
    (*mark == MARK && (1..=MAX_HEADER_BYTES).contains(&length)).then_some(length)
}

/// Whether a batch has at most `most` rows, and the buffers that columns of so many need in a body
/// of `body_bytes`: where it is so, what it takes in memory is bounded by its bytes in the file.
fn are_in_body(batch: RecordBatch<'_>, schema: &Schema, body_bytes: i64, most: usize) -> bool {
    let fields = schema.fields();
    let rows = usize::try_from(batch.length()).unwrap_or(0);
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return false;
    };
    if batch.compression().is_some() || nodes.len() != fields.len() || !(1..=most).contains(&rows) {
        return false;
    }
    let mut buffers = buffers.iter();
    // Whether the next buffer has so many bytes, and they are in the body.
    let mut has = |bytes: usize| {
        buffers.next().is_some_and(|buffer| {
            let end = buffer.offset().checked_add(buffer.length());
            let is_inside = buffer.offset() >= 0 && end.is_some_and(|end| end <= body_bytes);
            is_inside && usize::try_from(buffer.length()).is_ok_and(|length| length >= bytes)
        })
    };
    let bits = rows.div_ceil(8);
    fields.iter().zip(nodes.iter()).all(|(field, node)| {
        let nulls = usize::try_from(node.null_count());
        let Some(nulls) = nulls.ok().filter(|nulls| *nulls <= rows) else {
            return false;
        };
        let has_validity = has(if nulls > 0 { bits } else { 0 });
        let has_values = match field.data_type() {
            DataType::Boolean => has(bits),
            // Where each text ends, and the texts; that they fit is checked as they are decoded.
            DataType::Utf8 => has((rows + 1) * 4) && has(0),
            other => other
                .primitive_width()
                .is_some_and(|width| has(rows * width)),
        };
        node.length() == batch.length() && has_validity && has_values
    })
}
