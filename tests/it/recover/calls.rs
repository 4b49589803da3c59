//! What was recorded is in the bundle.

use std::fs;

use voicelt::trace::journal::{JOURNAL_FILE, JournalKind, JournalRow, PCM_FILE};
use voicelt::trace::model::SessionRows;
use voicelt::trace::model::{EventKind, Microphone, ReplyKind, SpeechMethod};
use voicelt::trace::recover::Counts;
use voicelt::trace::stream::Bundle;
use voicelt::units::{NS_PER_MS, NS_PER_S};

use super::caller::{Caller, two_turns};
use super::{Unfinished, sent};

#[test]
fn a_recording_holds_what_passed_to_the_byte_and_the_nanosecond() {
    let calls: Vec<_> = (0..5)
        .map(|call| two_turns(call, 1 + call as i64 * 700 * NS_PER_MS).end())
        .collect();
    let unfinished = Unfinished::new(calls.concat());
    let (finished, sessions) = unfinished.finish();
    let expected = Counts {
        calls: 5,
        sessions: 5,
        ..Counts::default()
    };
    assert_eq!(finished.counts, expected);
    for (passed, rows) in calls.iter().zip(&sessions) {
        let is_chunk =
            |row: &JournalRow| matches!(row.kind, JournalKind::Audio | JournalKind::Silence);
        let chunks = passed.iter().filter(|(row, _)| is_chunk(row));
        let chunks = chunks.map(|(row, pcm)| {
            let pcm = pcm.clone().unwrap_or_else(|| vec![0; row.bytes as usize]);
            (row.at_ns, row.bytes, Some(pcm))
        });
        assert_eq!(sent(&finished.bundle, rows), chunks.collect::<Vec<_>>());
        let session = &rows.session;
        assert_eq!(session.start_ns, passed[0].0.at_ns);
        assert_eq!(session.microphone, Microphone::Open);
        assert_eq!(session.recorded_status.as_deref(), Some("OK"));
        assert_eq!(
            session.recorded_end_ns,
            passed.last().map(|(row, _)| row.at_ns)
        );
        assert_eq!(rows.events.last().unwrap().kind, EventKind::HalfClose);

        let replies = passed.iter().filter(|(row, _)| {
            !is_chunk(row)
                && !matches!(
                    row.kind,
                    JournalKind::Opened | JournalKind::Config | JournalKind::HalfClose
                )
        });
        let replies: Vec<_> = replies
            .map(|(row, _)| (row.at_ns, row.bytes, row.text.clone()))
            .collect();
        let recorded = rows.replies.iter();
        let recorded: Vec<_> = recorded
            .map(|r| (r.at_ns, r.bytes, r.text.clone()))
            .collect();
        assert_eq!(recorded, replies);
        let turns: Vec<u32> = rows.replies.iter().map(|reply| reply.turn).collect();
        assert_eq!(
            turns,
            [vec![0; 16], vec![1; 17]].concat(),
            "one LISTENING more at the start"
        );
        assert_eq!(rows.replies.last().unwrap().kind, ReplyKind::Status);
    }
    assert!(!unfinished.place.join(JOURNAL_FILE).exists());
    let steps: Vec<_> = finished
        .bundle
        .manifest
        .provenance
        .iter()
        .map(|step| step.step.as_str())
        .collect();
    assert_eq!(steps, ["record", "recover"]);
}

#[test]
fn speech_and_pauses_are_those_of_the_caller() {
    let unfinished = Unfinished::new(two_turns(0, 0).end());
    let (finished, sessions) = unfinished.finish();
    let [first, second] = &sessions[0].turns[..] else {
        panic!("{:?}", sessions[0].turns);
    };
    assert_eq!(finished.bundle.clips.len(), 2);
    assert!(
        finished
            .bundle
            .clips
            .iter()
            .all(|clip| clip.speech_method == SpeechMethod::Vad)
    );
    for turn in [first, second] {
        let length_ns = turn.speech_end_ns.unwrap() - turn.speech_start_ns.unwrap();
        assert!((length_ns - NS_PER_S).abs() < 60 * NS_PER_MS, "{turn:?}");
        assert!(turn.at_ns <= turn.speech_start_ns.unwrap());
    }
    assert_eq!(first.think_ns, None);
    let heard = sessions[0]
        .replies
        .iter()
        .filter(|r| r.kind == ReplyKind::Audio && r.turn == 0);
    let first_audio_ns = heard.map(|reply| reply.at_ns).min().unwrap();
    let heard_ns = first_audio_ns + 60 * NS_PER_MS + NS_PER_S;
    let think_ns = second.speech_start_ns.unwrap() - heard_ns;
    assert_eq!(second.think_ns, Some(think_ns.max(0)));
}

#[test]
fn audio_that_was_not_kept_leaves_lengths_and_speech() {
    let kept = Unfinished::new(two_turns(0, 0).end());
    let mut caller = Caller::new(0, 0);
    caller.keeps_audio = false;
    caller.hears(JournalKind::Listening, 1, 0);
    caller.speak(1);
    caller.answer();
    caller.speak(2);
    caller.answer();
    let timed = Unfinished::new(caller.end());
    fs::remove_file(timed.place.join(PCM_FILE)).unwrap();
    let ((kept, kept_rows), (timed, timed_rows)) = (kept.finish(), timed.finish());
    let lengths = |bundle: &Bundle, rows: &SessionRows| -> Vec<(i64, u32)> {
        sent(bundle, rows)
            .into_iter()
            .map(|(at_ns, bytes, _)| (at_ns, bytes))
            .collect()
    };
    assert_eq!(
        lengths(&kept.bundle, &kept_rows[0]),
        lengths(&timed.bundle, &timed_rows[0])
    );
    for (kept, timed) in kept.bundle.clips.iter().zip(timed.bundle.clips.iter()) {
        assert_eq!(timed.samples, kept.samples);
        assert_eq!(timed.file, None);
        assert_ne!(timed.clip_id, kept.clip_id);
        let speech = [timed.speech_start_samples, timed.speech_end_samples];
        let truth = [kept.speech_start_samples, kept.speech_end_samples];
        let off = speech
            .iter()
            .zip(truth)
            .map(|(timed, kept)| timed.abs_diff(kept));
        assert!(off.max().unwrap() <= 1_000, "{speech:?} {truth:?}");
    }
    assert_ne!(timed.bundle.clips[0].clip_id, timed.bundle.clips[1].clip_id);
}

#[test]
fn calls_that_a_trace_cannot_hold_are_counted() {
    let mut passing = vec![(JournalRow::new(0, 5, JournalKind::Opened), None)];
    let mut bad_rate = Caller::new(1, 10).end();
    bad_rate[1].0.rate_hz = Some(7);
    passing.extend(bad_rate);
    let mut odd = Caller::new(2, 20);
    odd.speak(4);
    odd.push(JournalKind::Audio).bytes = 3;
    odd.speak(5);
    passing.extend(odd.end());
    let mut open = Caller::new(3, 30);
    open.speak(6);
    open.push(JournalKind::Lost).bytes = 7;
    passing.extend(open.passing);
    let mut twice = Caller::new(2, 40);
    twice.call = 4;
    twice.passing.iter_mut().for_each(|(row, _)| row.call = 4);
    twice.speak(7);
    twice.push(JournalKind::Config).rate_hz = Some(8_000);
    passing.extend(twice.end());
    let unfinished = Unfinished::new(passing);
    let (finished, sessions) = unfinished.finish();
    let expected = Counts {
        calls: 5,
        sessions: 3,
        open: 2,
        unconfigured: 1,
        bad_rate: 1,
        cut: 1,
        messages_left_out: 1,
        messages_lost: 7,
        journal_bytes_lost: 0,
    };
    assert_eq!(finished.counts, expected);
    let ids: Vec<_> = sessions
        .iter()
        .map(|rows| rows.session.session_id.as_str())
        .collect();
    assert_eq!(ids, ["call-2", "call-3", "call-2-2"]);
    assert_eq!(
        sent(&finished.bundle, &sessions[0]).len(),
        100,
        "up to the odd chunk"
    );
    assert_eq!(sessions[1].session.recorded_status, None);
    assert_eq!(
        sessions[1].events.last().unwrap().kind,
        EventKind::HalfClose
    );
}

#[test]
fn a_call_has_the_rate_that_it_was_given_last_before_audio() {
    let mut caller = Caller::new(0, 0);
    caller.passing[1].0.rate_hz = Some(8_000);
    caller.push(JournalKind::Config).rate_hz = Some(16_000);
    caller.speak(1);
    let (finished, sessions) = Unfinished::new(caller.end()).finish();
    assert_eq!(finished.counts.messages_left_out, 0);
    assert_eq!(sessions[0].session.sample_rate_hz, 16_000);
}

#[test]
fn a_recording_without_calls_is_a_trace_without_sessions() {
    let (finished, sessions) = Unfinished::new(Vec::new()).finish();
    assert_eq!(finished.counts, Counts::default());
    assert!(sessions.is_empty());
}

#[test]
fn text_is_a_turn_without_a_clip() {
    let mut caller = Caller::new(0, 0);
    for text in [Some("hello"), None] {
        caller.hears(JournalKind::Text, 10, 5);
        caller.passing.last_mut().unwrap().0.text = text.map(str::to_owned);
        caller.answer();
    }
    let unfinished = Unfinished::new(caller.end());
    let (finished, sessions) = unfinished.finish();
    assert!(finished.bundle.clips.is_empty());
    let events = sessions[0].events.iter();
    let texts = events.filter(|event| event.kind == EventKind::Text);
    let texts: Vec<_> = texts
        .map(|event| (event.turn, event.text.as_deref()))
        .collect();
    assert_eq!(
        texts,
        [(0, Some("hello")), (1, Some("xxxxx"))],
        "as long where it is not kept"
    );
    let turns: Vec<_> = sessions[0].turns.iter().map(|turn| turn.clip).collect();
    assert_eq!(turns, [None, None]);
    assert!(sessions[0].turns[1].think_ns.is_some());
    assert_eq!(sessions[0].session.microphone, Microphone::Open);
}

#[test]
fn a_caller_who_sends_no_silence_pushes_to_talk() {
    let mut caller = Caller::new(0, 0);
    caller.send(&[900; 640], |_| false);
    caller.push(JournalKind::HalfClose);
    caller.answer();
    caller.push(JournalKind::Cancel);
    let unfinished = Unfinished::new(caller.passing);
    let (finished, sessions) = unfinished.finish();
    assert_eq!(sessions[0].session.microphone, Microphone::PushToTalk);
    let kinds: Vec<_> = sessions[0].events.iter().map(|event| event.kind).collect();
    use EventKind::{Audio, Cancel, Config, HalfClose};
    assert_eq!(kinds, [Config, Audio, Audio, HalfClose, Cancel]);
    let clip = &finished.bundle.clips[0];
    assert_eq!(
        clip.speech_method,
        SpeechMethod::Label,
        "the server heard an utterance"
    );
    assert_eq!(
        (clip.speech_start_samples, clip.speech_end_samples),
        (0, 640)
    );
}
