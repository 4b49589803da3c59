//! OpenAI's own types of events, in Python.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// How many events of which name there are; all of them, `{"client": EVENT}` or `{"server": EVENT}`, must be valid.
#[track_caller]
pub(crate) fn check(lines: &[Value]) -> String {
    let python = std::env::var("VOICELT_TEST_PYTHON").unwrap_or("python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/ci/realtime_types.py");
    let mut command = Command::new(python);
    command
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python");
    let mut stdin = child.stdin.take().expect("piped");
    for line in lines {
        // Where the program ended early, its exit code says so.
        if writeln!(stdin, "{line}").is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    assert!(
        output.status.success(),
        "what is wrong is said by {script} above"
    );
    String::from_utf8(output.stdout).expect("text")
}
