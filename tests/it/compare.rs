//! `voicelt compare`, as users run it: what it says of two replays, which runs it refuses, and which
//! exit code tells a regression.

use serde_json::Value;
use voicelt::results::manifest::{ClosedLoop, RunManifest, Verdict, VerdictLevel};
use voicelt::results::protocol::{DialectName, Endpointing, Profile};
use voicelt::results::row::RequestRow;
use voicelt::results::sample::{manifest, row};
use voicelt::units::NS_PER_MS;

use crate::replay::replay_into;
use crate::support::Desk;

/// Puts a run of the sample's trace there, answered so much later, as `change` says.
fn put(desk: &Desk, name: &str, later_ms: i64, change: impl FnOnce(&mut RunManifest)) {
    let mut run = RunManifest {
        name: name.to_owned(),
        run_id: format!("{name:0>32}"),
        ..manifest()
    };
    change(&mut run);
    let rows = (0..300).map(|turn| {
        let mut row = row(turn);
        let later = later_ms * NS_PER_MS;
        row.first_audio_ns = row.first_audio_ns.map(|ns| ns + later);
        row.first_audible_ns = row.first_audible_ns.map(|ns| ns + later);
        row.user = run.closed_loop.is_some().then_some(turn % 20);
        row.derive_latencies(false);
        row
    });
    desk.put_run(name, &run, &rows.collect::<Vec<RequestRow>>());
}

fn users(pace: &str) -> impl FnOnce(&mut RunManifest) {
    let pace = pace.to_owned();
    |run| {
        run.closed_loop = Some(ClosedLoop {
            scenario: None,
            users: 20,
            pace,
            think_ns: [0, 0],
            requests_per_user: None,
            turns_per_session: 1,
            stages: Vec::new(),
        });
    }
}

fn invalid(run: &mut RunManifest) {
    run.verdict = Some(Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec!["3 % of the chunks were late".to_owned()],
    });
}

/// The difference of `metric` in the only run that was compared.
fn difference<'a>(comparison: &'a Value, metric: &str) -> &'a Value {
    let differences = comparison["against"][0]["differences"].as_array();
    let mut differences = differences.unwrap().iter();
    differences.find(|one| one["metric"] == metric).unwrap()
}

#[test]
fn two_replays_of_a_trace_are_paired_turn_by_turn() {
    let desk = Desk::with_trace("--synth speech-like:500ms --sessions 4");
    let runs = ["one", "two"].map(|run| desk.start(&replay_into("embedded", run)));
    for run in runs {
        run.wait().exits(0);
    }
    let output = desk.voicelt("compare one two --json both.json").exits(0);
    output
        .says("paired, since both are replays of trace calls: ")
        .says("load      the same: audio calls, sessions 4");
    let text = output.said();
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let comparison = desk.json("both.json");
    let pairing = &comparison["against"][0]["pairing"];
    assert_eq!(pairing["paired"], true);
    assert_eq!(pairing["base_blocks"]["count"], 4);
    let p50 = difference(&comparison, "response p50");
    assert!(p50["base"]["value"].as_f64() > Some(0.0), "{p50}");
}

#[test]
fn a_regression_is_told_by_the_exit_code_and_in_every_format() {
    let desk = Desk::new();
    put(&desk, "base", 0, |_| ());
    put(&desk, "same", 0, |run| run.labels.clear());
    put(&desk, "slow", 20, |_| ());
    let files = "--json c.json --markdown c.md --html c.html";
    desk.voicelt(&format!(
        "compare base slow --fail-on-regression 5% {files}"
    ))
    .exits(99)
    .says("regression: slow: response p50 is worse by more than 5 %");
    assert_eq!(
        difference(&desk.json("c.json"), "response p50")["difference"],
        2e7
    );
    let row = "| response p50 | 249 ms | 269 ms | +8.0 % |";
    assert!(desk.read("c.md").contains(row));
    assert!(desk.read("c.html").contains("response p50"));

    // 13 % (of tts) is within 15 %, a gain is none, and nothing is nothing.
    for args in ["base slow 15%", "slow base 5%", "base same 0%"] {
        let (runs, limit) = args.rsplit_once(' ').unwrap();
        desk.voicelt(&format!("compare {runs} --fail-on-regression {limit}"))
            .exits(0);
    }
    let json = || desk.voicelt("compare base same slow --format json").json();
    assert_eq!(json()["against"].as_array().unwrap().len(), 2);
    assert_eq!(json(), json(), "the same every time");
}

#[test]
fn runs_that_do_not_go_together_are_refused() {
    let desk = Desk::new();
    put(&desk, "base", 0, |_| ());
    put(&desk, "late", 0, invalid);
    put(&desk, "embedded", 0, |run| {
        invalid(run);
        run.spec.target = "embedded".into();
    });
    put(&desk, "users", 0, users("realtime"));
    put(&desk, "fast", 0, users("original"));
    put(&desk, "realtime", 0, |run| {
        run.spec.dialect = DialectName::Realtime.into();
        run.spec.profile = Profile::OpenAi.into();
    });
    put(&desk, "pushed", 0, |run| {
        run.spec.dialect = DialectName::Realtime.into();
        run.spec.profile = Profile::OpenAi.into();
        run.spec.endpointing = Endpointing::None.into();
    });
    for (args, code, expected) in [
        (
            "base realtime",
            2,
            "base and realtime differ in dialect (stream-audio and realtime), profile (none and openai), so that",
        ),
        (
            "realtime pushed",
            2,
            "endpointing (as traced and none), so that their figures do not mean the same; compare them all the same with --across-dialects",
        ),
        (
            "base realtime --across-dialects",
            0,
            "times blocked do not compare",
        ),
        (
            "realtime pushed --across-dialects",
            0,
            "the figures of pushed are without endpointing",
        ),
        ("pushed pushed", 0, "pushed is the base itself"),
        (
            "base late",
            4,
            "late is invalid (3 % of the chunks were late)",
        ),
        ("late base", 4, "--allow-invalid"),
        (
            "base late --allow-invalid",
            0,
            "late did not keep its schedule",
        ),
        ("base embedded", 0, "embedded did not keep its schedule"),
        ("users fast", 2, "--allow-different-pace"),
        (
            "users fast --allow-different-pace",
            0,
            "pace realtime → original",
        ),
        ("base users", 0, "unpaired, since users of a closed loop"),
        ("base nowhere", 2, "no run at nowhere"),
    ] {
        let said = desk.voicelt(&format!("compare {args}")).exits(code).said();
        // Lines break anywhere.
        let text = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(expected), "{args} {text}");
    }
}
