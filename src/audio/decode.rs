//! Opens any audio file and yields its samples, block by block.
//!
//! Memory stays small whatever the length of the file. A file that holds less than its header
//! promises is an error, [`DecodeError::Truncated`]: half an utterance must not pass for a whole
//! one. Where a format promises nothing (MP3 without an encoder tag, ADTS, Ogg, Matroska), what is
//! there is decoded.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::container::{self, Container};
use super::error::DecodeError;
use super::ffmpeg;
use super::g722::G722Stream;
use super::packets::{self, PacketStream};
use super::pcm_stream::{PcmStream, fill};
use super::raw::{RawCodec, RawFormat};
use super::resample::{MAX_RATE_HZ, MIN_RATE_HZ};
use super::sample_format::SampleFormat;
use super::sniff::{self, Content};
use super::wav::{self, WavCodec, WavHeader};
use crate::fence::fenced;

/// The most channels that are decoded.
pub const MAX_CHANNELS: u16 = 64;

/// The length that a header states may exceed what is decoded by this part of a second: encoders
/// round to packets and count their delay differently.
const LENGTH_TOLERANCE: u64 = 10;

/// What a file says about its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Codec, by the name that ffmpeg gives it.
    pub codec: String,
    /// Samples a second of one channel, as decoded.
    pub rate_hz: u32,
    /// Channels, at most [`MAX_CHANNELS`].
    pub channels: u16,
    /// Length in samples a channel, where the header states it.
    pub frames: Option<u64>,
    /// Every decoded sample is a 16-bit integer over 32,768 exactly.
    pub exact_16_bit: bool,
    /// Who decodes it.
    pub decoder: DecoderUsed,
    /// What is cut off at its start and end as no audio of the source: where the figures are from, and
    /// samples a channel, such as `LAME tag 1105+900`; none where nothing is.
    pub trim: Option<String>,
}

crate::names! {
    /// Who decodes a file.
    pub enum DecoderUsed {
        /// This program.
        Native = "native",
        /// An `ffmpeg` that was found on `PATH`.
        Ffmpeg = "ffmpeg",
    }
}

/// A file that is being decoded.
pub struct Decoder {
    info: SourceInfo,
    source: Source,
    /// The first block, where it had to be decoded to know the file.
    first_block: Option<Vec<Vec<f32>>>,
    /// Length that the decoded audio is held to.
    promised: Option<u64>,
    decoded: u64,
    ended: bool,
    notes: Vec<String>,
}

enum Source {
    Pcm(PcmStream),
    G722(Box<G722Stream>),
    Packets(Box<PacketStream>),
}

/// Opens the file at `path`. A headerless file is read as `raw`, or as its extension says; `raw`
/// overrules whatever the file looks like.
///
/// # Errors
/// Every [`DecodeError`] but `NoSamples` for formats whose samples are only counted on reading.
pub fn open(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    without_panic(|| open_file(path, raw))
}

impl Decoder {
    /// What the file says about its audio.
    #[must_use]
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// What was odd about the file, and how it was taken; complete when it is decoded to its end.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Replaces the content of `out` with the next samples, one vector a channel, all of equal
    /// length; full scale is ±1.0. False at the end; `out` is then empty or has empty vectors.
    ///
    /// # Errors
    /// `Io`, `Damaged`, and at the end `Truncated` and `NoSamples`. After an error there is no more
    /// to read.
    pub fn next_block(&mut self, out: &mut Vec<Vec<f32>>) -> Result<bool, DecodeError> {
        if self.ended {
            out.iter_mut().for_each(Vec::clear);
            return Ok(false);
        }
        let result = without_panic(|| self.decode_block(out));
        self.ended = !matches!(result, Ok(true));
        result
    }

    fn decode_block(&mut self, out: &mut Vec<Vec<f32>>) -> Result<bool, DecodeError> {
        let more = match self.first_block.take() {
            Some(block) => {
                *out = block;
                true
            }
            None => match &mut self.source {
                Source::Pcm(stream) => stream.next_block(out)?,
                Source::G722(stream) => stream.next_block(out)?,
                Source::Packets(stream) => match stream.next_block(out)? {
                    Some(block) if block.rate_hz != self.info.rate_hz => {
                        return Err(DecodeError::damaged("its sample rate changes on the way"));
                    }
                    block => block.is_some(),
                },
            },
        };
        if !more {
            if let Source::Packets(stream) = &self.source {
                self.notes.extend(stream.notes());
            }
            self.check_length()?;
            return Ok(false);
        }
        if out.len() != usize::from(self.info.channels) {
            return Err(DecodeError::damaged(
                "its number of channels changes on the way",
            ));
        }
        self.decoded += out[0].len() as u64;
        Ok(true)
    }

    fn check_length(&self) -> Result<(), DecodeError> {
        let tolerance = u64::from(self.info.rate_hz) / LENGTH_TOLERANCE;
        match self.promised {
            Some(promised) if promised > self.decoded + tolerance => Err(DecodeError::Truncated {
                promised,
                found: self.decoded,
            }),
            _ if self.decoded == 0 => Err(DecodeError::NoSamples),
            _ => Ok(()),
        }
    }
}

/// A decoder that panics has met a file that it does not understand.
fn without_panic<T>(decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    // What a panic leaves behind is never used again: a decoder that failed has ended.
    fenced(decode).unwrap_or_else(|| Err(DecodeError::damaged("the decoder failed on its content")))
}

fn open_file(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        // Opening a pipe would wait for its writer.
        return Err(DecodeError::NotAudio("it is not a regular file".to_owned()));
    }
    if metadata.len() == 0 {
        return Err(DecodeError::Empty);
    }
    let bytes = metadata.len();
    let mut file = File::open(path)?;
    if let Some(raw) = raw {
        return Ok(open_raw(file, bytes, raw));
    }
    let mut head = vec![0; sniff::HEAD_BYTES];
    let filled = fill(&mut file, &mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let content = match sniff::content(&head[..filled]) {
        Content::Unknown | Content::NotAudio(_)
            if let Some(raw) = RawFormat::by_extension(path) =>
        {
            return Ok(open_raw(file, bytes, raw));
        }
        Content::Unknown => sniff::content_by_extension(path),
        content => content,
    };
    let opened = match content {
        Content::Wav => open_wav(file, bytes),
        Content::Contained(container) => open_container(container, file),
        Content::Native => packets::open(file).map(Decoder::of_packets),
        Content::Foreign(codec) => return open_foreign(path, codec, None),
        Content::Headerless(demuxer) => return open_foreign(path, demuxer, Some(demuxer)),
        Content::NotAudio(what) => Err(DecodeError::NotAudio(what.to_owned())),
        Content::Unknown => Err(DecodeError::NotAudio("of no known format".to_owned())),
    };
    match opened {
        Err(DecodeError::NoDecoder { codec }) => open_foreign(path, &codec, None),
        opened => opened,
    }
}

/// Refuses what would take unreasonable memory, or what a resampler cannot convert.
pub(super) fn check_range(channels: u64, rate_hz: u32) -> Result<(), DecodeError> {
    let usable = (1..=u64::from(MAX_CHANNELS)).contains(&channels)
        && (MIN_RATE_HZ..=MAX_RATE_HZ).contains(&rate_hz);
    if usable {
        Ok(())
    } else {
        Err(DecodeError::OutOfRange { channels, rate_hz })
    }
}

fn open_raw(file: File, bytes: u64, raw: RawFormat) -> Decoder {
    let reader = Box::new(file);
    let format = match raw.codec {
        RawCodec::ULaw => SampleFormat::MuLaw,
        RawCodec::ALaw => SampleFormat::ALaw,
        RawCodec::S16Le => SampleFormat::S16Le,
        RawCodec::G722 => {
            return Decoder::new(
                SourceInfo {
                    codec: "g722".to_owned(),
                    rate_hz: raw.rate_hz,
                    channels: 1,
                    frames: Some(bytes * 2),
                    exact_16_bit: true,
                    decoder: DecoderUsed::Native,
                    trim: None,
                },
                Source::G722(Box::new(G722Stream::new(reader))),
            );
        }
    };
    Decoder::of_pcm(reader, format, raw.rate_hz, raw.channels, Some(bytes))
}

fn open_wav(file: File, bytes: u64) -> Result<Decoder, DecodeError> {
    let mut reader = BufReader::new(file);
    let header = wav::read_header(&mut reader)?;
    let WavHeader {
        rate_hz,
        channels,
        header_bytes,
        data_bytes,
        ..
    } = header;
    let format = match header.codec {
        WavCodec::Pcm(format) => format,
        WavCodec::Adpcm => {
            let mut file = reader.into_inner();
            file.seek(SeekFrom::Start(0))?;
            return packets::open(file).map(Decoder::of_packets);
        }
        WavCodec::Foreign(_) => {
            return Err(DecodeError::NoDecoder {
                codec: header.codec.name(),
            });
        }
    };
    let frame_bytes = format.bytes() as u64 * u64::from(channels);
    let there = bytes.saturating_sub(header_bytes);
    match data_bytes {
        Some(promised) if promised > there => Err(DecodeError::Truncated {
            promised: promised / frame_bytes,
            found: there / frame_bytes,
        }),
        _ => {
            let data = data_bytes.unwrap_or(there);
            let reader = Box::new(reader.take(data));
            Ok(Decoder::of_pcm(
                reader,
                format,
                rate_hz,
                channels,
                Some(data),
            ))
        }
    }
}

fn open_container(container: Container, file: File) -> Result<Decoder, DecodeError> {
    let demuxed = container::open(container, Box::new(file))?;
    packets::open_demuxed(demuxed).map(Decoder::of_packets)
}

fn open_foreign(path: &Path, codec: &str, demuxer: Option<&str>) -> Result<Decoder, DecodeError> {
    let (header, stream) = ffmpeg::open(path, codec, demuxer)?;
    let info = SourceInfo {
        codec: codec.to_owned(),
        rate_hz: header.rate_hz,
        channels: header.channels,
        frames: None,
        exact_16_bit: false,
        decoder: DecoderUsed::Ffmpeg,
        trim: None,
    };
    Ok(Decoder::new(info, Source::Pcm(stream)))
}

impl Decoder {
    fn new(info: SourceInfo, source: Source) -> Self {
        Self {
            info,
            source,
            first_block: None,
            promised: None,
            decoded: 0,
            ended: false,
            notes: Vec::new(),
        }
    }

    fn of_pcm(
        reader: Box<dyn Read + Send>,
        format: SampleFormat,
        rate_hz: u32,
        channels: u16,
        bytes: Option<u64>,
    ) -> Self {
        let frame_bytes = format.bytes() as u64 * u64::from(channels);
        let info = SourceInfo {
            codec: format.codec().to_owned(),
            rate_hz,
            channels,
            frames: bytes.map(|bytes| bytes / frame_bytes),
            exact_16_bit: format.exact_16_bit(),
            decoder: DecoderUsed::Native,
            trim: None,
        };
        Self::new(info, Source::Pcm(PcmStream::new(reader, format, channels)))
    }

    fn of_packets(opened: packets::Opened) -> Self {
        Self {
            info: opened.info,
            source: Source::Packets(Box::new(opened.stream)),
            first_block: Some(opened.first_block),
            promised: opened.promised,
            decoded: 0,
            ended: false,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_bytes(name: &str, bytes: &[u8]) -> Result<Decoder, DecodeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        open(&path, None)
    }

    /// A WAV file of one channel of 16 bits at 8 kHz, whose header promises `promised` bytes.
    fn wav_file(promised: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend([0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
        file.extend(b"data");
        file.extend(promised.to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    #[test]
    fn samples_come_out_exactly_and_once() {
        let mut decoder = open_bytes("a.wav", &wav_file(6, &[1, -32_768, 16_384])).unwrap();
        let expected = SourceInfo {
            codec: "pcm_s16le".to_owned(),
            rate_hz: 8_000,
            channels: 1,
            frames: Some(3),
            exact_16_bit: true,
            decoder: DecoderUsed::Native,
            trim: None,
        };
        assert_eq!(decoder.info(), &expected);
        let mut block = Vec::new();
        assert!(decoder.next_block(&mut block).unwrap());
        assert_eq!(block, [[1.0 / 32_768.0, -1.0, 0.5]]);
        assert!(!decoder.next_block(&mut block).unwrap());
        assert!(!decoder.next_block(&mut block).unwrap());
        assert_eq!(block, [[0.0; 0]]);
    }

    #[test]
    fn what_comes_after_the_samples_is_not_sound() {
        let mut decoder = open_bytes("a.wav", &wav_file(4, &[1, 2, 3, 4, 5])).unwrap();
        let mut block = Vec::new();
        decoder.next_block(&mut block).unwrap();
        assert_eq!(block[0].len(), 2);
    }

    #[test]
    fn a_wav_file_that_was_cut_off_is_named_with_figures() {
        let error = open_bytes("a.wav", &wav_file(100, &[1, 2, 3]))
            .err()
            .unwrap();
        assert!(matches!(
            error,
            DecodeError::Truncated {
                promised: 50,
                found: 3
            }
        ));
        assert_eq!(
            error.to_string(),
            "cut short: the header promises 50 samples a channel, the file has 3"
        );
    }

    #[test]
    fn a_file_without_samples_says_so_on_reading() {
        let mut decoder = open_bytes("a.wav", &wav_file(0, &[])).unwrap();
        let result = decoder.next_block(&mut Vec::new());
        assert!(matches!(result, Err(DecodeError::NoSamples)));
    }

    #[test]
    fn what_is_no_audio_is_refused_by_name() {
        let error = |name, bytes: &[u8]| open_bytes(name, bytes).err().unwrap().to_string();
        assert_eq!(error("a.wav", b""), "empty: the file has no bytes");
        assert_eq!(error("a.wav", b"hello\n"), "not audio: it is a text file");
        assert_eq!(
            error("a.mp3", b"%PDF-1.7"),
            "not audio: it is a PDF document"
        );
        assert!(error("a.bin", &[0, 1, 2, 3]).starts_with("not audio: "));
        assert!(error("a.flac", &[0, 1, 2, 3]).contains("extension"));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            open(folder.path(), None),
            Err(DecodeError::NotAudio(_))
        ));
        let missing = folder.path().join("missing.wav");
        assert!(matches!(open(&missing, None), Err(DecodeError::Io(_))));
    }

    #[test]
    fn headerless_bytes_are_read_as_told_even_if_they_look_like_text() {
        let mut decoder = open_bytes("a.ulaw", b"hello").unwrap();
        assert_eq!(
            (decoder.info().rate_hz, decoder.info().frames),
            (8_000, Some(5))
        );
        let mut block = Vec::new();
        decoder.next_block(&mut block).unwrap();
        assert_eq!(block[0].len(), 5);
    }

    #[test]
    fn a_panic_becomes_damage() {
        let result: Result<(), _> = without_panic(|| panic!("a decoder that gives up"));
        assert!(matches!(result, Err(DecodeError::Damaged(_))));
    }

    #[test]
    fn decoders_can_be_handed_to_other_threads() {
        fn is_send<T: Send>() {}
        is_send::<Decoder>();
    }
}
