//! Opus packets, from Ogg, WebM or MP4: the decoder, and what its header asks to be done.

use opus_pure::{ChannelLayout, MAX_PACKET_SAMPLES, OpusDecoder, OpusMSDecoder};

use super::error::DecodeError;
use super::surround::channel_at;

/// Opus is decoded at this rate, whatever rate it was made from.
pub(super) const RATE_HZ: u32 = 48_000;

/// Decodes the packets of one Opus stream of up to eight channels.
pub(super) struct OpusPackets {
    decoder: Decoder,
    channels: usize,
    /// Samples at the start that are the encoder's delay, not audio.
    pub(super) pre_skip: u64,
    interleaved: Vec<f32>,
}

enum Decoder {
    Plain(Box<OpusDecoder>),
    Surround(OpusMSDecoder),
}

/// An identification header (RFC 7845 section 5.1), or that of an MP4 file.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    channels: u8,
    pre_skip: u16,
    gain_q8: i16,
    mapping_family: u8,
    /// Streams, coupled streams, and which of their channels each channel is; of family 0 nothing.
    mapping: Vec<u8>,
}

impl OpusPackets {
    /// A decoder for the stream with this identification header.
    pub(super) fn new(head: &[u8]) -> Result<Self, DecodeError> {
        let head = parse_head(head)
            .ok_or_else(|| DecodeError::damaged("its Opus header is missing or too short"))?;
        let channels = usize::from(head.channels);
        let gain_q8 = i32::from(head.gain_q8);
        let impossible = |e: opus_pure::Error| {
            DecodeError::damaged(format!("its Opus header is impossible: {e}"))
        };
        let decoder = if head.mapping_family == 0 {
            let mut decoder = OpusDecoder::new(RATE_HZ as i32, channels).map_err(impossible)?;
            decoder.gain_q8 = gain_q8;
            Decoder::Plain(Box::new(decoder))
        } else {
            if !head.has_known_layout() {
                return Err(DecodeError::NoDecoder {
                    codec: "opus (unusual channels)".to_owned(),
                });
            }
            let mut decoder = OpusMSDecoder::new(RATE_HZ as i32, channels, head.mapping_family)
                .map_err(impossible)?;
            for stream in decoder.streams_mut() {
                stream.gain_q8 = gain_q8;
            }
            Decoder::Surround(decoder)
        };
        Ok(Self {
            decoder,
            channels,
            pre_skip: u64::from(head.pre_skip),
            interleaved: vec![0.0; MAX_PACKET_SAMPLES * channels],
        })
    }

    /// Fills `out` with the samples of `packet`, one vector a channel.
    pub(super) fn decode(
        &mut self,
        packet: &[u8],
        out: &mut Vec<Vec<f32>>,
    ) -> Result<(), opus_pure::Error> {
        let samples = match &mut self.decoder {
            Decoder::Plain(decoder) => {
                decoder.decode(packet, MAX_PACKET_SAMPLES, &mut self.interleaved)?
            }
            Decoder::Surround(decoder) => {
                decoder.decode(packet, MAX_PACKET_SAMPLES, &mut self.interleaved)?
            }
        };
        let samples = &self.interleaved[..samples * self.channels];
        out.resize_with(self.channels, Vec::new);
        for (place, plane) in out.iter_mut().enumerate() {
            let channel = channel_at(place, self.channels);
            plane.clear();
            plane.extend(samples.iter().skip(channel).step_by(self.channels));
        }
        Ok(())
    }
}

/// Samples at the start that an identification header says are no audio.
pub(super) fn pre_skip(head: &[u8]) -> Option<u64> {
    parse_head(head).map(|head| u64::from(head.pre_skip))
}

impl Head {
    /// Whether its channels are those that its mapping family has for their number.
    fn has_known_layout(&self) -> bool {
        let standard = ChannelLayout::surround(usize::from(self.channels), self.mapping_family);
        standard.is_ok_and(|layout| {
            let counts = [layout.nb_streams, layout.nb_coupled_streams];
            let stated = self.mapping.iter().map(|&number| usize::from(number));
            let known = layout.mapping.iter().map(|&number| usize::from(number));
            stated.eq(counts.into_iter().chain(known))
        })
    }
}

/// Samples that a packet decodes to, by its first bytes (RFC 6716 section 3.1); 0 for what is none.
pub(super) fn packet_samples(packet: &[u8]) -> u64 {
    let Some(&toc) = packet.first() else {
        return 0;
    };
    let size = usize::from(toc >> 3);
    let frame = match size {
        0..12 => [480, 960, 1_920, 2_880][size & 3],
        12..16 => [480, 960][size & 1],
        _ => [120, 240, 480, 960][size & 3],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 0x3f)),
    };
    Some(frame * frames)
        .filter(|&samples| samples <= MAX_PACKET_SAMPLES as u64)
        .unwrap_or(0)
}

fn parse_head(head: &[u8]) -> Option<Head> {
    let head = head.strip_prefix(b"OpusHead")?;
    let &[
        version,
        channels,
        skip0,
        skip1,
        _,
        _,
        _,
        _,
        gain0,
        gain1,
        mapping_family,
        ref mapping @ ..,
    ] = head
    else {
        return None;
    };
    // MP4 has version 0 and big-endian numbers, everything else version 1 and little-endian ones.
    let (pre_skip, gain_q8) = match version {
        0 => (
            u16::from_be_bytes([skip0, skip1]),
            i16::from_be_bytes([gain0, gain1]),
        ),
        _ => (
            u16::from_le_bytes([skip0, skip1]),
            i16::from_le_bytes([gain0, gain1]),
        ),
    };
    let mapping = match mapping_family {
        0 => &[],
        _ => mapping.get(..2 + usize::from(channels))?,
    };
    Some(Head {
        channels,
        pre_skip,
        gain_q8,
        mapping_family,
        mapping: mapping.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use opus_pure::{Application, MAX_PACKET_BYTES, OggOpusWriter, OpusEncoder, OpusHead};

    use super::super::packets::{self, Opened};
    use super::super::source_info::SourceInfo;
    use super::*;

    #[test]
    fn headers_of_ogg_and_mp4_are_read() {
        let ogg = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\x00\xff\0";
        let mp4 = b"OpusHead\x00\x02\x01\x38\0\0\xbb\x80\xff\x00\0";
        let head = Head {
            channels: 2,
            pre_skip: 312,
            gain_q8: -256,
            mapping_family: 0,
            mapping: Vec::new(),
        };
        assert_eq!(parse_head(ogg).as_ref(), Some(&head));
        assert_eq!(parse_head(mp4), Some(head));
        assert_eq!(parse_head(&ogg[..18]), None);
    }

    #[test]
    fn packets_say_how_long_they_last() {
        // 20 ms of CELT; 60 ms of SILK twice; six frames of 10 ms; more than 120 ms; nothing.
        assert_eq!(packet_samples(&[0xfc, 1, 2]), 960);
        assert_eq!(packet_samples(&[0x19]), 5_760);
        assert_eq!(packet_samples(&[0xf3, 6]), 2_880);
        assert_eq!(packet_samples(&[0x1b, 3]), 0);
        assert_eq!(packet_samples(&[0xff]), 0);
        assert_eq!(packet_samples(&[]), 0);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let surround =
            *b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
        assert!(OpusPackets::new(&surround).is_ok());
        let mut swapped = surround;
        swapped[21..23].copy_from_slice(&[4, 0]);
        let mut of_another_family = surround;
        of_another_family[18] = 255;
        for head in [swapped, of_another_family] {
            assert!(matches!(
                OpusPackets::new(&head),
                Err(DecodeError::NoDecoder { .. })
            ));
        }
        assert!(matches!(
            OpusPackets::new(b""),
            Err(DecodeError::Damaged(_))
        ));
        let no_channels = b"OpusHead\x01\x00\x38\x01\x80\xbb\0\0\0\0\0";
        assert!(matches!(
            OpusPackets::new(no_channels),
            Err(DecodeError::Damaged(_))
        ));
    }

    /// Ogg Opus of a tone at 48 kHz, with its padding marked; `gain_q8` is asked of the player.
    fn ogg_opus(samples: usize, gain_q8: i16) -> File {
        let mut encoder = OpusEncoder::new(48_000, 2, Application::Audio).unwrap();
        encoder.bitrate_bps = 128_000;
        let mut head = OpusHead::for_encoder(&encoder, 48_000);
        head.output_gain_q8 = gain_q8;
        let delay = usize::from(head.pre_skip);
        let mut writer = OggOpusWriter::new(tempfile::tempfile().unwrap(), head).unwrap();
        let mut packet = vec![0; MAX_PACKET_BYTES];
        let mut left = samples + delay;
        let mut at = 0;
        while left > 0 {
            let frame: Vec<f32> = (at..at + 960).flat_map(|n| [tone(n), -tone(n)]).collect();
            let bytes = encoder.encode(&frame, 960, &mut packet).unwrap();
            writer
                .write_packet_with_duration(&packet[..bytes], left.min(960) as u32)
                .unwrap();
            at += 960;
            left = left.saturating_sub(960);
        }
        let mut file = writer.finish().unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        file
    }

    fn tone(n: usize) -> f32 {
        0.25 * (n as f32 * 0.06).sin()
    }

    fn decode_file(file: File) -> (SourceInfo, Vec<Vec<f32>>) {
        let Opened {
            info,
            mut stream,
            first_block: mut all,
            ..
        } = packets::open(file).unwrap();
        let mut block = Vec::new();
        while stream.next_block(&mut block).unwrap().is_some() {
            all.iter_mut()
                .zip(&block)
                .for_each(|(all, block)| all.extend_from_slice(block));
        }
        (info, all)
    }

    #[test]
    fn opus_starts_and_ends_where_its_input_did() {
        for samples in [1_000, 48_000] {
            let (info, planes) = decode_file(ogg_opus(samples, 0));
            assert_eq!(
                (info.codec.as_str(), info.rate_hz, info.channels),
                ("opus", 48_000, 2)
            );
            assert_eq!((planes[0].len(), planes[1].len()), (samples, samples));
            let settled = 500..900;
            let error = settled
                .clone()
                .map(|n| (planes[0][n] - tone(n)).powi(2))
                .sum::<f32>();
            let signal = settled.map(|n| tone(n).powi(2)).sum::<f32>();
            assert!(error < 0.01 * signal, "{}", error / signal);
        }
    }

    #[test]
    fn the_gain_that_opus_asks_for_is_given() {
        let peak = |gain_q8| {
            let (_, planes) = decode_file(ogg_opus(9_600, gain_q8));
            planes[0][2_000..]
                .iter()
                .fold(0.0, |peak: f32, sample| peak.max(sample.abs()))
        };
        // -6 dB.
        let ratio = peak(-6 * 256) / peak(0);
        assert!((ratio - 0.501).abs() < 0.01, "{ratio}");
    }
}
