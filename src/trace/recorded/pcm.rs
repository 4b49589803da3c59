//! The audio of a journal, read chunk by chunk.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::call::{Sent, What};
use crate::pcm::speech;
use crate::trace::TraceError;
use crate::trace::journal::{JournalRow, PCM_FILE, audio_sum};
use crate::units::SampleRate;

/// Seconds of audio in which speech is looked for at a time.
const PIECE_S: usize = 20;

/// The audio of a journal.
#[derive(Debug)]
pub(crate) struct PcmFile {
    path: PathBuf,
    /// A recording that keeps no audio can do without it.
    file: Option<File>,
    bytes: u64,
}

impl PcmFile {
    /// Opens the audio of the journal in the folder `dir`.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(dir: &Path) -> Result<PcmFile, TraceError> {
        let path = dir.join(PCM_FILE);
        let file = match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            opened => Some(opened.map_err(|e| TraceError::io(&path, e))?),
        };
        let metadata = file.as_ref().map(File::metadata).transpose();
        let metadata = metadata.map_err(|e| TraceError::io(&path, e))?;
        Ok(PcmFile {
            bytes: metadata.map_or(0, |metadata| metadata.len()),
            path,
            file,
        })
    }

    /// Where it is, or would be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is there.
    pub(crate) fn is_there(&self) -> bool {
        self.file.is_some()
    }

    /// Whether it holds the audio of `row` as that was recorded; so it does of a row without audio.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn holds(&self, row: &JournalRow) -> Result<bool, TraceError> {
        let Some(offset) = row.offset else {
            return Ok(true);
        };
        let end = offset.checked_add(row.bytes.into());
        let (Some(file), true) = (&self.file, end.is_some_and(|end| end <= self.bytes)) else {
            return Ok(false);
        };
        let Some(sum) = row.audio_sum else {
            return Ok(true);
        };
        let mut pcm = vec![0; row.bytes as usize];
        let read = file.read_exact_at(&mut pcm, offset);
        read.map_err(|e| TraceError::io(&self.path, e))?;
        Ok(audio_sum(&pcm) == sum)
    }

    /// Appends the samples of a chunk to `out`; one that is not kept is silence.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read(&self, chunk: &Sent, out: &mut Vec<i16>) -> Result<(), TraceError> {
        let mut pcm = vec![0; chunk.samples() as usize * 2];
        if let (
            Some(file),
            What::Audio {
                offset: Some(offset),
                ..
            },
        ) = (&self.file, &chunk.what)
        {
            let read = file.read_exact_at(&mut pcm, *offset);
            read.map_err(|e| TraceError::io(&self.path, e))?;
        }
        let samples = pcm.chunks_exact(2);
        out.extend(samples.map(|s| i16::from_le_bytes([s[0], s[1]])));
        Ok(())
    }

    /// Which of `chunks` hold speech: by ear, or where their audio is not kept as the recorder said.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn voiced(
        &self,
        chunks: &[Sent],
        rate: SampleRate,
    ) -> Result<Vec<bool>, TraceError> {
        if !are_kept(chunks) {
            return Ok(chunks.iter().map(Sent::is_voiced).collect());
        }
        let piece = PIECE_S * rate.0 as usize;
        let (mut voiced, mut samples) = (Vec::new(), Vec::new());
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            let start = samples.len() as u64;
            self.read(chunk, &mut samples)?;
            ranges.push(start..samples.len() as u64);
            if samples.len() >= piece || number + 1 == chunks.len() {
                let stretches = speech::stretches(&samples, rate);
                let is_voiced = |chunk: &Range<u64>| {
                    let mut stretches = stretches.iter();
                    stretches.any(|speech| speech.start < chunk.end && chunk.start < speech.end)
                };
                voiced.extend(ranges.iter().map(is_voiced));
                samples.clear();
                ranges.clear();
            }
        }
        Ok(voiced)
    }
}

/// Whether the journal holds the audio of `chunks`.
pub(super) fn are_kept(chunks: &[Sent]) -> bool {
    let is_lacking = |sent: &Sent| matches!(sent.what, What::Audio { offset: None, .. });
    !chunks.iter().any(is_lacking)
}
