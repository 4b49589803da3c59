//! Walks through scripts: what is due when, what is repeated while a cursor holds, and where it goes on.

use std::sync::Arc;

use super::*;
use crate::replay::plan::tests::{event, session, turn};
use crate::replay::session_index::SessionIndex;
use crate::trace::model::EventRow;
use crate::trace::model::SessionRows;
use crate::units::NS_PER_MS;
use EventKind::{Audio, Config, Fill, HalfClose};

const MS: i64 = NS_PER_MS;

/// Two utterances of 40 ms, silence of 60 ms after each.
fn script(microphone: Microphone) -> Script {
    let open = microphone == Microphone::Open;
    let mut events = vec![event(0, Config, 0, 1), event(0, Audio, 0, 2)];
    events.extend(open.then(|| event(0, Fill, 40, 3)));
    events.push(event(1, Audio, 100, 2));
    events.extend(open.then(|| event(1, Fill, 140, 3)));
    events.push(event(1, HalfClose, if open { 200 } else { 140 }, 1));
    let turns = vec![turn(0, 0, 40), turn(1, 100, 140)];
    script_of(session(0, 0, microphone, turns, events))
}

fn script_of(rows: SessionRows) -> Script {
    let index = Arc::new(SessionIndex::of(&rows));
    Script::new(Arc::new(rows), index, 0, 0, RunTime(1000 * MS))
}

/// Walks at most `steps` steps, which leave (event, milliseconds since the session's start).
fn walk(cursor: &mut Cursor, script: &Script, steps: usize) -> Vec<(usize, i64)> {
    let mut seen = Vec::new();
    while seen.len() < steps
        && let Some(step) = cursor.step(script)
    {
        seen.push((step.event, (step.due.0 - 1000 * MS) / MS));
        cursor.advance(script);
    }
    seen
}

#[test]
fn recorded_timing_walks_the_events_as_they_are() {
    let script = script(Microphone::Open);
    let seen = walk(&mut Cursor::new(Holds::Never, false), &script, 99);
    let audio = [(0, 0), (1, 20), (1, 40), (2, 60), (2, 80), (2, 100)];
    let rest = [(3, 120), (3, 140), (4, 160), (4, 180), (4, 200), (5, 200)];
    assert_eq!(seen, [audio, rest].concat());
}

#[test]
fn who_must_be_heard_to_the_end_holds_after_the_last_utterance_alone() {
    let script = script(Microphone::Open);
    let mut cursor = Cursor::new(Holds::Last, false);
    let seen = walk(&mut cursor, &script, 11);
    assert_eq!(seen[5..8], [(2, 100), (3, 120), (3, 140)]);
    assert_eq!(seen[8..], [(4, 160), (4, 180), (4, 200)]);
    assert_eq!(cursor.waiting(), Some(1));
    assert_eq!(walk(&mut cursor, &script, 2), [(4, 220), (4, 240)]);
    cursor.release(&script, RunTime(1270 * MS));
    assert_eq!(walk(&mut cursor, &script, 9), [(4, 260), (5, 270)]);
    let mut pushed = Cursor::new(Holds::Last, false);
    let script = self::script(Microphone::PushToTalk);
    assert_eq!(walk(&mut pushed, &script, 99).len(), 6);
}

#[test]
fn a_caller_may_hear_the_greeting_out_before_the_first_utterance() {
    let script = script(Microphone::Open);
    let mut cursor = Cursor::new(Holds::Never, false);
    assert_eq!(walk(&mut cursor, &script, 1), [(0, 0)]);
    cursor.await_greeting(&script);
    assert!(cursor.awaits_greeting() && cursor.waiting().is_none());
    assert_eq!(cursor.step(&script), None);
    cursor.release(&script, RunTime(1500 * MS));
    assert_eq!(
        walk(&mut cursor, &script, 3),
        [(1, 520), (1, 540), (2, 560)]
    );
}

#[test]
fn an_open_microphone_repeats_silence_until_it_is_released() {
    let script = script(Microphone::Open);
    let mut cursor = Cursor::new(Holds::Each, false);
    let seen = walk(&mut cursor, &script, 8);
    assert_eq!(seen[3..], [(2, 60), (2, 80), (2, 100), (2, 120), (2, 140)]);
    assert_eq!(cursor.waiting(), Some(0));
    cursor.release(&script, RunTime(1190 * MS));
    assert_eq!((cursor.waiting(), cursor.holding()), (None, Some(0)));
    let seen = walk(&mut cursor, &script, 4);
    assert_eq!(seen, [(2, 160), (2, 180), (3, 210), (3, 230)]);
    // After the last utterance, the release is the half-close.
    walk(&mut cursor, &script, 2);
    assert_eq!(cursor.waiting(), Some(1));
    cursor.release(&script, RunTime(1280 * MS));
    assert_eq!(walk(&mut cursor, &script, 9), [(5, 280)]);
}

#[test]
fn an_earlier_release_replaces_one_that_has_not_come() {
    let script = script(Microphone::Open);
    let mut cursor = Cursor::new(Holds::Each, false);
    walk(&mut cursor, &script, 4);
    cursor.release(&script, RunTime(1900 * MS));
    cursor.release(&script, RunTime(1085 * MS));
    assert_eq!(walk(&mut cursor, &script, 2), [(2, 80), (3, 105)]);
    // Without silence to be sent the hold is left at once, and still nothing has been sent.
    let script = self::script(Microphone::PushToTalk);
    let mut cursor = Cursor::new(Holds::Each, false);
    walk(&mut cursor, &script, 3);
    cursor.release(&script, RunTime(1900 * MS));
    assert_eq!((cursor.waiting(), cursor.holding()), (None, Some(0)));
    cursor.release(&script, RunTime(1085 * MS));
    assert_eq!(walk(&mut cursor, &script, 1), [(2, 105)]);
    assert_eq!(cursor.holding(), None);
}

#[test]
fn a_caller_who_is_told_more_before_going_on_holds_again() {
    for microphone in [Microphone::Open, Microphone::PushToTalk] {
        let script = script(microphone);
        let mut cursor = Cursor::new(Holds::Each, false);
        let before = walk(&mut cursor, &script, 4).len();
        cursor.release(&script, RunTime(1090 * MS));
        cursor.hold_again(&script, 1);
        cursor.hold_again(&script, 0);
        assert_eq!(cursor.waiting(), Some(0), "{microphone}");
        cursor.release(&script, RunTime(1300 * MS));
        let after: Vec<_> = walk(&mut cursor, &script, 99);
        let begins = after
            .iter()
            .find(|(event, _)| script.rows.events[*event].turn == 1);
        assert_eq!(
            begins.map(|(_, at_ms)| *at_ms),
            Some(320),
            "{microphone}: {before}"
        );
        // What has begun is not held any more.
        cursor.hold_again(&script, 0);
        assert_ne!(cursor.waiting(), Some(0), "{microphone}");
    }
}

#[test]
fn silence_goes_on_while_a_caller_holds_again() {
    let script = script(Microphone::Open);
    let mut cursor = Cursor::new(Holds::Each, false);
    walk(&mut cursor, &script, 4);
    cursor.release(&script, RunTime(1070 * MS));
    assert_eq!(cursor.step(&script).unwrap().event, 3, "the hold is left");
    cursor.hold_again(&script, 0);
    assert_eq!(walk(&mut cursor, &script, 3), [(2, 90), (2, 110), (2, 130)]);
    cursor.release(&script, RunTime(1140 * MS));
    assert_eq!(walk(&mut cursor, &script, 2), [(3, 160), (3, 180)]);
}

/// As a recorder writes it down, each chunk an event: an utterance and the noise after it, to
/// 65 ms; two chunks of silence that came late and together; the next utterance from 100 ms on,
/// its first chunk late too.
fn recorded() -> Script {
    let chunk = |turn, kind, at_ms, leaves_ms| EventRow {
        interval_ns: (leaves_ms - at_ms) * MS,
        ..event(turn, kind, at_ms, 1)
    };
    let events = vec![
        event(0, Config, 0, 1),
        chunk(0, Audio, 0, 20),
        chunk(0, Audio, 20, 45),
        chunk(0, Audio, 45, 65),
        chunk(0, Fill, 65, 99),
        chunk(0, Fill, 99, 99),
        chunk(1, Audio, 103, 123),
        chunk(1, Audio, 123, 140),
        event(1, HalfClose, 140, 1),
    ];
    let turns = vec![turn(0, 0, 60), turn(1, 100, 140)];
    script_of(session(0, 0, Microphone::Open, turns, events))
}

#[test]
fn silence_that_came_in_a_burst_is_repeated_at_its_own_rate() {
    let script = recorded();
    let mut cursor = Cursor::new(Holds::Each, false);
    let seen = walk(&mut cursor, &script, 7);
    let noise = [(0, 0), (1, 20), (2, 45), (3, 65)];
    assert_eq!(seen, [&noise[..], &[(4, 99), (4, 133), (4, 167)]].concat());
    // The utterance begins when it is released; its chunk is as late as it was.
    cursor.release(&script, RunTime(1300 * MS));
    let silence = [(4, 201), (4, 235), (4, 269)];
    let rest = [(6, 323), (7, 340), (8, 340)];
    assert_eq!(walk(&mut cursor, &script, 9), [silence, rest].concat());
}

#[test]
fn chunks_that_came_in_a_burst_leave_in_one_with_recorded_timing() {
    let seen = walk(&mut Cursor::new(Holds::Never, false), &recorded(), 99);
    assert_eq!(seen[4..7], [(4, 99), (5, 99), (6, 123)]);
}

#[test]
fn noise_before_the_next_utterance_is_sent_before_the_hold() {
    let mut rows = SessionRows::clone(&recorded().rows);
    rows.events.retain(|event| event.kind != Fill);
    let script = script_of(rows);
    let mut cursor = Cursor::new(Holds::Each, false);
    assert_eq!(walk(&mut cursor, &script, 99).len(), 4);
    assert_eq!(cursor.waiting(), Some(0));
    // The answer had been heard before: the next utterance follows at once.
    cursor.release(&script, RunTime(1065 * MS));
    assert_eq!(walk(&mut cursor, &script, 1), [(4, 88)]);
}

#[test]
fn push_to_talk_sends_nothing_while_it_waits_and_hangs_up_as_recorded() {
    let script = script(Microphone::PushToTalk);
    let mut cursor = Cursor::new(Holds::Each, false);
    assert_eq!(walk(&mut cursor, &script, 99).len(), 3);
    assert_eq!(cursor.waiting(), Some(0));
    cursor.release(&script, RunTime(1500 * MS));
    assert_eq!(
        walk(&mut cursor, &script, 99),
        [(2, 520), (2, 540), (3, 540)]
    );
}
