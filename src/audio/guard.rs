//! Watches what a decoder yields, whoever it is: what is odd is noted, and what is not plausible
//! is doubted.
//!
//! Nothing that is no number leaves this place: one such sample would spread over a block of the
//! resampler.

use super::error::DecodeError;
use super::layout::Layout;
use crate::units::{NS_PER_S, SampleRate, Samples, counted, grouped};

/// A decode may be shorter than its header says by this part of a second: encoders round to packets
/// and count their delay differently.
pub(super) const TOLERANCE_NS: i64 = NS_PER_S / 10;

/// One in so many packets that fail, or at which a decoder starts anew, and the decode is doubted.
const DOUBTFUL_SHARE: u64 = 20;

/// Changes of format that a file may have: a few recordings in a row.
const USUAL_CHANGES: u64 = 8;

/// Samples beyond this (120 dB over full scale) are no audio of any kind.
const LARGEST: f32 = 1_048_576.0;

/// The bit of a floating-point number that is its sign.
const SIGN: u32 = 1 << 31;

/// A peak over this (6 dB over full scale) is noted. Lossy codecs overshoot by less.
const LOUD: f32 = 2.0;

/// What the samples of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockFormat {
    /// Samples a second of one channel.
    pub rate_hz: u32,
    /// Its channels.
    pub layout: Layout,
}

/// How a decoder got on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Packets that were decoded.
    pub(super) decoded: u64,
    /// Packets that could not be.
    pub(super) failed: u64,
    /// Places where packets are missing.
    pub(super) losses: u64,
    /// Bytes that belong to no packet, of those of the file.
    pub(super) skipped_bytes: u64,
    pub(super) bytes: u64,
}

/// What has been decoded so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    format: Option<BlockFormat>,
    /// Samples of the part that has this format, and the length of those before it.
    part: u64,
    past_ns: i64,
    changes: u64,
    first_change: Option<String>,
    no_numbers: u64,
    peak: f32,
}

impl Watch {
    /// Takes in a block; what is no number becomes silence.
    pub(super) fn take(&mut self, format: BlockFormat, exact: bool, block: &mut [Vec<f32>]) {
        if let Some(before) = self.format.replace(format)
            && before != format
        {
            self.past_ns = self.decoded_ns_at(before.rate_hz);
            self.part = 0;
            self.changes += 1;
            let at = seconds(self.past_ns);
            self.first_change.get_or_insert_with(|| {
                format!("from {} to {} at {at} s", named(before), named(format))
            });
        }
        self.part += block.first().map_or(0, Vec::len) as u64;
        if !exact {
            block.iter_mut().for_each(|plane| self.inspect(plane));
        }
    }

    fn inspect(&mut self, plane: &mut [f32]) {
        // Magnitudes are in order as integers, and no number is above them all. Unlike comparisons of
        // floating-point numbers, compilers turn this into vector code everywhere.
        let magnitudes = plane.iter().map(|x| (x.to_bits() & !SIGN) as i32);
        let peak = f32::from_bits(magnitudes.fold(0, i32::max) as u32);
        if peak <= LARGEST {
            self.peak = self.peak.max(peak);
            return;
        }
        for sample in plane {
            if sample.abs() <= LARGEST {
                self.peak = self.peak.max(sample.abs());
            } else {
                *sample = 0.0;
                self.no_numbers += 1;
            }
        }
    }

    fn decoded_ns_at(&self, rate_hz: u32) -> i64 {
        self.past_ns + Samples(self.part).duration_ns(SampleRate(rate_hz))
    }

    /// The length of what was decoded.
    pub(super) fn decoded_ns(&self) -> i64 {
        self.format
            .map_or(0, |format| self.decoded_ns_at(format.rate_hz))
    }

    /// What was odd, of a decoder that got on like this.
    pub(super) fn notes(&self, health: Health) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = &self.first_change {
            let more = match self.changes {
                1 => String::new(),
                n => format!(" and {} times more", n - 1),
            };
            notes.push(format!(
                "its format changes {first}{more}: each part is taken as what it is"
            ));
        }
        if health.failed > 0 {
            notes.push(format!("{}, and are left out", health.failures()));
        }
        if health.losses > 0 {
            notes.push(health.gaps());
        }
        if self.no_numbers > 0 {
            notes.push(format!(
                "taken as silence: {} whose value is not finite, or beyond any level",
                counted(self.no_numbers, "sample")
            ));
        }
        if self.peak > LOUD {
            notes.push(format!(
                "its peak is {:.0} dB over full scale, and is clipped unless --normalize lowers it",
                20.0 * self.peak.log10()
            ));
        }
        notes
    }

    /// That more was decoded than the header says, where it is much more.
    pub(super) fn excess(&self, promised_ns: Option<i64>) -> Option<String> {
        let decoded_ns = self.decoded_ns();
        let promised = promised_ns.filter(|&promised| {
            let usual = promised.saturating_add(TOLERANCE_NS + promised / 50);
            decoded_ns > usual
        })?;
        let (said, there) = (seconds(promised), seconds(decoded_ns));
        Some(format!(
            "its header says {said} s, and {there} s are decoded"
        ))
    }

    /// Why what was decoded may not be the whole, or not right; `promised_ns` is what the header says,
    /// `error` what ended it early.
    pub(super) fn doubt(
        &self,
        promised_ns: Option<i64>,
        health: Health,
        error: Option<&DecodeError>,
    ) -> Option<String> {
        let decoded_ns = self.decoded_ns();
        let promised_ns = promised_ns.filter(|&promised| is_short(promised, decoded_ns));
        let figure = match promised_ns {
            Some(promised) => shortfall(promised, decoded_ns),
            None => format!("decoded {} s", seconds(decoded_ns)),
        };
        let upset = health.failed + health.losses + self.changes.saturating_sub(USUAL_CHANGES);
        let is_upset = upset * DOUBTFUL_SHARE > health.packets()
            || health.skipped_bytes.saturating_mul(DOUBTFUL_SHARE) > health.bytes;
        match error {
            Some(error) => Some(format!("{error}: {figure}")),
            None if promised_ns.is_some() => Some(format!("cut short: {figure}")),
            None if is_upset => {
                let reason = if health.failed > 0 {
                    health.failures()
                } else if health.skipped_bytes > 0 || health.losses > 0 {
                    health.gaps()
                } else {
                    format!("its format changes {}", counted(self.changes, "time"))
                };
                Some(format!("damaged: {reason}: {figure}"))
            }
            None => None,
        }
    }
}

impl Health {
    fn packets(self) -> u64 {
        self.decoded + self.failed
    }

    fn gaps(self) -> String {
        format!(
            "{} of {} bytes belong to no packet, and packets are missing at {}",
            grouped(self.skipped_bytes),
            grouped(self.bytes),
            counted(self.losses, "place")
        )
    }

    fn failures(self) -> String {
        let packets = grouped(self.packets());
        format!(
            "{} of {packets} packets cannot be decoded",
            grouped(self.failed)
        )
    }
}

/// Whether a decode is so much shorter than promised that some of it is missing.
pub(super) fn is_short(promised_ns: i64, decoded_ns: i64) -> bool {
    promised_ns.saturating_sub(TOLERANCE_NS) > decoded_ns
}

/// That a decode is shorter than promised.
pub(super) fn cut_short(promised_ns: i64, decoded_ns: i64) -> String {
    format!("cut short: {}", shortfall(promised_ns, decoded_ns))
}

/// "decoded 61 of 1,200 s".
fn shortfall(promised_ns: i64, decoded_ns: i64) -> String {
    format!(
        "decoded {} of {} s",
        seconds(decoded_ns),
        seconds(promised_ns)
    )
}

/// Whole seconds of what is long, and hundredths of what is not.
fn seconds(ns: i64) -> String {
    let ns = ns.unsigned_abs();
    let second = NS_PER_S.unsigned_abs();
    if ns >= 100 * second || ns.is_multiple_of(second) {
        return grouped((ns + second / 2) / second);
    }
    let hundredths = (ns + second / 200) / (second / 100);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn named(format: BlockFormat) -> String {
    let BlockFormat { rate_hz, layout } = format;
    let channels = counted(u64::from(layout.channels()), "channel");
    format!("{rate_hz} Hz, {channels}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(rate_hz: u32, channels: u16) -> BlockFormat {
        BlockFormat {
            rate_hz,
            layout: Layout::new(channels, 0),
        }
    }

    const SOUND: Health = Health {
        decoded: 100,
        failed: 0,
        losses: 0,
        skipped_bytes: 0,
        bytes: 40_000,
    };

    #[test]
    fn what_is_no_number_becomes_silence_and_is_counted() {
        let mut watch = Watch::default();
        let wrong = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -3e30];
        for at in 0..wrong.len() {
            let mut block = vec![vec![0.5; 1_000]];
            block[0][500 + at] = wrong[at];
            watch.take(format(8_000, 1), false, &mut block);
            assert!(block[0].iter().all(|&x| x == 0.5 || x == 0.0));
            assert_eq!(block[0][500 + at], 0.0);
        }
        assert_eq!(
            watch.notes(SOUND),
            ["taken as silence: 5 samples whose value is not finite, or beyond any level"]
        );
    }

    #[test]
    fn a_peak_far_over_full_scale_is_noted_and_an_overshoot_is_not() {
        let mut watch = Watch::default();
        watch.take(format(8_000, 1), false, &mut [vec![1.3, -1.9]]);
        assert!(watch.notes(SOUND).is_empty());
        watch.take(format(8_000, 1), false, &mut [vec![-32_768.0]]);
        let notes = watch.notes(SOUND);
        assert!(
            notes[0].starts_with("its peak is 90 dB over full scale"),
            "{notes:?}"
        );
    }

    #[test]
    fn parts_count_at_their_own_rates() {
        let mut watch = Watch::default();
        watch.take(
            format(48_000, 2),
            true,
            &mut [vec![0.0; 96_000], vec![0.0; 96_000]],
        );
        watch.take(format(8_000, 1), true, &mut [vec![0.0; 8_000]]);
        assert_eq!(watch.decoded_ns(), 3 * NS_PER_S);
        assert_eq!(
            watch.notes(SOUND),
            [
                "its format changes from 48000 Hz, 2 channels to 8000 Hz, 1 channel at 2 s: each part \
              is taken as what it is"
            ]
        );
        assert_eq!(watch.doubt(Some(3 * NS_PER_S), SOUND, None), None);
    }

    #[test]
    fn a_decode_that_is_short_of_its_header_is_doubted_with_figures() {
        let mut watch = Watch::default();
        watch.take(format(8_000, 1), true, &mut [vec![0.0; 61 * 8_000]]);
        let doubt =
            |promised, health, error: Option<&DecodeError>| watch.doubt(promised, health, error);
        let promised = Some(1_200 * NS_PER_S);
        assert_eq!(
            doubt(promised, SOUND, None).as_deref(),
            Some("cut short: decoded 61 of 1,200 s")
        );
        assert_eq!(doubt(Some(61 * NS_PER_S + TOLERANCE_NS), SOUND, None), None);
        assert_eq!(doubt(Some(i64::MIN), SOUND, None), None);
        let error = DecodeError::damaged("a hole");
        assert_eq!(
            doubt(None, SOUND, Some(&error)).as_deref(),
            Some("damaged: a hole: decoded 61 s")
        );
    }

    #[test]
    fn much_more_than_the_header_says_is_noted() {
        let mut watch = Watch::default();
        watch.take(format(8_000, 1), true, &mut [vec![0.0; 80_000]]);
        assert_eq!(watch.excess(None), None);
        assert_eq!(watch.excess(Some(10 * NS_PER_S - TOLERANCE_NS)), None);
        assert_eq!(
            watch.excess(Some(5 * NS_PER_S)).as_deref(),
            Some("its header says 5 s, and 10 s are decoded")
        );
    }

    #[test]
    fn one_packet_in_twenty_may_fail() {
        let watch = Watch::default();
        let health = |failed| Health {
            decoded: 95,
            failed,
            ..SOUND
        };
        assert_eq!(watch.doubt(None, health(5), None), None);
        assert_eq!(
            watch.notes(health(5)),
            ["5 of 100 packets cannot be decoded, and are left out"]
        );
        let doubt = watch.doubt(None, health(6), None).unwrap();
        assert!(
            doubt.starts_with("damaged: 6 of 101 packets cannot"),
            "{doubt}"
        );
    }

    #[test]
    fn what_belongs_to_no_packet_is_noted_and_one_byte_in_twenty_is_doubted() {
        let watch = Watch::default();
        let health = |losses, skipped_bytes| Health {
            losses,
            skipped_bytes,
            ..SOUND
        };
        // Junk behind the last packet.
        assert!(watch.notes(health(0, 2_000)).is_empty());
        assert_eq!(watch.doubt(None, health(0, 2_000), None), None);
        assert!(watch.doubt(None, health(0, 2_001), None).is_some());
        assert_eq!(
            watch.notes(health(2, 300)),
            ["300 of 40,000 bytes belong to no packet, and packets are missing at 2 places"]
        );
        assert_eq!(watch.doubt(None, health(5, 300), None), None);
        let doubt = watch.doubt(None, health(6, 300), None).unwrap();
        assert!(doubt.starts_with("damaged: 300 of 40,000 bytes"), "{doubt}");
    }
}
