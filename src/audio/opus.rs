//! Opus packets, from Ogg, WebM or MP4: the decoder, and what its header asks to be done.

use opus_pure::{MAX_PACKET_SAMPLES, OpusDecoder};

use super::error::DecodeError;

/// Opus is decoded at this rate, whatever rate it was made from.
pub(super) const RATE_HZ: u32 = 48_000;

/// Decodes the packets of one mono or stereo Opus stream.
pub(super) struct OpusPackets {
    decoder: OpusDecoder,
    channels: usize,
    /// Samples at the start that are the encoder's delay, not audio.
    pub(super) pre_skip: u64,
    interleaved: Vec<f32>,
}

/// An identification header (RFC 7845 section 5.1), or that of an MP4 file.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    channels: u8,
    pre_skip: u16,
    gain_q8: i16,
    mapping_family: u8,
}

impl OpusPackets {
    /// A decoder for the stream with this identification header.
    pub(super) fn new(head: &[u8]) -> Result<Self, DecodeError> {
        let head = parse_head(head)
            .ok_or_else(|| DecodeError::damaged("its Opus header is missing or too short"))?;
        if head.channels > 2 || head.mapping_family > 1 {
            return Err(DecodeError::NoDecoder {
                codec: "opus (surround)".to_owned(),
            });
        }
        let channels = usize::from(head.channels);
        let mut decoder = OpusDecoder::new(RATE_HZ as i32, channels)
            .map_err(|e| DecodeError::damaged(format!("its Opus header is impossible: {e}")))?;
        decoder.gain_q8 = i32::from(head.gain_q8);
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
        let samples = self
            .decoder
            .decode(packet, MAX_PACKET_SAMPLES, &mut self.interleaved)?;
        let samples = &self.interleaved[..samples * self.channels];
        out.resize_with(self.channels, Vec::new);
        for (channel, plane) in out.iter_mut().enumerate() {
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
        ..,
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
    Some(Head {
        channels,
        pre_skip,
        gain_q8,
        mapping_family,
    })
}

#[cfg(test)]
mod tests {
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
        };
        assert_eq!(parse_head(ogg).as_ref(), Some(&head));
        assert_eq!(parse_head(mp4), Some(head));
        assert_eq!(parse_head(&ogg[..18]), None);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let surround =
            b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02\0\x04\x01\x02\x03\x05";
        assert!(matches!(
            OpusPackets::new(surround),
            Err(DecodeError::NoDecoder { .. })
        ));
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
}
