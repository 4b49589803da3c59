//! `voicelt replay`, as users run it, against the reference gateway: what it writes, how it stops,
//! and what the receiver says of it.

mod callers;
mod diagnosed;
mod faults;
mod outputs;
mod recorded;
mod stopped;
mod tls;
mod users;
mod witnessed;
mod words;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};

/// A folder with traces and runs, removed with it.
pub(crate) struct Desk(TempDir);

impl Desk {
    /// A desk with `calls.vtrace`, prepared from made-up speech.
    pub(crate) fn with_trace(prepare: &[&str]) -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let output = desk.voicelt(&[&["prepare", "-o", "calls.vtrace"], prepare].concat());
        assert!(output.status.success(), "{}", said(&output));
        desk
    }

    /// The path of `name` on the desk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
        command
            .current_dir(self.0.path())
            .args(args)
            .stdin(Stdio::null());
        command
    }

    /// Runs voicelt to its end.
    pub(crate) fn voicelt(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts a gateway whose last words are kept; returns it and its address.
    pub(crate) fn gateway_that_counts(&self, flags: &[&str]) -> (Running, String) {
        let log = tempfile::NamedTempFile::new_in(self.0.path()).unwrap();
        let listen = ["gateway", "--listen", "127.0.0.1:0"];
        let mut command = self.command(&[&listen, flags].concat());
        command.stdout(Stdio::null()).stderr(log.reopen().unwrap());
        let gateway = Running(command.spawn().unwrap(), Some(log));
        let address = until(|| {
            let said = gateway.read();
            let line = said.split_once('\n')?.0.to_owned();
            Some(line.strip_prefix("listening on ").unwrap().to_owned())
        });
        (gateway, address)
    }

    /// Runs a line of shell on the desk.
    pub(crate) fn shell(&self, line: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.current_dir(self.0.path()).args(["-c", line]);
        shell.stdin(Stdio::null()).output().unwrap()
    }

    /// Starts a gateway with these flags; returns it and its address.
    pub(crate) fn gateway(&self, flags: &[&str]) -> (Running, String) {
        let listen = ["gateway", "--listen", "127.0.0.1:0"];
        let mut gateway = self.start(&[&listen, flags].concat());
        let address = gateway.address();
        (gateway, address)
    }

    /// Starts voicelt.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut command = self.command(args);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child, None)
    }
}

/// The words of a replay of the desk's trace into the folder `run`.
pub(crate) fn replay_into<'a>(target: &'a str, run: &'a str) -> [&'a str; 7] {
    ["--quiet", "replay", "calls.vtrace", "-t", target, "-o", run]
}

/// A command under way; killed when dropped.
pub(crate) struct Running(Child, Option<NamedTempFile>);

impl Running {
    /// The address that a gateway says it listens on.
    pub(crate) fn address(&mut self) -> String {
        let mut line = String::new();
        let mut stderr = BufReader::new(self.0.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        // What else it says must not block it.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        line.trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned()
    }

    fn read(&self) -> String {
        std::fs::read_to_string(self.1.as_ref().unwrap().path()).unwrap()
    }

    /// What it has said when it has ended.
    pub(crate) fn said(mut self) -> String {
        until(|| self.0.try_wait().unwrap());
        self.read()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The exit code, `None` when it was killed; waits at most a minute.
    pub(crate) fn wait(mut self) -> Option<i32> {
        let ended = until(|| self.0.try_wait().unwrap());
        ended.code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again and again until there is an answer; gives up after a minute.
pub(crate) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1200 {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing happened within a minute");
}

/// What a command printed.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Names of the files in `dir` that begin with `prefix`.
pub(crate) fn files(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(prefix)
        })
        .collect()
}
