//! Where the samples of a track are, by the tables of the index, read piece by piece.

use std::io;
use std::ops::Range;

use symphonia::core::errors::Result;

use super::boxes::Index as Boxes;
use crate::audio::container::media::{Media, Window};
use crate::audio::container::play::{Index, Place};
use crate::audio::error::DecodeError;

/// Bytes of a table in memory.
const WINDOW_BYTES: u64 = 4_096;
/// Uncompressed samples that are taken at once.
const MAX_PIECE: u64 = 4_096;

/// A table of numbers of one width.
struct Table {
    at: u64,
    entries: u64,
    entry_bytes: u64,
    window: Window,
}

impl Table {
    /// A table whose entries are counted before its first; `skip` bytes of the body come before.
    fn read(
        boxes: &mut Boxes<'_>,
        body: &Range<u64>,
        skip: u64,
        entry_bytes: u64,
    ) -> io::Result<Self> {
        let mut window = Window::new(WINDOW_BYTES);
        let at = body.start + skip;
        let stated = window
            .array::<4>(boxes.media, at)?
            .map_or(0, u32::from_be_bytes);
        let at = at + 4;
        let there = body.end.saturating_sub(at) / entry_bytes;
        Ok(Self {
            at,
            entries: u64::from(stated).min(there),
            entry_bytes,
            window,
        })
    }

    /// The bytes of an entry; none behind the last.
    fn entry(&mut self, media: &mut Media, index: u64) -> io::Result<Option<&[u8]>> {
        if index >= self.entries {
            return Ok(None);
        }
        let at = self.at + index * self.entry_bytes;
        self.window.get(media, at, self.entry_bytes)
    }

    /// The numbers of 4 bytes in an entry.
    fn row<const N: usize>(
        &mut self,
        media: &mut Media,
        index: u64,
    ) -> io::Result<Option<[u32; N]>> {
        Ok(self.entry(media, index)?.and_then(|bytes| {
            let (words, _) = bytes.as_chunks::<4>();
            let words: &[[u8; 4]; N] = words.first_chunk()?;
            Some(words.map(u32::from_be_bytes))
        }))
    }
}

/// How many bytes each sample has.
enum Sizes {
    Equal { bytes: u64, samples: u64 },
    Table(Table),
}

impl Sizes {
    fn get(&mut self, media: &mut Media, index: u64) -> io::Result<Option<u64>> {
        Ok(match self {
            Self::Equal { bytes, samples } => (index < *samples).then_some(*bytes),
            Self::Table(table) => table.entry(media, index)?.map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
            }),
        })
    }
}

/// The tables of a track.
pub(super) struct Tables {
    sizes: Sizes,
    chunks: Table,
    chunk_samples: Table,
    durations: Table,
    /// Bytes of an uncompressed sample, whatever the table says.
    frame_bytes: Option<u64>,
    at: Position,
}

/// The next sample and where it is in each table.
#[derive(Debug, Clone, Default)]
struct Position {
    sample: u64,
    time: u64,
    chunk: u64,
    /// The row of `chunk_samples` that holds for the chunk.
    chunk_row: u64,
    /// Samples of the chunk that are left, and where the next of them is.
    left: u64,
    offset: u64,
    duration_row: u64,
    /// Samples of the row that are left, and how long each is.
    equal: u64,
    duration: u64,
}

impl Tables {
    /// Reads the tables in `stbl`. There are none in a file of fragments, or they are empty.
    pub(super) fn read(
        boxes: &mut Boxes<'_>,
        stbl: &Range<u64>,
        frame_bytes: Option<u64>,
    ) -> std::result::Result<Option<Self>, DecodeError> {
        let mut table = |name: &[u8; 4], skip, entry_bytes| {
            let body = boxes.find(stbl, &[name])?;
            body.map(|body| Table::read(boxes, &body, skip, entry_bytes))
                .transpose()
        };
        let chunks = match table(b"stco", 4, 4)? {
            Some(chunks) => Some(chunks),
            None => table(b"co64", 4, 8)?,
        };
        let (Some(chunks), Some(chunk_samples), Some(durations)) =
            (chunks, table(b"stsc", 4, 12)?, table(b"stts", 4, 8)?)
        else {
            return Ok(None);
        };
        let Some(sizes) = read_sizes(boxes, stbl)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            sizes,
            chunks,
            chunk_samples,
            durations,
            frame_bytes,
            at: Position::default(),
        }))
    }

    /// The length of all samples, and that of the first.
    pub(super) fn length(&mut self, media: &mut Media) -> io::Result<(u64, u64)> {
        let mut sum = 0_u64;
        let mut first = 0;
        let mut row = 0;
        while let Some([samples, duration]) = self.durations.row::<2>(media, row)? {
            if row == 0 {
                first = u64::from(duration);
            }
            sum = sum.saturating_add(u64::from(samples) * u64::from(duration));
            row += 1;
        }
        Ok((sum, first))
    }

    /// Whether samples of another description than the first are among them.
    pub(super) fn change_description(&mut self, media: &mut Media) -> io::Result<bool> {
        let mut row = 0;
        while let Some([_, _, description]) = self.chunk_samples.row::<3>(media, row)? {
            if description > 1 {
                return Ok(true);
            }
            row += 1;
        }
        Ok(false)
    }

    /// Begins the next chunk; false behind the last.
    fn next_chunk(&mut self, media: &mut Media) -> io::Result<bool> {
        let at = &mut self.at;
        let Some(offset) = self.chunks.entry(media, at.chunk)? else {
            return Ok(false);
        };
        at.offset = offset
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        at.chunk += 1;
        // Rows name the first chunk that they hold for, counted from one.
        while let Some([first, ..]) = self.chunk_samples.row::<3>(media, at.chunk_row + 1)?
            && u64::from(first) <= at.chunk
        {
            at.chunk_row += 1;
        }
        let row = self.chunk_samples.row::<3>(media, at.chunk_row)?;
        at.left = row.map_or(0, |[_, samples, _]| u64::from(samples));
        Ok(true)
    }

    /// Steps to a row of durations with samples left; the last row holds for all that follow.
    fn next_duration(&mut self, media: &mut Media) -> io::Result<()> {
        while self.at.equal == 0 {
            let Some([samples, duration]) = self.durations.row::<2>(media, self.at.duration_row)?
            else {
                self.at.equal = u64::MAX;
                break;
            };
            self.at.duration_row += 1;
            self.at.equal = u64::from(samples);
            if samples > 0 {
                self.at.duration = u64::from(duration);
            }
        }
        Ok(())
    }
}

fn read_sizes(
    boxes: &mut Boxes<'_>,
    stbl: &Range<u64>,
) -> std::result::Result<Option<Sizes>, DecodeError> {
    if let Some(body) = boxes.find(stbl, &[b"stsz"])? {
        let head = boxes.body(&body, 12)?;
        let words: Vec<u32> = head
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&word| u32::from_be_bytes(word))
            .collect();
        let &[_, bytes, samples] = &words[..] else {
            return Ok(None);
        };
        return Ok(Some(match bytes {
            0 => Sizes::Table(Table::read(boxes, &body, 8, 4)?),
            bytes => Sizes::Equal {
                bytes: u64::from(bytes),
                samples: u64::from(samples),
            },
        }));
    }
    let Some(body) = boxes.find(stbl, &[b"stz2"])? else {
        return Ok(None);
    };
    match boxes.body(&body, 8)?.get(7) {
        Some(&bits @ (8 | 16)) => {
            let table = Table::read(boxes, &body, 8, u64::from(bits / 8))?;
            Ok(Some(Sizes::Table(table)))
        }
        _ => Err(DecodeError::NoDecoder {
            codec: "mp4 with sizes of 4 bits".to_owned(),
        }),
    }
}

impl Index for Tables {
    fn next_place(&mut self, media: &mut Media) -> Result<Option<Place>> {
        while self.at.left == 0 {
            if !self.next_chunk(media)? {
                return Ok(None);
            }
        }
        let Some(size) = self.sizes.get(media, self.at.sample)? else {
            return Ok(None);
        };
        self.next_duration(media)?;
        let samples = match (self.frame_bytes, &self.sizes) {
            // QuickTime states the size of a single channel, or 1. A larger one is that of a packet.
            (Some(frame_bytes), Sizes::Equal { samples, .. }) if size <= frame_bytes => {
                let ahead = samples - self.at.sample;
                self.at.left.min(self.at.equal).min(MAX_PIECE).min(ahead)
            }
            _ => 1,
        };
        let bytes = samples * size.max(self.frame_bytes.unwrap_or(0));
        let place = Place {
            at: self.at.offset,
            bytes,
            start: self.at.time,
            samples: samples.saturating_mul(self.at.duration),
        };
        let at = &mut self.at;
        at.sample += samples;
        at.left -= samples;
        at.equal -= samples;
        at.time = at.time.saturating_add(place.samples);
        at.offset = at.offset.saturating_add(bytes);
        Ok(Some(place))
    }

    fn rewind(&mut self) {
        self.at = Position::default();
    }
}
