//! Packets of one audio track, demuxed by `framing`, `container` or `symphonia`, to blocks of samples.
//!
//! Encoder delay and padding are cut off where the demuxer tells them, as ffmpeg does. Packets that
//! cannot be decoded are left out, as ffmpeg does too, until they are the greater part.

use std::collections::VecDeque;
use std::fs::File;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use super::aac;
use super::block::Block;
use super::codec::Codec;
use super::container::Demuxed;
use super::error::{DecodeError, check_range};
use super::framing::{self, Parts};
use super::guard::Health;
use super::source_info::{DecoderUsed, SourceInfo};
use crate::pcm::resample::MIN_RATE_HZ;

/// Packets that may fail before failures must be in the minority.
const MIN_FAILURES: u64 = 16;

/// An audio track, decoded packet by packet. Its rate and number of channels may change on the way.
pub(super) struct PacketStream {
    demuxer: Demuxer,
    track: u32,
    codec: Codec,
    /// What the last packet was decoded to, by which a pause is made.
    last: Option<(Block, usize)>,
    /// Packets that were looked at before decoding began.
    ahead: VecDeque<Packet>,
    /// What ended the look ahead.
    held: Option<Error>,
    /// Samples a channel that are still to be cut off at the start.
    skip: u64,
    /// Samples of a packet, for decoders that ask the packet for it.
    block_samples: Option<u64>,
    decoded: u64,
    failed: u64,
    /// Length of the file; 0 where it does not matter.
    bytes: u64,
    /// Samples a channel that were cut off at starts and at ends.
    trimmed: (u64, u64),
}

enum Demuxer {
    Parts(Box<dyn Parts>),
    Contained(Demuxed),
    Probed(Box<dyn FormatReader>),
}

/// A stream and what is known of it once its first block is decoded.
pub(super) struct Opened {
    pub(super) info: SourceInfo,
    pub(super) stream: PacketStream,
    pub(super) first_block: Vec<Vec<f32>>,
    /// What its samples are.
    pub(super) block: Block,
}

/// Finds the audio track of `file` and decodes its first block.
///
/// # Errors
/// [`DecodeError::NoDecoder`] for what ffmpeg should be asked to decode.
pub(super) fn open(file: File) -> Result<Opened, DecodeError> {
    let bytes = file.metadata()?.len();
    let demuxer = match framing::open(&file).map_err(|e| refusal(&e))? {
        Some(parts) => Demuxer::Parts(parts),
        None => Demuxer::Probed(probe(file)?),
    };
    open_track(demuxer, bytes)
}

/// Decodes the first block of a file that was taken apart.
///
/// # Errors
/// As those of [`open`].
pub(super) fn open_demuxed(demuxed: Demuxed) -> Result<Opened, DecodeError> {
    open_track(Demuxer::Contained(demuxed), 0)
}

fn open_track(demuxer: Demuxer, bytes: u64) -> Result<Opened, DecodeError> {
    let (track, params) = demuxer
        .audio()
        .ok_or_else(|| DecodeError::Unrecognized("it has no audio track".to_owned()))?;
    let channels = params
        .channels
        .as_ref()
        .map_or(1, |channels| channels.count() as u64);
    check_range(channels, params.sample_rate.unwrap_or(MIN_RATE_HZ))?;
    let codec = Codec::new(&params, demuxer.name())?;
    let mut stream = PacketStream {
        track: track.id,
        last: None,
        ahead: VecDeque::new(),
        held: None,
        skip: demuxer.skip(&track, &codec),
        block_samples: demuxer.block_samples(&params),
        codec,
        demuxer,
        decoded: 0,
        failed: 0,
        bytes,
        trimmed: (0, 0),
    };
    stream.refuse_he_aac(&params)?;
    let promised = promised_samples(&track, &stream);
    let mut first_block = Vec::new();
    let Some(block) = stream.next_block(&mut first_block)? else {
        return Err(DecodeError::NoSamples);
    };
    check_range(first_block.len() as u64, block.rate_hz)?;
    let info = SourceInfo {
        codec: stream.codec.name.clone(),
        rate_hz: block.rate_hz,
        channels: u16::try_from(first_block.len()).unwrap_or(u16::MAX),
        frames: promised,
        exact_16_bit: block.is_16_bit
            || (block.is_integer && params.bits_per_sample.is_some_and(|bits| bits <= 16)),
        decoder: DecoderUsed::Native,
        trim: match &stream.demuxer {
            Demuxer::Contained(demuxed) => demuxed.trim.clone(),
            Demuxer::Parts(_) | Demuxer::Probed(_) => None,
        },
    };
    Ok(Opened {
        info,
        stream,
        first_block,
        block,
    })
}

/// The demuxer of `symphonia` that takes `file`.
fn probe(file: File) -> Result<Box<dyn FormatReader>, DecodeError> {
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    symphonia::default::get_probe()
        .probe(
            &Default::default(),
            source,
            Default::default(),
            Default::default(),
        )
        .map_err(|e| refusal(&e))
}

impl Demuxer {
    /// The audio track under way.
    fn audio(&self) -> Option<(Track, AudioCodecParameters)> {
        let track = match self {
            Self::Parts(parts) => parts.track(),
            Self::Contained(demuxed) => demuxed.packets.track(),
            Self::Probed(format) => format
                .default_track(TrackType::Audio)
                .or_else(|| format.first_track(TrackType::Audio))?,
        };
        match &track.codec_params {
            Some(CodecParameters::Audio(params)) => Some((track.clone(), params.clone())),
            _ => None,
        }
    }

    /// Samples at the start of a track that are no audio.
    fn skip(&self, track: &Track, codec: &Codec) -> u64 {
        match self {
            Self::Contained(_) => u64::from(track.delay.unwrap_or(0)),
            Self::Parts(_) | Self::Probed(_) => codec.pre_skip(),
        }
    }

    fn block_samples(&self, params: &AudioCodecParameters) -> Option<u64> {
        let is_contained = matches!(self, Self::Contained(_));
        params.max_frames_per_packet.filter(|_| is_contained)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Parts(_) => "framed",
            Self::Contained(demuxed) => demuxed.name,
            Self::Probed(format) => format.format_info().short_name,
        }
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        match self {
            Self::Parts(parts) => parts.next_packet(),
            Self::Contained(demuxed) => demuxed.packets.next_packet(),
            Self::Probed(format) => format.next_packet(),
        }
    }
}

impl PacketStream {
    /// How its demuxer and its decoder got on so far.
    pub(super) fn health(&self) -> Health {
        let (losses, skipped_bytes) = match &self.demuxer {
            Demuxer::Parts(parts) => (parts.tally().losses, parts.tally().skipped_bytes),
            Demuxer::Contained(_) | Demuxer::Probed(_) => (0, 0),
        };
        Health {
            decoded: self.decoded,
            failed: self.failed,
            losses,
            skipped_bytes,
            bytes: self.bytes,
        }
    }

    /// Fills `out` with the next samples, one vector a channel; none at the end.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<Vec<f32>>,
    ) -> Result<Option<Block>, DecodeError> {
        while let Some(mut packet) = self.next_packet()? {
            let is_contained = matches!(self.demuxer, Demuxer::Contained(_));
            if is_contained && packet.data.is_empty() {
                if let Some(block) = self.pause(&packet, out) {
                    return Ok(Some(block));
                }
                continue;
            }
            let cut = Cut::take(&mut packet, is_contained);
            if let Some(samples) = self.block_samples {
                packet.dur = Duration::new(samples);
            }
            match self.codec.decode(&packet, out) {
                Ok(block) => {
                    self.decoded += 1;
                    self.last = Some((block, out.len()));
                    self.cut(cut, out);
                    if out.first().is_some_and(|plane| !plane.is_empty()) {
                        return Ok(Some(block));
                    }
                }
                Err(e @ DecodeError::NoDecoder { .. }) => return Err(e),
                Err(reason) => {
                    self.failed += 1;
                    if self.failed > self.decoded.max(MIN_FAILURES) {
                        return Err(reason);
                    }
                }
            }
        }
        if self.decoded == 0 && self.failed > 0 {
            return Err(DecodeError::damaged("none of its packets can be decoded"));
        }
        Ok(None)
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, DecodeError> {
        loop {
            if let Some(packet) = self.ahead.pop_front() {
                return Ok(Some(packet));
            }
            let next = match self.held.take() {
                Some(e) => Err(e),
                None => self.demuxer.next_packet(),
            };
            match next {
                Ok(Some(packet)) if packet.track_id != self.track => {}
                Ok(packet) => return Ok(packet),
                Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(None);
                }
                Err(Error::ResetRequired) => self.begin_part()?,
                Err(e) => return Err(refusal(&e)),
            }
        }
    }

    /// Takes up the audio track of the part that begins.
    fn begin_part(&mut self) -> Result<(), DecodeError> {
        let Some((track, params)) = self.demuxer.audio() else {
            return Err(DecodeError::damaged("it goes on without an audio track"));
        };
        self.codec = Codec::new(&params, self.demuxer.name())?;
        self.track = track.id;
        self.skip = self.demuxer.skip(&track, &self.codec);
        self.block_samples = self.demuxer.block_samples(&params);
        self.refuse_he_aac(&params)
    }

    /// Cuts off encoder delay and padding.
    fn cut(&mut self, cut: Cut, out: &mut [Vec<f32>]) {
        let samples = out.first().map_or(0, Vec::len) as u64;
        let skipped = self.skip.min(samples);
        self.skip -= skipped;
        let start = skipped.max(cut.start).min(samples);
        let end = samples.saturating_sub(cut.end).max(start);
        let end = end.min(start.saturating_add(cut.kept));
        self.trimmed.0 += start;
        self.trimmed.1 += samples - end;
        if (start, end) != (0, samples) {
            for plane in out {
                plane.truncate(end as usize);
                plane.drain(..start as usize);
            }
        }
    }

    /// Fills `out` with the silence that a packet without data stands for; none before any audio.
    fn pause(&self, packet: &Packet, out: &mut Vec<Vec<f32>>) -> Option<Block> {
        let (block, channels) = self.last?;
        out.resize_with(channels, Vec::new);
        for plane in out {
            plane.clear();
            plane.resize(packet.dur.get() as usize, 0.0);
        }
        Some(block)
    }

    /// What was odd; complete behind the last block.
    pub(super) fn notes(&self) -> Vec<String> {
        match &self.demuxer {
            Demuxer::Parts(parts) => parts.tally().notes.clone(),
            Demuxer::Contained(_) | Demuxer::Probed(_) => Vec::new(),
        }
    }

    /// What was cut off so far, in samples a channel.
    pub(super) fn trim(&self) -> Option<String> {
        let Demuxer::Parts(parts) = &self.demuxer else {
            return None;
        };
        let (start, end) = self.trimmed;
        let source = parts.tally().trim_source?;
        (start > 0 || end > 0).then(|| format!("{source} {start}+{end}"))
    }

    /// HE-AAC would be played at half its rate and band.
    fn refuse_he_aac(&mut self, params: &AudioCodecParameters) -> Result<(), DecodeError> {
        if params.codec != CODEC_ID_AAC {
            return Ok(());
        }
        let announced = params
            .extra_data
            .as_deref()
            .is_some_and(aac::config_has_sbr);
        let may_be_core = params
            .sample_rate
            .is_none_or(|rate| rate <= aac::MAX_CORE_RATE_HZ);
        if !announced && may_be_core {
            while self.ahead.len() < aac::PACKETS_TO_JUDGE {
                match self.demuxer.next_packet() {
                    Ok(Some(packet)) if packet.track_id != self.track => {}
                    Ok(Some(packet)) => self.ahead.push_back(packet),
                    Ok(None) => break,
                    // A part that ends within these packets is judged by what it has.
                    Err(e) => {
                        self.held = Some(e);
                        break;
                    }
                }
            }
        }
        if announced || aac::packets_have_sbr(self.ahead.iter().map(|packet| &*packet.data)) {
            return Err(DecodeError::NoDecoder {
                codec: "he-aac".to_owned(),
            });
        }
        Ok(())
    }
}

/// What is cut off a decoded packet, in samples.
#[derive(Clone, Copy)]
struct Cut {
    start: u64,
    end: u64,
    /// How much is kept at most.
    kept: u64,
}

impl Cut {
    /// Takes the cuts out of a packet, so that no decoder makes them too.
    fn take(packet: &mut Packet, is_contained: bool) -> Self {
        let kept = if is_contained {
            packet.dur.get()
        } else {
            u64::MAX
        };
        let take = |trim: &mut Duration| std::mem::replace(trim, Duration::ZERO).get();
        Self {
            start: take(&mut packet.trim_start),
            end: take(&mut packet.trim_end),
            kept,
        }
    }
}

/// The length in samples a channel that the file itself states.
fn promised_samples(track: &Track, stream: &PacketStream) -> Option<u64> {
    // A fragmented MP4 file states no length up front: zero.
    let samples = track.num_frames.filter(|&samples| samples > 0)?;
    Some(samples.saturating_sub(stream.skip))
}

fn refusal(error: &Error) -> DecodeError {
    match error {
        Error::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::damaged("the file ends inside its header")
        }
        Error::IoError(e) => DecodeError::Io(std::io::Error::new(e.kind(), e.to_string())),
        Error::Unsupported(_) => DecodeError::NoDecoder {
            codec: "this kind of file".to_owned(),
        },
        Error::DecodeError(reason) => DecodeError::damaged(*reason),
        e => DecodeError::Damaged(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::framing::synthetic::{
        AT_44_100, AT_48_000, adts_frame, file, lame_file, mp3_frame,
    };
    use super::*;

    /// The numbers of channels and samples, and the rate, of each part that a file decodes to.
    fn parts_of(bytes: &[u8]) -> (Vec<(usize, usize, u32)>, PacketStream) {
        let Opened {
            info,
            mut stream,
            first_block: mut block,
            ..
        } = open(file(bytes)).unwrap();
        let mut parts = vec![(block.len(), block[0].len(), info.rate_hz)];
        while let Some(Block { rate_hz, .. }) = stream.next_block(&mut block).unwrap() {
            match parts.last_mut() {
                Some(part) if (part.0, part.2) == (block.len(), rate_hz) => {
                    part.1 += block[0].len();
                }
                _ => parts.push((block.len(), block[0].len(), rate_hz)),
            }
        }
        (parts, stream)
    }

    #[test]
    fn parts_of_other_rates_and_channels_are_decoded_each_at_its_own() {
        let mp3 = [
            lame_file(AT_44_100, 2, 10, (576, 1_000)),
            lame_file(AT_48_000, 1, 5, (576, 1_000)),
        ]
        .concat();
        let (parts, stream) = parts_of(&mp3);
        let cut = 1_105 + 471;
        assert_eq!(parts, [(2, 11_520 - cut, 44_100), (1, 5_760 - cut, 48_000)]);
        assert_eq!(stream.trim().as_deref(), Some("LAME tag 2210+942"));
        let adts = [adts_frame(3, 2).repeat(9), adts_frame(8, 1).repeat(9)].concat();
        let (parts, stream) = parts_of(&adts);
        assert_eq!(parts, [(2, 9_216, 48_000), (1, 9_216, 16_000)]);
        assert_eq!((stream.trim(), stream.notes()), (None, vec![]));
    }

    #[test]
    fn blocks_that_the_decoder_gets_wrong_are_refused() {
        let mut mixed = mp3_frame(AT_44_100, 1);
        // In the first block windows switch, to three short ones above two bands.
        for bit in [18 + 33, 18 + 34, 18 + 36] {
            mixed[4 + bit / 8] |= 0x80 >> (bit % 8);
        }
        let plain = mp3_frame(AT_44_100, 1);
        let decode = |mixed_frames| {
            let bytes = [plain.repeat(4), mixed.repeat(mixed_frames), plain.repeat(4)].concat();
            let Opened {
                mut stream,
                first_block: mut block,
                ..
            } = open(file(&bytes))?;
            while stream.next_block(&mut block)?.is_some() {}
            Ok(stream.failed)
        };
        // One may be damage.
        assert_eq!(decode(1).unwrap(), 1);
        assert!(matches!(
            decode(4),
            Err(DecodeError::NoDecoder { codec }) if codec == "mp3 (mixed blocks)"
        ));
    }
}
