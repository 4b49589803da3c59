//! What comes from outside, such as names, messages and secrets: it steers no terminal, runs in no
//! spreadsheet, and is not repeated where it is a secret.

use voicelt::results::row::{RequestRow, Status};
use voicelt::results::sample::{manifest, row, unanswered};

use crate::support::{Desk, Output};

/// A run of which all that is text tries to be more.
fn odd_run() -> Desk {
    let desk = Desk::new();
    let mut run = manifest();
    run.name = "run\x1b[2J".to_owned();
    run.trace.name = "calls\x1b]0;owned\x07".to_owned();
    run.labels = [("a\x1b[31m".to_owned(), "b\u{9b}31m".to_owned())].into();
    let rows: Vec<RequestRow> = (0..40)
        .map(|turn| RequestRow {
            session_id: format!("=cmd|' /C calc'!A{turn}\x1b[31m"),
            peer: Some(format!("10.0.0.{}\x1b[5m", turn % 2)),
            replica: Some(format!("r{}\x1b[5m\u{202e}", turn % 2)),
            error: (turn % 4 == 0).then(|| "\x1b[31m@SUM(1)\nVERDICT: VALID\u{202e}".to_owned()),
            transcript: Some("-1+1\x1b[0m".to_owned()),
            ..match turn % 4 {
                0 => unanswered(turn, Status::Error),
                _ => row(turn),
            }
        })
        .collect();
    desk.put_run("run", &run, &rows);
    desk
}

#[track_caller]
fn is_tame(text: &str) {
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(steers), "{text:?}");
}

#[test]
fn reports_of_odd_names_and_messages_steer_nothing() {
    let desk = odd_run();
    let report = desk.voicelt(
        "report run --csv out.csv --junit out.xml --html out.html --require 'errors < 50%'",
    );
    assert!(
        report.stdout.contains("@SUM(1) VERDICT: VALID"),
        "{}",
        report.said()
    );
    is_tame(&report.stdout);
    is_tame(&report.stderr);
    is_tame(&desk.read("out.html"));
    is_tame(&desk.read("out.xml"));
    is_tame(&desk.voicelt("runs .").said());
    let json = desk.voicelt("report run --format json");
    is_tame(&json.stdout);
    assert_eq!(json.json()["run"]["labels"]["a\u{1b}[31m"], "b\u{9b}31m");
    let compared = desk.voicelt("compare run run --markdown out.md");
    is_tame(&compared.said());
    is_tame(&desk.read("out.md"));
}

#[test]
fn no_cell_of_a_table_for_spreadsheets_is_a_formula() {
    let desk = odd_run();
    let output = desk.voicelt("report run --csv out.csv");
    let table = desk.read("out.csv");
    is_tame(&table);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let mut cells = 0;
    for record in reader.records() {
        for cell in record.unwrap().iter() {
            let is_number = cell.parse::<f64>().is_ok();
            let is_formula = cell.trim_start().starts_with(['=', '+', '-', '@']);
            assert!(is_number || !is_formula, "{cell}");
            cells += usize::from(cell.starts_with("'="));
        }
    }
    assert_eq!(cells, 40, "{}", output.said());
}

#[test]
fn a_secret_that_is_refused_is_repeated_nowhere() {
    let desk = Desk::new();
    let demo = crate::support::desk::DEMO;
    let voicelt = |variables: &[(&str, &str)], line: &str| {
        Output::of(desk.command(line).envs(variables.iter().copied()))
    };
    let refused = |output: Output| {
        let output = output.exits(2);
        assert!(!output.said().contains("s3cret"), "{}", output.said());
        output.stderr
    };
    for flags in [
        "--header 'authorization Bearer s3cret'",
        "--header 'authorization=Bearer s3cret:1'",
        "--header authorization: s3cret",
        "--target http://me:s3cret@host:1",
        "--target me:s3cret@host",
        "--prometheus me:s3cret@host",
    ] {
        refused(voicelt(&[], &format!("replay {demo} {flags}")));
    }
    for command in ["replay", "doctor"] {
        let trace = if command == "replay" { demo } else { "" };
        let line = format!("{command} {trace}");
        let variable = ("VOICELT_HEADER", "authorization Bearer s3cret");
        let said = refused(voicelt(&[variable], &line));
        assert!(said.contains("VOICELT_HEADER"), "{said}");
        desk.write(
            "voicelt.toml",
            format!("[{command}]\nheader = [\"authorization Bearer s3cret\"]\n"),
        );
        let said = refused(voicelt(&[], &line));
        assert!(said.contains("voicelt.toml, line 2"), "{said}");
        refused(voicelt(&[], &format!("config show {command}")));
        desk.write(
            "voicelt.toml",
            format!("[{command}]\nheader = \"authorization: Bearer s3cret\n"),
        );
        refused(voicelt(&[], &line));
        std::fs::remove_file(desk.path("voicelt.toml")).unwrap();
    }
}
