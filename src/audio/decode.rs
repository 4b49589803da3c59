//! A file that is open yields its samples, block by block.
//!
//! Memory stays small whatever the length of the file. Rate and channels may change on the way. A
//! file that holds less than its header promises, or is damaged somewhere, yields what is there, and
//! the decoder [doubts](Decoder::doubt) it: half an utterance must not pass for a whole one.

use super::error::{DecodeError, check_range};
use super::ffmpeg::SharedWords;
use super::g722::G722Stream;
use super::guard::{BlockFormat, Health, Watch};
use super::packets::{self, PacketStream};
use super::pcm_stream::PcmStream;
use super::source_info::SourceInfo;
use crate::fence::fenced;
use crate::units::{NS_PER_S, SampleRate, Samples};

/// A file that is being decoded.
pub struct Decoder {
    info: SourceInfo,
    source: Source,
    /// The first block, where it had to be decoded to know the file.
    first_block: Option<(BlockFormat, Vec<Vec<f32>>)>,
    /// Length that the header states and the decoded audio is held to.
    promised_ns: Option<i64>,
    watch: Watch,
    ended: bool,
    notes: Vec<String>,
    doubt: Option<String>,
}

pub(super) enum Source {
    /// Samples of one format to the end.
    Pcm(PcmStream, BlockFormat),
    G722(Box<G722Stream>, BlockFormat),
    /// Samples that an ffmpeg writes, and what it says of them.
    Ffmpeg(PcmStream, BlockFormat, SharedWords),
    Packets(Box<PacketStream>),
}

impl Decoder {
    /// What the file says about its audio.
    #[must_use]
    pub fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// What was odd about the file, and how it was taken; complete when it is decoded to its end.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Why this may not be the whole file, or not right, with figures; known when it is decoded to its
    /// end.
    #[must_use]
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// Whether another decoder may make more of a file of which this one has doubts.
    pub(super) fn may_err(&self) -> bool {
        matches!(self.source, Source::Packets(_))
    }

    /// The length that the header states.
    pub(super) fn promised_ns(&self) -> Option<i64> {
        self.promised_ns
    }

    /// The length of what was decoded.
    pub(super) fn decoded_ns(&self) -> i64 {
        self.watch.decoded_ns()
    }

    /// Replaces the content of `out` with the next samples, one vector a channel, all of equal
    /// length; full scale is ±1.0, and every sample is a number. Says what they are, which may change
    /// from one block to the next. None at the end; `out` is then empty or has empty vectors.
    ///
    /// # Errors
    /// `Io`; `Damaged` where there is nothing to keep, and `NoSamples`. After an error there is no
    /// more to read.
    pub fn next_block(
        &mut self,
        out: &mut Vec<Vec<f32>>,
    ) -> Result<Option<BlockFormat>, DecodeError> {
        if self.ended {
            out.iter_mut().for_each(Vec::clear);
            return Ok(None);
        }
        let result = without_panic(|| self.decode_block(out));
        self.ended = !matches!(result, Ok(Some(_)));
        match result {
            Ok(Some(format)) => {
                self.watch.take(format, self.info.exact_16_bit, out);
                Ok(Some(format))
            }
            Ok(None) => self.conclude(None),
            Err(error) => self.conclude(Some(error)),
        }
    }

    fn decode_block(
        &mut self,
        out: &mut Vec<Vec<f32>>,
    ) -> Result<Option<BlockFormat>, DecodeError> {
        if let Some((format, block)) = self.first_block.take() {
            *out = block;
            return Ok(Some(format));
        }
        match &mut self.source {
            Source::Pcm(stream, format) | Source::Ffmpeg(stream, format, _) => {
                Ok(stream.next_block(out)?.then_some(*format))
            }
            Source::G722(stream, format) => Ok(stream.next_block(out)?.then_some(*format)),
            Source::Packets(stream) => {
                let Some(block) = stream.next_block(out)? else {
                    return Ok(None);
                };
                let format = block.format(out.len());
                check_range(out.len() as u64, format.rate_hz)?;
                Ok(Some(format))
            }
        }
    }

    /// Judges what was decoded, at its end or where `error` ended it.
    fn conclude(&mut self, error: Option<DecodeError>) -> Result<Option<BlockFormat>, DecodeError> {
        let health = match &self.source {
            Source::Packets(stream) => stream.health(),
            Source::Pcm(..) | Source::G722(..) | Source::Ffmpeg(..) => Health::default(),
        };
        let nothing = self.watch.decoded_ns() == 0 || health.failed > health.decoded;
        match error {
            // What comes before the first sign of what is not decoded here is no file.
            Some(error @ (DecodeError::Io(_) | DecodeError::NoDecoder { .. })) => {
                return Err(error);
            }
            Some(error) if nothing => return Err(error),
            None if self.watch.decoded_ns() == 0 => return Err(DecodeError::NoSamples),
            _ => {}
        }
        self.notes.extend(self.watch.notes(health));
        self.notes.extend(self.watch.excess(self.promised_ns));
        if let Source::Packets(stream) = &self.source {
            self.notes.extend(stream.notes());
            self.info.trim = stream.trim().or(self.info.trim.take());
        }
        if let Source::Ffmpeg(_, _, words) = &self.source {
            let words = words.lock();
            if let Some(codec) = &words.codec {
                self.info.codec.clone_from(codec);
            }
            // Containers round, and count what is no audio of this track.
            let decoded_ns = self.watch.decoded_ns();
            let is_most = |stated: &i64| stated - stated / 50 - NS_PER_S / 2 > decoded_ns;
            self.promised_ns = words.stated_ns().filter(is_most);
            self.notes.extend(words.note());
        }
        self.doubt = self.watch.doubt(self.promised_ns, health, error.as_ref());
        Ok(None)
    }
}

/// A decoder that panics has met a file that it does not understand.
pub(super) fn without_panic<T>(
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    // What a panic leaves behind is never used again: a decoder that failed has ended.
    fenced(decode).unwrap_or_else(|| Err(DecodeError::damaged("the decoder failed on its content")))
}

impl Decoder {
    pub(super) fn new(info: SourceInfo, source: Source) -> Self {
        let promised = info.frames.map(Samples);
        Self {
            promised_ns: promised.map(|frames| frames.duration_ns(SampleRate(info.rate_hz))),
            info,
            source,
            first_block: None,
            watch: Watch::default(),
            ended: false,
            notes: Vec::new(),
            doubt: None,
        }
    }

    pub(super) fn of_packets(opened: packets::Opened) -> Self {
        let format = opened.block.format(opened.first_block.len());
        let source = Source::Packets(Box::new(opened.stream));
        Self {
            first_block: Some((format, opened.first_block)),
            ..Self::new(opened.info, source)
        }
    }

    /// Adds what was odd about the file.
    pub(super) fn noted(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    fn open_bytes(name: &str, bytes: &[u8]) -> Result<Decoder, DecodeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        open(&path, None)
    }

    /// A WAV file of one channel of 16 bits at 8 kHz, whose header promises `promised` bytes.
    fn wav_file(promised: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend([0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
        file.extend(b"data");
        file.extend(promised.to_le_bytes());
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    #[test]
    fn samples_come_out_exactly_and_once() {
        let mut decoder = open_bytes("a.wav", &wav_file(6, &[1, -32_768, 16_384])).unwrap();
        let expected = SourceInfo {
            codec: "pcm_s16le".to_owned(),
            rate_hz: 8_000,
            channels: 1,
            frames: Some(3),
            exact_16_bit: true,
            decoder: super::super::source_info::DecoderUsed::Native,
            trim: None,
        };
        assert_eq!(decoder.info(), &expected);
        let mut block = Vec::new();
        let format = decoder.next_block(&mut block).unwrap().unwrap();
        assert_eq!((format.rate_hz, format.layout.channels()), (8_000, 1));
        assert_eq!(block, [[1.0 / 32_768.0, -1.0, 0.5]]);
        assert_eq!(decoder.next_block(&mut block).unwrap(), None);
        assert_eq!(decoder.next_block(&mut block).unwrap(), None);
        assert_eq!(block, [[0.0; 0]]);
    }

    #[test]
    fn what_comes_after_the_samples_is_not_sound() {
        let mut decoder = open_bytes("a.wav", &wav_file(4, &[1, 2, 3, 4, 5])).unwrap();
        let mut block = Vec::new();
        decoder.next_block(&mut block).unwrap();
        assert_eq!(block[0].len(), 2);
    }

    /// What is said of a file of 8 kHz at its end, and its length.
    fn judged(name: &str, bytes: &[u8]) -> (usize, Option<String>, Vec<String>) {
        let mut decoder = open_bytes(name, bytes).unwrap();
        let (mut block, mut length) = (Vec::new(), 0);
        while decoder.next_block(&mut block).unwrap().is_some() {
            length += block[0].len();
        }
        let doubt = decoder.doubt().map(str::to_owned);
        (length, doubt, decoder.notes().to_vec())
    }

    #[test]
    fn a_wav_file_that_was_cut_off_is_kept_and_doubted_with_figures() {
        let (length, doubt, notes) = judged("a.wav", &wav_file(160_000, &[1; 8_000]));
        assert_eq!(length, 8_000);
        assert_eq!(doubt.as_deref(), Some("cut short: decoded 1 of 10 s"));
        assert!(notes[0].contains("160,000 bytes"), "{notes:?}");
        // A few samples are within what encoders round.
        let (_, doubt, notes) = judged("a.wav", &wav_file(16_044, &[1; 8_000]));
        assert_eq!((doubt, notes.len()), (None, 1));
    }

    #[test]
    fn a_length_that_no_one_knew_is_not_doubted() {
        for stated in [0, 0x8000_0000, 2_000_000_000, 0xffff_ffdb, u32::MAX] {
            let (length, doubt, _) = judged("a.wav", &wav_file(stated, &[1; 8_000]));
            assert_eq!((length, doubt), (8_000, None), "{stated}");
        }
    }

    #[test]
    fn a_file_without_samples_says_so() {
        let error = open_bytes("a.wav", &wav_file(0, &[])).err().unwrap();
        assert!(matches!(error, DecodeError::NoSamples), "{error}");
    }

    #[test]
    fn what_is_no_audio_is_refused_by_name() {
        let error = |name, bytes: &[u8]| open_bytes(name, bytes).err().unwrap().to_string();
        assert_eq!(error("a.wav", b""), "empty: the file has no bytes");
        assert_eq!(error("a.wav", b"hello\n"), "not audio: it is a text file");
        assert_eq!(
            error("a.mp3", b"%PDF-1.7"),
            "not audio: it is a PDF document"
        );
        assert!(error("a.bin", &[0, 1, 2, 3]).starts_with("not audio: "));
        assert!(error("a.bin", &[0, 1, 2, 3]).contains("--raw"));
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            open(folder.path(), None),
            Err(DecodeError::NotAudio(_))
        ));
        let missing = folder.path().join("missing.wav");
        assert!(matches!(open(&missing, None), Err(DecodeError::Io(_))));
    }

    #[test]
    fn headerless_bytes_are_read_as_told_even_if_they_look_like_text() {
        let mut decoder = open_bytes("a.ulaw", b"hello").unwrap();
        assert_eq!(
            (decoder.info().rate_hz, decoder.info().frames),
            (8_000, Some(5))
        );
        let mut block = Vec::new();
        decoder.next_block(&mut block).unwrap();
        assert_eq!(block[0].len(), 5);
    }

    #[test]
    fn a_panic_becomes_damage() {
        let result: Result<(), _> = without_panic(|| panic!("a decoder that gives up"));
        assert!(matches!(result, Err(DecodeError::Damaged(_))));
    }

    #[test]
    fn decoders_can_be_handed_to_other_threads() {
        fn is_send<T: Send>() {}
        is_send::<Decoder>();
    }
}
