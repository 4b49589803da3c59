//! Streams of frames and pages that may change on the way: MPEG audio, ADTS, FLAC and Ogg.
//!
//! Such files can be put one behind the other, and are; and a stream that was recorded live has what
//! its sender sent. So each is read here as *parts*: a part has one rate, one number of channels, one
//! codec, and a start and an end of its own to be cut off. What is skipped on the way is counted.

mod adts;
mod encoder_tag;
mod flac;
mod flac_header;
mod mpeg;
mod mpeg_header;
mod ogg;
mod ogg_codec;
mod ogg_page;
mod parts;
mod sync;
#[cfg(test)]
pub(super) mod synthetic;
mod tags;
pub(super) mod vorbis;
mod window;

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use symphonia::core::errors::Error;

pub(super) use mpeg_header::has_mixed_blocks;
pub(super) use parts::{Parts, Tally};

use adts::AdtsParts;
use flac::FlacParts;
use mpeg::MpegParts;
use ogg::OggParts;
use tags::skip_tag;
use window::Window;

/// The parts of `file`, where it is one of these streams.
///
/// # Errors
/// Those of reading, and of a stream whose first part cannot be read.
pub(super) fn open(file: &File) -> Result<Option<Box<dyn Parts>>, Error> {
    let mut window = Window::new(reread(file, 0)?);
    while skip_tag(&mut window)? {}
    let start = window.position();
    let head = window.peek(4)?;
    match head.get(..4).unwrap_or_default() {
        b"fLaC" => return Ok(Some(Box::new(FlacParts::open(window)?))),
        b"OggS" => return Ok(Some(Box::new(OggParts::open(window)?))),
        b"RIFF" | b"FORM" | b"caff" | b"\x1a\x45\xdf\xa3" => return Ok(None),
        _ => {}
    }
    if let Some(parts) = MpegParts::open(window)? {
        return Ok(Some(Box::new(parts)));
    }
    let parts = AdtsParts::open(Window::new(reread(file, start)?))?;
    Ok(parts.map(|parts| Box::new(parts) as Box<dyn Parts>))
}

/// `file` from `position` on, by a handle of its own that shares the position in it.
fn reread(file: &File, position: u64) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(position))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::flac_header::Shape;
    use super::synthetic::{
        AT_44_100, adts_frame, file, flac_frame, flac_head, lame_file, ogg_page,
    };
    use super::*;

    /// A generator of pseudo-random numbers (SplitMix64).
    struct Seeded(u64);

    impl Seeded {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % limit as u64) as usize
        }
    }

    fn streams() -> [Vec<u8>; 4] {
        let shape = Shape {
            rate_hz: 44_100,
            channels: 2,
            bits: 16,
        };
        let mut flac = flac_head(shape, 3_840);
        flac.extend((0..20).flat_map(|number| flac_frame(shape, number, 9)));
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0".to_vec();
        let mut ogg = ogg_page(7, 0, 2, 0, &[head]);
        ogg.extend(ogg_page(7, 1, 0, 0, &[b"OpusTags".to_vec()]));
        for sequence in 2..12 {
            let packets = [vec![0xfc; 300], vec![0xfc; 255], vec![0xfc]];
            ogg.extend(ogg_page(
                7,
                sequence,
                0,
                2_880 * i64::from(sequence - 1),
                &packets,
            ));
        }
        [
            lame_file(AT_44_100, 2, 6, (576, 1_000)).repeat(2),
            [adts_frame(3, 2).repeat(20), adts_frame(4, 1).repeat(20)].concat(),
            flac,
            ogg,
        ]
    }

    #[test]
    fn whatever_is_damaged_ends_and_yields_no_more_than_is_there() {
        let streams = streams();
        for seed in 0..3_000 {
            let mut random = Seeded(seed);
            let mut bytes = streams[random.below(streams.len())].clone();
            for _ in 0..=random.below(6) {
                let at = random.below(bytes.len());
                let end = (at + random.below(60)).min(bytes.len());
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at..end].fill(0xff),
                    2 => drop(bytes.drain(at..end)),
                    _ => {
                        let piece = bytes[at..end].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            let Ok(Some(mut parts)) = open(&file(&bytes)) else {
                continue;
            };
            let mut sum = 0;
            let mut turns = 0;
            loop {
                turns += 1;
                assert!(turns <= 2 * bytes.len(), "{seed} does not end");
                match parts.next_packet() {
                    Ok(Some(packet)) => sum += packet.data.len(),
                    Err(Error::ResetRequired) => {}
                    Ok(None) | Err(_) => break,
                }
            }
            let skipped = parts.tally().skipped_bytes as usize;
            assert!(sum + skipped <= bytes.len(), "{seed}: {sum} and {skipped}");
        }
    }
}
