//! A folder to record in, and the programs that a recording needs.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A folder, removed with it.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    /// The path of `name` on the desk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
        command.current_dir(self.0.path()).args(args);
        command.stdin(Stdio::null());
        command
    }

    /// Runs voicelt to its end.
    pub(crate) fn voicelt(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs voicelt to its end, which must be a good one, and returns what it printed.
    pub(crate) fn well(&self, args: &[&str]) -> String {
        let output = self.voicelt(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a gateway; returns it and its address.
    pub(crate) fn gateway(&self, flags: &[&str]) -> (Running, String) {
        let listen = ["gateway", "--listen", "127.0.0.1:0"];
        self.start(&[&listen, flags].concat())
    }

    /// Starts a recorder before `upstream` into `live.vtrace`; returns it and its address.
    pub(crate) fn recorder(&self, upstream: &str, flags: &[&str]) -> (Running, String) {
        let listen = [
            "record",
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            upstream,
            "-o",
            "live.vtrace",
        ];
        self.start(&[&listen, flags].concat())
    }

    /// Starts something that says where it listens.
    pub(crate) fn start(&self, args: &[&str]) -> (Running, String) {
        let mut command = self.command(args);
        listening(command.stdout(Stdio::null()).stderr(Stdio::piped()))
    }

    /// Starts a line of shell that listens.
    pub(crate) fn start_shell(&self, line: &str) -> (Running, String) {
        let mut shell = Command::new("sh");
        shell.current_dir(self.0.path()).args(["-c", line]);
        listening(
            shell
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        )
    }
}

fn listening(command: &mut Command) -> (Running, String) {
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it has ended");
        if let Some(address) = line.strip_prefix("listening on ") {
            let end = address.find([',', '\n']).unwrap();
            break address[..end].to_owned();
        }
    };
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        said
    });
    let running = Running {
        child,
        said: Some(said),
    };
    (running, address)
}

/// A command under way; killed when dropped.
pub(crate) struct Running {
    child: Child,
    said: Option<std::thread::JoinHandle<String>>,
}

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The exit code, `None` when it was killed, and what it has said; waits at most a minute.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let ended = until(|| self.child.try_wait().unwrap());
        (ended.code(), self.said.take().unwrap().join().unwrap())
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(self) -> (Option<i32>, String) {
        self.signal(rustix::process::Signal::INT);
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    panic!("nothing came of it within a minute");
}

/// What a command said.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// The peer that is written in Python.
pub(crate) struct Python(Child);

impl Python {
    /// Python with grpcio: `VOICELT_TEST_PYTHON`, or the one on the path.
    fn command() -> Command {
        let python = std::env::var("VOICELT_TEST_PYTHON").unwrap_or("python3".to_owned());
        let mut command = Command::new(python);
        command.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/record/peer.py"
        ));
        command
    }

    /// Serves; returns the server, which ends when it is dropped, and its address.
    pub(crate) fn serve() -> (Python, String) {
        let mut command = Python::command();
        command.arg("serve").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut address).unwrap();
        (Python(child), address.trim().to_owned())
    }

    /// What a client of the server at `address` tells.
    pub(crate) fn ask(address: &str) -> String {
        let output = Python::command().args(["ask", address]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
