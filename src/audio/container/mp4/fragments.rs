//! Where the samples of a track are, by the fragments of the file, one fragment in memory.

use std::collections::VecDeque;

use symphonia::core::errors::{Result, decode_error};

use super::boxes::{Walk, children, number};
use crate::audio::container::media::{Media, Window};
use crate::audio::container::play::{Index, Place};

/// The largest description of a fragment: hours of audio in one.
const MAX_BYTES: u64 = 16 << 20;
/// Uncompressed samples that are taken at once.
const MAX_PIECE: u64 = 4_096;

/// What holds for samples of which a fragment says nothing else (`trex`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    pub(super) duration: u64,
    pub(super) bytes: u64,
}

/// The fragments of one track.
pub(super) struct Fragments {
    track: u64,
    defaults: Defaults,
    frame_bytes: Option<u64>,
    walk: Walk,
    start: Walk,
    window: Window,
    /// The description of the current fragment, and its runs of samples.
    body: Vec<u8>,
    runs: VecDeque<Run>,
    time: u64,
}

/// Samples one behind the other (`trun`).
#[derive(Debug, Clone)]
struct Run {
    at: u64,
    left: u64,
    /// When it begins, if the fragment says so.
    time: Option<u64>,
    /// Where the fields of the next sample are in the body, and which there are.
    entry: usize,
    flags: u64,
    defaults: Defaults,
}

const HAS_DATA_OFFSET: u64 = 0x1;
const HAS_FIRST_FLAGS: u64 = 0x4;
const HAS_DURATIONS: u64 = 0x100;
const HAS_SIZES: u64 = 0x200;
const HAS_FLAGS: u64 = 0x400;
const HAS_TIME_OFFSETS: u64 = 0x800;

impl Run {
    /// Bytes of the fields of a sample.
    fn entry_bytes(&self) -> usize {
        let fields = [HAS_DURATIONS, HAS_SIZES, HAS_FLAGS, HAS_TIME_OFFSETS];
        4 * fields
            .iter()
            .filter(|&&field| self.flags & field != 0)
            .count()
    }

    /// Duration and bytes of the next sample.
    fn next(&mut self, body: &[u8]) -> Option<Defaults> {
        let mut at = self.entry;
        let mut field = |flag: u64, default: u64| {
            if self.flags & flag == 0 {
                return Some(default);
            }
            at += 4;
            number::<4>(body, at - 4)
        };
        let sample = Defaults {
            duration: field(HAS_DURATIONS, self.defaults.duration)?,
            bytes: field(HAS_SIZES, self.defaults.bytes)?,
        };
        self.entry += self.entry_bytes();
        Some(sample)
    }
}

impl Fragments {
    /// The fragments of `track` among the boxes that `walk` goes through.
    pub(super) fn new(
        track: u64,
        defaults: Defaults,
        frame_bytes: Option<u64>,
        walk: Walk,
    ) -> Self {
        Self {
            track,
            defaults,
            frame_bytes,
            start: walk.clone(),
            walk,
            window: Window::new(64),
            body: Vec::new(),
            runs: VecDeque::new(),
            time: 0,
        }
    }

    /// Begins the next fragment; false behind the last.
    fn next_fragment(&mut self, media: &mut Media) -> Result<bool> {
        while let Some(found) = self.walk.next(media, &mut self.window)? {
            if found.name != *b"moof" {
                continue;
            }
            if !found.is_whole || found.body.end - found.body.start > MAX_BYTES {
                return decode_error("it was cut off: its last fragment is not whole");
            }
            self.body = media.bytes(found.body.start, found.body.end - found.body.start)?;
            self.read_runs(found.at);
            return Ok(true);
        }
        Ok(false)
    }

    /// Finds the runs of the track in the fragment that begins at `moof`.
    fn read_runs(&mut self, moof: u64) {
        let mut end_of_last = moof;
        for (_, track) in children(&self.body).filter(|(name, _)| name == b"traf") {
            let Some(header) = child(track, b"tfhd") else {
                continue;
            };
            let (id, base, defaults) = read_header(header, self.defaults, moof, end_of_last);
            let mut time = child(track, b"tfdt").and_then(read_time);
            let mut at = base;
            for (_, run) in children(track).filter(|(name, _)| name == b"trun") {
                let place = run.as_ptr() as usize - self.body.as_ptr() as usize;
                let Some(mut run) = read_run(run, place, base, at, defaults) else {
                    continue;
                };
                at = run.at.saturating_add(run_bytes(&run, &self.body));
                run.time = time.take();
                if id == Some(self.track) {
                    self.runs.push_back(run);
                }
            }
            end_of_last = at;
        }
    }
}

fn child<'a>(body: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    children(body)
        .find(|(name, _)| name == wanted)
        .map(|(_, body)| body)
}

/// The track of a `tfhd`, where its data begins, and what holds for its samples.
fn read_header(
    header: &[u8],
    mut defaults: Defaults,
    moof: u64,
    end_of_last: u64,
) -> (Option<u64>, u64, Defaults) {
    const FROM_MOOF: u64 = 0x2_0000;
    let flags = number::<4>(header, 0).unwrap_or(0);
    let mut at = 8;
    let mut field = |flag: u64, bytes: usize| {
        let place = at;
        if flags & flag == 0 {
            return None;
        }
        at += bytes;
        match bytes {
            8 => number::<8>(header, place),
            _ => number::<4>(header, place),
        }
    };
    let base = field(0x1, 8);
    field(0x2, 4);
    defaults.duration = field(0x8, 4).unwrap_or(defaults.duration);
    defaults.bytes = field(0x10, 4).unwrap_or(defaults.bytes);
    let base = base.unwrap_or(if flags & FROM_MOOF == 0 {
        end_of_last
    } else {
        moof
    });
    (number::<4>(header, 4), base, defaults)
}

/// The time of a `tfdt`.
fn read_time(body: &[u8]) -> Option<u64> {
    match body.first()? {
        0 => number::<4>(body, 4),
        _ => number::<8>(body, 4),
    }
}

/// A `trun`, whose body is at `place` of the fragment's.
fn read_run(body: &[u8], place: usize, base: u64, at: u64, defaults: Defaults) -> Option<Run> {
    let flags = number::<4>(body, 0)? & 0x00ff_ffff;
    let samples = number::<4>(body, 4)?;
    let mut entry = 8;
    let mut at = at;
    if flags & HAS_DATA_OFFSET != 0 {
        let offset = number::<4>(body, entry)? as u32;
        at = base.checked_add_signed(i64::from(offset.cast_signed()))?;
        entry += 4;
    }
    if flags & HAS_FIRST_FLAGS != 0 {
        entry += 4;
    }
    let mut run = Run {
        at,
        left: samples,
        time: None,
        entry: place + entry,
        flags,
        defaults,
    };
    if flags & HAS_SIZES == 0 && defaults.bytes == 0 {
        // Samples of no bytes, which may be stated in billions.
        run.left = 0;
    }
    if run.entry_bytes() > 0 {
        let there = body.len().saturating_sub(entry) / run.entry_bytes();
        run.left = run.left.min(there as u64);
    }
    Some(run)
}

/// Bytes of all samples of a run.
fn run_bytes(run: &Run, body: &[u8]) -> u64 {
    if run.flags & HAS_SIZES == 0 {
        return run.left.saturating_mul(run.defaults.bytes);
    }
    let mut run = run.clone();
    let samples = (0..run.left).map_while(|_| run.next(body));
    samples.map(|sample| sample.bytes).sum()
}

impl Index for Fragments {
    fn next_place(&mut self, media: &mut Media) -> Result<Option<Place>> {
        while self.runs.front().is_none_or(|run| run.left == 0) {
            if self.runs.pop_front().is_none() && !self.next_fragment(media)? {
                return Ok(None);
            }
        }
        let Some(run) = self.runs.front_mut() else {
            return Ok(None);
        };
        if let Some(time) = run.time.take() {
            self.time = time;
        }
        let Some(sample) = run.next(&self.body) else {
            return Ok(None);
        };
        let is_frame = run.entry_bytes() == 0 && self.frame_bytes == Some(sample.bytes);
        let samples = if is_frame { run.left.min(MAX_PIECE) } else { 1 };
        let place = Place {
            at: run.at,
            bytes: samples * sample.bytes,
            start: self.time,
            samples: samples * sample.duration,
        };
        run.left -= samples;
        run.at = run.at.saturating_add(place.bytes);
        self.time = self.time.saturating_add(place.samples);
        Ok(Some(place))
    }

    fn rewind(&mut self) {
        self.walk = self.start.clone();
        self.runs.clear();
        self.time = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(flags: u32, samples: u32, fields: &[u32], bytes: u64) -> Option<Run> {
        let words = [&[flags, samples], fields].concat();
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let defaults = Defaults { duration: 5, bytes };
        read_run(&body, 0, 1_000, 2_000, defaults)
    }

    #[test]
    fn samples_are_no_more_than_what_describes_them() {
        assert_eq!(run(0x200, u32::MAX, &[7, 8], 0).unwrap().left, 2);
        assert_eq!(run(0, u32::MAX, &[], 0).unwrap().left, 0);
        assert_eq!(run(0, u32::MAX, &[], 9).unwrap().left, u64::from(u32::MAX));
    }

    #[test]
    fn data_is_behind_the_run_before_or_at_an_offset() {
        assert_eq!(run(0, 1, &[], 9).unwrap().at, 2_000);
        assert_eq!(run(1, 1, &[16], 9).unwrap().at, 1_016);
        assert_eq!(run(1, 1, &[-16_i32 as u32], 9).unwrap().at, 984);
        assert!(run(1, 1, &[i32::MIN as u32], 9).is_none());
    }
}
