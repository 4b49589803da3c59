//! The Core Audio Format: one track, whose packets are of one size or listed in a table.

use std::io;
use std::ops::Range;

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_ADPCM_IMA_QT, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2,
    CODEC_ID_MP3, CODEC_ID_OPUS,
};

use super::codec::{Codec, Law, Pcm, aac_rate, flac_setup, opus_header};
use super::descriptor::read_esds;
use super::media::{Media, Window};
use super::play::{Index, OPEN, Part, Place, Player};
use super::{Demuxed, Source};
use crate::audio::error::DecodeError;

/// The longest setup of a codec that is read.
const MAX_SETUP_BYTES: u64 = 64 << 10;
/// Chunks that are looked at.
const MAX_CHUNKS: usize = 10_000;
/// Uncompressed samples that are taken at once.
const MAX_PIECE: u64 = 4_096;

/// Opens the track of a file.
///
/// # Errors
/// [`DecodeError::NoDecoder`] for what ffmpeg should be asked to decode.
pub(super) fn open(source: Box<dyn Source>) -> Result<Demuxed, DecodeError> {
    let mut media = Media::new(source)?;
    let chunks = read_chunks(&mut media)?;
    let format = chunks.format;
    let codec = read_codec(&format, &chunks.setup).ok_or_else(|| DecodeError::NoDecoder {
        codec: name(&format),
    })?;
    let index = Packets::new(&format, &codec, &chunks)?;
    let opus_skip = codec.opus_skip().unwrap_or(0);
    let (part, trim) = match &chunks.table {
        Some(table) => table.part(&format, opus_skip),
        None => (
            Part::Media {
                start: opus_skip,
                end: OPEN,
            },
            None,
        ),
    };
    let length = codec
        .frame_bytes
        .filter(|_| chunks.has_length)
        .map(|bytes| {
            let stated = chunks.stated_bytes / bytes;
            let Part::Media { start, end } = part else {
                return stated;
            };
            end.min(stated).saturating_sub(start)
        });
    let player = Player::new(media, index, vec![part], &codec).with_length(length);
    Ok(Demuxed {
        packets: Box::new(player),
        name: "caf",
        trim,
    })
}

/// The description of the audio (`desc`).
#[derive(Debug, Clone, Copy)]
struct Format {
    rate_hz: u32,
    kind: [u8; 4],
    flags: u32,
    packet_bytes: u64,
    packet_samples: u64,
    channels: u16,
    bits: u32,
}

impl Format {
    fn read(body: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(*body.get(at..)?.first_chunk()?));
        Some(Self {
            rate_hz: f64::from_be_bytes(*body.first_chunk()?) as u32,
            kind: *body.get(8..)?.first_chunk()?,
            flags: word(12)?,
            packet_bytes: u64::from(word(16)?),
            packet_samples: u64::from(word(20)?),
            channels: u16::try_from(word(24)?).ok()?,
            bits: word(28)?,
        })
    }
}

/// What was found in a file.
struct Chunks {
    format: Format,
    setup: Vec<u8>,
    table: Option<Table>,
    data: Range<u64>,
    /// Whether the file says how long its data is, and what it says.
    has_length: bool,
    stated_bytes: u64,
}

/// The head of a packet table (`pakt`), and where the packets are listed.
struct Table {
    count: u64,
    samples: u64,
    priming: u64,
    remainder: u64,
    packets: Range<u64>,
}

fn read_chunks(media: &mut Media) -> Result<Chunks, DecodeError> {
    const HEADER_BYTES: u64 = 12;
    let mut format = None;
    let mut setup = Vec::new();
    let mut table = None;
    let mut data = None;
    let mut at = 8;
    for _ in 0..MAX_CHUNKS {
        let head = media.bytes(at, HEADER_BYTES)?;
        let Some((name, len)) = head.split_first_chunk::<4>() else {
            break;
        };
        let Some(len) = len.first_chunk().map(|&len| i64::from_be_bytes(len)) else {
            break;
        };
        let body = at + HEADER_BYTES;
        // Data that was written to a pipe has no length, and is the last.
        let stated = u64::try_from(len).unwrap_or(OPEN);
        let end = body.saturating_add(stated);
        let there = body.min(media.len())..end.min(media.len());
        match name {
            b"desc" => format = Format::read(&media.bytes(body, 32)?),
            b"kuki" => setup = media.bytes(body, stated.min(MAX_SETUP_BYTES))?,
            b"pakt" => table = Table::read(&media.bytes(body, 24)?, there),
            // A number of edits is before the samples.
            b"data" if data.is_none() => {
                let samples = (there.start + 4).min(there.end)..there.end;
                data = Some((samples, len >= 0, stated.saturating_sub(4)));
            }
            _ => {}
        }
        if len < 0 {
            break;
        }
        at = end;
    }
    let missing = |what| DecodeError::damaged(format!("its {what} is missing: it was cut off"));
    let (data, has_length, stated_bytes) = data.ok_or_else(|| missing("audio"))?;
    Ok(Chunks {
        format: format.ok_or_else(|| missing("description"))?,
        setup,
        table,
        data,
        has_length,
        stated_bytes,
    })
}

impl Table {
    fn read(head: &[u8], body: Range<u64>) -> Option<Self> {
        let long = |at: usize| Some(i64::from_be_bytes(*head.get(at..)?.first_chunk()?));
        let short = |at: usize| Some(i32::from_be_bytes(*head.get(at..)?.first_chunk()?));
        Some(Self {
            count: u64::try_from(long(0)?).ok()?,
            samples: u64::try_from(long(8)?).ok()?,
            priming: u64::try_from(short(16)?).unwrap_or(0),
            remainder: u64::try_from(short(20)?).unwrap_or(0),
            packets: (body.start + 24).min(body.end)..body.end,
        })
    }

    /// What is played, and what is said of it. Writers disagree on whether the samples that a table
    /// states are all, or those between priming and remainder.
    fn part(&self, format: &Format, opus_skip: u64) -> (Part, Option<String>) {
        let start = match self.priming {
            0 => opus_skip,
            priming => priming,
        };
        let all = self.count.saturating_mul(format.packet_samples);
        let by_packets = match all {
            0 => OPEN,
            all => all.saturating_sub(self.remainder),
        };
        let end = match self.samples {
            0 => by_packets,
            samples => start.saturating_add(samples).min(by_packets),
        };
        let end = if end == all { OPEN } else { end };
        let cut = match end {
            OPEN => 0,
            end => all.saturating_sub(end),
        };
        let trim = (start, cut) != (0, 0);
        let trim = trim.then(|| format!("packet table {start}+{cut}"));
        (Part::Media { start, end }, trim)
    }
}

fn read_codec(format: &Format, setup: &[u8]) -> Option<Codec> {
    const FLOAT: u32 = 1;
    const LITTLE_ENDIAN: u32 = 2;
    let packets = |id| Codec::new(id, format.rate_hz, format.channels);
    let pcm = |pcm| Codec::pcm(pcm, format.rate_hz, format.channels);
    match &format.kind {
        b"lpcm" => {
            let is_big_endian = format.flags & LITTLE_ENDIAN == 0;
            pcm(match format.flags & FLOAT {
                0 => Pcm::integer(format.bits, is_big_endian),
                _ => Pcm::float(format.bits, is_big_endian),
            })
        }
        b"alaw" => pcm(Pcm::law(Law::A)),
        b"ulaw" => pcm(Pcm::law(Law::Mu)),
        b"ima4" => {
            let mut codec = packets(CODEC_ID_ADPCM_IMA_QT);
            codec
                .params
                .with_max_frames_per_packet(format.packet_samples);
            codec.params.with_frames_per_block(format.packet_samples);
            (format.packet_samples == 64).then_some(codec)
        }
        b"flac" => Some(packets(CODEC_ID_FLAC).with_setup(boxed_flac_setup(setup)?)),
        b"alac" => Some(packets(CODEC_ID_ALAC).with_setup(alac_setup(setup)?)),
        b"aac " => {
            let setup = read_esds(setup).map(|(_, setup)| setup).unwrap_or_default();
            let rate_hz = aac_rate(setup).unwrap_or(format.rate_hz);
            Some(Codec::new(CODEC_ID_AAC, rate_hz, format.channels).with_setup(setup))
        }
        b"opus" if setup.starts_with(b"OpusHead") => Some(packets(CODEC_ID_OPUS).with_setup(setup)),
        b"opus" => Some(packets(CODEC_ID_OPUS).with_setup(&opus_header(format.channels))),
        b".mp1" => Some(packets(CODEC_ID_MP1)),
        b".mp2" => Some(packets(CODEC_ID_MP2)),
        b".mp3" => Some(packets(CODEC_ID_MP3)),
        _ => None,
    }
}

/// The setup of FLAC, in the box that MP4 has for it.
fn boxed_flac_setup(setup: &[u8]) -> Option<&[u8]> {
    (setup.get(4..8) == Some(b"dfLa")).then(|| flac_setup(setup.get(12..)?))?
}

/// The setup of ALAC, which older writers put into boxes.
fn alac_setup(setup: &[u8]) -> Option<&[u8]> {
    match setup.get(4..8) {
        Some(b"frma") => setup.get(24..),
        _ => Some(setup),
    }
}

/// The name that ffmpeg gives a codec which is not decoded here; else that of CAF.
fn name(format: &Format) -> String {
    match &format.kind {
        b"ac-3" => "ac3",
        b"ilbc" => "ilbc",
        b"MAC3" => "mace3",
        b"MAC6" => "mace6",
        b"QDM2" => "qdm2",
        b"samr" => "amr_nb",
        b"agsm" => "gsm",
        kind => return format!("`{}` in CAF", kind.escape_ascii()),
    }
    .to_owned()
}

/// Where packets are: one behind the other, of equal sizes or of those in the table.
struct Packets {
    data: Range<u64>,
    packet_bytes: u64,
    packet_samples: u64,
    /// Packets that are taken at once.
    piece: u64,
    /// Where the sizes and lengths that vary are listed.
    table: Option<(Range<u64>, Window)>,
    at: u64,
    listed_at: u64,
    start: u64,
}

impl Packets {
    fn new(format: &Format, codec: &Codec, chunks: &Chunks) -> Result<Self, DecodeError> {
        if codec
            .frame_bytes
            .is_some_and(|bytes| bytes != format.packet_bytes)
        {
            return Err(DecodeError::NoDecoder {
                codec: "caf with samples of an uncommon size".to_owned(),
            });
        }
        let varies = format.packet_bytes == 0 || format.packet_samples == 0;
        if varies && chunks.table.is_none() {
            return Err(DecodeError::damaged(
                "its packet table is missing: it was cut off",
            ));
        }
        let table = chunks.table.as_ref().map(|table| table.packets.clone());
        Ok(Self {
            data: chunks.data.clone(),
            packet_bytes: format.packet_bytes,
            packet_samples: format.packet_samples,
            piece: if codec.frame_bytes.is_some() {
                MAX_PIECE
            } else {
                1
            },
            at: chunks.data.start,
            listed_at: table.as_ref().map_or(0, |range| range.start),
            table: table.map(|range| (range, Window::new(4_096))),
            start: 0,
        })
    }

    /// The next number of the table: 7 bits a byte, the highest first.
    fn number(&mut self, media: &mut Media) -> io::Result<Option<u64>> {
        let Some((range, window)) = &mut self.table else {
            return Ok(None);
        };
        let mut number = 0_u64;
        for _ in 0..5 {
            if self.listed_at >= range.end {
                return Ok(None);
            }
            let Some([byte]) = window.array::<1>(media, self.listed_at)? else {
                return Ok(None);
            };
            self.listed_at += 1;
            number = number << 7 | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}

impl Index for Packets {
    fn next_place(&mut self, media: &mut Media) -> symphonia::core::errors::Result<Option<Place>> {
        let bytes = match self.packet_bytes {
            0 => self.number(media)?,
            bytes => Some(bytes),
        };
        let samples = match self.packet_samples {
            0 => self.number(media)?,
            samples => Some(samples),
        };
        let (Some(bytes), Some(samples)) = (bytes, samples) else {
            return Ok(None);
        };
        let left = self.data.end.saturating_sub(self.at);
        // A piece of a packet at the end; where the file was cut off, that is found on reading it.
        if left == 0 || left < bytes && self.data.end < media.len() {
            return Ok(None);
        }
        let packets = self.piece.min(left / bytes.max(1)).max(1);
        let place = Place {
            at: self.at,
            bytes: packets * bytes,
            start: self.start,
            samples: packets * samples,
        };
        self.at += place.bytes;
        self.start = self.start.saturating_add(place.samples);
        Ok(Some(place))
    }

    fn rewind(&mut self) {
        self.at = self.data.start;
        self.start = 0;
        self.listed_at = self.table.as_ref().map_or(0, |(range, _)| range.start);
    }
}
