//! `voicelt trace`, as users run it: every edit makes a bundle that checks.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use voicelt::trace::model::EventKind;
use voicelt::trace::model::SessionRows;
use voicelt::trace::stream::Bundle;

use crate::support::{Desk, Output};

/// A desk with `a.vtrace`, of 20 calls with two turns each.
fn desk() -> Desk {
    let desk = Desk::new();
    prepare(&desk, "a.vtrace", "--arrivals poisson:2/s --sessions 20");
    desk
}

fn prepare(desk: &Desk, name: &str, arrivals: &str) {
    let audio = "--synth speech-like:1s --synth speech-like:2s";
    desk.voicelt(&format!("prepare -o {name} --turns 2 {audio} {arrivals}"))
        .exits(0);
}

fn trace(desk: &Desk, line: &str) -> Output {
    desk.voicelt(&format!("trace {line}"))
}

/// Makes `b.vtrace`, and checks it.
fn edit(desk: &Desk, line: &str) -> Bundle {
    trace(desk, &format!("{line} -o b.vtrace")).exits(0);
    trace(desk, "check b.vtrace").exits(0);
    open(desk, "b.vtrace")
}

fn open(desk: &Desk, name: &str) -> Bundle {
    Bundle::open(&desk.path(name)).unwrap()
}

fn change_manifest(desk: &Desk, change: impl FnOnce(&mut Value)) {
    let mut manifest = desk.json("a.vtrace/trace.json");
    change(&mut manifest);
    desk.write("a.vtrace/trace.json", manifest.to_string());
}

fn sessions(bundle: &Bundle) -> Vec<SessionRows> {
    bundle.sessions().unwrap().map(Result::unwrap).collect()
}

#[test]
fn each_edit_makes_a_trace_that_checks_and_tells_its_step() {
    let desk = desk();
    for (line, count) in [
        ("cut a.vtrace --sessions 0..4", 5),
        ("cut a.vtrace --where turns>1 --where language=en-US", 20),
        ("scale a.vtrace 3", 60),
        ("shuffle a.vtrace --seed 7", 20),
        ("merge a.vtrace a.vtrace", 40),
        ("anonymize a.vtrace", 20),
    ] {
        let made = edit(&desk, line);
        assert_eq!(made.manifest.sessions, count, "{line}");
        assert_eq!(made.manifest.name, "b");
        let step = &made.manifest.provenance.last().unwrap().step;
        assert!(line.starts_with(step), "{line}: {step}");
    }
    let first = open(&desk, "a.vtrace");
    edit(&desk, "shuffle a.vtrace");
    desk.voicelt("replay b.vtrace --plan").exits(0);
    assert_eq!(
        first.manifest,
        open(&desk, "a.vtrace").manifest,
        "never changed"
    );
}

#[test]
fn a_cut_window_starts_at_its_begin() {
    let desk = desk();
    let made = edit(&desk, "cut a.vtrace --window 2s..5s");
    let of_window =
        |rows: &&SessionRows| (2_000_000_000..5_000_000_000).contains(&rows.session.start_ns);
    let before = sessions(&open(&desk, "a.vtrace"));
    let expected: Vec<_> = before.iter().filter(of_window).collect();
    let kept = sessions(&made);
    assert_eq!(kept.len(), expected.len());
    for (kept, whole) in kept.iter().zip(expected) {
        assert_eq!(kept.session.session_id, whole.session.session_id);
        assert_eq!(
            kept.session.start_ns,
            whole.session.start_ns - 2_000_000_000
        );
        assert_eq!(kept.events.len(), whole.events.len());
    }
}

#[test]
fn a_scaled_trace_is_what_a_scaled_replay_plans() {
    let desk = desk();
    let plan = |args: &str| {
        let plan = desk.voicelt(&format!("replay --plan --format json {args}"));
        plan.exits(0).stdout
    };
    edit(&desk, "scale a.vtrace 2.5 --seed 9");
    let (replayed, edited) = (plan("a.vtrace --scale 2.5 --seed 9"), plan("b.vtrace"));
    let counts = |said: &str| {
        let lines = said.lines().filter(|line| line.contains("sessions"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(counts(&replayed), counts(&edited));
    assert!(!counts(&edited).is_empty(), "{edited}");
}

#[test]
fn bad_edits_say_why_and_write_nothing() {
    let desk = desk();
    for (line, said) in [
        ("cut a.vtrace -o b.vtrace", "required"),
        ("cut a.vtrace --where turns -o b.vtrace", "turns>1"),
        (
            "cut a.vtrace --sessions nobody -o b.vtrace",
            "no session `nobody`",
        ),
        ("cut a.vtrace --window 1h..2h -o b.vtrace", "no session"),
        ("cut a.vtrace --window 1h..2h", "--output"),
        ("shuffle a.vtrace -o a.vtrace", "choose another place"),
        ("scale a.vtrace 0 -o b.vtrace", "0.001 to 1000"),
        ("scale nowhere 2 -o b.vtrace", "is not a trace bundle"),
    ] {
        trace(&desk, line).refused(said);
    }
    assert!(!desk.path("b.vtrace").exists());
}

#[test]
fn an_anonymous_trace_says_what_is_left_and_nothing_of_its_origin() {
    let desk = desk();
    let said = trace(&desk, "anonymize a.vtrace -o b.vtrace");
    for left in [
        "starts of 20 sessions",
        "lengths of 40 utterances",
        "languages en-US (20)",
    ] {
        said.says(left);
    }
    let (before, after) = (open(&desk, "a.vtrace"), open(&desk, "b.vtrace"));
    assert_eq!(after.manifest.provenance.len(), 1);
    let names = desk.files("b.vtrace");
    for clip in before.clips.iter() {
        assert!(
            names
                .iter()
                .all(|name| !name.to_string_lossy().contains(&clip.clip_id))
        );
        assert!(
            after
                .clips
                .iter()
                .all(|other| other.clip_id != clip.clip_id)
        );
    }
    assert!(after.clips.iter().all(|clip| clip.source_path.is_none()));
    trace(&desk, "anonymize a.vtrace --audio b.vtrace -o c.vtrace").exits(0);
    trace(&desk, "check c.vtrace").exits(0);
}

#[test]
fn a_forgotten_session_is_gone_and_the_others_stay() {
    let desk = desk();
    let before = sessions(&open(&desk, "a.vtrace"));
    trace(&desk, "forget a.vtrace --session s000003 s000007").exits(0);
    trace(&desk, "check a.vtrace").exits(0);
    let after = sessions(&open(&desk, "a.vtrace"));
    let ids = |rows: &[SessionRows]| {
        let ids = rows.iter().map(|rows| rows.session.session_id.clone());
        ids.filter(|id| id != "s000003" && id != "s000007")
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(after.len(), 18);
    trace(&desk, "forget a.vtrace --session s000003").refused("no session `s000003`");
}

#[test]
fn what_is_made_of_a_recording_is_private() {
    let desk = desk();
    change_manifest(&desk, |manifest| {
        manifest["source"] = "recorded".into();
    });
    let made = edit(&desk, "cut a.vtrace --sessions 0..4");
    for entry in walkdir::WalkDir::new(&made.dir) {
        let path = entry.unwrap().into_path();
        // Clips share their file with the trace that they come from.
        if path.extension().is_none_or(|extension| extension != "wav") {
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
    trace(&desk, "anonymize b.vtrace --audio a.vtrace -o c.vtrace")
        .refused("recorded from live calls");
}

#[test]
fn diff_and_export_show_sessions_and_events() {
    let desk = desk();
    edit(&desk, "cut a.vtrace --sessions 5..19");
    trace(&desk, "diff a.vtrace b.vtrace")
        .exits(0)
        .says("equal       15 sessions\n")
        .says("only first  5 sessions: s000000, s000001,");

    let exported = trace(&desk, "export b.vtrace").stdout;
    let events: Vec<_> = sessions(&open(&desk, "b.vtrace"))
        .into_iter()
        .flat_map(|s| s.events)
        .collect();
    assert_eq!(exported.lines().count(), events.len());
    for (line, event) in exported.lines().zip(&events) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["at_ns"], event.at_ns);
        assert_eq!(
            line.get("clip_id").is_some(),
            event.kind == EventKind::Audio
        );
    }
}

#[test]
fn info_draws_arrivals_within_80_columns() {
    let desk = desk();
    prepare(&desk, "c.vtrace", "--arrivals poisson:5/s --sessions 300");
    let said = trace(&desk, "info c.vtrace");
    for part in [
        "starts in each",
        "sessions at a time",
        "█",
        "dispersion ",
        "variation of gaps ",
        "at p95",
    ] {
        said.says(part);
    }
    let lines = said.stdout.lines();
    let of_plot = lines.skip_while(|line| !line.starts_with("starts in"));
    assert!(of_plot.clone().count() > 8);
    for line in of_plot {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let read = trace(&desk, "info c.vtrace --format json").json();
    let index = read["dispersion"]["index"].as_f64().unwrap();
    assert!((0.3..3.0).contains(&index), "{index}");
}

#[test]
fn check_names_an_unfinished_recording_and_an_overdue_one() {
    let desk = desk();
    desk.write("r.vtrace/journal.arrows", "");
    trace(&desk, "check r.vtrace")
        .exits(2)
        .says("unfinished")
        .says("voicelt trace recover r.vtrace");

    change_manifest(&desk, |manifest| {
        manifest["delete_after"] = "2020-01-01T00:00:00Z".into();
    });
    let said = trace(&desk, "check a.vtrace").exits(0).stderr;
    assert!(
        said.starts_with("warning:") && said.contains("2020-01-01"),
        "{said}"
    );
}
