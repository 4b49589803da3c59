//! Framed audio, read when it is about to be needed and shared by every session that sends it,
//! within a limit of memory.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::{empty, once, repeat_n};
use std::ops::Range;
use std::sync::Arc;

use super::script::Script;
use super::session_index::pcm_bytes;
use crate::conversation::framed::FramedAudio;
use crate::dialect::Dialect;
use crate::pcm::synth;
use crate::trace::TraceError;
use crate::trace::model::{ClipRow, EventKind, EventRow};
use crate::trace::stream::Bundle;
use crate::units::SampleRate;

/// Seconds of synthetic audio that are made at a time.
const SYNTHETIC_S: u64 = 10;

/// One stretch of audio in chunks: where it is from, and how it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// None for fill.
    clip: Option<u32>,
    offset_bytes: u64,
    bytes: u64,
    /// Hash of the sizes of its chunks: of a million that begin alike two have the same once in
    /// forty million runs.
    cut: u64,
}

struct Framed {
    audio: FramedAudio,
    /// Counts up with each use: the smallest has been unused for the longest time.
    used: u64,
}

/// The audio of a trace, framed as it is needed.
pub(super) struct AudioCache {
    dialect: Dialect,
    bundle: Arc<Bundle>,
    limit_bytes: usize,
    held_bytes: usize,
    framed: HashMap<Key, Framed>,
    uses: u64,
}

impl AudioCache {
    /// An empty audio_cache with room for `limit_bytes`.
    pub(super) fn new(dialect: Dialect, bundle: Arc<Bundle>, limit_bytes: usize) -> AudioCache {
        AudioCache {
            dialect,
            bundle,
            limit_bytes,
            held_bytes: 0,
            framed: HashMap::new(),
            uses: 0,
        }
    }

    /// Puts the audio of stretch `number` into the script; `false` when there is no room for it
    /// yet, because all that is held is still to be sent.
    ///
    /// # Errors
    /// A clip that cannot be read, or is not what the trace says.
    pub(super) fn provide(&mut self, script: &Script, number: usize) -> Result<bool, TraceError> {
        let Some((events, key)) = script
            .stretch(number)
            .and_then(|events| Some((events, key(events)?)))
        else {
            return Ok(true);
        };
        self.uses += 1;
        let audio = match self.framed.get_mut(&key) {
            Some(known) => {
                known.used = self.uses;
                known.audio.clone()
            }
            None => {
                if !self.make_room(framed_bytes(self.dialect, events)) {
                    return Ok(false);
                }
                let audio = frame(self.dialect, &self.bundle, events)?;
                self.held_bytes += audio.framed_bytes();
                let framed = Framed {
                    audio: audio.clone(),
                    used: self.uses,
                };
                self.framed.insert(key, framed);
                audio
            }
        };
        script.provide(number, audio);
        Ok(true)
    }

    /// Drops what nobody will send, the longest unused first, until `bytes` more fit in. What does
    /// not fit into an empty audio_cache is let in alone.
    fn make_room(&mut self, bytes: usize) -> bool {
        if self.held_bytes + bytes <= self.limit_bytes {
            return true;
        }
        let unused = self
            .framed
            .iter()
            .filter(|(_, framed)| framed.audio.is_unshared());
        let mut unused: Vec<(u64, Key)> = unused.map(|(key, framed)| (framed.used, *key)).collect();
        unused.sort_unstable_by_key(|(used, _)| *used);
        // Some more than is needed, so that this search is seldom.
        let enough = self.limit_bytes - self.limit_bytes / 8;
        for (_, key) in unused {
            if self.held_bytes + bytes <= enough {
                break;
            }
            if let Some(dropped) = self.framed.remove(&key) {
                self.held_bytes -= dropped.audio.framed_bytes();
            }
        }
        self.held_bytes + bytes <= self.limit_bytes || self.framed.is_empty()
    }
}

/// The key of a stretch; none for one without events.
fn key(events: &[EventRow]) -> Option<Key> {
    let first = events.first()?;
    if first.kind == EventKind::Fill {
        return Some(Key {
            clip: None,
            offset_bytes: 0,
            bytes: u64::from(first.chunk_bytes),
            cut: 0,
        });
    }
    let mut cut = DefaultHasher::new();
    for event in events {
        (event.chunk_bytes, event.count).hash(&mut cut);
    }
    Some(Key {
        clip: first.clip,
        offset_bytes: first.offset_bytes,
        bytes: events.iter().map(pcm_bytes).sum(),
        cut: cut.finish(),
    })
}

/// How much the audio of a stretch takes, at most.
fn framed_bytes(dialect: Dialect, events: &[EventRow]) -> usize {
    let framed = |event: &EventRow| match event.kind {
        EventKind::Fill => 0,
        _ => dialect.framed_bytes(event.chunk_bytes as usize) * event.count as usize,
    };
    events.iter().map(framed).sum()
}

/// The audio of a stretch; of a clip of which only the timing is known, speech-like audio of its
/// length and speech extent.
fn frame(
    dialect: Dialect,
    bundle: &Bundle,
    events: &[EventRow],
) -> Result<FramedAudio, TraceError> {
    let Some(first) = events.first() else {
        return Ok(dialect.frame_audio(&[], empty()));
    };
    let chunk_bytes = first.chunk_bytes as usize;
    let clip = first.clip.filter(|_| first.kind == EventKind::Audio);
    let Some(clip) = clip.and_then(|clip| bundle.clips.get(clip as usize)) else {
        return Ok(dialect.frame_audio(&vec![0; chunk_bytes], once(chunk_bytes)));
    };
    let from = (first.offset_bytes / 2).min(clip.samples);
    let samples: u64 = events.iter().map(|event| pcm_bytes(event) / 2).sum();
    let range = from..from.saturating_add(samples).min(clip.samples);
    let samples = match bundle.clip_samples(clip, range.clone())? {
        Some(samples) => samples,
        None => synthetic(clip, range),
    };
    let pcm: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let sizes = events
        .iter()
        .flat_map(|event| repeat_n(event.chunk_bytes as usize, event.count as usize));
    Ok(dialect.frame_audio(&pcm, sizes))
}

/// The samples `range` of a clip of which only the timing is known. They are synthesised in blocks,
/// each of which depends on nothing before it: a part of a long clip costs no more than itself.
fn synthetic(clip: &ClipRow, range: Range<u64>) -> Vec<i16> {
    let rate = SampleRate(clip.sample_rate_hz);
    let block = u64::from(clip.sample_rate_hz.max(1)) * SYNTHETIC_S;
    let mut samples = Vec::new();
    for number in range.start / block..range.end.div_ceil(block) {
        let start = number * block;
        let within = |at: u64| at.clamp(start, start + block) - start;
        let length = within(clip.samples);
        let speech = within(clip.speech_start_samples)..within(clip.speech_end_samples);
        let seed = u64::from(clip.clip) | number << 32;
        let made = synth::speech_like(length, speech, rate, seed);
        samples.extend(&made[within(range.start) as usize..within(range.end) as usize]);
    }
    samples
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::replay::plan::tests::{event, session, turn};
    use crate::replay::session_index::SessionIndex;
    use crate::trace::model::Microphone;
    use crate::trace::model::SessionRows;
    use crate::trace::sample;
    use crate::trace::writer::{BundleWriter, ClipAudio};
    use crate::units::RunTime;

    const SECOND: usize = 16_000;

    /// A call whose microphone is open for so many seconds, each chunk an event of its own; of each
    /// five one is cut in two.
    fn call(seconds: usize) -> SessionRows {
        let mut events = vec![event(0, EventKind::Config, 0, 1)];
        let mut offset_bytes = 0;
        for k in 0..seconds * 50 {
            let sizes: &[u32] = if k % 5 == 4 { &[200, 440] } else { &[640] };
            for &chunk_bytes in sizes {
                events.push(EventRow {
                    offset_bytes,
                    chunk_bytes,
                    ..event(0, EventKind::Audio, 20 * k as i64, 1)
                });
                offset_bytes += u64::from(chunk_bytes);
            }
        }
        let turns = vec![turn(0, 0, 1000 * seconds as i64)];
        session(0, 0, Microphone::PushToTalk, turns, events)
    }

    /// A bundle of that call, and its samples.
    pub(in crate::replay) fn bundle(
        seconds: usize,
        known: bool,
    ) -> (tempfile::TempDir, Arc<Bundle>, Vec<i16>) {
        let dir = tempfile::tempdir().unwrap();
        let samples: Vec<i16> = (0..seconds * SECOND).map(|n| (n * 7) as i16).collect();
        let mut writer = BundleWriter::create(&dir.path().join("a.vtrace")).unwrap();
        let audio = match known {
            true => ClipAudio::Samples(&samples),
            false => ClipAudio::Unknown,
        };
        writer.clip(sample::clip(&samples, "a"), audio).unwrap();
        writer.session(call(seconds)).unwrap();
        let bundle = writer.finish(&sample::manifest("a")).unwrap();
        (dir, Arc::new(bundle), samples)
    }

    fn script(bundle: &Bundle) -> Script {
        let rows = bundle.sessions().unwrap().next().unwrap().unwrap();
        let index = Arc::new(SessionIndex::of(&rows));
        Script::new(Arc::new(rows), index, 0, 0, RunTime(0))
    }

    /// Sends a whole script and returns the PCM of its messages.
    fn sent(script: &Script, audio_cache: &mut AudioCache) -> Vec<u8> {
        let mut pcm = Vec::new();
        for number in 0..script.index.stretches.len() {
            assert!(
                audio_cache.provide(script, number).unwrap(),
                "stretch {number}"
            );
            assert!(audio_cache.held_bytes <= audio_cache.limit_bytes);
            let events = script.index.stretches[number].events.clone();
            let held = script.take_audio(events.start).unwrap();
            for event in events {
                let step = crate::replay::script::Step {
                    due: RunTime(0),
                    event,
                    chunk: 0,
                };
                let row = &script.rows.events[event];
                let (frame, payload) = held.chunk(row.kind, step);
                assert_eq!(payload, row.chunk_bytes as usize);
                pcm.extend_from_slice(&frame[frame.len() - payload..]);
            }
        }
        pcm
    }

    #[test]
    fn a_long_call_of_single_chunks_is_sent_bit_for_bit_in_little_memory() {
        let (_dir, bundle, samples) = bundle(60, true);
        let script = script(&bundle);
        let mut audio_cache = AudioCache::new(Dialect::default(), bundle, 600_000);
        let expected: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        assert!(
            sent(&script, &mut audio_cache) == expected,
            "not what the clip holds"
        );
        assert_eq!(script.index.stretches.len(), 8);
    }

    #[test]
    fn synthetic_audio_does_not_depend_on_how_it_is_cut() {
        let (_dir, bundle, samples) = bundle(25, false);
        let script = script(&bundle);
        let pcm = sent(
            &script,
            &mut AudioCache::new(Dialect::default(), bundle.clone(), 1 << 20),
        );
        let clip = &bundle.clips[0];
        let whole = synthetic(clip, 0..clip.samples);
        assert_eq!(whole.len(), samples.len());
        assert!(
            pcm == whole
                .iter()
                .flat_map(|s| s.to_le_bytes())
                .collect::<Vec<_>>()
        );
        let part = 9 * SECOND..21 * SECOND;
        assert_eq!(
            synthetic(clip, part.start as u64..part.end as u64),
            whole[part]
        );
    }

    #[test]
    fn synthetic_speech_keeps_to_its_extent() {
        let clip = ClipRow {
            speech_start_samples: 20_000,
            speech_end_samples: 330_000,
            ..sample::clip(&vec![0; 400_000], "a")
        };
        let made = synthetic(&clip, 0..400_000);
        let voiced = |range: Range<usize>| made[range].iter().any(|sample| *sample != 0);
        assert!(!voiced(0..20_000) && !voiced(330_000..400_000));
        assert!(voiced(20_000..21_000) && voiced(320_000..329_000));
    }

    #[test]
    fn what_is_still_to_be_sent_keeps_its_place() {
        let (_dir, bundle, _) = bundle(20, true);
        let script = script(&bundle);
        let mut audio_cache = AudioCache::new(Dialect::default(), bundle, 300_000);
        assert!(audio_cache.provide(&script, 0).unwrap());
        assert!(!audio_cache.provide(&script, 1).unwrap(), "no room");
        drop(script.take_audio(1));
        assert!(audio_cache.provide(&script, 1).unwrap());
    }
}
