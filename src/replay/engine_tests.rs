//! The whole engine over a scripted transport, on a clock that only the test moves: every instant is known
//! beforehand, to the nanosecond.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::unbounded_channel;

use super::audio_cache::tests::bundle;
use super::connections::Connections;
use super::entry::Entry;
use super::facts::RunFacts;
use super::idle::Idle;
use super::microphone::as_sent;
use super::pacer::Pacer;
use super::phases::Phases;
use super::plan::tests::{event, session as rows_of_session, turn};
use super::progress::row;
use super::script::Script;
use super::session;
use super::session_index::SessionIndex;
use super::starts::Starts;
use super::worker::{Assignment, work};
use super::{ReplaySpec, Stop};
use crate::clock::RunClock;
use crate::clock::manual::ManualClock;
use crate::dialect::{Dialect, Nature};
use crate::live::gauges::Gauges;
use crate::results::row::{Direction, MessageRow, RequestRow, SessionEnd, SessionRow, Status};
use crate::trace::model::EventKind::{Audio, Config, HalfClose};
use crate::trace::model::SessionRows;
use crate::trace::model::{EventKind, Microphone};
use crate::transport::scripted::{Answer, Connection, Fate, StreamScript};
use crate::transport::status::GrpcStatus;
use crate::units::{NS_PER_MS, NS_PER_S, RunTime};

const MS: i64 = NS_PER_MS;
const CHUNKS: usize = 10;
/// Config, chunks, half-close.
const FRAMES: usize = CHUNKS + 2;
const TIMEOUT_NS: i64 = 2 * NS_PER_S;

/// A caller who says one utterance of 200 ms, push to talk.
fn one_utterance() -> SessionRows {
    let events = vec![
        event(0, Config, 0, 1),
        event(0, Audio, 0, CHUNKS as u32),
        event(0, HalfClose, 200, 1),
    ];
    rows_of_session(0, 0, Microphone::PushToTalk, vec![turn(0, 0, 200)], events)
}

/// What came of a run.
struct Ran {
    /// Of each session, by number.
    messages: BTreeMap<u64, Vec<MessageRow>>,
    requests: BTreeMap<u64, RequestRow>,
    sessions: BTreeMap<u32, SessionRow>,
    /// What each stream received.
    received: Vec<Vec<(RunTime, Bytes)>>,
}

/// Runs sessions that start when `starts` says, on streams that go as `script` says.
fn run(starts: &[RunTime], script: impl Fn(usize) -> StreamScript + Send + Sync + 'static) -> Ran {
    let spec = ReplaySpec {
        dialect: Dialect::Scripted(Nature::default()),
        timeout_ns: TIMEOUT_NS,
        ..ReplaySpec::default()
    };
    run_as(spec, one_utterance(), starts, script)
}

/// The same as `spec` says, each session with these rows.
fn run_as(
    spec: ReplaySpec,
    rows: SessionRows,
    starts: &[RunTime],
    script: impl Fn(usize) -> StreamScript + Send + Sync + 'static,
) -> Ran {
    let clock = ManualClock::default();
    let (_dir, bundle, _) = bundle(1, true);
    let run = Arc::new(RunFacts {
        run_id: "run".to_owned(),
        epoch_realtime_ns: 0,
        keep_text: true,
        keep_session_ids: true,
        clips: bundle.clips.clone(),
        closed_loop: false,
        dialect: spec.dialect_name(),
        nature: spec.dialect.nature(),
        phases: Phases::default(),
    });
    let (scripts, planned) = unbounded_channel();
    let rows = as_sent(rows, &spec.dialect.nature());
    let rows = Arc::new(rows);
    let index = Arc::new(SessionIndex::of(&rows));
    for (number, start) in (0..).zip(starts) {
        let script = Script::new(rows.clone(), index.clone(), number, number as u32, *start);
        for (nth, stretch) in index.stretches.iter().enumerate() {
            let audio = match rows.events[stretch.events.start].kind {
                EventKind::Fill => spec.dialect.frame_audio(&[0; 640], std::iter::once(640)),
                _ => {
                    let sizes = std::iter::repeat_n(640, CHUNKS);
                    spec.dialect.frame_audio(&[7; 640 * CHUNKS], sizes)
                }
            };
            script.provide(nth, audio);
        }
        scripts.send(Arc::new(script)).unwrap();
    }
    drop(scripts);
    let (sink, entries) = sync_channel(100_000);
    let job = Assignment {
        number: 0,
        starts: Starts::planned(planned),
        spec: Arc::new(ReplaySpec {
            messages: true,
            ..spec
        }),
        run: run.clone(),
        clock: RunClock::manual(&clock),
        gauges: Arc::new(Gauges::default()),
        sink,
        stop: Stop::default(),
        idle: Idle::default(),
    };
    let connection = Connection::new(&clock, script);
    let over = crate::transport::stream::Connection::Scripted(connection.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let worked = work(job, Pacer::manual(&clock), Connections::over(over));
        let account = tokio::time::timeout(Duration::from_secs(60), worked).await;
        let account = account.expect("the engine hangs").unwrap();
        assert_eq!((account.rows_lost, account.audio_misses), (0, 0));
    });
    gather(&run, &entries, connection.received())
}

fn gather(run: &RunFacts, entries: &Receiver<Entry>, received: Vec<Vec<(RunTime, Bytes)>>) -> Ran {
    let mut ran = Ran {
        messages: BTreeMap::new(),
        requests: BTreeMap::new(),
        sessions: BTreeMap::new(),
        received,
    };
    let mut scripts = BTreeMap::new();
    for entry in entries.try_iter() {
        match entry {
            Entry::Opened(script) => {
                scripts.insert(script.number, script);
            }
            Entry::Messages(batch) => {
                for message in &batch.messages {
                    let row = message.row(&scripts[&message.session]);
                    ran.messages.entry(message.session).or_default().push(row);
                }
            }
            Entry::Turn(record) => {
                let number = record.script.number;
                let row = row(run, &record).unwrap();
                assert!(ran.requests.insert(number, row).is_none(), "one row a turn");
            }
            Entry::Session(record) => {
                let row = session::row(run, &record);
                let known = ran.sessions.insert(row.copy, row);
                assert!(known.is_none(), "one row a session");
            }
            _ => {}
        }
    }
    ran
}

/// What is to become of the frames of session `number`.
fn fates(number: usize) -> Vec<Fate> {
    use Fate::{Half, Refused, Stuck, Written};
    let at = |of: &[(usize, Fate)]| {
        let mut fates = vec![Written(0); FRAMES];
        of.iter().for_each(|(frame, fate)| fates[*frame] = *fate);
        fates
    };
    match number % 7 {
        0 => Vec::new(),
        1 => at(&[(3, Written(3 * MS + 7)), (6, Written(45 * MS))]),
        2 => at(&[(4, Half(50 * MS + 3))]),
        3 => at(&[(5, Refused(33 * MS + 1))]),
        // The system takes nothing for a while, twice.
        6 => at(&[(3, Stuck(70 * MS + 9)), (8, Stuck(5 * MS))]),
        // One frame at a time gets through.
        4 => at(&[
            (4, Half(90 * MS)),
            (5, Half(30 * MS)),
            (6, Refused(11 * MS)),
            (7, Half(5)),
        ]),
        _ => at(&[
            (0, Refused(70 * MS)),
            (2, Written(1)),
            (FRAMES - 1, Written(400 * MS)),
        ]),
    }
}

fn answers() -> Vec<Answer> {
    let messages = [
        (10, Ok("transcript hello")),
        (11, Ok("processing")),
        (20, Ok("text hi")),
        (29, Ok("speaking")),
        (30, Ok("audio 640")),
        (40, Ok("listening")),
        (41, Ok("done")),
        (45, Err(())),
    ];
    let answer = |(delay_ms, message): (i64, Result<&'static str, ()>)| Answer {
        after: FRAMES,
        delay_ns: delay_ms * MS,
        message: match message {
            Ok(text) => Ok(Bytes::from_static(text.as_bytes())),
            Err(()) => Err(GrpcStatus::new(0, "").into()),
        },
    };
    messages.into_iter().map(answer).collect()
}

/// When a frame is due, taken and written, and for how long its peer kept it waiting: until it was taken, and
/// after that.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Expected {
    due: i64,
    taken: i64,
    written: i64,
    stuck: i64,
}

impl Expected {
    fn blocked(&self) -> i64 {
        self.taken - self.due + self.stuck
    }
}

/// The same in a few lines, of one stream whose caller is never late.
fn expected(start: RunTime, fates: &[Fate]) -> Vec<Expected> {
    let mut frames: Vec<Expected> = Vec::new();
    let (mut busy, mut written, mut stuck) = (i64::MIN, i64::MIN, i64::MIN);
    for frame in 0..FRAMES {
        let due = start.0 + frame.min(CHUNKS) as i64 * 20 * MS;
        let before = frames.last().map_or(i64::MIN, |last| last.taken);
        let free = due.max(before).max(busy);
        let (taken, delay) = match fates.get(frame) {
            Some(Fate::Refused(ns)) => (free + ns, 0),
            Some(Fate::Written(ns) | Fate::Half(ns) | Fate::Stuck(ns)) => (free, *ns),
            Some(Fate::Lost) | None => (free, 0),
        };
        if let Some(Fate::Half(ns)) = fates.get(frame) {
            busy = taken + ns;
        }
        if let Some(Fate::Stuck(ns)) = fates.get(frame) {
            stuck = taken + ns;
        }
        written = written.max(taken + delay);
        frames.push(Expected {
            due,
            taken,
            written,
            stuck: if taken < stuck { written - taken } else { 0 },
        });
    }
    frames
}

/// How long at least one of the frames waited, each from when it was due until it was taken, or written if the
/// peer took nothing.
fn waited(frames: &[Expected]) -> i64 {
    let mut until = i64::MIN;
    let waits = frames.iter().map(|frame| {
        let (since, end) = (frame.due.max(until), frame.taken + frame.stuck);
        until = until.max(end);
        (end - since).max(0)
    });
    waits.sum()
}

#[test]
fn fifty_sessions_are_sent_and_told_of_to_the_nanosecond() {
    let starts: Vec<_> = (0..50_i64)
        .map(|n| RunTime(100 * MS + n * 7_300_001))
        .collect();
    let ran = run(&starts, |number| StreamScript {
        fates: fates(number),
        answers: answers(),
    });
    assert_eq!((ran.messages.len(), ran.requests.len()), (50, 50));
    assert_eq!(ran.sessions.len(), 50);
    for (number, start) in starts.into_iter().enumerate() {
        let expected = expected(start, &fates(number));
        let of = &ran.messages[&(number as u64)];
        let sent = of.iter().filter(|row| row.direction == Direction::Sent);
        let sent: Vec<_> = sent
            .map(|row| (row.intended_ns, row.released_ns, row.taken_ns, row.sent_ns))
            .collect();
        let wanted: Vec<_> = expected
            .iter()
            .map(|frame| {
                let taken = Some(frame.taken);
                (Some(frame.due), taken, taken, Some(frame.written))
            })
            .collect();
        assert_eq!(sent, wanted, "session {number}");
        // The receiver says the same.
        let received = &ran.received[number];
        let instants: Vec<_> = received.iter().map(|(at, _)| at.0).collect();
        let written: Vec<_> = expected.iter().map(|frame| frame.written).collect();
        assert_eq!(instants, written, "session {number}");
        assert_eq!(received[0].1, "start s0");
        assert!(
            received[1..=CHUNKS]
                .iter()
                .all(|(_, pcm)| *pcm == [7; 640][..])
        );
        assert!(received[FRAMES - 1].1.is_empty());

        let row = &ran.requests[&(number as u64)];
        let chunks = &expected[1..=CHUNKS];
        let lags = chunks
            .iter()
            .map(|chunk| chunk.written - chunk.due - chunk.blocked());
        assert_eq!(row.lag_max_ns, lags.max(), "session {number}");
        let blocked_ns = chunks.iter().map(Expected::blocked).sum::<i64>();
        assert_eq!(row.blocked_ns, blocked_ns, "session {number}");
        let instants = [
            row.started_ns,
            row.end_of_speech_sent_ns,
            row.last_chunk_sent_ns,
        ];
        let last = Some(expected[CHUNKS].written);
        assert_eq!(instants, [Some(expected[0].written), last, last]);
        let answered = expected[FRAMES - 1].written;
        assert_eq!(row.final_transcript_ns, Some(answered + 10 * MS));
        let end_of_speech = start.0 + 200 * MS;
        assert_eq!(row.final_ns, Some(answered + 10 * MS - end_of_speech));
        assert_eq!(row.first_audio_ns, Some(answered + 30 * MS));
        assert_eq!(row.closed_ns, Some(answered + 45 * MS));
        assert_eq!((row.status, row.chunks_sent), (Status::Ok, CHUNKS as u32));
        assert_eq!(row.transcript.as_deref(), Some("hello"));

        let whole = &ran.sessions[&(number as u32)];
        assert_eq!(
            (whole.planned_start_ns, whole.opened_ns),
            (start.0, Some(start.0))
        );
        assert_eq!(whole.started_ns, row.started_ns);
        assert_eq!(whole.ended_ns, Some(answered + 45 * MS));
        assert_eq!(
            whole.blocked_ns,
            Some(waited(&expected)),
            "session {number}"
        );
        assert_eq!(
            (whole.end, whole.grpc_code),
            (SessionEnd::Finished, Some(0))
        );
        assert_eq!(
            (whole.turns_planned, whole.turns_answered),
            (Some(1), Some(1))
        );
    }
}

#[test]
fn what_is_taken_and_never_written_was_not_sent() {
    let start = RunTime(NS_PER_S);
    let ran = run(&[start], |_| StreamScript {
        fates: [vec![Fate::Written(0); 8], vec![Fate::Lost]].concat(),
        answers: answers(),
    });
    let row = &ran.requests[&0];
    // Config and seven chunks: the eighth waits from when it was taken.
    assert_eq!((row.status, row.chunks_sent), (Status::Timeout, 7));
    assert_eq!(
        (row.end_of_speech_sent_ns, row.first_audio_ns),
        (None, None)
    );
    assert_eq!(row.closed_ns, Some(start.0 + 8 * 20 * MS + TIMEOUT_NS));
    assert_eq!((ran.messages[&0].len(), ran.received[0].len()), (8, 8));
    let whole = &ran.sessions[&0];
    assert_eq!(
        (whole.end, whole.ended_ns),
        (SessionEnd::Timeout, row.closed_ns)
    );
}

#[test]
fn a_peer_that_takes_a_little_at_a_time_is_waited_for() {
    // Each frame half a timeout after the one before: there is progress all the time.
    let ran = run(&[RunTime(0)], |_| StreamScript {
        fates: vec![Fate::Refused(TIMEOUT_NS / 2); FRAMES],
        answers: answers(),
    });
    let row = &ran.requests[&0];
    assert_eq!((row.status, row.chunks_sent), (Status::Ok, CHUNKS as u32));
    assert_eq!(row.lag_max_ns, Some(0), "all of the wait was for the peer");
    // One frame or another waits from the start until the last is taken.
    let waited_ns = FRAMES as i64 * TIMEOUT_NS / 2;
    assert_eq!(ran.sessions[&0].blocked_ns, Some(waited_ns));
    let ran = run(&[RunTime(0)], |_| StreamScript {
        fates: vec![Fate::Written(0), Fate::Refused(TIMEOUT_NS + 1)],
        answers: answers(),
    });
    let row = &ran.requests[&0];
    assert_eq!((row.status, row.chunks_sent), (Status::Timeout, 0));
    assert_eq!(row.closed_ns, Some(20 * MS + TIMEOUT_NS));
    // It was still waiting when it was given up, and so was all that fell due behind it.
    let whole = &ran.sessions[&0];
    assert_eq!(
        (whole.end, whole.blocked_ns),
        (SessionEnd::Timeout, Some(TIMEOUT_NS))
    );
    let behind = (0..CHUNKS as i64).map(|chunk| TIMEOUT_NS - chunk * 20 * MS);
    assert_eq!(row.blocked_ns, behind.sum::<i64>());
    assert_eq!(row.lag_max_ns, None, "nothing was sent");
}

#[test]
fn a_peer_that_takes_nothing_is_to_blame_for_what_was_taken_and_never_written() {
    let ran = run(&[RunTime(0)], |_| StreamScript {
        fates: [vec![Fate::Written(0); 4], vec![Fate::Stuck(NS_PER_S * 60)]].concat(),
        answers: answers(),
    });
    let row = &ran.requests[&0];
    assert_eq!((row.status, row.chunks_sent), (Status::Timeout, 3));
    // The fourth chunk is given up a timeout after it was taken; the others were due by then.
    let ended = 80 * MS + TIMEOUT_NS;
    let waits = (4..=CHUNKS as i64).map(|chunk| ended - chunk * 20 * MS);
    assert_eq!((row.closed_ns, row.blocked_ns), (Some(ended), waits.sum()));
    assert_eq!(row.lag_max_ns, Some(0));
    assert_eq!(ran.sessions[&0].blocked_ns, Some(TIMEOUT_NS));
}

mod dialects;
