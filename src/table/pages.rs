//! What the pages of a Parquet file unpack to: read from their headers before any of them is unpacked, since a few
//! bytes may unpack to more than memory holds.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::TableError;
use super::failure::io_error;

/// Most bytes of the pages that are unpacked at a time, of each column its dictionary and two more: together, and beyond
/// that for each column, whose pages are commonly of a megabyte.
const MAX_PAGES: u64 = 128 * 1024 * 1024;
const MAX_PAGES_OF_COLUMN: u64 = 4 * 1024 * 1024;
/// Most bytes of the pages that a batch of rows keeps in memory.
const MAX_BATCH: u64 = 64 * 1024 * 1024;
/// What a page begins with in LZ4's format of frames.
const LZ4_FRAME: u32 = 0x184d_2204;
/// Most bytes that one of LZ4's unpacks to.
const LZ4_RATIO: u64 = 255;
/// Most structs within each other in a page's header.
const MAX_DEPTH: u8 = 8;

/// How many rows of these columns (by their place among the leaves of the schema) can be read at a time.
///
/// # Errors
/// Pages that are too large, or whose headers cannot be read.
pub(super) fn rows_at_a_time(
    path: &Path,
    file: &File,
    metadata: &ParquetMetaData,
    columns: &[usize],
) -> Result<usize, TableError> {
    let (mut pages, mut per_row) = (0, 0);
    let limit = MAX_PAGES + MAX_PAGES_OF_COLUMN * columns.len() as u64;
    for &column in columns {
        let mut sizes = Sizes {
            limit,
            // That of a value of fixed length, of which a row may repeat any.
            per_row: u64::try_from(
                metadata
                    .file_metadata()
                    .schema_descr()
                    .column(column)
                    .type_length(),
            )
            .unwrap_or(0),
            ..Sizes::default()
        };
        for group in metadata.row_groups() {
            let walked = sizes.walk(file, group.column(column));
            walked.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => TableError::Parquet {
                    path: path.display().to_string(),
                    reason: format!("the pages of column {column}: {error}"),
                },
                _ => io_error(path)(error),
            })?;
            if sizes.unpacked() > limit {
                break;
            }
        }
        pages += sizes.unpacked();
        per_row += sizes.per_row;
    }
    if pages > limit {
        return Err(TableError::TooLarge {
            path: path.display().to_string(),
            what: "pages",
            bytes: pages,
            limit,
        });
    }
    Ok(usize::try_from(MAX_BATCH / per_row.max(1)).map_or(usize::MAX, |rows| rows.max(1)))
}

/// The largest pages of a column.
#[derive(Default)]
struct Sizes {
    /// Where pages are larger than this, the others do not matter.
    limit: u64,
    dictionary: u64,
    largest: [u64; 2],
    /// Most bytes of a page for each of its rows.
    per_row: u64,
}

impl Sizes {
    fn unpacked(&self) -> u64 {
        self.dictionary + self.largest[0] + self.largest[1]
    }

    /// Takes in the pages of a chunk, up to one that is too large.
    fn walk(&mut self, file: &File, chunk: &ColumnChunkMetaData) -> io::Result<()> {
        let (start, mut left) = chunk.byte_range();
        let mut file = BufReader::with_capacity(4096, file);
        file.seek(SeekFrom::Start(start))?;
        while left > 0 && self.unpacked() <= self.limit {
            let mut reader = Thrift {
                from: &mut file,
                read: 0,
            };
            let header = Header::read(&mut reader)?;
            left = left
                .checked_sub(reader.read)
                .ok_or_else(|| invalid("it ends within a header"))?;
            left = left
                .checked_sub(header.packed)
                .ok_or_else(|| invalid("a page is longer than its column"))?;
            self.take_in(&header);
            if self.unpacked() > self.limit {
                return Ok(());
            }
            let mut page = (&mut file).take(header.packed);
            if header.is_packed {
                check_packed(&mut page, chunk.compression(), &header)?;
            }
            let unread = page.limit();
            file.seek_relative(i64::try_from(unread).map_err(|_| invalid("a page is too long"))?)?;
        }
        Ok(())
    }

    fn take_in(&mut self, header: &Header) {
        let bytes = header.unpacked.max(header.packed);
        match header.kind {
            Header::DICTIONARY => self.dictionary = self.dictionary.max(bytes),
            _ => {
                self.largest[1] = self.largest[1].max(bytes.min(self.largest[0]));
                self.largest[0] = self.largest[0].max(bytes);
                let per_row = match header.encoding {
                    // Each value may repeat what the one before it begins with.
                    Header::DELTA_BYTE_ARRAY => bytes,
                    _ => bytes.div_ceil(header.rows.max(1)),
                };
                self.per_row = self.per_row.max(per_row);
            }
        }
    }
}

/// Whether a page unpacks to no more than its header says, where its codec goes on regardless.
fn check_packed(page: &mut impl Read, codec: Compression, header: &Header) -> io::Result<()> {
    let mut levels = page.take(header.levels);
    io::copy(&mut levels, &mut io::sink())?;
    let most = header.unpacked.saturating_sub(header.levels);
    let unpacked = |from: &mut dyn Read| io::copy(&mut from.take(most + 1), &mut io::sink());
    let unpacked = match codec {
        Compression::GZIP(_) => unpacked(&mut flate2::read::MultiGzDecoder::new(page))?,
        Compression::BROTLI(_) => unpacked(&mut brotli::Decompressor::new(page, 4096))?,
        Compression::LZ4 => {
            let mut begin = [0; 4];
            let is_frame =
                page.read_exact(&mut begin).is_ok() && u32::from_le_bytes(begin) == LZ4_FRAME;
            match is_frame && header.packed.saturating_mul(LZ4_RATIO) > MAX_PAGES {
                true => most + 1,
                false => 0,
            }
        }
        _ => 0,
    };
    match unpacked > most {
        true => Err(invalid("a page unpacks to more than its header says")),
        false => Ok(()),
    }
}

/// What the header of a page says.
#[derive(Default)]
struct Header {
    kind: i64,
    /// Bytes in the file.
    packed: u64,
    /// Bytes in memory.
    unpacked: u64,
    rows: u64,
    encoding: i64,
    /// Bytes before what is packed.
    levels: u64,
    is_packed: bool,
}

impl Header {
    const DICTIONARY: i64 = 2;
    const DELTA_BYTE_ARRAY: i64 = 7;

    fn read(from: &mut Thrift<'_, impl Read>) -> io::Result<Header> {
        let (mut header, mut sizes) = (Header::default(), [None; 2]);
        header.is_packed = true;
        let mut levels = [0; 2];
        from.fields(
            0,
            0,
            &mut |depth, within, id, value| match (depth, within, id) {
                (0, _, 1) => header.kind = value,
                (0, _, 2) => sizes[0] = Some(value),
                (0, _, 3) => sizes[1] = Some(value),
                (1, 5 | 8, 1) => header.rows = u64::try_from(value).unwrap_or(0),
                (1, 5, 2) | (1, 8, 4) => header.encoding = value,
                (1, 8, 5) => levels[0] = value,
                (1, 8, 6) => levels[1] = value,
                (1, 8, 7) => header.is_packed = value != 0,
                _ => {}
            },
        )?;
        let [Some(unpacked), Some(packed)] = sizes else {
            return Err(invalid("a header without sizes"));
        };
        let size = |value: i64| u64::try_from(value).map_err(|_| invalid("a negative size"));
        header.levels = size(levels[0])?.saturating_add(size(levels[1])?);
        Ok(Header {
            packed: size(packed)?,
            unpacked: size(unpacked)?,
            ..header
        })
    }
}

/// Reads Thrift's compact protocol, in which the headers are written.
struct Thrift<'a, R> {
    from: &'a mut R,
    read: u64,
}

impl<R: Read> Thrift<'_, R> {
    /// Reads a struct, and gives each number in it and in those within to `take`: how deep it is, the id of the struct
    /// that it is in, its own id, and the number.
    fn fields(
        &mut self,
        depth: u8,
        within: i64,
        take: &mut dyn FnMut(u8, i64, i64, i64),
    ) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(invalid("a header of too many parts"));
        }
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.number()?,
                more => i64::from(more) + id,
            };
            match head & 15 {
                1 => take(depth, within, id, 1),
                2 => take(depth, within, id, 0),
                4..=6 => {
                    let value = self.number()?;
                    take(depth, within, id, value);
                }
                12 => self.fields(depth + 1, id, take)?,
                kind => self.skip(kind)?,
            }
        }
    }

    fn skip(&mut self, kind: u8) -> io::Result<()> {
        let bytes = match kind {
            3 => 1,
            7 => 8,
            8 => self.varint()?,
            _ => return Err(invalid("a header of another kind")),
        };
        let skipped = io::copy(&mut self.from.take(bytes), &mut io::sink())?;
        self.read += skipped;
        match skipped == bytes {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(invalid("a number that does not end"))
    }

    fn number(&mut self) -> io::Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A page of zeros, as a codec packs it.
    fn packed(codec: Compression, bytes: usize) -> Vec<u8> {
        let zeros = vec![0; bytes];
        let mut packed = Vec::new();
        match codec {
            Compression::GZIP(_) => {
                let mut writer =
                    flate2::write::GzEncoder::new(&mut packed, flate2::Compression::new(6));
                writer.write_all(&zeros).unwrap();
                writer.finish().unwrap();
            }
            _ => {
                let mut writer = brotli::CompressorWriter::new(&mut packed, 4096, 5, 20);
                writer.write_all(&zeros).unwrap();
            }
        }
        packed
    }

    #[test]
    fn a_page_must_not_unpack_to_more_than_its_header_says() {
        for codec in [
            Compression::GZIP(Default::default()),
            Compression::BROTLI(Default::default()),
        ] {
            let page = packed(codec, 1_000_000);
            assert!(page.len() < 10_000, "{codec:?}");
            let check = |unpacked| {
                let header = Header {
                    packed: page.len() as u64,
                    unpacked,
                    ..Header::default()
                };
                check_packed(&mut &page[..], codec, &header)
            };
            assert!(check(1_000_000).is_ok(), "{codec:?}");
            let said = check(999_999).unwrap_err().to_string();
            assert!(said.contains("more than its header says"), "{said}");
        }
    }

    #[test]
    fn a_header_is_read_whatever_else_is_in_it() {
        // A data page: sizes 1000 and 300, and in the struct 5: 7 values of encoding 7, statistics with a text.
        let data = [
            0x15, 0x00, 0x15, 0xd0, 0x0f, 0x15, 0xd8, 0x04, 0x2c, 0x15, 0x0e, 0x15, 0x0e, 0x15,
            0x06, 0x15, 0x06, 0x1c, 0x18, 0x02, b'a', b'b', 0x16, 0x04, 0x00, 0x00, 0x00,
        ];
        let mut thrift = Thrift {
            from: &mut &data[..],
            read: 0,
        };
        let header = Header::read(&mut thrift).unwrap();
        assert_eq!(thrift.read, data.len() as u64);
        assert_eq!(
            (header.unpacked, header.packed, header.rows, header.encoding),
            (1000, 300, 7, 7)
        );
        for wrong in [
            &[0x15, 0x00, 0x00][..],
            &[0x15],
            &[0x1c; 40],
            &[0x15, 0x00, 0x15, 0x01, 0x15, 0x01, 0x00],
            &[0x19],
        ] {
            let mut thrift = Thrift {
                from: &mut &wrong[..],
                read: 0,
            };
            assert!(Header::read(&mut thrift).is_err(), "{wrong:?}");
        }
    }
}
