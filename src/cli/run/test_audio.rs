//! `--create-test-audio` and `--list-audio`: audio for a first run, and what there is. Both stop then.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::audio::library::AudioError;
use crate::audio::list::list;
use crate::audio::spec::ConvertSpec;
use crate::cli::exit::BadInput;
use crate::cli::prepare::of_audio;
use crate::cli::{listing, stdout};
use crate::pcm::synth::{Signal, render};
use crate::pcm::wav;
use crate::units::{Human, NS_PER_S, SampleRate, Samples, counted};

/// The folder where none is named.
const FOLDER: &str = "test_audio";
/// How long the files are, in seconds: a short, a usual and a long utterance.
const LENGTHS_S: [i64; 3] = [2, 4, 10];

/// What is done with audio instead of a run.
#[derive(Debug, clap::Args)]
pub(super) struct TestAudioArgs {
    /// Make WAV files of speech-like sound (16 kHz, mono) in the folder of --audio, or in test_audio,
    /// and stop
    #[arg(long, help_heading = "Speech", conflicts_with = "list_audio")]
    create_test_audio: bool,
    /// Show what the files of --audio, or of test_audio, hold, and stop
    #[arg(long, help_heading = "Speech")]
    list_audio: bool,
    /// Nothing else than 16000 is possible: audio is converted to that.
    #[arg(long, hide = true, value_name = "HZ", value_parser = sample_rate)]
    _sample_rate: Option<SampleRate>,
}

fn sample_rate(text: &str) -> Result<SampleRate, String> {
    let rate = text.parse().map(SampleRate).ok();
    rate.filter(|rate| *rate == SampleRate::PREPARED).ok_or_else(|| {
        format!(
            "audio of any sample rate is converted to {} Hz, which is what calls announce; leave out --sample-rate",
            SampleRate::PREPARED.0
        )
    })
}

impl TestAudioArgs {
    /// Does what is asked for instead of a run, and prints it; whether that was all.
    ///
    /// # Errors
    /// [`BadInput`] for a folder without audio, or one that is something else; otherwise the system's.
    pub(super) fn instead(&self, audio: Option<&Path>) -> anyhow::Result<bool> {
        let audio = audio.unwrap_or(Path::new(FOLDER));
        let said = match (self.create_test_audio, self.list_audio) {
            (true, _) => create(audio)?,
            (_, true) => show(audio)?,
            _ => return Ok(false),
        };
        stdout::show(&said).context("could not write to standard output")?;
        Ok(true)
    }
}

/// Makes the files that are not there yet, and says so.
fn create(folder: &Path) -> anyhow::Result<String> {
    let shown = folder.display();
    if folder.is_file() || folder.join("trace.json").exists() {
        return Err(BadInput(anyhow!(
            "--create-test-audio: {shown} is a file or a trace; name a folder with --audio-dir"
        ))
        .into());
    }
    std::fs::create_dir_all(folder).with_context(|| shown.to_string())?;
    let mut said = String::new();
    for (seed, seconds) in (0..).zip(LENGTHS_S) {
        let path: PathBuf = folder.join(format!("speech-like-{seconds}s.wav"));
        let made = match path.exists() {
            true => "there is already",
            false => {
                let samples = Samples::in_ns(seconds * NS_PER_S, SampleRate::PREPARED);
                let samples = render(Signal::SpeechLike, samples.0, SampleRate::PREPARED, seed);
                wav::write(&path, SampleRate::PREPARED, &samples)?;
                "made"
            }
        };
        said += &format!("{made} {}\n", path.display());
    }
    said += &format!("next: voicelt run --scenario baseline --audio-dir {shown}\n");
    Ok(said)
}

/// Lists the files in `audio`, each with its length, and all of them.
fn show(audio: &Path) -> anyhow::Result<String> {
    there(audio)?;
    let spec = ConvertSpec {
        inputs: vec![audio.to_owned()],
        ..ConvertSpec::default()
    };
    let rows = list(&spec).map_err(|error| refused(audio, of_audio(error)))?;
    let lengths = rows.iter().filter_map(|row| row.audio.as_ref().ok());
    let lengths: Vec<i64> = lengths.map(|audio| audio.duration_ns).collect();
    let total = format!(
        "{}, {} long\n",
        counted(lengths.len() as u64, "file"),
        Human(lengths.iter().sum())
    );
    Ok(listing::table(&rows) + &total)
}

/// Refuses a place at which there is nothing.
pub(super) fn there(audio: &Path) -> Result<(), BadInput> {
    match audio.exists() {
        true => Ok(()),
        false => Err(BadInput(anyhow!(
            "--audio {}: there is no such folder, file or trace; name one, or {}",
            audio.display(),
            making(audio)
        ))),
    }
}

/// The error, and where it is that `audio` holds none, how to make some.
pub(super) fn refused(audio: &Path, error: anyhow::Error) -> anyhow::Error {
    let cause = error.downcast_ref::<BadInput>();
    let Some(AudioError::NoAudio { inputs, untried }) =
        cause.and_then(|BadInput(cause)| cause.downcast_ref())
    else {
        return error;
    };
    let untried = match untried.files() {
        0 => String::new(),
        n => format!(" ({} not tried: {untried})", counted(n, "other file")),
    };
    BadInput(anyhow!(
        "No WAV files found in {inputs}, nor audio of other formats{untried}; name a folder that holds some, or {}",
        making(audio)
    ))
    .into()
}

/// How audio is made for a first run, in part of a sentence.
fn making(audio: &Path) -> String {
    format!(
        "make test audio there with `voicelt run --create-test-audio --audio-dir {}`",
        audio.display()
    )
}
