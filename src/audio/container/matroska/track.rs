//! What a Matroska file says of its audio track, and how the track's data is packed.

use std::io::Read;

use symphonia::core::codecs::audio::well_known::*;

use super::ebml::{child, children, float, unsigned};
use crate::audio::container::codec::{Codec, Law, Pcm, aac_rate, flac_setup, opus_header};
use crate::audio::container::scale::scaled;
use crate::audio::error::DecodeError;

const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const TRACK_TYPE: u32 = 0x83;
const FLAG_ENABLED: u32 = 0xb9;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const CODEC_DELAY: u32 = 0x56aa;
const AUDIO: u32 = 0xe1;
const SAMPLING_FREQUENCY: u32 = 0xb5;
const CHANNELS: u32 = 0x9f;
const BIT_DEPTH: u32 = 0x6264;
const CONTENT_ENCODINGS: u32 = 0x6d80;
const CONTENT_ENCODING: u32 = 0x6240;
const ENCODING_ORDER: u32 = 0x5031;
const ENCODING_SCOPE: u32 = 0x5032;
const ENCODING_TYPE: u32 = 0x5033;
const COMPRESSION: u32 = 0x5034;
const COMPRESSION_ALGORITHM: u32 = 0x4254;
const COMPRESSION_SETTINGS: u32 = 0x4255;

const TYPE_AUDIO: u64 = 2;
/// The largest packet that comes out of a compressed one.
const MAX_UNPACKED_BYTES: u64 = 16 << 20;

/// The audio track.
#[derive(Debug)]
pub(super) struct AudioTrack {
    pub(super) number: u64,
    pub(super) codec: Codec,
    /// Nanoseconds at the start that are no audio.
    pub(super) delay_ns: Option<u64>,
    packing: Vec<Packing>,
}

/// How data is packed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Packing {
    Zlib,
    /// Bytes that all packets begin with are left out.
    Header(Vec<u8>),
}

/// Finds the first audio track that is enabled in the body of `Tracks`; where none is, the first.
///
/// # Errors
/// [`DecodeError::NoDecoder`] with the name of what is not decoded here.
pub(super) fn find(tracks: &[u8]) -> Result<AudioTrack, DecodeError> {
    let number = |entry, id| child(entry, id).and_then(unsigned);
    let audio = || {
        children(tracks).filter_map(|(id, entry)| {
            let is_audio = id == TRACK_ENTRY && number(entry, TRACK_TYPE) == Some(TYPE_AUDIO);
            is_audio.then_some(entry)
        })
    };
    let entry = audio()
        .find(|entry| number(entry, FLAG_ENABLED) != Some(0))
        .or_else(|| audio().next())
        .ok_or_else(|| DecodeError::Unrecognized("it has no audio track".to_owned()))?;
    read(entry)
}

fn read(entry: &[u8]) -> Result<AudioTrack, DecodeError> {
    let number = |id| child(entry, id).and_then(unsigned);
    let (packing, packs_setup) = read_packing(entry)?;
    let mut setup = child(entry, CODEC_PRIVATE).unwrap_or_default().to_vec();
    if packs_setup {
        setup = unpack(&packing, &setup)
            .ok_or_else(|| DecodeError::damaged("the setup of its codec cannot be unpacked"))?;
    }
    let id = String::from_utf8_lossy(child(entry, CODEC_ID).unwrap_or_default());
    let id = id.trim_end_matches('\0');
    let codec = read_codec(id, child(entry, AUDIO).unwrap_or_default(), &setup);
    Ok(AudioTrack {
        number: number(TRACK_NUMBER).unwrap_or(0),
        codec: codec.ok_or_else(|| DecodeError::NoDecoder { codec: name(id) })?,
        delay_ns: number(CODEC_DELAY),
        packing,
    })
}

impl AudioTrack {
    /// A time in samples, as decoded.
    pub(super) fn in_samples(&self, ns: u64) -> u64 {
        scaled(ns, 1_000_000_000, u64::from(self.codec.rate_hz))
    }

    /// A packet as it was before it was packed; none when it cannot be unpacked.
    pub(super) fn unpack(&self, packet: &[u8]) -> Option<Vec<u8>> {
        unpack(&self.packing, packet)
    }
}

fn unpack(packing: &[Packing], packet: &[u8]) -> Option<Vec<u8>> {
    let step = |packet: Vec<u8>, packing: &Packing| match packing {
        Packing::Header(header) => Some([&header[..], &packet].concat()),
        Packing::Zlib => {
            let mut unpacked = Vec::new();
            let decoder = flate2::read::ZlibDecoder::new(&packet[..]);
            let read = decoder.take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked);
            read.ok().map(|_| unpacked)
        }
    };
    packing.iter().try_fold(packet.to_vec(), step)
}

/// How the data is packed, in the order of unpacking, and whether the setup of the codec is too.
fn read_packing(entry: &[u8]) -> Result<(Vec<Packing>, bool), DecodeError> {
    const SCOPE_PACKETS: u64 = 1;
    const SCOPE_SETUP: u64 = 2;
    let encodings = child(entry, CONTENT_ENCODINGS).unwrap_or_default();
    let mut steps = Vec::new();
    let mut packs_setup = false;
    for (_, encoding) in children(encodings).filter(|(id, _)| *id == CONTENT_ENCODING) {
        let number = |id| child(encoding, id).and_then(unsigned);
        if number(ENCODING_TYPE).unwrap_or(0) != 0 {
            return Err(DecodeError::Protected);
        }
        let compression = child(encoding, COMPRESSION).unwrap_or_default();
        let algorithm = child(compression, COMPRESSION_ALGORITHM).and_then(unsigned);
        let packing = match algorithm.unwrap_or(0) {
            0 => Packing::Zlib,
            3 => {
                let header = child(compression, COMPRESSION_SETTINGS);
                Packing::Header(header.unwrap_or_default().to_vec())
            }
            other => {
                let name = match other {
                    1 => "bzlib".to_owned(),
                    2 => "lzo1x".to_owned(),
                    other => format!("algorithm {other}"),
                };
                return Err(DecodeError::NoDecoder {
                    codec: format!("matroska packed by {name}"),
                });
            }
        };
        let scope = number(ENCODING_SCOPE).unwrap_or(SCOPE_PACKETS);
        packs_setup |= scope & SCOPE_SETUP != 0;
        if scope & SCOPE_PACKETS != 0 {
            steps.push((number(ENCODING_ORDER).unwrap_or(0), packing));
        }
    }
    // The step that was taken last comes off first.
    steps.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
    let steps = steps.into_iter().map(|(_, packing)| packing).collect();
    Ok((steps, packs_setup))
}

fn read_codec(id: &str, audio: &[u8], setup: &[u8]) -> Option<Codec> {
    let rate = child(audio, SAMPLING_FREQUENCY).and_then(float);
    let rate_hz = rate.unwrap_or(8_000.0).round() as u32;
    let channels = child(audio, CHANNELS).and_then(unsigned).unwrap_or(1);
    let channels = u16::try_from(channels).ok()?;
    let bits = child(audio, BIT_DEPTH).and_then(unsigned).unwrap_or(0);
    let bits = u32::try_from(bits).ok()?;
    let packets = |id| Codec::new(id, rate_hz, channels);
    let pcm = |pcm| Codec::pcm(pcm, rate_hz, channels);
    match id {
        "A_PCM/INT/LIT" | "A_PCM/INT/BIG" if bits == 8 => pcm(Pcm::unsigned_8_bit()),
        "A_PCM/INT/LIT" => pcm(Pcm::integer(bits, false)),
        "A_PCM/INT/BIG" => pcm(Pcm::integer(bits, true)),
        "A_PCM/FLOAT/IEEE" => pcm(Pcm::float(bits, false)),
        "A_MS/ACM" => acm(setup),
        "A_MPEG/L1" => Some(packets(CODEC_ID_MP1)),
        "A_MPEG/L2" => Some(packets(CODEC_ID_MP2)),
        "A_MPEG/L3" => Some(packets(CODEC_ID_MP3)),
        "A_FLAC" => {
            let setup = flac_setup(setup.strip_prefix(b"fLaC")?)?;
            Some(packets(CODEC_ID_FLAC).with_setup(setup))
        }
        "A_ALAC" => Some(packets(CODEC_ID_ALAC).with_setup(setup)),
        "A_VORBIS" => Some(packets(CODEC_ID_VORBIS).with_setup(&vorbis_setup(setup)?)),
        "A_OPUS" if setup.is_empty() => {
            Some(packets(CODEC_ID_OPUS).with_setup(&opus_header(channels)))
        }
        "A_OPUS" => Some(packets(CODEC_ID_OPUS).with_setup(setup)),
        "A_AAC" | "A_AAC/MPEG2/LC" | "A_AAC/MPEG4/LC" => {
            let rate_hz = aac_rate(setup).unwrap_or(rate_hz);
            Some(Codec::new(CODEC_ID_AAC, rate_hz, channels).with_setup(setup))
        }
        _ => None,
    }
}

/// A codec by the header that WAV has for it.
fn acm(header: &[u8]) -> Option<Codec> {
    let number = |at: usize| Some(u16::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let (mut format, channels, bits) = (number(0)?, number(2)?, u32::from(number(14)?));
    if format == 0xfffe {
        format = number(24)?;
    }
    let rate_hz = u32::from_le_bytes(*header.get(4..)?.first_chunk()?);
    let pcm = match format {
        1 if bits == 8 => Pcm::unsigned_8_bit(),
        1 => Pcm::integer(bits, false),
        3 => Pcm::float(bits, false),
        6 => Pcm::law(Law::A),
        7 => Pcm::law(Law::Mu),
        0x55 => return Some(Codec::new(CODEC_ID_MP3, rate_hz, channels)),
        _ => return None,
    };
    Codec::pcm(pcm, rate_hz, channels)
}

/// The first and third header of Vorbis, one behind the other, of the three that are stored.
fn vorbis_setup(stored: &[u8]) -> Option<Vec<u8>> {
    let rest = stored.strip_prefix(&[2])?;
    let (first, rest) = xiph_length(rest)?;
    let (second, rest) = xiph_length(rest)?;
    let identification = rest.get(..first)?;
    let books = rest.get(first.checked_add(second)?..)?;
    Some([identification, books].concat())
}

/// A length as Xiph writes it, in bytes that are added up to the first that is not 255.
pub(super) fn xiph_length(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        length += usize::from(byte);
        bytes = rest;
        if byte < 255 {
            return Some((length, rest));
        }
    }
}

/// The name that ffmpeg gives a codec which is not decoded here; else that of Matroska.
fn name(id: &str) -> String {
    match id {
        "A_DTS" | "A_DTS/EXPRESS" | "A_DTS/LOSSLESS" => "dts",
        "A_TRUEHD" => "truehd",
        "A_MLP" => "mlp",
        "A_EAC3" => "eac3",
        "A_TTA1" => "tta",
        "A_WAVPACK4" => "wavpack",
        "A_MPC" => "musepack",
        id if id.starts_with("A_AC3") => "ac3",
        id if id.starts_with("A_AAC") => "aac (not of low complexity)",
        id => return format!("`{}` in Matroska", id.escape_default()),
    }
    .to_owned()
}
