//! From files in any format to samples at one rate.
//!
//! [`open`] opens a file, and [`decode`] yields planar `f32` blocks; [`library`] makes clips of whole
//! folders, [`prepare`] a trace of them, and [`import`] one that follows a log. Nothing here reads a clock
//! or prints.
//!
//! Who decodes what: WAV, AIFF and headerless telephony are read here (`wav`, `aiff`, `raw`, `g722`), Opus
//! by `opus-pure`, Vorbis of many channels by `lewton`, everything else that is common by `symphonia`,
//! and what is left by an `ffmpeg` on `PATH`. MP4, Matroska and CAF are taken apart by `container`,
//! streams without a container and Ogg by `framing`, other files by `symphonia`. `guard` holds what any
//! of them yields to what its file says, and `fallback` asks `ffmpeg` for what is refused or doubted.

mod aac;
mod ahead;
mod aiff;
mod block;
mod clip;
mod codec;
mod container;
mod convert;
pub mod decode;
mod error;
mod failure;
mod fallback;
mod ffmpeg;
mod ffmpeg_words;
mod file_state;
mod files;
mod framing;
mod g722;
mod gathering;
mod guard;
pub mod import;
mod kept;
mod labels;
mod lane;
mod layout;
pub mod library;
mod library_error;
pub mod list;
mod names;
mod normalize;
mod opening;
mod opus;
mod ordered;
mod packets;
mod pcm_stream;
mod pool;
pub mod prepare;
mod raw;
mod reuse;
mod sample_format;
mod sheet;
mod sniff;
mod source_info;
mod span;
pub mod spec;
mod surround;
mod synthetic;
mod transcripts;
mod untried;
mod walk;
mod wav;
mod wav_room;

pub use decode::Decoder;
pub use error::DecodeError;
pub use guard::BlockFormat;
pub use layout::Layout;
pub use opening::open;
pub use raw::{RawCodec, RawFormat, RawFormatError};
pub use source_info::{DecoderUsed, SourceInfo};
pub use transcripts::{Matched, Twice};
