//! What of a logical stream in Ogg is headers, what it is, and how long its packets last: Opus
//! (RFC 7845), Vorbis and FLAC.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};

use super::flac_header::{FlacHeader, Shape};
use super::vorbis::VorbisHeaders;
use crate::audio::opus;

/// A kind of stream, with what its headers said so far.
pub(super) enum OggCodec {
    Opus {
        head: Vec<u8>,
    },
    Vorbis {
        identification: Vec<u8>,
        headers: Option<(VorbisHeaders, Vec<u8>)>,
        block_before: Option<u32>,
    },
    Flac {
        block: Vec<u8>,
        shape: Shape,
    },
}

impl OggCodec {
    /// What begins with this packet.
    pub(super) fn of(first: &[u8]) -> Option<Self> {
        if first.starts_with(b"OpusHead") {
            return Some(Self::Opus {
                head: first.to_vec(),
            });
        }
        if first.starts_with(b"\x01vorbis") {
            return Some(Self::Vorbis {
                identification: first.to_vec(),
                headers: None,
                block_before: None,
            });
        }
        // Mark, version, number of headers; then the start of a FLAC file.
        let block = first
            .strip_prefix(b"\x7fFLAC")?
            .get(4..)?
            .strip_prefix(b"fLaC")?
            .get(4..)?;
        let (shape, _) = Shape::read(block)?;
        Some(Self::Flac {
            block: block.get(..Shape::BLOCK_BYTES)?.to_vec(),
            shape,
        })
    }

    /// Whether `packet` is a header, which is kept where it is needed.
    pub(super) fn takes_header(&mut self, packet: &[u8]) -> bool {
        match self {
            Self::Opus { .. } => packet.starts_with(b"OpusHead") || packet.starts_with(b"OpusTags"),
            Self::Vorbis {
                identification,
                headers,
                ..
            } => {
                if packet.starts_with(b"\x05vorbis") && headers.is_none() {
                    let both = [identification, packet].concat();
                    *headers = VorbisHeaders::read(&both).map(|read| (read, both));
                }
                packet.first().is_some_and(|kind| kind & 1 == 1)
            }
            Self::Flac { .. } => packet.first() != Some(&0xff),
        }
    }

    /// What a decoder has to know; none before the headers are complete.
    pub(super) fn params(&self) -> Option<AudioCodecParameters> {
        let mut params = AudioCodecParameters::new();
        match self {
            Self::Opus { head } => params
                .for_codec(CODEC_ID_OPUS)
                .with_sample_rate(opus::RATE_HZ)
                .with_channels(super::parts::layout(*head.get(9)?))
                .with_extra_data(head.clone().into()),
            Self::Vorbis { headers, .. } => {
                let (read, both) = headers.as_ref()?;
                params
                    .for_codec(CODEC_ID_VORBIS)
                    .with_sample_rate(read.rate_hz)
                    .with_channels(super::parts::layout(read.channels))
                    .with_extra_data(both.clone().into())
            }
            Self::Flac { block, shape } => params
                .for_codec(CODEC_ID_FLAC)
                .with_sample_rate(shape.rate_hz)
                .with_bits_per_sample(u32::from(shape.bits))
                .with_channels(super::parts::layout(shape.channels))
                .with_extra_data(block.clone().into()),
        };
        Some(params)
    }

    /// Samples of a channel that `packet` decodes to.
    pub(super) fn samples(&mut self, packet: &[u8]) -> u64 {
        match self {
            Self::Opus { .. } => opus::packet_samples(packet),
            Self::Vorbis {
                headers,
                block_before,
                ..
            } => {
                let Some(block) = headers.as_ref().and_then(|(read, _)| read.block(packet)) else {
                    return 0;
                };
                let before = block_before.replace(block);
                before.map_or(0, |before| u64::from((before + block) / 4))
            }
            Self::Flac { .. } => {
                FlacHeader::read(packet).map_or(0, |header| u64::from(header.samples))
            }
        }
    }

    /// What the positions of its pages are called.
    pub(super) fn positions(&self) -> &'static str {
        match self {
            Self::Opus { .. } => "Opus header and granules",
            Self::Vorbis { .. } => "Vorbis granules",
            Self::Flac { .. } => "FLAC granules",
        }
    }

    /// Whether the end of a stream may cut off whole packets, and its start is cut off by a header.
    pub(super) fn is_opus(&self) -> bool {
        matches!(self, Self::Opus { .. })
    }
}
