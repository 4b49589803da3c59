//! What containers tell of a track's codec, as the library's decoders take it.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use crate::audio::opus;

/// A track that is decoded here.
#[derive(Debug, Clone)]
pub(super) struct Codec {
    pub(super) params: AudioCodecParameters,
    /// Samples a second, as decoded.
    pub(super) rate_hz: u32,
    /// Bytes of one sample of all channels, where every sample is stored by itself.
    pub(super) frame_bytes: Option<u64>,
}

impl Codec {
    /// A track of packets.
    pub(super) fn new(id: AudioCodecId, rate_hz: u32, channels: u16) -> Self {
        let mut params = AudioCodecParameters::new();
        let rate_hz = if id == CODEC_ID_OPUS {
            opus::RATE_HZ
        } else {
            rate_hz
        };
        params
            .for_codec(id)
            .with_sample_rate(rate_hz)
            .with_channels(Channels::Discrete(channels));
        Self {
            params,
            rate_hz,
            frame_bytes: None,
        }
    }

    /// A track of samples.
    pub(super) fn pcm(pcm: Pcm, rate_hz: u32, channels: u16) -> Option<Self> {
        let (id, bits) = pcm.codec()?;
        let mut codec = Self::new(id, rate_hz, channels);
        let decoded_bits = if pcm.law.is_some() { 16 } else { bits };
        codec.params.with_bits_per_sample(decoded_bits);
        codec.frame_bytes = Some(u64::from(bits / 8) * u64::from(channels));
        Some(codec)
    }

    /// With what the codec needs to know besides.
    pub(super) fn with_setup(mut self, setup: &[u8]) -> Self {
        let bits = match self.params.codec {
            CODEC_ID_ALAC => setup.get(5).map(|&bits| u32::from(bits)),
            CODEC_ID_FLAC => setup
                .get(12..14)
                .map(|bytes| (u32::from(bytes[0] & 1) << 4 | u32::from(bytes[1] >> 4)) + 1),
            _ => None,
        };
        if let Some(bits) = bits {
            self.params.with_bits_per_sample(bits);
        }
        if !setup.is_empty() {
            self.params.with_extra_data(setup.into());
        }
        self
    }

    /// Whether packets are filled up at the end with what is no audio.
    pub(super) fn is_padded(&self) -> bool {
        [CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_MP2, CODEC_ID_OPUS].contains(&self.params.codec)
    }

    /// Samples that a decoder needs before it has settled: a packet of AAC; 200 ms of Opus, of whose
    /// 80 ms (RFC 7845 section 4.6) a trace is left; the bits that nine packets of MP3 may lend each
    /// other.
    pub(super) fn preroll(&self) -> u64 {
        match self.params.codec {
            CODEC_ID_AAC => 1_024,
            CODEC_ID_OPUS => 9_600,
            CODEC_ID_MP3 => 9 * 1_152,
            _ => 0,
        }
    }

    /// Samples at the start that Opus says are no audio.
    pub(super) fn opus_skip(&self) -> Option<u64> {
        let setup = self.params.extra_data.as_deref()?;
        (self.params.codec == CODEC_ID_OPUS)
            .then(|| opus::pre_skip(setup))
            .flatten()
    }
}

/// A header of Opus for a track that has none.
pub(super) fn opus_header(channels: u16) -> Vec<u8> {
    let mut header = b"OpusHead\x01".to_vec();
    header.extend([u8::try_from(channels).unwrap_or(u8::MAX), 0, 0]);
    header.extend(opus::RATE_HZ.to_le_bytes());
    header.extend([0, 0, 0]);
    header
}

/// The stream description in the blocks before the first frame of FLAC (without `fLaC`).
pub(super) fn flac_setup(mut blocks: &[u8]) -> Option<&[u8]> {
    const STREAM_INFO: u8 = 0;
    while let [kind, a, b, c, rest @ ..] = blocks {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let block = rest.get(..len)?;
        if kind & 0x7f == STREAM_INFO {
            return (len == 34).then_some(block);
        }
        blocks = &rest[len..];
    }
    None
}

/// How uncompressed samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pcm {
    pub(super) bits: u32,
    pub(super) is_float: bool,
    pub(super) is_big_endian: bool,
    pub(super) is_signed: bool,
    pub(super) law: Option<Law>,
}

/// Logarithmic samples of G.711.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Law {
    A,
    Mu,
}

impl Pcm {
    pub(super) fn integer(bits: u32, is_big_endian: bool) -> Self {
        Self {
            bits,
            is_float: false,
            is_big_endian,
            is_signed: true,
            law: None,
        }
    }

    pub(super) fn float(bits: u32, is_big_endian: bool) -> Self {
        Self {
            is_float: true,
            ..Self::integer(bits, is_big_endian)
        }
    }

    pub(super) fn unsigned_8_bit() -> Self {
        Self {
            is_signed: false,
            ..Self::integer(8, false)
        }
    }

    pub(super) fn law(law: Law) -> Self {
        Self {
            law: Some(law),
            ..Self::integer(8, false)
        }
    }

    /// The codec and the bits that a sample takes.
    fn codec(self) -> Option<(AudioCodecId, u32)> {
        let id = match (self.law, self.is_float, self.bits, self.is_big_endian) {
            (Some(Law::A), ..) => CODEC_ID_PCM_ALAW,
            (Some(Law::Mu), ..) => CODEC_ID_PCM_MULAW,
            (_, true, 32, false) => CODEC_ID_PCM_F32LE,
            (_, true, 32, true) => CODEC_ID_PCM_F32BE,
            (_, true, 64, false) => CODEC_ID_PCM_F64LE,
            (_, true, 64, true) => CODEC_ID_PCM_F64BE,
            (_, false, 8, _) if self.is_signed => CODEC_ID_PCM_S8,
            (_, false, 8, _) => CODEC_ID_PCM_U8,
            _ if !self.is_signed => return None,
            (_, false, 16, false) => CODEC_ID_PCM_S16LE,
            (_, false, 16, true) => CODEC_ID_PCM_S16BE,
            (_, false, 24, false) => CODEC_ID_PCM_S24LE,
            (_, false, 24, true) => CODEC_ID_PCM_S24BE,
            (_, false, 32, false) => CODEC_ID_PCM_S32LE,
            (_, false, 32, true) => CODEC_ID_PCM_S32BE,
            _ => return None,
        };
        Some((id, if self.law.is_some() { 8 } else { self.bits }))
    }
}

/// Samples a second by an `AudioSpecificConfig` of AAC (ISO/IEC 14496-3, 1.6.2.1).
pub(super) fn aac_rate(config: &[u8]) -> Option<u32> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    let mut head = [0; 8];
    let there = config.len().min(8);
    head[..there].copy_from_slice(&config[..there]);
    let bits = u64::from_be_bytes(head);
    let escaped = if bits >> 59 == 31 { 6 } else { 0 };
    let index = bits << (5 + escaped) >> 60;
    match index {
        15 => u32::try_from(bits << (9 + escaped) >> 40).ok(),
        index => RATES.get(index as usize).copied(),
    }
    .filter(|_| there >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_aac_are_those_of_its_configuration() {
        assert_eq!(aac_rate(&[0x12, 0x10]), Some(44_100));
        assert_eq!(aac_rate(&[0x10, 0x90]), Some(88_200));
        assert_eq!(aac_rate(&[0x10, 0x10]), Some(96_000));
        // Spelled out: 5 bits of type, 15, 24 bits of rate.
        assert_eq!(aac_rate(&[0x17, 0x80, 0x1f, 0x40, 0x10]), Some(16_000));
        assert_eq!(aac_rate(&[0x17, 0x00]), None);
        assert_eq!(aac_rate(&[]), None);
    }

    #[test]
    fn the_description_of_flac_is_found_among_its_blocks() {
        let info = [7; 34];
        let blocks = [&[4, 0, 0, 2, 9, 9][..], &[0x80, 0, 0, 34], &info].concat();
        assert_eq!(flac_setup(&blocks), Some(&info[..]));
        assert_eq!(flac_setup(&blocks[..20]), None);
        assert_eq!(flac_setup(&[]), None);
    }

    #[test]
    fn lossless_codecs_say_how_wide_their_samples_are() {
        let bits = |id, setup: &[u8]| {
            let codec = Codec::new(id, 48_000, 2).with_setup(setup);
            codec.params.bits_per_sample
        };
        let mut info = [0; 34];
        info[12..14].copy_from_slice(&[1, 0xf0]);
        assert_eq!(bits(CODEC_ID_FLAC, &info), Some(32));
        info[12..14].copy_from_slice(&[0, 0xf0]);
        assert_eq!(bits(CODEC_ID_FLAC, &info), Some(16));
        assert_eq!(bits(CODEC_ID_ALAC, &[0, 0, 16, 0, 0, 24, 0]), Some(24));
        assert_eq!(bits(CODEC_ID_AAC, &[0x12, 0x10]), None);
    }

    #[test]
    fn a_header_of_opus_is_written_as_it_is_read() {
        assert_eq!(opus::pre_skip(&opus_header(2)), Some(0));
    }
}
