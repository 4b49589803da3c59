//! Clips that need no input: silence, tones, noise, speech-like audio.

use std::path::Path;

use super::clip::{ClipWriter, Extent};
use super::library_error::AudioError;
use super::spec::SynthSpec;
use crate::pcm::dither::Quantizer;
use crate::pcm::synth::{self, Signal};
use crate::trace::model::{ClipRow, SpeechMethod};
use crate::units::{Human, SampleRate, Samples};

/// Makes the clip `synth` in the bundle `folder`. `number` is its place among the synthetic clips:
/// each is seeded by it, so that two of a kind differ.
pub(super) fn clip(synth: SynthSpec, number: usize, folder: &Path) -> Result<ClipRow, AudioError> {
    let samples = Samples::in_ns(synth.duration_ns, SampleRate::PREPARED);
    let key = format!("synthetic-{number}");
    let mut clip = ClipWriter::create(folder, &key, Quantizer::exact())?;
    clip.push_pcm(&render(synth.signal, samples, number))?;
    let speech = match synth.signal {
        Signal::SpeechLike => {
            let spoken = synth::speech_like_extent(samples.0, SampleRate::PREPARED);
            Extent {
                start: spoken.start,
                end: spoken.end,
                method: SpeechMethod::Label,
            }
        }
        Signal::Silence | Signal::Tone | Signal::Noise => Extent::NONE,
    };
    clip.finish()?.keep(folder, speech, &name(synth))
}

/// The name that a synthetic clip has in place of a source file.
pub(super) fn name(synth: SynthSpec) -> String {
    format!("synth:{}:{}", synth.signal.name(), Human(synth.duration_ns))
}

fn render(signal: Signal, samples: Samples, number: usize) -> Vec<i16> {
    synth::render(signal, samples.0, SampleRate::PREPARED, number as u64)
}
