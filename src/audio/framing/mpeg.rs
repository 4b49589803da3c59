//! MPEG audio, layers I to III. A part ends where rate, channels or layer change, and where another
//! file begins, with an encoder's tag of its own.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::{Packet, PacketBuilder};
use symphonia::core::units::{Duration, Timestamp};

use super::encoder_tag::EncoderTag;
use super::mpeg_header::MpegHeader;
use super::sync::{Frames, Header};
use super::window::Window;
use super::{Parts, Tally};

/// The frames of a file.
pub(super) struct MpegParts {
    frames: Frames<MpegHeader>,
    part: Part,
    /// A frame that was read to know that a part begins.
    ahead: Option<Vec<u8>>,
    is_first_part: bool,
    tally: Tally,
}

struct Part {
    header: MpegHeader,
    tag: Option<EncoderTag>,
    track: Track,
    /// Frames before the next one.
    frames: u64,
}

impl MpegParts {
    /// The stream ahead; none where there is no frame.
    pub(super) fn open(window: Window) -> io::Result<Option<Self>> {
        let mut frames = Frames::new(window);
        let mut tally = Tally::default();
        let Some((header, frame)) = frames.next(&mut tally)? else {
            return Ok(None);
        };
        let tag = EncoderTag::read(&header, &frame);
        let part = Part::new(header, tag);
        tally.trim_source = part.trim_source();
        Ok(Some(Self {
            frames,
            part,
            ahead: tag.is_none().then_some(frame),
            is_first_part: true,
            tally,
        }))
    }

    /// Ends a part. What the first one lacks is seen by the length of its track.
    fn end_part(&mut self) {
        let Part { tag, frames, .. } = &self.part;
        if let Some((tag, promised)) = tag.and_then(|tag| Some((tag, u64::from(tag.frames?))))
            && promised > *frames
            && !self.is_first_part
        {
            self.tally.notes.push(format!(
                "the {} of a later part promises {promised} frames, {frames} are there",
                tag.source
            ));
        }
        self.is_first_part = false;
    }
}

impl Parts for MpegParts {
    fn track(&self) -> &Track {
        &self.part.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        let frame = match self.ahead.take() {
            Some(frame) => frame,
            None => {
                let Some((header, frame)) = self.frames.next(&mut self.tally)? else {
                    self.end_part();
                    return Ok(None);
                };
                let tag = EncoderTag::read(&header, &frame);
                if tag.is_some() || !header.is_like(&self.part.header) {
                    self.end_part();
                    self.part = Part::new(header, tag);
                    self.tally.trim_source = self.tally.trim_source.or(self.part.trim_source());
                    self.ahead = tag.is_none().then_some(frame);
                    return Err(Error::ResetRequired);
                }
                frame
            }
        };
        Ok(Some(self.part.packet(frame)))
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Part {
    fn new(header: MpegHeader, tag: Option<EncoderTag>) -> Self {
        let codec = match header.layer {
            1 => CODEC_ID_MP1,
            2 => CODEC_ID_MP2,
            _ => CODEC_ID_MP3,
        };
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(codec)
            .with_sample_rate(header.rate_hz)
            .with_channels(super::parts::layout(header.channels));
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params));
        if let Some(tag) = &tag
            && let Some(frames) = tag.frames
        {
            let cut = u64::from(tag.delay) + u64::from(tag.padding);
            let samples = u64::from(frames) * u64::from(header.samples());
            track.with_num_frames(samples.saturating_sub(cut));
        }
        Self {
            header,
            tag,
            track,
            frames: 0,
        }
    }

    fn trim_source(&self) -> Option<&'static str> {
        self.tag
            .filter(|tag| tag.delay > 0 || tag.padding > 0)
            .map(|tag| tag.source)
    }

    /// The next packet, with what is to be cut off it.
    fn packet(&mut self, frame: Vec<u8>) -> Packet {
        let samples = u64::from(self.header.samples());
        let from = self.frames * samples;
        self.frames += 1;
        let (mut start, mut end) = (0, 0);
        if let Some(tag) = self.tag {
            start = u64::from(tag.delay).saturating_sub(from).min(samples);
            // Frames that the tag does not count are sound.
            if let Some(promised) = tag.frames.map(u64::from)
                && self.frames <= promised
            {
                let sound_ends = (promised * samples).saturating_sub(u64::from(tag.padding));
                end = (from + samples)
                    .saturating_sub(sound_ends)
                    .min(samples - start);
            }
        }
        PacketBuilder::new()
            .track_id(0)
            .pts(Timestamp::new(i64::try_from(from).unwrap_or(i64::MAX)))
            .dur(Duration::new(samples - start - end))
            .data(frame)
            .trim_start(Duration::new(start))
            .trim_end(Duration::new(end))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{AT_44_100, AT_48_000, lame_file, mp3_frame, sums};

    #[test]
    fn each_of_two_files_has_its_own_delay_and_padding_cut_off() {
        let first = lame_file(AT_44_100, 2, 10, (576, 1_000));
        let second = lame_file(AT_44_100, 2, 5, (1_105, 2_000));
        for between in [&b""[..], b"ID3\x04\0\0\0\0\0\x02hi"] {
            let (parts, tally) = sums(&[&first[..], between, &second].concat());
            // The decoder's own delay is 529 samples, by which LAME's figures are too low and too high.
            assert_eq!(
                parts,
                [
                    [10, 11_520 - 1_105 - 471, 1_105, 471],
                    [5, 5_760 - 1_634 - 1_471, 1_634, 1_471]
                ]
            );
            assert_eq!((tally.losses, tally.skipped_bytes), (0, 0));
            assert_eq!(tally.trim_source, Some("LAME tag"));
        }
    }

    #[test]
    fn a_part_ends_where_rate_or_channels_change() {
        let bytes = [
            mp3_frame(AT_44_100, 2).repeat(4),
            mp3_frame(AT_48_000, 2).repeat(3),
            mp3_frame(AT_48_000, 1).repeat(2),
            b"TAG".to_vec(),
            vec![b' '; 125],
        ]
        .concat();
        let (parts, tally) = sums(&bytes);
        assert_eq!(
            parts,
            [
                [4, 4 * 1_152, 0, 0],
                [3, 3 * 1_152, 0, 0],
                [2, 2 * 1_152, 0, 0]
            ]
        );
        assert_eq!(tally, super::Tally::default());
    }

    #[test]
    fn junk_is_skipped_and_counted() {
        let frame = mp3_frame(AT_44_100, 2);
        // What looks like another frame in it is followed by none.
        let junk = [&[0x55; 100][..], &mp3_frame(AT_48_000, 1)[..200]].concat();
        let (parts, tally) = sums(&[frame.repeat(5), junk, frame.repeat(4)].concat());
        assert_eq!(parts, [[9, 9 * 1_152, 0, 0]]);
        assert_eq!((tally.losses, tally.skipped_bytes), (1, 300));
        // Before the first frame and behind the last one it is no loss.
        let (parts, tally) = sums(&[&frame[200..], &frame.repeat(4), &[0; 999]].concat());
        assert_eq!(parts, [[4, 4 * 1_152, 0, 0]]);
        assert_eq!((tally.losses, tally.skipped_bytes), (0, 217 + 999));
    }

    #[test]
    fn frames_beyond_those_that_the_tag_counts_are_kept() {
        let mut bytes = lame_file(AT_44_100, 1, 3, (576, 1_000));
        bytes.extend(mp3_frame(AT_44_100, 1).repeat(2));
        assert_eq!(sums(&bytes).0, [[5, 5 * 1_152 - 1_105 - 471, 1_105, 471]]);
    }

    #[test]
    fn a_later_part_that_is_cut_short_is_noted() {
        let file = lame_file(AT_44_100, 1, 3, (0, 0));
        let whole = [&file[..], &file].concat();
        let (parts, tally) = sums(&whole[..whole.len() - 500]);
        assert_eq!((parts[0][0], parts[1][0]), (3, 1));
        assert_eq!(
            tally.notes,
            ["the LAME tag of a later part promises 3 frames, 1 are there"]
        );
    }
}
