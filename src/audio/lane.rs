//! The way of one channel from the decoder to its clip, block by block: choose or mix, resample,
//! quantise, write.

use std::path::Path;

use super::clip::{Clip, ClipWriter};
use super::failure::Failure;
use super::guard::BlockFormat;
use super::normalize::Waiting;
use super::source_info::SourceInfo;
use super::spec::{Channel, ConvertSpec, Normalize};
use crate::pcm::dither::Quantizer;
use crate::pcm::resample::{ResampleError, Resampler};
use crate::units::{SampleRate, Samples};

/// Resamplers that are kept for rates that a file may come back to.
const KEPT_RESAMPLERS: usize = 4;

/// One channel, or the mix of all.
pub(super) struct Lane {
    pub(super) channel: Channel,
    /// Samples that may still be written before `--max-clip`.
    pub(super) room: u64,
    mix: Mix,
    rate_hz: u32,
    /// That of the present rate first.
    resamplers: Vec<(u32, Resampler)>,
    clip: ClipWriter,
    dithers: bool,
    waiting: Option<Waiting>,
    mono: Vec<f32>,
    audio: Vec<f32>,
}

impl Lane {
    /// A lane for `channel` of a file that begins as `info` says; `key` distinguishes it from those
    /// that are filled at the same time in `folder`.
    pub(super) fn new(
        channel: Channel,
        info: &SourceInfo,
        spec: &ConvertSpec,
        folder: &Path,
        key: &str,
    ) -> Result<Lane, Failure> {
        let rate = SampleRate::PREPARED;
        let mixed = channel == Channel::Mix && info.channels > 1;
        let untouched = info.exact_16_bit
            && info.rate_hz == rate.0
            && !mixed
            && spec.normalize == Normalize::Off;
        let quantizer = if untouched || !spec.dither {
            Quantizer::exact()
        } else {
            Quantizer::dithered()
        };
        let clip = ClipWriter::create(folder, &format!("{key}-{channel}"), quantizer)?;
        let waiting = match spec.normalize {
            Normalize::Off => None,
            Normalize::Peak | Normalize::Lufs(_) => Some(Waiting::create(folder)?),
        };
        Ok(Lane {
            channel,
            room: spec
                .max_clip_ns
                .map_or(u64::MAX, |ns| Samples::in_ns(ns, rate).0),
            mix: Mix::default(),
            rate_hz: info.rate_hz,
            resamplers: vec![(info.rate_hz, Resampler::new(info.rate_hz, rate.0)?)],
            clip,
            dithers: spec.dither,
            waiting,
            mono: Vec::new(),
            audio: Vec::new(),
        })
    }

    /// Takes a block of the file.
    pub(super) fn push(&mut self, block: &[Vec<f32>], format: BlockFormat) -> Result<(), Failure> {
        self.audio.clear();
        if format.rate_hz != self.rate_hz {
            self.end_part(format.rate_hz)?;
        }
        self.mono.clear();
        self.mix.push(block, format, self.channel, &mut self.mono);
        if let Some((_, resampler)) = self.resamplers.first_mut() {
            resampler.push(&self.mono, &mut self.audio);
        }
        self.write()?;
        Ok(())
    }

    /// Ends the part that has one rate; the next has this one.
    fn end_part(&mut self, rate_hz: u32) -> Result<(), ResampleError> {
        if let Some((_, resampler)) = self.resamplers.first_mut() {
            resampler.finish(&mut self.audio);
        }
        self.rate_hz = rate_hz;
        let known = self
            .resamplers
            .iter()
            .position(|&(rate, _)| rate == rate_hz);
        let next = match known {
            Some(at) => self.resamplers.remove(at),
            None => (rate_hz, Resampler::new(rate_hz, SampleRate::PREPARED.0)?),
        };
        self.resamplers.insert(0, next);
        self.resamplers.truncate(KEPT_RESAMPLERS);
        if self.dithers {
            self.clip.dither();
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Failure> {
        let count =
            usize::try_from(self.room).map_or(self.audio.len(), |room| self.audio.len().min(room));
        let audio = &self.audio[..count];
        self.room -= count as u64;
        match &mut self.waiting {
            Some(waiting) => waiting.push(audio)?,
            None => self.clip.push(audio)?,
        }
        Ok(())
    }

    /// Ends the clip.
    pub(super) fn finish(mut self, normalize: Normalize) -> Result<Clip, Failure> {
        self.audio.clear();
        if let Some((_, resampler)) = self.resamplers.first_mut() {
            resampler.finish(&mut self.audio);
        }
        self.write()?;
        if let Some(waiting) = self.waiting {
            waiting.finish(normalize, &mut self.clip)?;
        }
        Ok(self.clip.finish()?)
    }
}

/// Makes one channel of those of a block.
#[derive(Default)]
pub(super) struct Mix {
    /// The channels that were mixed last, and their weights.
    weights: Option<(BlockFormat, Vec<f32>)>,
}

impl Mix {
    /// Appends the samples of `channel` to `mono`: one of the channels of `block`, or all of them, each
    /// by the weight of its loudspeaker.
    pub(super) fn push(
        &mut self,
        block: &[Vec<f32>],
        format: BlockFormat,
        channel: Channel,
        mono: &mut Vec<f32>,
    ) {
        match (channel, block) {
            (_, []) => {}
            (Channel::Left, [left, ..]) | (_, [left]) => mono.extend_from_slice(left),
            (Channel::Right, [_, right, ..]) => mono.extend_from_slice(right),
            (Channel::Mix, [first, others @ ..]) => {
                let weights = match &self.weights {
                    Some((same, weights)) if *same == format => weights,
                    _ => &self.weights.insert((format, format.layout.weights())).1,
                };
                let start = mono.len();
                mono.extend(first.iter().map(|sample| sample * weights[0]));
                for (plane, weight) in others.iter().zip(&weights[1..]) {
                    if *weight != 0.0 {
                        let sums = mono[start..].iter_mut().zip(plane);
                        sums.for_each(|(sum, sample)| *sum += sample * weight);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::layout::Layout;

    fn format(rate_hz: u32, channels: u16) -> BlockFormat {
        BlockFormat {
            rate_hz,
            layout: Layout::new(channels, 0),
        }
    }

    #[test]
    fn channels_are_chosen_or_mixed_by_their_weights() {
        let block = [vec![1.0, 0.5], vec![0.0, -0.5], vec![0.5, 0.0]];
        let chosen = |channel, channels: usize| {
            let mut mono = vec![7.0];
            let format = format(8_000, channels as u16);
            Mix::default().push(&block[..channels], format, channel, &mut mono);
            mono.split_off(1)
        };
        assert_eq!(chosen(Channel::Left, 3), [1.0, 0.5]);
        assert_eq!(chosen(Channel::Right, 3), [0.0, -0.5]);
        assert_eq!(chosen(Channel::Mix, 1), [1.0, 0.5]);
        assert_eq!(chosen(Channel::Mix, 2), [0.5, 0.0]);
        // The third of three is low frequency effects.
        assert_eq!(chosen(Channel::Mix, 3), [0.5, 0.0]);
    }

    #[test]
    fn parts_of_other_rates_and_channels_are_as_long_as_they_sound() {
        let folder = tempfile::tempdir().unwrap();
        let info = SourceInfo {
            codec: String::new(),
            rate_hz: 48_000,
            channels: 2,
            frames: None,
            exact_16_bit: false,
            decoder: crate::audio::DecoderUsed::Native,
            trim: None,
        };
        let spec = ConvertSpec::default();
        let mut lane = Lane::new(Channel::Mix, &info, &spec, folder.path(), "0").unwrap();
        let rates = [48_000, 16_000, 44_100, 8_000, 22_050, 12_000, 48_000];
        for (part, rate_hz) in rates.into_iter().enumerate() {
            let channels = part % 3 + 1;
            let second = vec![vec![0.25; rate_hz as usize / 2]; channels];
            for _ in 0..2 {
                lane.push(&second, format(rate_hz, channels as u16))
                    .unwrap();
            }
        }
        let clip = lane.finish(Normalize::Off).unwrap();
        assert_eq!(clip.samples, Samples(7 * 16_000));
    }
}
