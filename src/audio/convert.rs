//! One file to its clips, block by block: decode, choose channels, resample, quantise, write.

use std::path::Path;

use super::clip::{Clip, ClipWriter, Extent};
use super::decode::{self, Decoder, SourceInfo};
use super::error::DecodeError;
use super::labels::Label;
use super::library::AudioError;
use super::normalize::Waiting;
use super::raw::RawFormat;
use super::resample::Resampler;
use super::spec::{Channel, ChannelChoice, ConvertSpec, Normalize};
use crate::fence::fenced;
use crate::pcm::PcmError;
use crate::pcm::dither::Quantizer;
use crate::trace::model::ClipRow;
use crate::units::{Human, NS_PER_S, SampleRate, Samples};

/// Audio after which progress is reported.
const REPORT_NS: i64 = 10 * NS_PER_S;

/// What to convert, besides the settings that all files share.
pub(super) struct Job<'a> {
    /// The file.
    pub(super) path: &'a Path,
    /// Its name in the rows.
    pub(super) name: &'a str,
    /// Tells temporary files of jobs apart.
    pub(super) number: usize,
    /// The format of a file without header.
    pub(super) raw: Option<RawFormat>,
    /// What the user says about the speech in it.
    pub(super) label: Option<Label>,
}

/// What became of a file.
pub(super) struct Outcome {
    /// What its header says, if it could be opened.
    pub(super) info: Option<SourceInfo>,
    /// Its clips, or why there are none.
    pub(super) clips: Result<Vec<(Channel, ClipRow)>, String>,
    /// What was odd about it, and how it was taken.
    pub(super) note: Option<String>,
}

/// Why a conversion ends early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Something is wrong with this file; the others go on.
    #[error("{0}")]
    Skip(String),
    /// Nothing can be written any more.
    #[error(transparent)]
    Fatal(#[from] AudioError),
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Failure {
        Failure::Skip(error.to_string())
    }
}

impl From<PcmError> for Failure {
    fn from(error: PcmError) -> Failure {
        match error {
            PcmError::TooLong { limit, .. } => {
                let longest = Samples(limit).duration_ns(SampleRate::PREPARED);
                Failure::Skip(format!("longer than {}; use --max-clip", Human(longest)))
            }
            other => Failure::Fatal(other.into()),
        }
    }
}

/// Converts one file into clips in the bundle `folder`; `heard` is told how many nanoseconds of
/// audio were written, from time to time.
///
/// # Errors
/// Only what ends the whole conversion: the folder cannot be written.
pub(super) fn convert(
    job: &Job<'_>,
    spec: &ConvertSpec,
    folder: &Path,
    heard: &dyn Fn(i64),
) -> Result<Outcome, AudioError> {
    let mut decoder = match decode::open(job.path, job.raw) {
        Ok(decoder) => decoder,
        Err(reason) => {
            return Ok(Outcome {
                info: None,
                clips: Err(reason.to_string()),
                note: None,
            });
        }
    };
    // What a panic leaves behind is never used again, but for temporary files, which it removes.
    let made = fenced(|| clips_of(&mut decoder, job, spec, folder, heard));
    let clips = match made {
        Some(Ok(clips)) => Ok(clips),
        Some(Err(Failure::Skip(reason))) => Err(reason),
        Some(Err(Failure::Fatal(error))) => return Err(error),
        None => Err("the conversion failed on its content".to_owned()),
    };
    let info = Some(decoder.info().clone());
    let note = (!decoder.notes().is_empty()).then(|| decoder.notes().join("; "));
    Ok(Outcome { info, clips, note })
}

fn clips_of(
    decoder: &mut Decoder,
    job: &Job<'_>,
    spec: &ConvertSpec,
    folder: &Path,
    heard: &dyn Fn(i64),
) -> Result<Vec<(Channel, ClipRow)>, Failure> {
    let info = decoder.info().clone();
    let channels = channels_of(spec.channel, info.channels);
    let mut lanes = channels
        .iter()
        .map(|&channel| Lane::new(channel, &info, spec, folder, job.number))
        .collect::<Result<Vec<_>, _>>()?;
    let mut block = Vec::new();
    let mut unreported = Samples(0);
    let report = |unreported: &mut Samples| {
        heard(std::mem::take(unreported).duration_ns(SampleRate(info.rate_hz)));
    };
    while lanes.iter().any(|lane| lane.room > 0) && decoder.next_block(&mut block)? {
        for lane in &mut lanes {
            lane.push(&block)?;
        }
        unreported.0 += block.first().map_or(0, |first| first.len() as u64);
        if unreported.duration_ns(SampleRate(info.rate_hz)) >= REPORT_NS {
            report(&mut unreported);
        }
    }
    report(&mut unreported);
    let mut clips = Vec::new();
    for lane in lanes {
        let channel = lane.channel;
        let clip = lane.finish(spec.normalize)?;
        let length = clip.samples.duration_ns(SampleRate::PREPARED);
        if length < spec.min_clip_ns {
            return Err(Failure::Skip(format!(
                "too short: {} (clips of less than {} are left out; see --min-clip)",
                Human(length),
                Human(spec.min_clip_ns)
            )));
        }
        clips.push((channel, clip));
    }
    clips
        .into_iter()
        .map(|(channel, clip)| {
            let speech = match job.label {
                Some(label) => Extent::labelled(label, clip.samples),
                None => clip.detect_speech()?,
            };
            Ok((channel, clip.keep(folder, speech, job.name)?))
        })
        .collect()
}

/// The channels that clips are made of; a file of one channel has only that one to choose.
fn channels_of(choice: ChannelChoice, channels: u16) -> Vec<Channel> {
    match choice {
        _ if channels == 1 => vec![Channel::Mix],
        ChannelChoice::Mix => vec![Channel::Mix],
        ChannelChoice::Left => vec![Channel::Left],
        ChannelChoice::Right => vec![Channel::Right],
        ChannelChoice::Split => vec![Channel::Left, Channel::Right],
    }
}

/// The way of one channel from the decoder to its clip.
struct Lane {
    channel: Channel,
    resampler: Resampler,
    /// Samples that may still be written before `--max-clip`.
    room: u64,
    clip: ClipWriter,
    waiting: Option<Waiting>,
    mono: Vec<f32>,
    audio: Vec<f32>,
}

impl Lane {
    fn new(
        channel: Channel,
        info: &SourceInfo,
        spec: &ConvertSpec,
        folder: &Path,
        number: usize,
    ) -> Result<Lane, Failure> {
        let rate = SampleRate::PREPARED;
        let resampler = Resampler::new(info.rate_hz, rate.0)
            .map_err(|reason| Failure::Skip(reason.to_string()))?;
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
        let clip = ClipWriter::create(folder, &format!("{number}-{channel}"), quantizer)?;
        let waiting = match spec.normalize {
            Normalize::Off => None,
            Normalize::Peak | Normalize::Lufs(_) => Some(Waiting::create(folder)?),
        };
        Ok(Lane {
            channel,
            resampler,
            room: spec
                .max_clip_ns
                .map_or(u64::MAX, |ns| Samples::in_ns(ns, rate).0),
            clip,
            waiting,
            mono: Vec::new(),
            audio: Vec::new(),
        })
    }

    fn push(&mut self, block: &[Vec<f32>]) -> Result<(), Failure> {
        self.mono.clear();
        select(block, self.channel, &mut self.mono);
        self.audio.clear();
        self.resampler.push(&self.mono, &mut self.audio);
        self.write()
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

    fn finish(mut self, normalize: Normalize) -> Result<Clip, Failure> {
        self.audio.clear();
        self.resampler.finish(&mut self.audio);
        self.write()?;
        if let Some(waiting) = self.waiting {
            waiting.finish(normalize, &mut self.clip)?;
        }
        Ok(self.clip.finish()?)
    }
}

/// Appends the samples of `channel` to `mono`: one of the channels of `block`, or the mean of all.
pub(super) fn select(block: &[Vec<f32>], channel: Channel, mono: &mut Vec<f32>) {
    match (channel, block) {
        (_, []) => {}
        (Channel::Left, [left, ..]) | (_, [left]) => mono.extend_from_slice(left),
        (Channel::Right, [_, right, ..]) => mono.extend_from_slice(right),
        (Channel::Mix, [first, others @ ..]) => {
            mono.extend_from_slice(first);
            for other in others {
                for (sum, sample) in mono.iter_mut().zip(other) {
                    *sum += sample;
                }
            }
            let share = 1.0 / block.len() as f32;
            mono.iter_mut().for_each(|sample| *sample *= share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_chosen_or_averaged() {
        let block = [vec![1.0, 0.5], vec![0.0, -0.5], vec![0.5, 0.0]];
        let chosen = |channel| {
            let mut mono = Vec::new();
            select(&block, channel, &mut mono);
            mono
        };
        assert_eq!(chosen(Channel::Left), [1.0, 0.5]);
        assert_eq!(chosen(Channel::Right), [0.0, -0.5]);
        assert_eq!(chosen(Channel::Mix), [0.5, 0.0]);
        assert_eq!(channels_of(ChannelChoice::Split, 1), [Channel::Mix]);
        assert_eq!(
            channels_of(ChannelChoice::Split, 2),
            [Channel::Left, Channel::Right]
        );
    }
}
