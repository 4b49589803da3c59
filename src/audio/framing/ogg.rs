//! Ogg: packets of one logical stream, link by link of a chain. Other streams in the file are passed
//! over.
//!
//! The position of a page (its *granule*) says how many samples end with it. What the first page has
//! more than that is cut off at the start (Vorbis), and what the page marked as the last one has more
//! at the end. A position that would cut off a page or more says nothing: it is wrong, as it is in
//! streams that were recorded live.

use std::collections::VecDeque;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::{Packet, PacketBuilder};
use symphonia::core::units::{Duration, Timestamp};

use super::ogg_codec::OggCodec;
use super::ogg_page::OggPage;
use super::window::Window;
use super::{Parts, Tally};

/// Longer packets are damage.
const MAX_PACKET_BYTES: usize = 16 << 20;

/// The packets of a file.
pub(super) struct OggParts {
    window: Window,
    link: Option<Link>,
    /// Whether only first pages were seen since the link began, so that another stream may be it.
    is_at_first_pages: bool,
    track: Track,
    packets: VecDeque<Packet>,
    tally: Tally,
}

/// One logical stream.
struct Link {
    codec: OggCodec,
    serial: u32,
    sequence: u32,
    /// What is known of a packet that goes on on the next page.
    piece: Option<Vec<u8>>,
    position: Position,
    /// Whether its track was told.
    is_told: bool,
}

/// Where a stream is.
#[derive(Debug, Default)]
struct Position {
    /// Samples of the pages before.
    samples: i64,
    /// What positions have more than samples were; none before the first position.
    base: Option<i64>,
    is_odd: bool,
}

impl OggParts {
    /// The stream that `window` begins with.
    pub(super) fn open(window: Window) -> Result<Self, Error> {
        let mut parts = Self {
            window,
            link: None,
            is_at_first_pages: false,
            track: Track::new(0),
            packets: VecDeque::new(),
            tally: Tally::default(),
        };
        while !parts.tell_track() {
            if !parts.read_page()? {
                return Err(match parts.link {
                    None => Error::Unsupported("ogg: no stream of a known codec"),
                    Some(_) => Error::DecodeError("ogg: the headers of its stream are missing"),
                });
            }
        }
        Ok(parts)
    }

    /// Sets the track where a link has become ready, and says so.
    fn tell_track(&mut self) -> bool {
        let Some(link) = self.link.as_mut().filter(|link| !link.is_told) else {
            return false;
        };
        let Some(params) = link.codec.params() else {
            return false;
        };
        link.is_told = true;
        self.track = Track::new(0);
        self.track.with_codec_params(CodecParameters::Audio(params));
        true
    }

    /// Reads a page of any stream. False at the end.
    fn read_page(&mut self) -> Result<bool, Error> {
        let Some(page) = OggPage::next(&mut self.window, &mut self.tally)? else {
            return Ok(false);
        };
        if page.is_first {
            if !self.is_at_first_pages || self.link.is_none() {
                let codec = page
                    .pieces()
                    .next()
                    .and_then(|(first, _)| OggCodec::of(first));
                self.link = codec.map(|codec| Link {
                    codec,
                    serial: page.serial,
                    sequence: page.sequence,
                    piece: None,
                    position: Position::default(),
                    is_told: false,
                });
            }
            self.is_at_first_pages = true;
            return Ok(true);
        }
        self.is_at_first_pages = false;
        if let Some(link) = &mut self.link
            && link.serial == page.serial
        {
            link.take_page(&page, &mut self.packets, &mut self.tally);
        }
        Ok(true)
    }
}

impl Parts for OggParts {
    fn track(&self) -> &Track {
        &self.track
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Ok(Some(packet));
            }
            if !self.read_page()? {
                return Ok(None);
            }
            if self.tell_track() {
                return Err(Error::ResetRequired);
            }
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Link {
    /// Appends the packets that end on `page`.
    fn take_page(&mut self, page: &OggPage, packets: &mut VecDeque<Packet>, tally: &mut Tally) {
        let is_next = page.sequence == self.sequence.wrapping_add(1);
        self.sequence = page.sequence;
        let is_gap = !is_next || page.is_continued != self.piece.is_some();
        if is_gap {
            tally.losses += 1;
            self.piece = None;
        }
        // Without its beginning a packet is of no use.
        let mut is_headless = page.is_continued && self.piece.is_none();
        let mut ended = Vec::new();
        for (piece, is_end) in page.pieces() {
            let mut packet = self.piece.take().unwrap_or_default();
            if packet.len() + piece.len() > MAX_PACKET_BYTES {
                is_headless = true;
                packet.clear();
            }
            packet.extend_from_slice(piece);
            if !is_end {
                // The rest of a headless packet is headless.
                self.piece = (!is_headless).then_some(packet);
            } else if std::mem::take(&mut is_headless) || packet.is_empty() {
                tally.skipped_bytes += packet.len() as u64;
            } else if !self.codec.takes_header(&packet) {
                let samples = self.codec.samples(&packet);
                ended.push((packet, samples));
            }
        }
        self.place(page, ended, packets, tally);
    }

    /// Says of the packets that ended on `page` what is to be cut off them.
    fn place(
        &mut self,
        page: &OggPage,
        ended: Vec<(Vec<u8>, u64)>,
        packets: &mut VecDeque<Packet>,
        tally: &mut Tally,
    ) {
        if ended.is_empty() {
            return;
        }
        let samples = ended.iter().map(|(_, samples)| samples).sum::<u64>();
        let was_odd = self.position.is_odd;
        let mut at = self.position.samples;
        let (mut start, mut end) = self.position.turn(page, samples);
        if self.position.is_odd && !was_odd {
            tally
                .notes
                .push("its positions (granules) contradict its packets: read whole".to_owned());
        }
        if self.codec.is_opus() {
            start = 0;
        } else {
            end = end.min(ended.last().map_or(0, |&(_, samples)| samples));
        }
        if self.codec.is_opus() || start > 0 || end > 0 {
            tally.trim_source = Some(self.codec.positions());
        }
        let first = packets.len();
        for (data, samples) in ended {
            let cut = start.min(samples);
            start -= cut;
            let packet = PacketBuilder::new()
                .track_id(0)
                .pts(Timestamp::new(at))
                .dur(Duration::new(samples))
                .data(data)
                .trim_start(Duration::new(cut))
                .build();
            at = at.saturating_add(samples.cast_signed());
            packets.push_back(packet);
        }
        for packet in packets.iter_mut().skip(first).rev() {
            let cut = end.min(packet.dur.get());
            end -= cut;
            packet.trim_end = Duration::new(cut);
        }
    }
}

impl Position {
    /// Goes on to the end of `page`, with `samples` of packets that end on it. Returns how many of
    /// them are to be cut off at its start and at its end.
    fn turn(&mut self, page: &OggPage, samples: u64) -> (u64, u64) {
        let all = samples.cast_signed();
        let before = self.samples;
        self.samples = before.saturating_add(all);
        if page.granule < 0 {
            self.is_odd = true;
            return (0, 0);
        }
        let is_first = self.base.is_none();
        // A stream of a single page starts at zero.
        let base = match self.base {
            None if page.is_last => 0,
            None => page.granule.saturating_sub(self.samples),
            Some(base) => base,
        };
        let excess = base
            .saturating_add(self.samples)
            .saturating_sub(page.granule);
        self.base = Some(page.granule.saturating_sub(self.samples));
        if is_first && !page.is_last {
            // Samples before zero.
            let start = base.saturating_neg();
            self.is_odd |= start >= all && all > 0;
            return (
                if start < all {
                    start.max(0).cast_unsigned()
                } else {
                    0
                },
                0,
            );
        }
        self.is_odd |= excess > 0 && (excess >= all || !page.is_last);
        let is_cut = page.is_last && excess > 0 && excess < all;
        (0, if is_cut { excess.cast_unsigned() } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::{ogg_page, parts_of, sums};

    /// A packet of 20 ms of Opus: 960 samples.
    const OPUS: &[u8] = &[0xfc, 0, 0];

    fn opus_headers(serial: u32) -> Vec<u8> {
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0".to_vec();
        [
            ogg_page(serial, 0, 2, 0, &[head]),
            ogg_page(serial, 1, 0, 0, &[b"OpusTags".to_vec()]),
        ]
        .concat()
    }

    /// Pages of two packets each with these positions; the last is marked so.
    fn opus(serial: u32, granules: &[i64]) -> Vec<u8> {
        let mut bytes = opus_headers(serial);
        for (at, &granule) in granules.iter().enumerate() {
            let flags = if at + 1 == granules.len() { 4 } else { 0 };
            let packets = [OPUS.to_vec(), OPUS.to_vec()];
            bytes.extend(ogg_page(serial, at as u32 + 2, flags, granule, &packets));
        }
        bytes
    }

    #[test]
    fn the_last_position_says_where_the_end_is_cut_off() {
        for (granules, cut) in [
            (vec![1_920, 3_840, 5_760], 0),
            (vec![1_920, 3_840, 5_000], 760),
            (vec![1_920, 3_840, 3_841], 1_919),
            (vec![1_000], 920),
            // A stream that was joined late.
            (vec![1_001_920, 1_003_840, 1_005_000], 760),
            // Positions that say nothing.
            (vec![0, 0, 0], 0),
            (vec![-1, -1, -1], 0),
            (vec![48_000, 48_000, 48_000], 0),
            (vec![5_760, 3_840, 1_920], 0),
            (vec![0], 0),
            (vec![1_920, 3_840, 3_840], 0),
            // Pages that were lost on the way to who recorded it.
            (vec![1_920, 103_840, 105_000], 760),
        ] {
            let (parts, _) = sums(&opus(7, &granules));
            let packets = 2 * granules.len() as u64;
            assert_eq!(parts, [[packets, 960 * packets, 0, cut]], "{granules:?}");
        }
    }

    #[test]
    fn each_link_of_a_chain_has_an_end_of_its_own() {
        let bytes = [opus(7, &[1_920, 3_000]), opus(7, &[501_920, 503_700])].concat();
        let (parts, tally) = sums(&bytes);
        assert_eq!(parts, [[4, 3_840, 0, 840], [4, 3_840, 0, 140]]);
        assert_eq!((tally.losses, tally.notes), (0, vec![]));
    }

    #[test]
    fn other_streams_and_long_packets_are_handled() {
        let long = [OPUS, &[1; 700]].concat();
        let mut bytes = ogg_page(9, 0, 2, 0, &[b"\x80theora".to_vec()]);
        bytes.extend(opus_headers(7));
        bytes.extend(ogg_page(9, 1, 0, 0, &[vec![1; 300]]));
        bytes.extend(ogg_page(7, 2, 4, 1_920, &[long.clone(), OPUS.to_vec()]));
        let (parts, _) = parts_of(&bytes);
        let data: Vec<&[u8]> = parts[0].iter().map(|packet| &*packet.data).collect();
        assert_eq!(data, [&long[..], OPUS]);
    }

    #[test]
    fn a_page_whose_checksum_is_wrong_is_a_loss() {
        let mut bytes = opus(7, &[1_920, 3_840, 5_760, 7_680]);
        let page = ogg_page(7, 3, 0, 3_840, &[OPUS.to_vec(), OPUS.to_vec()]);
        let at = bytes.windows(page.len()).position(|window| window == page);
        bytes[at.unwrap() + 30] ^= 1;
        let (parts, tally) = sums(&bytes);
        assert_eq!(parts, [[6, 5_760, 0, 0]]);
        assert_eq!((tally.losses, tally.skipped_bytes), (1, page.len() as u64));
    }

    #[test]
    fn positions_that_contradict_packets_are_noted() {
        for granules in [&[0, 0, 0][..], &[-1, -1], &[5_760, 3_840, 1_920]] {
            let (_, tally) = sums(&opus(7, granules));
            assert_eq!(tally.notes.len(), 1, "{granules:?}");
        }
    }
}
