//! What the time until an answer is called in tables and charts, by what the answer consists of.

use crate::results::answer::AnswerKind;

/// What it is called.
pub(super) struct AnswerTitles {
    /// Over a chart.
    pub(super) chart: &'static str,
    /// Over a chart of it by load.
    pub(super) by_load: &'static str,
    /// Over a column of its medians.
    pub(super) median: &'static str,
}

impl AnswerTitles {
    /// Of answers of this kind.
    pub(super) fn of(answers: AnswerKind) -> AnswerTitles {
        let [chart, by_load, median] = match answers {
            AnswerKind::Audio | AnswerKind::AudioOrText => [
                "Response time",
                "Response time by sessions open",
                "response p50",
            ],
            AnswerKind::Sound => [
                "Time to sound",
                "Time to sound by sessions open",
                "audible p50",
            ],
            AnswerKind::Text => [
                "Time to first text",
                "Time to first text by sessions open",
                "first text p50",
            ],
            AnswerKind::Transcript => [
                "Time to final transcript",
                "Time to final transcript by sessions open",
                "final p50",
            ],
        };
        AnswerTitles {
            chart,
            by_load,
            median,
        }
    }
}
