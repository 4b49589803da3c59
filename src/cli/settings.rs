//! The settings of `prepare`: declared once, read from flags and from a recipe, and resolved.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::{Deserialize, Deserializer, de::Error};

use super::duration::DurationArg;
use super::span::Span;
use crate::audio::RawFormat;
use crate::audio::spec::{ChannelChoice, ConvertSpec, DecoderChoice, Normalize, SynthSpec};
use crate::trace::arrivals::{Arrivals, Limits};
use crate::trace::compile::CompileSpec;
use crate::trace::layout::CallSpec;
use crate::trace::model::Microphone;
use crate::trace::pace::Pace;
use crate::trace::pick::Pick;

/// What to prepare, and how; a recipe has the same names, such as `think-time = "1s..3s"`.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Audio files, and folders of them
    #[arg(value_name = "AUDIO")]
    pub(crate) audio: Vec<PathBuf>,
    /// Trace bundle to make; an older one there is replaced, and what has not changed is reused
    #[arg(short, long, value_name = "OUT.vtrace")]
    pub(crate) output: Option<PathBuf>,

    /// How sessions arrive: constant:RATE, poisson:RATE, uniform:N, burst:N@TIME or file:CSV (a
    /// start in seconds a line); RATE as 2/s or 30/m [default: one session a clip, one a second]
    #[arg(long, value_name = "SPEC", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    arrivals: Option<Arrivals>,
    /// No session starts after this time
    #[arg(long, value_name = "DURATION", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    duration: Option<DurationArg>,
    /// Most sessions
    #[arg(long, value_name = "N", help_heading = "Sessions")]
    sessions: Option<u64>,
    /// Utterances of a session; of a range, each session draws its own [default: 1]
    #[arg(long, value_name = "N|N..M", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    turns: Option<Span<u32>>,
    /// Pause between the answer and the next utterance [default: 1s]
    #[arg(long, value_name = "D|A..B", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    think_time: Option<Span<DurationArg>>,
    /// Whether silence is sent between utterances (open) or nothing [default: push-to-talk for one
    /// turn, else open]
    #[arg(long, help_heading = "Sessions", value_parser = microphone())]
    #[serde(deserialize_with = "text")]
    microphone: Option<MicrophoneArg>,
    /// Time that an answer is given, from the end of speech [default: 4s]
    #[arg(long, value_name = "DURATION", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    answer_time: Option<DurationArg>,
    /// Push-to-talk: silence sent after each utterance [default: 0s]
    #[arg(long, value_name = "DURATION", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    hang: Option<DurationArg>,
    /// Audio in one message [default: 20ms]
    #[arg(long, value_name = "DURATION", help_heading = "Sessions")]
    #[serde(deserialize_with = "text")]
    chunk: Option<DurationArg>,
    /// Which clip is spoken next [default: round-robin]
    #[arg(long, help_heading = "Sessions", value_parser = names::<Pick>(Pick::ALL.iter().map(|pick| pick.name())))]
    #[serde(deserialize_with = "name")]
    pick: Option<Pick>,
    /// Language that callers announce, BCP 47 [default: en-US]
    #[arg(long, value_name = "CODE", help_heading = "Sessions")]
    language: Option<String>,
    /// What every random choice derives from [default: 1]
    #[arg(long, value_name = "N", help_heading = "Sessions")]
    seed: Option<u64>,

    /// Who decodes: this program, ffmpeg (on PATH), or ffmpeg for what this program refuses or has
    /// doubts of [default: auto]
    #[arg(long, help_heading = "Audio", value_parser = names::<DecoderChoice>(DecoderChoice::ALL.iter().map(|choice| choice.name())))]
    #[serde(deserialize_with = "name")]
    decoder: Option<DecoderChoice>,
    /// Which channels become clips; split makes one of each side of a two-party call [default: mix]
    #[arg(long, help_heading = "Audio", value_parser = names::<ChannelChoice>(ChannelChoice::ALL.iter().map(|choice| choice.name())))]
    #[serde(deserialize_with = "name")]
    channel: Option<ChannelChoice>,
    /// Cut longer audio to this length
    #[arg(long, value_name = "DURATION", help_heading = "Audio")]
    #[serde(deserialize_with = "text")]
    max_clip: Option<DurationArg>,
    /// Skip shorter audio [default: 20ms]
    #[arg(long, value_name = "DURATION", help_heading = "Audio")]
    #[serde(deserialize_with = "text")]
    min_clip: Option<DurationArg>,
    /// Level to bring clips to: a loudness such as -23, peak, or off [default: off]
    #[arg(
        long,
        value_name = "LUFS|peak|off",
        help_heading = "Audio",
        allow_hyphen_values = true
    )]
    #[serde(deserialize_with = "text")]
    normalize: Option<Normalize>,
    /// Round to 16 bits without dither
    #[arg(long, help_heading = "Audio", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    no_dither: Option<bool>,
    /// Format of headerless files, such as ulaw:8000:1 [default: by their extension]
    #[arg(long, value_name = "FORMAT:RATE:CHANNELS", help_heading = "Audio")]
    #[serde(deserialize_with = "text")]
    raw: Option<RawFormat>,
    /// Where speech is, instead of detecting it: CSV with path,start_s,end_s
    #[arg(long, value_name = "CSV", help_heading = "Audio")]
    speech_labels: Option<PathBuf>,
    /// What is said in the files, for the word error rate (report --wer): a table, CSV or separated
    /// by tabs, whose header names a column path, file or audio and one transcript, sentence or text
    #[arg(long, value_name = "FILE", help_heading = "Audio")]
    transcripts: Option<PathBuf>,
    /// Audio to synthesise: silence, tone, noise or speech-like; may be repeated
    #[arg(long, value_name = "SIGNAL:DURATION", help_heading = "Audio")]
    #[serde(deserialize_with = "texts")]
    synth: Vec<SynthSpec>,
    /// Fail on the first file that cannot be converted or is cut short, instead of skipping it, or
    /// keeping what there is
    #[arg(long, help_heading = "Audio", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    strict: Option<bool>,
    /// Files to convert at a time, at most 4 for each core [default: one for each core]
    #[arg(long, value_name = "N", help_heading = "Audio", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
}

impl Settings {
    /// These settings; where one is not set, that of `recipe`.
    pub(crate) fn or(self, recipe: Settings) -> Settings {
        fn either<T>(flags: Vec<T>, recipe: Vec<T>) -> Vec<T> {
            if flags.is_empty() { recipe } else { flags }
        }
        Settings {
            audio: either(self.audio, recipe.audio),
            output: self.output.or(recipe.output),
            arrivals: self.arrivals.or(recipe.arrivals),
            duration: self.duration.or(recipe.duration),
            sessions: self.sessions.or(recipe.sessions),
            turns: self.turns.or(recipe.turns),
            think_time: self.think_time.or(recipe.think_time),
            microphone: self.microphone.or(recipe.microphone),
            answer_time: self.answer_time.or(recipe.answer_time),
            hang: self.hang.or(recipe.hang),
            chunk: self.chunk.or(recipe.chunk),
            pick: self.pick.or(recipe.pick),
            language: self.language.or(recipe.language),
            seed: self.seed.or(recipe.seed),
            decoder: self.decoder.or(recipe.decoder),
            channel: self.channel.or(recipe.channel),
            max_clip: self.max_clip.or(recipe.max_clip),
            min_clip: self.min_clip.or(recipe.min_clip),
            normalize: self.normalize.or(recipe.normalize),
            no_dither: self.no_dither.or(recipe.no_dither),
            raw: self.raw.or(recipe.raw),
            speech_labels: self.speech_labels.or(recipe.speech_labels),
            transcripts: self.transcripts.or(recipe.transcripts),
            synth: either(self.synth, recipe.synth),
            strict: self.strict.or(recipe.strict),
            jobs: self.jobs.or(recipe.jobs),
        }
    }

    /// Every path that is set.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let starts = match &mut self.arrivals {
            Some(Arrivals::File(path)) => Some(path),
            _ => None,
        };
        let tables = self.speech_labels.iter_mut().chain(&mut self.transcripts);
        let named = self.output.iter_mut().chain(tables);
        self.audio.iter_mut().chain(named).chain(starts)
    }

    /// What to convert and what to compile of it, with defaults where nothing is set.
    pub(crate) fn specs(self) -> (ConvertSpec, CompileSpec) {
        let (convert, compile) = (ConvertSpec::default(), CompileSpec::default());
        let call = CallSpec::default();
        let ns = |duration: DurationArg| duration.ns;
        let convert = ConvertSpec {
            inputs: self.audio,
            decoder: self.decoder.unwrap_or(convert.decoder),
            channel: self.channel.unwrap_or(convert.channel),
            min_clip_ns: self.min_clip.map_or(convert.min_clip_ns, ns),
            max_clip_ns: self.max_clip.map(ns),
            normalize: self.normalize.unwrap_or(convert.normalize),
            dither: self.no_dither.map_or(convert.dither, |no| !no),
            raw: self.raw,
            speech_labels: self.speech_labels,
            transcripts: self.transcripts,
            strict: self.strict.unwrap_or(convert.strict),
            jobs: self.jobs.map(NonZeroUsize::get),
            synth: self.synth,
        };
        let compile = CompileSpec {
            arrivals: self.arrivals,
            limits: Limits {
                sessions: self.sessions,
                duration_ns: self.duration.map(ns),
            },
            turns: self.turns.map_or(compile.turns, |span| span.map(|n| n)),
            think_ns: self
                .think_time
                .map_or(compile.think_ns, |span| span.map(ns)),
            call: CallSpec {
                microphone: self.microphone.map(|MicrophoneArg(microphone)| microphone),
                answer_time_ns: self.answer_time.map_or(call.answer_time_ns, ns),
                hang_ns: self.hang.map_or(call.hang_ns, ns),
                chunk_ns: self.chunk.map_or(call.chunk_ns, ns),
                pace: Pace::RealTime,
                language_code: self.language.unwrap_or(call.language_code),
            },
            pick: self.pick.unwrap_or(compile.pick),
            seed: self.seed.unwrap_or(compile.seed),
        };
        (convert, compile)
    }
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse();
    jobs.map_err(|_| "a number from 1 on; leave it out for one for each core".to_owned())
}

/// A microphone, spelt as on the command line or as in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MicrophoneArg(pub(crate) Microphone);

impl FromStr for MicrophoneArg {
    type Err = String;

    fn from_str(text: &str) -> Result<MicrophoneArg, String> {
        let microphone = text.replace('-', "_").parse().map(MicrophoneArg);
        microphone.map_err(|_| format!("`{text}` is none of open, push-to-talk"))
    }
}

/// Reads a microphone.
pub(crate) fn microphone() -> impl TypedValueParser<Value = MicrophoneArg> {
    let push_to_talk = PossibleValue::new("push-to-talk").alias("push_to_talk");
    PossibleValuesParser::new([PossibleValue::new("open"), push_to_talk])
        .try_map(|text| text.parse::<MicrophoneArg>())
}

/// Reads a flag whose values have names.
pub(crate) fn names<T>(
    names: impl Iterator<Item = &'static str>,
) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|text| text.parse::<T>())
}

/// A value of a recipe, which may be written as on the command line or as a bare number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a number")]
enum Scalar {
    Text(String),
    Whole(i64),
    Number(f64),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Scalar::Text(text) => text,
            Scalar::Whole(number) => number.to_string(),
            Scalar::Number(number) => number.to_string(),
        }
    }
}

pub(crate) fn text<'de, D: Deserializer<'de>, T>(value: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
{
    let text = Scalar::deserialize(value)?.into_text();
    text.parse().map(Some).map_err(D::Error::custom)
}

fn texts<'de, D: Deserializer<'de>, T>(values: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(values)?.into_iter();
    texts
        .map(|text| text.parse().map_err(D::Error::custom))
        .collect()
}

pub(crate) fn name<'de, D: Deserializer<'de>, T>(value: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err = String>,
{
    let text = String::deserialize(value)?;
    let named = text.parse().map(Some);
    named.map_err(|known| D::Error::custom(format!("`{text}` is none of {known}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        settings: Settings,
    }

    fn flags(flags: &[&str]) -> Result<Settings, String> {
        let command = Command::try_parse_from([&["prepare"], flags].concat());
        command.map(|c| c.settings).map_err(|e| e.to_string())
    }

    const EVERY_FLAG: &[&str] = &[
        "calls",
        "--output=out.vtrace",
        "--arrivals=poisson:2/s",
        "--duration=2m",
        "--sessions=9",
        "--turns=1..3",
        "--think-time=1.5",
        "--microphone=push-to-talk",
        "--answer-time=2s",
        "--hang=300ms",
        "--chunk=40ms",
        "--pick=shuffle",
        "--language=de-DE",
        "--seed=7",
        "--decoder=native",
        "--channel=split",
        "--max-clip=30s",
        "--min-clip=1s",
        "--normalize=-23",
        "--no-dither",
        "--raw=ulaw:8000:1",
        "--speech-labels=labels.csv",
        "--synth=tone:1s",
        "--strict",
        "--jobs=2",
    ];
    const EVERY_KEY: &str = r#"
        audio = ["calls"]
        output = "out.vtrace"
        arrivals = "poisson:2/s"
        duration = "2m"
        sessions = 9
        turns = "1..3"
        think-time = 1.5
        microphone = "push_to_talk"
        answer-time = 2
        hang = "300ms"
        chunk = "40ms"
        pick = "shuffle"
        language = "de-DE"
        seed = 7
        decoder = "native"
        channel = "split"
        max-clip = 30
        min-clip = "1s"
        normalize = -23
        no-dither = true
        raw = "ulaw:8000:1"
        speech-labels = "labels.csv"
        synth = ["tone:1s"]
        strict = true
        jobs = 2
    "#;

    #[test]
    fn every_flag_has_a_key_of_the_same_meaning() {
        let by_flags = flags(EVERY_FLAG).unwrap();
        let by_recipe: Settings = toml::from_str(EVERY_KEY).unwrap();
        assert_eq!(by_flags, by_recipe);
        let (convert, compile) = by_recipe.specs();
        assert_eq!(compile.turns, 1..=3);
        assert_eq!(compile.think_ns, 1_500_000_000..=1_500_000_000);
        assert_eq!(compile.call.microphone, Some(Microphone::PushToTalk));
        assert_eq!(convert.normalize, Normalize::Lufs(-23.0));
        assert!(convert.strict && !convert.dither);
    }

    #[test]
    fn flags_overrule_the_recipe_and_the_recipe_the_defaults() {
        let recipe: Settings = toml::from_str("seed = 7\nstrict = true\nhang = 1").unwrap();
        let merged = flags(&["--seed=8", "--strict=false"]).unwrap().or(recipe);
        let (convert, compile) = merged.specs();
        assert_eq!((compile.seed, compile.call.hang_ns), (8, 1_000_000_000));
        assert!(!convert.strict);
        let (_, compile) = Settings::default().specs();
        assert_eq!(compile, CompileSpec::default());
    }

    #[test]
    fn a_recipe_is_one_with_every_key_when_no_flag_is_given() {
        let recipe: Settings = toml::from_str(EVERY_KEY).unwrap();
        assert_eq!(Settings::default().or(recipe.clone()), recipe);
    }

    #[test]
    fn mistakes_are_named() {
        for (wrong, what) in [
            ("--microphone=loud", "push-to-talk"),
            ("--channel=middle", "possible values: mix"),
            ("--arrivals=often", "constant:RATE"),
            ("--turns=3..1", "smaller value comes first"),
            ("--normalize=loud", "off, peak"),
            ("--synth=tone", "SIGNAL:DURATION"),
            ("--jobs=0", "a number from 1 on; leave it out"),
        ] {
            let error = flags(&[wrong]).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
        for (wrong, what) in [
            (
                "speed = 2",
                "unknown field `speed`, expected one of `audio`",
            ),
            ("pick = \"any\"", "`any` is none of round-robin"),
            ("microphone = \"loud\"", "`loud` is none of open"),
            ("hang = true", "a text or a number"),
            ("chunk = \"soon\"", "not a duration"),
        ] {
            let error = toml::from_str::<Settings>(wrong).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
