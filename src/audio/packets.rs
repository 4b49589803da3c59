//! Everything that `symphonia` demuxes, decoded by it or (Opus) by `opus-pure`.
//!
//! Encoder delay and padding are cut off where the demuxer tells them, as ffmpeg does. Packets that
//! cannot be decoded are left out, as ffmpeg does too, until they are the greater part.

use std::collections::VecDeque;
use std::fs::File;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP1, CODEC_ID_MP2};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP3, CODEC_ID_OPUS};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error;
use symphonia::core::formats::well_known::{FORMAT_ID_ADTS, FORMAT_ID_OGG};
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use super::aac;
use super::block::{self, Block};
use super::container::Demuxed;
use super::decode::{DecoderUsed, SourceInfo};
use super::error::DecodeError;
use super::guard::Health;
use super::opening::check_range;
use super::opus::{OpusPackets, RATE_HZ as OPUS_RATE_HZ};
use super::resample::MIN_RATE_HZ;

/// Packets that may fail before failures must be in the minority.
const MIN_FAILURES: u64 = 16;

/// The audio track of a container, decoded packet by packet.
pub(super) struct PacketStream {
    format: Box<dyn FormatReader>,
    track: u32,
    codec: Codec,
    is_mpeg_audio_without_delay: bool,
    /// Whether the duration of a packet is what is kept of it, and one without data a pause.
    is_demuxed_here: bool,
    /// Samples of a packet, for decoders that ask the packet for it.
    block_samples: Option<u64>,
    /// What the last packet was decoded to, by which a pause is made.
    last: Option<(Block, usize)>,
    /// Packets that were looked at before decoding began.
    ahead: VecDeque<Packet>,
    /// Samples a channel that are still to be cut off at the start.
    skip: u64,
    decoded: u64,
    failed: u64,
}

enum Codec {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<OpusPackets>),
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
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    let format = symphonia::default::get_probe()
        .probe(
            &Default::default(),
            source,
            Default::default(),
            Default::default(),
        )
        .map_err(|e| match e {
            Error::Unsupported(_) => DecodeError::NoDecoder {
                codec: "this kind of file".to_owned(),
            },
            e => damage(&e),
        })?;
    open_track(format, false)
}

/// Decodes the first block of a file that was taken apart.
///
/// # Errors
/// As those of [`open`].
pub(super) fn open_demuxed(demuxed: Demuxed) -> Result<Opened, DecodeError> {
    let Demuxed { reader, trim } = demuxed;
    let mut opened = open_track(reader, true)?;
    opened.info.trim = trim;
    Ok(opened)
}

fn open_track(format: Box<dyn FormatReader>, is_demuxed_here: bool) -> Result<Opened, DecodeError> {
    let track = format
        .default_track(TrackType::Audio)
        .or_else(|| format.first_track(TrackType::Audio))
        .ok_or_else(|| DecodeError::Unrecognized("it has no audio track".to_owned()))?
        .clone();
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(DecodeError::Unrecognized(
            "it has no audio track".to_owned(),
        ));
    };
    let channels = params
        .channels
        .as_ref()
        .map_or(1, |channels| channels.count() as u64);
    check_range(channels, params.sample_rate.unwrap_or(MIN_RATE_HZ))?;
    let (codec, name) = make_codec(params, format.format_info().short_name)?;
    let is_mpeg_audio = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3].contains(&params.codec);
    let mut stream = PacketStream {
        track: track.id,
        is_mpeg_audio_without_delay: is_mpeg_audio && track.delay.is_none() && !is_demuxed_here,
        is_demuxed_here,
        last: None,
        ahead: VecDeque::new(),
        skip: skip_of(&track, &codec, is_demuxed_here),
        block_samples: params.max_frames_per_packet,
        codec,
        format,
        decoded: 0,
        failed: 0,
    };
    if params.codec == CODEC_ID_AAC {
        stream.refuse_he_aac(params)?;
    }
    let promised = promised_samples(&track, &stream);
    let mut first_block = Vec::new();
    let Some(block) = stream.next_block(&mut first_block)? else {
        return Err(DecodeError::NoSamples);
    };
    check_range(first_block.len() as u64, block.rate_hz)?;
    let info = SourceInfo {
        codec: name,
        rate_hz: block.rate_hz,
        channels: u16::try_from(first_block.len()).unwrap_or(u16::MAX),
        frames: promised,
        exact_16_bit: block.is_16_bit
            || (block.is_integer && params.bits_per_sample.is_some_and(|bits| bits <= 16)),
        decoder: DecoderUsed::Native,
        trim: None,
    };
    Ok(Opened {
        info,
        stream,
        first_block,
        block,
    })
}

impl PacketStream {
    /// How its decoder got on so far.
    pub(super) fn health(&self) -> Health {
        Health {
            decoded: self.decoded,
            failed: self.failed,
        }
    }

    /// Fills `out` with the next samples, one vector a channel; none at the end.
    pub(super) fn next_block(
        &mut self,
        out: &mut Vec<Vec<f32>>,
    ) -> Result<Option<Block>, DecodeError> {
        while let Some(mut packet) = self.next_packet()? {
            if self.is_demuxed_here && packet.data.is_empty() {
                if let Some(block) = self.pause(&packet, out) {
                    return Ok(Some(block));
                }
                continue;
            }
            let cut = Cut::take(&mut packet, self.is_demuxed_here);
            if self.is_demuxed_here
                && let Some(samples) = self.block_samples
            {
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
                Err(reason) => {
                    self.failed += 1;
                    if self.failed > self.decoded.max(MIN_FAILURES) {
                        return Err(DecodeError::Damaged(reason));
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
        if let Some(packet) = self.ahead.pop_front() {
            return Ok(Some(packet));
        }
        loop {
            match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id != self.track => {}
                Ok(Some(mut packet)) => {
                    if self.is_mpeg_audio_without_delay {
                        // The demuxer cuts at a length that it has guessed from the bit rate.
                        packet.trim_end = Duration::ZERO;
                    }
                    return Ok(Some(packet));
                }
                Ok(None) => return Ok(None),
                Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(None);
                }
                // Chained Ogg: another stream begins.
                Err(Error::ResetRequired) => self.follow_chain()?,
                Err(e) => return Err(damage(&e)),
            }
        }
    }

    /// Takes up the audio track of the next stream of a chain.
    fn follow_chain(&mut self) -> Result<(), DecodeError> {
        let track = self.format.default_track(TrackType::Audio);
        let Some((track, CodecParameters::Audio(params))) =
            track.and_then(|track| Some((track, track.codec_params.as_ref()?)))
        else {
            return Err(DecodeError::damaged("it goes on without an audio track"));
        };
        self.codec = make_codec(params, self.format.format_info().short_name)?.0;
        self.track = track.id;
        self.skip = skip_of(track, &self.codec, self.is_demuxed_here);
        Ok(())
    }

    /// Cuts off encoder delay and padding.
    fn cut(&mut self, cut: Cut, out: &mut [Vec<f32>]) {
        let samples = out.first().map_or(0, Vec::len) as u64;
        let skipped = self.skip.min(samples);
        self.skip -= skipped;
        let start = skipped.max(cut.start).min(samples);
        let end = samples.saturating_sub(cut.end).max(start);
        let end = end.min(start.saturating_add(cut.kept));
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

    /// HE-AAC would be played at half its rate and band.
    fn refuse_he_aac(&mut self, params: &AudioCodecParameters) -> Result<(), DecodeError> {
        let announced = params
            .extra_data
            .as_deref()
            .is_some_and(aac::config_has_sbr);
        let may_be_core = params
            .sample_rate
            .is_none_or(|rate| rate <= aac::MAX_CORE_RATE_HZ);
        if !announced && may_be_core {
            let mut ahead = VecDeque::new();
            while ahead.len() < aac::PACKETS_TO_JUDGE
                && let Some(packet) = self.next_packet()?
            {
                ahead.push_back(packet);
            }
            self.ahead = ahead;
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
    fn take(packet: &mut Packet, is_demuxed_here: bool) -> Self {
        let kept = if is_demuxed_here {
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

impl Codec {
    /// Decodes one packet into `out`, or says why it cannot.
    fn decode(&mut self, packet: &Packet, out: &mut Vec<Vec<f32>>) -> Result<Block, String> {
        match self {
            Self::Symphonia(decoder) => {
                let buffer = decoder.decode(packet).map_err(|e| e.to_string())?;
                buffer.copy_to_vecs_planar(out);
                use GenericAudioBufferRef::{F32, F64, S8, S16, U8};
                Ok(Block {
                    rate_hz: buffer.spec().rate(),
                    mask: block::mask(buffer.spec().channels()),
                    is_integer: !matches!(buffer, F32(_) | F64(_)),
                    is_16_bit: matches!(buffer, S16(_) | S8(_) | U8(_)),
                })
            }
            Self::Opus(opus) => {
                opus.decode(&packet.data, out).map_err(|e| e.to_string())?;
                Ok(Block {
                    rate_hz: OPUS_RATE_HZ,
                    mask: 0,
                    is_integer: false,
                    is_16_bit: false,
                })
            }
        }
    }
}

fn make_codec(
    params: &AudioCodecParameters,
    container: &str,
) -> Result<(Codec, String), DecodeError> {
    if params.codec == CODEC_ID_OPUS {
        let opus = OpusPackets::new(params.extra_data.as_deref().unwrap_or_default())?;
        return Ok((Codec::Opus(Box::new(opus)), "opus".to_owned()));
    }
    let name = codec_name(params.codec, container);
    match symphonia::default::get_codecs().make_audio_decoder(params, &Default::default()) {
        Ok(decoder) => Ok((Codec::Symphonia(decoder), name)),
        Err(Error::Unsupported(_)) => Err(DecodeError::NoDecoder { codec: name }),
        Err(e) => Err(damage(&e)),
    }
}

/// The short name of a codec, which is that of ffmpeg for all that are decoded here.
fn codec_name(id: AudioCodecId, container: &str) -> String {
    match symphonia::default::get_codecs().get_audio_decoder(id) {
        Some(registered) => registered.codec.info.short_name.to_owned(),
        None => format!("the codec of this {container} file"),
    }
}

/// Samples at the start of a track that are no audio.
fn skip_of(track: &Track, codec: &Codec, is_demuxed_here: bool) -> u64 {
    match codec {
        _ if is_demuxed_here => u64::from(track.delay.unwrap_or(0)),
        Codec::Opus(opus) => opus.pre_skip,
        Codec::Symphonia(_) => 0,
    }
}

/// The length in samples a channel that the file itself states.
fn promised_samples(track: &Track, stream: &PacketStream) -> Option<u64> {
    let is_estimate = match stream.format.format_info().format {
        // Ogg states none: its length is that of what is there. ADTS estimates.
        FORMAT_ID_OGG | FORMAT_ID_ADTS => true,
        _ => stream.is_mpeg_audio_without_delay,
    };
    // A fragmented MP4 file states no length up front: zero.
    let samples = track
        .num_frames
        .filter(|&samples| samples > 0 && !is_estimate)?;
    Some(samples.saturating_sub(stream.skip))
}

fn damage(error: &Error) -> DecodeError {
    match error {
        Error::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::damaged("the file ends inside its header")
        }
        Error::IoError(e) => DecodeError::Io(std::io::Error::new(e.kind(), e.to_string())),
        Error::DecodeError(reason) => DecodeError::damaged(*reason),
        e => DecodeError::Damaged(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_pure::{Application, MAX_PACKET_BYTES, OggOpusWriter, OpusEncoder, OpusHead};

    /// Ogg Opus of a tone at 48 kHz, with its padding marked; `gain_q8` is asked of the player.
    fn ogg_opus(samples: usize, gain_q8: i16) -> File {
        let mut encoder = OpusEncoder::new(48_000, 2, Application::Audio).unwrap();
        encoder.bitrate_bps = 128_000;
        let mut head = OpusHead::for_encoder(&encoder, 48_000);
        head.output_gain_q8 = gain_q8;
        let delay = usize::from(head.pre_skip);
        let mut writer = OggOpusWriter::new(tempfile::tempfile().unwrap(), head).unwrap();
        let mut packet = vec![0; MAX_PACKET_BYTES];
        let mut left = samples + delay;
        let mut at = 0;
        while left > 0 {
            let frame: Vec<f32> = (at..at + 960).flat_map(|n| [tone(n), -tone(n)]).collect();
            let bytes = encoder.encode(&frame, 960, &mut packet).unwrap();
            writer
                .write_packet_with_duration(&packet[..bytes], left.min(960) as u32)
                .unwrap();
            at += 960;
            left = left.saturating_sub(960);
        }
        let mut file = writer.finish().unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        file
    }

    fn tone(n: usize) -> f32 {
        0.25 * (n as f32 * 0.06).sin()
    }

    fn decode(file: File) -> (SourceInfo, Vec<Vec<f32>>) {
        let Opened {
            info,
            mut stream,
            first_block: mut all,
            ..
        } = open(file).unwrap();
        let mut block = Vec::new();
        while stream.next_block(&mut block).unwrap().is_some() {
            all.iter_mut()
                .zip(&block)
                .for_each(|(all, block)| all.extend_from_slice(block));
        }
        (info, all)
    }

    #[test]
    fn opus_starts_and_ends_where_its_input_did() {
        for samples in [1_000, 48_000] {
            let (info, planes) = decode(ogg_opus(samples, 0));
            assert_eq!(
                (info.codec.as_str(), info.rate_hz, info.channels),
                ("opus", 48_000, 2)
            );
            assert_eq!((planes[0].len(), planes[1].len()), (samples, samples));
            let settled = 500..900;
            let error = settled
                .clone()
                .map(|n| (planes[0][n] - tone(n)).powi(2))
                .sum::<f32>();
            let signal = settled.map(|n| tone(n).powi(2)).sum::<f32>();
            assert!(error < 0.01 * signal, "{}", error / signal);
        }
    }

    #[test]
    fn the_gain_that_opus_asks_for_is_given() {
        let peak = |gain_q8| {
            let (_, planes) = decode(ogg_opus(9_600, gain_q8));
            planes[0][2_000..]
                .iter()
                .fold(0.0, |peak: f32, sample| peak.max(sample.abs()))
        };
        // -6 dB.
        let ratio = peak(-6 * 256) / peak(0);
        assert!((ratio - 0.501).abs() < 0.01, "{ratio}");
    }
}
