//! What is required of a run and what becomes of it, and the files that programs read, through the
//! program.

use std::collections::BTreeSet;

use quick_junit::Report;
use serde_json::Value;
use voicelt::results::manifest::{RunManifest, VerdictLevel};
use voicelt::results::row::RequestRow;
use voicelt::table::Row;

use super::replay_into;
use crate::support::{Desk, Output, Running};

/// Twelve calls within two seconds.
const CALLS: &str = "--synth speech-like:600ms --arrivals constant:6/s --sessions 12";

/// A desk with a gateway that answers at once.
fn desk() -> (Desk, Running, String) {
    let desk = Desk::with_trace(CALLS);
    let (gateway, target) = desk.gateway("--slots 50");
    (desk, gateway, target)
}

/// Replays to the folder `run`.
fn replay(desk: &Desk, target: &str, flags: &str) -> Output {
    desk.voicelt(&format!("{} {flags}", replay_into(target, "run")))
}

fn junit(desk: &Desk, file: &str) -> Report {
    Report::deserialize_from_str(&desk.read(file)).unwrap()
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
    let mut run: RunManifest = serde_json::from_value(desk.json("run/run.json")).unwrap();
    run.spec.allow_invalid = false.into();
    let verdict = run.verdict.as_mut().unwrap();
    verdict.level = level;
    verdict.reasons = match level {
        VerdictLevel::Valid => Vec::new(),
        _ => vec!["3.2 % of the chunks were sent late".to_owned()],
    };
    desk.write("run/run.json", serde_json::to_string(&run).unwrap());
}

#[test]
fn requirements_are_kept_with_the_run_and_decide_the_exit_code_now_and_later() {
    let (desk, _gateway, target) = desk();
    let required = ["response.p50 < 20s", "errors < 1%", "throughput > 0.1/s"];
    let flags = required.map(|text| format!("--require '{text}'")).join(" ");
    let files = "--json run.json --junit run.xml";
    replay(&desk, &target, &format!("{flags} {files}")).exits(0);
    let document = desk.json("run.json");
    let met = required.map(|text| (text.to_owned(), "met".to_owned()));
    assert_eq!(judgements(&document), met);
    let kept = desk.json("run/run.json");
    assert_eq!(kept["spec"]["require"], serde_json::json!(required));
    assert_eq!(kept["summary"]["requirements"], document["requirements"]);

    set_verdict(&desk, VerdictLevel::Valid);
    let report = |flags: &str| desk.voicelt(&format!("report run {flags}"));
    report("").exits(0).says("MET       response.p50 < 20s");
    let stricter = report("--require 'response.p50 < 1us' --format json");
    let judged = judgements(&stricter.exits(99).json());
    assert_eq!(judged.len(), 3, "the old one about the same is replaced");
    let not_met = ("response.p50 < 1us".to_owned(), "not_met".to_owned());
    assert_eq!(judged.last(), Some(&not_met));

    // What is not judged is not met.
    report("--require 'response.p99 < 20s'")
        .exits(99)
        .says("NOT JUDGED  response.p99 < 20s  not enough data");

    set_verdict(&desk, VerdictLevel::Invalid);
    let untrusted = report("--require 'response.p50 < 1us' --junit invalid.xml");
    let untrusted = untrusted.exits(4).said();
    assert_eq!(untrusted.matches("NOT JUDGED").count(), 3, "{untrusted}");
    let junit = junit(&desk, "invalid.xml");
    assert_eq!(
        (junit.tests, junit.failures),
        (4, 4),
        "a reason and three requirements"
    );
}

#[test]
fn what_is_not_met_fails_a_replay_and_is_a_failed_case() {
    let (desk, _gateway, target) = desk();
    let flags = "--require 'success < 50%' --require 'e2e.max < 20s' --junit run.xml";
    replay(&desk, &target, flags).exits(99);
    let junit = junit(&desk, "run.xml");
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
    let files = "--json all.json --raw-json raw.json --csv all.csv";
    replay(&desk, &target, files).exits(0);
    let rows = desk.requests("run");
    assert_eq!(rows.len(), 12);

    let document = desk.json("all.json");
    assert_eq!(document["summary"]["total_requests"], 12);
    assert_eq!(document["summary"]["successful_requests"], 12);
    assert_eq!(document["latency"]["e2e"]["count"], 12);
    assert_eq!(document["config"]["request_timeout"], 30.0);
    assert_eq!(document["config"]["sample_rate"], 16_000);

    let records = desk.json("raw.json");
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
    desk.write("step.md", "before\n");
    let step = |line: &str| {
        let mut command = desk.command(line);
        Output::of(command.env("GITHUB_STEP_SUMMARY", "step.md")).exits(0);
        desk.read("step.md")
    };
    let replay = replay_into(&target, "run");
    let after_replay = step(&format!("{replay} --require 'errors < 1%'"));
    assert!(
        after_replay.starts_with("before\n### voicelt: run\n"),
        "{after_replay}"
    );
    assert!(
        after_replay.contains("| ✅ MET | errors &lt; 1% |"),
        "{after_replay}"
    );
    let after_report = step("report run");
    let page = after_report.strip_prefix(&after_replay).unwrap();
    assert!(page.starts_with("### voicelt: run\n"), "{page}");
}

#[test]
fn what_cannot_be_read_or_written_is_found_before_anything_is_sent() {
    let (desk, _gateway, target) = desk();
    for (flags, what) in [
        (
            "--csv no/such/folder.csv",
            "--csv: no/such/folder.csv cannot be written",
        ),
        ("--require 'respnse.p95 < 1s'", "did you mean `response`?"),
    ] {
        replay(&desk, &target, flags).refused(what);
        assert!(!desk.path("run").exists());
    }
}

#[test]
fn runs_of_users_are_told_in_the_words_of_the_python_load_test() {
    let (desk, _gateway, target) = desk();
    let users = "-u 2 -d 2s --ramp-down 1s --think-time 100ms --pace original --repeat 2";
    let outputs = "--json all.json --raw-json raw.json --require 'errors < 1%'";
    let run = format!("run -a calls.vtrace -t {target} -o run --quiet --allow-invalid");
    desk.voicelt(&format!("{run} {users} {outputs}")).exits(0);
    let documents = desk.json("all.json");
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
        requests += desk.requests(name).len();
    }
    let records = desk.json("raw.json");
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), requests);
    let workers = records
        .iter()
        .map(|record| record["worker_id"].as_u64().unwrap());
    assert_eq!(workers.collect::<BTreeSet<_>>(), [0, 1].into());
}
