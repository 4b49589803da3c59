//! Where a run is kept, when it begins, and on which machine it is made.

use std::path::{Path, PathBuf};

use super::error::RunError;
use crate::clock::{Clock, RunClock, epoch_in, wall_ns};
use crate::results::ResultsError;
use crate::results::manifest::{Host, RunManifest, second};
use crate::results::reader::LATEST;
use crate::results::writer::write_manifest;
use crate::units::NS_PER_MS;

/// Where runs are kept that have no place of their own.
const RUNS: &str = "runs";
/// How much of a run's time may have passed when its beginning is on the disk: well under the time
/// that is left before the first session.
const MAY_BE_LATE_NS: i64 = 50 * NS_PER_MS;
/// How often the beginning is put off for a disk that gets slower and slower.
const TRIES: usize = 5;

/// Makes `runs/NAME-TIME`, with a number where that is taken: by being made it is taken from others
/// that begin in the same second.
pub(super) fn make_default_dir(name: &str) -> PathBuf {
    let now = second(wall_ns());
    let base = format!("{name}-{}", now.strftime("%Y%m%d-%H%M%S"));
    let runs = Path::new(RUNS);
    // What cannot be made is named by who is to write into it.
    let _ = std::fs::create_dir_all(runs);
    let free = |dir: &PathBuf| match std::fs::create_dir(dir) {
        Err(error) => error.kind() != std::io::ErrorKind::AlreadyExists,
        Ok(()) => true,
    };
    let mut names = (1..).map(|n| match n {
        1 => runs.join(&base),
        n => runs.join(format!("{base}-{n}")),
    });
    names.find(free).unwrap_or_else(|| runs.join(&base))
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

/// Makes `latest` beside `dir` lead to it, in one step, where that is among the runs.
pub(super) fn link_latest(dir: &Path) -> Result<(), RunError> {
    let runs = dir.parent().filter(|runs| runs.ends_with(RUNS));
    let (Some(runs), Some(name)) = (runs, dir.file_name()) else {
        return Ok(());
    };
    let link = runs.join(LATEST);
    let temporary = runs.join(format!(".{LATEST}-{}", std::process::id()));
    std::os::unix::fs::symlink(name, &temporary)
        .and_then(|()| std::fs::rename(&temporary, &link))
        .map_err(|source| RunError::Latest { link, source })
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
