//! One file to its clips: decoded by whoever can, a lane for each channel, and put in their places.

use std::cell::Cell;
use std::path::Path;

use super::ahead::each_block;
use super::clip::{Clip, Extent};
use super::decode::Decoder;
use super::error::DecodeError;
use super::failure::Failure;
use super::fallback;
use super::file_state::FileState;
use super::labels::Label;
use super::lane::Lane;
use super::library_error::AudioError;
use super::raw::RawFormat;
use super::source_info::SourceInfo;
use super::spec::{Channel, ChannelChoice, ConvertSpec};
use crate::fence::fenced;
use crate::trace::model::ClipRow;
use crate::units::{Human, NS_PER_S, SampleRate};

/// Audio after which progress is reported.
const REPORT_NS: i64 = 10 * NS_PER_S;

/// What to convert, besides the settings that all files share.
pub(super) struct Job<'a> {
    /// The file.
    pub(super) path: &'a Path,
    /// Its name in the rows.
    pub(super) name: &'a str,
    /// What it was when it was found.
    pub(super) state: FileState,
    /// Tells temporary files of jobs apart.
    pub(super) number: usize,
    /// The format of a file without header.
    pub(super) raw: Option<RawFormat>,
    /// What the user says about the speech in it.
    pub(super) label: Option<Label>,
    /// Whether it is decoded on a thread of its own, since there is a core to spare.
    pub(super) ahead: bool,
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
    let mut attempts = 0;
    // What an attempt before has told was not kept.
    let told = Cell::new(0);
    let decoded = fallback::decode(job.path, job.raw, spec.decoder, |decoder| {
        attempts += 1;
        if told.get() > 0 {
            heard(-told.take());
        }
        let tell = |ns| {
            told.set(told.get() + ns);
            heard(ns);
        };
        // What a panic leaves behind is never used again, but for temporary files, which it removes.
        let made = fenced(|| clips_of(decoder, job, attempts, spec, folder, &tell));
        match made.unwrap_or_else(|| Err(Failure::Decode(panicked()))) {
            Ok(clips) => Ok(Ok(clips)),
            Err(Failure::Decode(error)) => Ok(Err(error)),
            Err(other) => Err(other),
        }
    });
    let mut outcome = Outcome {
        info: None,
        clips: Ok(Vec::new()),
        note: None,
    };
    let clips = decoded.and_then(|decoded| {
        if let Some(change) = job.state.change(job.path) {
            return Err(Failure::Skip(change));
        }
        let decoded = decoded?;
        outcome.info = Some(decoded.info.clone());
        let of_clips = decoded.made.iter().find_map(|(_, clip)| clip.note.clone());
        let notes = decoded.note().into_iter().chain(of_clips);
        outcome.note = notes.reduce(|all, note| format!("{all}; {note}"));
        if let Some(doubt) = decoded.doubt.filter(|_| spec.strict) {
            return Err(Failure::Skip(doubt));
        }
        fenced(|| kept(decoded.made, job, spec, folder)).unwrap_or_else(|| Err(panicked().into()))
    });
    outcome.clips = match clips {
        Ok(clips) => Ok(clips),
        Err(Failure::Fatal(error)) => return Err(error),
        Err(reason) => Err(reason.to_string()),
    };
    Ok(outcome)
}

fn panicked() -> DecodeError {
    DecodeError::damaged("the conversion failed on its content")
}

/// Clips of channels, not in their places yet.
type Unkept = Vec<(Channel, Clip)>;

/// Makes clips of what is decoded, in the attempt of this number.
fn clips_of(
    decoder: &mut Decoder,
    job: &Job<'_>,
    attempt: u32,
    spec: &ConvertSpec,
    folder: &Path,
    heard: &dyn Fn(i64),
) -> Result<Unkept, Failure> {
    let info = decoder.info().clone();
    let channels = channels_of(spec.channel, info.channels);
    let key = format!("{}-{attempt}", job.number);
    let mut lanes = channels
        .iter()
        .map(|&channel| Lane::new(channel, &info, spec, folder, &key))
        .collect::<Result<Vec<_>, _>>()?;
    let (mut reported, mut decoded) = (0, 0);
    each_block(decoder, job.ahead, |block, format, decoded_ns| {
        for lane in &mut lanes {
            lane.push(block, format)?;
        }
        decoded = decoded_ns;
        let new = decoded - reported;
        if new >= REPORT_NS {
            heard(new);
            reported += new;
        }
        Ok::<_, Failure>(lanes.iter().any(|lane| lane.room > 0))
    })?;
    heard(decoded - reported);
    lanes
        .into_iter()
        .map(|lane| Ok((lane.channel, lane.finish(spec.normalize)?)))
        .collect()
}

/// Puts clips in their places, and finds the speech in them.
fn kept(
    clips: Unkept,
    job: &Job<'_>,
    spec: &ConvertSpec,
    folder: &Path,
) -> Result<Vec<(Channel, ClipRow)>, Failure> {
    for (_, clip) in &clips {
        let length = clip.samples.duration_ns(SampleRate::PREPARED);
        if length < spec.min_clip_ns {
            return Err(Failure::Skip(format!(
                "too short: {} (clips of less than {} are left out; see --min-clip)",
                Human(length),
                Human(spec.min_clip_ns)
            )));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_channel_is_all_there_is_to_choose() {
        assert_eq!(channels_of(ChannelChoice::Split, 1), [Channel::Mix]);
        assert_eq!(
            channels_of(ChannelChoice::Split, 2),
            [Channel::Left, Channel::Right]
        );
    }
}
