//! The headers of Vorbis (Vorbis I specification, section 4.2): what the durations of packets depend
//! on, and what decides who can decode them.

use symphonia::core::io::{BitReaderRtl, FiniteBitStream, ReadBitsRtl};

/// What an identification header begins with.
pub(in super::super) const IDENTIFICATION: &[u8] = b"\x01vorbis";
/// What a setup header begins with.
pub(in super::super) const SETUP: &[u8] = b"\x05vorbis";
const CODEBOOK_MARK: u32 = 0x56_4342;

/// Codebooks beyond this are none of an encoder, and would take much memory.
const MAX_DIMENSIONS: u32 = 32;
const MAX_ENTRIES: u32 = 1 << 17;

/// What is known of a stream by its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct VorbisHeaders {
    pub(in super::super) channels: u8,
    pub(super) rate_hz: u32,
    /// Samples of short and of long blocks.
    blocks: [u32; 2],
    /// Whether each mode has long blocks.
    modes: Vec<bool>,
    mappings: Vec<Mapping>,
    /// The kind of each residue.
    residues: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapping {
    /// The channels that each step couples.
    steps: Vec<[u32; 2]>,
    /// The submap of each channel.
    submaps: Vec<u32>,
    /// The residue of each submap.
    residues: Vec<u32>,
}

impl VorbisHeaders {
    /// Reads the headers, whatever is around and between them.
    pub(in super::super) fn read(headers: &[u8]) -> Option<Self> {
        let identification = &headers[find(headers, IDENTIFICATION)?..];
        let fields = identification.get(..29)?;
        let channels = fields[11];
        let rate_hz = u32::from_le_bytes([12, 13, 14, 15].map(|at| fields[at]));
        let blocks = [1 << (fields[28] & 0xf), 1 << (fields[28] >> 4)];
        let mut setup = Setup::new(&headers[find(headers, SETUP)? + SETUP.len()..]);
        setup.codebooks()?;
        setup.floors()?;
        let residues = setup.residues()?;
        let mappings = setup.mappings(channels)?;
        let modes = setup.modes()?;
        Some(Self {
            channels,
            rate_hz,
            blocks,
            modes,
            mappings,
            residues,
        })
    }

    /// Whether it matters in which order channels are decoupled, or packets interleave the partitions
    /// of several channels.
    pub(in super::super) fn are_intricate(&self) -> bool {
        const INTERLEAVED: u32 = 2;
        self.mappings.iter().any(|mapping| {
            let kinds = mapping
                .residues
                .iter()
                .map(|&residue| self.residues.get(residue as usize));
            let mut submaps = mapping.submaps.clone();
            submaps.sort_unstable();
            let shared = |submap: u32| submaps.iter().filter(|&&other| other == submap).count() > 1;
            mapping.depends_on_order()
                || (0..)
                    .zip(kinds)
                    .any(|(submap, kind)| kind != Some(&INTERLEAVED) && shared(submap))
        })
    }

    /// Samples of the block that `packet` holds; none where it holds no audio.
    pub(super) fn block(&self, packet: &[u8]) -> Option<u32> {
        let mut bits = BitReaderRtl::new(packet);
        if bits.read_bool().ok()? {
            return None;
        }
        let mode = bits
            .read_bits_leq32(width(self.modes.len() as u32 - 1))
            .ok()?;
        let is_long = *self.modes.get(mode as usize)?;
        Some(self.blocks[usize::from(is_long)])
    }
}

impl Mapping {
    fn depends_on_order(&self) -> bool {
        let mut seen = Vec::new();
        self.steps.iter().flatten().any(|channel| {
            let is_again = seen.contains(&channel);
            seen.push(channel);
            is_again
        })
    }
}

/// Reads a setup header, part by part.
struct Setup<'a> {
    bits: BitReaderRtl<'a>,
}

impl<'a> Setup<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bits: BitReaderRtl::new(bytes),
        }
    }

    fn take(&mut self, width: u32) -> Option<u32> {
        self.bits.read_bits_leq32(width).ok()
    }

    fn skip(&mut self, bits: u64) -> Option<()> {
        if bits > self.bits.bits_left() {
            return None;
        }
        self.bits.ignore_bits(u32::try_from(bits).ok()?).ok()
    }

    fn codebooks(&mut self) -> Option<()> {
        for _ in 0..=self.take(8)? {
            if self.take(24)? != CODEBOOK_MARK {
                return None;
            }
            let dimensions = self.take(16)?;
            let entries = self.take(24)?;
            if dimensions > MAX_DIMENSIONS || entries > MAX_ENTRIES {
                return None;
            }
            let is_ordered = self.take(1)? == 1;
            if is_ordered {
                self.skip(5)?;
                let mut entry = 0;
                while entry < entries {
                    entry += self.take(width(entries - entry))?;
                }
            } else if self.take(1)? == 1 {
                for _ in 0..entries {
                    if self.take(1)? == 1 {
                        self.skip(5)?;
                    }
                }
            } else {
                self.skip(5 * u64::from(entries))?;
            }
            let values = match self.take(4)? {
                0 => continue,
                1 => lattice_values(entries, dimensions)?,
                2 => u64::from(entries) * u64::from(dimensions),
                _ => return None,
            };
            self.skip(64)?;
            let value_bits = self.take(4)? + 1;
            self.skip(1 + values * u64::from(value_bits))?;
        }
        // Transforms in time, of which there are none.
        let transforms = self.take(6)? + 1;
        self.skip(16 * u64::from(transforms))
    }

    fn floors(&mut self) -> Option<()> {
        for _ in 0..=self.take(6)? {
            match self.take(16)? {
                0 => {
                    self.skip(8 + 16 + 16 + 6 + 8)?;
                    let books = self.take(4)? + 1;
                    self.skip(8 * u64::from(books))?;
                }
                1 => self.floor_of_lines()?,
                _ => return None,
            }
        }
        Some(())
    }

    fn floor_of_lines(&mut self) -> Option<()> {
        let partitions = self.take(5)?;
        let classes: Vec<u32> = (0..partitions)
            .map(|_| self.take(4))
            .collect::<Option<_>>()?;
        let mut dimensions = Vec::new();
        for _ in 0..classes.iter().max().map_or(0, |&most| most + 1) {
            dimensions.push(self.take(3)? + 1);
            let subclasses = self.take(2)?;
            let master = if subclasses > 0 { 8 } else { 0 };
            self.skip(master + (8 << subclasses))?;
        }
        self.skip(2)?;
        let width = self.take(4)?;
        for class in classes {
            self.skip(u64::from(dimensions[class as usize]) * u64::from(width))?;
        }
        Some(())
    }

    /// The kind of each.
    fn residues(&mut self) -> Option<Vec<u32>> {
        (0..=self.take(6)?)
            .map(|_| {
                let kind = self.take(16)?;
                self.skip(3 * 24)?;
                let classes = self.take(6)? + 1;
                self.skip(8)?;
                let mut books = 0;
                for _ in 0..classes {
                    books += self.take(3)?.count_ones();
                    if self.take(1)? == 1 {
                        books += self.take(5)?.count_ones();
                    }
                }
                self.skip(8 * u64::from(books))?;
                Some(kind)
            })
            .collect()
    }

    fn mappings(&mut self, channels: u8) -> Option<Vec<Mapping>> {
        let width = width(u32::from(channels).checked_sub(1)?);
        (0..=self.take(6)?)
            .map(|_| {
                if self.take(16)? != 0 {
                    return None;
                }
                let submaps = match self.take(1)? {
                    0 => 1,
                    _ => self.take(4)? + 1,
                };
                let steps = match self.take(1)? {
                    0 => 0,
                    _ => self.take(8)? + 1,
                };
                let steps = (0..steps)
                    .map(|_| Some([self.take(width)?, self.take(width)?]))
                    .collect::<Option<_>>()?;
                self.skip(2)?;
                let submap_of = (0..channels)
                    .map(|_| if submaps > 1 { self.take(4) } else { Some(0) })
                    .collect::<Option<_>>()?;
                let residues = (0..submaps)
                    .map(|_| {
                        self.skip(16)?;
                        self.take(8)
                    })
                    .collect::<Option<_>>()?;
                Some(Mapping {
                    steps,
                    submaps: submap_of,
                    residues,
                })
            })
            .collect()
    }

    fn modes(&mut self) -> Option<Vec<bool>> {
        (0..=self.take(6)?)
            .map(|_| {
                let is_long = self.take(1)? == 1;
                self.skip(16 + 16 + 8)?;
                Some(is_long)
            })
            .collect()
    }
}

/// Where a header of this kind begins.
pub(in super::super) fn find(headers: &[u8], mark: &[u8]) -> Option<usize> {
    headers
        .windows(mark.len())
        .position(|window| window == mark)
}

/// Bits that numbers up to `most` take.
fn width(most: u32) -> u32 {
    32 - most.leading_zeros()
}

/// The largest number whose power of `dimensions` is not over `entries`.
fn lattice_values(entries: u32, dimensions: u32) -> Option<u64> {
    if dimensions == 0 {
        return None;
    }
    let fits = |values: u64| {
        values
            .checked_pow(dimensions)
            .is_some_and(|power| power <= u64::from(entries))
    };
    let guess = f64::from(entries).powf(1.0 / f64::from(dimensions)) as u64;
    (guess.saturating_sub(1)..=guess + 1)
        .rev()
        .find(|&values| fits(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs (value, width) pairs, lowest bit first.
    fn pack(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|&(value, width)| (0..width).map(move |bit| (value >> bit & 1) as u8))
            .collect();
        bits.chunks(8)
            .map(|byte| (0..).zip(byte).fold(0, |all, (at, bit)| all | bit << at))
            .collect()
    }

    /// Headers of a stream with these coupling steps and a residue of this kind.
    fn headers(channels: u8, steps: &[[u32; 2]], residue: u32) -> Vec<u8> {
        let mut identification = b"\x01vorbis\0\0\0\0".to_vec();
        identification.push(channels);
        identification.extend(48_000_u32.to_le_bytes());
        identification.extend([0; 12]);
        identification.extend([0xb8, 1]);
        let width = width(u32::from(channels) - 1);
        let mut fields = vec![
            // Two codebooks: one whose entries are in order, and a sparse one with values.
            (1, 8),
            (CODEBOOK_MARK, 24),
            (1, 16),
            (2, 24),
            (1, 1),
            (0, 5),
            (2, 2),
            (0, 4),
            (CODEBOOK_MARK, 24),
            (2, 16),
            (9, 24),
            (0, 1),
            (1, 1),
        ];
        fields.extend([(1, 1), (3, 5), (0, 1)].repeat(4));
        fields.extend([(1, 1), (3, 5)]);
        // Three values of four bits, since three squared is nine.
        fields.extend([(1, 4), (0, 32), (0, 32), (3, 4), (0, 1), (0x123, 12)]);
        // A transform that is none; a floor with one partition; the residue.
        fields.extend([(0, 6), (0, 16)]);
        fields.extend([(0, 6), (1, 16), (1, 5), (0, 4), (1, 3), (1, 2), (0, 8)]);
        fields.extend([(0, 8), (0, 8), (0, 2), (7, 4), (1, 7), (2, 7)]);
        fields.extend([
            (0, 6),
            (residue, 16),
            (0, 24),
            (64, 24),
            (31, 24),
            (0, 6),
            (0, 8),
        ]);
        fields.extend([(1, 3), (1, 1), (1, 5), (0, 8), (0, 8)]);
        // The mapping, with its steps.
        fields.extend([(0, 6), (0, 16), (0, 1), (u32::from(!steps.is_empty()), 1)]);
        if !steps.is_empty() {
            fields.push((steps.len() as u32 - 1, 8));
        }
        fields.extend(steps.iter().flatten().map(|&channel| (channel, width)));
        fields.extend([(0, 2), (0, 8), (0, 8), (0, 8)]);
        // A mode of short blocks, and one of long ones.
        fields.extend([
            (1, 6),
            (0, 1),
            (0, 32),
            (0, 8),
            (1, 1),
            (0, 32),
            (0, 8),
            (1, 1),
        ]);
        [identification, SETUP.to_vec(), pack(&fields)].concat()
    }

    #[test]
    fn blocks_are_as_long_as_their_modes_say() {
        let read = VorbisHeaders::read(&headers(2, &[[0, 1]], 2)).unwrap();
        assert_eq!((read.channels, read.rate_hz), (2, 48_000));
        assert_eq!(read.block(&[0b00]), Some(256));
        assert_eq!(read.block(&[0b10]), Some(2_048));
        assert_eq!(read.block(&[0b01]), None);
        assert_eq!(read.block(&[]), None);
    }

    #[test]
    fn streams_that_need_care_are_known() {
        let intricate = |channels, steps: &[[u32; 2]], residue| {
            VorbisHeaders::read(&headers(channels, steps, residue))
                .unwrap()
                .are_intricate()
        };
        assert!(!intricate(1, &[], 1) && !intricate(2, &[], 2) && !intricate(2, &[[0, 1]], 2));
        assert!(!intricate(4, &[[0, 1], [2, 3]], 2));
        // A channel is coupled twice; two are not interleaved.
        assert!(intricate(6, &[[0, 2], [3, 4], [0, 1]], 2));
        assert!(intricate(2, &[], 1) && intricate(3, &[], 0));
    }

    #[test]
    fn damaged_headers_are_refused() {
        let whole = headers(6, &[[0, 2], [0, 1]], 2);
        assert!(VorbisHeaders::read(&whole).is_some());
        for end in 0..whole.len() - 1 {
            assert_eq!(VorbisHeaders::read(&whole[..end]), None, "{end}");
        }
        let mut of_no_channels = whole;
        of_no_channels[11] = 0;
        assert_eq!(VorbisHeaders::read(&of_no_channels), None);
    }

    #[test]
    fn lattices_have_the_largest_root() {
        for (entries, dimensions, values) in
            [(9, 2, 3), (8, 2, 2), (81, 4, 3), (1, 5, 1), (0, 1, 0)]
        {
            assert_eq!(lattice_values(entries, dimensions), Some(values));
        }
        assert_eq!(lattice_values(9, 0), None);
    }
}
