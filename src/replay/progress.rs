//! How far one utterance has come, and the row it becomes.

use super::plan::{Plan, PlannedCall};
use crate::results::row::{Phase, RequestRow, Status};
use crate::table::UtcInstant;
use crate::trace::model::Microphone;
use crate::units::{RunTime, TraceTime};
use crate::wire::dialogue::{Heard, MAX_ERROR_CHARS, cut};
use crate::wire::status::{GrpcStatus, OK};

/// What all rows of a run share.
#[derive(Debug, Clone)]
pub(super) struct RunFacts {
    /// The run.
    pub(super) run_id: String,
    /// Wall clock of the run's epoch.
    pub(super) epoch_realtime_ns: i64,
    /// Whether transcripts and answers are kept.
    pub(super) keep_text: bool,
}

/// What all rows of a session share.
#[derive(Debug, Clone, Default)]
pub(super) struct CallFacts {
    /// The session's name as the gateway sees it.
    pub(super) wire_session_id: String,
    /// W3C trace id.
    pub(super) trace_id: String,
    /// Number of the connection.
    pub(super) connection: Option<u32>,
    /// Who answered.
    pub(super) peer: Option<String>,
    /// Value of the replica header.
    pub(super) replica: Option<String>,
    /// Request headers accepted with a stream slot.
    pub(super) opened_ns: Option<i64>,
    /// Response headers received.
    pub(super) headers_ns: Option<i64>,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The stream ended with this status.
    Stream(GrpcStatus),
    /// No answer within the timeout; we cancelled it.
    Timeout,
    /// The plan says that the caller hangs up.
    HungUp,
    /// Cancelled after the drain time.
    Cancelled,
    /// We were told to stop.
    Interrupted,
}

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
    /// It began before the answer to the one before had been heard.
    pub(super) overlapped: bool,
    /// Its end of speech was sent, and nothing was heard yet.
    pub(super) awaiting: bool,
    /// Its row was written.
    pub(super) written: bool,
}

/// The row of turn `turn`.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a different side of the row"
)]
pub(super) fn row(
    run: &RunFacts,
    plan: &Plan,
    call: &PlannedCall,
    facts: &CallFacts,
    turn: usize,
    progress: &Progress,
    heard: &Heard,
    end: Option<&End>,
) -> RequestRow {
    let session = &plan.trace.sessions[call.session];
    let planned = &plan.turns(call)[turn];
    let clip = planned.clip.map(|clip| &plan.trace.clips[clip as usize]);
    let expects_answer = plan.expects_answer(planned);
    let at = |ns| plan.run_time(TraceTime(ns)).0;
    let intended_start_ns = at(planned.at_ns);
    let lag = |q| quantile(&progress.lags_ns, q);
    let final_transcript = heard.final_transcript();
    let (status, error) = outcome(progress, heard, end, expects_answer);
    let early = match (heard.processing_ns, progress.end_of_speech_sent_ns) {
        (Some(processing), Some(sent)) => processing < sent,
        (processing, None) => processing.is_some(),
        (None, _) => false,
    };
    let text = |text: String| (run.keep_text && !text.is_empty()).then_some(text);
    let mut row = RequestRow {
        run_id: run.run_id.clone(),
        session_id: session.session_id.clone(),
        copy: 0,
        turn: planned.turn,
        wire_session_id: facts.wire_session_id.clone(),
        user: None,
        clip_id: clip.map(|clip| clip.clip_id.clone()),
        language_code: session.language_code.clone(),
        trace_id: facts.trace_id.clone(),
        connection: facts.connection,
        peer: facts.peer.clone(),
        replica: facts.replica.clone(),
        intended_start_at: UtcInstant(run.epoch_realtime_ns + intended_start_ns),
        intended_start_ns,
        intended_end_of_speech_ns: planned.speech_end_ns.map(at),
        speech_samples: clip.map_or(0, |c| c.speech_end_samples - c.speech_start_samples),
        clip_samples: clip.map_or(0, |c| c.samples),
        chunks_planned: chunks_planned(plan, call, planned.turn),
        phase: Phase::Steady,
        concurrent_sessions: progress.concurrent_sessions,
        awaiting_answer: progress.awaiting_answer,
        opened_ns: facts.opened_ns,
        headers_ns: facts.headers_ns,
        started_ns: progress.started_ns,
        end_of_speech_sent_ns: progress.end_of_speech_sent_ns,
        last_chunk_sent_ns: progress.last_chunk_sent_ns,
        first_transcript_ns: heard.first_transcript_ns,
        final_transcript_ns: final_transcript.map(|(at_ns, _)| at_ns),
        processing_ns: heard.processing_ns,
        first_llm_ns: heard.first_llm_ns,
        last_llm_ns: heard.last_llm_ns,
        speaking_ns: heard.speaking_ns,
        first_audio_ns: heard.first_audio_ns,
        first_audible_ns: heard.playout.first_audible_ns,
        last_audio_ns: heard.last_audio_ns,
        end_of_turn_ns: heard.end_of_turn_ns,
        closed_ns: progress.closed_ns,
        playout_start_ns: heard.playout.start_ns,
        playout_end_ns: heard.playout.end_ns,
        barge_in_ns: None,
        barge_in_stop_ns: None,
        chunks_sent: progress.chunks_sent,
        bytes_sent: progress.bytes_sent,
        messages_received: heard.messages,
        audio_received_samples: heard.playout.samples,
        llm_chars: heard.llm_chars,
        answers: heard.answers,
        underruns: heard.playout.underruns,
        underrun_ns: heard.playout.underrun_ns,
        sentence_gaps: heard.playout.sentence_gaps,
        sentence_gap_ns: heard.playout.sentence_gap_ns,
        audio_after_barge_in_samples: 0,
        early_endpoint: early,
        overlapped: progress.overlapped,
        lag_p50_ns: lag(0.5),
        lag_p99_ns: lag(0.99),
        lag_max_ns: lag(1.0),
        blocked_ns: progress.blocked_ns,
        status,
        grpc_code: match end {
            Some(End::Stream(status)) => Some(status.code),
            _ => None,
        },
        error,
        transcript: final_transcript.and_then(|(_, said)| text(said.to_owned())),
        response_text: text(heard.response_text.clone()),
        response_ns: None,
        audible_ns: None,
        asr_ns: None,
        endpoint_ns: None,
        llm_ttft_ns: None,
        llm_total_ns: None,
        tts_ns: None,
        e2e_ns: None,
        barge_in_latency_ns: None,
        total_ns: None,
        recorded_response_ns: None,
        recorded_asr_ns: None,
        recorded_e2e_ns: None,
        recorded_total_ns: None,
    };
    row.derive_latencies(session.microphone == Microphone::PushToTalk);
    row
}

/// How the turn ended, and the error to show; the first that applies, in the order of [`Status`].
fn outcome(
    progress: &Progress,
    heard: &Heard,
    end: Option<&End>,
    expects_answer: bool,
) -> (Status, Option<String>) {
    let stream = match end {
        Some(End::Stream(status)) if status.code != OK => {
            let name = status.code_name();
            let text = match status.message.is_empty() {
                true => name.to_owned(),
                false => format!("{name}: {}", status.message),
            };
            Some(cut(&text, MAX_ERROR_CHARS))
        }
        _ => None,
    };
    let answered = heard.first_audio_ns.is_some();
    let status = match end {
        _ if progress.started_ns.is_none() => Status::NotStarted,
        Some(End::Interrupted) => Status::Interrupted,
        Some(End::Cancelled) => Status::Cancelled,
        Some(End::Timeout) if !answered || heard.listening_ns.is_none() => Status::Timeout,
        _ if heard.error.is_some() || stream.is_some() => Status::Error,
        _ if expects_answer && !answered => Status::NoAnswer,
        _ => Status::Ok,
    };
    (status, heard.error.clone().or(stream))
}

fn chunks_planned(plan: &Plan, call: &PlannedCall, turn: u32) -> u32 {
    use crate::trace::model::EventKind::Audio;
    let events = plan.trace.events[call.events.clone()].iter();
    events
        .filter(|e| e.turn == turn && e.kind == Audio)
        .map(|e| e.count)
        .sum()
}

/// The nearest-rank quantile.
fn quantile(lags_ns: &[i64], q: f64) -> Option<i64> {
    let mut sorted = lags_ns.to_vec();
    sorted.sort_unstable();
    let rank = ((sorted.len() as f64 * q).ceil() as usize).max(1);
    sorted.get(rank - 1).copied()
}

/// When the utterance was planned to start.
#[must_use]
pub(super) fn intended_start(plan: &Plan, call: &PlannedCall, turn: usize) -> RunTime {
    plan.run_time(TraceTime(plan.turns(call)[turn].at_ns))
}
