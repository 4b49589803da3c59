//! A session as a dialect has it sent: its chunks on a grid if it demands one, and its microphone open, so that the
//! server finds the end of each utterance in the silence after it, or held open while the caller speaks. Pure.

use super::grid::on_grid;
use super::session_index::interval_ns;
use crate::dialect::{Endpointing, Nature};
use crate::trace::extent::event_end_ns;
use crate::trace::model::{EventKind, EventRow, Microphone, SessionRows};
use crate::units::SampleRate;

/// The session, as a dialect of this nature has it.
#[must_use]
pub fn as_sent(rows: SessionRows, nature: &Nature) -> SessionRows {
    let rows = match nature.chunk_ns {
        Some(chunk_ns) => on_grid(rows, chunk_ns),
        None => rows,
    };
    match nature.endpointing {
        // What is silent between utterances was laid anew, as the microphone had it.
        Endpointing::AsTraced if nature.chunk_ns.is_some() => match rows.session.microphone {
            Microphone::Open => open(rows, nature.chunk_ns),
            Microphone::PushToTalk => pushed(rows),
        },
        Endpointing::AsTraced => rows,
        Endpointing::Server => open(rows, nature.chunk_ns),
        Endpointing::Caller => pushed(rows),
    }
}

/// Without the silence that is sent beside utterances.
fn pushed(mut rows: SessionRows) -> SessionRows {
    rows.events.retain(|event| event.kind != EventKind::Fill);
    rows.session.microphone = Microphone::PushToTalk;
    rows
}

/// With silence wherever nothing was sent since the caller began to speak, and some of it before the end; `chunk_ns` is
/// the length of a chunk on a grid.
fn open(mut rows: SessionRows, chunk_ns: Option<i64>) -> SessionRows {
    let rate = SampleRate(rows.session.sample_rate_hz);
    let mut events = Vec::with_capacity(2 * rows.events.len());
    // The chunk that was sent last, and of it the event.
    let mut last: Option<EventRow> = None;
    for event in std::mem::take(&mut rows.events) {
        if let Some(before) = &last
            && event.kind != EventKind::Config
        {
            let least = u32::from(event.kind == EventKind::HalfClose && is_audio(before));
            let length_ns = chunk_ns.unwrap_or_else(|| own_interval_ns(before, rate));
            events.extend(silence(before, event.at_ns, length_ns, least));
        }
        last = match event.kind {
            EventKind::Audio | EventKind::Fill => Some(event.clone()),
            EventKind::Text => last.map(|last| ending_at(last, event.at_ns)),
            _ => last,
        };
        events.push(event);
    }
    // Where there was no time for the silence before the end, the end is later.
    let mut reached_ns = i64::MIN;
    for event in &mut events {
        event.at_ns = match event.kind {
            EventKind::HalfClose => event.at_ns.max(reached_ns),
            _ => event.at_ns,
        };
        reached_ns = reached_ns.max(event_end_ns(event));
    }
    rows.session.microphone = Microphone::Open;
    rows.events = events;
    rows
}

fn is_audio(event: &EventRow) -> bool {
    event.kind == EventKind::Audio
}

/// The chunk with which an event ends, as if it ended at `at_ns`.
fn ending_at(event: EventRow, at_ns: i64) -> EventRow {
    let length_ns = at_ns - event_end_ns(&event);
    EventRow {
        at_ns: event.at_ns + length_ns,
        ..event
    }
}

/// The time between the chunks of an event at their own rate.
fn own_interval_ns(event: &EventRow, rate: SampleRate) -> i64 {
    let at_once = EventRow {
        interval_ns: 0,
        ..event.clone()
    };
    interval_ns(&at_once, rate)
}

/// Silence from the end of `before` until `until_ns`, of chunks like those of `before`, each of that length; at least
/// so many.
fn silence(before: &EventRow, until_ns: i64, length_ns: i64, least: u32) -> Option<EventRow> {
    let from_ns = event_end_ns(before);
    let chunks = (until_ns - from_ns).max(0) / length_ns.max(1);
    let count = u32::try_from(chunks).unwrap_or(u32::MAX).max(least);
    (count > 0).then(|| EventRow {
        kind: EventKind::Fill,
        clip: None,
        offset_bytes: 0,
        at_ns: from_ns,
        interval_ns: length_ns,
        count,
        text: None,
        ..before.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plan::tests::{event, session, turn};
    use crate::units::NS_PER_MS;
    use EventKind::{Audio, Config, Fill, HalfClose};

    /// Two utterances of 40 ms, 200 ms apart, and half-close with the last chunk.
    fn rows() -> SessionRows {
        let events = vec![
            event(0, Config, 0, 1),
            event(0, Audio, 0, 2),
            event(1, Audio, 240, 2),
            event(1, HalfClose, 280, 1),
        ];
        let turns = vec![turn(0, 0, 40), turn(1, 240, 280)];
        session(0, 0, Microphone::PushToTalk, turns, events)
    }

    fn sent(rows: SessionRows, endpointing: Endpointing) -> SessionRows {
        let nature = Nature {
            endpointing,
            ..Nature::default()
        };
        as_sent(rows, &nature)
    }

    fn said(rows: &SessionRows) -> Vec<(EventKind, u32, i64, u32)> {
        let said = rows.events.iter();
        let of = |e: &EventRow| (e.kind, e.turn, e.at_ns / NS_PER_MS, e.count);
        said.map(of).collect()
    }

    #[test]
    fn an_open_microphone_sends_silence_after_each_utterance() {
        let open = sent(rows(), Endpointing::Server);
        assert_eq!(open.session.microphone, Microphone::Open);
        let expected = [
            (Config, 0, 0, 1),
            (Audio, 0, 0, 2),
            (Fill, 0, 40, 10),
            (Audio, 1, 240, 2),
            (Fill, 1, 280, 1),
            (HalfClose, 1, 300, 1),
        ];
        assert_eq!(said(&open), expected);
        let again = sent(open.clone(), Endpointing::Server);
        assert_eq!(again, open, "it is open already");
        assert_eq!(sent(open, Endpointing::AsTraced), again);
    }

    #[test]
    fn who_pushes_to_talk_sends_no_silence() {
        let open = sent(rows(), Endpointing::Server);
        let pushed = sent(open, Endpointing::Caller);
        let kinds: Vec<_> = pushed.events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [Config, Audio, Audio, HalfClose]);
        assert_eq!(pushed.session.microphone, Microphone::PushToTalk);
    }

    #[test]
    fn silence_goes_on_at_its_own_rate_however_fast_speech_was_sent() {
        let mut rows = rows();
        for event in &mut rows.events {
            event.interval_ns /= 4;
        }
        let open = sent(rows, Endpointing::Server);
        let fills = open.events.iter().filter(|event| event.kind == Fill);
        let intervals: Vec<_> = fills.map(|fill| fill.interval_ns / NS_PER_MS).collect();
        assert_eq!(intervals, [20, 20]);
    }
}
