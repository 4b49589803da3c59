//! A demuxer of one audio track as the library's decoders know demuxers.

use std::io::Cursor;

use symphonia::core::errors::{Error, Result, SeekErrorKind};
use symphonia::core::formats::Track;
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;

/// Yields the packets of one audio track, one after the other.
///
/// Of a packet, `trim_start` and `trim_end` are samples that are cut off what it decodes to, and
/// `dur` is how many are kept at most. A packet without data is a pause of `dur` samples.
pub(super) trait Packets: Send + Sync {
    /// The track under way.
    fn track(&self) -> &Track;

    /// The next packet; none at the end. [`Error::ResetRequired`] where another track begins, which is
    /// told from then on, and at the end [`Error::DecodeError`] where not all of it could be taken.
    fn next_packet(&mut self) -> Result<Option<Packet>>;
}

/// One track and where its packets come from.
pub(super) struct OneTrack {
    format: FormatInfo,
    media: MediaInfo,
    metadata: MetadataLog,
    packets: Box<dyn Packets>,
}

impl OneTrack {
    pub(super) fn new(format: FormatInfo, packets: Box<dyn Packets>) -> Self {
        Self {
            format,
            media: MediaInfo::from_track(packets.track()),
            metadata: MetadataLog::default(),
            packets,
        }
    }
}

impl FormatReader for OneTrack {
    fn format_info(&self) -> &FormatInfo {
        &self.format
    }

    fn media_info(&self) -> &MediaInfo {
        &self.media
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        Err(Error::SeekError(SeekErrorKind::Unseekable))
    }

    fn tracks(&self) -> &[Track] {
        std::slice::from_ref(self.packets.track())
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        self.packets.next_packet()
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        MediaSourceStream::new(Box::new(Cursor::new([])), Default::default())
    }
}
