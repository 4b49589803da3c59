//! What is run in place of what `README.md` shows, where that would take minutes, needs another
//! machine or a port that may be taken. Everything else is run to the letter.

/// Text of the README, and what stands in its place. Applied in this order; a test fails on one
/// that is not in the README any more.
pub(crate) const INSTEAD: &[(&str, &str)] = &[
    // Other machines. `{gateway}` and `{tls}` are the addresses of gateways of the test.
    ("http://gateway.example:50051", "http://{gateway}"),
    ("https://gateway.example", "https://{tls}"),
    ("http://localhost:50051", "http://{gateway}"),
    ("wss://realtime.example", "ws://{gateway}"),
    ("gateway:50051", "{gateway}"),
    ("http://prometheus:9090", "http://127.0.0.1:1"),
    ("https://prometheus.example", "https://127.0.0.1:1"),
    // Ports.
    ("--listen 0.0.0.0:50050", "--listen 127.0.0.1:0"),
    ("gateway --slots", "gateway --listen 127.0.0.1:0 --slots"),
    ("gateway --cut", "gateway --listen 127.0.0.1:0 --cut"),
    ("gateway --stray", "gateway --listen 127.0.0.1:0 --stray"),
    (
        "gateway --dialect realtime --greeting ",
        "gateway --listen 127.0.0.1:0 --dialect realtime --greeting ",
    ),
    (
        "gateway --dialect twilio --greeting ",
        "gateway --listen 127.0.0.1:0 --dialect twilio --greeting ",
    ),
    ("'wss://api.example/v1/realtime?model=voice-1'", "embedded"),
    ("{env:API_KEY}", "{env:HOME}"),
    (
        "gateway --dialect proto",
        "gateway --listen 127.0.0.1:0 --dialect proto",
    ),
    (
        "gateway --arrivals",
        "gateway --listen 127.0.0.1:0 --arrivals",
    ),
    (
        "gateway --listen 127.0.0.1:50051",
        "gateway --listen 127.0.0.1:0",
    ),
    ("--target 127.0.0.1:50051", "--target {served}"),
    ("--metrics-addr 0.0.0.0:9464", "--metrics-addr 127.0.0.1:0"),
    // Time.
    (
        "--arrivals poisson:2/s --duration 2m",
        "--arrivals poisson:2/s --duration 2s",
    ),
    ("--metrics-linger 30s", "--metrics-linger 100ms"),
    ("--until 1h --warmup 1m", "--until 2s --warmup 500ms"),
    ("--window 30s..2m", "--window 50ms..2m"),
    ("--cool-down 90s", "--cool-down 100ms"),
    ("--cool-down 30s", "--cool-down 100ms"),
    ("run --scenario light", "run --scenario light {short} -u 2"),
    ("run -s light", "run -s light {short} -u 2"),
    ("run -s medium", "run -s medium {short} -u 2"),
    ("run         -s medium", "run -s medium {short} -u 2"),
    ("run -s heavy", "run -s heavy {short} -u 2"),
    (
        "run -u 10 -d 2m --ramp-up 20s --think-time 1s..3s",
        "run -u 2 {short}",
    ),
    ("run -u 20", "run {short} -u 2"),
    ("run -u 4 -d 60s", "run {short} -u 1"),
    ("replay traces/demo.vtrace", "replay calls.vtrace"),
    // A p95 needs more turns than there is time for.
    (
        "-a calls.vtrace --find-capacity 'response.p95 < 800ms'",
        "-a calls.vtrace --find-capacity 'response.max < 1ms'",
    ),
    (
        "--find-capacity 'goodput(response < 800ms) >= 95%'",
        "--find-capacity 'goodput(response < 1ms) >= 95%'",
    ),
    // Nobody wrote down what is said in the clips of the test.
    ("--require 'wer < 20%'", "--require 'errors < 100%'"),
    // What the trace of the test does not have, or this machine may not.
    ("--session 7f3a", "--session s000001"),
    ("| jq .kind", ""),
];

/// The flags that `{short}` stands for.
pub(crate) const SHORT: &str = "-d 500ms --ramp-up 0s --ramp-down 500ms --think-time 100ms";

/// Commands of the README that are not run here, by their beginning, and why.
pub(crate) const NOT_HERE: &[(&str, &str)] = &[
    (
        "cargo run --release -- replay",
        "a build of its own: .ci/run does that",
    ),
    ("cargo test", "this is one of its tests"),
    ("docker compose", "needs Docker"),
    (
        "voicelt trace push calls.vtrace s3:",
        "needs an object store: .ci/nightly has one",
    ),
    ("voicelt replay s3:", "and so does this"),
    ("voicelt trace pull s3:", "and this"),
    (
        "voicelt replay calls.vtrace --dialect twilio --webhook",
        "needs a webhook: tests/it/replay/webhook.rs has one",
    ),
    (
        "python3 -m venv notebooks",
        "the notebooks' own environment: .ci/nightly makes one and executes them",
    ),
    (
        "tools/speech-gateway/start",
        "installs packages: .ci/nightly does that",
    ),
    ("kubectl", "needs a cluster"),
    ("ls -R", "not a command of ours"),
    (
        "pip install",
        "the wheel is installed and tested by .ci/run",
    ),
    ("python3 -m venv venv", "as is its environment"),
    ("cargo install", "a build of its own too"),
    ("tools/release/build", "and another: .ci/nightly does that"),
    ("podman", "needs Podman"),
    ("python load_test.py", "the program that is compared with"),
];

/// Exit codes that a command may have besides 0, by what it contains.
pub(crate) const MAY_END_WITH: &[(&str, i32)] = &[
    // A machine that is too busy says so; no test depends on how fast it is.
    ("voicelt replay", 4),
    ("voicelt run ", 4),
    ("voicelt witness", 4),
    ("voicelt report", 4),
    // What it finds wrong may be this machine.
    ("voicelt doctor", 99),
    ("voicelt compare", 4),
    // Requirements on runs that are too short for a p95, and regressions between two runs.
    ("--require", 99),
    ("--find-capacity", 99),
    ("--fail-on-regression", 99),
];
