//! What a bundle has that nobody prepared.

use std::collections::BTreeMap;

use voicelt::trace::manifest::{TRACE_FORMAT, TraceManifest};
use voicelt::trace::model::{ClipRow, SpeechMethod};

/// A manifest whose counts are still to be computed.
pub(crate) fn manifest(name: &str, source: &str) -> TraceManifest {
    TraceManifest {
        format: TRACE_FORMAT.to_owned(),
        name: name.to_owned(),
        created_at: "2026-01-01T00:00:00Z".to_owned(),
        tool: "a test".to_owned(),
        source: source.to_owned(),
        contains: vec!["audio".to_owned()],
        origin_at: None,
        seed: None,
        sessions: 0,
        events: 0,
        duration_ns: 0,
        content_blake3: String::new(),
        tables: BTreeMap::new(),
        extent: None,
        delete_after: None,
        provenance: Vec::new(),
    }
}

/// A second at 16 kHz without its audio, most of it speech.
pub(crate) fn clip() -> ClipRow {
    ClipRow {
        clip: 0,
        clip_id: "0".repeat(64),
        file: None,
        sample_rate_hz: 16_000,
        samples: 16_000,
        speech_start_samples: 1_000,
        speech_end_samples: 15_000,
        speech_method: SpeechMethod::Energy,
        peak_dbfs: -3.0,
        rms_dbfs: -20.0,
        source_path: None,
        transcript: None,
    }
}
