//! Ogg pages (RFC 3533 section 6). A page whose checksum is wrong is none.

use std::io;

use symphonia::core::checksum::Crc32;
use symphonia::core::io::Monitor;

use super::Tally;
use super::window::Window;

const MARK: &[u8] = b"OggS";
const HEADER_BYTES: usize = 27;

/// A page of a logical stream.
#[derive(Debug)]
pub(super) struct OggPage {
    /// Whether its first packet began on the page before.
    pub(super) is_continued: bool,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// Where the last packet that ends on it ends; negative where none does.
    pub(super) granule: i64,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    lacing: Vec<u8>,
    body: Vec<u8>,
}

impl OggPage {
    /// The next page of any stream; none at the end. What is skipped is counted.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn next(window: &mut Window, tally: &mut Tally) -> io::Result<Option<Self>> {
        let from = window.position();
        let found = loop {
            let ahead = window.peek(HEADER_BYTES)?;
            if ahead.is_empty() {
                break None;
            }
            if ahead.starts_with(MARK)
                && let Some(page) = Self::read(window)?
            {
                break Some(page);
            }
            let ahead = window.peek(HEADER_BYTES)?;
            let next = ahead[1..].iter().position(|&byte| byte == MARK[0]);
            let bytes = next.map_or(ahead.len(), |next| next + 1);
            window.skip(bytes as u64)?;
        };
        let start = found
            .as_ref()
            .map_or(window.position(), |(_, start)| *start);
        tally.skipped_bytes += start - from;
        Ok(found.map(|(page, _)| page))
    }

    /// Takes the page that `window` begins with, and says where it began.
    fn read(window: &mut Window) -> io::Result<Option<(Self, u64)>> {
        let start = window.position();
        let Some(lacing) = lacing(window)? else {
            return Ok(None);
        };
        let head_bytes = HEADER_BYTES + lacing.len();
        let body_bytes: usize = lacing.iter().map(|&bytes| usize::from(bytes)).sum();
        let bytes = window.peek(head_bytes + body_bytes)?;
        let Some(page) = bytes.get(..head_bytes + body_bytes) else {
            return Ok(None);
        };
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| page[at + i]));
        let mut checksum = Crc32::new(0);
        checksum.process_buf_bytes(&page[..22]);
        checksum.process_buf_bytes(&[0; 4]);
        checksum.process_buf_bytes(&page[26..]);
        if page[4] != 0 || checksum.crc() != word(22) {
            return Ok(None);
        }
        let flags = page[5];
        let page = Self {
            is_continued: flags & 1 != 0,
            is_first: flags & 2 != 0,
            is_last: flags & 4 != 0,
            granule: (u64::from(word(10)) << 32 | u64::from(word(6))).cast_signed(),
            serial: word(14),
            sequence: word(18),
            body: page[head_bytes..].to_vec(),
            lacing,
        };
        window.skip((head_bytes + body_bytes) as u64)?;
        Ok(Some((page, start)))
    }

    /// The pieces of packets on it, and of each whether its packet ends here.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut from = 0;
        self.lacing
            .chunk_by(|&bytes, _| bytes == 255)
            .map(move |laces| {
                let bytes: usize = laces.iter().map(|&bytes| usize::from(bytes)).sum();
                let piece = &self.body[from..from + bytes];
                from += bytes;
                (piece, laces.last() != Some(&255))
            })
    }
}

/// The table of the lengths of the page that `window` begins with.
fn lacing(window: &mut Window) -> io::Result<Option<Vec<u8>>> {
    let Some(&laces) = window.peek(HEADER_BYTES)?.get(HEADER_BYTES - 1) else {
        return Ok(None);
    };
    let end = HEADER_BYTES + usize::from(laces);
    let table = window.peek(end)?.get(HEADER_BYTES..end);
    Ok(table.map(<[u8]>::to_vec))
}
