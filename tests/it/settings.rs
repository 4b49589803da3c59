//! The settings that `run.json` keeps: those of today and of before are read and written as they were,
//! and none keeps a run from being read.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use voicelt::report::Summary;
use voicelt::results::manifest::RunManifest;
use voicelt::results::row::Phase;
use voicelt::results::sample::row;
use voicelt::results::settings::{Balance, Command, Settings};

use crate::replay::replay_into;
use crate::support::Desk;

/// `run.json` of a replay and of a run of users, as version 0.1.0 wrote them.
const OF_REPLAY: &str = include_str!("settings/replay.json");
const OF_USERS: &str = include_str!("settings/users.json");

/// The names that an object has, and what kind of value each has.
fn kinds(of: &Value) -> Vec<(String, &'static str)> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let members = of.as_object().unwrap().iter();
    members
        .map(|(name, value)| (name.clone(), kind(value)))
        .collect()
}

#[test]
fn what_was_written_before_is_known_and_written_again_as_it_was() {
    for text in [OF_REPLAY, OF_USERS] {
        let run: RunManifest = serde_json::from_str(text).unwrap();
        assert_eq!(run.spec.rest, Map::new());
        assert_eq!(serde_json::to_string_pretty(&run).unwrap(), text.trim_end());
    }
    let spec = |text| serde_json::from_str::<RunManifest>(text).unwrap().spec;
    let replay = spec(OF_REPLAY);
    assert_eq!(replay.command.get(), Some(&Command::Replay));
    assert_eq!(replay.balance.get(), Some(&Balance::RoundRobin));
    assert_eq!(replay.barge_in_ns.get(), None);
    assert_eq!(replay.window_ns.get(), Some(&(0, 5_000_000_000)));
    assert!(replay.messages.is_set() && !replay.reactive.is_set());
    let required = replay.require.get().unwrap().iter();
    let required: Vec<_> = required.map(|one| one.get().unwrap().as_str()).collect();
    assert_eq!(required, ["errors < 1%", "response.p95 < 800ms"]);
    let users = spec(OF_USERS);
    assert_eq!(users.command.get(), Some(&Command::Run));
    assert_eq!(users.chunk_bytes.get(), Some(&640));
    let phases = users.phases.get().unwrap().iter();
    let phases: Vec<_> = phases
        .map(|(phase, _)| phase.get().copied().unwrap())
        .collect();
    assert_eq!(phases, [Phase::RampUp, Phase::Steady, Phase::RampDown]);
}

#[test]
fn a_replay_and_a_run_write_what_they_wrote_before() {
    let desk = Desk::with_trace("--synth speech-like:700ms");
    let flags =
        "--messages --window 0s..5s --require 'errors < 1%' --require 'response.p95 < 800ms'";
    let replay = replay_into("embedded", "replay") + " " + flags;
    let users =
        "run -a calls.vtrace -t embedded -o users --quiet --ramp-up 200ms -d 1s --ramp-down 200ms";
    // Too few turns tell whether what is required of the replay holds.
    for (line, code, dir, before) in [
        (&*replay, 99, "replay", OF_REPLAY),
        (users, 0, "users", OF_USERS),
    ] {
        desk.voicelt(line).exits(code);
        let now = desk.json(&format!("{dir}/run.json"));
        let before: Value = serde_json::from_str(before).unwrap();
        assert_eq!(kinds(&now["spec"]), kinds(&before["spec"]), "{dir}");
    }
}

#[test]
fn no_setting_keeps_a_run_from_being_read() {
    let run: RunManifest = serde_json::from_str(OF_USERS).unwrap();
    let whole = Summary::of(&run, &[row(0)], &[], None);
    assert_eq!(whole.run.target.as_deref(), Some("embedded"));
    let text = json!("nonsense");
    let odd = [
        json!(null),
        json!(-3),
        json!(0.5),
        text,
        json!([[]]),
        json!({"a": 1}),
    ];
    let mut specs: Vec<Value> = odd.to_vec();
    for odd in &odd {
        let settings = run.spec.listed().into_iter();
        specs.push(settings.map(|(name, _)| (name, odd.clone())).collect());
    }
    for spec in specs {
        let mut told = serde_json::to_value(&run).unwrap();
        told["spec"] = spec.clone();
        let read: RunManifest = serde_json::from_value(told.clone()).unwrap();
        if spec.is_object() {
            assert_eq!(serde_json::to_value(&read).unwrap(), told);
        }
        let summary = Summary::of(&read, &[row(0)], &[], None);
        assert_eq!(
            (summary.run.reactive, summary.steady.span_ns),
            (false, None)
        );
    }
    let mut bare = serde_json::to_value(&run).unwrap();
    bare.as_object_mut().unwrap().remove("spec");
    let bare: RunManifest = serde_json::from_value(bare).unwrap();
    assert_eq!(bare.spec, Settings::default());
}

#[test]
fn a_report_lists_the_settings_of_a_later_version() {
    let desk = Desk::new();
    let mut run: RunManifest = serde_json::from_str(OF_REPLAY).unwrap();
    run.tables.clear();
    run.spec.messages = false.into();
    let later = json!({
        "dialect": "realtime",
        "balance": "least-loaded",
        "scheduling": { "cpus": [0], "nice": 0, "timer_slack_ns": 1, "policy": "fifo" },
        "phases": [["preheat", 5], ["steady", 30_000_000_000_i64]],
        "require": ["errors < 1%", { "all": [] }],
    });
    let mut listed = run.spec.listed();
    listed.extend(later.as_object().unwrap().clone());
    run.spec = Value::Object(listed.clone()).into();
    assert_eq!(run.spec.listed(), listed);
    assert_eq!(run.spec.phases.get().unwrap()[1].1, 30_000_000_000);
    desk.put_run("run", &run, &[row(0)]);
    let told = desk.voicelt("report run --format json").exits(0).json();
    for (name, value) in &listed {
        assert_eq!(&told["config"][name], value, "{name}");
    }
    assert_eq!(told["requirements"].as_array().unwrap().len(), 1);
}

/// Any value, often one that a setting may have.
fn value() -> impl Strategy<Value = Value> {
    let simple = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "replay|run|first|portable|steady|[a-z]{0,4}".prop_map(Value::from),
    ];
    simple.prop_recursive(3, 12, 3, |inner| {
        let names = "cpus|nice|timer_slack_ns|[a-z]{1,3}";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(names, inner, 0..3)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_settings_are_written_as_they_were_read(
        values in proptest::collection::vec(value(), 62),
        left_out in any::<u64>(),
        further in proptest::collection::btree_map("[a-z_]{1,9}", value(), 0..4),
    ) {
        let known = [OF_REPLAY, OF_USERS].map(|text| {
            serde_json::from_str::<RunManifest>(text).unwrap().spec.listed()
        });
        let known = known.into_iter().flatten().collect::<Map<_, _>>();
        prop_assert_eq!(known.len(), values.len());
        let names = known.into_iter().map(|(name, _)| name);
        let named = names.zip(values).enumerate();
        let mut written: Map<String, Value> = named
            .filter(|(at, _)| left_out >> at & 1 == 0)
            .map(|(_, member)| member)
            .collect();
        written.extend(further);
        let settings = Settings::from(Value::Object(written.clone()));
        prop_assert_eq!(settings.listed(), written);
    }
}
