//! How much of an uncompressed file is samples: what its header says, held to what is there.
//!
//! Writers to a pipe leave a placeholder behind, old ones a number that has overflowed, and a
//! recording that broke off one that was never true. What is there is read in any case.

use std::ops::RangeInclusive;

use crate::units::{counted, grouped};

/// Lengths that say that the writer did not know: nearly all of 31, 32 or 64 bits.
const PLACEHOLDERS: [RangeInclusive<u64>; 5] = [
    0..=0,
    0x7f00_0000..=0x7f00_ffff,
    0x7fff_0000..=0x8000_ffff,
    0xffff_0000..=0xffff_ffff,
    u64::MAX - 0xffff..=u64::MAX,
];

/// From here on a length that is many times that of the file is none that was recorded.
const IMPLAUSIBLE: u64 = 1_900_000_000;

/// The part of a file that is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Bytes of samples.
    pub(super) bytes: u64,
    /// Bytes that the header promises where that is believed; more than there are in a file that was
    /// cut short.
    pub(super) promised: u64,
    /// How an odd length was taken.
    pub(super) note: Option<String>,
}

impl Span {
    /// Of a header that says `stated` bytes, with `there` bytes behind it in the file. `is_short`
    /// where the number has 32 bits and the format no other for longer files.
    pub(super) fn of(stated: u64, there: u64, is_short: bool) -> Span {
        let read = |bytes, promised, note| Span {
            bytes,
            promised,
            note,
        };
        if stated == 0 || stated > there {
            if PLACEHOLDERS.iter().any(|lengths| lengths.contains(&stated)) {
                return read(there, there, None);
            }
            let note = format!(
                "its header says {} of samples, and the file has {}: read to its end",
                counted(stated, "byte"),
                grouped(there)
            );
            let is_believed = stated < IMPLAUSIBLE || stated / 4 < there;
            let promised = if is_believed { stated } else { there };
            return read(there, promised, Some(note));
        }
        let overflows = (there - stated) >> 32;
        if is_short && overflows > 0 {
            let bytes = stated + (overflows << 32);
            let note = format!(
                "its length has overflowed the 32 bits of its header: {} are read",
                counted(bytes, "byte")
            );
            return read(bytes, bytes, Some(note));
        }
        read(stated, stated, None)
    }

    /// Notes what follows the samples: `behind` bytes, which begin like this, if they are no chunk
    /// but may be samples that the header does not count.
    pub(super) fn followed_by(mut self, behind: u64, start: [u8; 4]) -> Span {
        let is_named = start.iter().all(|byte| (b' '..=b'~').contains(byte));
        if !is_named && start != [0; 4] && behind > self.bytes / 10 {
            self.note.get_or_insert_with(|| {
                format!(
                    "its header counts {} of samples; {} more follow that are no part of its \
                     format, and are left out",
                    counted(self.bytes, "byte"),
                    grouped(behind)
                )
            });
        }
        self
    }
}

/// Whether `tail`, of a file's last `length` bytes, is chunks of its format alone, so that a length of
/// zero in front of it is true. `size` reads the length of a chunk.
pub(super) fn is_chunks(tail: &[u8], length: u64, size: impl Fn([u8; 4]) -> u32) -> bool {
    let mut at = 0_u64;
    while at < length {
        let head = usize::try_from(at).ok().and_then(|at| tail.get(at..));
        let Some(&[a, b, c, d, e, f, g, h]) = head.and_then(<[u8]>::first_chunk) else {
            return false;
        };
        if ![a, b, c, d].iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return false;
        }
        at += 8 + u64::from(size([e, f, g, h])).next_multiple_of(2);
    }
    at == length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_read_to_the_end_without_a_word() {
        for stated in [
            0,
            0x7f00_0008,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffdb,
            0xffff_ffff,
        ] {
            let span = Span::of(stated, 529_200, true);
            assert_eq!(
                (span.bytes, span.promised),
                (529_200, 529_200),
                "{stated:#x}"
            );
            assert_eq!(span.note, None, "{stated:#x}");
        }
        // Files of that length are what they say.
        assert_eq!(Span::of(0x8000_0000, 0x8000_0010, true).bytes, 0x8000_0000);
    }

    #[test]
    fn more_than_there_is_becomes_what_there_is_with_a_note() {
        let span = Span::of(2_000_000_000, 529_200, true);
        assert_eq!((span.bytes, span.promised), (529_200, 529_200));
        assert_eq!(
            span.note.as_deref(),
            Some(
                "its header says 2,000,000,000 bytes of samples, and the file has 529,200: read to \
                 its end"
            )
        );
        // A recording that broke off.
        let span = Span::of(1_000_000, 529_200, true);
        assert_eq!((span.bytes, span.promised), (529_200, 1_000_000));
        assert!(span.note.is_some());
        let span = Span::of(2_000_000_000, 1_500_000_000, true);
        assert_eq!(span.promised, 2_000_000_000);
        let span = Span::of(1 << 40, 3, false);
        assert_eq!((span.bytes, span.promised), (3, 3));
    }

    #[test]
    fn a_length_over_32_bits_that_has_overflowed_is_what_it_was() {
        let real = (1_u64 << 32) + 1_000;
        assert_eq!(Span::of(1_000, real + 60, true).bytes, real);
        assert_eq!(Span::of(1_000, real + 60, false).bytes, 1_000);
    }

    #[test]
    fn what_follows_is_noted_unless_it_is_a_chunk_or_little() {
        let note = |behind, start| Span::of(1_000, 9_000, true).followed_by(behind, start).note;
        assert_eq!(note(8_000, *b"LIST"), None);
        assert_eq!(note(8_000, [0; 4]), None);
        assert_eq!(note(90, [1, 2, 3, 4]), None);
        assert!(note(8_000, [1, 2, 3, 4]).is_some());
    }

    #[test]
    fn a_length_of_zero_is_true_where_only_chunks_follow() {
        let size = u32::from_le_bytes;
        let chunks = b"LIST\x03\0\0\0abc\0id3 \0\0\0\0";
        assert!(is_chunks(chunks, chunks.len() as u64, size));
        assert!(is_chunks(b"", 0, size));
        assert!(!is_chunks(chunks, chunks.len() as u64 + 1, size));
        assert!(!is_chunks(&chunks[..11], 11, size));
        assert!(!is_chunks(&[1; 40], 40, size));
    }
}
