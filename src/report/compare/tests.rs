//! Whole comparisons of synthetic runs.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::model::{Change, Comparison, Difference, Reading};
use super::{CompareError, Input, Leniency, compare};
use crate::report::render::{comparison_markdown, comparison_text};
use crate::results::manifest::{ClosedLoop, RunManifest, Stage, Verdict, VerdictLevel};
use crate::results::row::{RequestRow, Status};
use crate::results::sample::{manifest, row, unanswered};
use crate::units::{NS_PER_MS, NS_PER_S};

const STRICT: Leniency = Leniency {
    invalid: false,
    different_pace: false,
    across_dialects: false,
};

/// A run called `name` of the sample's trace.
fn named(name: &str) -> RunManifest {
    RunManifest {
        name: name.to_owned(),
        run_id: format!("{name:0>32}"),
        ..manifest()
    }
}

/// Turns answered after lognormal times, by chance number `chance`; `slower` is a factor.
fn turns(count: u32, chance: u64, slower: f64) -> Vec<RequestRow> {
    let mut random = ChaCha8Rng::seed_from_u64(chance);
    let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
    (0..count)
        .map(|turn| {
            let after = slower * 300e6 * (0.3 * normal()).exp();
            let after = after as i64;
            RequestRow {
                response_ns: Some(after),
                audible_ns: Some(after + 10 * NS_PER_MS),
                tts_ns: Some(after - 100 * NS_PER_MS),
                e2e_ns: Some(after - 50 * NS_PER_MS),
                user: Some(turn % 20),
                ..row(turn)
            }
        })
        .collect()
}

fn users(name: &str, pace: &str) -> RunManifest {
    RunManifest {
        closed_loop: Some(ClosedLoop {
            scenario: Some("medium".to_owned()),
            users: 20,
            pace: pace.to_owned(),
            think_ns: [NS_PER_S, 2 * NS_PER_S],
            requests_per_user: None,
            turns_per_session: 1,
            stages: vec![Stage {
                users: 20,
                ramp_ns: 30 * NS_PER_S,
                hold_ns: 300 * NS_PER_S,
            }],
        }),
        spec: serde_json::json!({ "phases": [["steady", 102 * NS_PER_S]] }).into(),
        ..named(name)
    }
}

fn of(run: &RunManifest, rows: &[RequestRow]) -> Input {
    Input::of_rows(run, rows, &[])
}

fn found<'a>(comparison: &'a Comparison, metric: &str) -> &'a Difference {
    let mut differences = comparison.against[0].differences.iter();
    differences.find(|one| one.metric == metric).unwrap()
}

#[test]
fn replays_of_one_trace_are_paired() {
    let base = of(&named("monday"), &turns(1_000, 1, 1.0));
    let mut slow = turns(1_000, 2, 1.1);
    slow[3].early_endpoint = true;
    for turn in 0..30 {
        slow[turn * 30] = unanswered(turn as u32 * 30, Status::Timeout);
    }
    let comparison = compare(&base, &[of(&named("tuesday"), &slow)], STRICT).unwrap();
    insta::assert_snapshot!(comparison_text(&comparison, false), @r"
    base      monday · trace calls · http://gateway:50051
    labels    build=abc
              valid · answered 1,000 of 1,000 turns of its headline figures

    run       tuesday · trace calls · http://gateway:50051
    labels    build=abc
              valid · answered 969 of 999 turns of its headline figures
    rows      paired, since both are replays of trace calls: 999 turns of 100
              sessions; left out 1, in one run only
    load      the same: audio calls, sessions 100, turns 1,000, chunks 50,000, at
              once 12, length 102 s, callers keep to the trace
    result    6 metrics worse, 0 better.

    metric             base      run    change       95 % interval        p
    response p50     299 ms   325 ms    +8.8 %  +14.0 ms..+38.6 ms   <0.001  WORSE
    response p95     498 ms   639 ms   +28.4 %        +53.7 ms..+∞    0.017  WORSE
    audible p50      309 ms   335 ms    +8.6 %  +14.0 ms..+38.6 ms   <0.001  WORSE
    audible p95      508 ms   649 ms   +27.8 %        +53.7 ms..+∞    0.017  WORSE
    final p50       50.0 ms  50.0 ms     0.0 %        +0 ns..+0 ns    1.000
    asr p50          1.25 s   1.25 s     0.0 %        +0 ns..+0 ns    1.000
    llm_ttft p50    50.0 ms  50.0 ms     0.0 %        +0 ns..+0 ns    1.000
    tts p50          200 ms   222 ms   +11.3 %  +11.0 ms..+33.8 ms    0.002  WORSE
    e2e p50          250 ms   272 ms    +9.0 %  +11.0 ms..+33.8 ms    0.002  WORSE
    e2e p95          449 ms   498 ms   +10.8 %  +11.5 ms..+88.7 ms    0.075
    total p50        1.62 s   1.62 s     0.0 %        +0 ns..+0 ns    1.000
    errors           0.00 %   3.00 %  +3.00 pp  -0.24 pp..+6.24 pp    0.415
    early_endpoint   0.00 %   0.10 %  +0.10 pp  -0.24 pp..+0.44 pp    1.000
    left out  response p99: not enough data (effective n 122 of 368 needed)

              95 % intervals of run less base from 2,000 draws of whole sessions or
              users; p is adjusted over 13 differences (Holm), and below 0.05 is
              said to be more than chance. Chance between runs is not in it: repeat
              runs to see that.
    ");
    insta::assert_snapshot!(comparison_markdown(&comparison), @r"
    ### voicelt base: monday

    trace calls · http://gateway:50051 · build=abc

    ✅ valid · answered 1,000 of 1,000 turns of its headline figures

    ### voicelt: tuesday

    trace calls · http://gateway:50051 · build=abc

    ✅ valid · answered 969 of 999 turns of its headline figures

    **rows** paired, since both are replays of trace calls: 999 turns of 100 sessions; left out 1, in one run only

    **load** the same: audio calls, sessions 100, turns 1,000, chunks 50,000, at once 12, length 102 s, callers keep to the trace

    **result** ❌ 6 metrics worse, 0 better.

    #### Differences

    | metric | base | run | change | 95 % interval | p |  |
    | --- | ---: | ---: | ---: | ---: | ---: | --- |
    | response p50 | 299 ms | 325 ms | +8.8 % | +14.0 ms..+38.6 ms | &lt;0.001 | ❌ WORSE |
    | response p95 | 498 ms | 639 ms | +28.4 % | +53.7 ms..+∞ | 0.017 | ❌ WORSE |
    | audible p50 | 309 ms | 335 ms | +8.6 % | +14.0 ms..+38.6 ms | &lt;0.001 | ❌ WORSE |
    | audible p95 | 508 ms | 649 ms | +27.8 % | +53.7 ms..+∞ | 0.017 | ❌ WORSE |
    | final p50 | 50.0 ms | 50.0 ms | 0.0 % | +0 ns..+0 ns | 1.000 |  |
    | asr p50 | 1.25 s | 1.25 s | 0.0 % | +0 ns..+0 ns | 1.000 |  |
    | llm\_ttft p50 | 50.0 ms | 50.0 ms | 0.0 % | +0 ns..+0 ns | 1.000 |  |
    | tts p50 | 200 ms | 222 ms | +11.3 % | +11.0 ms..+33.8 ms | 0.002 | ❌ WORSE |
    | e2e p50 | 250 ms | 272 ms | +9.0 % | +11.0 ms..+33.8 ms | 0.002 | ❌ WORSE |
    | e2e p95 | 449 ms | 498 ms | +10.8 % | +11.5 ms..+88.7 ms | 0.075 |  |
    | total p50 | 1.62 s | 1.62 s | 0.0 % | +0 ns..+0 ns | 1.000 |  |
    | errors | 0.00 % | 3.00 % | +3.00 pp | -0.24 pp..+6.24 pp | 0.415 |  |
    | early\_endpoint | 0.00 % | 0.10 % | +0.10 pp | -0.24 pp..+0.44 pp | 1.000 |  |

    <details><summary>Load</summary>

    | asked for | base | run |  |
    | --- | ---: | ---: | ---: |
    | audio | calls | calls | same |
    | sessions | 100 | 100 | same |
    | turns | 1,000 | 1,000 | same |
    | chunks | 50,000 | 50,000 | same |
    | at once | 12 | 12 | same |
    | length | 102 s | 102 s | same |
    | callers | keep to the trace | keep to the trace | same |

    </details>

    **left out** response p99: not enough data (effective n 122 of 368 needed)

    #### Method

    95 % intervals of run less base from 2,000 draws of whole sessions or users; p is adjusted over 13 differences (Holm), and below 0.05 is said to be more than chance. Chance between runs is not in it: repeat runs to see that.
    ");
    let json = serde_json::to_string(&comparison).unwrap();
    let read: Comparison = serde_json::from_str(&json).unwrap();
    assert_eq!(
        comparison_text(&read, false),
        comparison_text(&comparison, false)
    );
}

#[test]
fn users_are_not_paired_and_differences_of_the_load_are_said() {
    let base = of(&users("before", "realtime"), &turns(800, 1, 1.0));
    let mut more = users("after", "realtime");
    if let Some(users) = &mut more.closed_loop {
        users.users = 50;
        users.stages[0].users = 50;
    }
    let same = of(&users("same", "realtime"), &turns(780, 3, 0.7));
    let runs = [of(&more, &turns(900, 2, 1.0)), same];
    let comparison = compare(&base, &runs, STRICT).unwrap();
    insta::assert_snapshot!(comparison_text(&comparison, false), @r"
    base      before · scenario medium · trace calls
    labels    build=abc
              valid · answered 800 of 800 turns of its headline figures

    run       after · scenario medium · trace calls
    labels    build=abc
              valid · answered 900 of 900 turns of its headline figures
    rows      unpaired, since users of a closed loop say what they say at their own
              times: 800 requests of 20 users beside 900 of 20 users
    load      DIFFERS: users 20 → 50, stages 20 in 30s for 5m → 50 in 30s for 5m
    result    No difference is more than chance explains.

    metric           base      run   change       95 % interval        p
    response p50   297 ms   293 ms   -1.2 %  -15.3 ms..+9.26 ms    1.000
    response p95   500 ms   493 ms   -1.4 %  -50.1 ms..+41.0 ms    1.000
    response p99   653 ms   628 ms   -3.8 %  -80.8 ms..+57.3 ms    1.000
    audible p50    307 ms   303 ms   -1.1 %  -15.3 ms..+9.26 ms    1.000
    audible p95    510 ms   503 ms   -1.4 %  -50.1 ms..+41.0 ms    1.000
    final p50     50.0 ms  50.0 ms    0.0 %        +0 ns..+0 ns    1.000
    asr p50        1.25 s   1.25 s    0.0 %        +0 ns..+0 ns    1.000
    llm_ttft p50  50.0 ms  50.0 ms    0.0 %        +0 ns..+0 ns    1.000
    tts p50        197 ms   193 ms   -1.7 %  -15.3 ms..+9.26 ms    1.000
    e2e p50        247 ms   243 ms   -1.4 %  -15.3 ms..+9.26 ms    1.000
    e2e p95        450 ms   443 ms   -1.6 %  -50.1 ms..+41.0 ms    1.000
    total p50      1.62 s   1.62 s    0.0 %        +0 ns..+0 ns    1.000
    errors         0.00 %   0.00 %  0.00 pp  -0.35 pp..+0.35 pp    1.000
    throughput     9.81/s   9.83/s   +0.2 %    -0.06/s..+0.10/s    1.000

    run       same · scenario medium · trace calls
    labels    build=abc
              valid · answered 780 of 780 turns of its headline figures
    rows      unpaired, since users of a closed loop say what they say at their own
              times: 800 requests of 20 users beside 780 of 20 users
    load      the same: audio calls, users 20, stages 20 in 30s for 5m, thinking
              1s..2s, requests without limit, turns 1 a session, pace realtime
    result    8 metrics better, none worse.

    metric           base      run   change       95 % interval        p
    response p50   297 ms   210 ms  -29.3 %   -100 ms..-76.1 ms   <0.001  better
    response p95   500 ms   340 ms  -32.0 %    -197 ms..-114 ms   <0.001  better
    response p99   653 ms   445 ms  -31.8 %    -277 ms..-134 ms   <0.001  better
    audible p50    307 ms   220 ms  -28.4 %   -100 ms..-76.1 ms   <0.001  better
    audible p95    510 ms   350 ms  -31.4 %    -197 ms..-114 ms   <0.001  better
    final p50     50.0 ms  50.0 ms    0.0 %        +0 ns..+0 ns    1.000
    asr p50        1.25 s   1.25 s    0.0 %        +0 ns..+0 ns    1.000
    llm_ttft p50  50.0 ms  50.0 ms    0.0 %        +0 ns..+0 ns    1.000
    tts p50        197 ms   110 ms  -44.3 %   -100 ms..-76.1 ms   <0.001  better
    e2e p50        247 ms   160 ms  -35.3 %   -100 ms..-76.1 ms   <0.001  better
    e2e p95        450 ms   290 ms  -35.6 %    -197 ms..-114 ms   <0.001  better
    total p50      1.62 s   1.62 s    0.0 %        +0 ns..+0 ns    1.000
    errors         0.00 %   0.00 %  0.00 pp  -0.37 pp..+0.37 pp    1.000
    throughput     9.81/s   9.81/s    0.0 %    -0.09/s..+0.08/s    1.000

              95 % intervals of run less base from 2,000 draws of whole sessions or
              users; p is adjusted over 28 differences (Holm), and below 0.05 is
              said to be more than chance. Chance between runs is not in it: repeat
              runs to see that.
    ");
}

#[test]
fn a_run_beside_itself_does_not_differ() {
    for run in [named("one"), users("one", "realtime")] {
        let input = of(&run, &turns(400, 1, 1.0));
        let comparison = compare(&input, std::slice::from_ref(&input), STRICT).unwrap();
        let against = &comparison.against[0];
        assert!(against.differences.len() >= 8);
        for difference in &against.differences {
            assert_eq!(
                (difference.difference, difference.p_value),
                (Some(0.0), 1.0)
            );
        }
        assert_eq!(against.warnings, ["one is the base itself"]);
    }
}

#[test]
fn the_other_way_round_the_difference_is_the_opposite() {
    let [a, b] = [
        of(&named("a"), &turns(500, 1, 1.0)),
        of(&named("b"), &turns(500, 2, 1.1)),
    ];
    let [there, back] = [(&a, &b), (&b, &a)].map(|(base, run)| {
        let compared = compare(base, std::slice::from_ref(run), STRICT).unwrap();
        found(&compared, "response p50").clone()
    });
    assert_eq!(there.difference, back.difference.map(|d| -d));
    assert!((there.p_value / back.p_value - 1.0).abs() < 0.5);
    assert_eq!((there.change, back.change), (Change::Worse, Change::Better));
    assert!(there.regression() > Some(0.05) && back.regression().is_none());
}

#[test]
fn a_run_that_stops_answering_is_worse_without_bound() {
    let broken: Vec<_> = turns(400, 2, 1.0)
        .into_iter()
        .map(|row| match row.turn % 5 {
            0 | 3 => RequestRow {
                session_id: row.session_id,
                ..unanswered(row.turn, Status::NoAnswer)
            },
            _ => row,
        })
        .collect();
    let base = of(&named("a"), &turns(400, 1, 1.0));
    let comparison = compare(&base, &[of(&named("b"), &broken)], STRICT).unwrap();
    let p95 = found(&comparison, "response p95");
    assert_eq!((p95.run, p95.change), (Reading::NoAnswer, Change::Worse));
    assert_eq!(
        (p95.difference, p95.regression()),
        (None, Some(f64::INFINITY))
    );
    let errors = found(&comparison, "errors");
    assert_eq!(errors.change, Change::Worse);
    assert_eq!(errors.regression(), Some(f64::INFINITY), "from none");
}

#[test]
fn what_cannot_be_trusted_or_does_not_go_together_is_refused() {
    let rows = turns(100, 1, 1.0);
    let base = of(&named("base"), &rows);
    let mut late = named("late");
    late.verdict = Some(Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec!["2 % of the chunks were late".to_owned()],
    });
    let late = of(&late, &rows);
    let refused = compare(&base, std::slice::from_ref(&late), STRICT).unwrap_err();
    assert!(matches!(refused, CompareError::Invalid { .. }));
    let said = refused.to_string();
    assert!(
        said.starts_with("late is invalid (2 % of the chunks were late)"),
        "{said}"
    );
    let lenient = Leniency {
        invalid: true,
        ..STRICT
    };
    let compared = compare(&base, std::slice::from_ref(&late), lenient).unwrap();
    assert!(compared.against[0].warnings[0].contains("not to be trusted"));
    let expected = Input {
        may_be_invalid: true,
        ..late
    };
    assert!(compare(&base, &[expected], STRICT).is_ok());

    let [real, fast] = ["realtime", "original"].map(|pace| of(&users(pace, pace), &rows));
    let refused = compare(&real, std::slice::from_ref(&fast), STRICT).unwrap_err();
    assert!(refused.to_string().contains("--allow-different-pace"));
    let lenient = Leniency {
        different_pace: true,
        ..STRICT
    };
    let load = compare(&real, &[fast], lenient).unwrap().against[0]
        .load
        .clone();
    assert!(
        !load.equal
            && load
                .items
                .iter()
                .any(|item| item.name == "pace" && !item.equal)
    );
}

#[test]
fn too_little_data_is_left_out_and_says_so() {
    let few = of(&named("few"), &turns(50, 1, 1.0));
    let many = of(&named("many"), &turns(500, 2, 1.0));
    let against = &compare(&many, &[few], STRICT).unwrap().against[0];
    assert_eq!(against.pairing.without_partner, 450);
    assert!(
        against
            .left_out
            .contains(&"response p95: not enough data (effective n 50 of 72 needed)".to_owned())
    );
    let empty = of(&named("empty"), &[]);
    let nothing = &compare(&empty, std::slice::from_ref(&empty), STRICT)
        .unwrap()
        .against[0];
    assert_eq!((nothing.differences.len(), nothing.left_out.len()), (0, 1));
}

/// The full simulation is `tools/bench/src/bin/alarms.rs`.
#[test]
fn identical_runs_rarely_differ_and_slower_ones_do() {
    let (mut alarms, mut missed) = (0, 0);
    for seed in 0..4 {
        let base = of(&named("base"), &turns(600, 3 * seed, 1.0));
        let same = of(&named("same"), &turns(600, 3 * seed + 1, 1.0));
        let slow = of(&named("slow"), &turns(600, 3 * seed + 2, 1.1));
        let differs = |run: Input| {
            let compared = compare(&base, &[run], STRICT).unwrap();
            let mut differences = compared.against[0].differences.iter();
            differences.any(|one| one.change != Change::NotSignificant)
        };
        alarms += u32::from(differs(same));
        missed += u32::from(!differs(slow));
    }
    assert!(
        alarms <= 1 && missed == 0,
        "{alarms} alarms, {missed} missed"
    );
}
