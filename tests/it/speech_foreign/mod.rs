//! The speech detector against espeak-ng's own phoneme times: 128 utterances of 64 sentences in
//! eight voices and five speeds, between silences of 100 to 900 ms, clean and in noise 10 dB below.
//!
//! Needs Python 3 and the Debian package espeak-ng:
//! `cargo test --test it speech_foreign:: -- --ignored --nocapture` also shows the figures.
#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

use std::path::Path;
use std::process::Command;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use voicelt::audio::open;
use voicelt::pcm::resample::Resampler;
use voicelt::pcm::speech::detect;
use voicelt::pcm::synth::{Signal, render};
use voicelt::units::SampleRate;

const RATE: SampleRate = SampleRate::PREPARED;

/// Speakers at once that make babble.
const TALKERS: usize = 8;

struct Utterance {
    sentence: String,
    audio: Vec<f64>,
    start: usize,
    end: usize,
}

fn utterances() -> Vec<Utterance> {
    let folder = tempfile::tempdir().unwrap();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/speech_foreign/espeak_times.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(folder.path())
        .output();
    let output = output.unwrap_or_else(|e| panic!("python3: {e}; this suite needs it"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "espeak_times.py: {words}");
    let times = csv::Reader::from_path(folder.path().join("times.csv"));
    times
        .unwrap()
        .into_deserialize()
        .map(|row| {
            let (file, start, end, sentence): (String, u64, u64, String) = row.unwrap();
            let (rate, audio) = at_16_khz(&folder.path().join(file));
            let at = |sample: u64| (sample * u64::from(RATE.0) / u64::from(rate)) as usize;
            Utterance {
                sentence,
                audio,
                start: at(start),
                end: at(end),
            }
        })
        .collect()
}

/// The file's own rate, and its samples at 16 kHz on the scale of `i16`.
fn at_16_khz(path: &Path) -> (u32, Vec<f64>) {
    let mut decoder = open(path, None).unwrap();
    let rate = decoder.info().rate_hz;
    let mut resampler = Resampler::new(rate, RATE.0).unwrap();
    let (mut block, mut audio) = (Vec::new(), Vec::new());
    while decoder.next_block(&mut block).unwrap().is_some() {
        resampler.push(&block[0], &mut audio);
    }
    resampler.finish(&mut audio);
    (
        rate,
        audio.iter().map(|&s| f64::from(s) * 32_768.0).collect(),
    )
}

fn power(samples: &[f64]) -> f64 {
    samples.iter().map(|s| s * s).sum::<f64>() / samples.len().max(1) as f64
}

fn white(count: usize, seed: u64) -> Vec<f64> {
    let noise = render(Signal::Noise, count as u64, RATE, seed);
    noise.into_iter().map(f64::from).collect()
}

/// White noise with −3 dB an octave (Kellet's economy filter).
fn pink(count: usize, seed: u64) -> Vec<f64> {
    let mut b = [0.0; 3];
    let noise = white(count, seed).into_iter().map(|w| {
        b[0] = 0.997_65 * b[0] + w * 0.099_046;
        b[1] = 0.963 * b[1] + w * 0.296_516_4;
        b[2] = 0.57 * b[2] + w * 1.052_691_3;
        b.iter().sum::<f64>() + w * 0.184_8
    });
    noise.collect()
}

/// The other utterances, several at once, without end.
fn babble(count: usize, seed: u64, all: &[Utterance]) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut sum = vec![0.0; count];
    for talker in 0..TALKERS {
        let other = &all[(seed as usize + 11 + 13 * talker) % all.len()].audio;
        let offset = random.random_range(0..other.len());
        let endless = other.iter().cycle().skip(offset);
        sum.iter_mut().zip(endless).for_each(|(s, o)| *s += o);
    }
    sum
}

/// Errors of start and end in milliseconds, found minus true, with the sentences.
#[derive(Default)]
struct Errors {
    start: Vec<(f64, String)>,
    end: Vec<(f64, String)>,
}

fn measure(all: &[Utterance], noise: impl Fn(usize, u64) -> Option<Vec<f64>>) -> Errors {
    let mut errors = Errors::default();
    for (i, spoken) in all.iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(i as u64);
        let before = random.random_range(1_600..11_200);
        let after = random.random_range(1_600..14_400);
        let mut sound = vec![0.0; before];
        sound.extend(&spoken.audio);
        sound.resize(sound.len() + after, 0.0);
        if let Some(noise) = noise(sound.len(), i as u64) {
            let speech = power(&spoken.audio[spoken.start..spoken.end]);
            let gain = (speech / 10.0 / power(&noise)).sqrt();
            sound
                .iter_mut()
                .zip(noise)
                .for_each(|(s, n)| *s += gain * n);
        }
        let clip: Vec<i16> = sound.iter().map(|s| s.round() as i16).collect();
        let found = detect(&clip, RATE)
            .unwrap_or_else(|| panic!("no speech found in: {}", spoken.sentence));
        let ms = |found: u64, truth: usize| (found as f64 - truth as f64) / 16.0;
        let sentence = &spoken.sentence;
        let (start, end) = (before + spoken.start, before + spoken.end);
        errors
            .start
            .push((ms(found.start, start), sentence.clone()));
        errors.end.push((ms(found.end, end), sentence.clone()));
    }
    errors
}

/// Median and 95th percentile of the magnitude of errors; shows them and the worst ones.
fn judge(noise: &str, edge: &str, mut errors: Vec<(f64, String)>) -> (f64, f64) {
    errors.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let at = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize].0.abs();
    let (median, p95) = (at(0.5), at(0.95));
    println!("{noise:6} {edge:5} error: median {median:3.0} ms, p95 {p95:3.0} ms");
    for (error, sentence) in errors.iter().rev().take(3) {
        println!("    {error:5.0} ms: {sentence}");
    }
    (median, p95)
}

#[test]
#[ignore = "needs espeak-ng and Python 3"]
fn speech_is_found_where_the_synthesiser_put_it() {
    let all = utterances();
    assert!(all.len() >= 120);
    // Babble is speech itself, and what of it reaches over an edge is no error of a detector that
    // does not know the speaker: its 95th percentile is held to less.
    let conditions: [(&str, f64, Errors); 4] = [
        ("clean", 100.0, measure(&all, |_, _| None)),
        (
            "white",
            100.0,
            measure(&all, |n, seed| Some(white(n, seed))),
        ),
        ("pink", 100.0, measure(&all, |n, seed| Some(pink(n, seed)))),
        (
            "babble",
            250.0,
            measure(&all, |n, seed| Some(babble(n, seed, &all))),
        ),
    ];
    for (noise, most, errors) in conditions {
        for (edge, errors) in [("start", errors.start), ("end", errors.end)] {
            let (median, p95) = judge(noise, edge, errors);
            assert!(median <= 30.0, "{noise}, {edge}: median {median} ms");
            assert!(p95 <= most, "{noise}, {edge}: p95 {p95} ms");
        }
    }
}
