//! Runs of several phases, and of calls that were recorded.

use super::*;

#[test]
fn a_run_with_warm_up_drain_and_callers_who_speak_into_answers() {
    let rows: Vec<_> = (0..400)
        .map(|turn| RequestRow {
            phase: match turn {
                0..40 => Phase::Warmup,
                388.. => Phase::Drain,
                _ => Phase::Steady,
            },
            overlapped: turn % 10 == 9,
            ..row(turn)
        })
        .collect();
    let summarise = |reactive: bool| {
        let mut run = plan_of(400);
        run.spec.reactive = reactive.into();
        render(&Summary::of(&run, &rows, &timeline(40), None), false)
    };
    let text = summarise(false);
    let told: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("answered"))
        .take_while(|line| !line.starts_with("load"))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
              answered 314 of 314 turns; left out: 34 overlapped, 40 in warm-up, 12
              in drain
              95 % interval p50 245 ms..261 ms · p95 290 ms..296 ms
              effective n 135
              – not enough data (n=314): p90 needs 36 effective, p95 72, p99 368

    stage                                    median turns  slowest turns
    endpoint     end of speech → processing       50.0 ms        50.0 ms
    transcript   → final transcript                  0 ns           0 ns
    first text   → first text                     50.0 ms        50.0 ms
    first audio  → first audio                     154 ms         196 ms
    response     their sum                         254 ms         296 ms
              means over the 32 turns nearest the median and the 16 turns that took
              longest; a stage that a turn does not have is part of the next

    turns     success 100 % · 400 of 400 started · 400 ok
              40 of 400 turns began before the answer to the one before had ended;
              with --turn-timing reactive callers wait for answers
    callers   underruns 0.0 % · early_endpoint 0.0 % · overlapped 9.8 %
    ");
    assert!(!summarise(true).contains("reactive"), "it is already");
}

/// A replay of calls that were answered after 400 ms when they were recorded.
fn recorded() -> Summary {
    let ms = 1_000_000;
    let rows: Vec<_> = (0..400)
        .map(|turn| RequestRow {
            recorded_response_ns: (turn % 50 != 7).then_some(400 * ms),
            recorded_asr_ns: Some(1_200 * ms),
            recorded_e2e_ns: (turn < 60).then_some(250 * ms),
            recorded_total_ns: Some(1_620 * ms),
            ..match turn % 100 {
                11 => unanswered(turn, Status::NoAnswer),
                _ => row(turn),
            }
        })
        .collect();
    Summary::of(&plan_of(400), &rows, &timeline(40), None)
}

#[test]
fn a_replay_of_recorded_calls() {
    let text = render(&recorded(), false);
    let told = text.lines().skip_while(|line| !line.starts_with("beside"));
    let told: Vec<&str> = told.take_while(|line| !line.starts_with("turns")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    beside the recorded calls   turns recorded     p95 replayed     p95   paired
    response                      388   400 ms  400 ms   250 ms  295 ms  -150 ms
    asr                           396   1.20 s  1.20 s   1.25 s  1.25 s +50.0 ms
    e2e                            59   250 ms       –   180 ms       – -70.0 ms
    total                         396   1.62 s  1.62 s   1.62 s  1.62 s     0 ns
              p50 and p95 of turns that have both; paired is the median of replayed
              less recorded, turn by turn
              answered only when it was recorded: 4 turns; only now: 8 turns
    ");
}

#[test]
fn json_of_a_replay_of_recorded_calls() {
    let response = &recorded().sections.recorded.unwrap()["response"];
    insta::assert_snapshot!(serde_json::to_string_pretty(response).unwrap());
}
