//! Framed audio, read when it is about to be needed and shared by every session that sends it,
//! within a limit of memory.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::{empty, once, repeat_n};
use std::ops::Range;
use std::sync::Arc;

use super::script::Script;
use super::session_index::pcm_bytes;
use super::synthetic_clip::synthetic;
use super::wire_audio::WireAudio;
use crate::conversation::framed::FramedAudio;
use crate::dialect::Dialect;
use crate::pcm::codec::Codec;
use crate::trace::TraceError;
use crate::trace::model::{EventKind, EventRow};
use crate::trace::stream::Bundle;
use crate::units::SampleRate;

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
    /// What converts audio into the wire's format; `None` where it is sent as the trace has it.
    wire: Option<WireAudio>,
    /// Bytes of each chunk of it, where all are equal whatever the trace has.
    grid_bytes: Option<usize>,
    bundle: Arc<Bundle>,
    limit_bytes: usize,
    held_bytes: usize,
    framed: HashMap<Key, Framed>,
    uses: u64,
}

impl AudioCache {
    /// An empty cache with room for `limit_bytes` of audio as the dialect takes it.
    pub(super) fn new(dialect: Dialect, bundle: Arc<Bundle>, limit_bytes: usize) -> AudioCache {
        let nature = dialect.nature();
        AudioCache {
            wire: nature.input.map(WireAudio::new),
            grid_bytes: nature.chunk_bytes(),
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
        let rate = SampleRate(script.rows.session.sample_rate_hz);
        let Some((events, key)) = script
            .stretch(number)
            .and_then(|events| Some((events, self.key(rate, events)?)))
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
                if !self.make_room(self.framed_bytes(rate, events)) {
                    return Ok(false);
                }
                let audio = self.frame(rate, events)?;
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

    /// The key of a stretch of a call at `rate`; none for one without events.
    fn key(&self, rate: SampleRate, events: &[EventRow]) -> Option<Key> {
        let first = events.first()?;
        if first.kind == EventKind::Fill {
            return Some(Key {
                clip: None,
                offset_bytes: 0,
                bytes: self.fill_bytes(rate, first) as u64,
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
    fn framed_bytes(&self, rate: SampleRate, events: &[EventRow]) -> usize {
        let Some(first) = events.first().filter(|first| first.kind != EventKind::Fill) else {
            return 0;
        };
        let framed = |bytes| self.dialect.framed_bytes(bytes);
        match &self.wire {
            None => {
                let of_event =
                    |event: &EventRow| framed(event.chunk_bytes as usize) * event.count as usize;
                events.iter().map(of_event).sum()
            }
            Some(wire) => {
                let piece = first.offset_bytes / 2..u64::MAX;
                let sizes = wire.sizes(rate, piece, chunk_samples(events));
                sizes.map(framed).sum()
            }
        }
    }

    /// Bytes of a chunk of fill.
    fn fill_bytes(&self, rate: SampleRate, fill: &EventRow) -> usize {
        match &self.wire {
            None => fill.chunk_bytes as usize,
            Some(wire) => {
                let as_traced = || wire.silence_bytes(rate, u64::from(fill.chunk_bytes / 2));
                self.grid_bytes.unwrap_or_else(as_traced)
            }
        }
    }

    /// The audio of a stretch; of a clip of which only the timing is known, speech-like audio of its
    /// length and speech extent.
    fn frame(&mut self, rate: SampleRate, events: &[EventRow]) -> Result<FramedAudio, TraceError> {
        let Some(first) = events.first() else {
            return Ok(self.dialect.frame_audio(&[], empty()));
        };
        let clip = first.clip.filter(|_| first.kind == EventKind::Audio);
        let Some(clip) = clip.and_then(|clip| self.bundle.clips.get(clip as usize)) else {
            let bytes = self.fill_bytes(rate, first);
            let silence = self.wire.as_ref().map_or(0, WireAudio::silence_byte);
            return Ok(self.dialect.frame_audio(&vec![silence; bytes], once(bytes)));
        };
        let from = (first.offset_bytes / 2).min(clip.samples);
        let samples: u64 = events.iter().map(|event| pcm_bytes(event) / 2).sum();
        let range = from..from.saturating_add(samples).min(clip.samples);
        let read = |range: Range<u64>| {
            let samples = self.bundle.clip_samples(clip, range.clone())?;
            Ok(samples.unwrap_or_else(|| synthetic(clip, range)))
        };
        match &mut self.wire {
            None => {
                let pcm = Codec::Pcm16.encode(&read(range)?);
                let sizes = events
                    .iter()
                    .flat_map(|event| repeat_n(event.chunk_bytes as usize, event.count as usize));
                Ok(self.dialect.frame_audio(&pcm, sizes))
            }
            Some(wire) => {
                let mut audio = wire.encode(clip, range.clone(), read)?;
                let Some(bytes) = self.grid_bytes else {
                    let sizes = wire.sizes(rate, range, chunk_samples(events));
                    return Ok(self.dialect.frame_audio(&audio, sizes));
                };
                let chunks = chunk_samples(events).count();
                audio.resize(chunks * bytes, wire.silence_byte());
                Ok(self.dialect.frame_audio(&audio, repeat_n(bytes, chunks)))
            }
        }
    }
}

/// Samples of each chunk of `events`.
fn chunk_samples(events: &[EventRow]) -> impl Iterator<Item = u64> + Clone {
    events
        .iter()
        .flat_map(|event| repeat_n(u64::from(event.chunk_bytes / 2), event.count as usize))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dialect::Nature;
    use crate::pcm::codec::Format;
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

    /// Sends a whole script and returns the audio of each of its messages.
    fn chunks_sent(script: &Script, audio_cache: &mut AudioCache) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
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
                chunks.push(frame[frame.len() - payload..].to_vec());
            }
        }
        chunks
    }

    /// Sends a whole script as traced and returns the PCM of its messages.
    fn sent(script: &Script, audio_cache: &mut AudioCache) -> Vec<u8> {
        let chunks = chunks_sent(script, audio_cache);
        let audio = script.rows.events.iter().filter(|row| row.clip.is_some());
        let sizes = audio.map(|row| row.chunk_bytes as usize);
        assert!(chunks.iter().map(Vec::len).eq(sizes));
        chunks.concat()
    }

    const WIRES: [Format; 3] = [
        Format {
            codec: Codec::Pcm16,
            rate: SampleRate(24_000),
        },
        Format {
            codec: Codec::MuLaw,
            rate: SampleRate(8_000),
        },
        Format {
            codec: Codec::ALaw,
            rate: SampleRate(8_000),
        },
    ];

    /// A dialect that takes audio in this format.
    fn taking(wire: Format) -> Dialect {
        Dialect::Scripted(Nature {
            input: Some(wire),
            ..Nature::default()
        })
    }

    #[test]
    fn a_long_call_is_sent_in_the_wires_format_as_its_clip_is_encoded_whole() {
        for (known, wire) in WIRES
            .into_iter()
            .flat_map(|wire| [(true, wire), (false, wire)])
        {
            let (_dir, bundle, samples) = bundle(25, known);
            let script = script(&bundle);
            let clip = &bundle.clips[0];
            let read = |range: Range<u64>| {
                Ok(match known {
                    true => samples[range.start as usize..range.end as usize].to_vec(),
                    false => synthetic(clip, range),
                })
            };
            let mut whole = WireAudio::new(wire);
            let whole = whole.encode(clip, 0..clip.samples, read).unwrap();

            // Room for one stretch of 8 s and a bit.
            let bytes_per_s = wire.rate.0 as usize * wire.bytes_per_sample();
            let limit_bytes = 9 * bytes_per_s + 20_000;
            let mut audio_cache = AudioCache::new(taking(wire), bundle.clone(), limit_bytes);
            let chunks = chunks_sent(&script, &mut audio_cache);
            assert!(chunks.concat() == whole, "{wire}, known: {known}");
            // Chunks of 20 ms; of each five one is in two, at 200 of its 640 bytes.
            let of_20_ms = bytes_per_s / 50;
            for six in chunks.chunks(6) {
                let lengths: Vec<usize> = six.iter().map(Vec::len).collect();
                let cut = of_20_ms * 200 / 640;
                assert_eq!(lengths[..4], [of_20_ms; 4], "{wire}");
                assert_eq!(lengths[4..], [cut, of_20_ms - cut], "{wire}");
            }
        }
    }

    #[test]
    fn silence_is_sent_in_the_wires_format_as_long_as_it_was() {
        let (_dir, bundle, _) = bundle(1, true);
        let silences = |dialect: Dialect| -> Vec<Vec<u8>> {
            let mut audio_cache = AudioCache::new(dialect, bundle.clone(), 1 << 20);
            let of_rate = [16_000, 8_000].map(|sample_rate_hz| {
                let fill = event(0, EventKind::Fill, 0, 1);
                let events = vec![EventRow {
                    chunk_bytes: 640,
                    clip: None,
                    ..fill
                }];
                let turns = vec![turn(0, 0, 1_000)];
                let mut rows = session(0, 0, Microphone::Open, turns, events);
                rows.session.sample_rate_hz = sample_rate_hz;
                let index = Arc::new(SessionIndex::of(&rows));
                let script = Script::new(Arc::new(rows), index, 0, 0, RunTime(0));
                chunks_sent(&script, &mut audio_cache).concat()
            });
            of_rate.into()
        };
        assert_eq!(silences(Dialect::default()), [vec![0; 640], vec![0; 640]]);
        for wire in WIRES {
            let of_20_ms = wire.rate.0 as usize * wire.bytes_per_sample() / 50;
            let byte = wire.codec.silence_byte();
            let due = [vec![byte; of_20_ms], vec![byte; 2 * of_20_ms]];
            assert_eq!(silences(taking(wire)), due, "{wire}");
        }
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
