//! Why a request is left out of the headline figures.

use super::row::{Phase, RequestRow, Status};

/// Why a request is left out of the headline figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// Before the steady phase.
    Warmup,
    /// After the steady phase.
    Drain,
    /// Stopped by us before the caller is known to have finished speaking.
    Stopped,
    /// The clip has no speech, so that no answer is expected.
    NoSpeech,
    /// The gateway began to answer before the end of speech.
    CutOff,
    /// The utterance began before the answer to the one before had ended.
    Overlapped,
}

impl Exclusion {
    /// The first reason that applies; `None` for a request that is measured.
    #[must_use]
    pub fn of(row: &RequestRow) -> Option<Exclusion> {
        match row.phase {
            Phase::Warmup | Phase::RampUp => Some(Exclusion::Warmup),
            Phase::Steady => Exclusion::in_steady(row),
            Phase::RampDown | Phase::Drain => Some(Exclusion::Drain),
        }
    }

    /// The first reason that would apply in the steady phase.
    #[must_use]
    pub fn in_steady(row: &RequestRow) -> Option<Exclusion> {
        let reasons = [
            (is_stopped(row), Exclusion::Stopped),
            (!expects_answer(row), Exclusion::NoSpeech),
            (row.early_endpoint, Exclusion::CutOff),
            (row.overlapped, Exclusion::Overlapped),
        ];
        let first = reasons.into_iter().find(|(applies, _)| *applies);
        first.map(|(_, reason)| reason)
    }
}

/// Whether an answer to the request is expected at all: its clip has speech.
#[must_use]
pub fn expects_answer(row: &RequestRow) -> bool {
    row.intended_end_of_speech_ns.is_some()
}

fn is_stopped(row: &RequestRow) -> bool {
    let is_cancelled = row.status == Status::Cancelled;
    row.status.is_in_flight() || is_cancelled && row.end_of_speech_sent_ns.is_none()
}
