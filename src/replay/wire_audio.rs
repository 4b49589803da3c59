//! Audio of a trace in the codec and at the rate in which a protocol sends it.
//!
//! Samples `a..b` of a clip are samples `round(a·R/r)..round(b·R/r)` of the clip at the wire's rate `R`, counted from
//! the clip's start. So the chunks of a clip hold each of its samples once, however the clip is cut into events and
//! stretches, and a chunk lasts as long as it did, but for half a sample at either end.

use std::ops::Range;

use crate::pcm::codec::Format;
use crate::pcm::dither::Quantizer;
use crate::pcm::resample::{ResampleError, Resampler, resampled};
use crate::trace::TraceError;
use crate::trace::model::ClipRow;
use crate::units::SampleRate;

/// Samples that are converted at a time, so that a long piece takes little memory beside its bytes.
const BLOCK: usize = 1 << 14;

/// Converts audio of a trace.
pub(super) struct WireAudio {
    format: Format,
    /// For clips of the rate, in Hz, that was asked for last.
    resampler: Option<(u32, Resampler)>,
}

impl WireAudio {
    /// What converts into `format`.
    pub(super) fn new(format: Format) -> WireAudio {
        WireAudio {
            format,
            resampler: None,
        }
    }

    /// Bytes of samples `piece` of a clip at `rate`.
    pub(super) fn bytes(&self, rate: SampleRate, piece: Range<u64>) -> usize {
        let piece = self.on_the_wire(rate, piece);
        let samples = usize::try_from(piece.end - piece.start).unwrap_or(usize::MAX);
        samples.saturating_mul(self.format.bytes_per_sample())
    }

    /// Bytes of each of `chunks`, numbers of samples that follow each other in `piece` of a clip, as far as it reaches.
    pub(super) fn sizes(
        &self,
        rate: SampleRate,
        piece: Range<u64>,
        chunks: impl Iterator<Item = u64> + Clone,
    ) -> impl Iterator<Item = usize> + Clone {
        let mut end = piece.start;
        chunks.map(move |samples| {
            let start = end;
            end = start.saturating_add(samples).min(piece.end);
            self.bytes(rate, start..end)
        })
    }

    /// Bytes of silence as long as `samples` at `rate`, and no less than a sample.
    pub(super) fn silence_bytes(&self, rate: SampleRate, samples: u64) -> usize {
        let least = self.format.bytes_per_sample();
        self.bytes(rate, 0..samples).max(least)
    }

    /// Each byte of digital silence.
    pub(super) fn silence_byte(&self) -> u8 {
        self.format.codec.silence_byte()
    }

    /// The bytes of samples `piece` of `clip`, exactly as they are among those of the whole clip. `read` yields
    /// samples of the clip: those of the piece and their neighbours.
    ///
    /// # Errors
    /// Those of `read`, and a clip at a rate that is not converted.
    pub(super) fn encode(
        &mut self,
        clip: &ClipRow,
        piece: Range<u64>,
        read: impl FnOnce(Range<u64>) -> Result<Vec<i16>, TraceError>,
    ) -> Result<Vec<u8>, TraceError> {
        let rate = SampleRate(clip.sample_rate_hz);
        let wanted = self.on_the_wire(rate, piece.clone());
        let mut bytes = Vec::with_capacity(self.bytes(rate, piece));
        let codec = self.format.codec;
        let resampler = self.resampler(clip)?;
        let samples = read(resampler.begin_piece(wanted, clip.samples))?;

        // Without dither digital silence stays what it is, and a sample depends on nothing before it.
        let mut quantizer = Quantizer::exact();
        let (mut input, mut output, mut quantized) = (Vec::new(), Vec::new(), Vec::new());
        let mut blocks = samples.chunks(BLOCK);
        loop {
            let block = blocks.next();
            match block {
                Some(block) => {
                    input.clear();
                    input.extend(block.iter().map(|&sample| f32::from(sample) / 32_768.0));
                    resampler.push(&input, &mut output);
                }
                None => resampler.finish(&mut output),
            }
            quantizer.push(&output, &mut quantized);
            bytes.extend(codec.encode(&quantized));
            output.clear();
            quantized.clear();
            if block.is_none() {
                return Ok(bytes);
            }
        }
    }

    /// The resampler for clips at the rate of `clip`.
    fn resampler(&mut self, clip: &ClipRow) -> Result<&mut Resampler, TraceError> {
        let rate_hz = clip.sample_rate_hz;
        let known = self.resampler.take_if(|(of_hz, _)| *of_hz == rate_hz);
        let of_rate = match known {
            Some(known) => known,
            None => {
                let made = Resampler::new(rate_hz, self.format.rate.0);
                let refused = |error: ResampleError| TraceError::Clip {
                    path: clip.file.clone().unwrap_or_else(|| clip.clip_id.clone()),
                    reason: error.to_string(),
                };
                (rate_hz, made.map_err(refused)?)
            }
        };
        Ok(&mut self.resampler.insert(of_rate).1)
    }

    fn on_the_wire(&self, rate: SampleRate, piece: Range<u64>) -> Range<u64> {
        let at = |sample| resampled(sample, rate.0, self.format.rate.0);
        at(piece.start)..at(piece.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pcm::codec::Codec;
    use crate::pcm::synth;
    use crate::trace::sample;

    fn format(codec: Codec, rate_hz: u32) -> Format {
        let rate = SampleRate(rate_hz);
        Format { codec, rate }
    }

    fn wires() -> impl Strategy<Value = Format> {
        let codec = prop::sample::select(&Codec::ALL[..]);
        let rate = prop::sample::select(&[8_000, 16_000, 24_000][..]);
        (codec, rate).prop_map(|(codec, rate_hz)| format(codec, rate_hz))
    }

    fn rates() -> impl Strategy<Value = u32> {
        prop::sample::select(&[8_000, 11_025, 16_000, 24_000, 44_100][..])
    }

    fn clip(rate_hz: u32, samples: u64) -> ClipRow {
        ClipRow {
            sample_rate_hz: rate_hz,
            samples,
            ..sample::clip(&[], "a")
        }
    }

    /// Speech-like samples, silent in the last quarter.
    fn speech(rate_hz: u32, samples: u64) -> Vec<i16> {
        let spoken = samples / 4..samples * 3 / 4;
        synth::speech_like(samples, spoken, SampleRate(rate_hz), 7)
    }

    fn encode(wire: &mut WireAudio, rate_hz: u32, clip_of: &[i16], piece: Range<u64>) -> Vec<u8> {
        let clip = clip(rate_hz, clip_of.len() as u64);
        let read =
            |range: Range<u64>| Ok(clip_of[range.start as usize..range.end as usize].to_vec());
        wire.encode(&clip, piece, read).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn stretches_of_a_clip_are_together_the_clip(
            format in wires(),
            rate_hz in rates(),
            samples in 0..40_000_u64,
            cuts in prop::collection::vec(0..40_000_u64, 0..6),
        ) {
            let clip = speech(rate_hz, samples);
            let mut wire = WireAudio::new(format);
            let whole = encode(&mut wire, rate_hz, &clip, 0..samples);
            let exact = samples as f64 * f64::from(format.rate.0) / f64::from(rate_hz);
            let length = (exact + 0.5).floor() as usize;
            prop_assert_eq!(whole.len(), length * format.bytes_per_sample());

            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.min(samples)).collect();
            cuts.extend([0, samples]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| encode(&mut wire, rate_hz, &clip, cut[0]..cut[1]));
            prop_assert!(pieces.collect::<Vec<_>>().concat() == whole);
        }
    }

    proptest! {
        #[test]
        fn chunks_lie_where_their_instants_do_and_none_is_empty(
            format in wires(),
            rate_hz in rates(),
            start in 0..1_u64 << 40,
            // At least as many samples as make one of the wire whatever the rounding.
            chunks in prop::collection::vec(6..5_000_u64, 1..40),
            cut in 0..5_000_u64,
        ) {
            let wire = WireAudio::new(format);
            let end = start + chunks.iter().sum::<u64>().saturating_sub(cut).max(6);
            let sizes = wire.sizes(SampleRate(rate_hz), start..end, chunks.iter().copied());
            let (mut source, mut at) = (start, wire.bytes(SampleRate(rate_hz), 0..start));
            for (size, samples) in sizes.zip(&chunks) {
                source = (source + samples).min(end);
                at += size;
                let due = source as f64 / f64::from(rate_hz) * f64::from(format.rate.0);
                let found = (at / format.bytes_per_sample()) as f64;
                prop_assert!((found - due).abs() <= 0.501, "{found}, due {due}");
                prop_assert!(size > 0 || source == end);
            }
        }
    }

    #[test]
    fn twenty_milliseconds_are_480_samples_at_24_khz_and_160_at_8_khz() {
        let sizes = |format, chunk| -> Vec<usize> {
            let wire = WireAudio::new(format);
            let chunks = std::iter::repeat_n(chunk, 4);
            wire.sizes(SampleRate(16_000), 0..1_000, chunks).collect()
        };
        let pcm_24_khz = format(Codec::Pcm16, 24_000);
        assert_eq!(sizes(pcm_24_khz, 320), [960, 960, 960, 120]);
        assert_eq!(sizes(format(Codec::MuLaw, 8_000), 320), [160, 160, 160, 20]);
        // 25 samples are 37.5: what one chunk is rounded up by, the next has less.
        assert_eq!(sizes(pcm_24_khz, 25), [76, 74, 76, 74]);
    }

    #[test]
    fn silence_is_of_the_codec_and_as_long_as_it_was() {
        let rate = SampleRate(16_000);
        for (codec, bytes, byte) in [
            (Codec::Pcm16, 320, 0),
            (Codec::MuLaw, 160, 0xff),
            (Codec::ALaw, 160, 0xd5),
        ] {
            let mut wire = WireAudio::new(format(codec, 8_000));
            assert_eq!(wire.silence_bytes(rate, 320), bytes);
            assert_eq!(wire.silence_bytes(rate, 0), codec.bytes_per_sample());
            assert_eq!(wire.silence_byte(), byte);
            let silent = encode(&mut wire, 16_000, &[0; 40_000], 3_000..3_320);
            assert_eq!(silent, vec![byte; bytes]);
        }
    }

    #[test]
    fn speech_ends_where_it_ended() {
        let clip = speech(16_000, 64_000);
        let voiced = |samples: &[i16]| {
            let loud = |sample: &i16| sample.unsigned_abs() > 300;
            let first = samples.iter().position(loud).unwrap();
            let last = samples.iter().rposition(loud).unwrap();
            [first, last].map(|at| at as f64)
        };
        let traced = voiced(&clip);
        for format in [
            format(Codec::Pcm16, 24_000),
            format(Codec::Pcm16, 8_000),
            format(Codec::MuLaw, 8_000),
        ] {
            let mut wire = WireAudio::new(format);
            let sent = encode(&mut wire, 16_000, &clip, 0..64_000);
            let sent = voiced(&format.codec.decode(&sent));
            for (traced, sent) in traced.into_iter().zip(sent) {
                // A half period of the highest frequency that is left.
                let moved_s = sent / f64::from(format.rate.0) - traced / 16_000.0;
                assert!(moved_s.abs() < 0.001, "{format}: {moved_s} s");
            }
            // What was silent is, but for the filter's ringing beside the speech.
            let sent = encode(&mut wire, 16_000, &clip, 52_000..64_000);
            assert!(sent.iter().all(|byte| *byte == format.codec.silence_byte()));
        }
    }

    #[test]
    fn an_error_of_the_reader_and_a_rate_that_is_not_converted_are_said() {
        let mut wire = WireAudio::new(format(Codec::Pcm16, 24_000));
        let gone = |_| {
            Err(TraceError::Missing {
                path: "a.wav".to_owned(),
            })
        };
        let error = wire.encode(&clip(16_000, 100), 0..100, gone).unwrap_err();
        assert!(error.to_string().contains("a.wav is missing"), "{error}");
        let error = wire.encode(&clip(7, 100), 0..100, gone).unwrap_err();
        assert!(error.to_string().contains("7 Hz"), "{error}");
        // It converts the next.
        let after = encode(&mut wire, 16_000, &[0; 100], 0..100);
        assert_eq!(after, [0; 300]);
    }
}
