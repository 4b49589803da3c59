//! What a track plays of itself, by its edit list.

use super::boxes::number;
use crate::audio::container::play::{OPEN, Part};
use crate::audio::container::scale::scaled;
use crate::audio::error::DecodeError;

/// Lists of more edits are not followed: each may play the whole track.
pub(super) const MAX_EDITS: usize = 1_000;
/// All pauses together are not longer than this.
const MAX_PAUSE_S: u64 = 3_600;

/// Units of time a second: of the edits' lengths, of the track, and of its samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scales {
    pub(super) movie: u64,
    pub(super) track: u64,
    pub(super) rate_hz: u64,
}

/// The length of a track, and how long a packet of a codec is that fills up the last ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) samples: Option<u64>,
    pub(super) padded_packet: Option<u64>,
}

/// The parts that an edit list plays, in samples; none when it plays all of the track, or is empty.
///
/// A pause before the first part only shifts the audio against a picture, and is not audio. An edit
/// that ends within the last two packets of a codec that pads them is played to the end of a packet,
/// as ffmpeg does: what encoders state there is rounded in many ways.
pub(super) fn parts(
    list: &[u8],
    scales: Scales,
    extent: Extent,
) -> Result<Option<Vec<Part>>, DecodeError> {
    let is_long = list.first() == Some(&1);
    let entries = list.get(8..).unwrap_or_default();
    let entries = entries.chunks_exact(if is_long { 20 } else { 12 });
    if entries.len() > MAX_EDITS {
        return Err(DecodeError::NoDecoder {
            codec: format!("mp4 with {} edits", entries.len()),
        });
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut pauses = 0_u64;
    for entry in entries {
        let (length, time) = read_edit(entry, is_long);
        let samples = scaled(length, scales.movie, scales.rate_hz);
        let Some(time) = time else {
            // What comes before the first part is no audio.
            if !parts.is_empty() {
                pauses = pauses.saturating_add(samples);
                parts.push(Part::Pause { samples });
            }
            continue;
        };
        let start = scaled(time, scales.track, scales.rate_hz);
        // No length means: to the end of what fragments will bring.
        let end = match length {
            0 => OPEN,
            _ => start.saturating_add(samples),
        };
        // The lengths are rounded to units of the movie: edits that meet but for that are one.
        let unit = scales.rate_hz / scales.movie.max(1) + 1;
        match parts.last_mut() {
            Some(Part::Media { end: last, .. }) if last.abs_diff(start) <= unit => *last = end,
            _ => parts.push(Part::Media { start, end }),
        }
    }
    if pauses > MAX_PAUSE_S * scales.rate_hz {
        return Err(DecodeError::damaged(format!(
            "its edit list has pauses of {} s",
            pauses / scales.rate_hz.max(1)
        )));
    }
    for part in &mut parts {
        if let Part::Media { start, end } = part {
            *end = whole_end(*start, *end, extent);
        }
    }
    if let [
        Part::Media {
            start: 0,
            end: OPEN,
        },
    ] = parts[..]
    {
        parts.clear();
    }
    Ok((!parts.is_empty()).then_some(parts))
}

/// Length and time of an edit; no time for a pause, or where the track stands still.
fn read_edit(entry: &[u8], is_long: bool) -> (u64, Option<u64>) {
    let (length, time, rate) = if is_long {
        let time = number::<8>(entry, 8).map(u64::cast_signed);
        (number::<8>(entry, 0), time, number::<2>(entry, 16))
    } else {
        let time = number::<4>(entry, 4).map(|time| i64::from((time as u32).cast_signed()));
        (number::<4>(entry, 0), time, number::<2>(entry, 8))
    };
    let time = time.and_then(|time| u64::try_from(time).ok());
    (length.unwrap_or(0), time.filter(|_| rate != Some(0)))
}

/// Where an edit from `start` to `end` really ends.
fn whole_end(start: u64, end: u64, extent: Extent) -> u64 {
    let Some(all) = extent.samples else {
        return end;
    };
    let end = match extent.padded_packet {
        Some(packet) if packet > 0 && end < all && all - end < 2 * packet => {
            end.div_ceil(packet) * packet
        }
        _ => end,
    };
    if end >= all && start < all { OPEN } else { end }
}

/// What a list of parts cuts off a track, for people: `1024+436`, or with the number of parts.
pub(super) fn describe(parts: &[Part], all: Option<u64>) -> String {
    let mut starts = 0;
    let mut ends = 0;
    let mut played = 0;
    for part in parts {
        if let Part::Media { start, end } = part {
            if played == 0 {
                starts = *start;
            }
            played += 1;
            ends = match (all, *end) {
                (_, OPEN) | (None, _) => 0,
                (Some(all), end) => all.saturating_sub(end),
            };
        }
    }
    match played {
        0 | 1 => format!("edit list {starts}+{ends}"),
        _ => format!("edit list {starts}+{ends}, {played} parts"),
    }
}

/// Priming, padding and length by the comment that iTunes writes (`iTunSMPB`): hexadecimal numbers.
pub(super) fn itunes_figures(comment: &[u8]) -> Option<[u64; 3]> {
    let text = std::str::from_utf8(comment).ok()?;
    let mut numbers = text.split_ascii_whitespace().skip(1);
    let mut number = || u64::from_str_radix(numbers.next()?, 16).ok();
    let figures @ [priming, padding, samples] = [number()?, number()?, number()?];
    let is_possible = priming <= 1 << 16 && padding <= 1 << 16 && (1..1 << 48).contains(&samples);
    is_possible.then_some(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALES: Scales = Scales {
        movie: 1_000,
        track: 44_100,
        rate_hz: 44_100,
    };
    const EXTENT: Extent = Extent {
        samples: Some(280_746),
        padded_packet: Some(1_024),
    };

    fn list(edits: &[(u32, i32)]) -> Vec<u8> {
        let mut list = vec![0; 4];
        list.extend((edits.len() as u32).to_be_bytes());
        for (length, time) in edits {
            list.extend(length.to_be_bytes());
            list.extend(time.to_be_bytes());
            list.extend([0, 1, 0, 0]);
        }
        list
    }

    fn played(edits: &[(u32, i32)]) -> Option<Vec<Part>> {
        parts(&list(edits), SCALES, EXTENT).unwrap()
    }

    fn media(start: u64, end: u64) -> Part {
        Part::Media { start, end }
    }

    #[test]
    fn lists_are_followed_to_the_sample() {
        assert_eq!(played(&[(3_000, 1_024)]), Some(vec![media(1_024, 133_324)]));
        let two = [(1_000, 1_024), (500, -1), (1_000, 100_000)];
        let expected = [
            media(1_024, 45_124),
            Part::Pause { samples: 22_050 },
            media(100_000, 144_100),
        ];
        assert_eq!(played(&two), Some(expected.to_vec()));
        assert_eq!(
            played(&[(700, -1), (3_000, 0)]),
            Some(vec![media(0, 132_300)])
        );
    }

    #[test]
    fn edits_that_meet_are_one() {
        assert_eq!(
            played(&[(1_000, 0), (1_000, 44_120)]),
            Some(vec![media(0, 88_220)])
        );
    }

    #[test]
    fn the_padding_of_the_last_packet_is_left_to_the_decoder() {
        assert_eq!(played(&[(6_343, 1_024)]), Some(vec![media(1_024, OPEN)]));
        assert_eq!(played(&[(6_345, 0)]), Some(vec![media(0, 280_576)]));
        assert_eq!(played(&[(9_999, 0)]), None);
        assert_eq!(played(&[(0, 0)]), None);
        assert_eq!(played(&[]), None);
    }

    #[test]
    fn lists_beyond_measure_are_refused() {
        let many = list(&vec![(1, 0); MAX_EDITS + 1]);
        assert!(matches!(
            parts(&many, SCALES, EXTENT),
            Err(DecodeError::NoDecoder { .. })
        ));
        let pause = list(&[(1, 0), (4_000_000, -1)]);
        assert!(matches!(
            parts(&pause, SCALES, EXTENT),
            Err(DecodeError::Damaged(_))
        ));
    }

    #[test]
    fn what_is_cut_off_is_said() {
        assert_eq!(
            describe(&[media(1_024, 2_000)], Some(2_436)),
            "edit list 1024+436"
        );
        assert_eq!(
            describe(&[media(5, 9), media(20, OPEN)], Some(30)),
            "edit list 5+0, 2 parts"
        );
    }

    #[test]
    fn comments_of_itunes_are_read() {
        let comment = b" 00000000 00000840 000001C8 000000000003F0F8 00000000 00000000";
        assert_eq!(itunes_figures(comment), Some([2_112, 456, 258_296]));
        assert_eq!(itunes_figures(b" 00000000 00000840"), None);
        assert_eq!(itunes_figures(b"\xff\xfe"), None);
    }
}
