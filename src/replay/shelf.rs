//! Framed audio, read when it is about to be needed and shared by every session that sends it,
//! within a limit of memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::plan::Script;
use crate::pcm::synth;
use crate::trace::TraceError;
use crate::trace::model::{EventKind, EventRow};
use crate::trace::stream::Bundle;
use crate::units::SampleRate;
use crate::wire::frame::FramedAudio;

/// One stretch of audio in chunks: clip (none for fill), offset, chunk size, number of chunks.
type Key = (Option<u32>, u64, u32, u32);

struct Framed {
    audio: FramedAudio,
    /// Counts up with each use: the smallest has been unused for the longest time.
    used: u64,
}

/// The audio of a trace, framed as it is needed.
pub(super) struct Shelf {
    bundle: Arc<Bundle>,
    limit_bytes: usize,
    held_bytes: usize,
    framed: HashMap<Key, Framed>,
    uses: u64,
}

impl Shelf {
    /// An empty shelf with room for `limit_bytes`.
    pub(super) fn new(bundle: Arc<Bundle>, limit_bytes: usize) -> Shelf {
        Shelf {
            bundle,
            limit_bytes,
            held_bytes: 0,
            framed: HashMap::new(),
            uses: 0,
        }
    }

    /// Puts the audio of event `number` into the script; `false` when there is no room for it yet,
    /// because all that is held is still to be sent.
    ///
    /// # Errors
    /// A clip that cannot be read, or is not what the trace says.
    pub(super) fn provide(&mut self, script: &Script, number: usize) -> Result<bool, TraceError> {
        let event = &script.rows.events[number];
        let key = key(event);
        self.uses += 1;
        let audio = match self.framed.get_mut(&key) {
            Some(known) => {
                known.used = self.uses;
                known.audio.clone()
            }
            None => {
                if !self.make_room(framed_bytes(event)) {
                    return Ok(false);
                }
                let audio = frame(&self.bundle, event)?;
                self.held_bytes += audio.framed_bytes();
                let framed = Framed {
                    audio: audio.clone(),
                    used: self.uses,
                };
                self.framed.insert(key, framed);
                audio
            }
        };
        if let Ok(mut place) = script.audio[number].lock() {
            *place = Some(audio);
        }
        Ok(true)
    }

    /// Drops what nobody will send, the longest unused first, until `bytes` more fit in. What does
    /// not fit into an empty shelf is let in alone.
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
        for (_, key) in unused {
            if let Some(dropped) = self.framed.remove(&key) {
                self.held_bytes -= dropped.audio.framed_bytes();
            }
            if self.held_bytes + bytes <= self.limit_bytes {
                return true;
            }
        }
        self.framed.is_empty()
    }
}

fn key(event: &EventRow) -> Key {
    match event.kind {
        EventKind::Fill => (None, 0, event.chunk_bytes, 1),
        _ => (
            event.clip,
            event.offset_bytes,
            event.chunk_bytes,
            event.count,
        ),
    }
}

/// About how much the audio of an event takes.
fn framed_bytes(event: &EventRow) -> usize {
    match event.kind {
        EventKind::Audio => (event.chunk_bytes as usize + 16) * event.count as usize,
        _ => event.chunk_bytes as usize,
    }
}

/// The audio of an event; of a clip of which only the timing is known, speech-like audio of its
/// length and speech extent.
fn frame(bundle: &Bundle, event: &EventRow) -> Result<FramedAudio, TraceError> {
    let chunk_bytes = event.chunk_bytes as usize;
    let clip = event.clip.filter(|_| event.kind == EventKind::Audio);
    let Some(clip) = clip.and_then(|clip| bundle.clips.get(clip as usize)) else {
        return Ok(FramedAudio::new(&vec![0; chunk_bytes], chunk_bytes));
    };
    let samples = bundle.clip_samples(clip)?.unwrap_or_else(|| {
        let speech = clip.speech_start_samples..clip.speech_end_samples;
        let rate = SampleRate(clip.sample_rate_hz);
        synth::speech_like(clip.samples, speech, rate, u64::from(clip.clip))
    });
    let from = (event.offset_bytes as usize / 2).min(samples.len());
    let wanted = (event.count as usize).saturating_mul(chunk_bytes / 2);
    let stretch = &samples[from..from + wanted.min(samples.len() - from)];
    let pcm: Vec<u8> = stretch
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    Ok(FramedAudio::new(&pcm, chunk_bytes))
}
