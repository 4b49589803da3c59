//! `voicelt trace`, as users run it: every edit makes a bundle that checks.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;
use voicelt::trace::model::EventKind;
use voicelt::trace::stream::{Bundle, SessionRows};

/// A folder with `a.vtrace`, of 20 calls with two turns each.
struct Desk(TempDir);

/// What the program said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        desk.prepare(
            "a.vtrace",
            &["--arrivals", "poisson:2/s", "--sessions", "20"],
        );
        desk
    }

    fn prepare(&self, name: &str, arrivals: &[&str]) {
        let args = ["prepare", "--quiet", "-o", name, "--turns", "2"];
        let audio = ["--synth", "speech-like:1s", "--synth", "speech-like:2s"];
        let said = self.run(&[&args[..], &audio, arrivals].concat());
        assert_eq!(said.code, 0, "{}", said.err);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
        let output = command
            .current_dir(self.0.path())
            .args(args)
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Makes `b.vtrace`, and checks it.
    fn edit(&self, args: &[&str]) -> Bundle {
        let said = self.run(&[&["trace"], args, &["-o", "b.vtrace"]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        let said = self.run(&["trace", "check", "b.vtrace"]);
        assert_eq!(said.code, 0, "{}", said.err);
        self.open("b.vtrace")
    }

    fn open(&self, name: &str) -> Bundle {
        Bundle::open(&self.path(name)).unwrap()
    }

    fn manifest(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let path = self.path(name).join("trace.json");
        let mut manifest = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut manifest);
        std::fs::write(&path, manifest.to_string()).unwrap();
    }
}

fn sessions(bundle: &Bundle) -> Vec<SessionRows> {
    bundle.sessions().unwrap().map(Result::unwrap).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(dir).into_iter();
    all.map(|entry| entry.unwrap().into_path()).collect()
}

#[test]
fn each_edit_makes_a_trace_that_checks_and_tells_its_step() {
    let desk = Desk::new();
    let edits: [(&[&str], u64); 6] = [
        (&["cut", "a.vtrace", "--sessions", "0..4"], 5),
        (
            &[
                "cut",
                "a.vtrace",
                "--where",
                "turns>1",
                "--where",
                "language=en-US",
            ],
            20,
        ),
        (&["scale", "a.vtrace", "3"], 60),
        (&["shuffle", "a.vtrace", "--seed", "7"], 20),
        (&["merge", "a.vtrace", "a.vtrace"], 40),
        (&["anonymize", "a.vtrace"], 20),
    ];
    for (args, count) in edits {
        let made = desk.edit(args);
        assert_eq!(made.manifest.sessions, count, "{args:?}");
        assert_eq!(made.manifest.name, "b");
        assert_eq!(made.manifest.provenance.last().unwrap().step, args[0]);
    }
    let first = desk.open("a.vtrace");
    desk.edit(&["shuffle", "a.vtrace"]);
    let plan = desk.run(&["replay", "b.vtrace", "--plan"]);
    assert_eq!(plan.code, 0, "{}", plan.err);
    assert_eq!(
        first.manifest,
        desk.open("a.vtrace").manifest,
        "never changed"
    );
}

#[test]
fn a_cut_window_starts_at_its_begin() {
    let desk = Desk::new();
    let made = desk.edit(&["cut", "a.vtrace", "--window", "2s..5s"]);
    let of_window =
        |rows: &&SessionRows| (2_000_000_000..5_000_000_000).contains(&rows.session.start_ns);
    let before = sessions(&desk.open("a.vtrace"));
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
    let desk = Desk::new();
    let plan = |args: &[&str]| {
        let said = desk.run(&[&["replay", "--plan", "--format", "json"], args].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        said.out
    };
    desk.edit(&["scale", "a.vtrace", "2.5", "--seed", "9"]);
    let (replayed, edited) = (
        plan(&["a.vtrace", "--scale", "2.5", "--seed", "9"]),
        plan(&["b.vtrace"]),
    );
    let counts = |said: &str| {
        let lines = said.lines().filter(|line| line.contains("sessions"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(counts(&replayed), counts(&edited));
    assert!(!counts(&edited).is_empty(), "{edited}");
}

#[test]
fn bad_edits_say_why_and_write_nothing() {
    let desk = Desk::new();
    let cases: [(&[&str], &str); 8] = [
        (&["cut", "a.vtrace", "-o", "b.vtrace"], "required"),
        (
            &["cut", "a.vtrace", "--where", "turns", "-o", "b.vtrace"],
            "turns>1",
        ),
        (
            &["cut", "a.vtrace", "--sessions", "nobody", "-o", "b.vtrace"],
            "no session `nobody`",
        ),
        (
            &["cut", "a.vtrace", "--window", "1h..2h", "-o", "b.vtrace"],
            "no session",
        ),
        (&["cut", "a.vtrace", "--window", "1h..2h"], "--output"),
        (
            &["shuffle", "a.vtrace", "-o", "a.vtrace"],
            "choose another place",
        ),
        (
            &["scale", "a.vtrace", "0", "-o", "b.vtrace"],
            "0.001 to 1000",
        ),
        (
            &["scale", "nowhere", "2", "-o", "b.vtrace"],
            "is not a trace bundle",
        ),
    ];
    for (args, said) in cases {
        let refused = desk.run(&[&["trace"], args].concat());
        assert_eq!(refused.code, 2, "{args:?}: {}", refused.err);
        assert!(refused.err.contains(said), "{args:?}: {}", refused.err);
    }
    assert!(!desk.path("b.vtrace").exists());
}

#[test]
fn an_anonymous_trace_says_what_is_left_and_nothing_of_its_origin() {
    let desk = Desk::new();
    let said = desk.run(&["trace", "anonymize", "a.vtrace", "-o", "b.vtrace"]);
    for left in [
        "starts of 20 sessions",
        "lengths of 40 utterances",
        "languages en-US (20)",
    ] {
        assert!(said.err.contains(left), "{}", said.err);
    }
    let (before, after) = (desk.open("a.vtrace"), desk.open("b.vtrace"));
    assert_eq!(after.manifest.provenance.len(), 1);
    let names: Vec<_> = files(&after.dir);
    for clip in &before.clips {
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
    let said = desk.run(&[
        "trace",
        "anonymize",
        "a.vtrace",
        "--audio",
        "b.vtrace",
        "-o",
        "c.vtrace",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(desk.run(&["trace", "check", "c.vtrace"]).code, 0);
}

#[test]
fn a_forgotten_session_is_gone_and_the_others_stay() {
    let desk = Desk::new();
    let before = sessions(&desk.open("a.vtrace"));
    let said = desk.run(&[
        "trace",
        "forget",
        "a.vtrace",
        "--session",
        "s000003",
        "s000007",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(desk.run(&["trace", "check", "a.vtrace"]).code, 0);
    let after = sessions(&desk.open("a.vtrace"));
    let ids = |rows: &[SessionRows]| {
        let ids = rows.iter().map(|rows| rows.session.session_id.clone());
        ids.filter(|id| id != "s000003" && id != "s000007")
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(after.len(), 18);
    let again = desk.run(&["trace", "forget", "a.vtrace", "--session", "s000003"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("no session `s000003`"), "{}", again.err);
}

#[test]
fn what_is_made_of_a_recording_is_private() {
    let desk = Desk::new();
    desk.manifest("a.vtrace", |manifest| {
        manifest["source"] = "recorded".into();
    });
    let made = desk.edit(&["cut", "a.vtrace", "--sessions", "0..4"]);
    for path in files(&made.dir) {
        // Clips share their file with the trace that they come from.
        if path.extension().is_none_or(|extension| extension != "wav") {
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
    let refused = desk.run(&[
        "trace",
        "anonymize",
        "b.vtrace",
        "--audio",
        "a.vtrace",
        "-o",
        "c.vtrace",
    ]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("recorded from live calls"),
        "{}",
        refused.err
    );
}

#[test]
fn diff_and_export_show_sessions_and_events() {
    let desk = Desk::new();
    desk.edit(&["cut", "a.vtrace", "--sessions", "5..19"]);
    let said = desk.run(&["trace", "diff", "a.vtrace", "b.vtrace"]);
    assert_eq!(said.code, 0);
    assert!(
        said.out.contains("equal       15 sessions\n"),
        "{}",
        said.out
    );
    assert!(
        said.out
            .contains("only first  5 sessions: s000000, s000001,"),
        "{}",
        said.out
    );

    let said = desk.run(&["trace", "export", "b.vtrace"]);
    let events: Vec<_> = sessions(&desk.open("b.vtrace"))
        .into_iter()
        .flat_map(|s| s.events)
        .collect();
    assert_eq!(said.out.lines().count(), events.len());
    for (line, event) in said.out.lines().zip(&events) {
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
    let desk = Desk::new();
    desk.prepare(
        "c.vtrace",
        &["--arrivals", "poisson:5/s", "--sessions", "300"],
    );
    let said = desk.run(&["trace", "info", "c.vtrace"]);
    for part in [
        "starts in each",
        "sessions at a time",
        "█",
        "dispersion ",
        "variation of gaps ",
        "at p95",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let of_plot = said
        .out
        .lines()
        .skip_while(|line| !line.starts_with("starts in"));
    assert!(of_plot.clone().count() > 8);
    for line in of_plot {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let said = desk.run(&["trace", "info", "c.vtrace", "--format", "json"]);
    let read: Value = serde_json::from_str(&said.out).unwrap();
    let index = read["dispersion"]["index"].as_f64().unwrap();
    assert!((0.3..3.0).contains(&index), "{index}");
}

#[test]
fn check_names_an_unfinished_recording_and_an_overdue_one() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("r.vtrace")).unwrap();
    std::fs::write(desk.path("r.vtrace").join("journal.arrows"), "").unwrap();
    let said = desk.run(&["trace", "check", "r.vtrace"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("unfinished") && said.err.contains("voicelt trace recover r.vtrace"),
        "{}",
        said.err
    );

    desk.manifest("a.vtrace", |manifest| {
        manifest["delete_after"] = "2020-01-01T00:00:00Z".into();
    });
    let said = desk.run(&["trace", "check", "a.vtrace"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err.starts_with("warning:") && said.err.contains("2020-01-01"),
        "{}",
        said.err
    );
}
