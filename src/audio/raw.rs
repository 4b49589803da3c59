//! Headerless audio: what it is must be told, or follows from the file's extension.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::layout::MAX_CHANNELS;
use crate::pcm::resample::{MAX_RATE_HZ, MIN_RATE_HZ};

/// The codecs of headerless files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawCodec {
    /// ITU-T G.711 mu-law.
    ULaw,
    /// ITU-T G.711 A-law.
    ALaw,
    /// 16-bit little-endian PCM.
    S16Le,
    /// ITU-T G.722 at 64 kbit/s.
    G722,
}

impl RawCodec {
    const ALL: [(Self, &'static str); 4] = [
        (Self::ULaw, "ulaw"),
        (Self::ALaw, "alaw"),
        (Self::S16Le, "s16le"),
        (Self::G722, "g722"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(codec, _)| *codec == self)
            .map_or("", |(_, name)| name)
    }

    fn default_rate_hz(self) -> u32 {
        match self {
            Self::G722 => 16_000,
            Self::ULaw | Self::ALaw | Self::S16Le => 8_000,
        }
    }
}

/// What the bytes of a headerless file mean. Written `FORMAT:RATE:CHANNELS`, as in `ulaw:8000:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFormat {
    /// How samples are stored.
    pub codec: RawCodec,
    /// Samples a second of one channel.
    pub rate_hz: u32,
    /// Interleaved channels.
    pub channels: u16,
}

impl RawFormat {
    /// The format that telephony systems (Asterisk, sox) mean by the extension of this file.
    #[must_use]
    pub fn by_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let mono = |codec, rate_hz| {
            Some(Self {
                codec,
                rate_hz,
                channels: 1,
            })
        };
        match extension.as_str() {
            "ulaw" | "mulaw" | "ul" | "pcmu" => mono(RawCodec::ULaw, 8_000),
            "alaw" | "al" | "pcma" => mono(RawCodec::ALaw, 8_000),
            "g722" => mono(RawCodec::G722, 16_000),
            "sln" => mono(RawCodec::S16Le, 8_000),
            "sln12" => mono(RawCodec::S16Le, 12_000),
            "sln16" => mono(RawCodec::S16Le, 16_000),
            "sln24" => mono(RawCodec::S16Le, 24_000),
            "sln32" => mono(RawCodec::S16Le, 32_000),
            "sln44" => mono(RawCodec::S16Le, 44_100),
            "sln48" => mono(RawCodec::S16Le, 48_000),
            "sln96" => mono(RawCodec::S16Le, 96_000),
            "sln192" => mono(RawCodec::S16Le, 192_000),
            _ => None,
        }
    }
}

impl fmt::Display for RawFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}",
            self.codec.name(),
            self.rate_hz,
            self.channels
        )
    }
}

/// Why text does not name a headerless format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawFormatError {
    /// The codec has another name, or is not read headerless.
    #[error("'{0}' is no headerless codec: use ulaw, alaw, s16le or g722, as in ulaw:8000:1")]
    Codec(String),
    /// The rate is not a number, or out of range.
    #[error("'{0}' is no sample rate: use {MIN_RATE_HZ} to {MAX_RATE_HZ}, as in ulaw:8000:1")]
    Rate(String),
    /// The channel count is not a number, or out of range.
    #[error("'{0}' is no channel count: use 1 to {MAX_CHANNELS}, as in ulaw:8000:1")]
    Channels(String),
    /// G.722 has one rate and one channel.
    #[error("g722 is always g722:16000:1")]
    G722,
}

impl FromStr for RawFormat {
    type Err = RawFormatError;

    /// Reads `FORMAT[:RATE[:CHANNELS]]`; the rate of telephony and one channel are the defaults.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let (codec, _) = RawCodec::ALL
            .into_iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| RawFormatError::Codec(name.to_owned()))?;
        let rate_hz = match parts.next() {
            None => codec.default_rate_hz(),
            Some(rate) => rate
                .parse()
                .ok()
                .filter(|rate| (MIN_RATE_HZ..=MAX_RATE_HZ).contains(rate))
                .ok_or_else(|| RawFormatError::Rate(rate.to_owned()))?,
        };
        let channels = match parts.next() {
            None => 1,
            Some(channels) => channels
                .parse()
                .ok()
                .filter(|channels| (1..=MAX_CHANNELS).contains(channels))
                .ok_or_else(|| RawFormatError::Channels(channels.to_owned()))?,
        };
        if codec == RawCodec::G722 && (rate_hz, channels) != (16_000, 1) {
            return Err(RawFormatError::G722);
        }
        Ok(Self {
            codec,
            rate_hz,
            channels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_written_as_they_are_read() {
        for text in [
            "ulaw:8000:1",
            "alaw:8000:2",
            "s16le:44100:2",
            "g722:16000:1",
        ] {
            assert_eq!(text.parse::<RawFormat>().unwrap().to_string(), text);
        }
        assert_eq!(
            "G722".parse::<RawFormat>().unwrap().to_string(),
            "g722:16000:1"
        );
        assert_eq!(
            "ulaw".parse::<RawFormat>().unwrap().to_string(),
            "ulaw:8000:1"
        );
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<RawFormat>().unwrap_err();
        assert_eq!(error("gsm:8000:1"), RawFormatError::Codec("gsm".into()));
        assert_eq!(error("ulaw:8k:1"), RawFormatError::Rate("8k".into()));
        assert_eq!(error("ulaw:999:1"), RawFormatError::Rate("999".into()));
        assert_eq!(error("ulaw:8000:0"), RawFormatError::Channels("0".into()));
        assert_eq!(
            error("ulaw:8000:1:1"),
            RawFormatError::Channels("1:1".into())
        );
        assert_eq!(error("g722:8000:1"), RawFormatError::G722);
    }

    #[test]
    fn extensions_of_telephony_are_known_in_any_case() {
        let by_name = |name: &str| RawFormat::by_extension(Path::new(name)).map(|f| f.to_string());
        assert_eq!(by_name("a/hello.ULAW").as_deref(), Some("ulaw:8000:1"));
        assert_eq!(by_name("a.pcma").as_deref(), Some("alaw:8000:1"));
        assert_eq!(by_name("a.sln16").as_deref(), Some("s16le:16000:1"));
        assert_eq!(by_name("a.g722").as_deref(), Some("g722:16000:1"));
        assert_eq!(by_name("a.wav"), None);
        assert_eq!(by_name("ulaw"), None);
    }
}
