//! Mono PCM16 WAV files, read whole or a block at a time, and written as the samples come.

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::PcmError;
use crate::units::SampleRate;

/// Most samples that [`read`] takes into memory (2 GiB; 18 hours at 16 kHz).
pub const MAX_READ_SAMPLES: u64 = 1 << 30;

/// Most samples that a WAV file of ours holds: its sizes are 32-bit byte counts.
pub const MAX_FILE_SAMPLES: u64 = (u32::MAX as u64 - 1024) / 2;

/// Samples that are read at a time.
const READ_SAMPLES: usize = 1 << 15;

/// Reads a whole clip.
///
/// # Errors
/// A file that is not there, not WAV, not mono PCM16, cut off, or over [`MAX_READ_SAMPLES`].
pub fn read(path: &Path) -> Result<(SampleRate, Vec<i16>), PcmError> {
    let mut reader = Reader::open(path)?;
    if reader.samples() > MAX_READ_SAMPLES {
        return Err(PcmError::TooLong {
            path: path.display().to_string(),
            limit: MAX_READ_SAMPLES,
        });
    }
    let mut samples = Vec::new();
    while reader.next_block(1 << 20, &mut samples)? {}
    Ok((reader.rate(), samples))
}

/// Writes a whole clip.
///
/// # Errors
/// As for [`Writer`].
pub fn write(path: &Path, rate: SampleRate, samples: &[i16]) -> Result<(), PcmError> {
    let mut writer = Writer::create(path, rate)?;
    writer.write(samples)?;
    writer.finish()
}

/// Reads a clip a block at a time, so that its length costs no memory.
pub struct Reader {
    path: PathBuf,
    file: File,
    rate: SampleRate,
    /// Where the samples start in the file.
    start: u64,
    samples: u64,
    left: u64,
    bytes: Vec<u8>,
}

impl Reader {
    /// Opens `path`.
    ///
    /// # Errors
    /// A file that is not there, not WAV, not mono PCM16, or shorter than its header says.
    pub fn open(path: &Path) -> Result<Reader, PcmError> {
        let io = |source| PcmError::io(path, source);
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        let header = hound::WavReader::new(BufReader::new(file))
            .map_err(|reason| wav_error(path, reason))?;
        let (spec, samples) = (header.spec(), u64::from(header.len()));
        if spec.channels != 1
            || spec.bits_per_sample != 16
            || spec.sample_format != hound::SampleFormat::Int
        {
            return Err(PcmError::NotMonoPcm16 {
                path: path.display().to_string(),
                found: format!(
                    "{} channels of {} bits ({:?})",
                    spec.channels, spec.bits_per_sample, spec.sample_format
                ),
            });
        }
        if samples > bytes / 2 {
            // A header that promises more than the file's size must not make anyone allocate it.
            return Err(PcmError::Truncated {
                path: path.display().to_string(),
                promised: samples,
                found: bytes.saturating_sub(44) / 2,
            });
        }
        let mut behind_header = header.into_inner();
        let start = behind_header.stream_position().map_err(io)?;
        let mut file = behind_header.into_inner();
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        Ok(Reader {
            path: path.to_owned(),
            file,
            rate: SampleRate(spec.sample_rate),
            start,
            samples,
            left: samples,
            bytes: Vec::new(),
        })
    }

    /// The sample rate.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The number of samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Appends up to `most` samples to `out`; false when there were none left.
    ///
    /// # Errors
    /// A file that ends before its header says so, or that the system cannot read.
    pub fn next_block(&mut self, most: usize, out: &mut Vec<i16>) -> Result<bool, PcmError> {
        if self.left == 0 {
            return Ok(false);
        }
        let mut count = usize::try_from(self.left).map_or(most, |left| left.min(most));
        out.reserve(count);
        while count > 0 {
            let part = count.min(READ_SAMPLES);
            self.bytes.resize(part * 2, 0);
            let filled = self.fill()?;
            let (samples, _) = self.bytes[..filled].as_chunks();
            out.extend(samples.iter().map(|&sample| i16::from_le_bytes(sample)));
            self.left -= samples.len() as u64;
            if samples.len() < part {
                return Err(PcmError::Truncated {
                    path: self.path.display().to_string(),
                    promised: self.samples,
                    found: self.samples - self.left,
                });
            }
            count -= part;
        }
        Ok(true)
    }

    /// Fills the buffer as far as the file reaches, and says how far.
    fn fill(&mut self) -> Result<usize, PcmError> {
        let mut filled = 0;
        while filled < self.bytes.len() {
            match self.file.read(&mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(PcmError::io(&self.path, e)),
            }
        }
        Ok(filled)
    }

    /// The samples of `range`, which must lie within the clip.
    ///
    /// # Errors
    /// As for [`Reader::next_block`].
    pub fn read_range(&mut self, range: Range<u64>) -> Result<Vec<i16>, PcmError> {
        let at = self.start.saturating_add(range.start.saturating_mul(2));
        self.file
            .seek(SeekFrom::Start(at))
            .map_err(|source| PcmError::io(&self.path, source))?;
        self.left = self.samples.saturating_sub(range.start);
        let mut samples = Vec::new();
        let count = range.end.saturating_sub(range.start);
        self.next_block(usize::try_from(count).unwrap_or(usize::MAX), &mut samples)?;
        Ok(samples)
    }
}

/// Writes a clip as its samples come.
pub struct Writer {
    path: PathBuf,
    inner: hound::WavWriter<BufWriter<File>>,
    written: u64,
}

impl Writer {
    /// Creates `path`, replacing what is there.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn create(path: &Path, rate: SampleRate) -> Result<Writer, PcmError> {
        let file = File::create(path).map_err(|source| PcmError::io(path, source))?;
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate.0,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let inner = hound::WavWriter::new(BufWriter::with_capacity(1 << 16, file), spec)
            .map_err(|reason| wav_error(path, reason))?;
        Ok(Writer {
            path: path.to_owned(),
            inner,
            written: 0,
        })
    }

    /// Appends `samples`.
    ///
    /// # Errors
    /// The system's, or more than [`MAX_FILE_SAMPLES`] in all.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), PcmError> {
        self.written += samples.len() as u64;
        if self.written > MAX_FILE_SAMPLES {
            return Err(PcmError::TooLong {
                path: self.path.display().to_string(),
                limit: MAX_FILE_SAMPLES,
            });
        }
        for part in samples.chunks(1 << 16) {
            let mut block = self.inner.get_i16_writer(part.len() as u32);
            for &sample in part {
                block.write_sample(sample);
            }
            block
                .flush()
                .map_err(|reason| wav_error(&self.path, reason))?;
        }
        Ok(())
    }

    /// The number of samples written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Completes the header and closes the file. Without this the file is not complete.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn finish(self) -> Result<(), PcmError> {
        self.inner
            .finalize()
            .map_err(|reason| wav_error(&self.path, reason))
    }
}

fn wav_error(path: &Path, reason: hound::Error) -> PcmError {
    match reason {
        hound::Error::IoError(source) if is_early_end(&source) => PcmError::NotWav {
            path: path.display().to_string(),
            reason: "it ends inside its header".to_owned(),
        },
        hound::Error::IoError(source) => PcmError::io(path, source),
        other => PcmError::NotWav {
            path: path.display().to_string(),
            reason: other.to_string(),
        },
    }
}

/// Whether the error is the library's own "too few bytes", not one of the system's.
fn is_early_end(error: &std::io::Error) -> bool {
    error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<i16> {
        (0..n).map(|i| (i * 37 % 65536) as u16 as i16).collect()
    }

    #[test]
    fn what_is_written_is_read_in_one_piece_and_in_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.wav");
        let samples = ramp(150_001);
        write(&path, SampleRate(16_000), &samples).unwrap();
        assert_eq!(
            read(&path).unwrap(),
            (SampleRate(16_000), samples.clone()),
            "whole"
        );

        let mut reader = Reader::open(&path).unwrap();
        let (mut blocks, mut block) = (Vec::new(), Vec::new());
        while reader.next_block(4096, &mut block).unwrap() {
            assert!(block.len() <= 4096);
            blocks.append(&mut block);
        }
        assert_eq!(blocks, samples);
        let range = reader.read_range(70_000..70_500).unwrap();
        assert_eq!(range, samples[70_000..70_500]);
    }

    #[test]
    fn a_file_is_a_44_byte_header_and_the_pcm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.wav");
        write(&path, SampleRate(8_000), &[1, -2, i16::MIN]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..4], b"RIFF");
        assert_eq!(&bytes[44..], [1, 0, 0xfe, 0xff, 0, 0x80]);
    }

    #[test]
    fn an_empty_clip_is_a_clip() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.wav");
        write(&path, SampleRate(8_000), &[]).unwrap();
        assert_eq!(read(&path).unwrap(), (SampleRate(8_000), vec![]));
    }

    #[test]
    fn a_cut_file_says_how_much_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.wav");
        write(&path, SampleRate(8_000), &ramp(1000)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for (keep, what) in [(44 + 1001, "cut off"), (1900, "cut off"), (20, "not a")] {
            std::fs::write(&path, &bytes[..keep]).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(what), "{keep}: {error}");
        }
    }

    #[test]
    fn other_formats_and_other_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stereo.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 24,
            sample_format: hound::SampleFormat::Int,
        };
        hound::WavWriter::create(&path, spec)
            .unwrap()
            .finalize()
            .unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("2 channels of 24 bits"), "{error}");

        std::fs::write(&path, "not audio at all, but long enough for a header").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("not a readable WAV file"), "{error}");
        let error = read(&dir.path().join("none.wav")).unwrap_err();
        assert!(matches!(error, PcmError::Io { .. }), "{error}");
    }
}
