//! `voicelt runs` through the program: a folder with good runs and others.

use std::path::Path;
use std::process::{Command, Output};

use voicelt::report::runs::RunRow;
use voicelt::results::sample::{manifest, row, second};
use voicelt::table::{read_all, write_all};

fn voicelt(here: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
    command.current_dir(here).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A run directory named `name` that started at `started_at`.
fn put(runs: &Path, name: &str, started_at: &str) {
    let dir = runs.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let mut run = manifest();
    run.name = name.to_owned();
    run.started_at = started_at.to_owned();
    std::fs::write(dir.join("run.json"), serde_json::to_string(&run).unwrap()).unwrap();
    let rows: Vec<_> = (0..100).map(row).collect();
    write_all(&dir.join("requests.parquet"), 1024, &[], &rows).unwrap();
    write_all(&dir.join("timeline.parquet"), 1024, &[], &[second(0)]).unwrap();
}

#[test]
fn runs_are_listed_the_newest_first_and_others_are_named() {
    let desk = tempfile::tempdir().unwrap();
    let runs = desk.path().join("runs");
    put(&runs, "old", "2026-09-20T10:00:00Z");
    put(&runs, "new", "2026-09-21T10:00:00Z");
    std::os::unix::fs::symlink("new", runs.join("latest")).unwrap();
    std::fs::create_dir(runs.join("notes")).unwrap();
    put(&runs, "damaged", "2026-09-19T10:00:00Z");
    std::fs::write(runs.join("damaged/requests.parquet"), "no table").unwrap();

    let output = voicelt(desk.path(), &["runs", "--parquet", "runs.parquet"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    let names: Vec<&str> = shown
        .lines()
        .skip(1)
        .map(|l| l.split("  ").nth(1).unwrap().trim())
        .collect();
    assert_eq!(names, ["new", "old"], "{shown}");
    let said = text(&output.stderr);
    assert!(said.contains("notes") && said.contains("damaged"), "{said}");
    let rows: Vec<RunRow> = read_all(&desk.path().join("runs.parquet")).unwrap();
    assert_eq!((rows.len(), &*rows[0].name), (2, "new"));
    assert_eq!(rows[0].response_p50_ns, Some(249_000_000));

    let output = voicelt(desk.path(), &["--quiet", "runs", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json[1]["name"], "old");
    assert_eq!(json[1]["labels"], r#"{"build":"abc"}"#);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_folder_that_is_not_there_is_said_and_one_without_runs_is_no_error() {
    let desk = tempfile::tempdir().unwrap();
    let output = voicelt(desk.path(), &["runs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("name the folder that runs are in"));
    std::fs::create_dir(desk.path().join("runs")).unwrap();
    let output = voicelt(desk.path(), &["runs"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), String::new())
    );
    assert!(text(&output.stderr).contains("no runs in runs"));
}
