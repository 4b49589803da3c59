//! What is required of a run and what becomes of it, and the files that programs read, through the
//! program.

use std::collections::BTreeSet;
use std::path::Path;

use quick_junit::Report;
use serde_json::Value;
use voicelt::results::manifest::{RunManifest, VerdictLevel};
use voicelt::results::reader::RunDir;
use voicelt::results::row::RequestRow;
use voicelt::table::Row;

use super::{Desk, Running, said};

/// Twelve calls within two seconds.
const CALLS: &[&str] = &[
    "--synth",
    "speech-like:600ms",
    "--arrivals",
    "constant:6/s",
    "--sessions",
    "12",
];

/// A desk with a gateway that answers at once.
fn desk() -> (Desk, Running, String) {
    let desk = Desk::with_trace(CALLS);
    let (gateway, target) = desk.gateway(&["--slots", "50"]);
    (desk, gateway, target)
}

/// Replays to the folder `run` and returns the exit code. How well this machine keeps time is no
/// matter here.
fn replay(desk: &Desk, target: &str, more: &[&str]) -> Option<i32> {
    let replay = [
        "--quiet",
        "replay",
        "calls.vtrace",
        "-t",
        target,
        "-o",
        "run",
    ];
    let output = desk.voicelt(&[&replay[..], &["--allow-invalid"], more].concat());
    output.status.code()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What became of each requirement of a document.
fn judgements(document: &Value) -> Vec<(String, String)> {
    let judged = document["requirements"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    judged
        .map(|judged| (text(&judged["requirement"]), text(&judged["judgement"])))
        .collect()
}

/// Lets the run have this verdict, and be held to it.
fn set_verdict(desk: &Desk, level: VerdictLevel) {
    let path = desk.path("run/run.json");
    let mut run: RunManifest = serde_json::from_value(json(&path)).unwrap();
    run.spec["allow_invalid"] = false.into();
    let verdict = run.verdict.as_mut().unwrap();
    verdict.level = level;
    verdict.reasons = match level {
        VerdictLevel::Valid => Vec::new(),
        _ => vec!["3.2 % of the chunks were sent late".to_owned()],
    };
    std::fs::write(path, serde_json::to_string(&run).unwrap()).unwrap();
}

#[test]
fn requirements_are_kept_with_the_run_and_decide_the_exit_code_now_and_later() {
    let (desk, _gateway, target) = desk();
    let required = ["response.p50 < 20s", "errors < 1%", "throughput > 0.1/s"];
    let flags = required.map(|text| ["--require", text]).concat();
    let files = ["--json", "run.json", "--junit", "run.xml"];
    assert_eq!(
        replay(&desk, &target, &[&flags[..], &files].concat()),
        Some(0)
    );
    let document = json(&desk.path("run.json"));
    let met = required.map(|text| (text.to_owned(), "met".to_owned()));
    assert_eq!(judgements(&document), met);
    let kept = json(&desk.path("run/run.json"));
    assert_eq!(kept["spec"]["require"], serde_json::json!(required));
    assert_eq!(kept["summary"]["requirements"], document["requirements"]);

    set_verdict(&desk, VerdictLevel::Valid);
    let report = |more: &[&str]| desk.voicelt(&[&["report", "run"], more].concat());
    let text = report(&[]);
    assert_eq!(text.status.code(), Some(0), "{}", said(&text));
    assert!(
        said(&text).contains("require   MET         response.p50 < 20s"),
        "{}",
        said(&text)
    );
    let stricter = report(&["--require", "response.p50 < 1us", "--format", "json"]);
    assert_eq!(stricter.status.code(), Some(99));
    let document: Value = serde_json::from_slice(&stricter.stdout).unwrap();
    let judged = judgements(&document);
    assert_eq!(judged.len(), 3, "the old one about the same is replaced");
    let not_met = ("response.p50 < 1us".to_owned(), "not_met".to_owned());
    assert_eq!(judged.last(), Some(&not_met));

    let unknown = report(&["--require", "response.p99 < 20s"]);
    assert_eq!(unknown.status.code(), Some(99), "not judged is not met");
    let why = "NOT JUDGED  response.p99 < 20s  not enough data";
    assert!(said(&unknown).contains(why), "{}", said(&unknown));

    set_verdict(&desk, VerdictLevel::Invalid);
    let untrusted = report(&["--require", "response.p50 < 1us", "--junit", "invalid.xml"]);
    assert_eq!(untrusted.status.code(), Some(4), "{}", said(&untrusted));
    assert_eq!(said(&untrusted).matches("NOT JUDGED").count(), 3);
    let junit = std::fs::read_to_string(desk.path("invalid.xml")).unwrap();
    let junit = Report::deserialize_from_str(&junit).unwrap();
    assert_eq!(
        (junit.tests, junit.failures),
        (4, 4),
        "a reason and three requirements"
    );
}

#[test]
fn what_is_not_met_fails_a_replay_and_is_a_failed_case() {
    let (desk, _gateway, target) = desk();
    let flags = [
        "--require",
        "success < 50%",
        "--require",
        "e2e.max < 20s",
        "--junit",
        "run.xml",
    ];
    assert_eq!(replay(&desk, &target, &flags), Some(99));
    let junit = std::fs::read_to_string(desk.path("run.xml")).unwrap();
    let junit = Report::deserialize_from_str(&junit).unwrap();
    let suite = &junit.test_suites[0];
    assert_eq!(suite.name.as_str(), "run");
    let cases = suite.test_cases.iter();
    let cases: Vec<_> = cases
        .filter(|case| case.classname.as_deref() == Some("requirement"))
        .map(|case| {
            (
                case.name.as_str(),
                matches!(case.status, quick_junit::TestCaseStatus::Success { .. }),
            )
        })
        .collect();
    assert_eq!(cases, [("success < 50%", false), ("e2e.max < 20s", true)]);
}

#[test]
fn every_request_is_a_record_and_a_line() {
    let (desk, _gateway, target) = desk();
    let files = [
        "--json",
        "all.json",
        "--raw-json",
        "raw.json",
        "--csv",
        "all.csv",
    ];
    assert_eq!(replay(&desk, &target, &files), Some(0));
    let rows = RunDir::open(&desk.path("run"))
        .unwrap()
        .requests()
        .unwrap()
        .rows;
    assert_eq!(rows.len(), 12);

    let document = json(&desk.path("all.json"));
    assert_eq!(document["summary"]["total_requests"], 12);
    assert_eq!(document["summary"]["successful_requests"], 12);
    assert_eq!(document["latency"]["e2e"]["count"], 12);
    assert_eq!(document["config"]["request_timeout"], 30.0);
    assert_eq!(document["config"]["sample_rate"], 16_000);

    let records = json(&desk.path("raw.json"));
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(&rows) {
        let seconds = |name: &str| record[name].as_f64().unwrap();
        let e2e = row.e2e_ns.unwrap() as f64 / 1e9;
        assert!((seconds("e2e_latency") - e2e).abs() < 1e-9, "{record}");
        assert!(seconds("end_time") > seconds("start_time"), "{record}");
        assert_eq!(
            (&record["status"], &record["worker_id"]),
            (&"success".into(), &Value::Null)
        );
        assert!(record["audio_file"].is_string(), "{record}");
    }

    let mut csv = csv::Reader::from_path(desk.path("all.csv")).unwrap();
    let columns = RequestRow::columns();
    assert!(
        csv.headers()
            .unwrap()
            .iter()
            .eq(columns.iter().map(|column| column.name))
    );
    let lines: Vec<csv::StringRecord> = csv.records().map(|line| line.unwrap()).collect();
    assert_eq!(lines.len(), rows.len());
    assert!(
        lines
            .iter()
            .zip(&rows)
            .all(|(line, row)| line[1] == row.session_id)
    );
}

#[test]
fn the_summary_of_a_step_is_appended_to() {
    let (desk, _gateway, target) = desk();
    std::fs::write(desk.path("step.md"), "before\n").unwrap();
    let step = |command: &str| {
        let voicelt = env!("CARGO_BIN_EXE_voicelt");
        let output = desk.shell(&format!(
            "GITHUB_STEP_SUMMARY=step.md exec {voicelt} {command}"
        ));
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        std::fs::read_to_string(desk.path("step.md")).unwrap()
    };
    let after_replay = step(&format!(
        "replay calls.vtrace -t {target} -o run --allow-invalid --quiet --require 'errors < 1%'"
    ));
    assert!(
        after_replay.starts_with("before\n### voicelt: run\n"),
        "{after_replay}"
    );
    assert!(
        after_replay.contains("| errors &lt; 1% | ✅ met |"),
        "{after_replay}"
    );
    let after_report = step("report run");
    let page = after_report.strip_prefix(&after_replay).unwrap();
    assert!(page.starts_with("### voicelt: run\n"), "{page}");
}

#[test]
fn what_cannot_be_read_or_written_is_found_before_anything_is_sent() {
    let (desk, _gateway, target) = desk();
    let refused = |more: &[&str]| {
        let replay = ["replay", "calls.vtrace", "-t", &target, "-o", "run"];
        let output = desk.voicelt(&[&replay[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(!desk.path("run").exists());
        said(&output)
    };
    let text = refused(&["--csv", "no/such/folder.csv"]);
    assert!(
        text.contains("--csv: no/such/folder.csv cannot be written"),
        "{text}"
    );
    let text = refused(&["--require", "respnse.p95 < 1s"]);
    assert!(text.contains("did you mean `response`?"), "{text}");
}

#[test]
fn runs_of_users_are_told_in_the_words_of_the_python_load_test() {
    let (desk, _gateway, target) = desk();
    let users = [
        "--quiet",
        "run",
        "-a",
        "calls.vtrace",
        "-t",
        &target,
        "-o",
        "run",
        "-u",
        "2",
        "-d",
        "2s",
        "--ramp-down",
        "1s",
        "--think-time",
        "100ms",
        "--pace",
        "original",
        "--repeat",
        "2",
    ];
    let files = [
        "--json",
        "all.json",
        "--raw-json",
        "raw.json",
        "--allow-invalid",
    ];
    let required = ["--require", "errors < 1%"];
    let output = desk.voicelt(&[&users[..], &files, &required].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let documents = json(&desk.path("all.json"));
    let documents = documents.as_array().unwrap();
    assert_eq!(documents.len(), 2);
    let mut requests = 0;
    for (document, name) in documents.iter().zip(["run-1", "run-2"]) {
        assert_eq!(document["run"]["name"], name);
        let config = &document["config"];
        let expected = [
            ("max_users", 2.0),
            ("ramp_up_time", 0.0),
            ("hold_time", 2.0),
            ("ramp_down_time", 1.0),
            ("think_time", 0.1),
            ("chunk_size", 4_096.0),
            ("chunk_delay", 0.01),
            ("request_timeout", 30.0),
        ];
        for (name, value) in expected {
            assert_eq!(config[name].as_f64(), Some(value), "{name}: {config}");
        }
        assert_eq!(config["language_code"], "en-US");
        let guidance = document["guidance"].as_array().unwrap().iter();
        let repeats: Vec<_> = guidance
            .filter(|advice| advice["rule"] == "repeats")
            .collect();
        assert_eq!(repeats[0]["said"], "one of 2 runs");
        let run = RunDir::open(&desk.path(name)).unwrap();
        requests += run.requests().unwrap().rows.len();
    }
    let records = json(&desk.path("raw.json"));
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), requests);
    let workers = records
        .iter()
        .map(|record| record["worker_id"].as_u64().unwrap());
    assert_eq!(workers.collect::<BTreeSet<_>>(), [0, 1].into());
}
