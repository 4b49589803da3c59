//! A file that was taken apart: the packets of its audio, and what of them is played.

use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::core::packet::Packet;

/// The packets of one audio track, one after the other.
///
/// Of a packet, `trim_start` and `trim_end` are samples that are cut off what it decodes to, and `dur`
/// is how many are kept at most. A packet without data is a pause of `dur` samples.
pub(in crate::audio) trait Packets: Send + Sync {
    /// The track under way.
    fn track(&self) -> &Track;

    /// The next packet; none at the end.
    ///
    /// # Errors
    /// [`Error::ResetRequired`] where another track begins, which is told from then on; behind the last
    /// packet [`Error::DecodeError`] where something is missing or damaged; those of reading.
    fn next_packet(&mut self) -> Result<Option<Packet>, Error>;
}

/// A file that was taken apart.
pub(in crate::audio) struct Demuxed {
    /// Those of its audio.
    pub(in crate::audio) packets: Box<dyn Packets>,
    /// The name of the container.
    pub(in crate::audio) name: &'static str,
    /// What of the track is not played, with the source of the figures.
    pub(in crate::audio) trim: Option<String>,
}
