//! Every command of `README.md`, run as a user would who copies it: in a folder with audio, logs,
//! traces and runs under the names that it uses, against a gateway.

mod desk;
mod document;
mod instead;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use voicelt::gateway::{Embedded, GatewaySpec};

use crate::support::tls::tls_in_front_of;
use desk::Desk;
use document::{Command, commands};
use instead::{INSTEAD, MAY_END_WITH, NOT_HERE, SHORT};

const README: &str = include_str!("../../../README.md");

/// Blocks of commands under way at a time: most of each is waiting for speech to be spoken.
const AT_A_TIME: usize = 8;

/// Flags and words after which a command names what it makes.
const MAKES: [&str; 8] = [
    "-o",
    "--run-dir",
    "--json",
    "--html",
    "--junit",
    "--markdown",
    "--parquet",
    "--emit-trace",
];

#[test]
fn every_command_of_the_readme_does_what_it_is_shown_for() {
    let gateway = Embedded::start(GatewaySpec::default()).unwrap();
    let address = gateway.addr().to_string();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (tls, pem) = runtime.block_on(tls_in_front_of(gateway.addr()));
    let mut blocks = BTreeMap::new();
    for command in commands(README) {
        let known = |(begin, _): &(&str, &str)| command.text.starts_with(begin);
        if !NOT_HERE.iter().any(known) {
            let block: &mut Vec<Command> = blocks.entry(command.block).or_default();
            block.push(command);
        }
    }
    let desk = Desk::new(&address);
    std::fs::write(desk.path().join("ca.pem"), &pem).unwrap();
    let waiting = Mutex::new(blocks.into_values());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(block) = { waiting.lock().unwrap().next() } {
                    let desk = desk.copy();
                    let mut reader = Reader {
                        desk: &desk,
                        gateway: &address,
                        tls: format!("localhost:{tls}"),
                        served: None,
                    };
                    for command in block {
                        if let Err(why) = reader.follow(&command) {
                            let Command { line, text, .. } = command;
                            failures
                                .lock()
                                .unwrap()
                                .push(format!("README.md:{line}: {text}\n{why}"));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn what_is_run_instead_or_not_at_all_stands_in_the_readme() {
    for (shown, _) in INSTEAD.iter().chain(NOT_HERE) {
        assert!(README.contains(shown), "{shown}");
    }
    for (part, _) in MAY_END_WITH {
        assert!(README.contains(part), "{part}");
    }
}

/// Somebody who types the commands of a block one after the other.
struct Reader<'a> {
    desk: &'a Desk,
    gateway: &'a str,
    tls: String,
    /// What serves in another terminal.
    served: Option<Served>,
}

impl Reader<'_> {
    /// Runs a command, and says what is wrong with what it did.
    fn follow(&mut self, command: &Command) -> Result<(), String> {
        let line = self.line(&command.text);
        let serves = line.starts_with("voicelt gateway") || line.starts_with("voicelt record");
        if serves || line.starts_with("voicelt witness") {
            self.stop()?;
        }
        if serves {
            self.served = Some(Served::start(self.shell(&format!("exec {line}")))?);
            return Ok(());
        }
        let output = self.shell(&line).stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let code = output.status.code().unwrap_or(-1);
        let expected = code == 0
            || MAY_END_WITH
                .iter()
                .any(|(part, may)| line.contains(part) && code == *may);
        if !expected || said.contains("panicked") {
            return Err(format!("ran: {line}\nexit code {code}\n{said}"));
        }
        self.made(&line)
            .map_err(|why| format!("ran: {line}\n{why}\n{said}"))
    }

    /// What is run for a command.
    fn line(&self, shown: &str) -> String {
        let line = INSTEAD
            .iter()
            .fold(shown.to_owned(), |line, (from, to)| line.replace(from, to));
        let served = self.served.as_ref().map_or("", |served| &served.address);
        line.replace("{short}", SHORT)
            .replace("{gateway}", self.gateway)
            .replace("{tls}", &self.tls)
            .replace("{served}", served)
    }

    fn shell(&self, line: &str) -> std::process::Command {
        let mut shell = self.desk.shell(line);
        shell
            .env("VOICELT_TARGET", self.gateway)
            .env("SSL_CERT_FILE", "ca.pem");
        shell
    }

    /// Whether what a command names as its output is there.
    fn made(&self, line: &str) -> Result<(), String> {
        let words: Vec<_> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let there = || self.desk.path().join(pair[1]).exists();
            if MAKES.contains(&pair[0]) && !there() {
                return Err(format!("{} is not there", pair[1]));
            }
        }
        Ok(())
    }

    /// Ctrl-C in the other terminal.
    fn stop(&mut self) -> Result<(), String> {
        self.served.take().map_or(Ok(()), Served::stop)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Err(why) = self.stop() {
            assert!(std::thread::panicking(), "{why}");
        }
    }
}

/// A command that serves until it is told to stop.
struct Served {
    child: Child,
    address: String,
    /// All that it says.
    said: Option<JoinHandle<String>>,
}

impl Served {
    fn start(mut shell: std::process::Command) -> Result<Served, String> {
        let shell = shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().map_err(|error| error.to_string())?;
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let read = stderr.read_line(&mut said).unwrap();
            let last = said.lines().last().unwrap_or_default();
            if let Some(rest) = last.strip_prefix("listening on ") {
                break rest.split(',').next().unwrap().to_owned();
            }
            if read == 0 {
                return Err(format!("it serves nothing: {said}"));
            }
        };
        let said = std::thread::spawn(move || {
            let _ = stderr.read_to_string(&mut said);
            said
        });
        Ok(Served {
            child,
            address,
            said: Some(said),
        })
    }

    fn stop(mut self) -> Result<(), String> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).map_err(|error| error.to_string())?;
        let ended = self.child.wait().map_err(|error| error.to_string())?;
        let said = self.said.take().unwrap().join().unwrap();
        match ended.code() {
            Some(0 | 130) => Ok(()),
            code => Err(format!("exit code {code:?}: {said}")),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
