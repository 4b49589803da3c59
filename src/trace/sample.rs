//! Small traces for tests.

use std::collections::BTreeMap;

use super::manifest::{TRACE_FORMAT, TraceManifest};
use super::model::SessionRows;
use super::model::{
    ClipRow, EventKind, EventRow, Microphone, ReplyKind, ReplyRow, SessionRow, SpeechMethod,
    TurnRow,
};
use crate::units::NS_PER_S;

/// Time between chunks.
const INTERVAL_NS: i64 = 20_000_000;

/// A manifest whose counts are still to be computed.
pub(crate) fn manifest(name: &str) -> TraceManifest {
    TraceManifest {
        format: TRACE_FORMAT.to_owned(),
        name: name.to_owned(),
        created_at: "2026-01-01T00:00:00Z".to_owned(),
        tool: "a test".to_owned(),
        source: "recorded".to_owned(),
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

/// A clip of these samples at 16 kHz, all of them speech.
pub(crate) fn clip(samples: &[i16], path: &str) -> ClipRow {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    ClipRow {
        clip: 0,
        clip_id: blake3::hash(&bytes).to_hex().to_string(),
        file: None,
        sample_rate_hz: 16_000,
        samples: samples.len() as u64,
        speech_start_samples: 0,
        speech_end_samples: samples.len() as u64,
        speech_method: SpeechMethod::Label,
        peak_dbfs: -20.0,
        rms_dbfs: -30.0,
        source_path: Some(path.to_owned()),
        transcript: Some("hello".to_owned()),
    }
}

/// A recorded session that starts after so many seconds, with one turn of two chunks of `clip` and
/// an answer a second later.
pub(crate) fn session(start_s: i64, clip: u32) -> SessionRows {
    let start_ns = start_s * NS_PER_S;
    let end_ns = start_ns + 2 * INTERVAL_NS;
    let event = |kind, at_ns| EventRow {
        session: 0,
        turn: 0,
        at_ns,
        kind,
        clip: (kind == EventKind::Audio).then_some(clip),
        offset_bytes: 0,
        chunk_bytes: if kind == EventKind::Audio { 640 } else { 0 },
        interval_ns: if kind == EventKind::Audio {
            INTERVAL_NS
        } else {
            0
        },
        count: if kind == EventKind::Audio { 2 } else { 1 },
        text: None,
    };
    let reply = |kind, after_ns| ReplyRow {
        session: 0,
        turn: 0,
        at_ns: end_ns + after_ns,
        kind,
        bytes: 640,
        text: (kind == ReplyKind::Transcript).then(|| "hello".to_owned()),
    };
    SessionRows {
        session: SessionRow {
            session: 0,
            session_id: format!("call-{start_s}"),
            start_ns,
            language_code: "en-US".to_owned(),
            sample_rate_hz: 16_000,
            microphone: Microphone::PushToTalk,
            turns: 1,
            recorded_status: Some("OK".to_owned()),
            recorded_end_ns: Some(end_ns + 3 * NS_PER_S),
            metadata: None,
        },
        turns: vec![TurnRow {
            session: 0,
            turn: 0,
            at_ns: start_ns,
            end_ns,
            speech_start_ns: Some(start_ns),
            speech_end_ns: Some(end_ns),
            think_ns: None,
            clip: Some(clip),
        }],
        events: vec![
            event(EventKind::Config, start_ns),
            event(EventKind::Audio, start_ns),
            event(EventKind::HalfClose, end_ns),
        ],
        replies: vec![
            reply(ReplyKind::Transcript, NS_PER_S / 4),
            reply(ReplyKind::Processing, NS_PER_S / 2),
            reply(ReplyKind::Audio, NS_PER_S),
            reply(ReplyKind::Listening, 2 * NS_PER_S),
        ],
    }
}
