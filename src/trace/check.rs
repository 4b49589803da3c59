//! Whether the rows of a trace make sense together: what a replay may rely on afterwards.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::TraceError;
use super::model::SessionRows;
use super::model::{ClipRow, EventKind, EventRow, ReplyRow, SessionRow, TurnRow, metadata_pairs};
use crate::table::Row;
use crate::units::NS_PER_S;

/// Latest instant a trace may hold: about 31 years, far from overflow in any sum.
const LATEST_NS: i64 = 1_000_000_000_000_000_000;
/// Most bytes in a chunk: gRPC's usual limit of 4 MiB a message, less its envelope.
pub(super) const MAX_CHUNK_BYTES: u32 = 4 * 1024 * 1024 - 64;
/// Most chunks of all events of one session: a week of 20 ms chunks.
const MAX_SESSION_CHUNKS: u64 = 30_240_000;
/// Most event rows of one session: half a day of chunks that each have their own instant.
pub(super) const MAX_SESSION_EVENTS: usize = 2_500_000;
/// Most turns of one session: a week of one each two seconds.
pub(super) const MAX_SESSION_TURNS: usize = 302_400;
/// Most bytes of all text events of one session.
pub(super) const MAX_SESSION_TEXT_BYTES: usize = 64 * 1024 * 1024;
/// Longest session.
pub(super) const MAX_SESSION_NS: i64 = 7 * 24 * 3600 * NS_PER_S;

/// Rates that audio can have.
pub(super) const RATES_HZ: RangeInclusive<u32> = 1_000..=384_000;
/// Longest name of a session, in bytes.
pub(super) const MAX_SESSION_ID_BYTES: usize = 256;
/// Longest name of a language, in bytes.
pub(super) const MAX_LANGUAGE_BYTES: usize = 64;
/// Longest metadata of a session, as JSON in bytes: what HTTP/2 servers commonly take.
pub(super) const MAX_METADATA_BYTES: usize = 16 * 1024;

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
    let mut checker = Checker::new(clips);
    let mut ids = Ids::default();
    let (mut turns, mut events) = (turns, events);
    for session in sessions.iter().cloned() {
        let number = session.session;
        let of_turns = turns.iter().take_while(|turn| turn.session <= number);
        let (its_turns, rest) = turns.split_at(of_turns.count());
        turns = rest;
        let of_events = events.iter().take_while(|event| event.session <= number);
        let (its_events, rest) = events.split_at(of_events.count());
        events = rest;
        ids.take_in(&session)?;
        checker.session(&SessionRows {
            session,
            turns: its_turns.to_vec(),
            events: its_events.to_vec(),
            replies: Vec::new(),
        })?;
    }
    checker.end(!turns.is_empty(), !events.is_empty(), false)
}

/// Half of the hash of a session's name, or a clip's: 16 bytes, whatever its length, so that those of millions
/// fit in memory, and no two share one by chance.
pub(super) fn short_hash(id: &str) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
    half
}

/// The names of the sessions seen so far, each as its short hash.
#[derive(Default)]
pub(super) struct Ids(HashSet<[u8; 16]>);

impl Ids {
    /// Takes in the name of a session that was checked.
    ///
    /// # Errors
    /// A name that is used already.
    pub(super) fn take_in(&mut self, session: &SessionRow) -> Result<(), TraceError> {
        match self.0.insert(short_hash(&session.session_id)) {
            true => Ok(()),
            false => {
                let reason = "`session_id` is used twice".to_owned();
                Err(at(SessionRow::TABLE)(session.session as usize, reason))
            }
        }
    }
}

/// What of a clip is compared with the events that say it: little, since there may be millions.
struct ClipSize {
    sample_rate_hz: u32,
    samples: u64,
}

/// Checks a trace session by session.
pub(super) struct Checker {
    clips: Vec<ClipSize>,
    /// Rows seen so far.
    sessions: usize,
    turns: usize,
    events: usize,
    replies: usize,
    last_start_ns: i64,
}

impl Checker {
    /// A checker of sessions that use `clips`, which are checked already.
    pub(super) fn new(clips: &[ClipRow]) -> Checker {
        let clips = clips.iter().map(|clip| ClipSize {
            sample_rate_hz: clip.sample_rate_hz,
            samples: clip.samples,
        });
        Checker {
            clips: clips.collect(),
            sessions: 0,
            turns: 0,
            events: 0,
            replies: 0,
            last_start_ns: 0,
        }
    }

    /// Checks the next session with the rows that come before those of the session after it: its
    /// own, unless something is wrong.
    ///
    /// # Errors
    /// The first row that makes no sense, and why.
    pub(super) fn session(&mut self, rows: &SessionRows) -> Result<(), TraceError> {
        let session = &rows.session;
        self.check_session(session)?;
        self.check_turns(session, &rows.turns)?;
        self.check_events(session, &rows.events)?;
        self.check_replies(session, &rows.replies)?;
        self.sessions += 1;
        self.turns += rows.turns.len();
        self.events += rows.events.len();
        self.replies += rows.replies.len();
        self.last_start_ns = session.start_ns;
        Ok(())
    }

    /// Checks that no rows are left after the last session's.
    ///
    /// # Errors
    /// A row of a session that does not exist.
    pub(super) fn end(
        &self,
        turns_left: bool,
        events_left: bool,
        replies_left: bool,
    ) -> Result<(), TraceError> {
        let orphan = |table, row| {
            let reason = "`session` is not in sessions.parquet";
            Err(at(table)(row, reason.to_owned()))
        };
        if turns_left {
            return orphan(TurnRow::TABLE, self.turns);
        }
        if events_left {
            return orphan(EventRow::TABLE, self.events);
        }
        match replies_left {
            true => orphan(ReplyRow::TABLE, self.replies),
            false => Ok(()),
        }
    }

    fn check_session(&self, session: &SessionRow) -> Result<(), TraceError> {
        let wrong = |reason: &str| Err(at("sessions")(self.sessions, reason.to_owned()));
        if session.session as usize != self.sessions {
            return wrong("`session` must number the rows from 0");
        }
        if !(self.last_start_ns..LATEST_NS).contains(&session.start_ns) {
            return wrong("`start_ns` must be 0 or more, and rows sorted by it");
        }
        if !RATES_HZ.contains(&session.sample_rate_hz) {
            return wrong("`sample_rate_hz` must be from 1000 to 384000");
        }
        if session.session_id.len() > MAX_SESSION_ID_BYTES
            || session.language_code.len() > MAX_LANGUAGE_BYTES
        {
            return wrong("`session_id` or `language_code` is too long");
        }
        let metadata = session.metadata.as_deref().unwrap_or("[]");
        if metadata.len() > MAX_METADATA_BYTES || metadata_pairs(metadata).is_none() {
            return wrong("`metadata` must be a JSON list of pairs of name and value, of 16 KiB");
        }
        let ends = session.start_ns..LATEST_NS;
        if session
            .recorded_end_ns
            .is_some_and(|end| !ends.contains(&end))
        {
            return wrong("`recorded_end_ns` must not be before `start_ns`");
        }
        Ok(())
    }

    fn check_turns(&self, session: &SessionRow, turns: &[TurnRow]) -> Result<(), TraceError> {
        for (number, turn) in turns.iter().enumerate() {
            let row = self.turns + number;
            let wrong = |reason: &str| Err(at("turns")(row, reason.to_owned()));
            if turn.session != session.session {
                return wrong("rows must be sorted by `session`");
            }
            if number >= MAX_SESSION_TURNS {
                return wrong("a session must not have more than 302400 turns");
            }
            if turn.turn as usize != number {
                return wrong("`turn` must number the turns of a session from 0, in order");
            }
            let ends = turn.at_ns..LATEST_NS;
            if !(0..LATEST_NS).contains(&turn.at_ns) || !ends.contains(&turn.end_ns) {
                return wrong("`at_ns` and `end_ns` must be 0 or more, and in order");
            }
            let speech = [turn.speech_start_ns, turn.speech_end_ns];
            let inside = |at: &i64| (turn.at_ns..=turn.end_ns).contains(at);
            if !speech.iter().flatten().all(inside) {
                return wrong("the speech must lie inside the turn");
            }
            let thinks = |think: i64| (0..LATEST_NS).contains(&think);
            if !turn.think_ns.is_none_or(thinks) {
                return wrong("`think_ns` must be 0 or more");
            }
            let clips = self.clips.len();
            if turn.clip.is_some_and(|clip| clip as usize >= clips) {
                return wrong("`clip` is not in clips.parquet");
            }
        }
        if session.turns as usize != turns.len() {
            let (says, holds) = (session.turns, turns.len());
            let reason = format!("`turns` is {says}, but turns.parquet holds {holds}");
            return Err(at("sessions")(self.sessions, reason));
        }
        Ok(())
    }

    fn check_events(&self, session: &SessionRow, events: &[EventRow]) -> Result<(), TraceError> {
        let (mut chunks, mut text_bytes, mut before_ns) = (0, 0, i64::MIN);
        for (number, event) in events.iter().enumerate() {
            let row = self.events + number;
            let wrong = |reason: &str| Err(at("events")(row, reason.to_owned()));
            if event.session != session.session || event.at_ns < before_ns {
                return wrong("rows must be sorted by `session` and `at_ns`");
            }
            before_ns = event.at_ns;
            chunks += u64::from(event.count);
            if event.count == 0 || chunks > MAX_SESSION_CHUNKS || number >= MAX_SESSION_EVENTS {
                return wrong("`count` must be at least 1, and a session at most a week of chunks");
            }
            text_bytes += event.text.as_ref().map_or(0, String::len);
            if text_bytes > MAX_SESSION_TEXT_BYTES {
                return wrong("the texts of a session must not be longer than 64 MiB together");
            }
            if event.turn >= session.turns.max(1) {
                return wrong("`turn` is not a turn of its session");
            }
            if number == 0 && event.kind != EventKind::Config {
                return wrong("the first event of a session must be its `config`");
            }
            if let Err(reason) = self.check_event(session, event) {
                return wrong(reason);
            }
        }
        Ok(())
    }

    fn check_replies(&self, session: &SessionRow, replies: &[ReplyRow]) -> Result<(), TraceError> {
        let mut before_ns = session.start_ns;
        for (number, reply) in replies.iter().enumerate() {
            let wrong = |reason: &str| {
                let row = self.replies + number;
                Err(at(ReplyRow::TABLE)(row, reason.to_owned()))
            };
            if reply.session != session.session || !(before_ns..LATEST_NS).contains(&reply.at_ns) {
                return wrong(
                    "rows must be sorted by `session` and `at_ns`, from the session's start on",
                );
            }
            before_ns = reply.at_ns;
            if number >= MAX_SESSION_EVENTS {
                return wrong("a session must not have more than 2500000 replies");
            }
            if reply.turn >= session.turns.max(1) {
                return wrong("`turn` is not a turn of its session");
            }
        }
        Ok(())
    }

    fn check_event(&self, session: &SessionRow, event: &EventRow) -> Result<(), &'static str> {
        let length = event.interval_ns.checked_mul(i64::from(event.count));
        let latest_ns = session.start_ns.saturating_add(MAX_SESSION_NS);
        if !(session.start_ns..LATEST_NS).contains(&event.at_ns)
            || !length.is_some_and(|length| (0..=latest_ns - event.at_ns).contains(&length))
        {
            return Err(
                "`at_ns` must not be before its session's start, `interval_ns` not negative, and \
                 the session not longer than a week",
            );
        }
        if event.chunk_bytes > MAX_CHUNK_BYTES || !event.chunk_bytes.is_multiple_of(2) {
            return Err("`chunk_bytes` must be even and fit a gRPC message (4 MiB)");
        }
        match event.kind {
            EventKind::Audio => {
                let Some(clip) = event.clip.and_then(|clip| self.clips.get(clip as usize)) else {
                    return Err("`clip` of an audio event must be in clips.parquet");
                };
                if clip.sample_rate_hz != session.sample_rate_hz {
                    return Err("the clip's sample rate is not the session's");
                }
                let last = u64::from(event.count - 1) * u64::from(event.chunk_bytes);
                let start = event.offset_bytes.checked_add(last);
                let starts_inside = start.is_some_and(|start| start < clip.samples * 2);
                if event.chunk_bytes == 0 || !event.offset_bytes.is_multiple_of(2) || !starts_inside
                {
                    return Err("its chunks lie outside the clip");
                }
                Ok(())
            }
            EventKind::Fill if event.chunk_bytes == 0 => Err("`chunk_bytes` of fill must not be 0"),
            EventKind::Text if event.text.is_none() => Err("`text` of a text event is null"),
            _ => Ok(()),
        }
    }
}

/// A closure that names `table` and a row in an error.
fn at(table: &'static str) -> impl Fn(usize, String) -> TraceError {
    move |row, reason| TraceError::Row { table, row, reason }
}

/// Checks the rows of the clips' table.
///
/// # Errors
/// The first row that makes no sense, and why.
pub(super) fn check_clips(clips: &[ClipRow]) -> Result<(), TraceError> {
    let fail = at("clips");
    for (row, clip) in clips.iter().enumerate() {
        let wrong = |reason: &str| Err(fail(row, reason.to_owned()));
        if clip.clip as usize != row {
            return wrong("`clip` must number the rows from 0");
        }
        if !RATES_HZ.contains(&clip.sample_rate_hz) {
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
