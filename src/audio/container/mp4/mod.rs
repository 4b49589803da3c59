//! MP4 and its relatives (M4A, 3GP, QuickTime): the first audio track, by its tables or in
//! fragments, and what of it the edit list plays.
//!
//! Only what describes the track is read, where it is in the file; tables are looked at piece by
//! piece, so that memory stays small whatever their size.

mod boxes;
mod description;
mod edits;
mod fragments;
mod tables;

use std::io;
use std::ops::Range;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::errors::decode_error;

use self::boxes::{Index as Boxes, Walk, number};
use self::edits::{Extent, Scales, describe, itunes_figures, parts};
use self::fragments::{Defaults, Fragments};
use self::tables::Tables;
use super::codec::Codec;
use super::media::{Media, Window};
use super::play::{Index, OPEN, Part, Place, Player};
use super::scale::scaled;
use super::{Demuxed, Source};
use crate::audio::error::DecodeError;

/// The longest description, list of edits or comment that is read.
const MAX_BODY_BYTES: u64 = 64 << 10;

/// Opens the first audio track of a file that is enabled.
///
/// # Errors
/// [`DecodeError::NoDecoder`] for what ffmpeg should be asked to decode.
pub(super) fn open(source: Box<dyn Source>) -> Result<Demuxed, DecodeError> {
    let mut media = Media::new(source)?;
    let top = look_through(&mut media)?;
    let mut boxes = Boxes::new(&mut media);
    let track = find_track(&mut boxes, &top.index)?;
    let codec = description::read(&track.stsd, track.scale, top.is_quicktime)?;
    let stbl = track.stbl.clone();
    let mut tables = Tables::read(&mut boxes, &stbl, codec.frame_bytes)?;
    let defaults = read_defaults(&mut boxes, &top.index, track.id)?;
    let (movie_scale, _) = read_times(&boxes.body_of(&top.index, &[b"mvhd"], 32)?);
    let scales = Scales {
        movie: movie_scale,
        track: u64::from(track.scale),
        rate_hz: u64::from(codec.rate_hz),
    };
    let list = boxes.body_of(&track.range, &[b"edts", b"elst"], MAX_BODY_BYTES)?;
    let comment = itunes_comment(&mut boxes, &top.index)?;
    let mut extent = Extent {
        samples: None,
        padded_packet: None,
    };
    if let Some(tables) = &mut tables {
        let (length, packet) = tables.length(&mut media)?;
        let to_rate = |time| scaled(time, scales.track, scales.rate_hz);
        extent.samples = Some(to_rate(length)).filter(|&samples| samples > 0 && !top.has_fragments);
        extent.padded_packet = codec.is_padded().then(|| to_rate(packet));
        if track.descriptions > 1 && tables.change_description(&mut media)? {
            return Err(DecodeError::NoDecoder {
                codec: "mp4 whose audio changes its codec".to_owned(),
            });
        }
    }
    let plan = Plan::of(&list, comment.as_deref(), &codec, scales, extent)?;
    let walk = Walk::new(0..media.len());
    let index = Timed {
        fragments: Fragments::new(track.id, defaults, codec.frame_bytes, walk),
        tables,
        scales,
        is_followed: top.is_followed,
    };
    let player = Player::new(media, index, plan.parts, &codec);
    let mut player = player.with_length(plan.samples);
    if codec.params.codec == CODEC_ID_MP3
        && let Some([_, second, ..]) = player.first_bytes::<4>()?
    {
        player = player.with_codec(match second >> 1 & 3 {
            3 => CODEC_ID_MP1,
            2 => CODEC_ID_MP2,
            _ => CODEC_ID_MP3,
        });
    }
    Ok(Demuxed {
        packets: Box::new(player),
        name: "mp4",
        trim: plan.trim,
    })
}

/// What the boxes at the top of a file say.
struct Top {
    /// The body of the index (`moov`).
    index: Range<u64>,
    is_quicktime: bool,
    has_fragments: bool,
    /// Whether there is another index, which is that of another file.
    is_followed: bool,
}

fn look_through(media: &mut Media) -> Result<Top, DecodeError> {
    let mut walk = Walk::new(0..media.len());
    let mut window = Window::new(64);
    let mut index = None;
    let mut is_quicktime = true;
    let mut has_fragments = false;
    let mut is_followed = false;
    while let Some(found) = walk.next(media, &mut window)? {
        match &found.name {
            b"ftyp" => {
                let brands = media.bytes(
                    found.body.start,
                    1_024.min(found.body.end - found.body.start),
                )?;
                is_quicktime = brands.chunks(4).any(|brand| brand == b"qt  ");
            }
            b"moov" if index.is_none() && !found.is_whole => {
                return Err(DecodeError::damaged(
                    "its index (moov box) is not whole: it was cut off",
                ));
            }
            b"moov" if index.is_none() => index = Some(found.body),
            b"moov" => is_followed = true,
            b"moof" => has_fragments = true,
            _ => {}
        }
        // Of a fragmented recording of hours, the rest is looked through as it is played.
        if has_fragments && index.is_some() {
            break;
        }
    }
    match index {
        Some(index) => Ok(Top {
            index,
            is_quicktime,
            has_fragments,
            is_followed,
        }),
        None => Err(DecodeError::damaged(
            "its index (moov box) is missing: the recording was cut off or never finished",
        )),
    }
}

/// The audio track by its boxes.
struct AudioTrack {
    range: Range<u64>,
    id: u64,
    /// Units of its time a second.
    scale: u32,
    stbl: Range<u64>,
    stsd: Vec<u8>,
    descriptions: u64,
}

/// The first audio track that is enabled; where none is, the first.
fn find_track(boxes: &mut Boxes<'_>, index: &Range<u64>) -> Result<AudioTrack, DecodeError> {
    if boxes.find(index, &[b"cmov"])?.is_some() {
        return Err(DecodeError::NoDecoder {
            codec: "mov with a compressed index".to_owned(),
        });
    }
    let mut first = None;
    for range in boxes.all(index, b"trak")? {
        let handler = boxes.body_of(&range, &[b"mdia", b"hdlr"], 12)?;
        if handler.get(8..12) != Some(b"soun") {
            continue;
        }
        let header = boxes.body_of(&range, &[b"tkhd"], 32)?;
        let is_enabled = header.get(3).is_some_and(|flags| flags & 1 == 1);
        if is_enabled || first.is_none() {
            first = Some((range, header));
        }
        if is_enabled {
            break;
        }
    }
    let (range, header) =
        first.ok_or_else(|| DecodeError::Unrecognized("it has no audio track".to_owned()))?;
    let (scale, _) = read_times(&boxes.body_of(&range, &[b"mdia", b"mdhd"], 32)?);
    let missing = || DecodeError::damaged("the description of its audio track is missing");
    let stbl = boxes
        .find(&range, &[b"mdia", b"minf", b"stbl"])?
        .ok_or_else(missing)?;
    let stsd = boxes.body_of(&stbl, &[b"stsd"], MAX_BODY_BYTES)?;
    if boxes
        .body_of(&range, &[b"mdia", b"minf", b"dinf", b"dref"], 20)?
        .get(16..20)
        .is_some_and(|flags| flags[3] & 1 == 0)
    {
        return Err(DecodeError::NotAudio(
            "its audio is in another file, which it only names".to_owned(),
        ));
    }
    let id_at = if header.first() == Some(&1) { 20 } else { 12 };
    Ok(AudioTrack {
        id: number::<4>(&header, id_at).unwrap_or(0),
        scale: u32::try_from(scale).unwrap_or(1),
        descriptions: number::<4>(&stsd, 4).unwrap_or(0),
        range,
        stbl,
        stsd,
    })
}

/// Units a second, and the length in them, of an `mvhd` or `mdhd`; at least one unit a second.
fn read_times(body: &[u8]) -> (u64, u64) {
    let (scale, length) = match body.first() {
        Some(1) => (number::<4>(body, 20), number::<8>(body, 24)),
        _ => (number::<4>(body, 12), number::<4>(body, 16)),
    };
    (scale.unwrap_or(1).max(1), length.unwrap_or(0))
}

fn read_defaults(
    boxes: &mut Boxes<'_>,
    index: &Range<u64>,
    track: u64,
) -> Result<Defaults, DecodeError> {
    let Some(extends) = boxes.find(index, &[b"mvex"])? else {
        return Ok(Defaults::default());
    };
    for range in boxes.all(&extends, b"trex")? {
        let body = boxes.body(&range, 24)?;
        if number::<4>(&body, 4) == Some(track) {
            return Ok(Defaults {
                duration: number::<4>(&body, 12).unwrap_or(0),
                bytes: number::<4>(&body, 16).unwrap_or(0),
            });
        }
    }
    Ok(Defaults::default())
}

/// The comment `iTunSMPB`, if there is one.
fn itunes_comment(boxes: &mut Boxes<'_>, index: &Range<u64>) -> io::Result<Option<Vec<u8>>> {
    let Some(mut meta) = boxes.find(index, &[b"udta", b"meta"])? else {
        return Ok(None);
    };
    // A version and flags, which QuickTime does not have.
    if boxes.body(&meta, 8)?.get(4..8) != Some(b"hdlr") {
        meta.start += 4;
    }
    let Some(list) = boxes.find(&meta, &[b"ilst"])? else {
        return Ok(None);
    };
    for item in boxes.all(&list, b"----")? {
        let name = boxes.body_of(&item, &[b"name"], 64)?;
        if name.get(4..) == Some(b"iTunSMPB") {
            let data = boxes.body_of(&item, &[b"data"], 512)?;
            return Ok(data.get(8..).map(<[u8]>::to_vec));
        }
    }
    Ok(None)
}

/// What is played, and where that was found.
struct Plan {
    parts: Vec<Part>,
    /// The length of the parts, where it is known.
    samples: Option<u64>,
    trim: Option<String>,
}

impl Plan {
    /// The edit list says what is played. Where it has no say, older programs of Apple left a comment,
    /// and Opus counts what comes before its audio.
    fn of(
        list: &[u8],
        comment: Option<&[u8]>,
        codec: &Codec,
        scales: Scales,
        extent: Extent,
    ) -> Result<Self, DecodeError> {
        let opus_skip = codec.opus_skip().unwrap_or(0);
        let mut trim = None;
        let parts = if let Some(mut parts) = parts(list, scales, extent)? {
            if let Some(Part::Media { start, .. }) = parts.first_mut() {
                *start = (*start).max(opus_skip);
            }
            trim = Some(describe(&parts, extent.samples));
            parts
        } else if let Some([start, padding, samples]) = comment.and_then(itunes_figures) {
            trim = Some(format!("iTunSMPB {start}+{padding}"));
            let end = start + samples;
            vec![Part::Media { start, end }]
        } else {
            if opus_skip > 0 {
                trim = Some(format!("Opus header {opus_skip}+0"));
            }
            let start = opus_skip;
            vec![Part::Media { start, end: OPEN }]
        };
        let length = |part: &Part| match (*part, extent.samples) {
            (Part::Pause { samples }, _) => Some(samples),
            (Part::Media { start, end }, Some(all)) => Some(end.min(all).saturating_sub(start)),
            (Part::Media { .. }, None) => None,
        };
        Ok(Self {
            samples: parts.iter().map(length).sum(),
            parts,
            trim,
        })
    }
}

/// The samples of the tables, then those of fragments, with times in samples.
struct Timed {
    tables: Option<Tables>,
    fragments: Fragments,
    scales: Scales,
    is_followed: bool,
}

impl Index for Timed {
    fn next_place(&mut self, media: &mut Media) -> symphonia::core::errors::Result<Option<Place>> {
        let of_tables = match &mut self.tables {
            Some(tables) => tables.next_place(media)?,
            None => None,
        };
        let place = match of_tables {
            Some(place) => Some(place),
            None => self.fragments.next_place(media)?,
        };
        if place.is_none() && self.is_followed {
            return decode_error("another file follows in it, which is not taken");
        }
        let to_rate = |time| scaled(time, self.scales.track, self.scales.rate_hz);
        Ok(place.map(|place| {
            let start = to_rate(place.start);
            let end = to_rate(place.start.saturating_add(place.samples));
            Place {
                start,
                samples: end.saturating_sub(start),
                ..place
            }
        }))
    }

    fn rewind(&mut self) {
        if let Some(tables) = &mut self.tables {
            tables.rewind();
        }
        self.fragments.rewind();
    }
}
