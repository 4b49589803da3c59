//! `voicelt compare`, as users run it: what it says of two replays, which runs it refuses, and which
//! exit code tells a regression.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use voicelt::results::manifest::{ClosedLoop, RunManifest, Verdict, VerdictLevel};
use voicelt::results::row::RequestRow;
use voicelt::results::sample::{manifest, row};
use voicelt::table::write_all;
use voicelt::units::NS_PER_MS;

/// A folder for runs.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn voicelt(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
        command.current_dir(self.0.path()).args(args);
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Puts a run of the sample's trace there, answered so much later, as `change` says.
    fn put(&self, name: &str, later_ms: i64, change: impl FnOnce(&mut RunManifest)) {
        let mut run = RunManifest {
            name: name.to_owned(),
            run_id: format!("{name:0>32}"),
            ..manifest()
        };
        change(&mut run);
        let rows: Vec<RequestRow> = (0..1_000)
            .map(|turn| {
                let mut row = row(turn);
                let later = later_ms * NS_PER_MS;
                row.first_audio_ns = row.first_audio_ns.map(|ns| ns + later);
                row.first_audible_ns = row.first_audible_ns.map(|ns| ns + later);
                row.user = run.closed_loop.is_some().then_some(turn % 20);
                row.derive_latencies(false);
                row
            })
            .collect();
        std::fs::create_dir(self.path(name)).unwrap();
        let text = serde_json::to_string(&run).unwrap();
        std::fs::write(self.path(name).join("run.json"), text).unwrap();
        let table = self.path(name).join("requests.parquet");
        write_all(&table, 1_024, &[], &rows).unwrap();
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(file)).unwrap()).unwrap()
    }
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

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The difference of `metric` in the only run that was compared.
fn difference<'a>(comparison: &'a Value, metric: &str) -> &'a Value {
    let differences = comparison["against"][0]["differences"].as_array();
    let mut differences = differences.unwrap().iter();
    differences.find(|one| one["metric"] == metric).unwrap()
}

#[test]
fn two_replays_of_the_demo_are_paired_turn_by_turn() {
    let desk = Desk::new();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/demo.vtrace");
    for run in ["one", "two"] {
        let demo = demo.to_str().unwrap();
        let replay = [
            "replay", demo, "--target", "embedded", "-o", run, "--limit", "4", "--quiet",
        ];
        let output = desk.voicelt(&replay);
        assert!(output.status.success(), "{}", said(&output));
    }
    let output = desk.voicelt(&["compare", "one", "two", "--json", "both.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.contains("paired, since both are replays of trace demo: "),
        "{text}"
    );
    assert!(
        text.contains("load      the same: audio demo, sessions 4"),
        "{text}"
    );
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
    desk.put("base", 0, |_| ());
    desk.put("same", 0, |run| run.labels.clear());
    desk.put("slow", 20, |_| ());
    let files = ["--json", "c.json", "--markdown", "c.md", "--html", "c.html"];
    let limit = ["--fail-on-regression", "5%"];
    let compare = ["compare", "base", "slow"];
    let output = desk.voicelt(&[&compare[..], &files, &limit].concat());
    assert_eq!(output.status.code(), Some(99), "{}", said(&output));
    assert!(said(&output).contains("regression: slow: response p50 is worse by more than 5 %"));
    assert_eq!(
        difference(&desk.json("c.json"), "response p50")["difference"],
        2e7
    );
    let read = |file: &str| std::fs::read_to_string(desk.path(file)).unwrap();
    assert!(read("c.md").contains("| response p50 | 249 ms | 269 ms | +8.0 % |"));
    assert!(read("c.html").contains("response p50"));

    // 13 % (of tts) is within 15 %, a gain is none, and nothing is nothing.
    for args in [
        ["base", "slow", "--fail-on-regression", "15%"],
        ["slow", "base", "--fail-on-regression", "5%"],
        ["base", "same", "--fail-on-regression", "0%"],
    ] {
        let output = desk.voicelt(&[&["compare"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    let output = desk.voicelt(&["compare", "base", "same", "slow", "--format", "json"]);
    let several: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(several["against"].as_array().unwrap().len(), 2);
    let again = desk.voicelt(&["compare", "base", "same", "slow", "--format", "json"]);
    assert_eq!(output.stdout, again.stdout, "the same every time");
}

#[test]
fn runs_that_do_not_go_together_are_refused() {
    let desk = Desk::new();
    desk.put("base", 0, |_| ());
    desk.put("late", 0, invalid);
    desk.put("embedded", 0, |run| {
        invalid(run);
        run.spec["target"] = "embedded".into();
    });
    desk.put("users", 0, users("realtime"));
    desk.put("fast", 0, users("original"));
    let table: [(&[&str], i32, &str); 8] = [
        (
            &["base", "late"],
            4,
            "late is invalid (3 % of the chunks were late)",
        ),
        (&["late", "base"], 4, "--allow-invalid"),
        (
            &["base", "late", "--allow-invalid"],
            0,
            "late did not keep its schedule",
        ),
        (
            &["base", "embedded"],
            0,
            "embedded did not keep its schedule",
        ),
        (&["users", "fast"], 2, "--allow-different-pace"),
        (
            &["users", "fast", "--allow-different-pace"],
            0,
            "pace realtime → original",
        ),
        (
            &["base", "users"],
            0,
            "unpaired, since users of a closed loop",
        ),
        (&["base", "nowhere"], 2, "no run at nowhere"),
    ];
    for (args, code, expected) in table {
        let output = desk.voicelt(&[&["compare"], args].concat());
        // Lines break anywhere.
        let text = said(&output)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(output.status.code(), Some(code), "{args:?} {text}");
        assert!(text.contains(expected), "{args:?} {text}");
    }
}
