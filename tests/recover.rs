//! Recordings are finished from their journals: what was recorded is in the bundle, to the byte and
//! the nanosecond, and whatever a crash leaves becomes a bundle that is well.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;
use voicelt::pcm::synth::speech_like;
use voicelt::trace::TraceError;
use voicelt::trace::journal::{
    JOURNAL_FILE, JournalKind, JournalReader, JournalRow, JournalWriter, PCM_FILE, Recording,
};
use voicelt::trace::manifest::Provenance;
use voicelt::trace::model::{EventKind, Microphone, ReplyKind, SpeechMethod};
use voicelt::trace::recover::{Counts, Finished, finish};
use voicelt::trace::stream::{Bundle, SessionRows};
use voicelt::units::{NS_PER_MS, NS_PER_S, SampleRate};

const RATE: SampleRate = SampleRate(16_000);
const CHUNK_NS: i64 = 20 * NS_PER_MS;
/// Samples of a chunk.
const CHUNK: usize = 320;

/// What passes the recorder, in order of time: a row, and audio that is kept.
type Passing = (JournalRow, Option<Vec<u8>>);

/// A call as it passes the recorder.
struct Caller {
    call: u64,
    at_ns: i64,
    keeps_audio: bool,
    passing: Vec<Passing>,
}

impl Caller {
    fn new(call: u64, at_ns: i64) -> Caller {
        let mut caller = Caller {
            call,
            at_ns,
            keeps_audio: true,
            passing: Vec::new(),
        };
        caller.push(JournalKind::Opened);
        let config = caller.push(JournalKind::Config);
        config.session_id = Some(format!("call-{call}"));
        config.text = Some("en-US".to_owned());
        config.rate_hz = Some(RATE.0);
        caller
    }

    fn push(&mut self, kind: JournalKind) -> &mut JournalRow {
        let row = JournalRow::new(self.call, self.at_ns, kind);
        self.passing.push((row, None));
        &mut self.passing.last_mut().unwrap().0
    }

    /// Sends samples in chunks, each a little off its time.
    fn send(&mut self, samples: &[i16], is_voiced: impl Fn(usize) -> bool) {
        let start_ns = self.at_ns;
        for (number, samples) in samples.chunks(CHUNK).enumerate() {
            let jitter_ns = (number as i64 * 7919) % 1000 * 3000;
            self.at_ns = start_ns + (number as i64 + 1) * CHUNK_NS + jitter_ns;
            let pcm: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let is_zero = pcm.iter().all(|byte| *byte == 0);
            let keeps_audio = self.keeps_audio;
            let row = self.push(if is_zero {
                JournalKind::Silence
            } else {
                JournalKind::Audio
            });
            row.bytes = pcm.len() as u32;
            if !is_zero && keeps_audio {
                self.passing.last_mut().unwrap().1 = Some(pcm);
            } else if !is_zero {
                row.voiced = Some(is_voiced(number));
            }
        }
    }

    /// Half a second of silence, a second of speech, and silence until the end of two seconds.
    fn speak(&mut self, seed: u64) {
        let mut samples = speech_like(32_000, 8_000..24_000, RATE, seed);
        samples[..7_680].fill(0);
        samples[24_320..].fill(0);
        self.send(&samples, |number| (25..75).contains(&number));
    }

    fn hears(&mut self, kind: JournalKind, after_ms: i64, bytes: u32) {
        self.at_ns += after_ms * NS_PER_MS;
        let row = self.push(kind);
        row.bytes = bytes;
        if matches!(kind, JournalKind::Transcript | JournalKind::LlmText) {
            row.text = Some("hello".to_owned());
        }
    }

    /// The server answers with a second of speech, 200 ms from now, and listens again.
    fn answer(&mut self) {
        self.hears(JournalKind::Transcript, 50, 5);
        self.hears(JournalKind::Processing, 10, 0);
        self.hears(JournalKind::LlmText, 40, 5);
        self.hears(JournalKind::Speaking, 50, 0);
        for _ in 0..10 {
            self.hears(JournalKind::ReplyAudio, 5, 3_200);
        }
        self.hears(JournalKind::Listening, 5, 0);
    }

    fn end(mut self) -> Vec<Passing> {
        self.push(JournalKind::HalfClose);
        self.hears(JournalKind::EndOfTurn, 5, 0);
        self.hears(JournalKind::Closed, 1, 0);
        self.passing.last_mut().unwrap().0.text = Some("OK".to_owned());
        self.passing
    }
}

fn recording() -> Recording {
    Recording {
        name: "a".to_owned(),
        tool: "a test".to_owned(),
        origin_at: "2026-01-01T00:00:00Z".to_owned(),
        contains: vec!["audio".to_owned(), "text".to_owned()],
        delete_after: None,
        settings: serde_json::json!({"sample": 1.0}),
    }
}

fn step() -> Provenance {
    Provenance {
        step: "recover".to_owned(),
        tool: "a test".to_owned(),
        at: "2026-01-01T01:00:00Z".to_owned(),
        settings: serde_json::json!({}),
    }
}

/// Writes a journal of what passes, committed every second.
fn record(place: &Path, mut passing: Vec<Passing>) {
    passing.sort_by_key(|(row, _)| row.at_ns);
    let mut writer = JournalWriter::create(place, &recording()).unwrap();
    let mut second = 0;
    for (row, pcm) in passing {
        if row.at_ns / NS_PER_S > second {
            second = row.at_ns / NS_PER_S;
            writer.commit().unwrap();
        }
        writer.append(row, pcm.as_deref());
    }
    writer.commit().unwrap();
}

struct Desk {
    _folder: TempDir,
    place: PathBuf,
}

impl Desk {
    fn new(passing: Vec<Passing>) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.vtrace");
        record(&place, passing);
        Desk {
            _folder: folder,
            place,
        }
    }

    fn finish(&self) -> (Finished, Vec<SessionRows>) {
        let finished = finish(&self.place, step()).unwrap();
        let bundle = Bundle::open(&self.place).unwrap();
        bundle.check().unwrap();
        bundle.verify_clips().unwrap();
        assert_eq!(bundle.manifest, finished.bundle.manifest);
        let sessions = bundle.sessions().unwrap();
        (finished, sessions.map(Result::unwrap).collect())
    }
}

/// What the caller of a session sends: instants, lengths, and audio where it is kept.
fn sent(bundle: &Bundle, rows: &SessionRows) -> Vec<(i64, u32, Option<Vec<u8>>)> {
    let chunks = rows.events.iter().filter(|event| event.chunk_bytes > 0);
    let chunk = |event: &voicelt::trace::model::EventRow| {
        assert_eq!(event.count, 1);
        let pcm = event.clip.and_then(|clip| {
            let samples = bundle.clip_samples(&bundle.clips[clip as usize]).unwrap()?;
            let pcm: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let from = event.offset_bytes as usize;
            Some(pcm[from..from + event.chunk_bytes as usize].to_vec())
        });
        let silence =
            || (event.kind == EventKind::Fill).then(|| vec![0; event.chunk_bytes as usize]);
        (
            event.at_ns + event.interval_ns,
            event.chunk_bytes,
            pcm.or_else(silence),
        )
    };
    chunks.map(chunk).collect()
}

fn two_turns(call: u64, at_ns: i64) -> Caller {
    let mut caller = Caller::new(call, at_ns);
    caller.hears(JournalKind::Listening, 1, 0);
    caller.speak(call * 2 + 1);
    caller.answer();
    caller.speak(call * 2 + 2);
    caller.answer();
    caller
}

#[test]
fn a_recording_holds_what_passed_to_the_byte_and_the_nanosecond() {
    let calls: Vec<_> = (0..5)
        .map(|call| two_turns(call, 1 + call as i64 * 700 * NS_PER_MS).end())
        .collect();
    let desk = Desk::new(calls.concat());
    let (finished, sessions) = desk.finish();
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
    assert!(!desk.place.join(JOURNAL_FILE).exists());
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
    let desk = Desk::new(two_turns(0, 0).end());
    let (finished, sessions) = desk.finish();
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
    let kept = Desk::new(two_turns(0, 0).end());
    let mut caller = Caller::new(0, 0);
    caller.keeps_audio = false;
    caller.hears(JournalKind::Listening, 1, 0);
    caller.speak(1);
    caller.answer();
    caller.speak(2);
    caller.answer();
    let timed = Desk::new(caller.end());
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
    for (kept, timed) in kept.bundle.clips.iter().zip(&timed.bundle.clips) {
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
    twice.push(JournalKind::Config).rate_hz = Some(8_000);
    passing.extend(twice.end());
    let desk = Desk::new(passing);
    let (finished, sessions) = desk.finish();
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
fn a_recording_without_calls_is_a_trace_without_sessions() {
    let (finished, sessions) = Desk::new(Vec::new()).finish();
    assert_eq!(finished.counts, Counts::default());
    assert!(sessions.is_empty());
}

#[test]
fn an_unfinished_recording_is_named_so_and_left_alone() {
    let desk = Desk::new(two_turns(0, 0).end());
    let said = Bundle::open(&desk.place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    assert!(said.to_string().contains("voicelt trace recover"), "{said}");
    let said = voicelt::trace::staging::Staging::begin(&desk.place).unwrap_err();
    assert!(matches!(said, TraceError::Unfinished(_)), "{said}");
    desk.finish();
    let said = finish(&desk.place, step()).unwrap_err();
    assert!(matches!(said, TraceError::NoJournal(_)), "{said}");
    Bundle::open(&desk.place).unwrap();
}

#[test]
fn a_recording_that_goes_on_is_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a.vtrace");
    let writer = JournalWriter::create(&place, &recording()).unwrap();
    let said = finish(&place, step()).unwrap_err();
    assert!(matches!(said, TraceError::Live { .. }), "{said}");
    drop(writer);
    finish(&place, step()).unwrap();
}

/// The journal of a few calls, to be damaged.
struct Journal {
    rows: Vec<u8>,
    pcm: Vec<u8>,
}

impl Journal {
    fn new() -> Journal {
        let calls = (0..2).map(|call| two_turns(call, call as i64 * 900 * NS_PER_MS).end());
        let desk = Desk::new(calls.collect::<Vec<_>>().concat());
        Journal {
            rows: fs::read(desk.place.join(JOURNAL_FILE)).unwrap(),
            pcm: fs::read(desk.place.join(PCM_FILE)).unwrap(),
        }
    }

    fn put(&self, place: &Path, rows: &[u8], pcm: &[u8]) {
        fs::create_dir(place).unwrap();
        fs::write(place.join(JOURNAL_FILE), rows).unwrap();
        fs::write(place.join(PCM_FILE), pcm).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_a_crash_leaves_becomes_a_bundle_that_is_well(
        rows_kept in 0.0..1.0_f64,
        pcm_kept in prop_oneof![Just(1.0), 0.0..1.0_f64],
        tail in prop_oneof![
            Just(Vec::new()),
            (1_usize..9000).prop_map(|bytes| vec![0; bytes]),
            prop::collection::vec(any::<u8>(), 1..200),
        ],
    ) {
        thread_local!(static JOURNAL: Journal = Journal::new());
        JOURNAL.with(|journal| {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("a.vtrace");
            let mut rows = journal.rows.clone();
            rows.truncate((rows.len() as f64 * rows_kept) as usize);
            rows.extend(tail);
            let pcm = &journal.pcm[..(journal.pcm.len() as f64 * pcm_kept) as usize];
            journal.put(&place, &rows, pcm);

            let mut chunks = 0;
            match JournalReader::open(&place) {
                Err(_) => {
                    // Cut off within the schema, which the recorder syncs before it takes calls.
                    prop_assert!(finish(&place, step()).is_err());
                    prop_assert_eq!(fs::read(place.join(JOURNAL_FILE)).unwrap(), rows);
                    return Ok(());
                }
                Ok(mut reader) => {
                    while let Some(batch) = reader.next_batch().unwrap() {
                        let is_chunk = |row: &&JournalRow| {
                            matches!(row.kind, JournalKind::Audio | JournalKind::Silence)
                        };
                        chunks += batch.rows.iter().filter(is_chunk).count();
                    }
                }
            }
            let finished = finish(&place, step()).unwrap();
            let bundle = Bundle::open(&place).unwrap();
            let extent = bundle.check().unwrap();
            bundle.verify_clips().unwrap();
            prop_assert_eq!(extent.chunks, chunks as u64);
            prop_assert_eq!(extent.sessions, finished.counts.calls);
            Ok(())
        })?;
    }
}
