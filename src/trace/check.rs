//! Whether the rows of a trace make sense together: what a replay may rely on afterwards.

use std::collections::HashSet;

use super::TraceError;
use super::model::{ClipRow, EventKind, EventRow, SessionRow, TurnRow};

/// Latest instant a trace may hold: about 31 years, far from overflow in any sum.
const LATEST_NS: i64 = 1_000_000_000_000_000_000;
/// Most bytes in a chunk: gRPC's usual limit of 4 MiB a message, less its envelope.
const MAX_CHUNK_BYTES: u32 = 4 * 1024 * 1024 - 64;
/// Most chunks of all events of one session: a week of 20 ms chunks.
const MAX_SESSION_CHUNKS: u64 = 30_240_000;

/// Checks all rows of a trace against each other.
///
/// # Errors
/// The first row that makes no sense, and why.
pub fn check(
    sessions: &[SessionRow],
    turns: &[TurnRow],
    events: &[EventRow],
    clips: &[ClipRow],
) -> Result<(), TraceError> {
    check_clips(clips)?;
    check_sessions(sessions)?;
    check_turns(sessions, turns, clips)?;
    check_events(sessions, events, clips)
}

/// A closure that names `table` and a row in an error.
fn at(table: &'static str) -> impl Fn(usize, String) -> TraceError {
    move |row, reason| TraceError::Row { table, row, reason }
}

fn check_clips(clips: &[ClipRow]) -> Result<(), TraceError> {
    let fail = at("clips");
    for (row, clip) in clips.iter().enumerate() {
        let wrong = |reason: &str| Err(fail(row, reason.to_owned()));
        if clip.clip as usize != row {
            return wrong("`clip` must number the rows from 0");
        }
        if !(1_000..=384_000).contains(&clip.sample_rate_hz) {
            return wrong("`sample_rate_hz` must be from 1000 to 384000");
        }
        let speech = clip.speech_start_samples <= clip.speech_end_samples;
        if !speech || clip.speech_end_samples > clip.samples {
            return wrong("the speech extent must lie inside the clip");
        }
        if clip.samples > u64::from(clip.sample_rate_hz) * 7 * 24 * 3600 {
            return wrong("`samples` is more than a week of audio");
        }
        if clip.file.as_deref().is_some_and(leaves_the_bundle) {
            return wrong("`file` must be a relative path inside the bundle, without `..`");
        }
    }
    Ok(())
}

fn leaves_the_bundle(file: &str) -> bool {
    use std::path::{Component, Path};
    file.is_empty()
        || !Path::new(file)
            .components()
            .all(|c| matches!(c, Component::Normal(_)))
}

fn check_sessions(sessions: &[SessionRow]) -> Result<(), TraceError> {
    let fail = at("sessions");
    let mut ids = HashSet::new();
    let mut last = 0;
    for (row, session) in sessions.iter().enumerate() {
        let wrong = |reason: &str| Err(fail(row, reason.to_owned()));
        if session.session as usize != row {
            return wrong("`session` must number the rows from 0");
        }
        if !(last..LATEST_NS).contains(&session.start_ns) {
            return wrong("`start_ns` must be 0 or more, and rows sorted by it");
        }
        last = session.start_ns;
        if !(1_000..=384_000).contains(&session.sample_rate_hz) {
            return wrong("`sample_rate_hz` must be from 1000 to 384000");
        }
        if session.session_id.len() > 256 || session.language_code.len() > 64 {
            return wrong("`session_id` or `language_code` is too long");
        }
        if !ids.insert(session.session_id.as_str()) {
            return wrong("`session_id` is used twice");
        }
    }
    Ok(())
}

fn check_turns(
    sessions: &[SessionRow],
    turns: &[TurnRow],
    clips: &[ClipRow],
) -> Result<(), TraceError> {
    let fail = at("turns");
    let mut counted = vec![0_u32; sessions.len()];
    for (row, turn) in turns.iter().enumerate() {
        let wrong = |reason: &str| Err(fail(row, reason.to_owned()));
        let Some(next) = counted.get_mut(turn.session as usize) else {
            return wrong("`session` is not in sessions.parquet");
        };
        if turn.turn != *next {
            return wrong("`turn` must number the turns of a session from 0, in order");
        }
        *next += 1;
        if !(0..LATEST_NS).contains(&turn.at_ns) || !(turn.at_ns..LATEST_NS).contains(&turn.end_ns)
        {
            return wrong("`at_ns` and `end_ns` must be 0 or more, and in order");
        }
        for speech in [turn.speech_start_ns, turn.speech_end_ns]
            .into_iter()
            .flatten()
        {
            if !(turn.at_ns..=turn.end_ns).contains(&speech) {
                return wrong("the speech must lie inside the turn");
            }
        }
        if turn
            .think_ns
            .is_some_and(|think| !(0..LATEST_NS).contains(&think))
        {
            return wrong("`think_ns` must be 0 or more");
        }
        if turn.clip.is_some_and(|clip| clip as usize >= clips.len()) {
            return wrong("`clip` is not in clips.parquet");
        }
    }
    for (row, session) in sessions.iter().enumerate() {
        if session.turns != counted[row] {
            let reason = format!(
                "`turns` is {}, but turns.parquet holds {}",
                session.turns, counted[row]
            );
            return Err(at("sessions")(row, reason));
        }
    }
    Ok(())
}

fn check_events(
    sessions: &[SessionRow],
    events: &[EventRow],
    clips: &[ClipRow],
) -> Result<(), TraceError> {
    let fail = at("events");
    let mut before = None;
    let mut chunks = 0;
    for (row, event) in events.iter().enumerate() {
        let wrong = |reason: &str| Err(fail(row, reason.to_owned()));
        let Some(session) = sessions.get(event.session as usize) else {
            return wrong("`session` is not in sessions.parquet");
        };
        let key = (event.session, event.at_ns);
        if before.is_some_and(|before| key < before) {
            return wrong("rows must be sorted by `session` and `at_ns`");
        }
        if before.is_none_or(|(session, _)| session != event.session) {
            chunks = 0;
        }
        before = Some(key);
        chunks += u64::from(event.count);
        if event.count == 0 || chunks > MAX_SESSION_CHUNKS {
            return wrong("`count` must be at least 1, and a session at most a week of chunks");
        }
        if event.turn >= session.turns.max(1) {
            return wrong("`turn` is not a turn of its session");
        }
        let length = event.interval_ns.checked_mul(i64::from(event.count));
        if !(session.start_ns..LATEST_NS).contains(&event.at_ns)
            || !length.is_some_and(|length| (0..LATEST_NS).contains(&length))
        {
            return wrong(
                "`at_ns` must not be before its session's start, `interval_ns` not negative",
            );
        }
        if event.chunk_bytes > MAX_CHUNK_BYTES || event.chunk_bytes % 2 != 0 {
            return wrong("`chunk_bytes` must be even and fit a gRPC message (4 MiB)");
        }
        match event.kind {
            EventKind::Audio => {
                let Some(clip) = event.clip.and_then(|clip| clips.get(clip as usize)) else {
                    return wrong("`clip` of an audio event must be in clips.parquet");
                };
                if clip.sample_rate_hz != session.sample_rate_hz {
                    return wrong("the clip's sample rate is not the session's");
                }
                let bytes = clip.samples * 2;
                let last = u64::from(event.count - 1) * u64::from(event.chunk_bytes);
                if event.chunk_bytes == 0
                    || event.offset_bytes % 2 != 0
                    || event
                        .offset_bytes
                        .checked_add(last)
                        .is_none_or(|start| start >= bytes)
                {
                    return wrong("its chunks lie outside the clip");
                }
            }
            EventKind::Fill if event.chunk_bytes == 0 => {
                return wrong("`chunk_bytes` of fill must not be 0");
            }
            EventKind::Text if event.text.is_none() => {
                return wrong("`text` of a text event is null");
            }
            _ => {}
        }
    }
    Ok(())
}
