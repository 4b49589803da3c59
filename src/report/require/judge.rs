//! Whether a run meets what was required of it, over its steady phase.

use super::conditions::Conditions;
use super::judged::{Judged, Judgement};
use super::requirement::{LagStatistic, Metric, Requirement, Statistic};
use crate::report::goodput::{Goodput, MEASURED};
use crate::report::lag::LagBasis;
use crate::report::stats::{Level, Percentiles, Quantile};
use crate::report::steady::Steady;
use crate::report::summary::Summary;
use crate::report::wer::{self, Wer};
use crate::results::metrics::Share;
use crate::units::{Human, NS_PER_S, counted, grouped, share_percent};

/// The shortest steady phase that a rate is taken over.
const SHORTEST_NS: i64 = NS_PER_S;

/// A figure of a run.
enum Figure {
    /// The figure, and as people read it.
    Known(f64, String),
    /// Requests without an answer make it longer than any number.
    NoAnswer,
    /// The run does not tell: why.
    Unknown(String),
}

/// Each requirement with what became of it. A run that is held to its verdict, and whose verdict is
/// invalid, is not judged at all.
#[must_use]
pub fn judge(requirements: &[Requirement], summary: &Summary, held: bool) -> Vec<Judged> {
    let untrusted = held && summary.is_invalid();
    let one = |requirement: &Requirement| {
        let figure = match untrusted {
            true => Figure::Unknown(
                "the verdict is INVALID, so the figures are not to be trusted".to_owned(),
            ),
            false => figure(requirement, summary),
        };
        judged(requirement, figure)
    };
    requirements.iter().map(one).collect()
}

fn judged(requirement: &Requirement, figure: Figure) -> Judged {
    let holds = |figure: f64| match requirement.comparison.holds(figure, requirement.limit) {
        true => Judgement::Met,
        false => Judgement::NotMet,
    };
    let (judgement, observed, said) = match figure {
        Figure::Known(figure, said) => (holds(figure), Some(figure), said),
        Figure::NoAnswer => (
            holds(f64::INFINITY),
            None,
            "no answer, which counts as longer than every other".to_owned(),
        ),
        Figure::Unknown(why) => (Judgement::NotJudged, None, why),
    };
    Judged {
        requirement: requirement.to_string(),
        judgement,
        observed,
        limit: requirement.limit,
        unit: requirement.metric.unit(),
        said,
    }
}

fn figure(requirement: &Requirement, summary: &Summary) -> Figure {
    let steady = &summary.steady;
    match &requirement.metric {
        Metric::Latency(name, statistic) => match summary.latencies.get(*name) {
            Some(figures) => latency(name, *statistic, figures),
            None => Figure::Unknown(format!("the run has no `{name}`")),
        },
        Metric::Lag(statistic) => lag(*statistic, requirement, summary),
        Metric::Share(name) => {
            let over = Share::named(name).map_or("requests", |share| share.over);
            let counted = summary.shares.get(*name).copied().unwrap_or_default();
            share(counted.events, counted.turns, over)
        }
        Metric::Wer => words(summary),
        Metric::Throughput => match (steady.span_ns, steady.ended) {
            (Some(span_ns), 0) if span_ns >= SHORTEST_NS => Figure::Unknown(format!(
                "not enough data: no request ended within the steady phase, which was {} long",
                Human(span_ns)
            )),
            (_, ended) => rate(ended, "request", steady),
        },
        Metric::GoodShare(conditions) => match good(conditions, summary) {
            Ok(good) => share(good.good, good.turns, MEASURED),
            Err(why) => Figure::Unknown(why),
        },
        Metric::GoodRate(conditions) => match good(conditions, summary) {
            Ok(good) if good.turns == 0 => share(0, 0, MEASURED),
            Ok(good) => rate(good.good, "good turn", steady),
            Err(why) => Figure::Unknown(why),
        },
    }
}

/// The turns that meet these conditions, where they were looked for.
fn good<'a>(conditions: &Conditions, summary: &'a Summary) -> Result<&'a Goodput, String> {
    let expression = conditions.to_string();
    let mut goodput = summary.goodput.iter();
    let found = goodput.find(|goodput| goodput.expression == expression);
    found
        .ok_or_else(|| format!("the turns were not held to `{expression}`; report the run with it"))
}

/// So many, a second of the steady phase.
fn rate(count: u64, noun: &str, steady: &Steady) -> Figure {
    match (steady.span_ns, steady.per_s(count)) {
        (Some(span_ns), Some(per_s)) if span_ns >= SHORTEST_NS => {
            let (count, span) = (counted(count, noun), Human(span_ns));
            Figure::Known(per_s, format!("{per_s:.2}/s ({count} in {span})"))
        }
        (Some(span_ns), _) => Figure::Unknown(format!(
            "not enough data: the steady phase was {} long, and a rate needs {}",
            Human(span_ns),
            Human(SHORTEST_NS)
        )),
        (None, _) => Figure::Unknown("run.json does not say when the steady phase was".to_owned()),
    }
}

fn share(part: u64, whole: u64, over: &str) -> Figure {
    if whole == 0 {
        return Figure::Unknown(format!("not enough data: there are no {over}"));
    }
    let share = part as f64 / whole as f64;
    let (part, of) = (grouped(part), grouped(whole));
    let shown = share_percent(share, 2);
    Figure::Known(share, format!("{shown} ({part} of {of})"))
}

fn words(summary: &Summary) -> Figure {
    let unknown = |why: &str| Figure::Unknown(why.to_owned());
    match &summary.wer {
        Some(Wer {
            rate: Some(rate),
            words,
            ..
        }) => Figure::Known(
            *rate,
            format!("{} of {}", wer::share(*rate), counted(*words, "word")),
        ),
        Some(wer) => unknown(wer.not_known.as_deref().unwrap_or_default()),
        None => unknown("words were not compared; make the report with --wer"),
    }
}

fn latency(name: &str, statistic: Statistic, figures: &Percentiles) -> Figure {
    if figures.n == 0 {
        return Figure::Unknown(format!(
            "not enough data: no request of the steady phase has a `{name}`"
        ));
    }
    let [p50, p90, p95, p99, max] = figures.quantiles();
    let known = |ns: Option<i64>| ns.map_or(Quantile::NoAnswer, Quantile::Value);
    let (level, quantile) = match statistic {
        Statistic::P50 => (Level::P50, p50),
        Statistic::P90 => (Level::P90, p90),
        Statistic::P95 => (Level::P95, p95),
        Statistic::P99 => (Level::P99, p99),
        Statistic::Max => (Level::P50, max),
        Statistic::Mean => (Level::P50, known(figures.mean_ns)),
        Statistic::Min => (Level::P50, known(figures.min_ns)),
    };
    match quantile {
        Quantile::Value(ns) => Figure::Known(ns as f64, Human(ns).to_string()),
        Quantile::NoAnswer => Figure::NoAnswer,
        Quantile::NotEnough => Figure::Unknown(not_enough(level, figures)),
    }
}

fn not_enough(level: Level, figures: &Percentiles) -> String {
    let rows = figures.rows_at(level);
    let needed = counted(level.min_rows(), "turn");
    match rows < figures.n {
        true => format!(
            "not enough data: it needs {needed}, and {} count as {}, since those of a session or \
             user are alike",
            grouped(figures.n),
            grouped(rows)
        ),
        false => format!(
            "not enough data: it needs {needed}, and there are {}",
            grouped(rows)
        ),
    }
}

/// The lag is over all chunks of the run: those of the steady phase are not distinguished.
fn lag(statistic: LagStatistic, requirement: &Requirement, summary: &Summary) -> Figure {
    let Some(lag) = &summary.lag else {
        return Figure::Unknown("no chunk is known to have been sent".to_owned());
    };
    let figures = &lag.figures;
    let ns = match statistic {
        LagStatistic::P50 => figures.p50_ns,
        LagStatistic::P99 => figures.p99_ns,
        LagStatistic::P999 => figures.p999_ns,
        LagStatistic::Max => figures.max_ns,
    };
    let shown = Human(ns).to_string();
    let is_exact = lag.basis == LagBasis::Measured || statistic == LagStatistic::Max;
    // What is at most so much is surely below a ceiling that lies above that, and nothing else.
    let surely = |requirement: &Requirement| {
        requirement.comparison.is_ceiling()
            && requirement.comparison.holds(ns as f64, requirement.limit)
    };
    match is_exact {
        true => Figure::Known(ns as f64, shown),
        false if surely(requirement) => Figure::Known(ns as f64, format!("at most {shown}")),
        false => Figure::Unknown(format!(
            "the run did not end by itself, so that only a bound is known: at most {shown}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::lag::LagSummary;
    use crate::results::manifest::{RunManifest, VerdictLevel};
    use crate::results::row::{Phase, RequestRow, Status};
    use crate::results::sample::{manifest, row, second, unanswered};

    /// What becomes of each requirement, and what is said of it.
    fn told(summary: &Summary, held: bool, texts: &[&str]) -> Vec<(Judgement, String)> {
        let requirements: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let judged = judge(&requirements, summary, held);
        judged
            .into_iter()
            .map(|judged| (judged.judgement, judged.said))
            .collect()
    }

    fn steady_run() -> RunManifest {
        let mut run = manifest();
        run.spec.phases = vec![(Phase::Steady.into(), 50_000_000_000)].into();
        run
    }

    #[test]
    fn each_metric_is_judged_over_the_steady_phase() {
        // One request in ten fails at once, and every request of the warm-up does.
        let rows: Vec<RequestRow> = (0..500)
            .map(|turn| match turn {
                0..100 => RequestRow {
                    phase: Phase::Warmup,
                    ..unanswered(turn, Status::Error)
                },
                turn if turn % 10 == 9 => unanswered(turn, Status::Error),
                turn => row(turn),
            })
            .collect();
        let mut run = steady_run();
        run.spec.phases = vec![
            (Phase::Warmup.into(), 10_000_000_000),
            (Phase::Steady.into(), 50_000_000_000),
        ]
        .into();
        let lag = LagSummary {
            p50_ns: 12_000,
            p99_ns: 900_000,
            p999_ns: 1_200_000,
            max_ns: 3_000_000,
            late_chunks: 0,
            blocked_chunks: 0,
            chunks: 25_000,
        };
        let summary = Summary::of(&run, &rows, &[], Some(lag));
        let texts = [
            "response.p50 < 300ms",
            "response.p90 < 290ms",
            "response.p95 < 10s",
            "response.mean < 10s",
            "response.min >= 200ms",
            "e2e.mean < 200ms",
            "errors < 10%",
            "errors <= 10%",
            "success >= 90%",
            "throughput > 9/s",
            "lag.p99 < 1ms",
            "lag.p99.9 < 1ms",
        ];
        use Judgement::{Met, NotMet};
        let no_answer = "no answer, which counts as longer than every other";
        let expected = [
            (Met, "254 ms"),
            (NotMet, "298 ms"),
            (NotMet, no_answer),
            (NotMet, no_answer),
            (Met, "200 ms"),
            (Met, "199 ms"),
            (NotMet, "10.00 % (40 of 400)"),
            (Met, "10.00 % (40 of 400)"),
            (Met, "90.00 % (360 of 400)"),
            (Met, "10.00/s (400 requests in 40.0 s)"),
            (Met, "900 µs"),
            (NotMet, "1.20 ms"),
        ];
        let seen = told(&summary, true, &texts);
        let seen: Vec<_> = seen.iter().map(|(j, said)| (*j, said.as_str())).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn without_enough_data_nothing_is_judged_and_the_reason_is_given() {
        let rows: Vec<RequestRow> = (0..40).map(row).collect();
        let few = Summary::of(&manifest(), &rows, &[second(0)], None);
        let texts = [
            "response.p99 < 1s",
            "barge_in_latency.p50 < 1s",
            "throughput > 1/s",
            "lag.p99 < 80us",
            "lag.p99 > 1us",
        ];
        let reasons = [
            "not enough data: it needs 368 turns, and there are 40",
            "not enough data: no request of the steady phase has a `barge_in_latency`",
            "run.json does not say when the steady phase was",
            "the run did not end by itself, so that only a bound is known: at most 90.0 µs",
            "the run did not end by itself, so that only a bound is known: at most 90.0 µs",
        ];
        for ((judgement, said), reason) in told(&few, true, &texts).iter().zip(reasons) {
            assert_eq!((*judgement, said.as_str()), (Judgement::NotJudged, reason));
        }
        let bounded = told(&few, true, &["lag.p99 < 100us", "lag.max <= 210us"]);
        let said = |text: &str| (Judgement::Met, text.to_owned());
        assert_eq!(bounded, [said("at most 90.0 µs"), said("210 µs")]);

        let none = Summary::of(&steady_run(), &[], &[], None);
        let seen = told(
            &none,
            true,
            &["errors < 1%", "lag.max < 1s", "throughput > 0/s"],
        );
        assert!(
            seen.iter().all(|(j, _)| *j == Judgement::NotJudged),
            "{seen:?}"
        );
    }

    #[test]
    fn a_throughput_of_turns_that_all_end_outside_is_not_judged() {
        let late = RequestRow {
            closed_ns: Some(51_000_000_000),
            ..row(0)
        };
        let summary = Summary::of(&steady_run(), &[late], &[second(52)], None);
        let seen = told(&summary, true, &["throughput > 0/s", "throughput < 9/s"]);
        for (judgement, said) in seen {
            assert_eq!(judgement, Judgement::NotJudged);
            assert!(said.contains("no request ended within"), "{said}");
        }
    }

    #[test]
    fn an_invalid_run_is_judged_only_where_it_is_not_held_to_its_verdict() {
        let mut run = manifest();
        run.verdict.as_mut().unwrap().level = VerdictLevel::Invalid;
        let summary = Summary::of(&run, &[row(0)], &[], None);
        let [(judgement, said)] = &told(&summary, true, &["errors < 1%"])[..] else {
            panic!("one requirement");
        };
        assert_eq!(*judgement, Judgement::NotJudged);
        assert!(said.contains("INVALID"), "{said}");
        assert_eq!(told(&summary, false, &["errors < 1%"])[0].0, Judgement::Met);
    }
}
