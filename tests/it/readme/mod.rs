//! Every command of `README.md`, run as a user would who copies it: in a folder with audio, logs,
//! traces and runs under the names that it uses, against a gateway.

mod document;
mod home;
mod instead;

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::support::front::Front;
use crate::support::{Desk, Output, Running};
use document::{Command, commands};
use home::Home;
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
    let desk = Desk::new();
    let (_gateway, address) = desk.gateway("");
    let (front, pem) = Front::tls(&address);
    let mut blocks = BTreeMap::new();
    for command in commands(README) {
        let known = |(begin, _): &(&str, &str)| command.text.starts_with(begin);
        if !NOT_HERE.iter().any(known) {
            let block: &mut Vec<Command> = blocks.entry(command.block).or_default();
            block.push(command);
        }
    }
    let home = Home::new(&address);
    home.0.write("ca.pem", pem);
    let waiting = Mutex::new(blocks.into_values());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(block) = { waiting.lock().unwrap().next() } {
                    let mut reader = Reader {
                        home: home.copy(),
                        gateway: &address,
                        tls: format!("localhost:{}", front.port),
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
                    reader.stop();
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
    home: Home,
    gateway: &'a str,
    tls: String,
    /// What serves in another terminal, and its address.
    served: Option<(Running, String)>,
}

impl Reader<'_> {
    /// Runs a command, and says what is wrong with what it did.
    fn follow(&mut self, command: &Command) -> Result<(), String> {
        let line = self.line(&command.text);
        let serves = line.starts_with("voicelt gateway") || line.starts_with("voicelt record");
        if serves || line.starts_with("voicelt witness") {
            self.stop();
        }
        if serves {
            let mut served = Running::start(&mut self.shell(&format!("exec {line}")));
            let address = served.address();
            self.served = Some((served, address));
            return Ok(());
        }
        let output = Output::of(&mut self.shell(&line));
        let said = output.said();
        let code = output.code.unwrap_or(-1);
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
        let served = self.served.as_ref().map_or("", |(_, address)| address);
        line.replace("{short}", SHORT)
            .replace("{gateway}", self.gateway)
            .replace("{tls}", &self.tls)
            .replace("{served}", served)
    }

    fn shell(&self, line: &str) -> std::process::Command {
        let mut shell = self.home.shell(line);
        shell
            .env("VOICELT_TARGET", self.gateway)
            .env("SSL_CERT_FILE", "ca.pem");
        shell
    }

    /// Whether what a command names as its output is there.
    fn made(&self, line: &str) -> Result<(), String> {
        let words: Vec<_> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let there = || self.home.0.path(pair[1]).exists();
            if MAKES.contains(&pair[0]) && !there() {
                return Err(format!("{} is not there", pair[1]));
            }
        }
        Ok(())
    }

    /// Ctrl-C in the other terminal.
    fn stop(&mut self) {
        if let Some((served, _)) = self.served.take() {
            let output = served.interrupt();
            assert!(matches!(output.code, Some(0 | 130)), "{output:?}");
        }
    }
}
