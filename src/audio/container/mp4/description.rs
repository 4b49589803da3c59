//! What the description of a track (an entry of `stsd`) says of its codec.

use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::codecs::audio::well_known::*;

use super::boxes::{children, number};
use crate::audio::container::codec::{Codec, Law, Pcm, aac_rate, flac_setup};
use crate::audio::container::descriptor::read_esds;
use crate::audio::error::DecodeError;

/// An audio description, as far as all of them agree.
struct Entry<'a> {
    kind: [u8; 4],
    channels: u16,
    bits: u32,
    rate_hz: u32,
    /// The flags that QuickTime has for uncompressed samples (`lpcm`).
    pcm_flags: u64,
    boxes: &'a [u8],
}

/// Reads the first entry of `stsd`. `rate_hz` is the track's unit of time, for entries that state no
/// rate; `is_quicktime` says that the file may have QuickTime's longer entries.
///
/// # Errors
/// [`DecodeError::NoDecoder`] with the name of a codec that is not decoded here.
pub(super) fn read(stsd: &[u8], rate_hz: u32, is_quicktime: bool) -> Result<Codec, DecodeError> {
    let entry = read_entry(stsd, is_quicktime)
        .ok_or_else(|| DecodeError::damaged("the description of its audio track is not whole"))?;
    let rate_hz = match entry.rate_hz {
        0 => rate_hz,
        rate_hz => rate_hz,
    };
    if matches!(&entry.kind, b"enca" | b"drms") {
        return Err(DecodeError::Protected);
    }
    codec(&entry, rate_hz).ok_or_else(|| DecodeError::NoDecoder {
        codec: name(&entry),
    })
}

fn read_entry(stsd: &[u8], is_quicktime: bool) -> Option<Entry<'_>> {
    let stsd_version = *stsd.first()?;
    let size = number::<4>(stsd, 8)? as usize;
    let kind = *stsd.get(12..)?.first_chunk()?;
    let entry = stsd.get(8..8_usize.checked_add(size)?.min(stsd.len()))?;
    let version = number::<2>(entry, 16)?;
    let mut read = Entry {
        kind,
        channels: number::<2>(entry, 24)? as u16,
        bits: number::<2>(entry, 26)? as u32,
        rate_hz: (number::<4>(entry, 32)? >> 16) as u32,
        pcm_flags: 0,
        boxes: &[],
    };
    let is_long = is_quicktime || stsd_version == 0;
    let header = match version {
        1 if is_long => 52,
        2 if is_long => {
            let rate = f64::from_bits(number::<8>(entry, 40)?);
            read.rate_hz = rate as u32;
            read.channels = u16::try_from(number::<4>(entry, 48)?).ok()?;
            read.bits = number::<4>(entry, 56)? as u32;
            read.pcm_flags = number::<4>(entry, 60)?;
            72
        }
        _ => 36,
    };
    read.boxes = entry.get(header..)?;
    Some(read)
}

/// A box of the description; QuickTime may put them into another.
fn find<'a>(entry: &Entry<'a>, name: &[u8; 4]) -> Option<&'a [u8]> {
    let direct = children(entry.boxes);
    let in_wave = children(entry.boxes)
        .filter(|(name, _)| name == b"wave")
        .flat_map(|(_, body)| children(body));
    direct
        .chain(in_wave)
        .find(|(found, _)| found == name)
        .map(|(_, body)| body)
}

fn codec(entry: &Entry<'_>, rate_hz: u32) -> Option<Codec> {
    let packets = |id: AudioCodecId| Codec::new(id, rate_hz, entry.channels);
    if let Some(pcm) = pcm(entry) {
        return Codec::pcm(pcm, rate_hz, entry.channels);
    }
    match &entry.kind {
        b"mp4a" => elementary_stream(entry, rate_hz),
        b".mp3" | b"ms\0\x55" => Some(packets(CODEC_ID_MP3)),
        b"alac" => Some(packets(CODEC_ID_ALAC).with_setup(find(entry, b"alac")?.get(4..)?)),
        b"fLaC" => {
            let blocks = find(entry, b"dfLa")?.get(4..)?;
            Some(packets(CODEC_ID_FLAC).with_setup(flac_setup(blocks)?))
        }
        b"Opus" => {
            // The header of Ogg, with numbers that are big-endian where its version is 0.
            let setup = [b"OpusHead", find(entry, b"dOps")?].concat();
            Some(packets(CODEC_ID_OPUS).with_setup(&setup))
        }
        _ => None,
    }
}

fn pcm(entry: &Entry<'_>) -> Option<Pcm> {
    let is_little = find(entry, b"enda").and_then(|body| number::<2>(body, 0)) == Some(1);
    Some(match &entry.kind {
        b"sowt" => Pcm::integer(entry.bits, false),
        b"twos" => Pcm::integer(entry.bits, true),
        b"raw " | b"NONE" if entry.bits == 8 => Pcm::unsigned_8_bit(),
        b"raw " | b"NONE" => Pcm::integer(entry.bits, true),
        b"in24" => Pcm::integer(24, !is_little),
        b"in32" => Pcm::integer(32, !is_little),
        b"fl32" => Pcm::float(32, !is_little),
        b"fl64" => Pcm::float(64, !is_little),
        b"alaw" => Pcm::law(Law::A),
        b"ulaw" => Pcm::law(Law::Mu),
        b"lpcm" => {
            let is_big_endian = entry.pcm_flags & 2 != 0;
            Pcm {
                is_float: entry.pcm_flags & 1 != 0,
                is_signed: entry.pcm_flags & 4 != 0,
                ..Pcm::integer(entry.bits, is_big_endian)
            }
        }
        b"ipcm" | b"fpcm" => {
            let &[flags, bits, ..] = find(entry, b"pcmC")?.get(4..)? else {
                return None;
            };
            Pcm {
                is_float: entry.kind == *b"fpcm",
                ..Pcm::integer(u32::from(bits), flags & 1 == 0)
            }
        }
        _ => return None,
    })
}

/// A codec by its number in MPEG-4 (`esds`).
fn elementary_stream(entry: &Entry<'_>, rate_hz: u32) -> Option<Codec> {
    let (object, setup) = read_esds(find(entry, b"esds")?.get(4..)?)?;
    match object {
        // AAC; in MPEG-4 also what only the setup tells from it.
        0x40 | 0x66..=0x68 => {
            let rate_hz = aac_rate(setup).unwrap_or(rate_hz);
            Some(Codec::new(CODEC_ID_AAC, rate_hz, entry.channels).with_setup(setup))
        }
        // Any layer of MPEG audio, which its packets tell.
        0x69 | 0x6b => Some(Codec::new(CODEC_ID_MP3, rate_hz, entry.channels)),
        _ => None,
    }
}

/// The name that ffmpeg gives a codec which is not decoded here; else that of the description.
fn name(entry: &Entry<'_>) -> String {
    let object = find(entry, b"esds")
        .and_then(|body| read_esds(body.get(4..)?))
        .map(|(object, _)| object);
    match (&entry.kind, object) {
        (b"samr", _) => "amr_nb",
        (b"sawb", _) => "amr_wb",
        (b"ac-3", _) | (_, Some(0xa5)) => "ac3",
        (b"ec-3", _) | (_, Some(0xa6)) => "eac3",
        (b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" | b"dtsx", _) | (_, Some(0xa9..=0xac)) => "dts",
        (b"mlpa", _) => "truehd",
        (b"ima4", _) => "adpcm_ima_qt",
        (b"ms\0\x02", _) => "adpcm_ms",
        (b"ms\0\x11", _) => "adpcm_ima_wav",
        (b"agsm" | b"ms\0\x31", _) => "gsm",
        (b"sqcp" | b"Qclp", _) | (_, Some(0xe1)) => "qcelp",
        (b"sevc", _) => "evrc",
        (b"QDM2", _) => "qdm2",
        (b"MAC3", _) => "mace3",
        (b"MAC6", _) => "mace6",
        (b"spex", _) => "speex",
        (_, Some(0xdd)) => "vorbis",
        (kind, None) => return format!("`{}` in MP4", kind.escape_ascii()),
        (_, Some(object)) => return format!("the codec {object:#04x} of MP4"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
    }

    /// A table with one entry of version 0 at 16 bits, 2 channels.
    fn table(kind: &[u8; 4], rate_hz: u32, boxes: &[u8]) -> Vec<u8> {
        let mut body = vec![
            0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 0,
        ];
        body.extend((rate_hz << 16).to_be_bytes());
        body.extend(boxes);
        [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(kind, &body)].concat()
    }

    fn esds(object: u8, setup: &[u8]) -> Vec<u8> {
        let setup = [&[5, setup.len() as u8][..], setup].concat();
        let decoder = [&[4, 13 + setup.len() as u8, object][..], &[0; 12], &setup].concat();
        let stream = [&[3, 3 + decoder.len() as u8, 0, 0, 0][..], &decoder].concat();
        boxed(b"esds", &[&[0; 4][..], &stream].concat())
    }

    #[test]
    fn rates_that_an_entry_cannot_hold_are_those_of_the_setup() {
        let codec = read(&table(b"mp4a", 0, &esds(0x40, &[0x10, 0x90])), 1, false).unwrap();
        assert_eq!((codec.rate_hz, codec.params.codec), (88_200, CODEC_ID_AAC));
        assert_eq!(codec.params.extra_data.as_deref(), Some(&[0x10, 0x90][..]));
        let codec = read(&table(b"sowt", 0, &[]), 96_000, false).unwrap();
        assert_eq!((codec.rate_hz, codec.frame_bytes), (96_000, Some(4)));
    }

    #[test]
    fn setups_inside_of_a_wave_box_are_found() {
        let wave = boxed(
            b"wave",
            &[boxed(b"frma", b"mp4a"), esds(0x40, &[0x12, 0x10])].concat(),
        );
        let codec = read(&table(b"mp4a", 0, &wave), 1, true).unwrap();
        assert_eq!(codec.rate_hz, 44_100);
    }

    #[test]
    fn what_is_not_decoded_here_has_a_name() {
        let name = |stsd: &[u8]| match read(stsd, 1, false) {
            Err(DecodeError::NoDecoder { codec }) => codec,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(&table(b"samr", 8_000, &[])), "amr_nb");
        assert_eq!(name(&table(b"mp4a", 0, &esds(0xa9, &[]))), "dts");
        assert_eq!(
            name(&table(b"mp4a", 0, &esds(0xc0, &[]))),
            "the codec 0xc0 of MP4"
        );
        assert_eq!(name(&table(b"\xffxyz", 0, &[])), "`\\xffxyz` in MP4");
    }

    #[test]
    fn encrypted_and_cut_descriptions_are_refused() {
        for kind in [b"enca", b"drms"] {
            assert!(matches!(
                read(&table(kind, 1, &[]), 1, false),
                Err(DecodeError::Protected)
            ));
        }
        let whole = table(b"mp4a", 0, &esds(0x40, &[0x12, 0x10]));
        for cut in 0..44 {
            assert!(read(&whole[..cut], 1, false).is_err(), "{cut}");
        }
    }
}
