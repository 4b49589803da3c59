//! Where a run and its report are kept, and on which machine it was made.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::LoadArgs;
use crate::cli::exit::BadInput;
use crate::cli::outputs::can_be_written;
use crate::cli::stamp;
use crate::clock::{Clock, RunClock, epoch_in};
use crate::results::ResultsError;
use crate::results::manifest::{Host, RunManifest};
use crate::results::writer::write_manifest;
use crate::units::NS_PER_MS;

/// How much of a run's time may have passed when its beginning is on the disk: well under the time
/// that is left before the first session.
const MAY_BE_LATE_NS: i64 = 50 * NS_PER_MS;
/// How often the beginning is put off for a disk that gets slower and slower.
const TRIES: usize = 5;

/// Where the results of a run go.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Where results go: the JSON report where PATH ends in .json (as --json), else the run directory
    /// (as --run-dir)
    #[arg(short, long, value_name = "PATH", help_heading = "Results")]
    output: Option<PathBuf>,
    /// Run directory to make; runs/NAME-TIME when not given, by the scenario or trace
    #[arg(long, value_name = "RUNDIR", help_heading = "Results")]
    pub(crate) run_dir: Option<PathBuf>,
}

/// Whether `--output` with this path is the JSON report.
pub(crate) fn is_report(output: &Path) -> bool {
    let name = output.as_os_str().as_encoded_bytes();
    name.to_ascii_lowercase().ends_with(b".json")
}

impl LoadArgs {
    /// These arguments with `--output` as what it stands for.
    ///
    /// # Errors
    /// [`BadInput`] where that is given already, and for a report that cannot be written.
    pub(crate) fn placed(&self) -> Result<LoadArgs, BadInput> {
        let mut placed = self.clone();
        let Some(output) = placed.place.output.take() else {
            return Ok(placed);
        };
        let shown = output.display();
        let (taken, flag, what) = match is_report(&output) {
            true => (&mut placed.outputs.json, "--json", "the JSON report"),
            false => (&mut placed.place.run_dir, "--run-dir", "the run directory"),
        };
        if let Some(other) = taken {
            return Err(BadInput(anyhow!(
                "--output {shown} and {flag} {} both name {what} (--output is the report where it ends in .json, else the directory); leave one of them out",
                other.display()
            )));
        }
        if is_report(&output) {
            can_be_written(&output)
                .with_context(|| {
                    format!(
                        "--output: the JSON report {shown} cannot be written (for a run directory of such a name say --run-dir)"
                    )
                })
                .map_err(BadInput)?;
        }
        *taken = Some(output);
        Ok(placed)
    }
}

/// Makes `runs/TRACE-TIME`, with a number where that is taken: by being made it is taken from others
/// that begin in the same second.
pub(super) fn make_default_dir(trace: &str) -> PathBuf {
    let base = format!("{trace}-{}", stamp::now().strftime("%Y%m%d-%H%M%S"));
    // What cannot be made is named by who is to write into it.
    let _ = std::fs::create_dir_all("runs");
    let free = |dir: &PathBuf| match std::fs::create_dir(dir) {
        Err(error) => error.kind() != std::io::ErrorKind::AlreadyExists,
        Ok(()) => true,
    };
    let mut names = (1..).map(|n| match n {
        1 => Path::new("runs").join(&base),
        n => Path::new("runs").join(format!("{base}-{n}")),
    });
    names
        .find(free)
        .unwrap_or_else(|| Path::new("runs").join(&base))
}

/// `path` for run number `number` of several: with the number at the end of its name.
pub(crate) fn number_of(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    path.with_file_name(name)
}

/// Sets the epoch of a run whose directory is there, and writes it down. A slow disk takes its time
/// for that, which must not be missing from the schedule: the epoch is put off for as long.
pub(super) fn begin(dir: &Path, manifest: &mut RunManifest) -> Result<(), ResultsError> {
    let mut put_off_ns = 0;
    for _ in 0..TRIES {
        manifest.epoch = epoch_in(put_off_ns);
        write_manifest(dir, manifest)?;
        let late_ns = RunClock::new(&manifest.epoch).now().0;
        if late_ns <= MAY_BE_LATE_NS {
            break;
        }
        put_off_ns = 2 * (put_off_ns + late_ns);
    }
    Ok(())
}

/// Makes `latest` in `runs` lead to `dir`, in one step.
pub(super) fn link_latest(runs: &Path, dir: &Path) -> anyhow::Result<()> {
    let Some(name) = dir.file_name().filter(|_| runs.ends_with("runs")) else {
        return Ok(());
    };
    let temporary = runs.join(format!(".latest-{}", std::process::id()));
    std::os::unix::fs::symlink(name, &temporary)
        .and_then(|()| std::fs::rename(&temporary, runs.join("latest")))
        .with_context(|| format!("could not link {}", runs.join("latest").display()))
}

/// This machine.
pub(super) fn host() -> Host {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    Host {
        hostname: text(uname.nodename()),
        os: format!("{} {}", text(uname.sysname()), text(uname.release())),
        cpu: model
            .and_then(|line| line.split(": ").nth(1))
            .unwrap_or_default()
            .to_owned(),
        cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
    }
}
