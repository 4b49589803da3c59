//! The audio of a replay, framed once before it starts and shared by every session that sends it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;

use super::plan::Plan;
use crate::pcm::synth;
use crate::trace::TraceError;
use crate::trace::model::{ClipRow, EventKind, EventRow};
use crate::units::SampleRate;
use crate::wire::frame::{FramedAudio, frame};
use crate::wire::voice_workflow::client_message::Content;

/// One stretch of audio in chunks: clip (none for fill), offset, chunk size.
type Key = (Option<u32>, u64, u32);

/// All audio of a plan, framed.
#[derive(Debug, Default)]
pub(super) struct Clips {
    framed: HashMap<Key, FramedAudio>,
}

impl Clips {
    /// Reads and frames the clips that `plan` uses. A clip of which only the timing is known
    /// becomes speech-like audio of its length and speech extent.
    ///
    /// # Errors
    /// A clip that cannot be read, or is not what the trace says.
    pub(super) fn load(plan: &Plan) -> Result<Clips, TraceError> {
        let mut pcm: HashMap<u32, Vec<u8>> = HashMap::new();
        let mut clips = Clips::default();
        let events = plan
            .calls
            .iter()
            .flat_map(|call| &plan.trace.events[call.events.clone()]);
        for event in events {
            let key = key(event);
            if clips.framed.contains_key(&key) {
                continue;
            }
            let framed = match (event.kind, event.clip) {
                (EventKind::Audio, Some(number)) => {
                    let bytes = match pcm.entry(number) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(place) => {
                            place.insert(read(plan, &plan.trace.clips[number as usize])?)
                        }
                    };
                    let rest = &bytes[(event.offset_bytes as usize).min(bytes.len())..];
                    let wanted = u64::from(event.count) * u64::from(event.chunk_bytes);
                    let stretch = &rest[..rest.len().min(wanted as usize)];
                    FramedAudio::new(stretch, event.chunk_bytes as usize)
                }
                (EventKind::Fill, _) => {
                    let silence = vec![0; event.chunk_bytes as usize];
                    FramedAudio::new(&silence, event.chunk_bytes as usize)
                }
                _ => continue,
            };
            clips.framed.insert(key, framed);
        }
        Ok(clips)
    }

    /// The frame of chunk `chunk` of `event`, and its PCM bytes. Nothing is copied.
    #[must_use]
    pub(super) fn chunk(&self, event: &EventRow, chunk: u32) -> (Bytes, usize) {
        let chunk = if event.kind == EventKind::Fill {
            0
        } else {
            chunk as usize
        };
        match self.framed.get(&key(event)) {
            Some(framed) => framed.chunk(chunk),
            None => (frame(Content::AudioChunk(Bytes::new())), 0),
        }
    }
}

fn key(event: &EventRow) -> Key {
    match event.kind {
        EventKind::Fill => (None, 0, event.chunk_bytes),
        _ => (event.clip, event.offset_bytes, event.chunk_bytes),
    }
}

fn read(plan: &Plan, clip: &ClipRow) -> Result<Vec<u8>, TraceError> {
    let samples = plan.trace.clip_samples(clip)?.unwrap_or_else(|| {
        let speech = clip.speech_start_samples..clip.speech_end_samples;
        synth::speech_like(
            clip.samples,
            speech,
            SampleRate(clip.sample_rate_hz),
            u64::from(clip.clip),
        )
    });
    Ok(samples.into_iter().flat_map(i16::to_le_bytes).collect())
}
