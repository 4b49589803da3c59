//! Uncompressed sample formats, and their conversion from interleaved bytes to planar `f32`.

use crate::pcm::g711::{from_a_law, from_mu_law};

/// How one uncompressed sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleFormat {
    U8,
    S8,
    S16Le,
    S16Be,
    S24Le,
    S24Be,
    S32Le,
    S32Be,
    F32Le,
    F32Be,
    F64Le,
    F64Be,
    ALaw,
    MuLaw,
}

impl SampleFormat {
    /// The name that ffmpeg gives the codec.
    pub(super) fn codec(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S8 => "pcm_s8",
            Self::S16Le => "pcm_s16le",
            Self::S16Be => "pcm_s16be",
            Self::S24Le => "pcm_s24le",
            Self::S24Be => "pcm_s24be",
            Self::S32Le => "pcm_s32le",
            Self::S32Be => "pcm_s32be",
            Self::F32Le => "pcm_f32le",
            Self::F32Be => "pcm_f32be",
            Self::F64Le => "pcm_f64le",
            Self::F64Be => "pcm_f64be",
            Self::ALaw => "pcm_alaw",
            Self::MuLaw => "pcm_mulaw",
        }
    }

    /// Bytes of one sample.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 | Self::ALaw | Self::MuLaw => 1,
            Self::S16Le | Self::S16Be => 2,
            Self::S24Le | Self::S24Be => 3,
            Self::S32Le | Self::S32Be | Self::F32Le | Self::F32Be => 4,
            Self::F64Le | Self::F64Be => 8,
        }
    }

    /// Whether every sample is a 16-bit integer over 32,768.
    pub(super) fn exact_16_bit(self) -> bool {
        self.bytes() <= 2
    }

    /// Fills `planes`, one a channel, with the whole frames of `bytes`. Full scale is ±1.0.
    pub(super) fn to_planes(self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        match self {
            Self::U8 => split(bytes, planes, |[b]| (f32::from(b) - 128.0) / 128.0),
            Self::S8 => split(bytes, planes, |b| f32::from(i8::from_le_bytes(b)) / 128.0),
            Self::S16Le => split(bytes, planes, |b| from_16_bit(i16::from_le_bytes(b))),
            Self::S16Be => split(bytes, planes, |b| from_16_bit(i16::from_be_bytes(b))),
            Self::S24Le => split(bytes, planes, |[a, b, c]| {
                from_32_bit(i32::from_le_bytes([0, a, b, c]))
            }),
            Self::S24Be => split(bytes, planes, |[a, b, c]| {
                from_32_bit(i32::from_be_bytes([a, b, c, 0]))
            }),
            Self::S32Le => split(bytes, planes, |b| from_32_bit(i32::from_le_bytes(b))),
            Self::S32Be => split(bytes, planes, |b| from_32_bit(i32::from_be_bytes(b))),
            Self::F32Le => split(bytes, planes, f32::from_le_bytes),
            Self::F32Be => split(bytes, planes, f32::from_be_bytes),
            Self::F64Le => split(bytes, planes, |b| f64::from_le_bytes(b) as f32),
            Self::F64Be => split(bytes, planes, |b| f64::from_be_bytes(b) as f32),
            Self::ALaw => split(bytes, planes, |[b]| from_16_bit(from_a_law(b))),
            Self::MuLaw => split(bytes, planes, |[b]| from_16_bit(from_mu_law(b))),
        }
    }
}

fn from_16_bit(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

fn from_32_bit(sample: i32) -> f32 {
    sample as f32 / 2_147_483_648.0
}

/// De-interleaves samples of `N` bytes. One and two channels, nearly all there is, in one pass.
fn split<const N: usize>(bytes: &[u8], planes: &mut [Vec<f32>], value: impl Fn([u8; N]) -> f32) {
    let (samples, _) = bytes.as_chunks::<N>();
    planes.iter_mut().for_each(Vec::clear);
    match planes {
        [mono] => mono.extend(samples.iter().map(|&sample| value(sample))),
        [left, right] => {
            let (frames, _) = samples.as_chunks::<2>();
            left.extend(frames.iter().map(|&[sample, _]| value(sample)));
            right.extend(frames.iter().map(|&[_, sample]| value(sample)));
        }
        _ => {
            for frame in samples.chunks_exact(planes.len()) {
                for (plane, &sample) in planes.iter_mut().zip(frame) {
                    plane.push(value(sample));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(format: SampleFormat, channels: usize, bytes: &[u8]) -> Vec<Vec<f32>> {
        let mut planes = vec![vec![9.0]; channels];
        format.to_planes(bytes, &mut planes);
        planes
    }

    #[test]
    fn full_scale_is_one_in_every_format() {
        let lowest: [(SampleFormat, &[u8]); 12] = [
            (SampleFormat::U8, &[0]),
            (SampleFormat::S8, &[0x80]),
            (SampleFormat::S16Le, &[0, 0x80]),
            (SampleFormat::S16Be, &[0x80, 0]),
            (SampleFormat::S24Le, &[0, 0, 0x80]),
            (SampleFormat::S24Be, &[0x80, 0, 0]),
            (SampleFormat::S32Le, &[0, 0, 0, 0x80]),
            (SampleFormat::S32Be, &[0x80, 0, 0, 0]),
            (SampleFormat::F32Le, &(-1.0_f32).to_le_bytes()),
            (SampleFormat::F32Be, &(-1.0_f32).to_be_bytes()),
            (SampleFormat::F64Le, &(-1.0_f64).to_le_bytes()),
            (SampleFormat::F64Be, &(-1.0_f64).to_be_bytes()),
        ];
        for (format, bytes) in lowest {
            assert_eq!(planes(format, 1, bytes), [[-1.0]], "{format:?}");
            assert_eq!(bytes.len(), format.bytes());
        }
    }

    #[test]
    fn channels_are_separated_and_a_broken_frame_at_the_end_is_left_out() {
        assert_eq!(
            planes(SampleFormat::U8, 2, &[128, 192, 64, 0, 255]),
            [[0.0, -0.5], [0.5, -1.0]]
        );
        assert_eq!(
            planes(SampleFormat::U8, 3, &[128, 192, 64, 0]),
            [[0.0], [0.5], [-0.5]]
        );
    }
}
