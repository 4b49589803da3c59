//! A stream as parts: what each reader of a format gives, and what it found on the way.

use symphonia::core::audio::{Channels, Position};
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

/// A stream of packets that may consist of parts.
pub(in crate::audio) trait Parts: Send + Sync {
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
pub(in crate::audio) struct Tally {
    /// Bytes that belong to no packet, and to no tag.
    pub(in crate::audio) skipped_bytes: u64,
    /// Places where packets are missing.
    pub(in crate::audio) losses: u64,
    /// What says how much is cut off at the start and the end.
    pub(in crate::audio) trim_source: Option<&'static str>,
    /// What was odd and how it was taken.
    pub(in crate::audio) notes: Vec<String>,
}

/// Some layout of this many channels: decoders say which one they mean themselves.
pub(super) fn layout(channels: u8) -> Channels {
    match Position::from_count(u32::from(channels)) {
        Some(positions) => Channels::Positioned(positions),
        None => Channels::Discrete(u16::from(channels)),
    }
}
