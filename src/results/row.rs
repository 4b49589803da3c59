//! The rows of a run directory.

use super::protocol::DialectName;
use crate::table::UtcInstant;

crate::names! {
    /// Which part of the run a request belongs to; headline figures are of the steady phase.
    #[derive(Default)]
    pub enum Phase {
        /// Before the measured window.
        #[default]
        Warmup = "warmup",
        /// Load is growing.
        RampUp = "ramp_up",
        /// The measured window.
        Steady = "steady",
        /// Load is falling.
        RampDown = "ramp_down",
        /// After the last planned start.
        Drain = "drain",
    }
}

crate::names! {
    /// How a request ended; where several apply, the first in this order.
    #[derive(Default)]
    pub enum Status {
        /// Its session ended before it could start.
        #[default]
        NotStarted = "not_started",
        /// In flight when we were killed or told to stop, or still under way: no success and no error.
        Interrupted = "interrupted",
        /// We cancelled it after the drain time.
        Cancelled = "cancelled",
        /// No answer within the timeout.
        Timeout = "timeout",
        /// The server sent an error that its answer did not survive, or the stream broke, was refused, or ended
        /// with a status other than OK.
        Error = "error",
        /// The caller spoke over the answer, as planned: a success.
        BargedIn = "barged_in",
        /// The stream went well, but no answer came.
        NoAnswer = "no_answer",
        /// Answered, or nothing to answer.
        Ok = "ok",
    }
}

impl Status {
    /// Whether the request counts as a success.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Status::Ok | Status::BargedIn)
    }

    /// Whether the request was under way when the run ended, or still is: nobody knows how it would
    /// have ended, and so it is no success and no error.
    #[must_use]
    pub fn is_in_flight(self) -> bool {
        self == Status::Interrupted
    }

    /// Whether the request counts among those that shares of successes and errors are over: neither in
    /// flight nor cancelled by us.
    #[must_use]
    pub fn is_judged(self) -> bool {
        !self.is_in_flight() && self != Status::Cancelled
    }
}

crate::table! {
    /// One row per turn: the per-request timings. (`run_id`, `session_id`, `copy`, `turn`) is unique.
    #[derive(Default)]
    pub struct RequestRow in "requests" {
        /// The run.
        pub run_id: String [""],
        /// The session, as in the trace.
        pub session_id: String [""],
        /// Which copy of the session.
        pub copy: u32 [""],
        /// Number of the turn in its session, from 0.
        pub turn: u32 [""],
        /// The session's name as the gateway sees it.
        pub wire_session_id: String [""],
        /// Closed loop: the virtual user; null in a replay.
        pub user: Option<u32> [""],
        /// BLAKE3 of the clip's PCM; null for text.
        pub clip_id: Option<String> [""],
        /// Language of the caller.
        pub language_code: String [""],
        /// W3C trace id, sent as `traceparent`.
        pub trace_id: String [""],
        /// How its session was written; null in files of before, whose sessions are `stream-audio`.
        pub dialect: Option<DialectName> [""],
        /// Number of the connection that carried it; null when none did.
        pub connection: Option<u32> [""],
        /// Address that answered, `ip:port`; null when none did.
        pub peer: Option<String> [""],
        /// Value of the replica header; null without one.
        pub replica: Option<String> [""],
        /// Planned start of the utterance.
        pub intended_start_at: UtcInstant [""],
        /// Planned start of the utterance, since the run's epoch.
        pub intended_start_ns: i64 ["ns"],
        /// Planned capture instant of the last voiced sample; null without speech.
        pub intended_end_of_speech_ns: Option<i64> ["ns"],
        /// Voiced extent of the clip.
        pub speech_samples: u64 ["samples"],
        /// Length of the clip.
        pub clip_samples: u64 ["samples"],
        /// Chunks of the utterance, without fill.
        pub chunks_planned: u32 ["chunks"],
        /// Part of the run.
        pub phase: Phase [""],
        /// Open sessions when the end of speech was sent; null when it was not.
        pub concurrent_sessions: Option<u32> [""],
        /// Sessions waiting for an answer when the end of speech was sent; null when it was not.
        pub awaiting_answer: Option<u32> [""],
        /// Request headers accepted with a stream slot; null when they were not.
        pub opened_ns: Option<i64> ["ns"],
        /// Response headers received; null when none came.
        pub headers_ns: Option<i64> ["ns"],
        /// First message of the turn handed to the transport; null when it did not start.
        pub started_ns: Option<i64> ["ns"],
        /// Chunk with the last voiced sample handed to the transport; null when it was not sent, and
        /// without speech.
        pub end_of_speech_sent_ns: Option<i64> ["ns"],
        /// Last chunk of the utterance handed to the transport; null when it was not sent.
        pub last_chunk_sent_ns: Option<i64> ["ns"],
        /// First transcript received; null when none came.
        pub first_transcript_ns: Option<i64> ["ns"],
        /// Final transcript received; null when none came.
        pub final_transcript_ns: Option<i64> ["ns"],
        /// PROCESSING received; null when none came.
        pub processing_ns: Option<i64> ["ns"],
        /// First language-model text received; null when none came.
        pub first_llm_ns: Option<i64> ["ns"],
        /// Last language-model text received; null when none came.
        pub last_llm_ns: Option<i64> ["ns"],
        /// First SPEAKING received; null when none came.
        pub speaking_ns: Option<i64> ["ns"],
        /// First audio received; null when none came.
        pub first_audio_ns: Option<i64> ["ns"],
        /// Instant of the first audible sample (10 ms window over -50 dBFS RMS), played without buffer;
        /// null when none came.
        pub first_audible_ns: Option<i64> ["ns"],
        /// Last audio received; null when none came.
        pub last_audio_ns: Option<i64> ["ns"],
        /// END_OF_TURN received; null when none came.
        pub end_of_turn_ns: Option<i64> ["ns"],
        /// The row was closed: next utterance, stream's end, or timeout; null when it did not
        /// start, or we were killed.
        pub closed_ns: Option<i64> ["ns"],
        /// The virtual caller began to hear the answer; null without audio.
        pub playout_start_ns: Option<i64> ["ns"],
        /// The virtual caller had heard the answer; null without audio.
        pub playout_end_ns: Option<i64> ["ns"],
        /// The caller began to speak over the answer; null when not.
        pub barge_in_ns: Option<i64> ["ns"],
        /// The interrupted answer's last audio received; null without a barge-in, or audio after it.
        pub barge_in_stop_ns: Option<i64> ["ns"],
        /// Chunks of the utterance sent.
        pub chunks_sent: u32 ["chunks"],
        /// PCM bytes of the utterance sent.
        pub bytes_sent: u64 ["bytes"],
        /// Messages received for the turn.
        pub messages_received: u32 [""],
        /// Audio received for the turn.
        pub audio_received_samples: u64 ["samples"],
        /// Characters of language-model text received.
        pub llm_chars: u32 [""],
        /// Server turns that answered it.
        pub answers: u32 [""],
        /// The messages do not tell whether it has its own answers or those of a turn beside it: when
        /// one began, others may have been meant as well; null where that was not looked at.
        pub owner_uncertain: Option<bool> [""],
        /// Times the playout queue ran empty for 20 ms or more inside one SPEAKING span.
        pub underruns: u32 [""],
        /// Total length of underruns.
        pub underrun_ns: i64 ["ns"],
        /// Times the playout queue ran empty between SPEAKING spans.
        pub sentence_gaps: u32 [""],
        /// Total length of sentence gaps.
        pub sentence_gap_ns: i64 ["ns"],
        /// Audio that still came after the caller barged in.
        pub audio_after_barge_in_samples: u64 ["samples"],
        /// PROCESSING came before the end of speech was sent: the caller was cut off.
        pub early_endpoint: bool [""],
        /// The utterance began before the answer to the one before had ended.
        pub overlapped: bool [""],
        /// Median schedule lag of its chunks (sent - intended); null without chunks.
        pub lag_p50_ns: Option<i64> ["ns"],
        /// 99th percentile of the schedule lag of its chunks; null without chunks.
        pub lag_p99_ns: Option<i64> ["ns"],
        /// Largest schedule lag of its chunks; null without chunks.
        pub lag_max_ns: Option<i64> ["ns"],
        /// Time that due chunks waited for the peer: for a connection, a stream slot, its flow control, or room in
        /// the socket.
        pub blocked_ns: i64 ["ns"],
        /// How it ended.
        pub status: Status [""],
        /// gRPC status code of the stream; null while it had not ended, and with other protocols.
        pub grpc_code: Option<u32> [""],
        /// HTTP status of the response to a WebSocket's upgrade: 101 where it was accepted; null when none came,
        /// with other protocols, and in files of before.
        pub http_status: Option<u32> [""],
        /// Close code of the WebSocket, 1005 where it was closed without one and 1006 where the connection broke
        /// (RFC 6455, 7.4.1); null while it had not ended, when it was not opened, with other protocols, and in
        /// files of before.
        pub close_code: Option<u32> [""],
        /// Error text, at most 200 characters; null without error.
        pub error: Option<String> [""],
        /// Final transcript, at most 500 characters; null when none came or text is off.
        pub transcript: Option<String> [""],
        /// Language-model text, at most 500 characters; null when none came or text is off.
        pub response_text: Option<String> [""],
        /// Intended end of speech to first audio byte: the headline; null without speech, or audio.
        pub response_ns: Option<i64> ["ns"],
        /// Intended end of speech to first audible sample; null without speech, or such a sample.
        pub audible_ns: Option<i64> ["ns"],
        /// Intended end of speech to final transcript, negative where it came before; null where one of
        /// them is.
        pub final_ns: Option<i64> ["ns"],
        /// Intended end of speech to first text of the answer; null where one of them is, and in files of before.
        pub first_text_ns: Option<i64> ["ns"],
        /// Start of the request to final transcript; includes the caller's speech; null without one.
        pub asr_ns: Option<i64> ["ns"],
        /// End of speech sent to PROCESSING; null with push-to-talk, and where one of them is.
        pub endpoint_ns: Option<i64> ["ns"],
        /// Final transcript to first language-model text; null where one of them is, and where the server makes them side
        /// by side.
        pub llm_ttft_ns: Option<i64> ["ns"],
        /// Final transcript to last language-model text; null where one of them is, and where the server makes them side
        /// by side.
        pub llm_total_ns: Option<i64> ["ns"],
        /// First language-model text to first audio; null where one of them is, and where the server makes them side
        /// by side.
        pub tts_ns: Option<i64> ["ns"],
        /// Final transcript to first audio; null where one of them is, and where the server makes them side
        /// by side.
        pub e2e_ns: Option<i64> ["ns"],
        /// Barge-in to last audio received of the interrupted answer; null without a barge-in, or audio
        /// after it.
        pub barge_in_latency_ns: Option<i64> ["ns"],
        /// Start to end of the request; null when it did not start, or did not end.
        pub total_ns: Option<i64> ["ns"],
        /// Recorded traces: the recorded call's own response time; null for others, and without one.
        pub recorded_response_ns: Option<i64> ["ns"],
        /// Recorded traces: the recorded call's own `asr_ns`; null for others, and without one.
        pub recorded_asr_ns: Option<i64> ["ns"],
        /// Recorded traces: the recorded call's own `e2e_ns`; null for others, and without one.
        pub recorded_e2e_ns: Option<i64> ["ns"],
        /// Recorded traces: the recorded call's own `total_ns`; null for others, and without one.
        pub recorded_total_ns: Option<i64> ["ns"],
    }
}

crate::names! {
    /// How a session ended.
    #[derive(Default)]
    pub enum SessionEnd {
        /// No stream was opened for it: no connection, or a limit of this machine.
        #[default]
        NotStarted = "not_started",
        /// Under way when we were told to stop or killed, or still is.
        Interrupted = "interrupted",
        /// We cancelled it after the drain time.
        Cancelled = "cancelled",
        /// No answer, no room to send, or no end of the stream within the timeout; we cancelled it.
        Timeout = "timeout",
        /// The stream broke, was refused, or ended with a status other than OK.
        Error = "error",
        /// The caller hung up, as planned.
        HungUp = "hung_up",
        /// The stream ended with status OK.
        Finished = "finished",
    }
}

crate::table! {
    /// One row per session that was started, opened or not. (`run_id`, `session_id`, `copy`) is unique.
    #[derive(Default)]
    pub struct SessionRow in "sessions" {
        /// The run.
        pub run_id: String [""],
        /// The session, as in the trace.
        pub session_id: String [""],
        /// Which copy of the session.
        pub copy: u32 [""],
        /// Closed loop: the virtual user; null in a replay.
        pub user: Option<u32> [""],
        /// The session's name as the gateway sees it.
        pub wire_session_id: String [""],
        /// W3C trace id, sent as `traceparent`.
        pub trace_id: String [""],
        /// Number of the connection that carried it; null when none did, or we were killed.
        pub connection: Option<u32> [""],
        /// Address that answered, `ip:port`; null when none did, or we were killed.
        pub peer: Option<String> [""],
        /// Value of the replica header; null without one, and when we were killed.
        pub replica: Option<String> [""],
        /// Planned start.
        pub planned_start_at: UtcInstant [""],
        /// Planned start, since the run's epoch.
        pub planned_start_ns: i64 ["ns"],
        /// Connection made for it; null where sessions share connections, as with gRPC.
        pub connected_ns: Option<i64> ["ns"],
        /// Request headers accepted with a stream slot; null when they were not, or we were killed.
        pub opened_ns: Option<i64> ["ns"],
        /// First message handed to the transport; null when none was.
        pub started_ns: Option<i64> ["ns"],
        /// The server said that it is ready; null where the protocol has no such message, as with gRPC.
        pub ready_ns: Option<i64> ["ns"],
        /// First message of what the server said before the caller's first speech; null where the
        /// protocol has no greeting, as with gRPC.
        pub greeting_start_ns: Option<i64> ["ns"],
        /// Last message of what the server said before the caller's first speech; null where the
        /// protocol has no greeting, as with gRPC.
        pub greeting_end_ns: Option<i64> ["ns"],
        /// When it was over; null when we were killed.
        pub ended_ns: Option<i64> ["ns"],
        /// How it ended.
        pub end: SessionEnd [""],
        /// gRPC status code of the stream, or of the connection that failed; null when we ended it or were
        /// killed, and for a limit of this machine.
        pub grpc_code: Option<u32> [""],
        /// HTTP status of the response; null when none came, or we were killed.
        pub http_status: Option<u32> [""],
        /// Close code of a WebSocket, 1005 where it was closed without one and 1006 where the connection broke;
        /// null where the protocol has none, as with gRPC.
        pub close_code: Option<u32> [""],
        /// Error text of its end, at most 200 characters; null without error.
        pub error: Option<String> [""],
        /// Time in which a message that was due waited for the peer: for a connection, a stream slot, its flow
        /// control, or room in the socket; null when we were killed.
        pub blocked_ns: Option<i64> ["ns"],
        /// Utterances that the plan has; null when we were killed.
        pub turns_planned: Option<u32> [""],
        /// Utterances that were answered; null when we were killed.
        pub turns_answered: Option<u32> [""],
    }
}

crate::table! {
    /// One row per turn that started, written when it starts: what a killed run had under way.
    pub struct StartedRow in "started" {
        /// The session, as in the trace.
        pub session_id: String [""],
        /// Which copy of the session.
        pub copy: u32 [""],
        /// Number of the turn in its session, from 0.
        pub turn: u32 [""],
        /// Closed loop: the virtual user; null in a replay.
        pub user: Option<u32> [""],
        /// Planned start of the utterance, since the run's epoch.
        pub intended_start_ns: i64 ["ns"],
        /// First message of the turn handed to the transport, since the run's epoch.
        pub started_ns: i64 ["ns"],
        /// Planned start of the session, since the run's epoch; null in files of before.
        pub planned_start_ns: Option<i64> ["ns"],
    }
}

crate::names! {
    /// Who sent a message.
    pub enum Direction {
        /// The caller.
        Sent = "sent",
        /// The gateway.
        Received = "received",
    }
}

crate::table! {
    /// One row per message sent or received (opt-in).
    pub struct MessageRow in "messages" {
        /// The session, as in the trace.
        pub session_id: String [""],
        /// Which copy of the session.
        pub copy: u32 [""],
        /// Number of the turn in its session, from 0; of a message that is no turn's, that of the
        /// utterance that had begun last.
        pub turn: u32 [""],
        /// Who sent it.
        pub direction: Direction [""],
        /// What it is: `config`, `audio`, `fill`, `text`, `half_close`, `protocol` (what the protocol demands of a
        /// caller), or the server message's kind.
        pub kind: String [""],
        /// Number of the message in its session and direction, from 0.
        pub seq: u32 [""],
        /// When it was planned; null for what was received or the protocol demands.
        pub intended_ns: Option<i64> ["ns"],
        /// When the pacer woke for it; null for what was received or the protocol demands.
        pub released_ns: Option<i64> ["ns"],
        /// When the transport took it; null for what was received, and in runs of before.
        pub taken_ns: Option<i64> ["ns"],
        /// When the system had all of it (of its TLS record); null for what was received.
        pub sent_ns: Option<i64> ["ns"],
        /// When it was received; null for what was sent.
        pub received_ns: Option<i64> ["ns"],
        /// Payload bytes (PCM or text).
        pub bytes: u32 ["bytes"],
    }
}

crate::table! {
    /// One row per second of the run.
    #[derive(Default)]
    pub struct TimelineRow in "timeline" {
        /// Start of the second, since the run's epoch.
        pub second_ns: i64 ["ns"],
        /// Sessions open at its end.
        pub active_sessions: u32 [""],
        /// Virtual users there at its end; null in a replay.
        pub users: Option<u32> [""],
        /// Session starts that the plan asked for.
        pub offered_starts: u32 [""],
        /// Sessions started.
        pub achieved_starts: u32 [""],
        /// Chunks that the plan asked for.
        pub offered_chunks: u64 ["chunks"],
        /// Chunks sent.
        pub achieved_chunks: u64 ["chunks"],
        /// Chunks sent more than a chunk interval (at least 20 ms) late.
        pub late_chunks: u64 ["chunks"],
        /// Chunks sent more than that late, or never, since the peer took no more; null in runs of before.
        pub blocked_chunks: Option<u64> ["chunks"],
        /// Median schedule lag; null without chunks.
        pub lag_p50_ns: Option<i64> ["ns"],
        /// 99th percentile of the schedule lag; null without chunks.
        pub lag_p99_ns: Option<i64> ["ns"],
        /// Largest schedule lag; null without chunks.
        pub lag_max_ns: Option<i64> ["ns"],
        /// Requests that failed, as `code=count` joined by commas; empty without errors.
        pub errors: String [""],
        /// CPU time of this process, in percent of one core.
        pub cpu_percent: f64 ["%"],
        /// CPU time stolen by the hypervisor, in percent of all cores; null where unknown.
        pub steal_percent: Option<f64> ["%"],
        /// Resident memory; null where unknown.
        pub rss_bytes: Option<u64> ["bytes"],
        /// Open file descriptors; null where unknown.
        pub open_fds: Option<u32> [""],
    }
}

crate::table! {
    /// One row per value that a Prometheus server had of the time of the run.
    pub struct ServerRow in "server" {
        /// Name of the series: one of ours, or as `--prometheus-query` gives it.
        pub series: String [""],
        /// Labels as a JSON object, in order of their names.
        pub labels: String [""],
        /// When it was so, since the run's epoch.
        pub at_ns: i64 ["ns"],
        /// The value, in the unit of the series.
        pub value: f64 [""],
    }
}

crate::table! {
    /// One row per client message that the gateway received, stamped there: the receiver's witness.
    pub struct ArrivalRow in "arrivals" {
        /// `x-voicelt-run-id` of the stream; empty without one.
        pub run_id: String [""],
        /// The session's name on the wire.
        pub wire_session_id: String [""],
        /// Number of the client message in its stream, from 0 (the configuration).
        pub seq: u32 [""],
        /// Monotonic instant of reception, since the epoch in the file's key-values.
        pub received_ns: i64 ["ns"],
        /// Payload bytes.
        pub bytes: u32 ["bytes"],
    }
}
