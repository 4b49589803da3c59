//! The rows of a recorded call.

use super::answers::{self, Spoken};
use super::call::{RecordedCall, Sent, What};
use super::clips::{Audio, Taken};
use super::pcm::PcmFile;
use super::utterances::{self, Utterance};
use crate::trace::TraceError;
use crate::trace::check::MAX_SESSION_TURNS;
use crate::trace::model::SessionRows;
use crate::trace::model::{EventKind, EventRow, Microphone, ReplyRow, SessionRow, TurnRow};
use crate::trace::writer::BundleWriter;
use crate::units::Samples;

/// Appends `call` to `bundle` as the session `session_id`, with its clips. It is cut off before an
/// utterance that a trace cannot hold.
///
/// # Errors
/// The system's.
pub(crate) fn write(
    bundle: &mut BundleWriter,
    call: &mut RecordedCall,
    session_id: &str,
    pcm: &PcmFile,
) -> Result<(), TraceError> {
    let voiced = |range| pcm.voiced(&call.sent[range], call.rate);
    let mut utterances = utterances::find(call, voiced)?;
    if let Some(beyond) = utterances.get(MAX_SESSION_TURNS) {
        call.sent.truncate(beyond.messages.start);
        call.is_cut = true;
        utterances.truncate(MAX_SESSION_TURNS);
    }
    let mut turns = Vec::with_capacity(utterances.len());
    for (number, utterance) in utterances.into_iter().enumerate() {
        let audio = Audio {
            chunks: &call.sent[utterance.messages.clone()],
            rate: call.rate,
            is_heard: utterance.is_heard,
        };
        let taken = match call.sent[utterance.messages.start].is_audio() {
            true => Some(audio.take_into(bundle, pcm, &format!("{session_id} {number} "))?),
            false => None,
        };
        turns.push(Turn { utterance, taken });
    }
    bundle.session(rows(call, session_id, &turns))
}

/// An utterance and its clip; text has none.
struct Turn {
    utterance: Utterance,
    taken: Option<Taken>,
}

fn rows(call: &RecordedCall, session_id: &str, turns: &[Turn]) -> SessionRows {
    let events = events(call, turns);
    let spoken: Vec<Spoken> = turns.iter().map(|turn| spoken(call, turn)).collect();
    let owners = answers::owners(call, &spoken);
    let beside = answers::beside(call, &spoken, &owners);
    SessionRows {
        session: SessionRow {
            session: 0,
            session_id: session_id.to_owned(),
            start_ns: call.opened_ns,
            language_code: call.language_code.clone(),
            sample_rate_hz: call.rate.0,
            microphone: microphone(call, turns),
            turns: 0,
            recorded_status: call.status.clone(),
            recorded_end_ns: Some(call.end_ns),
            metadata: call.metadata.clone(),
        },
        turns: turn_rows(call, turns, &events, &owners),
        replies: replies(call, &beside),
        events,
    }
}

/// When it was said: of audio with speech, its last voiced sample.
fn spoken(call: &RecordedCall, turn: &Turn) -> Spoken {
    let chunks = &call.sent[turn.utterance.messages.clone()];
    let sent_ns = |chunk: Option<&Sent>| chunk.map_or(call.end_ns, |chunk| chunk.at_ns);
    let speech = turn.taken.as_ref().map(|taken| taken.speech.clone());
    let last_voiced = speech
        .clone()
        .flatten()
        .map(|speech| speech.end.saturating_sub(1));
    let end = last_voiced.and_then(|sample| chunk_of(chunks, sample));
    Spoken {
        begun_ns: sent_ns(chunks.first()),
        whole_ns: sent_ns(end.map(|(chunk, _)| chunk).or(chunks.last())),
        expects_answer: speech.is_none_or(|speech| speech.is_some()),
    }
}

/// Silence after speech comes from a microphone that is left open, unless the caller says where an
/// utterance ends.
fn microphone(call: &RecordedCall, turns: &[Turn]) -> Microphone {
    if !call.said_ends.is_empty() {
        return Microphone::PushToTalk;
    }
    let first = turns
        .first()
        .map_or(0, |turn| turn.utterance.messages.start);
    let is_silence = |sent: &Sent| matches!(sent.what, What::Silence { .. });
    let last = turns.last().map_or(0, |turn| turn.utterance.messages.end);
    match turns.len() > 1 || call.sent[last.max(first)..].iter().any(is_silence) {
        true => Microphone::Open,
        false => Microphone::PushToTalk,
    }
}

/// The configuration, each message with its own instant, and the end.
fn events(call: &RecordedCall, turns: &[Turn]) -> Vec<EventRow> {
    let event = |turn: usize, kind, at_ns| EventRow {
        session: 0,
        turn: u32::try_from(turn).unwrap_or(u32::MAX),
        at_ns,
        kind,
        clip: None,
        offset_bytes: 0,
        chunk_bytes: 0,
        interval_ns: 0,
        count: 1,
        text: None,
    };
    let mut events = vec![event(0, EventKind::Config, call.config_ns)];
    let (mut turn, mut offset_bytes, mut before_ns) = (0, 0, call.config_ns);
    for (number, sent) in call.sent.iter().enumerate() {
        if turns
            .get(turn + 1)
            .is_some_and(|next| next.utterance.messages.start <= number)
        {
            (turn, offset_bytes) = (turn + 1, 0);
        }
        let within = turns
            .get(turn)
            .filter(|turn| turn.utterance.messages.contains(&number));
        // Captured while the chunk before it was on its way, perhaps; but rows are in order.
        let captured_ns = sent.captured_ns(call.rate).max(before_ns);
        let chunk = |kind, bytes| EventRow {
            chunk_bytes: bytes,
            interval_ns: sent.at_ns - captured_ns,
            ..event(turn, kind, captured_ns)
        };
        let clip = within
            .and_then(|turn| turn.taken.as_ref())
            .map(|taken| taken.clip);
        events.push(match (&sent.what, clip) {
            (What::Audio { bytes, .. } | What::Silence { bytes }, Some(clip)) => EventRow {
                clip: Some(clip),
                offset_bytes,
                ..chunk(EventKind::Audio, *bytes)
            },
            (What::Audio { bytes, .. } | What::Silence { bytes }, None) => {
                chunk(EventKind::Fill, *bytes)
            }
            (What::Text(text), _) => EventRow {
                text: Some(text.clone()),
                ..event(turn, EventKind::Text, sent.at_ns)
            },
            (What::HalfClose, _) => event(turn, EventKind::HalfClose, sent.at_ns),
            (What::Cancel, _) => event(turn, EventKind::Cancel, sent.at_ns),
        });
        offset_bytes += sent.samples() * 2 * u64::from(within.is_some());
        before_ns = sent.at_ns;
    }
    let has_ended = |sent: &Sent| matches!(sent.what, What::HalfClose | What::Cancel);
    if !call.sent.iter().any(has_ended) {
        // A replay of a call that was still open, or that the server ended, must end as well.
        events.push(event(turn, EventKind::HalfClose, call.end_ns));
    }
    events
}

fn turn_rows(
    call: &RecordedCall,
    turns: &[Turn],
    events: &[EventRow],
    owners: &[Option<usize>],
) -> Vec<TurnRow> {
    let heard_ends = answers::heard_ends(call, owners);
    let row = |(number, turn): (usize, &Turn)| {
        let messages = turn.utterance.messages.clone();
        // The configuration stands before them.
        let at_ns = events[messages.start + 1].at_ns;
        let chunks = &call.sent[messages];
        let end_ns = chunks.last().map_or(at_ns, |chunk| chunk.at_ns);
        let speech = turn.taken.as_ref().and_then(|taken| taken.speech.clone());
        let captured_ns = |sample| captured_ns(call, chunks, sample).clamp(at_ns, end_ns);
        let speech_start_ns = speech.clone().map(|speech| captured_ns(speech.start));
        let heard_before = heard_ends.range(..number).next_back();
        TurnRow {
            session: 0,
            turn: u32::try_from(number).unwrap_or(u32::MAX),
            at_ns,
            end_ns,
            speech_start_ns,
            // One sample past its last, which may be the first of a later chunk.
            speech_end_ns: speech.map(|speech| {
                let last_ns = captured_ns(speech.end.saturating_sub(1));
                (last_ns + Samples(1).duration_ns(call.rate)).min(end_ns)
            }),
            // Up to the clip's start, which is where a replay that reacts begins it.
            think_ns: heard_before.map(|(_, heard_ns)| (at_ns - heard_ns).max(0)),
            clip: turn.taken.as_ref().map(|taken| taken.clip),
        }
    };
    turns.iter().enumerate().map(row).collect()
}

/// When a sample of `chunks` was captured.
fn captured_ns(call: &RecordedCall, chunks: &[Sent], sample: u64) -> i64 {
    match chunk_of(chunks, sample) {
        Some((chunk, within)) => {
            chunk.captured_ns(call.rate) + Samples(within).duration_ns(call.rate)
        }
        None => chunks.last().map_or(0, |chunk| chunk.at_ns),
    }
}

/// The chunk that a sample of `chunks` is in, and its number there.
fn chunk_of(chunks: &[Sent], sample: u64) -> Option<(&Sent, u64)> {
    let mut before = 0;
    for chunk in chunks {
        let samples = chunk.samples();
        if sample < before + samples {
            return Some((chunk, sample - before));
        }
        before += samples;
    }
    None
}

/// The server's messages, each with the utterance that it stands with.
fn replies(call: &RecordedCall, beside: &[usize]) -> Vec<ReplyRow> {
    let row = |(reply, turn): (&super::call::Reply, &usize)| ReplyRow {
        session: 0,
        turn: u32::try_from(*turn).unwrap_or(u32::MAX),
        at_ns: reply.at_ns,
        kind: reply.kind,
        bytes: reply.bytes,
        text: reply.text.clone(),
    };
    call.replies.iter().zip(beside).map(row).collect()
}
