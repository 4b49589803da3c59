//! The peer that is written in Python.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::Output;

/// A server of `peer.py`, which ends when it is dropped.
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

    /// Serves; returns the server and its address.
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
        Output::of(Python::command().args(["ask", address]))
            .exits(0)
            .stdout
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
