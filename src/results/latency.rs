//! The latencies of a request, derived from its instants: the only place with their formulas.

use super::row::RequestRow;

impl RequestRow {
    /// Sets every latency from the instants, each null unless both its ends happened.
    ///
    /// Negative values are kept: an answer before the end of speech is a fact about the gateway.
    pub fn derive_latencies(&mut self, push_to_talk: bool) {
        let between = |from: Option<i64>, to: Option<i64>| Some(to? - from?);
        self.response_ns = between(self.intended_end_of_speech_ns, self.first_audio_ns);
        self.audible_ns = between(self.intended_end_of_speech_ns, self.first_audible_ns);
        self.asr_ns = between(Some(self.intended_start_ns), self.final_transcript_ns);
        self.endpoint_ns = match push_to_talk {
            true => None,
            false => between(self.end_of_speech_sent_ns, self.processing_ns),
        };
        self.llm_ttft_ns = between(self.final_transcript_ns, self.first_llm_ns);
        self.llm_total_ns = between(self.final_transcript_ns, self.last_llm_ns);
        self.tts_ns = between(self.first_llm_ns, self.first_audio_ns);
        self.e2e_ns = between(self.final_transcript_ns, self.first_audio_ns);
        self.barge_in_latency_ns = between(self.barge_in_ns, self.barge_in_stop_ns);
        self.total_ns = match self.started_ns {
            Some(_) => between(Some(self.intended_start_ns), self.closed_ns),
            None => None,
        };
    }
}
