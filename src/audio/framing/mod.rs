//! Streams of frames and pages that may change on the way: MPEG audio, ADTS, FLAC and Ogg.
//!
//! Such files can be put one behind the other, and are; and a stream that was recorded live has what
//! its sender sent. So each is read here as *parts*: a part has one rate, one number of channels, one
//! codec, and a start and an end of its own to be cut off. What is skipped on the way is counted.

mod adts;
mod encoder_tag;
mod flac;
mod flac_header;
mod mpeg;
mod mpeg_header;
mod ogg;
mod ogg_codec;
mod ogg_page;
mod sync;
#[cfg(test)]
pub(super) mod synthetic;
mod tags;
pub(super) mod vorbis;
mod window;

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use symphonia::core::audio::{Channels, Position};
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

pub(super) use mpeg_header::has_mixed_blocks;

use adts::AdtsParts;
use flac::FlacParts;
use mpeg::MpegParts;
use ogg::OggParts;
use tags::skip_tag;
use window::Window;

/// A stream of packets that may consist of parts.
pub(super) trait Parts: Send + Sync {
    /// The part under way.
    fn track(&self) -> &Track;

    /// The next packet; none at the end.
    ///
    /// # Errors
    /// [`Error::ResetRequired`] where another part begins, whose track is told from then on; those of
    /// reading.
    fn next_packet(&mut self) -> Result<Option<Packet>, Error>;

    /// What was found on the way.
    fn tally(&self) -> &Tally;
}

/// What was found besides packets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Bytes that belong to no packet, and to no tag.
    pub(super) skipped_bytes: u64,
    /// Places where packets are missing.
    pub(super) losses: u64,
    /// What says how much is cut off at the start and the end.
    pub(super) trim_source: Option<&'static str>,
    /// What was odd and how it was taken.
    pub(super) notes: Vec<String>,
}

/// The parts of `file`, where it is one of these streams.
///
/// # Errors
/// Those of reading, and of a stream whose first part cannot be read.
pub(super) fn open(file: &File) -> Result<Option<Box<dyn Parts>>, Error> {
    let mut window = Window::new(reread(file, 0)?);
    while skip_tag(&mut window)? {}
    let start = window.position();
    let head = window.peek(4)?;
    match head.get(..4).unwrap_or_default() {
        b"fLaC" => return Ok(Some(Box::new(FlacParts::open(window)?))),
        b"OggS" => return Ok(Some(Box::new(OggParts::open(window)?))),
        b"RIFF" | b"FORM" | b"caff" | b"\x1a\x45\xdf\xa3" => return Ok(None),
        _ => {}
    }
    if let Some(parts) = MpegParts::open(window)? {
        return Ok(Some(Box::new(parts)));
    }
    let parts = AdtsParts::open(Window::new(reread(file, start)?))?;
    Ok(parts.map(|parts| Box::new(parts) as Box<dyn Parts>))
}

/// `file` from `position` on, by a handle of its own that shares the position in it.
fn reread(file: &File, position: u64) -> io::Result<File> {
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(position))?;
    Ok(file)
}

/// Some layout of this many channels: decoders say which one they mean themselves.
fn layout(channels: u8) -> Channels {
    match Position::from_count(u32::from(channels)) {
        Some(positions) => Channels::Positioned(positions),
        None => Channels::Discrete(u16::from(channels)),
    }
}
