//! Settings of the environment, of recipes and of `voicelt.toml`, and `voicelt config show`, through
//! the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with `voicelt.toml` in it.
fn desk(config: &str) -> TempDir {
    let desk = tempfile::tempdir().unwrap();
    std::fs::write(desk.path().join("voicelt.toml"), config).unwrap();
    desk
}

/// Runs the command line with these variables, `NAME=VALUE`, and none of ours besides.
fn voicelt(here: &Path, variables: &[&str], line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VOICELT_") {
            command.env_remove(name);
        }
    }
    for variable in variables {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, value);
    }
    let args = shlex::split(line).unwrap();
    command.current_dir(here).args(args).output().unwrap()
}

/// What is printed, of a command that must end well.
fn printed(here: &Path, variables: &[&str], line: &str) -> String {
    let output = voicelt(here, variables, line);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What is said of a command line that must be refused.
fn refused(here: &Path, variables: &[&str], line: &str) -> String {
    let output = voicelt(here, variables, line);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {said}");
    said
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/demo.vtrace")
}

/// How many sessions a replay of the demonstration would have.
fn planned(here: &Path, variables: &[&str], flags: &str) -> String {
    let line = format!("replay {} --plan {flags}", demo().display());
    let plan = printed(here, variables, &line);
    let sessions = plan.strip_prefix("sessions").unwrap().trim_start();
    sessions.split(',').next().unwrap().to_owned()
}

/// Sessions and clips of a trace that is made.
fn made(here: &Path, variables: &[&str], flags: &str) -> (u64, usize) {
    let line = format!("prepare -o made.vtrace {flags}");
    printed(here, variables, &line);
    let manifest = std::fs::read_to_string(here.join("made.vtrace/trace.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let clips = walkdir::WalkDir::new(here.join("made.vtrace/clips")).into_iter();
    let is_clip = |path: &Path| path.extension().is_some_and(|extension| extension == "wav");
    let clips = clips.filter(|entry| is_clip(entry.as_ref().unwrap().path()));
    (manifest["sessions"].as_u64().unwrap(), clips.count())
}

#[test]
fn each_layer_counts_more_than_the_next() {
    let desk = desk("[replay]\nlimit = 4\n");
    let here = desk.path();
    let (general, own) = ("VOICELT_LIMIT=3", "VOICELT_REPLAY_LIMIT=2");
    assert_eq!(planned(here, &[general, own], "--limit 1"), "1");
    assert_eq!(planned(here, &[general, own], ""), "2");
    assert_eq!(planned(here, &[general], ""), "3");
    assert_eq!(planned(here, &["VOICELT_LIMIT="], ""), "4");
    assert_eq!(planned(tempfile::tempdir().unwrap().path(), &[], ""), "10");
}

#[test]
fn a_recipe_counts_more_than_the_file_and_less_than_a_variable() {
    let desk = desk("[prepare]\nsessions = 2\nsynth = [\"tone:300ms\", \"tone:400ms\"]\n");
    let here = desk.path();
    std::fs::write(here.join("three.toml"), "sessions = 3\n").unwrap();
    let variable = "VOICELT_PREPARE_SESSIONS=4";
    assert_eq!(made(here, &[], ""), (2, 2));
    assert_eq!(made(here, &[], "--recipe three.toml"), (3, 2));
    assert_eq!(made(here, &[variable], "--recipe three.toml"), (4, 2));
    // A list is replaced as a whole.
    assert_eq!(
        made(here, &[variable], "--synth tone:500ms --sessions 1"),
        (1, 1)
    );
    let synth = "VOICELT_SYNTH=tone:300ms\ntone:400ms\ntone:500ms";
    assert_eq!(made(here, &[synth], "--sessions 3"), (3, 3));
}

#[test]
fn a_switch_is_turned_on_by_the_file_and_off_by_a_variable() {
    let desk = desk("quiet = true\n[prepare]\nsynth = \"tone:300ms\"\n");
    let said = |variables: &[&str]| {
        let output = voicelt(desk.path(), variables, "prepare -o a.vtrace");
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(said(&[]), "");
    assert!(said(&["VOICELT_QUIET=false"]).contains("trace "));
    let error = refused(desk.path(), &["VOICELT_QUIET=maybe"], "prepare -o a.vtrace");
    assert_eq!(
        error,
        "error: VOICELT_QUIET: `maybe` is neither true nor false; use one of them\n"
    );
}

#[test]
fn what_contradicts_something_nearer_is_left_out() {
    let desk = desk("quiet = true\n[replay]\nallow-invalid = true\n");
    let here = desk.path();
    assert_eq!(planned(here, &[], "-v --strict-verdict"), "10");
    let shown = printed(here, &["VOICELT_STRICT_VERDICT=true"], "config show replay");
    let left_out =
        "left out: voicelt.toml, line 3: `allow-invalid` gives way to `strict-verdict`\n";
    assert!(shown.contains(left_out), "{shown}");
    // In one layer neither is nearer.
    let line = format!("replay {} --plan", demo().display());
    let both = ["VOICELT_QUIET=true", "VOICELT_REPLAY_VERBOSE=1"];
    let error = refused(here, &both, &line);
    assert!(error.contains("cannot be used with '--quiet'"), "{error}");
    assert!(
        error.contains("note: --verbose is set by VOICELT_REPLAY_VERBOSE\n"),
        "{error}"
    );
}

#[test]
fn paths_count_from_the_folder_of_the_file_and_what_must_be_said_may_be_said_there() {
    let desk = tempfile::tempdir().unwrap();
    let here = desk.path();
    std::fs::create_dir(here.join("conf")).unwrap();
    let config = "[trace.cut]\noutput = \"cut.vtrace\"\nwindow = \"0s..5s\"\n";
    std::fs::write(here.join("conf/mine.toml"), config).unwrap();
    let line = format!("trace cut {}", demo().display());
    printed(here, &["VOICELT_CONFIG=conf/mine.toml"], &line);
    assert!(here.join("conf/cut.vtrace/trace.json").is_file());
    printed(
        here,
        &["VOICELT_CONFIG=no.toml"],
        &format!("--config conf/mine.toml {line}"),
    );
    printed(
        here,
        &[],
        &format!("{line} --config conf/mine.toml -o further.vtrace"),
    );
    assert!(here.join("further.vtrace/trace.json").is_file());
    let error = refused(here, &[], &line);
    assert!(
        error.contains("required arguments were not provided"),
        "{error}"
    );
    let error = refused(here, &["VOICELT_CONFIG=no.toml"], &line);
    assert!(error.contains("no.toml: No such file"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_where_it_is() {
    let wrong = |config: &str, variables: &[&str], line: &str| {
        refused(desk(config).path(), variables, line)
    };
    let plan = format!("replay {} --plan", demo().display());
    let config = "[replay]\nlimit = 1\nspeed = \"fast\"\n";
    for line in [plan.as_str(), "config show replay", "config show"] {
        let error = wrong(config, &[], line);
        assert!(
            error.contains("invalid value 'fast' for '--speed <FACTOR>'"),
            "{error}"
        );
        assert!(
            error.ends_with("note: --speed is set by voicelt.toml, line 3\n"),
            "{error}"
        );
        let error = wrong("", &["VOICELT_SPEED=fast"], line);
        assert!(error.ends_with("is set by VOICELT_SPEED\n"), "{error}");
    }
    // What a command finds wrong by itself.
    let error = wrong("[replay]\nwarmup = \"1h\"\n", &[], &plan);
    assert!(
        error.ends_with("note: --warmup is set by voicelt.toml, line 2\n"),
        "{error}"
    );
    for (config, said) in [
        (
            "[replay]\nsped = 1\n",
            "line 2: there is no setting `sped`; is `speed` meant?",
        ),
        (
            "[trace.cutt]\n",
            "line 1: there is no command `cutt`; is `cut` meant?",
        ),
        (
            "[replay]\nlimit = [1, 2]\n",
            "line 2: `limit` takes one value, not several",
        ),
        ("[replay\n", "line 1: "),
    ] {
        let error = wrong(config, &[], &plan);
        assert!(
            error.starts_with("error: voicelt.toml, ") && error.contains(said),
            "{error}"
        );
    }
    // Help needs no file that can be read.
    printed(desk("[replay\n").path(), &[], "replay --help");
    let error = wrong("", &[], "config show trace cutt");
    assert!(
        error.contains("there is no command `cutt`; is `cut` meant?"),
        "{error}"
    );
}

#[test]
fn settings_are_shown_with_where_they_come_from_and_without_secrets() {
    let desk = desk(
        "quiet = true\n[replay]\nheader = [\"authorization: Bearer SECRET\", \"x-a: SECRET\"]\n\
         prometheus = \"https://me:SECRET@prometheus:9090/\"\nlabel = [\"a=b\", \"c=d\"]\n",
    );
    let variables = [
        "VOICELT_HEADER=SECRET",
        "VOICELT_DOCTOR_HEADER=x-b: SECRET",
        "VOICELT_SPEED=2",
        "VOICELT_SPEDE=SECRET",
        "VOICELT_PROMETHEUS_TOKEN=SECRET",
    ];
    let here = desk.path();
    let config = |variables: &[&str], line: &str| {
        let output = voicelt(here, variables, &format!("config show {line}"));
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8(all).unwrap();
        assert!(!all.contains("SECRET"), "{all}");
        all
    };
    let error = config(&variables, "");
    assert!(
        error.contains("invalid value '(hidden)' for '--header"),
        "{error}"
    );
    assert_eq!(
        config(&variables[1..], ""),
        "file: voicelt.toml\n\
         quiet              true                                  voicelt.toml, line 1\n\
         import.speed       2                                     VOICELT_SPEED\n\
         replay.speed       2                                     VOICELT_SPEED\n\
         replay.header      authorization:(hidden), x-a:(hidden)  voicelt.toml, line 3\n\
         replay.label       a=b, c=d                              voicelt.toml, line 5\n\
         replay.prometheus  https://(hidden)@prometheus:9090/     voicelt.toml, line 4\n\
         doctor.header      x-b:(hidden)                          VOICELT_DOCTOR_HEADER\n\
         sets nothing: VOICELT_SPEDE; is VOICELT_SPEED meant?\n"
    );
    let shown: Value =
        serde_json::from_str(&config(&variables[1..], "replay --format json")).unwrap();
    let of = |name: &str| {
        let settings = shown["settings"].as_array().unwrap();
        let setting = settings
            .iter()
            .find(|setting| setting["name"] == name)
            .unwrap();
        let field = |name: &str| setting[name].as_str().unwrap_or("none").to_owned();
        (
            setting["values"].to_string(),
            field("origin"),
            field("where"),
        )
    };
    let three = |values: &str, origin: &str, place: &str| {
        (values.to_owned(), origin.to_owned(), place.to_owned())
    };
    assert_eq!(
        of("replay.speed"),
        three("[\"2\"]", "variable", "VOICELT_SPEED")
    );
    assert_eq!(of("replay.scale"), three("[\"1\"]", "default", "none"));
    assert_eq!(of("replay.timeout"), three("[\"30s\"]", "default", "none"));
    assert_eq!(of("replay.limit"), three("[]", "unset", "none"));
    assert_eq!(
        of("quiet"),
        three("[\"true\"]", "file", "voicelt.toml, line 1")
    );
    assert_eq!(shown["unused_variables"][0]["variable"], "VOICELT_SPEDE");

    let shown = printed(here, &["VOICELT_SCENARIO=light"], "config show run");
    let users = shown
        .lines()
        .find(|line| line.starts_with("run.users "))
        .unwrap();
    assert_eq!(
        users.split_whitespace().collect::<Vec<_>>(),
        ["run.users", "5", "scenario", "light"]
    );
    let trace = printed(here, &[], "config show trace");
    assert!(trace.contains("trace.cut.window ") && trace.contains("trace.info.format "));
    assert_eq!(trace.matches("\nquiet ").count(), 1, "{trace}");
    let nothing = printed(tempfile::tempdir().unwrap().path(), &[], "config show");
    assert!(
        nothing.starts_with("file: no voicelt.toml in this folder"),
        "{nothing}"
    );
}
