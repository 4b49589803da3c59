//! Which decoder takes the packets of a track, and its samples as planes of `f32`.
//!
//! Opus is decoded by `opus-pure`, surround Vorbis by `lewton`, the rest by `symphonia`. What a decoder is
//! known to get wrong is refused here, so that ffmpeg is asked.

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use super::block::{self, Block};
use super::error::DecodeError;
use super::framing::has_mixed_blocks;
use super::opus::{OpusPackets, RATE_HZ as OPUS_RATE_HZ};
use super::surround::Surround;

/// The decoder of a track.
pub(super) struct Codec {
    /// The short name, which is that of ffmpeg for all that are decoded here.
    pub(super) name: String,
    kind: Kind,
}

enum Kind {
    Symphonia {
        decoder: Box<dyn AudioDecoder>,
        errs: Option<Errs>,
    },
    Opus(Box<OpusPackets>),
    Surround(Box<Surround>),
}

/// What a decoder gets wrong.
struct Errs {
    /// Whether a packet holds it.
    holds: fn(&[u8]) -> bool,
    /// What a stream of such packets is called.
    name: &'static str,
    /// Packets that did.
    met: u32,
}

/// Packets that a decoder gets wrong, by what they say, may be left out as damaged until there are so
/// many: damage may look like anything.
const MAX_MET: u32 = 3;

impl Codec {
    /// The decoder of a track with these parameters in a container of this name.
    ///
    /// # Errors
    /// [`DecodeError::NoDecoder`] for what ffmpeg should be asked to decode.
    pub(super) fn new(params: &AudioCodecParameters, container: &str) -> Result<Self, DecodeError> {
        let extra = params.extra_data.as_deref().unwrap_or_default();
        if params.codec == CODEC_ID_OPUS {
            return Ok(Self {
                name: "opus".to_owned(),
                kind: Kind::Opus(Box::new(OpusPackets::new(extra)?)),
            });
        }
        let name = codec_name(params.codec, container);
        if params.codec == CODEC_ID_VORBIS
            && let Some(surround) = Surround::of(extra)?
        {
            return Ok(Self {
                name,
                kind: Kind::Surround(Box::new(surround)),
            });
        }
        let errs = match params.codec {
            CODEC_ID_MP3 => Some((has_mixed_blocks as fn(&[u8]) -> bool, "mp3 (mixed blocks)")),
            CODEC_ID_FLAC if params.bits_per_sample == Some(32) => {
                Some((holds_difference as _, "flac (32 bits)"))
            }
            _ => None,
        };
        let errs = errs.map(|(holds, name)| Errs {
            holds,
            name,
            met: 0,
        });
        match symphonia::default::get_codecs().make_audio_decoder(params, &Default::default()) {
            Ok(decoder) => Ok(Self {
                name,
                kind: Kind::Symphonia { decoder, errs },
            }),
            Err(Error::Unsupported(_)) => Err(DecodeError::NoDecoder { codec: name }),
            Err(e) => Err(DecodeError::Damaged(e.to_string())),
        }
    }

    /// Samples of a channel at the start that are not sound, where the header of the codec says so.
    pub(super) fn pre_skip(&self) -> u64 {
        match &self.kind {
            Kind::Opus(opus) => opus.pre_skip,
            _ => 0,
        }
    }

    /// Decodes one packet into `out`.
    ///
    /// # Errors
    /// [`DecodeError::NoDecoder`] for what is known to be decoded wrongly, else why it cannot.
    pub(super) fn decode(
        &mut self,
        packet: &Packet,
        out: &mut Vec<Vec<f32>>,
    ) -> Result<Block, DecodeError> {
        let damaged = |e: &dyn std::fmt::Display| DecodeError::damaged(e.to_string());
        match &mut self.kind {
            Kind::Symphonia { decoder, errs } => {
                if let Some(errs) = errs
                    && (errs.holds)(&packet.data)
                {
                    errs.met += 1;
                    return Err(match errs.met {
                        ..MAX_MET => DecodeError::damaged(errs.name),
                        _ => DecodeError::NoDecoder {
                            codec: errs.name.to_owned(),
                        },
                    });
                }
                let buffer = decoder.decode(packet).map_err(|e| damaged(&e))?;
                buffer.copy_to_vecs_planar(out);
                use GenericAudioBufferRef::{F32, F64, S8, S16, U8};
                Ok(Block {
                    rate_hz: buffer.spec().rate(),
                    mask: block::mask(buffer.spec().channels()),
                    is_integer: !matches!(buffer, F32(_) | F64(_)),
                    is_16_bit: matches!(buffer, S16(_) | S8(_) | U8(_)),
                })
            }
            Kind::Opus(opus) => {
                opus.decode(&packet.data, out).map_err(|e| damaged(&e))?;
                Ok(floats(OPUS_RATE_HZ))
            }
            Kind::Surround(surround) => {
                surround
                    .decode(&packet.data, out)
                    .map_err(DecodeError::Damaged)?;
                Ok(floats(surround.rate_hz()))
            }
        }
    }
}

/// A block that was made as `f32`, of channels at the usual positions.
fn floats(rate_hz: u32) -> Block {
    Block {
        rate_hz,
        mask: 0,
        is_integer: false,
        is_16_bit: false,
    }
}

/// Whether a FLAC frame holds the difference of two channels, which has a bit more than they have.
fn holds_difference(frame: &[u8]) -> bool {
    frame.get(3).is_some_and(|byte| byte >> 4 >= 8)
}

fn codec_name(id: AudioCodecId, container: &str) -> String {
    match symphonia::default::get_codecs().get_audio_decoder(id) {
        Some(registered) => registered.codec.info.short_name.to_owned(),
        None => format!("the codec of this {container} file"),
    }
}
