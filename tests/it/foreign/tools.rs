//! Runs foreign programs, and compares what they decode with what we decode.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use voicelt::audio::{RawFormat, SourceInfo, open};

/// Runs a command line in `folder` and returns what it wrote to its standard output.
///
/// # Panics
/// With the program's own words when it fails, and with what to install when it is missing.
fn run_in(folder: &Path, line: &str) -> Vec<u8> {
    let mut words = shlex::split(line).expect("quotes are closed").into_iter();
    let program = words.next().expect("a program");
    let output = Command::new(&program)
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|e| {
            panic!("{program}: {e}; tests/it/foreign/mod.rs names the packages that are needed")
        });
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {words}");
    output.stdout
}

/// Runs a command line in [`folder`].
pub(crate) fn run(line: &str) -> Vec<u8> {
    run_in(folder(), line)
}

/// One vector of samples a channel.
pub(crate) type Planes = Vec<Vec<f32>>;

/// Decodes a file with the code under test.
pub(crate) fn ours(path: &Path, raw: Option<RawFormat>) -> (SourceInfo, Planes) {
    let mut decoder = open(path, raw).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut planes = vec![Vec::new(); usize::from(decoder.info().channels)];
    let mut block = Vec::new();
    while decoder
        .next_block(&mut block)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .is_some()
    {
        for (plane, samples) in planes.iter_mut().zip(&block) {
            plane.extend_from_slice(samples);
        }
    }
    (decoder.info().clone(), planes)
}

/// Decodes a file with ffmpeg, at its own rate; `input` are options for the input.
pub(crate) fn judge(path: &Path, input: &str, channels: usize) -> Planes {
    let path = path.to_str().expect("test files have plain names");
    let path = shlex::try_quote(path).expect("no zero byte");
    let output = "-map 0:a:0 -f f32le -c:a pcm_f32le -";
    let bytes = run(&format!(
        "ffmpeg -nostdin -v error {input} -i {path} {output}"
    ));
    let (samples, _) = bytes.as_chunks::<4>();
    let samples: Vec<f32> = samples.iter().map(|&b| f32::from_le_bytes(b)).collect();
    (0..channels)
        .map(|c| samples.iter().skip(c).step_by(channels).copied().collect())
        .collect()
}

/// Signal over difference in dB, over all channels and the length that both have; infinite when
/// they are equal.
pub(crate) fn snr_db(ours: &Planes, theirs: &Planes) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (ours, theirs) in ours.iter().zip(theirs) {
        for (&a, &b) in ours.iter().zip(theirs) {
            signal += f64::from(b).powi(2);
            noise += (f64::from(a) - f64::from(b)).powi(2);
        }
    }
    10.0 * (signal / noise).log10()
}

/// A folder with `speech.wav`: 6 s of synthetic speech in stereo at 44.1 kHz, the channels of
/// unequal level and 11 ms apart, with the peaks well below full scale. Made once.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
        // What an earlier run left behind; before the first there is nothing.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for test files");
        let text = "The quick brown fox jumps over the lazy dog, and two other animals look at it \
                    from the shade of a tall tree without saying a word.";
        run_in(&folder, &format!("espeak-ng -w voice.wav '{text}'"));
        let stereo = "aresample=44100:resampler=soxr,pan=stereo|c0=0.7*c0|c1=0.4*c0,adelay=0|11,\
                      apad,atrim=end=6";
        let made = format!("-i voice.wav -af '{stereo}' -c:a pcm_s16le speech.wav");
        run_in(&folder, &format!("ffmpeg -v error {made}"));
        folder
    })
}

/// Makes a file in [`folder`] by ffmpeg from `speech.wav`.
pub(crate) fn ffmpeg(options: &str, name: &str) -> PathBuf {
    run(&format!(
        "ffmpeg -v error -y -i speech.wav {options} {name}"
    ));
    folder().join(name)
}
