//! How samples are written where audio is sent: linear or by G.711, and at which rate.

use std::fmt;
use std::str::FromStr;

use super::g711;
use crate::units::{SampleRate, Samples};

/// How one sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Linear, 16 bits, little-endian.
    Pcm16,
    /// ITU-T G.711 mu-law.
    MuLaw,
    /// ITU-T G.711 A-law.
    ALaw,
}

/// A codec, and the samples a second that are written with it, of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// How a sample is written.
    pub codec: Codec,
    /// How many there are a second.
    pub rate: SampleRate,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Codec; 3] = [Codec::Pcm16, Codec::MuLaw, Codec::ALaw];

    /// The name it is asked for by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::Pcm16 => "pcm16",
            Codec::MuLaw => "mulaw",
            Codec::ALaw => "alaw",
        }
    }

    /// Bytes of one sample.
    #[must_use]
    pub fn bytes_per_sample(self) -> usize {
        match self {
            Codec::Pcm16 => 2,
            Codec::MuLaw | Codec::ALaw => 1,
        }
    }

    /// Each byte of digital silence: what samples of 0 are encoded to.
    #[must_use]
    pub fn silence_byte(self) -> u8 {
        match self {
            Codec::Pcm16 => 0,
            Codec::MuLaw => 0xff,
            Codec::ALaw => 0xd5,
        }
    }

    /// The bytes of `samples`.
    #[must_use]
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        let samples = samples.iter();
        match self {
            Codec::Pcm16 => samples.flat_map(|sample| sample.to_le_bytes()).collect(),
            Codec::MuLaw => samples.map(|&sample| g711::to_mu_law(sample)).collect(),
            Codec::ALaw => samples.map(|&sample| g711::to_a_law(sample)).collect(),
        }
    }

    /// The samples of `bytes`; half a sample at the end is left out.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Vec<i16> {
        match self {
            Codec::Pcm16 => {
                let (samples, _) = bytes.as_chunks();
                let samples = samples.iter();
                samples.map(|&sample| i16::from_le_bytes(sample)).collect()
            }
            Codec::MuLaw => bytes.iter().map(|&code| g711::from_mu_law(code)).collect(),
            Codec::ALaw => bytes.iter().map(|&code| g711::from_a_law(code)).collect(),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Codec {
    type Err = String;

    fn from_str(text: &str) -> Result<Codec, String> {
        let known = || Codec::ALL.map(Codec::name).join(", ");
        let mut all = Codec::ALL.into_iter();
        all.find(|codec| codec.name() == text).ok_or_else(known)
    }
}

impl Format {
    /// Bytes of one sample.
    #[must_use]
    pub fn bytes_per_sample(self) -> usize {
        self.codec.bytes_per_sample()
    }

    /// How many nanoseconds of audio so many bytes are.
    #[must_use]
    pub fn length_ns(self, bytes: usize) -> i64 {
        let samples = bytes / self.bytes_per_sample();
        Samples(samples as u64).duration_ns(self.rate)
    }
}

impl fmt::Display for Format {
    /// `mulaw at 8000 Hz`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} Hz", self.codec, self.rate.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_is_what_samples_of_0_are_encoded_to() {
        for codec in Codec::ALL {
            let silence = vec![codec.silence_byte(); 3 * codec.bytes_per_sample()];
            assert_eq!(codec.encode(&[0; 3]), silence, "{codec}");
        }
    }

    #[test]
    fn samples_are_little_endian_or_codes_of_g_711() {
        let samples = [1, -2, i16::MIN];
        let encoded = Codec::Pcm16.encode(&samples);
        assert_eq!(encoded, [1, 0, 0xfe, 0xff, 0, 0x80]);
        // Half a sample has no value.
        assert_eq!(Codec::Pcm16.decode(&encoded[..5]), [1, -2]);
        assert_eq!(Codec::MuLaw.encode(&samples), [0xff, 0x7f, 0x00]);
        assert_eq!(Codec::ALaw.encode(&samples), [0xd5, 0x55, 0x2a]);
    }

    #[test]
    fn names_are_read_back() {
        for codec in Codec::ALL {
            assert_eq!(codec.name().parse(), Ok(codec));
        }
        assert_eq!(
            "opus".parse::<Codec>(),
            Err("pcm16, mulaw, alaw".to_owned())
        );
        let format = Format {
            codec: Codec::MuLaw,
            rate: SampleRate(8_000),
        };
        assert_eq!(format.to_string(), "mulaw at 8000 Hz");
    }

    proptest! {
        #[test]
        fn what_was_encoded_once_is_encoded_again_to_the_same(samples: Vec<i16>) {
            for codec in Codec::ALL {
                let bytes = codec.encode(&samples);
                prop_assert_eq!(bytes.len(), samples.len() * codec.bytes_per_sample());
                let heard = codec.decode(&bytes);
                if codec == Codec::Pcm16 {
                    prop_assert_eq!(&heard, &samples);
                }
                let again = codec.decode(&codec.encode(&heard));
                prop_assert_eq!(again, heard, "{}", codec);
            }
        }
    }
}
