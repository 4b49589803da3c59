//! AAC in ADTS frames (ISO/IEC 14496-3 section 1.A.3.2). Nothing in it states the encoder's delay,
//! so none is cut off. A part ends where rate, channels or profile change.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::sync::{Frames, Header};
use super::window::Window;
use super::{Parts, Tally};

const RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// Samples of a channel in a frame.
const SAMPLES: u64 = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AdtsHeader {
    profile: u8,
    rate_index: u8,
    channel_configuration: u8,
    header_bytes: usize,
    frame_bytes: usize,
    /// Packets in the frame, less one.
    more_packets: u8,
}

impl Header for AdtsHeader {
    const BYTES: usize = 7;
    const MAX_FRAME_BYTES: usize = (1 << 13) - 1;

    fn read(bytes: &[u8]) -> Option<Self> {
        let &[0xff, b1, b2, b3, b4, b5, b6, ..] = bytes else {
            return None;
        };
        let header = Self {
            profile: b2 >> 6,
            rate_index: b2 >> 2 & 0xf,
            channel_configuration: (b2 & 1) << 2 | b3 >> 6,
            header_bytes: if b1 & 1 == 0 { 9 } else { 7 },
            frame_bytes: usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5),
            more_packets: b6 & 3,
        };
        let is_possible = b1 & 0xf6 == 0xf0
            && usize::from(header.rate_index) < RATES_HZ.len()
            && header.frame_bytes > header.header_bytes;
        is_possible.then_some(header)
    }

    fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.profile, self.rate_index, self.channel_configuration)
            == (other.profile, other.rate_index, other.channel_configuration)
    }
}

impl AdtsHeader {
    fn track(&self) -> Track {
        // AudioSpecificConfig: object type, rate, channels, and three flags that are off.
        let object_type = self.profile + 1;
        let config = [
            object_type << 3 | self.rate_index >> 1,
            self.rate_index << 7 | self.channel_configuration << 3,
        ];
        let channels = match self.channel_configuration {
            7 => 8,
            channels => channels,
        };
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_AAC)
            .with_sample_rate(RATES_HZ[usize::from(self.rate_index)])
            .with_extra_data(Box::new(config));
        if channels > 0 {
            params.with_channels(super::parts::layout(channels));
        }
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(params));
        track
    }
}

/// The frames of a file.
pub(super) struct AdtsParts {
    frames: Frames<AdtsHeader>,
    header: AdtsHeader,
    track: Track,
    /// A frame that was read to know that a part begins.
    ahead: Option<Vec<u8>>,
    packets: u64,
    tally: Tally,
}

impl AdtsParts {
    /// The stream ahead; none where there is no frame.
    pub(super) fn open(window: Window) -> io::Result<Option<Self>> {
        let mut frames = Frames::new(window);
        let mut tally = Tally::default();
        let Some((header, frame)) = frames.next(&mut tally)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            frames,
            header,
            track: header.track(),
            ahead: Some(frame),
            packets: 0,
            tally,
        }))
    }
}

impl Parts for AdtsParts {
    fn track(&self) -> &Track {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        let mut frame = match self.ahead.take() {
            Some(frame) => frame,
            None => {
                let Some((header, frame)) = self.frames.next(&mut self.tally)? else {
                    return Ok(None);
                };
                if !header.is_like(&self.header) {
                    self.header = header;
                    self.track = header.track();
                    self.ahead = Some(frame);
                    return Err(Error::ResetRequired);
                }
                self.header = header;
                frame
            }
        };
        if self.header.more_packets > 0 {
            return Err(Error::Unsupported("adts: several packets in a frame"));
        }
        if self.header.channel_configuration == 0 {
            return Err(Error::Unsupported("adts: channels described in packets"));
        }
        frame.drain(..self.header.header_bytes);
        let at = self.packets * SAMPLES;
        self.packets += 1;
        Ok(Some(Packet::new(
            0,
            Timestamp::new(i64::try_from(at).unwrap_or(i64::MAX)),
            Duration::new(SAMPLES),
            frame,
        )))
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{adts_frame, file, sums};
    use super::*;

    #[test]
    fn headers_are_read() {
        // AAC-LC, 44.1 kHz, stereo, 371 bytes.
        let header = AdtsHeader::read(&[0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc]).unwrap();
        assert_eq!(
            (
                header.profile,
                header.rate_index,
                header.channel_configuration
            ),
            (1, 4, 2)
        );
        assert_eq!((header.header_bytes, header.frame_bytes), (7, 371));
        assert_eq!(AdtsHeader::read(&[0xff, 0xfb, 0x90, 0x64, 0, 0, 0]), None);
        assert_eq!(
            AdtsHeader::read(&[0xff, 0xf1, 0x7c, 0x80, 0x2e, 0x7f, 0xfc]),
            None
        );
        assert_eq!(
            AdtsHeader::read(&[0xff, 0xf1, 0x50, 0x80, 0, 0xff, 0xfc]),
            None
        );
    }

    #[test]
    fn a_part_ends_where_rate_or_channels_change() {
        let bytes = [
            adts_frame(3, 2).repeat(4),
            adts_frame(4, 2).repeat(3),
            adts_frame(4, 1).repeat(2),
        ]
        .concat();
        let (parts, tally) = sums(&bytes);
        assert_eq!(
            parts,
            [[4, 4_096, 0, 0], [3, 3_072, 0, 0], [2, 2_048, 0, 0]]
        );
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn what_the_decoder_would_not_understand_is_refused() {
        let mut several = adts_frame(3, 2);
        several[6] |= 1;
        let mut described = adts_frame(3, 2);
        described[3] &= 0x3f;
        for frame in [several, described] {
            let mut stream = super::super::open(&file(&frame.repeat(4)))
                .unwrap()
                .unwrap();
            assert!(matches!(stream.next_packet(), Err(Error::Unsupported(_))));
        }
    }
}
