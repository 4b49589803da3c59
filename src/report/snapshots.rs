//! Whole reports of synthetic runs, as people and programs see them.

mod protocols;
mod recorded;

use super::render::run_text as render;
use super::summary::Summary;
use crate::results::lag::LagSummary;
use crate::results::manifest::{ExitReason, RunManifest, Verdict, VerdictLevel};
use crate::results::row::{Phase, RequestRow, Status, TimelineRow};
use crate::results::sample::{manifest, row, second, unanswered};

/// A run of 1,000 turns that went well.
fn good() -> Summary {
    let mut rows: Vec<RequestRow> = (0..1_000).map(row).collect();
    rows[3].early_endpoint = true;
    rows[4].overlapped = true;
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
    Summary::of(&manifest(), &rows, &timeline(100), Some(lag))
}

/// The run of the sample with a plan of `turns`, ten a second, of at most 100 sessions.
fn plan_of(turns: u64) -> RunManifest {
    let mut run = manifest();
    run.planned.turns = turns;
    run.planned.sessions = turns.min(100);
    run.planned.chunks = turns * 50;
    run
}

fn timeline(seconds: i64) -> Vec<TimelineRow> {
    (0..seconds).map(second).collect()
}

fn failed(turn: u32, status: Status, code: u32, message: &str) -> RequestRow {
    RequestRow {
        grpc_code: Some(code),
        error: Some(message.to_owned()),
        ..unanswered(turn, status)
    }
}

/// A run killed after 8 s, with three turns under way and one part of its rows damaged.
fn killed() -> Summary {
    let mut run = plan_of(1_000);
    run.exit_reason = ExitReason::Killed;
    run.finished_at = None;
    run.verdict = None;
    let under_way = |turn| RequestRow {
        intended_end_of_speech_ns: None,
        end_of_speech_sent_ns: None,
        closed_ns: None,
        grpc_code: None,
        ..unanswered(turn, Status::Interrupted)
    };
    let rows: Vec<_> = (0..77).map(row).chain((77..80).map(under_way)).collect();
    let mut summary = Summary::of(&run, &rows, &timeline(8), None);
    summary.unreadable =
        vec!["runs/calls/requests-00002.parquet: not a readable Parquet file (EOF)".to_owned()];
    summary
}

fn empty() -> Summary {
    let mut run = manifest();
    run.exit_reason = ExitReason::Interrupted;
    run.verdict = None;
    run.labels.clear();
    Summary::of(&run, &[], &[], None)
}

#[test]
fn a_good_run() {
    insta::assert_snapshot!(render(&good(), false), @r"
    run       calls-20260921-141320 · ran 102 s · trace calls → http://gateway:50051
              at 2026-09-21T14:13:20Z
    labels    build=abc
    verdict   VALID: the load kept its schedule

    latency                                    p50     p90     p95     p99     max
    response      end of speech → audio     250 ms  290 ms  295 ms  299 ms  299 ms
    audible       end of speech → sound     260 ms  300 ms  305 ms  309 ms  309 ms
    first_text    end of speech → text      100 ms  100 ms  100 ms  100 ms  100 ms
    final         end of speech → final    50.0 ms 50.0 ms 50.0 ms 50.0 ms 50.0 ms
    asr           turn start → transcript   1.25 s  1.25 s  1.25 s  1.25 s  1.25 s
    endpoint      speech sent → processing 50.0 ms 50.0 ms 50.0 ms 50.0 ms 50.0 ms
    llm_ttft      transcript → first text  50.0 ms 50.0 ms 50.0 ms 50.0 ms 50.0 ms
    llm_total     transcript → last text    100 ms  100 ms  100 ms  100 ms  100 ms
    tts           first text → audio        150 ms  190 ms  195 ms  199 ms  199 ms
    e2e           transcript → audio        200 ms  240 ms  245 ms  249 ms  249 ms
    barge_in      barge-in → last audio     195 ms       –       –       –  195 ms
    barge_in_stop barge-in → silence        195 ms       –       –       –  195 ms
    total         turn start → turn end     1.62 s  1.62 s  1.62 s  1.62 s  1.62 s
              answered 998 of 998 turns; left out: 1 cut off, 1 overlapped
              95 % interval p50 246 ms..253 ms · p95 293 ms..296 ms
              p99 298 ms..299 ms · effective n 976 (p99 950)
              – not enough data (n below): p90 needs 36 effective, p95 72, p99 368
              measured in 1 turn: barge_in_latency, barge_in_stop

    stage                                    median turns  slowest turns
    endpoint     end of speech → processing       50.0 ms        50.0 ms
    transcript   → final transcript                  0 ns           0 ns
    first text   → first text                     50.0 ms        50.0 ms
    first audio  → first audio                     150 ms         197 ms
    response     their sum                         250 ms         297 ms
              means over the 100 turns nearest the median and the 50 turns that took
              longest; a stage that a turn does not have is part of the next

    turns     success 100 % · 1,000 of 1,000 started · 999 ok · 1 barged_in
    callers   underruns 0.0 % · early_endpoint 0.1 % · overlapped 0.1 %
    load      100 of 100 sessions · 12 at once (12 planned)
              50,000 of 50,000 chunks
    offered   1.00 sessions/s · 500.0 chunks/s
    achieved  1.00 sessions/s · 500.0 chunks/s
    lag       p50 12.0 µs · p99 88.0 µs · p99.9 190 µs · max 210 µs
              0 of 50,000 chunks late · 0 blocked by the peer

    diagnosis nothing unusual shows
    ");
}

#[test]
fn a_run_with_errors_timeouts_and_missing_answers() {
    let upstream = "upstream connect error or disconnect/reset before headers. \
                    reset reason: connection failure";
    let rows: Vec<_> = (0..400)
        .map(|turn| match turn % 20 {
            3 => failed(turn, Status::Error, 14, upstream),
            7 => failed(turn, Status::Error, 0, "ASR failed"),
            11 if turn < 200 => failed(turn, Status::Timeout, 1, "no audio within 30 s"),
            12 => unanswered(turn, Status::NoAnswer),
            _ => row(turn),
        })
        .map(|row| RequestRow {
            peer: Some(format!("10.0.0.{}:50051", row.turn % 2)),
            ..row
        })
        .collect();
    let summary = Summary::of(&plan_of(400), &rows, &timeline(40), None);
    insta::assert_snapshot!(render(&summary, false), @r"
    run       calls-20260921-141320 · ran 41.5 s
              trace calls → http://gateway:50051 · at 2026-09-21T14:13:20Z
    labels    build=abc
    verdict   VALID: the load kept its schedule

    latency                                 p50     p90     p95     p99     max
    response   end of speech → audio     260 ms       ∞       ∞       –       ∞
    audible    end of speech → sound     270 ms       ∞       ∞       –       ∞
    first_text end of speech → text      100 ms  100 ms  100 ms       –  100 ms
    final      end of speech → final    50.0 ms 50.0 ms 50.0 ms       – 50.0 ms
    asr        turn start → transcript   1.25 s  1.25 s  1.25 s       –  1.25 s
    endpoint   speech sent → processing 50.0 ms 50.0 ms 50.0 ms       – 50.0 ms
    llm_ttft   transcript → first text  50.0 ms 50.0 ms 50.0 ms       – 50.0 ms
    llm_total  transcript → last text    100 ms  100 ms  100 ms       –  100 ms
    tts        first text → audio        150 ms  190 ms  195 ms       –  199 ms
    e2e        transcript → audio        200 ms  240 ms  245 ms       –  249 ms
    total      turn start → turn end     1.62 s       ∞       ∞       –       ∞
              answered 330 of 400 turns
              95 % interval p50 254 ms..269 ms · p95 ∞ · effective n 234
              – not enough data (n=400): p90 needs 36 effective, p95 72, p99 368
              ∞ no answer: a turn without one counts as longer than every other
              measured in 330 turns: first_text, final, asr, endpoint, llm_ttft,
              llm_total, tts, e2e

    stage                                    median turns  slowest turns
    endpoint     end of speech → processing       50.0 ms        50.0 ms
    transcript   → final transcript                  0 ns           0 ns
    first text   → first text                     50.0 ms        50.0 ms
    first audio  → first audio                     150 ms         197 ms
    response     their sum                         250 ms         297 ms
              means over the 33 turns nearest the median and the 17 turns that took
              longest; a stage that a turn does not have is part of the next

    turns     success 82.5 % · 400 of 400 started · 330 ok · 20 no_answer · 40 error
              10 timeout
    callers   underruns 0.0 % · early_endpoint 0.0 % · overlapped 0.0 %
    load      100 of 100 sessions · 12 at once (12 planned)
              20,000 of 20,000 chunks
    offered   1.00 sessions/s · 500.0 chunks/s
    achieved  1.00 sessions/s · 500.0 chunks/s
    lag       p50 ≤ 12.0 µs · p99 ≤ 90.0 µs · p99.9 ≤ 210 µs · max 210 µs
              0 of 20,000 chunks late · 0 blocked by the peer
    errors  
    20 turns  ASR failed
    20 turns  upstream connect error or disconnect/reset before headers. reset
              reason: connection failure
    10 turns  no audio within 30 s
    grpc      CANCELLED 10 turns · OK 40 turns · UNAVAILABLE 20 turns
    peer              turns  success  response p50      p95
    10.0.0.0:50051      200   90.0 %        254 ms        ∞
    10.0.0.1:50051      200   75.0 %        269 ms        ∞

    diagnosis Turns fail with “ASR failed”
              70 of 400 turns failed (17.5 %); 20 with “ASR failed”, from 0m01s to
              0m40s.
              → Look for it in the logs of the gateway and of its models, at the
                times and by the trace ids of these turns (`voicelt report --csv
                FILE` has them, -v says them as they end).
    ");
}

#[test]
fn a_run_in_which_nothing_was_answered() {
    let rows: Vec<_> = (0..20)
        .map(|turn| unanswered(turn, Status::NoAnswer))
        .collect();
    let summary = Summary::of(&plan_of(20), &rows, &timeline(2), None);
    insta::assert_snapshot!(render(&summary, false), @r"
    run       calls-20260921-141320 · ran 3.52 s
              trace calls → http://gateway:50051 · at 2026-09-21T14:13:20Z
    labels    build=abc
    verdict   VALID: the load kept its schedule

    latency                              p50      p90      p95      p99      max
    response  end of speech → audio        ∞        –        –        –        ∞
    audible   end of speech → sound        ∞        –        –        –        ∞
    total     turn start → turn end        ∞        –        –        –        ∞
              answered 0 of 20 turns
              95 % interval p50 ∞ · effective n 20
              – not enough data (n=20): p90 needs 36 effective, p95 72, p99 368
              ∞ no answer: a turn without one counts as longer than every other

    turns     success 0.0 % · 20 of 20 started · 20 no_answer
    callers   early_endpoint 0.0 % · overlapped 0.0 %
    load      20 of 20 sessions · 12 at once (12 planned) · 1,000 of 1,000 chunks
    offered   1.00 sessions/s · 500.0 chunks/s
    achieved  1.00 sessions/s · 500.0 chunks/s
    lag       p50 ≤ 12.0 µs · p99 ≤ 90.0 µs · p99.9 ≤ 210 µs · max 210 µs
              0 of 1,000 chunks late · 0 blocked by the peer
    grpc      OK 20 turns

    diagnosis Answers stop before they begin: no interim transcript comes
              20 of 20 turns (100 %) got nothing back once their caller had spoken.
              20 of these 20 turns failed with a stream that ended well, without an
              answer.
              → Look at whether audio reaches the speech recogniser: its log and its
                queue, and the sample rate and the language that it takes.

    check     No turn was answered. See
              - whether http://gateway:50051 is the voice gateway (service
                voice_workflow.VoiceGateway), and wants TLS (https://) or not
                (http://)
              - the gateway's log, and those of its speech and language models; a
                recogniser that fails gives no error, only an empty stream that ends
                well
              - whether it takes the language and the sample rate of the trace
    ");
}

#[test]
fn a_killed_run() {
    insta::assert_snapshot!(render(&killed(), false), @r"
    run       calls-20260921-141320 · ran 9.22 s
              trace calls → http://gateway:50051 · at 2026-09-21T14:13:20Z
    labels    build=abc
    ended     KILLED: 3 turns were in flight
    verdict   NONE: it is given when a run ends

    latency                                 p50     p90     p95     p99     max
    response   end of speech → audio     238 ms  269 ms  273 ms       –  276 ms
    audible    end of speech → sound     248 ms  279 ms  283 ms       –  286 ms
    first_text end of speech → text      100 ms  100 ms  100 ms       –  100 ms
    final      end of speech → final    50.0 ms 50.0 ms 50.0 ms       – 50.0 ms
    asr        turn start → transcript   1.25 s  1.25 s  1.25 s       –  1.25 s
    endpoint   speech sent → processing 50.0 ms 50.0 ms 50.0 ms       – 50.0 ms
    llm_ttft   transcript → first text  50.0 ms 50.0 ms 50.0 ms       – 50.0 ms
    llm_total  transcript → last text    100 ms  100 ms  100 ms       –  100 ms
    tts        first text → audio        138 ms  169 ms  173 ms       –  176 ms
    e2e        transcript → audio        188 ms  219 ms  223 ms       –  226 ms
    total      turn start → turn end     1.62 s  1.62 s  1.62 s       –  1.62 s
              answered 77 of 77 turns; left out: 3 stopped early
              95 % interval p50 229 ms..247 ms · p95 268 ms..276 ms · effective n 77
              – not enough data (n=77): p90 needs 36 effective, p95 72, p99 368

    stage                                    median turns  slowest turns
    endpoint     end of speech → processing       50.0 ms        50.0 ms
    transcript   → final transcript                  0 ns           0 ns
    first text   → first text                     50.0 ms        50.0 ms
    first audio  → first audio                     138 ms         174 ms
    response     their sum                         238 ms         274 ms
              means over the 8 turns nearest the median and the 4 turns that took
              longest; a stage that a turn does not have is part of the next

    turns     success 100 % · 80 of 1,000 started · 77 ok · 3 in flight
    callers   underruns 0.0 % · early_endpoint 0.0 % · overlapped 0.0 %
    load      80 of 100 sessions · 12 at once (12 planned) · 4,000 of 50,000 chunks
    offered   1.00 sessions/s · 500.0 chunks/s
    achieved  1.00 sessions/s · 500.0 chunks/s
    lag       p50 ≤ 12.0 µs · p99 ≤ 90.0 µs · p99.9 ≤ 210 µs · max 210 µs
              0 of 4,000 chunks late · 0 blocked by the peer
    unread    runs/calls/requests-00002.parquet: not a readable Parquet file (EOF)

    diagnosis nothing unusual shows
    ");
}

#[test]
fn an_invalid_run() {
    let mut run = plan_of(400);
    run.verdict = Some(Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec![
            "3.2 % of the chunks of the steady phase were sent late (limit 1 %)".to_owned(),
            "own CPU was at 97 % of its cores in the 10 s from 0m30s (limit 85 %)".to_owned(),
        ],
    });
    let rows: Vec<_> = (0..400)
        .map(|turn| {
            let mut late = row(turn);
            late.first_audible_ns = late.first_audio_ns.map(|ns| ns + 80_000_000);
            late.derive_latencies(true);
            late
        })
        .collect();
    let mut timeline = timeline(40);
    for second in &mut timeline[30..40] {
        second.late_chunks = 64;
        second.lag_p99_ns = Some(80_000_000);
        second.lag_max_ns = Some(140_000_000);
    }
    let summary = Summary::of(&run, &rows, &timeline, None);
    insta::assert_snapshot!(render(&summary, false), @r"
    run       calls-20260921-141320 · ran 41.5 s
              trace calls → http://gateway:50051 · at 2026-09-21T14:13:20Z
    labels    build=abc
    verdict   INVALID: the load did not keep its schedule; do not trust the figures
              - 3.2 % of the chunks of the steady phase were sent late (limit 1 %)
              - own CPU was at 97 % of its cores in the 10 s from 0m30s (limit 85 %)

    latency                                  p50      p90      p95      p99      max
    audible     end of speech → sound     329 ms   369 ms   374 ms        –   379 ms
    response    end of speech → audio     249 ms   289 ms   294 ms        –   299 ms
    first_text  end of speech → text      100 ms   100 ms   100 ms   100 ms   100 ms
    final       end of speech → final    50.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms
    asr         turn start → transcript   1.25 s   1.25 s   1.25 s   1.25 s   1.25 s
    llm_ttft    transcript → first text  50.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms
    llm_total   transcript → last text    100 ms   100 ms   100 ms   100 ms   100 ms
    tts         first text → audio        149 ms   189 ms   194 ms        –   199 ms
    e2e         transcript → audio        199 ms   239 ms   244 ms        –   249 ms
    total       turn start → turn end     1.62 s   1.62 s   1.62 s   1.62 s   1.62 s
              answered 400 of 400 turns
              95 % interval p50 322 ms..337 ms · p95 372 ms..377 ms
              effective n 194
              – not enough data (n below): p90 needs 36 effective, p95 72, p99 368

    stage                                    median turns  slowest turns
    endpoint     end of speech → processing       50.0 ms        50.0 ms
    transcript   → final transcript                  0 ns           0 ns
    first text   → first text                     50.0 ms        50.0 ms
    first audio  → first audio                     148 ms         197 ms
    response     their sum                         248 ms         297 ms
              means over the 40 turns nearest the median and the 20 turns that took
              longest; a stage that a turn does not have is part of the next

    turns     success 100 % · 400 of 400 started · 400 ok
    callers   underruns 0.0 % · early_endpoint 0.0 % · overlapped 0.0 %
    load      100 of 100 sessions · 12 at once (12 planned)
              20,000 of 20,000 chunks
    offered   1.00 sessions/s · 500.0 chunks/s
    achieved  1.00 sessions/s · 500.0 chunks/s
    lag       p50 ≤ 12.0 µs · p99 ≤ 80.0 ms · p99.9 ≤ 140 ms · max 140 ms
              640 of 20,000 chunks late · 0 blocked by the peer

    diagnosis The load generator was late: figures are not the gateway's alone
              The verdict's first reason: 3.2 % of the chunks of the steady phase
              were sent late (limit 1 %) (1 reason more). 640 of 20,000 chunks late,
              the latest by 140 ms. This process used 0.2 cores in its busiest 10 s.
              → Run voicelt on a machine of its own with more or faster cores, with
                more --workers, or share the load between several machines.
    ");
}

#[test]
fn an_empty_run() {
    insta::assert_snapshot!(render(&empty(), false), @r"
    run       calls-20260921-141320 · trace calls → http://gateway:50051
              at 2026-09-21T14:13:20Z
    ended     INTERRUPTED by a signal: 0 turns were in flight
    verdict   NONE: it is given when a run ends

    latency                              p50      p90      p95      p99      max
    response  end of speech → audio        –        –        –        –        –
    audible   end of speech → sound        –        –        –        –        –
    total     turn start → turn end        –        –        –        –        –
              answered 0 of 0 turns
              – not enough data (n=0): p90 needs 36 effective, p95 72, p99 368

    turns     success – · 0 of 1,000 started
    load      0 of 100 sessions
    lag       not known

    diagnosis nothing unusual shows

    check     No turn is on record: the run was stopped before its first turn.
    ");
}

#[test]
fn a_run_of_too_few_turns_for_high_percentiles() {
    let rows: Vec<_> = (0..40).map(row).collect();
    let summary = Summary::of(&plan_of(40), &rows, &timeline(4), None);
    insta::assert_snapshot!(render(&summary, false), @r"
    run       calls-20260921-141320 · ran 5.52 s
              trace calls → http://gateway:50051 · at 2026-09-21T14:13:20Z
    labels    build=abc
    verdict   VALID: the load kept its schedule

    latency                                 p50     p90     p95     p99     max
    response   end of speech → audio     219 ms  235 ms       –       –  239 ms
    audible    end of speech → sound     229 ms  245 ms       –       –  249 ms
    first_text end of speech → text      100 ms  100 ms       –       –  100 ms
    final      end of speech → final    50.0 ms 50.0 ms       –       – 50.0 ms
    asr        turn start → transcript   1.25 s  1.25 s       –       –  1.25 s
    endpoint   speech sent → processing 50.0 ms 50.0 ms       –       – 50.0 ms
    llm_ttft   transcript → first text  50.0 ms 50.0 ms       –       – 50.0 ms
    llm_total  transcript → last text    100 ms  100 ms       –       –  100 ms
    tts        first text → audio        119 ms  135 ms       –       –  139 ms
    e2e        transcript → audio        169 ms  185 ms       –       –  189 ms
    total      turn start → turn end     1.62 s  1.62 s       –       –  1.62 s
              answered 40 of 40 turns
              95 % interval p50 213 ms..226 ms · effective n 40
              – not enough data (n=40): p90 needs 36 effective, p95 72, p99 368

    stage                                    median turns  slowest turns
    endpoint     end of speech → processing       50.0 ms        50.0 ms
    transcript   → final transcript                  0 ns           0 ns
    first text   → first text                     50.0 ms        50.0 ms
    first audio  → first audio                     118 ms         138 ms
    response     their sum                         218 ms         238 ms
              means over the 4 turns nearest the median and the 2 turns that took
              longest; a stage that a turn does not have is part of the next

    turns     success 100 % · 40 of 40 started · 40 ok
    callers   underruns 0.0 % · early_endpoint 0.0 % · overlapped 0.0 %
    load      40 of 40 sessions · 12 at once (12 planned) · 2,000 of 2,000 chunks
    offered   1.00 sessions/s · 500.0 chunks/s
    achieved  1.00 sessions/s · 500.0 chunks/s
    lag       p50 ≤ 12.0 µs · p99 ≤ 90.0 µs · p99.9 ≤ 210 µs · max 210 µs
              0 of 2,000 chunks late · 0 blocked by the peer

    diagnosis nothing unusual shows
    ");
}

#[test]
fn colour_adds_escape_codes_and_nothing_else() {
    for summary in [good(), killed(), empty()] {
        let (plain, coloured) = (render(&summary, false), render(&summary, true));
        assert!(!plain.contains('\x1b') && coloured.contains('\x1b'));
        let mut stripped = String::new();
        for (i, piece) in coloured.split("\x1b[").enumerate() {
            let rest = piece.split_once('m').filter(|_| i > 0);
            stripped.push_str(rest.map_or(piece, |(_, rest)| rest));
        }
        assert_eq!(stripped, plain);
    }
}

#[test]
fn json_of_a_good_run() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&good()).unwrap());
}

#[test]
fn json_of_a_killed_run() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&killed()).unwrap());
}

#[test]
fn json_of_an_empty_run() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&empty()).unwrap());
}
