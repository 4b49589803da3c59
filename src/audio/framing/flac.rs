//! FLAC (RFC 9639) that is not in a container. Of the metadata only STREAMINFO is read, so that damage
//! in the rest costs nothing. A part ends where another file begins, or a frame of another shape.
//!
//! A frame does not state its length. It ends where its checksum is right and something else begins:
//! a frame, a file, a tag or nothing.

use symphonia::core::checksum::Crc16Ansi;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::io::Monitor;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::flac_header::{FlacHeader, Shape};
use super::tags::{is_tag, skip_tag};
use super::window::Window;
use super::{Parts, Tally};

const MARK: &[u8] = b"fLaC";
/// A length that no frame exceeds: all samples as they are, and their headers.
const MAX_FRAME_BYTES: usize = 65_535 * 8 * 4 + 1_024;
/// No frame is shorter.
const MIN_FRAME_BYTES: usize = 9;
/// The look ahead that finds the end of most frames.
const FIRST_LOOK_BYTES: usize = 16 * 1024;

/// The frames of a file.
pub(super) struct FlacParts {
    window: Window,
    /// What STREAMINFO says.
    stated: Shape,
    shape: Shape,
    track: Track,
    samples: u64,
    /// Whether no frame was followed by anything but a frame.
    is_usual: bool,
    tally: Tally,
}

/// How a frame ends.
enum End {
    /// Here, and its checksum is right.
    Right(usize),
    /// Here another begins, or the file ends, but its checksum is wrong.
    Wrong(usize),
}

impl FlacParts {
    /// The stream that `window` begins with.
    pub(super) fn open(window: Window) -> Result<Self, Error> {
        let nothing = Shape {
            rate_hz: 0,
            channels: 1,
            bits: 16,
        };
        let mut parts = Self {
            window,
            stated: nothing,
            shape: nothing,
            track: Track::new(0),
            samples: 0,
            is_usual: true,
            tally: Tally::default(),
        };
        parts.begin_file()?;
        Ok(parts)
    }

    /// Reads what comes before the frames of a file.
    fn begin_file(&mut self) -> Result<(), Error> {
        self.window.skip(MARK.len() as u64)?;
        let head = self.window.peek(4 + Shape::BLOCK_BYTES)?;
        let block = head.get(4..).unwrap_or_default();
        let Some((stated, samples)) = Shape::read(block).filter(|_| head[0] & 0x7f == 0) else {
            return Err(Error::DecodeError(
                "flac: the stream does not say what it is",
            ));
        };
        self.stated = stated;
        self.skip_metadata()?;
        let first = FlacHeader::read(self.window.peek(FlacHeader::MAX_BYTES)?);
        self.shape = first.map_or(stated, |first| first.shape(stated));
        self.begin_part(samples);
        Ok(())
    }

    /// Skips metadata blocks, as long as each ends where another or a frame begins.
    fn skip_metadata(&mut self) -> Result<(), Error> {
        loop {
            let head = self.window.peek(4)?;
            let &[kind, a, b, c, ..] = head else {
                return Ok(());
            };
            let bytes = 4 + u32::from_be_bytes([0, a, b, c]) as usize;
            let behind = self.window.peek(bytes + FlacHeader::MAX_BYTES)?;
            let behind = behind.get(bytes..).unwrap_or_default();
            let is_last = kind & 0x80 != 0;
            let leads_on = match behind.first() {
                None => false,
                Some(0xff) => FlacHeader::read(behind).is_some(),
                Some(next) => !is_last && next & 0x7f <= 6,
            };
            if !leads_on {
                // What is damaged is passed over in the search for the first frame.
                self.window.skip(4)?;
                self.tally
                    .notes
                    .push("its metadata is damaged: passed over".to_owned());
                return Ok(());
            }
            self.window.skip(bytes as u64)?;
            if is_last || behind_is_frame(self.window.peek(1)?) {
                return Ok(());
            }
        }
    }

    fn begin_part(&mut self, samples: Option<u64>) {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_FLAC)
            .with_sample_rate(self.shape.rate_hz)
            .with_bits_per_sample(u32::from(self.shape.bits))
            .with_channels(super::parts::layout(self.shape.channels))
            .with_extra_data(self.shape.block());
        self.track = Track::new(0);
        self.track.with_codec_params(CodecParameters::Audio(params));
        if let Some(samples) = samples {
            self.track.with_num_frames(samples);
        }
    }

    /// Moves to the next frame or file. False at the end.
    fn search(&mut self) -> Result<bool, Error> {
        while skip_tag(&mut self.window)? {}
        let from = self.window.position();
        let is_first = self.samples == 0;
        let found = loop {
            let ahead = self.window.peek(FlacHeader::MAX_BYTES)?;
            if ahead.is_empty() {
                break false;
            }
            let begins = |at: &usize| begins_something(&ahead[*at..]) || is_tag(&ahead[*at..]);
            let next = (0..ahead.len()).find(begins);
            // The end may begin something.
            let empty = ahead.len().saturating_sub(FlacHeader::MAX_BYTES).max(1);
            match next {
                Some(0) if !is_tag(ahead) => break true,
                Some(0) => {
                    skip_tag(&mut self.window)?;
                }
                next => self.window.skip(next.unwrap_or(empty) as u64)?,
            }
        };
        let skipped = self.window.position() - from;
        if found && skipped > 0 && !is_first {
            self.tally.losses += 1;
        }
        self.tally.skipped_bytes += skipped;
        Ok(found)
    }

    /// Where the frame that begins here ends; none where nothing says so.
    fn frame_end(&mut self, header: &FlacHeader) -> Result<Option<End>, Error> {
        // Mostly another frame follows each, which is found faster. Once that is not so it may never be.
        if self.is_usual
            && let Some(End::Right(end)) = self.end_before(header, |byte| byte == 0xff)?
        {
            return Ok(Some(End::Right(end)));
        }
        let may_begin = |byte| matches!(byte, 0xff | b'f' | b'I' | b'T' | b'A');
        let end = self.end_before(header, may_begin)?;
        self.is_usual &= !matches!(end, Some(End::Right(_)));
        Ok(end)
    }

    /// Where the frame ends, if what follows begins with such a byte.
    fn end_before(
        &mut self,
        header: &FlacHeader,
        may_begin: impl Fn(u8) -> bool,
    ) -> Result<Option<End>, Error> {
        let mut checksum = Crc16Ansi::new(0);
        let (mut summed, mut at, mut look) = (0, MIN_FRAME_BYTES, FIRST_LOOK_BYTES);
        loop {
            let ahead = self.window.peek(look)?;
            let is_end = ahead.len() < look;
            let until = match is_end {
                true => ahead.len(),
                false => ahead.len() - FlacHeader::MAX_BYTES,
            };
            while at < until {
                let Some(step) = ahead[at..until].iter().position(|&byte| may_begin(byte)) else {
                    at = until;
                    break;
                };
                at += step;
                let here = &ahead[at..];
                if begins_something(here) || is_tag(here) {
                    checksum.process_buf_bytes(&ahead[summed..at]);
                    summed = at;
                    if checksum.crc() == 0 {
                        return Ok(Some(End::Right(at)));
                    }
                    if FlacHeader::read(here).is_some_and(|next| next.is_soon_after(header)) {
                        return Ok(Some(End::Wrong(at)));
                    }
                }
                at += 1;
            }
            if is_end {
                checksum.process_buf_bytes(&ahead[summed..]);
                let end = ahead.len();
                return Ok(Some(match checksum.crc() {
                    0 => End::Right(end),
                    _ => End::Wrong(end),
                }));
            }
            if look > MAX_FRAME_BYTES {
                return Ok(None);
            }
            look *= 4;
        }
    }
}

/// Whether a frame or a file begins here.
fn begins_something(bytes: &[u8]) -> bool {
    match bytes.first() {
        Some(0xff) => FlacHeader::read(bytes).is_some(),
        Some(b'f') => bytes.starts_with(MARK) && bytes.get(4).is_some_and(|kind| kind & 0x7f == 0),
        _ => false,
    }
}

fn behind_is_frame(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0xff)
}

impl Parts for FlacParts {
    fn track(&self) -> &Track {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            if !self.search()? {
                return Ok(None);
            }
            let ahead = self.window.peek(FlacHeader::MAX_BYTES)?;
            if ahead.starts_with(MARK) {
                if self.begin_file().is_ok() {
                    return Err(Error::ResetRequired);
                }
                self.tally.losses += 1;
                continue;
            }
            let Some(header) = FlacHeader::read(ahead) else {
                continue;
            };
            let shape = header.shape(self.stated);
            let end = match self.frame_end(&header)? {
                Some(End::Right(end)) => end,
                // At the end of the file a frame may have junk behind it, which a decoder ignores.
                Some(End::Wrong(end)) if self.window.peek(end + 1)?.len() == end => end,
                wrong => {
                    let bytes = match wrong {
                        Some(End::Wrong(end)) => end,
                        _ => MAX_FRAME_BYTES,
                    };
                    self.window.skip(bytes as u64)?;
                    self.tally.skipped_bytes += bytes as u64;
                    self.tally.losses += 1;
                    continue;
                }
            };
            if shape != self.shape {
                self.shape = shape;
                self.begin_part(None);
                return Err(Error::ResetRequired);
            }
            let Some(frame) = self.window.take(end)? else {
                return Ok(None);
            };
            let from = self.samples;
            self.samples += u64::from(header.samples);
            return Ok(Some(Packet::new(
                0,
                Timestamp::new(i64::try_from(from).unwrap_or(i64::MAX)),
                Duration::new(u64::from(header.samples)),
                frame,
            )));
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{flac_frame, flac_head, parts_of, sums};
    use super::*;

    const CD: Shape = Shape {
        rate_hz: 44_100,
        channels: 2,
        bits: 16,
    };
    const NARROW: Shape = Shape {
        rate_hz: 16_000,
        channels: 1,
        bits: 16,
    };

    fn frames(shape: Shape, count: u8) -> Vec<u8> {
        (0..count)
            .flat_map(|number| flac_frame(shape, number, 1_000 + i16::from(number)))
            .collect()
    }

    fn stream(shape: Shape, count: u8) -> Vec<u8> {
        [
            flac_head(shape, 192 * u32::from(count)),
            frames(shape, count),
        ]
        .concat()
    }

    #[test]
    fn parts_end_where_files_do_and_where_frames_change() {
        let bytes = [
            stream(CD, 3),
            b"ID3\x04\0\0\0\0\0\x02hi".to_vec(),
            stream(NARROW, 2),
            frames(CD, 4),
        ]
        .concat();
        let (parts, tally) = sums(&bytes);
        assert_eq!(parts, [[3, 576, 0, 0], [2, 384, 0, 0], [4, 768, 0, 0]]);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn tags_around_a_stream_are_no_part_of_it() {
        let bytes = [
            b"ID3\x04\0\0\0\0\0\x02hi".to_vec(),
            stream(CD, 3),
            b"TAG".to_vec(),
            vec![b' '; 125],
        ]
        .concat();
        let (parts, stream) = parts_of(&bytes);
        let last = parts[0].last().unwrap();
        assert_eq!(*last.data, flac_frame(CD, 2, 1_002));
        assert_eq!(*stream.tally(), Tally::default());
        assert_eq!(stream.track().num_frames, Some(576));
    }

    #[test]
    fn metadata_is_skipped_and_passed_over_where_it_is_damaged() {
        let blocks = [
            &b"\x05\0\0\x08cuesheet"[..],
            b"\x06\0\0\x04\xff\xf8\xc9\x18",
            b"\x81\0\0\x02\0\0",
        ]
        .concat();
        let mut head = flac_head(CD, 0);
        head[4] = 0;
        let whole = [head.clone(), blocks.clone(), frames(CD, 3)].concat();
        let (parts, tally) = sums(&whole);
        assert_eq!((parts[0][0], tally), (3, Tally::default()));
        for (at, byte) in [(43, 0xff), (45, 0x30), (55, 0xff), (62, 0xff)] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            let (parts, tally) = sums(&damaged);
            assert_eq!((parts[0][0], tally.losses), (3, 0), "{at}");
            assert_eq!(tally.notes.len(), 1, "{at}");
        }
    }

    #[test]
    fn a_damaged_frame_is_left_out_and_counted() {
        let mut bytes = stream(CD, 5);
        let frame = flac_frame(CD, 2, 1_002);
        let at = bytes
            .windows(frame.len())
            .position(|window| window == frame);
        bytes[at.unwrap() + 8] ^= 0x10;
        let (parts, tally) = sums(&bytes);
        assert_eq!(parts, [[4, 768, 0, 0]]);
        assert_eq!((tally.losses, tally.skipped_bytes), (1, frame.len() as u64));
    }

    #[test]
    fn limits_that_the_header_states_wrongly_are_not_believed() {
        let mut bytes = stream(CD, 3);
        bytes[8..12].copy_from_slice(&[0, 0, 0, 16]);
        bytes[12..18].copy_from_slice(&[0, 0, 1, 0, 0, 2]);
        assert_eq!(sums(&bytes).0, [[3, 576, 0, 0]]);
    }

    #[test]
    fn what_does_not_say_what_it_is_is_refused() {
        assert!(
            super::super::open(&super::super::synthetic::file(b"fLaC\x84\0\0\x04abcd")).is_err()
        );
    }
}
