//! What is known of a file before it is decoded, and who decodes it.

/// What a file says about its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// Codec, by the name that ffmpeg gives it.
    pub codec: String,
    /// Samples a second of one channel, as decoded.
    pub rate_hz: u32,
    /// Channels, at most 64.
    pub channels: u16,
    /// Length in samples a channel, where the header states it.
    pub frames: Option<u64>,
    /// Every decoded sample is a 16-bit integer over 32,768 exactly.
    pub exact_16_bit: bool,
    /// Who decodes it.
    pub decoder: DecoderUsed,
    /// What is cut off at its start and end as no audio of the source: where the figures are from, and
    /// samples a channel, such as `LAME tag 1105+900`; none where nothing is.
    pub trim: Option<String>,
}

crate::names! {
    /// Who decodes a file.
    pub enum DecoderUsed {
        /// This program.
        Native = "native",
        /// An `ffmpeg` that was found on `PATH`.
        Ffmpeg = "ffmpeg",
    }
}
