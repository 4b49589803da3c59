//! What a library holds, without converting it.

use rayon::prelude::*;

use super::convert::select;
use super::decode;
use super::error::DecodeError;
use super::library::{AudioError, no_audio, on_threads};
use super::raw::RawFormat;
use super::spec::{Channel, ConvertSpec};
use super::walk::{self, Entry};
use crate::pcm::dither::Quantizer;
use crate::pcm::level::Level;
use crate::units::{SampleRate, Samples};

/// One file of a library.
#[derive(Debug, Clone, PartialEq)]
pub struct ListRow {
    /// Its path, relative to the folder that was given.
    pub name: String,
    /// What it holds, or why it cannot be converted.
    pub audio: Result<ListAudio, String>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ListAudio {
    /// Its length.
    pub duration_ns: i64,
    /// Its codec, by ffmpeg's name.
    pub codec: String,
    /// Samples a second of one channel.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u16,
    /// RMS level of the mean of its channels; -inf for digital silence.
    pub rms_dbfs: f64,
    /// Peak level of the mean of its channels; -inf for digital silence.
    pub peak_dbfs: f64,
}

/// Lists the files of `spec.inputs` in the order of conversion; each is decoded to its end, for its
/// length and level.
///
/// # Errors
/// [`AudioError::NoAudio`], and threads that cannot be started.
pub fn list(spec: &ConvertSpec) -> Result<Vec<ListRow>, AudioError> {
    let found = walk::find(&spec.inputs, spec.raw.is_some());
    if found.entries.is_empty() {
        return Err(no_audio(spec, found.ignored));
    }
    on_threads(spec.jobs, || {
        let rows = found.entries.par_iter().with_max_len(1).map(|entry| {
            let raw = spec.raw.filter(|_| walk::is_headerless(entry));
            let audio = match &entry.problem {
                Some(problem) => Err(problem.clone()),
                None => look_at(entry, raw).map_err(|e| e.to_string()),
            };
            ListRow {
                name: entry.name.clone(),
                audio,
            }
        });
        rows.collect()
    })
}

fn look_at(entry: &Entry, raw: Option<RawFormat>) -> Result<ListAudio, DecodeError> {
    let mut decoder = decode::open(&entry.path, raw)?;
    let (mut block, mut mono, mut pcm) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quantizer, mut level, mut samples) = (Quantizer::exact(), Level::default(), 0);
    while decoder.next_block(&mut block)? {
        mono.clear();
        select(&block, Channel::Mix, &mut mono);
        pcm.clear();
        quantizer.push(&mono, &mut pcm);
        level.push(&pcm);
        samples += pcm.len() as u64;
    }
    let info = decoder.info();
    Ok(ListAudio {
        duration_ns: Samples(samples).duration_ns(SampleRate(info.rate_hz)),
        codec: info.codec.clone(),
        rate_hz: info.rate_hz,
        channels: info.channels,
        rms_dbfs: level.rms_dbfs(),
        peak_dbfs: level.peak_dbfs(),
    })
}
