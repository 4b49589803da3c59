//! Reports in all three formats.

mod html;

use super::*;
use crate::report::compare::model::{
    Against, BlockKind, Blocks, Change, Difference, LoadCheck, LoadItem, Pairing, Reading, Side,
    Unit,
};
use crate::report::guidance::{Surroundings, advise};
use crate::report::require::judge;
use crate::report::server::series;
use crate::results::lag::LagSummary;
use crate::results::manifest::{Verdict, VerdictLevel};
use crate::results::row::{RequestRow, ServerRow, Status};
use crate::results::sample::{manifest, row, second, unanswered};
use crate::units::NS_PER_MS;

#[test]
fn requirements_stand_below_the_verdict_and_guidance_at_the_end() {
    let mut rows: Vec<RequestRow> = (0..1_000).map(row).collect();
    rows[5].status = Status::BargedIn;
    rows[5].barge_in_ns = rows[5].first_audio_ns;
    rows[5].barge_in_stop_ns = rows[5].last_audio_ns;
    rows[5].derive_latencies(false);
    let lag = LagSummary {
        p50_ns: 12_000,
        p99_ns: 88_000,
        p999_ns: 190_000,
        max_ns: 210_000,
        late_chunks: 0,
        blocked_chunks: 0,
        chunks: 50_000,
    };
    let mut summary = Summary::of(&manifest(), &rows, &[], Some(lag));
    let required = [
        "response.p95 < 800ms",
        "e2e.max < 200ms",
        "barge_in_latency.p95 < 1s",
        "lag.p99 < 1ms",
    ];
    summary.requirements = judge(&required.map(|text| text.parse().unwrap()), &summary, true);
    summary.guidance = advise(&summary, &Surroundings::default());
    let text = run_text(&summary, false);
    let (top, rest) = text.split_once("\nlatency").unwrap();
    let (_, bottom) = rest.split_once("\n\nguidance").unwrap();
    insta::assert_snapshot!(format!("{top}\nguidance{bottom}"), @r"
    run       calls-20260921-141320 · ran 102 s · trace calls → http://gateway:50051
              at 2026-09-21T14:13:20Z
    labels    build=abc
    verdict   VALID: the load kept its schedule
    required                               observed
    MET         response.p95 < 800ms       294 ms
    NOT MET     e2e.max < 200ms            249 ms
    NOT JUDGED  barge_in_latency.p95 < 1s  not enough data: it needs 72 turns, and
                                           there are 1
    MET         lag.p99 < 1ms              88.0 µs

    guidance  e2e p95 244 ms (rule: < 3 s) · errors 0.00 % (rule: < 1 %)
              - no baseline of this target and these clips beside it; make one:
                voicelt run --scenario baseline, with the trace as --audio and the
                same --target
              - made once: how much such runs differ by themselves is not known;
                make it again, and compare (`run` has --repeat)
    ");
}

#[test]
fn an_invalid_run_that_was_let_pass() {
    let mut run = manifest();
    run.spec.allow_invalid = true.into();
    run.verdict = Some(Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec![
            "12.41 % of the chunks were sent over 20 ms late in the 10 s from 1m20s on (limit 10 %)"
                .to_owned(),
            "the 99th percentile of the lag of session starts is 312 ms (limit 100 ms)".to_owned(),
            "3 result rows were lost because the disk did not keep up".to_owned(),
        ],
    });
    let rows: Vec<_> = (0..40).map(row).collect();
    let timeline: Vec<_> = (0..4).map(second).collect();
    let text = run_text(&Summary::of(&run, &rows, &timeline, None), false);
    let verdict = text.lines().skip(3).take_while(|line| !line.is_empty());
    insta::assert_snapshot!(verdict.collect::<Vec<_>>().join("\n"), @r"
    verdict   INVALID: the load did not keep its schedule; do not trust the figures
              (allowed by --allow-invalid)
              - 12.41 % of the chunks were sent over 20 ms late in the 10 s from
                1m20s on (limit 10 %)
              - the 99th percentile of the lag of session starts is 312 ms (limit
                100 ms)
              - 3 result rows were lost because the disk did not keep up
    ");
}

fn run_with_owners(uncertain: Option<bool>) -> Summary {
    let row = |turn| RequestRow {
        owner_uncertain: uncertain.map(|uncertain| uncertain && turn < 12),
        ..row(turn)
    };
    let rows: Vec<RequestRow> = (0..400).map(row).collect();
    Summary::of(&manifest(), &rows, &[], None)
}

#[test]
fn they_are_counted_where_there_are_any() {
    for none in [None, Some(false)] {
        let summary = run_with_owners(none);
        assert_eq!(summary.turns.owner_uncertain, 0);
        assert!(!run_text(&summary, false).contains("owner_uncertain"));
    }
    let summary = run_with_owners(Some(true));
    assert_eq!(summary.turns.owner_uncertain, 12);
    let text = run_text(&summary, false);
    let words: Vec<&str> = text.split_whitespace().collect();
    let warning = "12 of 400 turns may have the answer of a turn beside them: the messages do \
                   not tell whose it is (owner_uncertain)";
    assert!(words.join(" ").contains(warning), "{text}");
}

#[test]
fn a_run_on_a_page() {
    let failed = |turn| RequestRow {
        error: Some("upstream | <b>reset</b>\nagain".to_owned()),
        ..unanswered(turn, Status::Error)
    };
    let rows: Vec<_> = (0..98).map(row).chain([failed(98), failed(99)]).collect();
    let mut summary = Summary::of(&manifest(), &rows, &[], None);
    let requirements = ["response.p50 < 300ms", "errors < 1%", "e2e.p99 < 1s"];
    let requirements = requirements.map(|text| text.parse().unwrap());
    summary.requirements = judge(&requirements, &summary, true);
    insta::assert_snapshot!(run_markdown(&summary));
}

fn side(name: &str) -> Side {
    let rows: Vec<_> = (0..100).map(row).collect();
    let summary = Summary::of(&manifest(), &rows, &[], None);
    let mut run = summary.run;
    run.name = name.to_owned();
    Side {
        run,
        verdict: summary.verdict,
        measured: summary.measured,
    }
}

fn difference(metric: &str, base_ms: i64, run_ms: i64, change: Change) -> Difference {
    let (base, run) = ((base_ms * NS_PER_MS) as f64, (run_ms * NS_PER_MS) as f64);
    let width = 10e6;
    Difference {
        metric: metric.to_owned(),
        unit: Unit::Nanoseconds,
        more_is_worse: true,
        base: Reading::Value(base),
        run: Reading::Value(run),
        difference: Some(run - base),
        interval: Some([Some(run - base - width), Some(run - base + width)]),
        relative: Some((run - base) / base),
        p_value: 0.001,
        p_adjusted: 0.004,
        change,
    }
}

fn compared(name: &str) -> Comparison {
    let lost = Difference {
        run: Reading::NoAnswer,
        difference: None,
        interval: Some([Some(5e6), None]),
        relative: None,
        ..difference("response p99", 900, 0, Change::Worse)
    };
    let errors = Difference {
        unit: Unit::Share,
        base: Reading::Value(0.01),
        run: Reading::Value(0.0125),
        difference: Some(0.0025),
        interval: Some([Some(-0.001), None]),
        relative: Some(0.25),
        p_adjusted: 0.4,
        change: Change::NotSignificant,
        ..difference("errors", 0, 0, Change::NotSignificant)
    };
    let blocks = Blocks {
        by: BlockKind::Session,
        count: 40,
    };
    Comparison {
        schema_version: "1.0".to_owned(),
        base: side("monday"),
        against: vec![Against {
            side: side(name),
            pairing: Pairing {
                paired: true,
                reason: "the same trace".to_owned(),
                base_rows: 400,
                run_rows: 400,
                without_partner: 3,
                base_blocks: blocks,
                run_blocks: blocks,
            },
            load: LoadCheck {
                equal: false,
                items: vec![LoadItem {
                    name: "sessions".to_owned(),
                    base: "100".to_owned(),
                    run: "120".to_owned(),
                    equal: false,
                }],
            },
            differences: vec![
                difference("response p50", 250, 310, Change::Worse),
                difference("asr p50", 1_250, 1_180, Change::Better),
                lost,
                errors,
            ],
            left_out: vec!["tts p99: not enough data".to_owned()],
            warnings: vec!["the base was made on another machine".to_owned()],
        }],
        tested: 4,
        resamples: 2_000,
    }
}

#[test]
fn a_comparison_shows_each_difference_and_names_the_significant() {
    let page = comparison_html(&compared("tuesday"));
    for words in [
        "2 metrics worse, 1 better.",
        "Significant: response p50 +24.0 %, asr p50 -5.6 %.",
        "<td>+24.0 %</td><td>+50.0 ms..+70.0 ms</td><td>0.004</td><td class=\"name\"><span class=\"bad\">WORSE</span></td>",
        "<td>∞</td><td>–</td><td>+5.00 ms..+∞</td>",
        "<td>1.00 %</td><td>1.25 %</td><td>+0.25 pp</td><td>-0.10 pp..+∞</td>",
        "paired, since the same trace: 400 turns of 40 sessions",
        "DIFFERS: sessions 100 → 120",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[test]
fn names_of_runs_stay_text() {
    let page = comparison_html(&compared("<script>alert(1)</script>"));
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn each_series_of_a_server_is_shown_and_not_everything_of_much() {
    let row = |series: &str, labels: &str, value| ServerRow {
        series: series.to_owned(),
        labels: labels.to_owned(),
        at_ns: 0,
        value,
    };
    let (one, two) = (r#"{"gpu":"0"}"#, r#"{"gpu":"1"}"#);
    let mut summary = Summary::of(&manifest(), &[], &[], None);
    let rows = [
        row("gpu_memory_used_mib", one, 61_000.0),
        row("gpu_memory_used_mib", two, 7.0),
        row("gpu_memory_used_mib", one, 62_001.0),
        row("gateway_e2e_p95_s", "{}", 0.4567),
    ];
    summary.server = series(&rows);
    let text = run_text(&summary, false);
    let shown = text.split_once("server (").unwrap().1.lines().take(4);
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r"
    whole run)             min     mean      max
    gpu_memory_used_mib gpu=0     61 k   61.5 k     62 k
    gpu_memory_used_mib gpu=1        7        7        7
    gateway_e2e_p95_s            0.457    0.457    0.457
    ");
    let rows: Vec<_> = (0..40).map(|n| row(&format!("s{n}"), "{}", 1.0)).collect();
    summary.server = series(&rows);
    let text = run_text(&summary, false);
    assert!(
        text.contains("24 more series are in server.parquet\n"),
        "{text}"
    );
}
