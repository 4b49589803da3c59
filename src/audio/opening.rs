//! Finds out what a file is and opens it, by the decoders here or by ffmpeg.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::aiff::{self, AiffHeader};
use super::container;
use super::decode::{Decoder, Source, without_panic};
use super::error::DecodeError;
use super::ffmpeg::{self, Foreign};
use super::g722::G722Stream;
use super::guard::BlockFormat;
use super::layout::Layout;
use super::packets;
use super::pcm_stream::{PcmStream, fill};
use super::raw::{RawCodec, RawFormat};
use super::sample_format::SampleFormat;
use super::sniff::{self, Content};
use super::source_info::{DecoderUsed, SourceInfo};
use super::span::{self, Span};
use super::wav::{self, WavCodec, WavHeader};

/// As much behind a length of zero as is looked at for chunks.
const TAIL_BYTES: u64 = 1 << 16;

/// A file that was looked at.
struct Seen {
    file: File,
    bytes: u64,
    content: Content,
    /// What it is where it has no header.
    raw: Option<RawFormat>,
}

/// Opens the file at `path`, by an `ffmpeg` on `PATH` where nothing here decodes it. A headerless file
/// is read as `raw`, or as its extension says; `raw` takes precedence over whatever the file looks like.
///
/// # Errors
/// Every [`DecodeError`] but `NoSamples` for formats whose samples are only counted on reading.
pub fn open(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    match open_native(path, raw) {
        Err(reason @ DecodeError::NoDecoder { .. }) => {
            open_ffmpeg(path, raw).map_err(|theirs| reason.and_by_ffmpeg(theirs))
        }
        opened => opened,
    }
}

/// Opens the file at `path` if it is decoded here.
pub(super) fn open_native(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    without_panic(|| natively(path, raw))
}

/// Opens the file at `path` by an `ffmpeg` on `PATH`.
pub(super) fn open_ffmpeg(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    without_panic(|| by_ffmpeg(path, raw))
}

/// Opens the file at `path`, a headerless one as `raw`, by the decoders here.
fn natively(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    let Seen {
        file,
        bytes,
        content,
        raw,
    } = look(path, raw)?;
    if let Some(raw) = raw {
        return Ok(open_raw(file, bytes, raw));
    }
    match content {
        Content::Wav | Content::BigEndianWav => open_wav(file, bytes),
        Content::Aiff => open_aiff(file, bytes),
        Content::Contained(container) => {
            let demuxed = container::open(container, Box::new(file))?;
            of_packets(packets::open_demuxed(demuxed))
        }
        Content::Native => of_packets(packets::open(file)),
        Content::Foreign(codec) | Content::Headerless(codec) => Err(DecodeError::NoDecoder {
            codec: codec.to_owned(),
        }),
        Content::NotAudio(what) => Err(DecodeError::NotAudio(what.to_owned())),
        Content::Misnamed => Err(DecodeError::Unrecognized(
            "its content is not what its extension says".to_owned(),
        )),
        Content::Unknown => Err(DecodeError::NotAudio(
            "its content is of no known format (if it is audio without a header, say what it is \
             with --raw FORMAT:RATE:CHANNELS)"
                .to_owned(),
        )),
    }
}

/// Opens the file at `path`, a headerless one as `raw`, by an `ffmpeg` on `PATH`.
fn by_ffmpeg(path: &Path, raw: Option<RawFormat>) -> Result<Decoder, DecodeError> {
    let seen = look(path, raw)?;
    let mut codec = String::new();
    let input = match (seen.raw, seen.content) {
        (Some(raw), _) => of_raw(raw),
        (None, Content::BigEndianWav) => {
            return Err(DecodeError::Refused(
                "ffmpeg takes big-endian WAV for noise; leave out --decoder ffmpeg".to_owned(),
            ));
        }
        (None, Content::NotAudio(what)) => return Err(DecodeError::NotAudio(what.to_owned())),
        (None, Content::Headerless(demuxer)) => {
            demuxer.clone_into(&mut codec);
            vec!["-f".to_owned(), demuxer.to_owned()]
        }
        (None, _) => Vec::new(),
    };
    let Foreign {
        header,
        stream,
        words,
    } = ffmpeg::open(path, &input)?;
    let info = SourceInfo {
        codec,
        rate_hz: header.rate_hz,
        channels: header.layout.channels(),
        frames: None,
        exact_16_bit: false,
        decoder: DecoderUsed::Ffmpeg,
        trim: None,
    };
    let format = BlockFormat {
        rate_hz: header.rate_hz,
        layout: header.layout,
    };
    Ok(Decoder::new(info, Source::Ffmpeg(stream, format, words)))
}

/// ffmpeg's options for a file without a header.
fn of_raw(raw: RawFormat) -> Vec<String> {
    let demuxer = match raw.codec {
        RawCodec::ULaw => "mulaw",
        RawCodec::ALaw => "alaw",
        RawCodec::S16Le => "s16le",
        RawCodec::G722 => return ["-f", "g722"].map(str::to_owned).to_vec(),
    };
    let (rate, channels) = (raw.rate_hz.to_string(), raw.channels.to_string());
    ["-f", demuxer, "-ar", &rate, "-ac", &channels]
        .map(str::to_owned)
        .to_vec()
}

fn look(path: &Path, raw: Option<RawFormat>) -> Result<Seen, DecodeError> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        // Opening a pipe would wait for its writer.
        return Err(DecodeError::NotAudio("it is not a regular file".to_owned()));
    }
    let bytes = metadata.len();
    if bytes == 0 {
        return Err(DecodeError::Empty);
    }
    let mut file = File::open(path)?;
    let mut head = vec![0; sniff::HEAD_BYTES];
    let filled = fill(&mut file, &mut head)?;
    file.seek(SeekFrom::Start(0))?;
    let mut content = sniff::content(&head[..filled]);
    let is_nothing = matches!(content, Content::Unknown | Content::NotAudio(_));
    let raw = raw.or_else(|| RawFormat::by_extension(path).filter(|_| is_nothing));
    if content == Content::Unknown {
        content = sniff::content_by_extension(path);
    }
    Ok(Seen {
        file,
        bytes,
        content,
        raw,
    })
}

fn open_raw(file: File, bytes: u64, raw: RawFormat) -> Decoder {
    let format = BlockFormat {
        rate_hz: raw.rate_hz,
        layout: Layout::new(raw.channels, 0),
    };
    let samples = match raw.codec {
        RawCodec::ULaw => SampleFormat::MuLaw,
        RawCodec::ALaw => SampleFormat::ALaw,
        RawCodec::S16Le => SampleFormat::S16Le,
        RawCodec::G722 => {
            let info = SourceInfo {
                codec: "g722".to_owned(),
                rate_hz: raw.rate_hz,
                channels: 1,
                frames: Some(bytes * 2),
                exact_16_bit: true,
                decoder: DecoderUsed::Native,
                trim: None,
            };
            let stream = Box::new(G722Stream::new(Box::new(file)));
            return Decoder::new(info, Source::G722(stream, format));
        }
    };
    let span = Span::of(bytes, bytes, false);
    of_pcm(Box::new(file), samples, format, span)
}

fn open_wav(file: File, bytes: u64) -> Result<Decoder, DecodeError> {
    let mut reader = BufReader::new(file);
    let WavHeader {
        codec,
        rate_hz,
        layout,
        header_bytes,
        data_bytes,
        is_short,
    } = wav::read_header(&mut reader)?;
    let samples = match codec {
        WavCodec::Pcm(samples) => samples,
        WavCodec::Adpcm => {
            reader.seek(SeekFrom::Start(0))?;
            return of_packets(packets::open(reader.into_inner()));
        }
        WavCodec::Foreign(_) => {
            return Err(DecodeError::NoDecoder {
                codec: codec.name(),
            });
        }
    };
    let there = bytes.saturating_sub(header_bytes);
    let span = span(
        &mut reader,
        header_bytes,
        data_bytes,
        there,
        is_short,
        u32::from_le_bytes,
    )?;
    let format = BlockFormat { rate_hz, layout };
    let reader = Box::new(reader.take(span.bytes));
    Ok(of_pcm(reader, samples, format, span))
}

fn open_aiff(file: File, bytes: u64) -> Result<Decoder, DecodeError> {
    let mut reader = BufReader::new(file);
    let AiffHeader {
        format: samples,
        rate_hz,
        channels,
        starts_at,
        data_bytes,
    } = aiff::read_header(&mut reader)?;
    let there = bytes.saturating_sub(starts_at);
    let span = span(
        &mut reader,
        starts_at,
        data_bytes,
        there,
        true,
        u32::from_be_bytes,
    )?;
    let format = BlockFormat {
        rate_hz,
        layout: Layout::new(channels, 0),
    };
    let reader = Box::new(reader.take(span.bytes));
    Ok(of_pcm(reader, samples, format, span))
}

/// What is read of a file whose samples start at `start`, and the reader put there. `size` reads the
/// length of a chunk.
fn span(
    reader: &mut BufReader<File>,
    start: u64,
    stated: u64,
    there: u64,
    is_short: bool,
    size: impl Fn([u8; 4]) -> u32,
) -> Result<Span, DecodeError> {
    let mut tail = Vec::new();
    let mut look = |at: u64, bytes: u64| {
        tail.clear();
        reader.seek(SeekFrom::Start(start.saturating_add(at)))?;
        Read::by_ref(reader).take(bytes).read_to_end(&mut tail)
    };
    let mut span = Span::of(stated, there, is_short);
    if stated == 0 {
        look(0, TAIL_BYTES)?;
        if span::is_chunks(&tail, there, size) {
            return Err(DecodeError::NoSamples);
        }
    } else {
        look(span.bytes.next_multiple_of(2), 4)?;
        if let Some(&follows) = tail.first_chunk() {
            let behind = there - span.bytes;
            span = span.followed_by(behind, follows);
        }
    }
    reader.seek(SeekFrom::Start(start))?;
    Ok(span)
}

fn of_packets(opened: Result<packets::Opened, DecodeError>) -> Result<Decoder, DecodeError> {
    opened.map(Decoder::of_packets).map_err(|e| match e {
        // It may be the demuxer that does not find them.
        DecodeError::NoSamples => DecodeError::damaged("no audio is found in it"),
        e => e,
    })
}

fn of_pcm(
    reader: Box<dyn Read + Send>,
    samples: SampleFormat,
    format: BlockFormat,
    span: Span,
) -> Decoder {
    let BlockFormat { rate_hz, layout } = format;
    let frame_bytes = samples.bytes() as u64 * u64::from(layout.channels());
    let info = SourceInfo {
        codec: samples.codec().to_owned(),
        rate_hz,
        channels: layout.channels(),
        frames: Some(span.promised / frame_bytes),
        exact_16_bit: samples.exact_16_bit(),
        decoder: DecoderUsed::Native,
        trim: None,
    };
    let stream = PcmStream::new(reader, samples, layout.channels());
    Decoder::new(info, Source::Pcm(stream, format)).noted(span.note)
}
