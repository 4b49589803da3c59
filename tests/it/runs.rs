//! `voicelt runs` through the program: a folder with good runs and others.

use voicelt::report::runs::RunRow;
use voicelt::results::sample::{manifest, row, second};
use voicelt::table::{read_all, write_all};

use crate::support::Desk;

/// A run named `name` that started at `started_at`.
fn put(desk: &Desk, name: &str, started_at: &str) {
    let mut run = manifest();
    run.name = name.to_owned();
    run.started_at = started_at.to_owned();
    let place = format!("runs/{name}");
    desk.put_run(&place, &run, &(0..100).map(row).collect::<Vec<_>>());
    let timeline = desk.path(&place).join("timeline.parquet");
    write_all(&timeline, 1024, &[], &[second(0)]).unwrap();
}

#[test]
fn runs_are_listed_the_newest_first_and_others_are_named() {
    let desk = Desk::new();
    put(&desk, "old", "2026-09-20T10:00:00Z");
    put(&desk, "new", "2026-09-21T10:00:00Z");
    std::os::unix::fs::symlink("new", desk.path("runs/latest")).unwrap();
    desk.folder("runs/notes");
    put(&desk, "damaged", "2026-09-19T10:00:00Z");
    desk.write("runs/damaged/requests.parquet", "no table");

    let output = desk.voicelt("runs --parquet runs.parquet").exits(0);
    let (shown, said) = (output.stdout, output.stderr);
    let names: Vec<&str> = shown
        .lines()
        .skip(1)
        .map(|l| l.split("  ").nth(1).unwrap().trim())
        .collect();
    assert_eq!(names, ["new", "old", "damaged"], "{shown}");
    let last = shown.lines().last().unwrap();
    assert!(last.contains("  damaged  "), "{shown}");
    assert!(said.contains("notes") && said.contains("damaged"), "{said}");
    let rows: Vec<RunRow> = read_all(&desk.path("runs.parquet")).unwrap();
    assert_eq!((rows.len(), &*rows[0].name), (3, "new"));
    let damage = rows[2].damage.as_ref().unwrap();
    assert!(damage.contains("requests.parquet"), "{damage}");
    assert_eq!(rows[0].response_p50_ns, Some(249_000_000));

    let output = desk.voicelt("--quiet runs --format json");
    let json = output.json();
    assert_eq!(json[1]["name"], "old");
    assert_eq!(json[1]["labels"], r#"{"build":"abc"}"#);
    assert_eq!(output.stderr, "");
}

#[test]
fn a_folder_that_is_not_there_is_said_and_one_without_runs_is_no_error() {
    let desk = Desk::new();
    desk.voicelt("runs")
        .refused("name the folder that runs are in");
    desk.folder("runs");
    let output = desk.voicelt("runs").exits(0);
    assert_eq!(output.stdout, "");
    output.says("no runs in runs");
}
