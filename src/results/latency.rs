//! The latencies of a request, derived from its instants: the only place with their formulas.

use super::row::RequestRow;

/// The instants of a turn that its main latencies lie between, all on one clock; null where they
/// did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instants {
    /// Planned start of the utterance.
    pub start_ns: i64,
    /// Planned capture instant of the last voiced sample.
    pub end_of_speech_ns: Option<i64>,
    /// Final transcript received.
    pub final_transcript_ns: Option<i64>,
    /// First audio received.
    pub first_audio_ns: Option<i64>,
    /// The next utterance began, or the stream ended.
    pub closed_ns: Option<i64>,
}

/// The main latencies of a turn, whether it was replayed or recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MainLatencies {
    /// End of speech to first audio byte.
    pub response_ns: Option<i64>,
    /// Start of the request to final transcript.
    pub asr_ns: Option<i64>,
    /// Final transcript to first audio.
    pub e2e_ns: Option<i64>,
    /// Start to end of the request.
    pub total_ns: Option<i64>,
}

impl Instants {
    /// The main latencies, each null unless both its ends happened.
    #[must_use]
    pub fn latencies(self) -> MainLatencies {
        MainLatencies {
            response_ns: between(self.end_of_speech_ns, self.first_audio_ns),
            asr_ns: between(Some(self.start_ns), self.final_transcript_ns),
            e2e_ns: between(self.final_transcript_ns, self.first_audio_ns),
            total_ns: between(Some(self.start_ns), self.closed_ns),
        }
    }
}

impl RequestRow {
    /// Sets every latency from the instants, each null unless both its ends happened.
    ///
    /// Negative values are kept: an answer before the end of speech is a fact about the gateway.
    pub fn derive_latencies(&mut self, push_to_talk: bool) {
        let main = Instants {
            start_ns: self.intended_start_ns,
            end_of_speech_ns: self.intended_end_of_speech_ns,
            final_transcript_ns: self.final_transcript_ns,
            first_audio_ns: self.first_audio_ns,
            closed_ns: self.closed_ns.filter(|_| self.started_ns.is_some()),
        };
        let main = main.latencies();
        self.response_ns = main.response_ns;
        self.audible_ns = between(self.intended_end_of_speech_ns, self.first_audible_ns);
        self.final_ns = between(self.intended_end_of_speech_ns, self.final_transcript_ns);
        self.asr_ns = main.asr_ns;
        self.endpoint_ns = match push_to_talk {
            true => None,
            false => between(self.end_of_speech_sent_ns, self.processing_ns),
        };
        self.first_text_ns = between(self.intended_end_of_speech_ns, self.first_llm_ns);
        // What is made side by side has no stages.
        let is_serial = self.dialect.unwrap_or_default().has_serial_stages();
        let stage = |from, to| between(from, to).filter(|_| is_serial);
        self.llm_ttft_ns = stage(self.final_transcript_ns, self.first_llm_ns);
        self.llm_total_ns = stage(self.final_transcript_ns, self.last_llm_ns);
        self.tts_ns = stage(self.first_llm_ns, self.first_audio_ns);
        self.e2e_ns = main.e2e_ns.filter(|_| is_serial);
        self.barge_in_latency_ns = between(self.barge_in_ns, self.barge_in_stop_ns);
        self.total_ns = main.total_ns;
    }
}

fn between(from: Option<i64>, to: Option<i64>) -> Option<i64> {
    Some(to? - from?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::protocol::DialectName;
    use crate::results::sample::row;

    #[test]
    fn what_a_speech_to_speech_model_makes_side_by_side_has_no_stages() {
        let stages = |row: &RequestRow| [row.llm_ttft_ns, row.llm_total_ns, row.tts_ns, row.e2e_ns];
        let serial = row(0);
        assert!(stages(&serial).iter().all(Option::is_some));
        let mut parallel = RequestRow {
            dialect: Some(DialectName::Realtime),
            ..serial.clone()
        };
        parallel.derive_latencies(false);
        assert_eq!(stages(&parallel), [None; 4]);
        let others = |row: &RequestRow| [row.response_ns, row.final_ns, row.first_text_ns];
        assert_eq!(others(&parallel), others(&serial));
        assert_eq!(serial.first_text_ns, Some(100_000_000));
    }
}
