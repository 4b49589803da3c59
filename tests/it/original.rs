//! What users of the Python load test type and read: its commands as they are written down for it,
//! with `voicelt run` in place of its name, and its report as an old script reads it.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Desk, Output, Running};

/// What lets a command take a moment: set outside of it.
const SHORT: [(&str, &str); 7] = [
    ("VOICELT_USERS", "2"),
    ("VOICELT_DURATION", "1500ms"),
    ("VOICELT_RAMP_UP", "200ms"),
    ("VOICELT_RAMP_DOWN", "200ms"),
    ("VOICELT_THINK_TIME", "100ms"),
    ("VOICELT_PACE", "original"),
    // How well this machine keeps time is no matter here.
    ("VOICELT_ALLOW_INVALID", "true"),
];

/// Lets a gateway answer at once.
const AT_ONCE: &str = "--asr-final 1ms --llm-first-token 1ms --llm-token-interval 1ms \
    --tts-first-audio 1ms --tts-rtf 0";

/// A folder with `test_audio` in it, and a gateway that is called where no target is said.
struct User {
    desk: Desk,
    address: String,
    _gateway: Running,
}

impl User {
    fn new() -> User {
        User::of_gateway("")
    }

    /// A user of a gateway with these flags, too.
    fn of_gateway(flags: &str) -> User {
        let desk = Desk::new();
        let (gateway, address) = desk.gateway(&format!("{AT_ONCE} {flags}"));
        let user = User {
            desk,
            address,
            _gateway: gateway,
        };
        user.does("voicelt run --create-test-audio --audio-dir ./test_audio");
        user
    }

    /// What becomes of a line of shell, shortened.
    fn types(&self, line: &str) -> Output {
        let mut shell = self.desk.shell(line);
        shell.env("VOICELT_TARGET", &self.address).envs(SHORT);
        Output::of(&mut shell)
    }

    /// What becomes of a line that must end well.
    #[track_caller]
    fn does(&self, line: &str) -> Output {
        self.types(line).exits(0)
    }

    /// A line that must be refused before anything is done.
    #[track_caller]
    fn is_refused(&self, line: &str, what: &str) {
        self.types(line).refused(what);
        assert!(self.runs().is_empty(), "{line}");
    }

    /// Names of the run directories in `runs/`.
    fn runs(&self) -> Vec<String> {
        let mut names = self.desk.names("runs", "");
        names.retain(|name| name != "latest");
        names
    }

    fn json(&self, name: &str) -> Value {
        self.desk.json(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path(name)
    }
}

/// As a script does that was written for the report of the Python load test; returns how many
/// requests there were.
fn read_as_before(report: &Value) -> u64 {
    let number = |value: &Value| {
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{value} in {report}"))
    };
    let summary = &report["summary"];
    let parts = ["successful_requests", "failed_requests", "timeout_requests"];
    let [successful, failed, timeout] = parts.map(|name| summary[name].as_u64().unwrap());
    let total = summary["total_requests"].as_u64().unwrap();
    assert_eq!(successful + failed + timeout, total, "{summary}");
    assert!((number(&summary["success_rate"]) * total as f64 - successful as f64).abs() < 1e-6);
    assert!(number(&summary["requests_per_second"]) > 0.0);
    assert!(number(&summary["total_duration_seconds"]) > 0.0);
    // datetime.now().isoformat(): local time, microseconds, and no zone.
    let timestamp = summary["timestamp"].as_str().unwrap();
    let read = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f", timestamp).unwrap();
    let ended = read.to_datetime().unwrap();
    let began: jiff::Timestamp = report["run"]["started_at"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let began = jiff::tz::TimeZone::system().to_datetime(began);
    let apart = began
        .until((jiff::Unit::Second, ended))
        .unwrap()
        .get_seconds();
    assert!((0..600).contains(&apart), "{began} to {ended}");

    for (name, latency) in report["latency"].as_object().unwrap() {
        let order = ["min", "median", "p90", "p95", "p99", "max"];
        assert!(
            order.map(|name| number(&latency[name])).is_sorted(),
            "{name}: {latency}"
        );
        // Messages that are read together came at one instant: zero on a busy machine.
        assert!(number(&latency["stddev"]) >= 0.0 && number(&latency["mean"]) >= 0.0);
        assert!(
            latency["count"].as_u64().unwrap() <= successful,
            "{name}: {latency}"
        );
    }
    let errors = report["errors"].as_array().unwrap().iter();
    let counts = errors.map(|error| {
        assert!(error["message"].is_string(), "{error}");
        error["count"].as_u64().unwrap()
    });
    let counts: Vec<u64> = counts.collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    assert_eq!(counts.iter().sum::<u64>(), failed);
    total
}

#[test]
fn commands_run_as_they_are_written() {
    let user = User::new();
    for line in [
        "voicelt run --scenario baseline --audio-dir ./test_audio",
        "voicelt run --scenario light --audio-dir ./test_audio",
        "voicelt run --scenario heavy --audio-dir ./test_audio -v",
    ] {
        let before = user.runs().len();
        user.does(line);
        assert_eq!(user.runs().len(), before + 1, "{line}");
    }
    user.does("voicelt run --scenario medium --audio-dir ./test_audio --output results.json");
    let report = user.json("results.json");
    assert!(read_as_before(&report) > 0);
    assert_eq!(report["config"]["scenario"], "medium");
    assert_eq!(report["config"]["audio_dir"], "./test_audio");
    assert_eq!(report["config"]["target_url"], user.address);

    user.does(
        "voicelt run --scenario medium \\
            --audio-dir ./test_audio \\
            --output report.json \\
            --output-raw raw_results.json \\
            -v",
    );
    let total = read_as_before(&user.json("report.json"));
    let records = user.json("raw_results.json");
    let records = records.as_array().unwrap();
    assert_eq!(records.len() as u64, total);
    for record in records {
        assert!(
            record["worker_id"].is_u64() && record["request_id"].is_u64(),
            "{record}"
        );
        assert!(
            record["audio_file"].as_str().unwrap().ends_with(".wav"),
            "{record}"
        );
        assert_eq!(record["status"], "success");
    }
    assert_eq!(user.runs().len(), 5);
}

/// With its own times a command would take five minutes: it is stopped when it has begun.
#[test]
fn plain_numbers_are_seconds() {
    let user = User::new();
    let line = "exec voicelt run --users 30 --duration 180 --ramp-up 60 --audio-dir ./test_audio";
    let mut run = user.desk.shell(line);
    run.env("VOICELT_TARGET", &user.address);
    let mut run = Running::start(run.env("VOICELT_LIVE_INTERVAL", "1s"));
    run.says(" users, ", " sessions");
    run.interrupt().exits(130);
    let manifest = user.json(&format!("runs/{}/run.json", user.runs()[0]));
    let users = &manifest["closed_loop"];
    assert_eq!(users["users"], 30);
    assert_eq!(users["stages"][0]["ramp_ns"], 60_000_000_000_i64);
    assert_eq!(users["stages"][0]["hold_ns"], 180_000_000_000_i64);
}

#[test]
fn every_option_is_taken_short_and_long() {
    let user = User::new();
    let target = &user.address;
    let times = "--ramp-up 0.2 --ramp-down 0.4 --think-time 0.5";
    let short = format!("-t {target} -a test_audio -s light -u 3 -d 1 -o short.json -v --debug");
    let long = format!(
        "--target {target} --audio-dir test_audio --scenario light --users 3 --duration 1 \
         --output long.json --output-raw raw.json --verbose"
    );
    for (options, file) in [(short, "short.json"), (long, "long.json")] {
        user.does(&format!("voicelt run {options} {times}"));
        let config = &user.json(file)["config"];
        let number = |name: &str| config[name].as_f64().unwrap();
        let told = [
            "ramp_up_time",
            "hold_time",
            "ramp_down_time",
            "think_time",
            "total_duration",
        ];
        for (name, expected) in told.iter().zip([0.2, 1.0, 0.4, 0.5, 1.6]) {
            assert!((number(name) - expected).abs() < 1e-9, "{name}: {config}");
        }
        assert_eq!(
            (&config["max_users"], &config["scenario"]),
            (&3.into(), &"light".into())
        );
        assert_eq!(
            (&config["use_ssl"], &config["requests_per_user"]),
            (&false.into(), &0.into())
        );
    }
    assert!(user.path("raw.json").is_file());
}

#[test]
fn an_output_is_the_report_or_the_run_directory_by_its_ending() {
    let user = User::new();
    let prepare = "voicelt prepare --synth speech-like:500ms -o calls.vtrace";
    user.does(prepare);
    for command in ["run -a test_audio", "replay calls.vtrace"] {
        std::fs::remove_dir_all(user.path("runs")).unwrap_or_default();
        user.does(&format!("voicelt {command} -o out.json"));
        assert!(read_as_before(&user.json("out.json")) > 0, "{command}");
        assert_eq!(
            user.runs().len(),
            1,
            "{command}: the directory is the usual one"
        );
        user.does(&format!(
            "voicelt {command} --output Upper.JSON --run-dir kept.json"
        ));
        assert!(user.path("Upper.JSON").is_file(), "{command}");
        assert!(user.path("kept.json/run.json").is_file(), "{command}");
        user.does(&format!("voicelt {command} -o dir --json a.json"));
        assert!(user.path("dir/run.json").is_file() && user.path("a.json").is_file());
        user.does(&format!("voicelt {command} -o slash.json/"));
        assert!(user.path("slash.json/run.json").is_file(), "{command}");
        for name in ["kept.json", "dir", "slash.json"] {
            std::fs::remove_dir_all(user.path(name)).unwrap();
        }
    }
}

#[test]
fn an_output_that_contradicts_another_flag_is_refused_before_the_run() {
    let user = User::new();
    user.does("voicelt prepare --synth speech-like:500ms -o calls.vtrace");
    std::fs::create_dir(user.path("d.json")).unwrap();
    for command in ["run -a test_audio", "replay calls.vtrace"] {
        for (flags, expected) in [
            ("-o a.json --json b.json", "both name the JSON report"),
            ("-o a --run-dir b", "both name the run directory"),
            ("-o d.json", "it is a folder"),
            (
                "-o no/such/a.json",
                "--output: the JSON report no/such/a.json cannot be written",
            ),
            ("-o a.json --csv a.json", "both name a.json"),
        ] {
            user.is_refused(&format!("voicelt {command} {flags}"), expected);
        }
    }
}

#[test]
fn an_output_can_be_set_once() {
    let user = User::new();
    let set = "[run]\noutput = \"set.json\"\nrun-dir = \"set\"\nrequests-per-user = 0\n";
    std::fs::write(user.path("voicelt.toml"), set).unwrap();
    user.does("voicelt run -a test_audio");
    assert!(user.path("set.json").is_file() && user.path("set/run.json").is_file());
    user.does("VOICELT_RUN_OUTPUT=variable voicelt run -a test_audio");
    assert!(
        user.path("variable/run.json").is_file(),
        "instead of both of the file"
    );
    user.does("VOICELT_RUN_OUTPUT=variable.json VOICELT_RUN_DIR=own voicelt run -a test_audio");
    assert!(user.path("variable.json").is_file() && user.path("own/run.json").is_file());
}

#[test]
fn no_requests_per_user_is_no_limit_wherever_it_is_said() {
    let user = User::new();
    let recipe = "users = 1\nduration = \"1500ms\"\nrequests-per-user = 0\n";
    std::fs::write(user.path("endless.toml"), recipe).unwrap();
    for (number, line) in [
        "voicelt run -a test_audio --scenario baseline --requests-per-user 0",
        "VOICELT_REQUESTS_PER_USER=0 voicelt run -a test_audio -s baseline",
        "voicelt run -a test_audio -s endless.toml",
    ]
    .iter()
    .enumerate()
    {
        user.does(&format!("{line} --run-dir {number} -o out.json"));
        let report = user.json("out.json");
        assert_eq!(report["config"]["requests_per_user"], 0, "{line}");
        assert_eq!(
            report["run"]["closed_loop"]["requests_per_user"],
            Value::Null,
            "{line}"
        );
        assert!(read_as_before(&report) > 0, "{line}");
    }
    user.does("voicelt run -a test_audio --requests-per-user 1 -o out.json");
    let report = user.json("out.json");
    assert_eq!(report["config"]["requests_per_user"], 1);
    assert_eq!(read_as_before(&report), 2);
}

#[test]
fn test_audio_is_made_once_and_listed() {
    let user = User::new();
    let clips = || {
        let files = std::fs::read_dir(user.path("test_audio")).unwrap();
        let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    let made = clips();
    assert_eq!(made.len(), 3);
    for clip in &made {
        let spec = hound::WavReader::open(clip).unwrap().spec();
        assert_eq!(
            (spec.channels, spec.sample_rate, spec.bits_per_sample),
            (1, 16_000, 16)
        );
    }
    std::fs::write(&made[0], "a recording of the user's").unwrap();
    user.does("voicelt run --create-test-audio");
    assert_eq!(clips(), made, "the folder is the same when none is named");
    assert_eq!(
        std::fs::read_to_string(&made[0]).unwrap(),
        "a recording of the user's"
    );
    std::fs::remove_file(&made[0]).unwrap();
    for line in [
        "voicelt run --list-audio --audio-dir ./test_audio",
        "voicelt run --list-audio",
    ] {
        let listed = user.does(line);
        listed.says("speech-like-2s.wav  2.00 s");
        listed.says("2 files, 6.00 s long");
    }
    user.is_refused(
        "voicelt run --create-test-audio -a test_audio/speech-like-2s.wav",
        "name a folder with --audio-dir",
    );
}

#[test]
fn what_is_wrong_is_said_with_the_command_that_helps() {
    let user = User::new();
    std::fs::create_dir(user.path("empty")).unwrap();
    let create = "make test audio there with `voicelt run --create-test-audio --audio-dir";
    for (line, expected, then) in [
        (
            "run --audio-dir ./empty",
            "No WAV files found in ./empty",
            format!("{create} ./empty`"),
        ),
        (
            "run --list-audio -a empty",
            "No WAV files found in empty",
            format!("{create} empty`"),
        ),
        (
            "run -a nowhere",
            "there is no such folder",
            format!("{create} nowhere`"),
        ),
        (
            "run --list-audio -a nowhere",
            "there is no such folder",
            format!("{create} nowhere`"),
        ),
        (
            "run -a test_audio --sample-rate 8000",
            "sample rate",
            "leave out --sample-rate".into(),
        ),
    ] {
        let line = format!("voicelt {line}");
        user.is_refused(&line, expected);
        user.is_refused(&line, &then);
    }
    user.does("voicelt run -a test_audio --sample-rate 16000 --requests-per-user 1");
    let nobody = user.types("voicelt run -a test_audio -t 127.0.0.1:1");
    nobody.exits(3).says("Connection refused");
}

#[test]
fn a_share_of_failures_ends_well_unless_success_is_required() {
    let user = User::of_gateway("--error-rate 0.5");
    // Of 20 or more, at least one fails and one does not: but for once in half a million runs.
    let line = "voicelt run -a test_audio --users 20 --think-time 0 -o out.json";
    user.does(line);
    let report = user.json("out.json");
    assert!(read_as_before(&report) >= 20);
    let successes = report["summary"]["successful_requests"].as_u64().unwrap();
    assert!(
        report["latency"]["total_duration"]["count"] == successes,
        "{report}"
    );
    assert_eq!(
        report["latency_all"]["total_duration"]["count"],
        report["summary"]["total_requests"]
    );
    assert!(!report["errors"].as_array().unwrap().is_empty());
    let required = format!("{line} --require 'success >= 95%'");
    user.types(&required).exits(99);
}
