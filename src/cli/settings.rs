//! The settings of `prepare`, and how they are resolved.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::choice::{choice, microphone};
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

/// How a trace is prepared.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub(crate) struct Settings {
    #[command(flatten)]
    sessions: SessionArgs,
    #[command(flatten)]
    sound: SoundArgs,
}

/// What sessions are made.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(next_help_heading = "Sessions")]
struct SessionArgs {
    /// How sessions arrive: constant:RATE, poisson:RATE, uniform:N, burst:N@TIME or file:CSV (a
    /// start in seconds a line); RATE as 2/s or 30/m [default: one session a clip, one a second]
    #[arg(long, value_name = "SPEC")]
    arrivals: Option<Arrivals>,
    /// No session starts after this time
    #[arg(long, value_name = "DURATION")]
    duration: Option<DurationArg>,
    /// Most sessions
    #[arg(long, value_name = "N")]
    sessions: Option<u64>,
    /// Utterances of a session; of a range, each session draws its own
    #[arg(long, value_name = "N|N..M", default_value = "1")]
    turns: Span<u32>,
    /// Pause between the answer and the next utterance
    #[arg(long, value_name = "D|A..B", default_value = "1s")]
    think_time: Span<DurationArg>,
    /// Whether silence is sent between utterances (open) or nothing [default: push-to-talk for one
    /// turn, else open]
    #[arg(long, value_parser = microphone())]
    microphone: Option<Microphone>,
    /// Time that an answer is given, from the end of speech
    #[arg(long, value_name = "DURATION", default_value = "4s")]
    answer_time: DurationArg,
    /// Push-to-talk: silence sent after each utterance
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    hang: DurationArg,
    /// Audio in one message
    #[arg(long, value_name = "DURATION", default_value = "20ms")]
    chunk: DurationArg,
    /// Which clip is spoken next
    #[arg(long, default_value = "round-robin", value_parser = choice::<Pick>())]
    pick: Pick,
    /// Language that callers announce, BCP 47
    #[arg(long, value_name = "CODE", default_value = "en-US")]
    language: String,
    /// What every random choice derives from
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

/// How audio becomes clips.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(next_help_heading = "Audio")]
struct SoundArgs {
    /// Who decodes: this program, ffmpeg (on PATH), or ffmpeg for what this program refuses or has
    /// doubts of
    #[arg(long, default_value = "auto", value_parser = choice::<DecoderChoice>())]
    decoder: DecoderChoice,
    /// Which channels become clips; split makes one of each side of a two-party call
    #[arg(long, default_value = "mix", value_parser = choice::<ChannelChoice>())]
    channel: ChannelChoice,
    /// Cut longer audio to this length
    #[arg(long, value_name = "DURATION")]
    max_clip: Option<DurationArg>,
    /// Skip shorter audio
    #[arg(long, value_name = "DURATION", default_value = "20ms")]
    min_clip: DurationArg,
    /// Level to bring clips to: a loudness such as -23, peak, or off
    #[arg(
        long,
        value_name = "LUFS|peak|off",
        default_value = "off",
        allow_hyphen_values = true
    )]
    normalize: Normalize,
    /// Round to 16 bits without dither
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    no_dither: Option<bool>,
    /// Format of headerless files, such as ulaw:8000:1 [default: by their extension]
    #[arg(long, value_name = "FORMAT:RATE:CHANNELS")]
    raw: Option<RawFormat>,
    /// Where speech is, instead of detecting it: CSV with path,start_s,end_s
    #[arg(long, value_name = "CSV")]
    speech_labels: Option<PathBuf>,
    /// What is said in the files, for the word error rate (report --wer): a table, CSV or separated
    /// by tabs, whose header names a column path, file or audio and one transcript, sentence or text
    #[arg(long, value_name = "FILE")]
    transcripts: Option<PathBuf>,
    /// Audio to synthesise: silence, tone, noise or speech-like; may be repeated
    #[arg(long, value_name = "SIGNAL:DURATION")]
    synth: Vec<SynthSpec>,
    /// Fail on the first file that cannot be converted or is cut short, instead of skipping it, or
    /// keeping what there is
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    strict: Option<bool>,
    /// Files to convert at a time, at most 4 for each core [default: one for each core]
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
}

impl Settings {
    /// What to convert, of these files and folders, and what to compile of it.
    pub(crate) fn specs(self, inputs: Vec<PathBuf>) -> (ConvertSpec, CompileSpec) {
        let (sessions, sound) = (self.sessions, self.sound);
        let ns = |duration: DurationArg| duration.ns;
        let convert = ConvertSpec {
            inputs,
            decoder: sound.decoder,
            channel: sound.channel,
            min_clip_ns: sound.min_clip.ns,
            max_clip_ns: sound.max_clip.map(ns),
            normalize: sound.normalize,
            dither: sound.no_dither != Some(true),
            raw: sound.raw,
            speech_labels: sound.speech_labels,
            transcripts: sound.transcripts,
            strict: sound.strict == Some(true),
            jobs: sound.jobs.map(NonZeroUsize::get),
            synth: sound.synth,
        };
        let compile = CompileSpec {
            arrivals: sessions.arrivals,
            limits: Limits {
                sessions: sessions.sessions,
                duration_ns: sessions.duration.map(ns),
            },
            turns: sessions.turns.map(|n| n),
            think_ns: sessions.think_time.map(ns),
            call: CallSpec {
                microphone: sessions.microphone,
                answer_time_ns: sessions.answer_time.ns,
                hang_ns: sessions.hang.ns,
                chunk_ns: sessions.chunk.ns,
                pace: Pace::RealTime,
                language_code: sessions.language,
            },
            pick: sessions.pick,
            seed: sessions.seed,
        };
        (convert, compile)
    }
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse();
    jobs.map_err(|_| "a number from 1 on; leave it out for one for each core".to_owned())
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
    #[test]
    fn every_flag_is_resolved() {
        let (convert, compile) = flags(EVERY_FLAG).unwrap().specs(Vec::new());
        assert_eq!(compile.turns, 1..=3);
        assert_eq!(compile.think_ns, 1_500_000_000..=1_500_000_000);
        assert_eq!(compile.call.microphone, Some(Microphone::PushToTalk));
        assert_eq!((compile.call.hang_ns, compile.seed), (300_000_000, 7));
        assert_eq!(convert.normalize, Normalize::Lufs(-23.0));
        assert!(convert.strict && !convert.dither);
    }

    #[test]
    fn without_flags_all_is_as_the_library_has_it() {
        let (convert, compile) = flags(&[]).unwrap().specs(Vec::new());
        assert_eq!(
            (convert, compile),
            (ConvertSpec::default(), CompileSpec::default())
        );
        let (convert, _) = flags(&["--strict=false", "--no-dither=false"])
            .unwrap()
            .specs(Vec::new());
        assert_eq!(convert, ConvertSpec::default());
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
    }
}
