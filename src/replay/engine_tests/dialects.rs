//! What protocols demand that are not gRPC's: a server that is to be waited for, a microphone that stays open,
//! a session that the caller ends.

use super::*;
use crate::conversation::answer::AnsweredBy;
use crate::dialect::Endpointing;
use crate::replay::GreetingWait;
use crate::transport::ended::{EndCode, Ended, NO_CODE};

/// Frames of the opening and of the utterance.
const SAID: usize = 1 + CHUNKS;
const END_OF_SPEECH: i64 = 200 * MS;

/// Callers with an open microphone who end the session.
fn open() -> Nature {
    Nature {
        endpointing: Endpointing::Server,
        answered_by: AnsweredBy::AudioOrText,
        caller_ends: true,
        says_ready: true,
        has_items: true,
        late_transcripts: true,
        ..Nature::default()
    }
}

fn spec(nature: Nature) -> ReplaySpec {
    ReplaySpec {
        dialect: Dialect::Scripted(nature),
        timeout_ns: TIMEOUT_NS,
        playout_buffer_ns: 0,
        ..ReplaySpec::default()
    }
}

/// What is answered: after how many frames, how many milliseconds later, and what.
fn script(answers: &'static [(usize, i64, &'static str)]) -> impl Fn(usize) -> StreamScript {
    move |_| StreamScript {
        fates: Vec::new(),
        answers: answers
            .iter()
            .map(|(after, delay_ms, message)| Answer {
                after: *after,
                delay_ns: delay_ms * MS,
                message: Ok(Bytes::from_static(message.as_bytes())),
            })
            .collect(),
    }
}

/// One session that starts at 0.
fn one(spec: ReplaySpec, answers: &'static [(usize, i64, &'static str)]) -> Ran {
    run_as(spec, one_utterance(), &[RunTime(0)], script(answers))
}

/// What the stream received that is no audio, and at which millisecond.
fn words(ran: &Ran) -> Vec<(i64, String)> {
    let received = ran.received[0]
        .iter()
        .filter(|(_, frame)| frame.len() != 640);
    let word = |(at, frame): &(RunTime, Bytes)| (at.0 / MS, String::from_utf8_lossy(frame).into());
    received.map(word).collect()
}

/// When the last chunk of silence was received, in milliseconds.
fn silent_until(ran: &Ran) -> i64 {
    let silence = ran.received[0]
        .iter()
        .filter(|(_, frame)| *frame == [0; 640][..]);
    silence.last().map_or(0, |(at, _)| at.0 / MS)
}

#[test]
fn nothing_is_said_before_the_server_is_ready_and_the_wait_is_no_lag() {
    let ran = one(
        spec(open()),
        &[
            (1, 50, "ready"),
            (SAID, 100, "#0=0 processing"),
            (SAID, 120, "#1@0 text hello"),
            (SAID, 130, "#1 listening"),
            (SAID, 140, "#0 final hi"),
        ],
    );
    let row = &ran.requests[&0];
    let session = &ran.sessions[&0];
    assert_eq!(
        (session.ready_ns, session.opened_ns),
        (Some(50 * MS), Some(0))
    );
    // Those due at 20 and 40 waited until 50.
    assert_eq!((row.blocked_ns, row.lag_max_ns), (40 * MS, Some(0)));
    assert_eq!(session.blocked_ns, Some(30 * MS));
    let sent: Vec<_> = ran.received[0]
        .iter()
        .map(|(at, _)| at.0 / MS)
        .take(5)
        .collect();
    assert_eq!(sent, [0, 50, 50, 60, 80]);
    assert_eq!(
        (row.status, row.first_llm_ns),
        (Status::Ok, Some(END_OF_SPEECH + 120 * MS))
    );
    assert_eq!(
        (session.end, session.close_code),
        (SessionEnd::Finished, Some(1000))
    );
}

#[test]
fn the_microphone_stays_open_until_the_answer_was_heard() {
    // 640 bytes are 20 ms: the second piece is heard until 120 ms after the end of speech.
    let ran = one(
        spec(open()),
        &[
            (1, 0, "ready"),
            (SAID, 50, "#0<0 cleared"),
            (SAID, 60, "#0>200 processing"),
            (SAID, 80, "#1@0 audio 640"),
            (SAID, 90, "#1 audio 640"),
            (SAID, 95, "#1 listening"),
            (SAID, 99, "#0 final hi"),
        ],
    );
    let row = &ran.requests[&0];
    assert_eq!((row.status, row.answers), (Status::Ok, 1));
    assert_eq!(row.playout_end_ns, Some(END_OF_SPEECH + 120 * MS));
    assert_eq!(silent_until(&ran), 320);
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 120 * MS));
    assert_eq!(
        (row.owner_uncertain, row.transcript.as_deref()),
        (Some(false), Some("hi"))
    );
}

#[test]
fn a_transcript_is_waited_for_after_the_answer_but_not_for_long() {
    const LATE: &[(usize, i64, &str)] = &[
        (1, 0, "ready"),
        (SAID, 60, "#0>200 processing"),
        (SAID, 80, "#1@0 text hello"),
        (SAID, 95, "#1 listening"),
        (SAID, 900, "#0 final hi"),
    ];
    let ran = one(spec(open()), LATE);
    let row = &ran.requests[&0];
    assert_eq!(row.final_transcript_ns, Some(END_OF_SPEECH + 900 * MS));
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 900 * MS));
    let short = ReplaySpec {
        transcript_wait_ns: 500 * MS,
        ..spec(open())
    };
    let ran = one(short, LATE);
    assert_eq!(ran.requests[&0].final_transcript_ns, None);
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 595 * MS));
    let unasked = Nature {
        late_transcripts: false,
        ..open()
    };
    let ran = one(spec(unasked), LATE);
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 95 * MS));
}

#[test]
fn a_server_that_only_listens_has_answered_with_the_final_transcript() {
    let nature = Nature {
        answered_by: AnsweredBy::Transcript,
        ..open()
    };
    let ran = one(
        spec(nature),
        &[
            (1, 0, "ready"),
            (SAID, 60, "#0>200 unknown"),
            (SAID, 70, "#0 transcript how"),
            (SAID, 90, "#0 final how are you"),
        ],
    );
    let row = &ran.requests[&0];
    assert_eq!((row.status, row.answers), (Status::Ok, 1));
    assert_eq!(row.final_ns, Some(90 * MS));
    assert_eq!(ran.sessions[&0].turns_answered, Some(1));
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 90 * MS));
}

#[test]
fn who_pushes_to_talk_says_when_they_have_spoken() {
    let pushed = Nature {
        endpointing: Endpointing::Caller,
        ..open()
    };
    let ran = one(
        spec(pushed),
        &[
            (1, 0, "ready"),
            (SAID + 1, 10, "#0=0 unknown"),
            (SAID + 1, 20, "#1@0 text hello"),
            (SAID + 1, 30, "#1 listening"),
            (SAID + 1, 31, "#0 final hi"),
        ],
    );
    assert_eq!(
        words(&ran),
        [(0, "start s0".to_owned()), (200, "commit 0".to_owned())]
    );
    assert_eq!(
        (silent_until(&ran), ran.requests[&0].status),
        (0, Status::Ok)
    );
    let sent = ran.messages[&0]
        .iter()
        .filter(|row| row.direction == Direction::Sent);
    let kinds: Vec<_> = sent.map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds[SAID], "protocol");
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 31 * MS));
}

#[test]
fn what_is_owed_is_sent_when_it_is_due() {
    let ran = one(
        spec(open()),
        &[
            (1, 0, "ready"),
            (3, 5, "call 12000000"),
            (SAID, 20, "#0=0 processing"),
            (SAID, 30, "error no GPU"),
        ],
    );
    assert_eq!(
        words(&ran),
        [(0, "start s0".to_owned()), (57, "output".to_owned())]
    );
    let row = &ran.requests[&0];
    assert_eq!(
        (row.status, row.error.as_deref()),
        (Status::Error, Some("no GPU"))
    );
}

#[test]
fn an_objection_fails_a_turn_only_if_no_answer_follows() {
    let ran = one(
        spec(open()),
        &[
            (1, 0, "ready"),
            (SAID, 10, "refused item not found"),
            (SAID, 20, "#0=0 processing"),
            (SAID, 30, "#1@0 text hello"),
            (SAID, 40, "#1 listening"),
            (SAID, 41, "#0 final hi"),
        ],
    );
    assert_eq!(
        (ran.requests[&0].status, &ran.requests[&0].error),
        (Status::Ok, &None)
    );
    let ran = one(
        spec(open()),
        &[
            (1, 0, "ready"),
            (SAID, 10, "#0=0 processing"),
            (SAID, 20, "#0 refused nothing was heard"),
            (SAID, 40, "#0 listening"),
            (SAID, 41, "#0 final hi"),
        ],
    );
    let row = &ran.requests[&0];
    assert_eq!(
        (row.status, row.error.as_deref()),
        (Status::Error, Some("nothing was heard"))
    );
}

#[test]
fn a_caller_who_is_heard_hears_no_more() {
    // One second of audio, of which a tenth is played when the server hears the caller again.
    let ran = one(
        spec(open()),
        &[
            (1, 0, "ready"),
            (SAID, 20, "#0>200 processing"),
            (SAID, 100, "#1@0 audio 32000"),
            (SAID, 200, "#2<900 cleared"),
            (SAID, 210, "#1 listening"),
            (SAID, 220, "#0 final hi"),
        ],
    );
    assert_eq!(words(&ran)[1], (400, "unheard 900".to_owned()));
    let row = &ran.requests[&0];
    assert_eq!(row.playout_end_ns, Some(END_OF_SPEECH + 200 * MS));
    assert_eq!(ran.sessions[&0].ended_ns, Some(END_OF_SPEECH + 220 * MS));
}

#[test]
fn a_greeting_is_no_answer_and_is_heard_out_by_who_waits_for_it() {
    const GREETS: &[(usize, i64, &str)] = &[
        (1, 5, "ready"),
        (1, 10, "#0 audio 3200"),
        (1, 50, "#0 listening"),
        (SAID, 20, "#1=0 processing"),
        (SAID, 30, "#2@1 text hello"),
        (SAID, 40, "#2 listening"),
        (SAID, 41, "#1 final hi"),
    ];
    let heard = |greeting| {
        let ran = one(
            ReplaySpec {
                greeting,
                ..spec(open())
            },
            GREETS,
        );
        let row = &ran.requests[&0];
        assert_eq!(
            (row.status, row.answers, row.audio_received_samples),
            (Status::Ok, 1, 0)
        );
        let session = &ran.sessions[&0];
        assert_eq!(session.greeting_start_ns, Some(10 * MS));
        assert_eq!(session.greeting_end_ns, Some(50 * MS));
        // The first chunk leaves when it was captured.
        (ran.received[0][1].0.0 - 20 * MS, row.final_ns)
    };
    assert_eq!(heard(GreetingWait::Ignore), (0, Some(41 * MS)));
    // 100 ms of audio from 10 ms on.
    assert_eq!(heard(GreetingWait::HearOut), (110 * MS, Some(41 * MS)));
    assert_eq!(heard(GreetingWait::Wait), (110 * MS, Some(41 * MS)));
}

#[test]
fn a_greeting_into_which_the_caller_speaks_is_no_answer() {
    let ran = one(
        spec(open()),
        &[
            (1, 5, "ready"),
            (6, 10, "#0= audio 640"),
            (8, 10, "#0 audio 640"),
            (8, 12, "#0 listening"),
            (SAID, 20, "#1=0 processing"),
            (SAID, 30, "#2@1 text hello"),
            (SAID, 40, "#2 listening"),
            (SAID, 41, "#1 final hi"),
        ],
    );
    let row = &ran.requests[&0];
    assert_eq!((row.audio_received_samples, row.answers), (0, 1));
    assert_eq!(row.first_llm_ns, Some(END_OF_SPEECH + 30 * MS));
    let session = &ran.sessions[&0];
    assert!(session.greeting_start_ns.is_some(), "{session:?}");
}

#[test]
fn who_waits_for_a_greeting_in_vain_gives_up() {
    let wait = ReplaySpec {
        greeting: GreetingWait::Wait,
        ..spec(open())
    };
    let ran = one(wait, &[(1, 5, "ready")]);
    let session = &ran.sessions[&0];
    assert_eq!(session.end, SessionEnd::Error);
    assert!(
        session
            .error
            .as_deref()
            .unwrap()
            .contains("said nothing first")
    );
    // Counted from the instant at which the caller would have spoken.
    assert_eq!(session.ended_ns, Some(20 * MS + TIMEOUT_NS));
}

#[test]
fn a_server_that_never_says_that_it_has_ended_is_given_up() {
    let ran = one(
        spec(open()),
        &[
            (1, 0, "ready"),
            (SAID, 20, "#0=0 processing"),
            (SAID, 30, "#1@0 audio 640"),
        ],
    );
    let row = &ran.requests[&0];
    assert_eq!(
        (row.status, row.first_audio_ns),
        (Status::Timeout, Some(END_OF_SPEECH + 30 * MS))
    );
    assert_eq!(
        ran.sessions[&0].ended_ns,
        Some(END_OF_SPEECH + 30 * MS + TIMEOUT_NS)
    );
}

/// Callers of a server that ends an utterance with its final transcript, and the session once it was told to.
fn awaiting_close() -> ReplaySpec {
    spec(Nature {
        answered_by: AnsweredBy::Transcript,
        has_items: false,
        late_transcripts: false,
        says_ready: false,
        awaits_close: true,
        ..open()
    })
}

const FINALS: &[(usize, i64, &str)] = &[(SAID, 60, "final one"), (SAID, 500, "final two")];

#[test]
fn what_a_server_says_before_it_closes_is_taken() {
    let closing = |n| {
        let mut script = script(FINALS)(n);
        script.answers.push(Answer {
            after: SAID,
            delay_ns: 700 * MS,
            message: Err(Ended::new(EndCode::Close(NO_CODE), "")),
        });
        script
    };
    let ran = run_as(awaiting_close(), one_utterance(), &[RunTime(0)], closing);
    let (row, session) = (&ran.requests[&0], &ran.sessions[&0]);
    assert_eq!(row.transcript.as_deref(), Some("one two"));
    assert_eq!(row.status, Status::Ok);
    assert_eq!(session.close_code, Some(NO_CODE.into()));
    assert_eq!(session.ended_ns, Some(END_OF_SPEECH + 700 * MS));
}

#[test]
fn a_server_that_does_not_close_is_not_waited_for_long() {
    let ended = |timeout_ns| {
        let spec = ReplaySpec {
            timeout_ns,
            ..awaiting_close()
        };
        let ran = one(spec, FINALS);
        let (row, session) = (&ran.requests[&0], &ran.sessions[&0]);
        assert_eq!(row.transcript.as_deref(), Some("one two"));
        assert_eq!(
            (row.status, session.end, session.close_code),
            (Status::Ok, SessionEnd::Finished, Some(1000))
        );
        session.ended_ns.unwrap() - END_OF_SPEECH - 60 * MS
    };
    assert_eq!(ended(10 * NS_PER_S), 2 * NS_PER_S);
    assert_eq!(ended(TIMEOUT_NS), TIMEOUT_NS / 2);
}
