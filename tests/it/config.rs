//! Settings of the environment, of recipes and of `voicelt.toml`, and `voicelt config show`, through
//! the program.

use serde_json::Value;

use crate::support::desk::DEMO;
use crate::support::{Desk, Output};

/// A desk with `voicelt.toml`.
fn desk(config: &str) -> Desk {
    let desk = Desk::new();
    desk.write("voicelt.toml", config);
    desk
}

/// Runs the command line with these variables, `NAME=VALUE`, and none of ours besides.
fn voicelt(desk: &Desk, variables: &[&str], line: &str) -> Output {
    let pairs = variables.iter().map(|set| set.split_once('=').unwrap());
    Output::of(desk.command(line).envs(pairs))
}

/// What is printed, of a command that must end well.
fn printed(desk: &Desk, variables: &[&str], line: &str) -> String {
    voicelt(desk, variables, line).exits(0).stdout
}

/// What is said of a command line that must be refused.
fn refused(desk: &Desk, variables: &[&str], line: &str) -> String {
    voicelt(desk, variables, line).exits(2).stderr
}

/// How many sessions a replay of the demonstration would have.
fn planned(desk: &Desk, variables: &[&str], flags: &str) -> String {
    let plan = printed(desk, variables, &format!("replay {DEMO} --plan {flags}"));
    let sessions = plan.strip_prefix("sessions").unwrap().trim_start();
    sessions.split(',').next().unwrap().to_owned()
}

/// Sessions and clips of a trace that is made.
fn made(desk: &Desk, variables: &[&str], flags: &str) -> (u64, usize) {
    printed(desk, variables, &format!("prepare -o made.vtrace {flags}"));
    let manifest = desk.trace("made.vtrace").manifest;
    (manifest.sessions, desk.files("made.vtrace/clips").len())
}

#[test]
fn each_layer_takes_precedence_over_the_next() {
    let desk = desk("[replay]\nlimit = 4\n");
    let (general, own) = ("VOICELT_LIMIT=3", "VOICELT_REPLAY_LIMIT=2");
    assert_eq!(planned(&desk, &[general, own], "--limit 1"), "1");
    assert_eq!(planned(&desk, &[general, own], ""), "2");
    assert_eq!(planned(&desk, &[general], ""), "3");
    assert_eq!(planned(&desk, &["VOICELT_LIMIT="], ""), "4");
    assert_eq!(planned(&Desk::new(), &[], ""), "10");
}

#[test]
fn a_recipe_takes_precedence_over_the_file_and_a_variable_over_it() {
    let desk = desk("[prepare]\nsessions = 2\nsynth = [\"tone:300ms\", \"tone:400ms\"]\n");
    desk.write("three.toml", "sessions = 3\n");
    let variable = "VOICELT_PREPARE_SESSIONS=4";
    assert_eq!(made(&desk, &[], ""), (2, 2));
    assert_eq!(made(&desk, &[], "--recipe three.toml"), (3, 2));
    assert_eq!(made(&desk, &[variable], "--recipe three.toml"), (4, 2));
    // A list is replaced as a whole.
    assert_eq!(
        made(&desk, &[variable], "--synth tone:500ms --sessions 1"),
        (1, 1)
    );
    let synth = "VOICELT_SYNTH=tone:300ms\ntone:400ms\ntone:500ms";
    assert_eq!(made(&desk, &[synth], "--sessions 3"), (3, 3));
}

#[test]
fn a_recipe_that_the_file_names_is_changed_by_it() {
    let desk = desk("[prepare]\nrecipe = \"conf/r.toml\"\nsessions = 2\n");
    desk.write("conf/r.toml", "sessions = 3\nsynth = [\"tone:300ms\"]\n");
    assert_eq!(made(&desk, &[], ""), (2, 1));
    assert_eq!(made(&desk, &[], "--recipe conf/r.toml"), (3, 1));
    let shown = printed(&desk, &[], "config show prepare");
    let line = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line("prepare.sessions "),
        "prepare.sessions 2 voicelt.toml, line 3"
    );
    let synth = "prepare.synth tone:300ms recipe conf/r.toml, line 2";
    assert_eq!(line("prepare.synth "), synth);
}

#[test]
fn a_scenario_sets_any_flag_of_a_run_and_its_stages_are_not_left_out() {
    let desk = desk("[run]\nusers = 9\n");
    let scenario = "timeout = 2\nlabel = [\"a=b\"]\npurpose = \"lunch\"\n\
                    [[stages]]\nusers = 3\nhold = \"1s\"\n[[stages]]\nusers = 0\nramp = 2\n";
    desk.write("day.toml", scenario);
    let shown = printed(&desk, &["VOICELT_SCENARIO=day.toml"], "config show run");
    for (name, value) in [
        ("run.stage ", "3:0s:1s, 0:2:0s"),
        ("run.timeout ", "2 "),
        ("run.label ", "a=b"),
        ("run.purpose ", "lunch"),
        ("run.users ", "1 "),
        ("left out: ", "`users` is overridden by `stage`"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(value), "{line}");
    }
    let both = ["VOICELT_SCENARIO=day.toml", "VOICELT_RUN_USERS=2"];
    let error = refused(&desk, &both, "config show run");
    assert!(error.contains("cannot be used with"), "{error}");
    assert!(
        error.contains("note: --stage is set by scenario day.toml, line 4\n"),
        "{error}"
    );
    let error = refused(&desk, &["VOICELT_SCENARIO=no.toml"], "config show run");
    assert!(
        error.contains("--scenario no.toml: No such file"),
        "{error}"
    );
}

#[test]
fn a_switch_is_turned_on_by_the_file_and_off_by_a_variable() {
    let desk = desk("quiet = true\n[prepare]\nsynth = \"tone:300ms\"\n");
    let said = |variables: &[&str]| voicelt(&desk, variables, "prepare -o a.vtrace").stderr;
    assert_eq!(said(&[]), "");
    assert!(said(&["VOICELT_QUIET=false"]).contains("trace "));
    let error = refused(&desk, &["VOICELT_QUIET=maybe"], "prepare -o a.vtrace");
    assert_eq!(
        error,
        "error: VOICELT_QUIET: `maybe` is neither true nor false; use one of them\n"
    );
}

#[test]
fn what_contradicts_something_nearer_is_left_out() {
    let desk = desk("quiet = true\n[replay]\nallow-invalid = true\n");
    assert_eq!(planned(&desk, &[], "-v --strict-verdict"), "10");
    let shown = printed(
        &desk,
        &["VOICELT_STRICT_VERDICT=true"],
        "config show replay",
    );
    let left_out =
        "left out: voicelt.toml, line 3: `allow-invalid` is overridden by `strict-verdict`\n";
    assert!(shown.contains(left_out), "{shown}");
    // In one layer neither is nearer.
    let line = format!("replay {} --plan", DEMO);
    let both = ["VOICELT_QUIET=true", "VOICELT_REPLAY_VERBOSE=1"];
    let error = refused(&desk, &both, &line);
    assert!(error.contains("cannot be used with '--quiet'"), "{error}");
    assert!(
        error.contains("note: --verbose is set by VOICELT_REPLAY_VERBOSE\n"),
        "{error}"
    );
}

#[test]
fn paths_count_from_the_folder_of_the_file_and_what_must_be_said_may_be_said_there() {
    let desk = Desk::new();
    let config = "[trace.cut]\noutput = \"cut.vtrace\"\nwindow = \"0s..5s\"\n";
    desk.write("conf/mine.toml", config);
    let line = format!("trace cut {}", DEMO);
    printed(&desk, &["VOICELT_CONFIG=conf/mine.toml"], &line);
    assert!(desk.path("conf/cut.vtrace/trace.json").is_file());
    printed(
        &desk,
        &["VOICELT_CONFIG=no.toml"],
        &format!("--config conf/mine.toml {line}"),
    );
    printed(
        &desk,
        &[],
        &format!("{line} --config conf/mine.toml -o further.vtrace"),
    );
    assert!(desk.path("further.vtrace/trace.json").is_file());
    let error = refused(&desk, &[], &line);
    assert!(
        error.contains("required arguments were not provided"),
        "{error}"
    );
    let error = refused(&desk, &["VOICELT_CONFIG=no.toml"], &line);
    assert!(error.contains("no.toml: No such file"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_where_it_is() {
    let wrong =
        |config: &str, variables: &[&str], line: &str| refused(&desk(config), variables, line);
    let plan = format!("replay {} --plan", DEMO);
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
    printed(&desk("[replay\n"), &[], "replay --help");
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
    let config = |variables: &[&str], line: &str| {
        let all = voicelt(&desk, variables, &format!("config show {line}")).said();
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

    let shown = printed(&desk, &["VOICELT_SCENARIO=light"], "config show run");
    let users = shown
        .lines()
        .find(|line| line.starts_with("run.users "))
        .unwrap();
    assert_eq!(
        users.split_whitespace().collect::<Vec<_>>(),
        ["run.users", "5", "scenario", "light"]
    );
    let trace = printed(&desk, &[], "config show trace");
    assert!(trace.contains("trace.cut.window ") && trace.contains("trace.info.format "));
    assert_eq!(trace.matches("\nquiet ").count(), 1, "{trace}");
    let nothing = printed(&Desk::new(), &[], "config show");
    assert!(
        nothing.starts_with("file: no voicelt.toml in this folder"),
        "{nothing}"
    );
}
