//! Matroska and WebM: the blocks of the first audio track.
//!
//! The file is gone through once, element by element. Clusters and groups are stepped into and not
//! looked at as wholes, so that it does not matter whether they state their length; behind damage,
//! the search goes on with the next cluster.

mod block;
mod ebml;
mod track;

use std::collections::VecDeque;
use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Error, Result, decode_error};
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use self::ebml::{Element, UNKNOWN, child, children, signed};
use self::track::AudioTrack;
use super::media::{Media, Window};
use super::{Demuxed, Packets, Source};
use crate::audio::error::DecodeError;

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const DISCARD_PADDING: u32 = 0x75a2;

/// The longest description of tracks, and the largest block.
const MAX_BODY_BYTES: u64 = 16 << 20;
/// How much of the file is read at once.
const WINDOW_BYTES: u64 = 64 << 10;

/// Opens the first audio track of a file that is enabled.
///
/// # Errors
/// [`DecodeError::NoDecoder`] for what ffmpeg should be asked to decode.
pub(super) fn open(source: Box<dyn Source>) -> std::result::Result<Demuxed, DecodeError> {
    let mut media = Media::new(source)?;
    let mut window = Window::new(WINDOW_BYTES);
    let head = Head::read(&mut media, &mut window, 0)?;
    let trim = head.trim.clone();
    let blocks = Blocks {
        media,
        window,
        at: 0,
        begun: 0,
        stated_end: u64::MAX,
        head,
        ready: VecDeque::new(),
        trouble: None,
    };
    Ok(Demuxed {
        packets: Box::new(blocks),
        name: "matroska",
        trim,
    })
}

/// What comes before the blocks of a file.
struct Head {
    audio: AudioTrack,
    track: Track,
    trim: Option<String>,
}

impl Head {
    /// Reads what the file that begins at `at` says of its first audio track.
    fn read(
        media: &mut Media,
        window: &mut Window,
        mut at: u64,
    ) -> std::result::Result<Self, DecodeError> {
        let tracks = loop {
            let Some(element) = Element::read(media, window, at)? else {
                return Err(DecodeError::damaged(
                    "the description of its tracks is missing: it was cut off or never finished",
                ));
            };
            match element.id {
                SEGMENT => at = element.body,
                TRACKS => {
                    let tracks = media.bytes(element.body, element.len.min(MAX_BODY_BYTES))?;
                    if (tracks.len() as u64) < element.len {
                        return Err(DecodeError::damaged(
                            "the description of its tracks is not whole: it was cut off",
                        ));
                    }
                    break tracks;
                }
                // What comes before the blocks may come behind them.
                _ => at = element.end(),
            }
        };
        let audio = track::find(&tracks)?;
        let delay_ns = audio.delay_ns.filter(|&ns| ns > 0);
        let opus_skip = audio.codec.opus_skip().filter(|&skip| skip > 0);
        // ffmpeg's writer counts the delay of Opus at the rate of what was encoded: its own header has
        // it at 48 kHz.
        let (source, skip) = match (opus_skip, delay_ns) {
            (Some(skip), _) => ("Opus header", skip),
            (None, ns) => ("codec delay", ns.map_or(0, |ns| audio.in_samples(ns))),
        };
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(audio.codec.params.clone()));
        track.delay = u32::try_from(skip).ok();
        Ok(Self {
            audio,
            track,
            trim: (skip > 0).then(|| format!("{source} {skip}+0")),
        })
    }
}

/// The packets of a track.
struct Blocks {
    media: Media,
    window: Window,
    at: u64,
    /// Where the file begins whose blocks are taken: another may follow it.
    begun: u64,
    /// Where it says that it ends: what follows is of no concern.
    stated_end: u64,
    head: Head,
    /// Packets of the last block.
    ready: VecDeque<Packet>,
    /// What could not be taken.
    trouble: Option<&'static str>,
}

impl Blocks {
    /// Takes the packets of the next element; false at the end. [`Error::ResetRequired`] where another
    /// file begins.
    fn step(&mut self) -> Result<bool> {
        let there = self.media.len();
        if self.at >= there {
            return Ok(false);
        }
        let element = Element::read(&mut self.media, &mut self.window, self.at)?;
        let Some(element) = element.filter(is_possible) else {
            return Ok(self.search()?);
        };
        match element.id {
            SEGMENT | CLUSTER => {
                if element.id == SEGMENT && element.len > 0 {
                    self.stated_end = element.end();
                }
                self.at = element.body;
                return Ok(true);
            }
            SIMPLE_BLOCK | BLOCK_GROUP => {
                let body = self
                    .window
                    .get(&mut self.media, element.body, element.len)?;
                let Some(body) = body.map(<[u8]>::to_vec) else {
                    return Ok(self.search()?);
                };
                match element.id {
                    SIMPLE_BLOCK => self.take(&body, 0),
                    _ => self.take_group(&body),
                }
            }
            EBML if self.at > self.begun => return self.begin_file(),
            _ if element.end() > there => return Ok(self.search()?),
            _ => {}
        }
        self.at = element.end();
        Ok(true)
    }

    /// Goes on with a file that was put behind the one before.
    fn begin_file(&mut self) -> Result<bool> {
        match Head::read(&mut self.media, &mut self.window, self.at) {
            Ok(head) => {
                self.head = head;
                self.begun = self.at;
                Err(Error::ResetRequired)
            }
            Err(DecodeError::Io(e)) => Err(e.into()),
            Err(_) => {
                self.trouble = Some("another file follows in it, which is not decoded here");
                Ok(false)
            }
        }
    }

    /// Goes on with the next cluster, behind what is no element or reaches over the end.
    fn search(&mut self) -> io::Result<bool> {
        const STEP_BYTES: u64 = 32 << 10;
        if self.at >= self.stated_end {
            return Ok(false);
        }
        let wanted = CLUSTER.to_be_bytes();
        let mut at = self.at + 1;
        while at < self.media.len() {
            let bytes = (self.media.len() - at).min(STEP_BYTES);
            let Some(piece) = self.window.get(&mut self.media, at, bytes)? else {
                break;
            };
            if let Some(found) = piece.windows(4).position(|bytes| bytes == wanted) {
                self.trouble = Some("a part of it is damaged, and left out");
                self.at = at + found as u64;
                return Ok(true);
            }
            at += bytes.saturating_sub(3).max(1);
        }
        self.trouble = Some("it was cut off, or is damaged at its end");
        Ok(false)
    }

    fn take_group(&mut self, group: &[u8]) {
        let padding = child(group, DISCARD_PADDING).and_then(signed).unwrap_or(0);
        let padding = self
            .head
            .audio
            .in_samples(u64::try_from(padding).unwrap_or(0));
        for (_, block) in children(group).filter(|(id, _)| *id == BLOCK) {
            self.take(block, padding);
        }
    }

    /// Takes the packets of a block, from whose last `padding` samples are cut off.
    fn take(&mut self, block: &[u8], padding: u64) {
        let Some(packets) = block::packets(block, self.head.audio.number) else {
            return;
        };
        for packet in packets {
            let Some(packet) = self.head.audio.unpack(packet) else {
                self.trouble = Some("some of its packets cannot be unpacked, and are left out");
                continue;
            };
            let (start, all) = (Timestamp::new(0), Duration::new(u64::MAX));
            self.ready.push_back(Packet::new(0, start, all, packet));
        }
        if let Some(last) = self.ready.back_mut() {
            last.trim_end = Duration::new(padding);
        }
    }
}

/// Whether an element may be one: only a segment and a cluster may be of any length.
fn is_possible(element: &Element) -> bool {
    match element.id {
        SEGMENT | CLUSTER => true,
        SIMPLE_BLOCK | BLOCK_GROUP => element.len <= MAX_BODY_BYTES,
        _ => element.len != UNKNOWN,
    }
}

impl Packets for Blocks {
    fn track(&self) -> &Track {
        &self.head.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            if let Some(packet) = self.ready.pop_front() {
                return Ok(Some(packet));
            }
            if !self.step()? {
                return self.trouble.take().map_or(Ok(None), decode_error);
            }
        }
    }
}
