//! What of a track is played: parts of it and pauses, cut to the sample whatever packets hold.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecId;
use symphonia::core::errors::{Result, decode_error};
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::Packets;
use super::codec::Codec;
use super::media::{Media, Window};

/// The largest packet: more than a second of any codec.
const MAX_PACKET_BYTES: u64 = 16 << 20;
/// How much of the file is read at once.
const WINDOW_BYTES: u64 = 64 << 10;
/// A pause is played in pieces of this many samples.
const PAUSE_SAMPLES: u64 = 4_096;

/// A track that takes up more than this many times its file plays the same again and again.
const MAX_REPEATS: u64 = 64;

/// Packets that are passed over, without a look at them, to reach the parts of a list.
const MAX_PASSED: u64 = 1 << 28;

/// A part of what is played, in samples of the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The track from `start` to before `end`; [`OPEN`] is its end.
    Media { start: u64, end: u64 },
    /// Silence.
    Pause { samples: u64 },
}

/// The end of a part that ends with its track.
pub(super) const OPEN: u64 = u64::MAX;

/// Where a packet is in the file and on the track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) bytes: u64,
    /// In samples of the track.
    pub(super) start: u64,
    pub(super) samples: u64,
}

/// Tells the places of a track's packets in the order of time.
pub(super) trait Index: Send + Sync {
    /// The next place; none behind the last.
    ///
    /// # Errors
    /// Those of reading, and what is missing.
    fn next_place(&mut self, media: &mut Media) -> Result<Option<Place>>;
    /// Begins anew with the first packet.
    fn rewind(&mut self);
}

/// Plays parts of a track.
pub(super) struct Player<I> {
    track: Track,
    media: Media,
    window: Window,
    index: I,
    parts: std::vec::IntoIter<Part>,
    part: Part,
    /// Samples that are decoded before a part begins, so that the decoder has settled.
    preroll: u64,
    /// Bytes of an uncompressed sample, of which those are played that are there.
    frame_bytes: Option<u64>,
    /// The next packet, where it was found to lie behind a part.
    held: Option<Place>,
    /// Up to where packets were taken from the index.
    taken: u64,
    /// Bytes of all packets so far.
    read: u64,
    passed: u64,
}

impl<I: Index> Player<I> {
    pub(super) fn new(media: Media, index: I, parts: Vec<Part>, codec: &Codec) -> Self {
        let mut parts = parts.into_iter();
        let mut track = Track::new(0);
        track.with_codec_params(CodecParameters::Audio(codec.params.clone()));
        Self {
            track,
            media,
            window: Window::new(WINDOW_BYTES),
            index,
            part: parts.next().unwrap_or(Part::Pause { samples: 0 }),
            parts,
            preroll: codec.preroll(),
            frame_bytes: codec.frame_bytes,
            held: None,
            taken: 0,
            read: 0,
            passed: 0,
        }
    }

    /// The same with what is known of the length of what is played.
    pub(super) fn with_length(mut self, samples: Option<u64>) -> Self {
        self.track.num_frames = samples;
        self
    }

    /// The same where the first packet says another codec than the container.
    pub(super) fn with_codec(mut self, id: AudioCodecId) -> Self {
        if let Some(CodecParameters::Audio(params)) = &mut self.track.codec_params {
            params.codec = id;
        }
        self
    }

    /// The first bytes of the first packet.
    pub(super) fn first_bytes<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let first = self.index.next_place(&mut self.media);
        self.index.rewind();
        match first {
            Ok(Some(place)) => self.window.array(&mut self.media, place.at),
            // What is wrong is found again on playing it.
            _ => Ok(None),
        }
    }

    /// Goes on with the next part; false behind the last.
    fn next_part(&mut self) -> bool {
        let Some(part) = self.parts.next() else {
            return false;
        };
        self.part = part;
        if let Part::Media { start, .. } = part
            && start < self.taken
        {
            self.index.rewind();
            self.held = None;
            self.taken = 0;
        }
        true
    }

    fn next_place(&mut self) -> Result<Option<Place>> {
        match self.held.take() {
            Some(place) => Ok(Some(place)),
            None => self.index.next_place(&mut self.media),
        }
    }

    /// The packet at `place` with what is played of it.
    fn packet(&mut self, place: Place, start: u64, end: u64) -> Result<Packet> {
        let there = self.media.len().saturating_sub(place.at);
        let bytes = match self.frame_bytes {
            Some(frame_bytes) if there < place.bytes => there / frame_bytes * frame_bytes,
            _ => place.bytes,
        };
        if bytes > MAX_PACKET_BYTES {
            return decode_error("one of its packets is of an impossible size");
        }
        self.read += bytes;
        if self.read / MAX_REPEATS > self.media.len() {
            return decode_error("it plays the same again and again");
        }
        let bytes = self.window.get(&mut self.media, place.at, bytes)?;
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            return decode_error("it was cut off: the file ends before its last packet does");
        };
        let place_end = place.start.saturating_add(place.samples);
        let kept = match end < place_end {
            true => end - place.start.max(start).min(end),
            false => OPEN,
        };
        let mut packet = packet(place.start, kept, bytes);
        packet.trim_start = Duration::new(match place_end <= start {
            // Its padding would be played if only its samples were cut off.
            true => OPEN,
            false => start.saturating_sub(place.start),
        });
        Ok(packet)
    }
}

fn packet(start: u64, samples: u64, bytes: &[u8]) -> Packet {
    let start = Timestamp::new(i64::try_from(start).unwrap_or(i64::MAX));
    Packet::new(0, start, Duration::new(samples), bytes)
}

impl<I: Index> Packets for Player<I> {
    fn track(&self) -> &Track {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        loop {
            let (start, end) = match &mut self.part {
                Part::Pause { samples: 0 } => match self.next_part() {
                    true => continue,
                    false => return Ok(None),
                },
                Part::Pause { samples } => {
                    let piece = PAUSE_SAMPLES.min(*samples);
                    *samples -= piece;
                    return Ok(Some(packet(self.taken, piece, &[])));
                }
                Part::Media { start, end } => (*start, *end),
            };
            let next = self.next_place()?;
            let Some(place) = next.filter(|place| place.start < end) else {
                self.held = next;
                self.part = Part::Pause { samples: 0 };
                continue;
            };
            self.taken = place.start.saturating_add(place.samples);
            if self.taken.saturating_add(self.preroll) <= start || place.bytes == 0 {
                self.passed += 1;
                if self.passed > MAX_PASSED {
                    return decode_error("its edit list jumps back and forth beyond measure");
                }
                continue;
            }
            return self.packet(place, start, end).map(Some);
        }
    }
}
