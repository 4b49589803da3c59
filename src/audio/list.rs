//! What a library holds, without converting it.

use std::convert::Infallible;
use std::path::Path;

use rayon::prelude::*;

use super::decode::Decoder;
use super::error::DecodeError;
use super::fallback;
use super::lane::Mix;
use super::library::{AudioError, no_audio, on_threads};
use super::raw::RawFormat;
use super::spec::{Channel, ConvertSpec};
use super::walk;
use crate::fence::fenced;
use crate::pcm::dither::Quantizer;
use crate::pcm::level::Level;

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
    /// RMS level of the mix of its channels; -inf for digital silence.
    pub rms_dbfs: f64,
    /// Peak level of the mix of its channels; -inf for digital silence.
    pub peak_dbfs: f64,
    /// What is odd about it, and how it is taken.
    pub note: Option<String>,
}

/// Lists the files of `spec.inputs` in the order of conversion; each is decoded to its end, for its
/// length and level.
///
/// # Errors
/// [`AudioError::NoAudio`], and threads that cannot be started.
pub fn list(spec: &ConvertSpec) -> Result<Vec<ListRow>, AudioError> {
    let found = walk::find(&spec.inputs, spec.raw.is_some());
    if found.entries.is_empty() {
        return Err(no_audio(spec, found.untried));
    }
    on_threads(spec.jobs, || {
        let rows = found.entries.par_iter().with_max_len(1).map(|entry| {
            let raw = spec.raw.filter(|_| found.is_headerless(entry));
            let audio = match &entry.problem {
                Some(problem) => Err(problem.to_string()),
                None => look_at(&found.path(entry), raw, spec).map_err(|e| e.to_string()),
            };
            ListRow {
                name: found.name(entry),
                audio,
            }
        });
        rows.collect()
    })
}

fn look_at(
    path: &Path,
    raw: Option<RawFormat>,
    spec: &ConvertSpec,
) -> Result<ListAudio, DecodeError> {
    let decoded = fallback::decode(path, raw, spec.decoder, |decoder| {
        let measured = fenced(|| measure(decoder));
        Ok::<_, Infallible>(
            measured.unwrap_or_else(|| Err(DecodeError::damaged("its levels cannot be measured"))),
        )
    });
    let Ok(decoded) = decoded;
    let decoded = decoded?;
    let note = decoded.note();
    let (duration_ns, level) = decoded.made;
    let info = decoded.info;
    Ok(ListAudio {
        duration_ns,
        codec: info.codec,
        rate_hz: info.rate_hz,
        channels: info.channels,
        rms_dbfs: level.rms_dbfs(),
        peak_dbfs: level.peak_dbfs(),
        note,
    })
}

/// Length and level of what is decoded.
fn measure(decoder: &mut Decoder) -> Result<(i64, Level), DecodeError> {
    let (mut block, mut mono, mut pcm) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mix, mut quantizer, mut level) =
        (Mix::default(), Quantizer::exact(), Level::default());
    while let Some(format) = decoder.next_block(&mut block)? {
        mono.clear();
        mix.push(&block, format, Channel::Mix, &mut mono);
        pcm.clear();
        quantizer.push(&mono, &mut pcm);
        level.push(&pcm);
    }
    Ok((decoder.decoded_ns(), level))
}
