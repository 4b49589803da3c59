//! Programs that a test runs: each is bounded in time, and killed when it is dropped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use voicelt::clock::monotonic_ns;

/// How long anything may take that a test waits for, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(180);

/// An instant that a wait must not go beyond.
struct Deadline(i64);

impl Deadline {
    fn new() -> Deadline {
        Deadline(monotonic_ns() + PATIENCE.as_nanos() as i64)
    }

    fn left(&self) -> Duration {
        Duration::from_nanos((self.0 - monotonic_ns()).max(0) as u64)
    }
}

/// Asks again and again until there is an answer.
#[track_caller]
pub(crate) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::new();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(!deadline.left().is_zero(), "there is still no answer");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code, or `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Output {
        Running::start(command).wait()
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// It ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Output {
        assert_eq!(self.code, Some(code), "{}", self.said());
        self
    }

    /// What it said holds `what`.
    #[track_caller]
    pub(crate) fn says(&self, what: &str) -> &Output {
        let said = self.said();
        assert!(said.contains(what), "{what} in: {said}");
        self
    }

    /// It refused its input with an error that holds `what`, and printed nothing.
    #[track_caller]
    pub(crate) fn refused(self, what: &str) {
        let Output { stderr, .. } = &self;
        let error = stderr.lines().any(|line| line.starts_with("error: "));
        assert!(error && stderr.contains(what), "{what} in: {stderr}");
        assert_eq!((self.code, self.stdout.as_str()), (Some(2), ""), "{stderr}");
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.said()))
    }
}

/// A line, and whether it is of standard error.
type Line = (bool, String);

/// A program under way.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
    stdout: String,
    stderr: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::null());
        let spawned = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let (to, lines) = mpsc::channel();
        forward(child.stdout.take().unwrap(), false, to.clone());
        forward(child.stderr.take().unwrap(), true, to);
        Running {
            child,
            lines,
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    /// Takes in the next line, and says whether there was one before the program ended.
    fn hear(&mut self, deadline: &Deadline) -> bool {
        match self.lines.recv_timeout(deadline.left()) {
            Ok((false, line)) => self.stdout += &line,
            Ok((true, line)) => self.stderr += &line,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {
                panic!("it goes on and on: {}{}", self.stdout, self.stderr)
            }
        }
        true
    }

    /// Waits until it has said on standard error, in one line, both of these, and returns what
    /// stands between them.
    #[track_caller]
    pub(crate) fn says(&mut self, before: &str, after: &str) -> String {
        let deadline = Deadline::new();
        loop {
            let found = self.stderr.split_inclusive('\n').find_map(|line| {
                let (_, rest) = line.split_once(before)?;
                rest.split_once(after).map(|(found, _)| found)
            });
            if let Some(found) = found {
                return found.to_owned();
            }
            let more = self.hear(&deadline);
            assert!(more, "it ended: {}{}", self.stdout, self.stderr);
        }
    }

    /// The address that it says it listens on.
    #[track_caller]
    pub(crate) fn address(&mut self) -> String {
        let said = self.says("listening on ", "\n");
        said.split(',').next().unwrap().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Output {
        let deadline = Deadline::new();
        while self.hear(&deadline) {}
        Output {
            code: self.child.wait().unwrap().code(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
        }
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(self) -> Output {
        self.signal(Signal::INT);
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands on what comes, line by line, from a thread that ends with it.
fn forward(from: impl Read + Send + 'static, is_error: bool, to: Sender<Line>) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if to.send((is_error, text)).is_err() {
                // Nobody listens any more, and the program must not wait for a reader.
                let _ = std::io::copy(&mut from, &mut std::io::sink());
            }
            line.clear();
        }
    });
}
