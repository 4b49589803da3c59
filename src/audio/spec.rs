//! What to convert, and how: plain data, as resolved from flags.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::labels::Label;
use super::raw::RawFormat;
use crate::pcm::synth::Signal;
use crate::units::{NS_PER_MS, duration_ns};

/// Raise it when equal files and settings come to give other clips than before.
const CONVERSION: u32 = 2;

crate::names! {
    /// Which channels of a file become clips. A file of one channel gives one clip, whatever the choice.
    pub enum ChannelChoice {
        /// All channels, each by the weight of its loudspeaker; of two, the mean.
        Mix = "mix",
        /// The first channel.
        Left = "left",
        /// The second channel.
        Right = "right",
        /// The first and the second channel, a clip each: two-party call recordings.
        Split = "split",
    }
}

crate::names! {
    /// Who may decode.
    pub enum DecoderChoice {
        /// This program, and an `ffmpeg` on `PATH` for what it refuses or has doubts of.
        Auto = "auto",
        /// This program alone.
        Native = "native",
        /// An `ffmpeg` on `PATH` alone.
        Ffmpeg = "ffmpeg",
    }
}

crate::names! {
    /// Which channel a clip was made from.
    pub enum Channel {
        /// All of them.
        Mix = "mix",
        /// The first.
        Left = "left",
        /// The second.
        Right = "right",
    }
}

/// What level clips are brought to. Gain stops where the peak reaches −1 dBFS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Normalize {
    /// As they are.
    Off,
    /// A peak of −1 dBFS.
    Peak,
    /// This integrated loudness (EBU R 128), in LUFS.
    Lufs(f64),
}

impl fmt::Display for Normalize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Normalize::Off => f.pad("off"),
            Normalize::Peak => f.pad("peak"),
            Normalize::Lufs(lufs) => write!(f, "{lufs}LUFS"),
        }
    }
}

impl FromStr for Normalize {
    type Err = String;

    /// Reads `off`, `peak`, or a loudness such as `-23` or `-23LUFS`.
    fn from_str(text: &str) -> Result<Normalize, String> {
        let number = text.strip_suffix("LUFS").unwrap_or(text).trim();
        match (text, number.parse::<f64>()) {
            ("off", _) => Ok(Normalize::Off),
            ("peak", _) => Ok(Normalize::Peak),
            (_, Ok(lufs)) if (-70.0..=0.0).contains(&lufs) => Ok(Normalize::Lufs(lufs)),
            _ => Err(format!(
                "`{text}` is no level: use off, peak, or a loudness from -70 to 0 LUFS such as -23"
            )),
        }
    }
}

/// Audio to synthesise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynthSpec {
    /// What kind.
    pub signal: Signal,
    /// How long.
    pub duration_ns: i64,
}

impl FromStr for SynthSpec {
    type Err = String;

    /// Reads `SIGNAL:DURATION`, such as `tone:500ms`.
    fn from_str(text: &str) -> Result<SynthSpec, String> {
        let (signal, duration) = text.split_once(':').ok_or_else(|| {
            format!("`{text}` names no length: use SIGNAL:DURATION, such as speech-like:3s")
        })?;
        Ok(SynthSpec {
            signal: signal.parse()?,
            duration_ns: duration_ns(duration).map_err(|e| e.to_string())?,
        })
    }
}

/// What to convert, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertSpec {
    /// Files and folders.
    pub inputs: Vec<PathBuf>,
    /// Who decodes them.
    pub decoder: DecoderChoice,
    /// Which channels become clips.
    pub channel: ChannelChoice,
    /// Files that give shorter clips are skipped.
    pub min_clip_ns: i64,
    /// Longer files are cut to this length.
    pub max_clip_ns: Option<i64>,
    /// What level clips are brought to.
    pub normalize: Normalize,
    /// Whether rounding to 16 bits is dithered. It never is where samples pass unchanged.
    pub dither: bool,
    /// The format of headerless files: of those named in `inputs`, and of those in folders whose
    /// extension is not one of a format with a header.
    pub raw: Option<RawFormat>,
    /// A CSV file `path,start_s,end_s` that says where the speech of files is.
    pub speech_labels: Option<PathBuf>,
    /// A table with a header that says what is said in files: CSV, or separated by tabs.
    pub transcripts: Option<PathBuf>,
    /// Whether a file that cannot be converted ends everything.
    pub strict: bool,
    /// Threads; all cores when not given.
    pub jobs: Option<usize>,
    /// Audio to synthesise, besides the inputs.
    pub synth: Vec<SynthSpec>,
}

impl Default for ConvertSpec {
    fn default() -> ConvertSpec {
        ConvertSpec {
            inputs: Vec::new(),
            decoder: DecoderChoice::Auto,
            channel: ChannelChoice::Mix,
            min_clip_ns: 20 * NS_PER_MS,
            max_clip_ns: None,
            normalize: Normalize::Off,
            dither: true,
            raw: None,
            speech_labels: None,
            transcripts: None,
            strict: false,
            jobs: None,
            synth: Vec::new(),
        }
    }
}

impl ConvertSpec {
    /// A hash of everything here that changes the clips of one file, which is read as `raw` if it has
    /// no header and has this speech `label`.
    pub(super) fn hash(&self, raw: Option<RawFormat>, label: Option<Label>) -> String {
        let ConvertSpec {
            decoder,
            channel,
            min_clip_ns,
            max_clip_ns,
            normalize,
            dither,
            // The files themselves, and what does not change what they become.
            inputs: _,
            raw: _,
            speech_labels: _,
            transcripts: _,
            strict: _,
            jobs: _,
            synth: _,
        } = self;
        let settings = format!(
            "{CONVERSION} {decoder} {channel} {min_clip_ns} {max_clip_ns:?} {normalize:?} {dither} \
             {raw:?} {label:?}"
        );
        blake3::hash(settings.as_bytes()).to_hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_nonsense_is_explained() {
        assert_eq!("off".parse(), Ok(Normalize::Off));
        assert_eq!("peak".parse(), Ok(Normalize::Peak));
        assert_eq!("-23".parse(), Ok(Normalize::Lufs(-23.0)));
        assert_eq!("-16.5LUFS".parse(), Ok(Normalize::Lufs(-16.5)));
        assert_eq!(Normalize::Lufs(-16.5).to_string(), "-16.5LUFS");
        for wrong in ["", "3", "-99", "NaN", "loud"] {
            let error = wrong.parse::<Normalize>().unwrap_err();
            assert!(error.contains("off, peak"), "{error}");
        }
    }

    #[test]
    fn synthetic_audio_is_read_with_its_length() {
        let spec: SynthSpec = "speech-like:1.5".parse().unwrap();
        let expected = SynthSpec {
            signal: Signal::SpeechLike,
            duration_ns: 1_500 * NS_PER_MS,
        };
        assert_eq!(spec, expected);
        for (wrong, what) in [
            ("tone", "names no length"),
            ("music:1s", "unknown signal"),
            ("tone:long", "not a duration"),
        ] {
            let error = wrong.parse::<SynthSpec>().unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn only_what_changes_a_clip_changes_the_hash() {
        let spec = ConvertSpec::default();
        let same = ConvertSpec {
            jobs: Some(3),
            strict: true,
            transcripts: Some("said.csv".into()),
            inputs: vec!["x".into()],
            ..spec.clone()
        };
        assert_eq!(spec.hash(None, None), same.hash(None, None));
        let other = ConvertSpec {
            dither: false,
            ..spec.clone()
        };
        assert_ne!(spec.hash(None, None), other.hash(None, None));
        assert_ne!(spec.hash(None, None), spec.hash(None, Some(None)));
        assert_ne!(
            spec.hash(None, None),
            spec.hash("ulaw:8000:1".parse().ok(), None)
        );
    }
}
