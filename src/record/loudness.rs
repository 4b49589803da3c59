//! Whether a chunk holds speech, told as it passes, for calls of whose audio nothing is kept.
//!
//! Levels over a noise floor, chunk by chunk: the floor falls at once to what is quieter and rises
//! slowly, so that it follows the line and not the voice.

use crate::pcm::level::Level;

/// Speech is at least so far over the floor.
const OVER_FLOOR_DB: f64 = 12.0;
/// And at least this loud.
const LEAST_DBFS: f64 = -50.0;
/// The floor before anything was heard.
const FIRST_FLOOR_DBFS: f64 = -65.0;
/// How fast the floor rises.
const RISE_DB_PER_S: f64 = 1.5;

/// The noise floor of one caller's line.
#[derive(Debug)]
pub(super) struct Loudness {
    floor_dbfs: f64,
}

impl Default for Loudness {
    fn default() -> Loudness {
        Loudness {
            floor_dbfs: FIRST_FLOOR_DBFS,
        }
    }
}

impl Loudness {
    /// Whether the next chunk, PCM16 at `rate_hz`, holds speech.
    pub(super) fn is_voiced(&mut self, samples: &[i16], rate_hz: u32) -> bool {
        let level_dbfs = Level::of(samples).rms_dbfs();
        let voiced = level_dbfs > (self.floor_dbfs + OVER_FLOOR_DB).max(LEAST_DBFS);
        let seconds = samples.len() as f64 / f64::from(rate_hz.max(1));
        let risen = self.floor_dbfs + RISE_DB_PER_S * seconds;
        self.floor_dbfs = risen.min(level_dbfs).max(-90.0);
        voiced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::synth::{Signal, render, speech_like};
    use crate::units::SampleRate;

    fn voiced(samples: &[i16]) -> Vec<bool> {
        let mut line = Loudness::default();
        let chunks = samples.chunks(320);
        chunks.map(|c| line.is_voiced(c, 16_000)).collect()
    }

    #[test]
    fn speech_is_told_from_a_quiet_line() {
        let rate = SampleRate(16_000);
        let speech = speech_like(48_000, 16_000..32_000, rate, 1);
        let noise: Vec<i16> = render(Signal::Noise, 48_000, rate, 2)
            .iter()
            .map(|s| s / 128)
            .collect();
        let line: Vec<i16> = speech.iter().zip(&noise).map(|(s, n)| s + n).collect();
        let found = voiced(&line);
        assert!(!found[..48].contains(&true), "noise before it");
        assert!(found[50..100].iter().filter(|v| **v).count() > 30);
        assert!(!found[102..].contains(&true), "noise after it");
        assert!(!voiced(&noise).contains(&true));
    }
}
