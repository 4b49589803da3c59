//! A folder to work in, with voicelt at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use voicelt::results::manifest::RunManifest;
use voicelt::results::reader::RunDir;
use voicelt::results::row::{RequestRow, SessionRow, TimelineRow};
use voicelt::table::write_all;
use voicelt::trace::Trace;

use super::{Output, Running};

/// The program under test.
pub(crate) const VOICELT: &str = env!("CARGO_BIN_EXE_voicelt");

/// The trace of the README's first command.
pub(crate) const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/demo.vtrace");

/// A folder, removed with it, in which programs are run.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    /// A desk with `calls.vtrace`, prepared with these flags.
    pub(crate) fn with_trace(flags: &str) -> Desk {
        let desk = Desk::new();
        desk.voicelt(&format!("prepare -o calls.vtrace {flags}"))
            .exits(0);
        desk
    }

    /// The path of `name` on the desk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and makes the folders that it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn folder(&self, name: &str) {
        std::fs::create_dir(self.path(name)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let read = std::fs::read_to_string(self.path(name));
        read.unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Names in `folder` that begin with `prefix`, sorted; none when there is no such folder.
    pub(crate) fn names(&self, folder: &str, prefix: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names
    }

    /// Files in `folder` and below, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let all = walkdir::WalkDir::new(self.path(folder)).sort_by_file_name();
        let paths = all.into_iter().map(|entry| entry.unwrap().into_path());
        paths.filter(|path| path.is_file()).collect()
    }

    /// The bundle `name`.
    pub(crate) fn trace(&self, name: &str) -> Trace {
        Trace::open(&self.path(name)).unwrap()
    }

    /// The run `name`.
    pub(crate) fn run(&self, name: &str) -> RunDir {
        RunDir::open(&self.path(name)).unwrap()
    }

    /// The requests of the run `name`.
    pub(crate) fn requests(&self, name: &str) -> Vec<RequestRow> {
        self.run(name).requests().unwrap().rows
    }

    /// The sessions of the run `name`.
    pub(crate) fn sessions(&self, name: &str) -> Vec<SessionRow> {
        self.run(name).sessions().unwrap().rows
    }

    /// Puts a run there that nobody made.
    pub(crate) fn put_run(&self, name: &str, manifest: &RunManifest, rows: &[RequestRow]) {
        let manifest = serde_json::to_string(manifest).unwrap();
        self.write(&format!("{name}/run.json"), manifest);
        let table = |table| self.path(name).join(format!("{table}.parquet"));
        write_all(&table("requests"), 1_024, &[], rows).unwrap();
        write_all::<TimelineRow>(&table("timeline"), 1_024, &[], &[]).unwrap();
    }

    /// voicelt with the arguments of a command line, and none of the settings of whoever tests.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = program();
        command.args(shlex::split(line).expect("quotes are closed"));
        self.set(command)
    }

    /// A line of shell, which has voicelt on its path.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        let mut places = vec![Path::new(VOICELT).parent().unwrap().to_owned()];
        places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        shell.env("PATH", std::env::join_paths(places).unwrap());
        shell.args(["-c", line]);
        self.set(shell)
    }

    fn set(&self, mut command: Command) -> Command {
        command.current_dir(self.0.path());
        command.env_remove("GITHUB_STEP_SUMMARY");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VOICELT_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs voicelt to its end.
    pub(crate) fn voicelt(&self, line: &str) -> Output {
        Output::of(&mut self.command(line))
    }

    /// Starts voicelt.
    pub(crate) fn start(&self, line: &str) -> Running {
        Running::start(&mut self.command(line))
    }

    /// Starts something that says where it listens; returns it and its address.
    pub(crate) fn serve(&self, line: &str) -> (Running, String) {
        let mut server = self.start(line);
        let address = server.address();
        (server, address)
    }

    /// Starts a gateway with these flags.
    pub(crate) fn gateway(&self, flags: &str) -> (Running, String) {
        self.serve(&format!("gateway --listen 127.0.0.1:0 {flags}"))
    }

    /// Starts a recorder into `live.vtrace` before the gateway `upstream`.
    pub(crate) fn recorder(&self, upstream: &str, flags: &str) -> (Running, String) {
        let line = format!("record --listen 127.0.0.1:0 --upstream {upstream} -o live.vtrace");
        self.serve(&format!("{line} {flags}"))
    }
}

/// voicelt, which SIGHUP ends even where the tests were started under `nohup`.
#[cfg(target_os = "linux")]
fn program() -> Command {
    let mut env = Command::new("env");
    env.args(["--default-signal=HUP", VOICELT]);
    env
}

#[cfg(not(target_os = "linux"))]
fn program() -> Command {
    Command::new(VOICELT)
}
