//! How far one utterance has come, and the row it becomes.

use std::sync::Arc;

use super::end::{End, close_code, ended, stalled};
use super::facts::{CallFacts, RunFacts};
use super::script::Script;
use crate::conversation::answer::Answer;
use crate::results::row::{RequestRow, Status};
use crate::table::UtcInstant;
use crate::trace::model::Microphone;
use crate::transport::ended::Ended;
use crate::units::{RunTime, TraceTime};

/// How far one utterance has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// First message handed to the transport.
    pub(super) started_ns: Option<i64>,
    /// Chunk with the last voiced sample handed to the transport.
    pub(super) end_of_speech_sent_ns: Option<i64>,
    /// Last chunk handed to the transport.
    pub(super) last_chunk_sent_ns: Option<i64>,
    /// Chunks sent.
    pub(super) chunks_sent: u32,
    /// PCM bytes sent.
    pub(super) bytes_sent: u64,
    /// Lags of its chunks.
    pub(super) lags_ns: Vec<i64>,
    /// Time that due chunks waited for the peer.
    pub(super) blocked_ns: i64,
    /// The row was closed.
    pub(super) closed_ns: Option<i64>,
    /// Open sessions at the end of speech.
    pub(super) concurrent_sessions: Option<u32>,
    /// Sessions awaiting an answer at the end of speech.
    pub(super) awaiting_answer: Option<u32>,
    /// How much later than recorded it happened.
    pub(super) shift_ns: i64,
    /// It began before the answer to the one before had been heard, other than by `--barge-in`.
    pub(super) overlapped: bool,
    /// The caller began to speak into its answer.
    pub(super) barge_in: Option<BargeIn>,
    /// Its answer has begun to play.
    pub(super) is_heard: bool,
    /// Its end of speech was sent, and nothing was heard yet.
    pub(super) awaiting: bool,
}

/// The caller speaks while an answer is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BargeIn {
    /// When.
    pub(super) at: RunTime,
    /// Samples of the answer that had arrived by then.
    pub(super) samples: u64,
}

/// All that is known of one turn when its row is written. It is made when the session starts, so
/// that nothing is allocated when it is handed over; the row is made of it on another thread.
#[derive(Debug)]
pub struct TurnRecord {
    /// The session.
    pub(super) script: Arc<Script>,
    /// The turn.
    pub(super) turn: usize,
    /// How far it came.
    pub(super) progress: Progress,
    /// Its session, as known when the record is handed over.
    pub(super) facts: CallFacts,
    /// What came in answer; `None` before the record is handed over.
    pub(super) answer: Option<Answer>,
    /// How the session ended, if it has.
    pub(super) end: Option<End>,
}

impl TurnRecord {
    /// The record of a turn that has not started.
    pub(super) fn new(script: &Arc<Script>, turn: usize) -> Box<TurnRecord> {
        Box::new(TurnRecord {
            script: script.clone(),
            turn,
            progress: Progress::default(),
            facts: CallFacts::default(),
            answer: None,
            end: None,
        })
    }
}

/// The row of a turn; `None` where nothing was handed over, and for a turn that had not started when
/// the user ended the run: it has no outcome, like those of sessions that did not begin.
pub(super) fn row(run: &RunFacts, record: &TurnRecord) -> Option<RequestRow> {
    let TurnRecord {
        script,
        turn,
        progress,
        facts,
        answer,
        end,
    } = record;
    let answer = answer.as_ref()?;
    if progress.started_ns.is_none() && *end == Some(End::Interrupted) {
        return None;
    }
    let session = &script.rows.session;
    let planned = script.turn(*turn);
    let clip = planned.clip.map(|clip| &run.clips[clip as usize]);
    let expects_answer = run.expects_answer(planned);
    let at = |ns| script.run_time(TraceTime(ns)).0 + progress.shift_ns;
    let intended_start_ns = at(planned.at_ns);
    let barge_in_ns = progress.barge_in.map(|barge_in| barge_in.at.0);
    let lag = |q| quantile(&progress.lags_ns, q);
    let final_transcript = answer.final_transcript();
    // The first of a session is under way once its stream is open, whether or not anything could be sent.
    let had_room = progress.started_ns.is_some();
    let began = had_room || *turn == 0 && facts.opened_ns.is_some();
    let (status, error) = match began {
        true => {
            let answered = answer.answered_ns(run.nature.answered_by).is_some();
            outcome(progress, answer, answered, end.as_ref(), expects_answer)
        }
        false => (Status::NotStarted, ended(end.as_ref())),
    };
    let error = error.or_else(|| {
        let stalled = stalled(facts, had_room, run.nature);
        stalled.filter(|_| began).map(str::to_owned)
    });
    let error = error.or_else(|| match status {
        // Why a server ended the session is all that it says of an answer that did not come.
        Status::NoAnswer => end.as_ref().and_then(End::reason),
        _ => None,
    });
    let early = match (answer.processing_ns, progress.end_of_speech_sent_ns) {
        (Some(processing), Some(sent)) => processing < sent,
        (processing, None) => processing.is_some(),
        (None, _) => false,
    };
    let ended_by = end.as_ref().and_then(End::ended);
    let recorded = script.index.recorded.get(*turn).copied();
    let recorded = recorded.unwrap_or_default();
    let text = |text: String| (run.keep_text && !text.is_empty()).then_some(text);
    let mut row = RequestRow {
        run_id: run.run_id.clone(),
        session_id: session.session_id.clone(),
        copy: script.copy,
        turn: planned.turn,
        wire_session_id: run.wire_session_id(script),
        user: script.user,
        clip_id: clip.map(|clip| clip.clip_id.clone()),
        language_code: session.language_code.clone(),
        dialect: Some(run.dialect),
        trace_id: run.trace_id(script),
        connection: facts.connection,
        peer: facts.peer.map(|peer| peer.to_string()),
        replica: facts.replica.as_deref().map(str::to_owned),
        intended_start_at: UtcInstant(run.epoch_realtime_ns + intended_start_ns),
        intended_start_ns,
        intended_end_of_speech_ns: planned.speech_end_ns.map(at),
        speech_samples: clip.map_or(0, |c| c.speech_end_samples - c.speech_start_samples),
        clip_samples: clip.map_or(0, |c| c.samples),
        chunks_planned: script.index.chunks.get(*turn).copied().unwrap_or(0),
        phase: run.phases.of(RunTime(intended_start_ns)),
        concurrent_sessions: progress.concurrent_sessions,
        awaiting_answer: progress.awaiting_answer,
        opened_ns: facts.opened_ns,
        headers_ns: facts.headers_ns,
        started_ns: progress.started_ns,
        end_of_speech_sent_ns: progress.end_of_speech_sent_ns,
        last_chunk_sent_ns: progress.last_chunk_sent_ns,
        first_transcript_ns: answer.first_transcript_ns,
        final_transcript_ns: final_transcript.map(|(at_ns, _)| at_ns),
        processing_ns: answer.processing_ns,
        first_llm_ns: answer.first_llm_ns,
        last_llm_ns: answer.last_llm_ns,
        speaking_ns: answer.speaking_ns,
        first_audio_ns: answer.first_audio_ns,
        first_audible_ns: answer.playout.first_audible_ns,
        last_audio_ns: answer.last_audio_ns,
        end_of_turn_ns: answer.end_of_turn_ns,
        closed_ns: progress.closed_ns,
        playout_start_ns: answer.playout.start_ns,
        playout_end_ns: answer.playout.end_ns,
        barge_in_ns,
        barge_in_stop_ns: answer
            .last_audio_ns
            .filter(|last| barge_in_ns.is_some_and(|at| *last > at)),
        chunks_sent: progress.chunks_sent,
        bytes_sent: progress.bytes_sent,
        messages_received: answer.messages,
        audio_received_samples: answer.playout.samples,
        llm_chars: answer.llm_chars,
        answers: answer.answers,
        owner_uncertain: Some(answer.owner_uncertain),
        underruns: answer.playout.underruns,
        underrun_ns: answer.playout.underrun_ns,
        sentence_gaps: answer.playout.sentence_gaps,
        sentence_gap_ns: answer.playout.sentence_gap_ns,
        audio_after_barge_in_samples: progress
            .barge_in
            .map_or(0, |barge_in| answer.playout.samples - barge_in.samples),
        early_endpoint: early,
        overlapped: progress.overlapped,
        lag_p50_ns: lag(0.5),
        lag_p99_ns: lag(0.99),
        lag_max_ns: lag(1.0),
        blocked_ns: progress.blocked_ns,
        status,
        grpc_code: ended_by.and_then(Ended::grpc_code),
        http_status: facts.http_status.map(u32::from),
        close_code: close_code(facts, end.as_ref()),
        error,
        transcript: final_transcript.and_then(|(_, said)| text(said.to_owned())),
        response_text: text(answer.response_text.clone()),
        recorded_response_ns: recorded.response_ns,
        recorded_asr_ns: recorded.asr_ns,
        recorded_e2e_ns: recorded.e2e_ns,
        recorded_total_ns: recorded.total_ns,
        ..RequestRow::default()
    };
    row.derive_latencies(session.microphone == Microphone::PushToTalk);
    Some(row)
}

/// How a turn that began ended, and the error to show; the first that applies, in the order of
/// [`Status`].
fn outcome(
    progress: &Progress,
    answer: &Answer,
    answered: bool,
    end: Option<&End>,
    expects_answer: bool,
) -> (Status, Option<String>) {
    let stream = ended(end);
    // An objection that an answer follows did no harm.
    let refused = answer.refused.as_ref();
    let refused = refused.filter(|_| expects_answer && !answered);
    let error = answer.error.as_ref().or(refused);
    let status = match end {
        Some(End::Interrupted) => Status::Interrupted,
        Some(End::Cancelled) => Status::Cancelled,
        Some(End::Timeout) if !answered || answer.listening_ns.is_none() => Status::Timeout,
        _ if error.is_some() || stream.is_some() => Status::Error,
        _ if progress.barge_in.is_some() && answered => Status::BargedIn,
        _ if expects_answer && !answered => Status::NoAnswer,
        _ => Status::Ok,
    };
    (status, error.cloned().or(stream))
}

/// The nearest-rank quantile.
fn quantile(lags_ns: &[i64], q: f64) -> Option<i64> {
    let mut sorted = lags_ns.to_vec();
    sorted.sort_unstable();
    let rank = ((sorted.len() as f64 * q).ceil() as usize).max(1);
    sorted.get(rank - 1).copied()
}
