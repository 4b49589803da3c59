//! `voicelt import` as users run it, and what its formats must give back.

mod program;
mod properties;

use std::path::PathBuf;

use assert_cmd::Command;
use tempfile::TempDir;
use voicelt::trace::Trace;

/// A folder to work in, with a library of clips of 1, 3 and 8 s in `library.vtrace`.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let lengths = ["1s", "3s", "8s"].map(|length| format!("--synth=speech-like:{length}"));
        let lengths: Vec<&str> = lengths.iter().map(String::as_str).collect();
        let args = [&["prepare", "-o", "library.vtrace"], &lengths[..]].concat();
        desk.run(&args).well();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Runs voicelt in the folder.
    fn run(&self, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voicelt"));
        let output = command.current_dir(self.0.path()).args(args).output();
        let output = output.unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Imports `log` with the library into `out.vtrace`.
    fn import(&self, log: &str, flags: &[&str]) -> Said {
        let always = ["import", log, "--audio=library.vtrace", "-o", "out.vtrace"];
        self.run(&[&always[..], flags].concat())
    }

    /// The bundle that was made, which checks.
    fn made(&self) -> Trace {
        let checked = self.run(&["trace", "check", "out.vtrace"]);
        assert_eq!(checked.code, 0, "{}", checked.err);
        Trace::open(&self.path("out.vtrace")).unwrap()
    }

    /// The starts of the sessions that were made, in milliseconds.
    fn starts_ms(&self) -> Vec<i64> {
        let sessions = self.made().sessions;
        let starts = sessions.iter().map(|session| session.start_ns / 1_000_000);
        starts.collect()
    }
}

/// What a command said, and its exit code.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// It went well and left standard output clean.
    fn well(self) -> String {
        assert_eq!((self.code, self.out.as_str()), (0, ""), "{}", self.err);
        self.err
    }

    /// It was refused with one sentence that holds `what`.
    fn refused(self, what: &str) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{}", self.err);
        assert!(self.err.contains("error: "), "{}", self.err);
        assert!(self.err.contains(what), "{}", self.err);
    }
}
