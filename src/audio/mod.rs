//! From files in any format to samples at one rate.
//!
//! [`decode`] opens a file and yields planar `f32` blocks; [`resample`] converts one channel to
//! another rate. Nothing here reads a clock or prints.
//!
//! Who decodes what: WAV and headerless telephony are read here (`wav`, `raw`, `g722`), Opus
//! by `opus-pure`, everything else that is common by `symphonia`, and what is left by an `ffmpeg`
//! on `PATH`.

mod aac;
pub mod decode;
mod error;
mod ffmpeg;
mod g722;
mod mp4;
mod opus;
mod packets;
mod pcm_stream;
mod raw;
pub mod resample;
mod sample_format;
mod sniff;
mod wav;

pub use decode::{Decoder, SourceInfo, open};
pub use error::DecodeError;
pub use raw::{RawCodec, RawFormat, RawFormatError};
pub use resample::{ResampleError, Resampler};
