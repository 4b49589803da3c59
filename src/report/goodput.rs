//! Goodput: how many turns were good enough for a caller, by each expression that was asked for.

use serde::{Deserialize, Serialize};

use super::require::Requirement;
use super::require::conditions::Conditions;
use super::shares::Occurrence;
use super::steady::Steady;
use crate::results::manifest::RunManifest;
use crate::results::row::RequestRow;

/// What it is over, in the plural.
pub(super) const MEASURED: &str = "requests that headline figures are over";

/// The good turns of the measured ones, by one expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goodput {
    /// What makes a turn good, such as `response < 800ms and final < 1s`.
    pub expression: String,
    /// Good turns.
    pub good: u64,
    /// Measured turns.
    pub turns: u64,
    /// Their share; null without any.
    pub share: Option<f64>,
    /// Good turns a second of the steady phase; null where it is not known how long that was.
    pub per_s: Option<f64>,
}

/// What makes a turn good by what is `required` of a run, and by its settings; each once.
#[must_use]
pub fn expressions(run: &RunManifest, required: &[Requirement]) -> Vec<Conditions> {
    let required = required.iter().filter_map(Requirement::conditions).cloned();
    let settings = run.spec.goodput.get().into_iter().flatten();
    let settings = settings.filter_map(|text| text.get()?.parse().ok());
    let mut all: Vec<Conditions> = Vec::new();
    for conditions in required.chain(settings) {
        // As text: a limit that is written in another way is shown in another way.
        if !all
            .iter()
            .any(|one| one.to_string() == conditions.to_string())
        {
            all.push(conditions);
        }
    }
    all
}

/// Counts good turns, turn by turn.
#[derive(Debug)]
pub(super) struct GoodputAccumulator {
    /// Good turns, and those that could be, of each.
    counts: Vec<(Conditions, [u64; 2])>,
}

impl GoodputAccumulator {
    /// For each of `expressions`.
    pub(super) fn of(expressions: Vec<Conditions>) -> GoodputAccumulator {
        GoodputAccumulator {
            counts: expressions.into_iter().map(|one| (one, [0; 2])).collect(),
        }
    }

    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        for (conditions, [good, turns]) in &mut self.counts {
            let is_good = conditions.good(row);
            *good += u64::from(is_good == Some(true));
            *turns += u64::from(is_good.is_some());
        }
    }

    /// By expression, in the order that they were asked for.
    pub(super) fn finish(self, steady: &Steady) -> Vec<Goodput> {
        let counted = self.counts.into_iter();
        counted
            .map(|(conditions, [good, turns])| Goodput {
                expression: conditions.to_string(),
                good,
                turns,
                share: Occurrence::of(good, turns).share,
                per_s: steady.per_s(good),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::{Phase, Status};
    use crate::results::sample::{manifest, row, unanswered};
    use crate::results::settings::Setting;
    use crate::units::NS_PER_S;

    #[test]
    fn good_turns_are_counted_among_the_measured_ones() {
        // Answered 200, 201, … ms after their end; final after 50 ms.
        let mut rows: Vec<RequestRow> = (0..8).map(row).collect();
        rows[1].phase = Phase::Warmup;
        rows[2].early_endpoint = true;
        rows[3].final_transcript_ns = None;
        rows[4] = unanswered(4, Status::Timeout);
        let asked = [
            "response < 206ms",
            "response < 206ms and final < 1s",
            "final > 1s",
        ];
        let mut run = manifest();
        run.spec.goodput = vec![
            Setting::from(asked[0].to_owned()),
            asked[2].to_owned().into(),
        ]
        .into();
        let required: Vec<Requirement> = [asked[1], asked[0], asked[1]]
            .iter()
            .zip(["> 90%", "> 5/s", "> 3/s"])
            .map(|(of, limit)| format!("goodput({of}) {limit}").parse().unwrap())
            .collect();
        let expressions = expressions(&run, &required);
        let texts: Vec<String> = expressions.iter().map(ToString::to_string).collect();
        assert_eq!(texts, [asked[1], asked[0], asked[2]], "each once");
        let mut goodput = GoodputAccumulator::of(expressions);
        rows.iter().for_each(|row| goodput.add(row));
        let steady = Steady {
            span_ns: Some(2 * NS_PER_S),
            ..Steady::default()
        };
        let found = goodput.finish(&steady);
        let counts: Vec<_> = found.iter().map(|one| (one.good, one.turns)).collect();
        // Of 0, 3, 4, 5, 6 and 7.
        assert_eq!(counts, [(2, 6), (3, 6), (0, 6)]);
        assert_eq!((found[1].share, found[1].per_s), (Some(0.5), Some(1.5)));
    }

    #[test]
    fn without_turns_or_a_length_there_is_no_share_and_no_rate() {
        let all = vec!["response < 1s".parse().unwrap()];
        let [none] = &GoodputAccumulator::of(all).finish(&Steady::default())[..] else {
            panic!("one expression");
        };
        assert_eq!((none.good, none.share, none.per_s), (0, None, None));
    }
}
