//! Replays of recorded calls: every chunk is an event of its own, and leaves at the instant and with
//! the size that it had.

use std::ops::Range;

use voicelt::pcm::synth::speech_like;
use voicelt::report::Summary;
use voicelt::results::row::{ArrivalRow, MessageRow, RequestRow, Status};
use voicelt::table::read_all;
use voicelt::trace::manifest::TraceManifest;
use voicelt::trace::model::SessionRows;
use voicelt::trace::model::{
    ClipRow, EventKind, EventRow, Microphone, ReplyKind, ReplyRow, SessionRow, TurnRow,
};
use voicelt::trace::writer::{BundleWriter, ClipAudio};
use voicelt::units::SampleRate;

use super::replay_into;
use crate::support::{Desk, sample};

const MS: i64 = 1_000_000;
/// Sizes of the chunks, in turn: a caller that sends what it has.
const SIZES: [u32; 5] = [640, 320, 640, 960, 640];
/// By how much chunks are late, in turn; two in a row leave at one instant.
const JITTER_NS: [i64; 4] = [0, 3_700_123, 1_300_777, 23_700_123];

/// One call as a recorder writes it down.
struct Call {
    rows: SessionRows,
    /// End of the audio so far, and the instant at which its last chunk left.
    spoken_ns: i64,
    left_ns: i64,
    chunks: usize,
}

impl Call {
    fn new(name: &str, start_ns: i64) -> Call {
        let mut call = Call {
            rows: SessionRows {
                session: SessionRow {
                    session: 0,
                    session_id: name.to_owned(),
                    start_ns,
                    language_code: "en-US".to_owned(),
                    sample_rate_hz: 16_000,
                    microphone: Microphone::Open,
                    turns: 0,
                    recorded_status: Some("OK".to_owned()),
                    recorded_end_ns: None,
                    metadata: None,
                },
                turns: Vec::new(),
                events: Vec::new(),
                replies: Vec::new(),
            },
            spoken_ns: start_ns,
            left_ns: start_ns,
            chunks: 0,
        };
        call.event(EventKind::Config, None, start_ns, 0, 0);
        call
    }

    fn turn(&self) -> u32 {
        (self.rows.turns.len() as u32).saturating_sub(1)
    }

    fn event(
        &mut self,
        kind: EventKind,
        clip: Option<u32>,
        leaves_ns: i64,
        offset: u64,
        size: u32,
    ) {
        let at_ns = (leaves_ns - i64::from(size) * 31_250).max(self.left_ns);
        self.left_ns = leaves_ns;
        self.rows.events.push(EventRow {
            session: 0,
            turn: self.turn(),
            at_ns,
            kind,
            clip,
            offset_bytes: offset,
            chunk_bytes: size,
            interval_ns: leaves_ns - at_ns,
            count: 1,
            text: None,
        });
    }

    /// Chunks of a clip, or of silence, that leave as they are captured, and a little later.
    fn send(&mut self, clip: Option<u32>, samples: Range<u64>) {
        let (mut offset, end) = (samples.start * 2, samples.end * 2);
        while offset < end {
            let size = SIZES[self.chunks % SIZES.len()].min((end - offset) as u32);
            let late_ns = JITTER_NS[self.chunks % JITTER_NS.len()];
            self.chunks += 1;
            self.spoken_ns += i64::from(size) * 31_250;
            let leaves_ns = (self.spoken_ns + late_ns).max(self.left_ns);
            let (kind, at) = match clip {
                Some(_) => (EventKind::Audio, offset),
                None => (EventKind::Fill, 0),
            };
            self.event(kind, clip, leaves_ns, at, size);
            offset += u64::from(size);
        }
    }

    /// An utterance of the clip, then so much silence.
    fn utterance(&mut self, clip: &ClipRow, think_ns: Option<i64>, silence_ms: i64) {
        let at_ns = self.spoken_ns;
        let into = |samples: u64| Some(at_ns + samples as i64 * 62_500);
        self.rows.turns.push(TurnRow {
            session: 0,
            turn: self.rows.turns.len() as u32,
            at_ns,
            end_ns: into(clip.samples).unwrap(),
            speech_start_ns: into(clip.speech_start_samples),
            speech_end_ns: into(clip.speech_end_samples),
            think_ns,
            clip: Some(clip.clip),
        });
        self.send(Some(clip.clip), 0..clip.samples);
        self.send(None, 0..silence_ms as u64 * 16);
    }

    /// A message of the gateway so long after the last utterance's end of speech.
    fn reply(&mut self, kind: ReplyKind, after_ms: i64) {
        let speech_end_ns = self.rows.turns.last().unwrap().speech_end_ns.unwrap();
        self.rows.replies.push(ReplyRow {
            session: 0,
            turn: self.turn(),
            at_ns: speech_end_ns + after_ms * MS,
            kind,
            bytes: 640,
            text: None,
        });
    }

    fn hang_up(&mut self) {
        self.event(EventKind::HalfClose, None, self.left_ns, 0, 0);
        self.rows.session.recorded_end_ns = Some(self.left_ns + 100 * MS);
    }
}

/// A clip of speech between `quiet_ms` of quiet before it and much after it.
fn clip(speech_ms: u64, after_ms: u64) -> (ClipRow, Vec<i16>) {
    let speech = 1_600..1_600 + speech_ms * 16;
    let samples = speech.end + after_ms * 16;
    let mut audio = speech_like(samples, speech.clone(), SampleRate(16_000), speech_ms);
    for (n, sample) in audio.iter_mut().enumerate() {
        // A room is never digitally silent.
        *sample = sample.saturating_add((n * 31 % 41) as i16 - 20);
    }
    let bytes: Vec<u8> = audio.iter().flat_map(|s| s.to_le_bytes()).collect();
    let row = ClipRow {
        clip_id: blake3::hash(&bytes).to_hex().to_string(),
        samples,
        speech_start_samples: speech.start,
        speech_end_samples: speech.end,
        ..sample::clip()
    };
    (row, audio)
}

/// Writes `calls.vtrace` of these clips, with their audio or without, and the calls made of them.
fn record(
    desk: &Desk,
    clips: &[(ClipRow, Vec<i16>)],
    with_audio: bool,
    calls: impl Fn(&[ClipRow]) -> Vec<Call>,
) -> Vec<SessionRows> {
    let mut writer = BundleWriter::create(&desk.path("calls.vtrace")).unwrap();
    for (row, samples) in clips {
        let audio = match with_audio {
            true => ClipAudio::Samples(samples),
            false => ClipAudio::Unknown,
        };
        writer.clip(row.clone(), audio).unwrap();
    }
    let rows: Vec<SessionRows> = calls(writer.clips()).into_iter().map(|c| c.rows).collect();
    for rows in &rows {
        writer.session(rows.clone()).unwrap();
    }
    let manifest = TraceManifest {
        delete_after: Some("2026-01-31T00:00:00Z".to_owned()),
        ..sample::manifest("calls", "recorded")
    };
    writer.finish(&manifest).unwrap();
    rows
}

/// Two calls of two turns, answered 400 and 500 ms after their ends of speech.
fn two_calls(clips: &[ClipRow]) -> Vec<Call> {
    let starts_ns = [("first", 0), ("second", 137_003_211)];
    let calls = starts_ns.map(|(name, start_ns)| {
        let mut call = Call::new(name, start_ns);
        for (clip, answer_ms) in clips.iter().zip([400, 500]) {
            call.utterance(clip, None, 6_000);
            call.reply(ReplyKind::Transcript, 150);
            call.reply(ReplyKind::Processing, 160);
            call.reply(ReplyKind::Audio, answer_ms);
            call.reply(ReplyKind::Listening, answer_ms + 100);
        }
        call.hang_up();
        call
    });
    calls.into()
}

fn rows(desk: &Desk) -> Vec<RequestRow> {
    let mut rows = desk.requests("run");
    rows.sort_by(|a, b| (&a.session_id, a.turn).cmp(&(&b.session_id, b.turn)));
    rows
}

fn has_audio(event: &&EventRow) -> bool {
    matches!(event.kind, EventKind::Audio | EventKind::Fill)
}

/// The messages of a session in the order in which they were sent, but for the half-close.
fn sent<'a>(messages: &'a [MessageRow], session: &str) -> Vec<&'a MessageRow> {
    let its = messages.iter().filter(|message| {
        message.session_id == session
            && message.intended_ns.is_some()
            && message.kind != "half_close"
    });
    let mut its: Vec<&MessageRow> = its.collect();
    its.sort_by_key(|message| message.seq);
    its
}

/// Replays two recorded calls, with their audio or without, and compares all that left and all that
/// arrived with what was recorded.
fn every_chunk_as_recorded(with_audio: bool) {
    let desk = Desk::new();
    let clips = [clip(700, 100), clip(900, 300)];
    let recorded = record(&desk, &clips, with_audio, two_calls);
    let (gateway, target) = desk.gateway("--arrivals-log log.parquet");
    let how = "--messages --keep-session-ids --allow-invalid --json run.json";
    desk.voicelt(&format!("replay calls.vtrace -t {target} -o run {how}"))
        .exits(0)
        .says("deleted after 2026-01-31")
        .says("beside the recorded calls");
    gateway.interrupt().exits(0);

    let messages: Vec<MessageRow> = read_all(&desk.path("run/messages.parquet")).unwrap();
    let arrivals: Vec<ArrivalRow> = read_all(&desk.path("log.parquet")).unwrap();
    let epoch_ns = sent(&messages, "first")[0].intended_ns.unwrap();
    for call in &recorded {
        let name = &call.session.session_id;
        let sent = sent(&messages, name);
        let left = sent.iter().map(|message| {
            let kind = message.kind.as_str();
            (kind, message.intended_ns.unwrap() - epoch_ns, message.bytes)
        });
        let events = call
            .events
            .iter()
            .filter(|e| e.kind != EventKind::HalfClose);
        let planned = events.map(|e| (e.kind.name(), e.at_ns + e.interval_ns, e.chunk_bytes));
        assert!(left.eq(planned), "{name}: an instant or a size differs");

        let its = arrivals
            .iter()
            .filter(|row| &row.wire_session_id == name && row.seq > 0);
        let mut its: Vec<(u32, u32)> = its.map(|row| (row.seq, row.bytes)).collect();
        its.sort_unstable();
        let sizes = call.events.iter().filter(has_audio).map(|e| e.chunk_bytes);
        assert!(
            its.into_iter().eq((1..).zip(sizes)),
            "{name}: not what arrived"
        );
    }

    let rows = rows(&desk);
    assert_eq!(rows.len(), 4);
    for (row, answer_ms) in rows.iter().zip([400, 500, 400, 500]) {
        assert_eq!(row.status, Status::Ok, "the gateway heard speech: {row:?}");
        assert_eq!(row.recorded_response_ns, Some(answer_ms * MS));
        assert_eq!(row.recorded_e2e_ns, Some((answer_ms - 150) * MS));
        assert_eq!(row.chunks_sent, row.chunks_planned);
        assert_eq!((&row.transcript, &row.response_text), (&None, &None));
    }
    let summary: Summary = serde_json::from_str(&desk.read("run.json")).unwrap();
    let response = &summary.sections.recorded.as_ref().unwrap()["response"];
    let measured = summary.measured.answered;
    assert_eq!(response.difference.n, measured);
    assert_eq!((response.only_recorded, response.only_replayed), (0, 0));
}

#[test]
fn a_recorded_call_is_sent_as_it_was_recorded() {
    every_chunk_as_recorded(true);
}

#[test]
fn a_call_of_which_only_the_timing_was_kept_is_sent_as_it_was_timed() {
    every_chunk_as_recorded(false);
}

#[test]
fn a_reactive_caller_waits_for_the_answer_and_for_the_end_of_the_room_s_noise() {
    const THINK_NS: i64 = 200 * MS;
    let desk = Desk::new();
    // The noise after the speech belongs to the clip: short in one call, long in the other.
    let clips = [clip(600, 900), clip(700, 9_000), clip(800, 900)];
    record(&desk, &clips, true, |clips| {
        let calls = [("long", 1), ("short", 0)].map(|(name, first)| {
            let mut call = Call::new(name, 0);
            call.utterance(&clips[first], None, 0);
            call.utterance(&clips[2], Some(THINK_NS), 0);
            call.hang_up();
            call
        });
        calls.into()
    });
    // The gateway's answers, and how long they are, follow from the sessions' names.
    let replay = replay_into("embedded", "run");
    desk.voicelt(&format!(
        "{replay} --keep-session-ids --turn-timing reactive"
    ))
    .exits(0);
    let rows = rows(&desk);
    let [long, after_long, short, after_short] = &rows[..] else {
        panic!("two calls of two turns: {rows:?}")
    };
    assert!(rows.iter().all(|row| row.status == Status::Ok), "{rows:?}");
    let sent_ns = long.last_chunk_sent_ns.unwrap();
    assert!(
        long.playout_end_ns.unwrap() + THINK_NS < sent_ns,
        "{long:?}"
    );
    // The caller went on when the last chunk was taken, just before it was written.
    let went_on_ns = after_long.intended_start_ns;
    assert!(long.playout_end_ns.unwrap() + THINK_NS < went_on_ns && went_on_ns <= sent_ns);
    let heard_ns = short.playout_end_ns.unwrap();
    assert!(short.last_chunk_sent_ns.unwrap() < heard_ns, "{short:?}");
    // Later only where the gateway said so late that its answer had ended.
    assert!(after_short.intended_start_ns >= heard_ns + THINK_NS);
}

#[test]
fn a_recorded_caller_whose_thought_is_not_known_is_not_replayed_reactively() {
    let desk = Desk::new();
    record(&desk, &[clip(700, 0), clip(900, 0)], true, two_calls);
    let output = desk.voicelt("replay calls.vtrace --turn-timing reactive -t embedded");
    let output = output.exits(2);
    for word in [
        "session first, turn 1",
        "think_ns",
        "--turn-timing recorded",
    ] {
        output.says(word);
    }
}
