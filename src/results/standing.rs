//! How a run stands whose `run.json` says that it is under way: whoever made it may be gone.

use std::fs;
use std::io::ErrorKind;

use super::manifest::{ExitReason, Process, RunManifest};

/// What this machine knows of processes.
pub(super) struct Here<'a> {
    hostname: String,
    boot_id: String,
    pid_namespace: String,
    /// When the process of this number was started; null for none.
    started: &'a dyn Fn(u32) -> Seen,
}

/// What is seen of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It goes on, and was started at this tick.
    Since(u64),
    /// There is none of this number, or it has ended.
    Gone,
    /// This user may not see it.
    Hidden,
}

/// How the run of `manifest` stands, seen from this machine.
pub(super) fn standing(manifest: &RunManifest) -> ExitReason {
    if manifest.exit_reason != ExitReason::Running {
        return manifest.exit_reason;
    }
    let here = Here {
        hostname: hostname(),
        boot_id: boot_id(),
        pid_namespace: pid_namespace(),
        started: &seen,
    };
    seen_from(manifest, &here)
}

fn seen_from(manifest: &RunManifest, here: &Here<'_>) -> ExitReason {
    let is_known = |name: &str| !name.is_empty();
    let boot_id = &manifest.epoch.boot_id;
    if !is_known(boot_id) || !is_known(&here.boot_id) {
        return ExitReason::Unknown;
    }
    if *boot_id != here.boot_id {
        let hostname = &manifest.host.hostname;
        // Of the same machine, it ended when that was started anew.
        return match is_known(hostname) && *hostname == here.hostname {
            true => ExitReason::Killed,
            false => ExitReason::Unknown,
        };
    }
    match &manifest.process {
        Some(process) if process.pid_namespace == here.pid_namespace => {
            match (here.started)(process.pid) {
                Seen::Since(tick) if tick == process.started_ticks => ExitReason::Running,
                Seen::Since(_) | Seen::Gone => ExitReason::Killed,
                Seen::Hidden => ExitReason::Unknown,
            }
        }
        _ => ExitReason::Unknown,
    }
}

/// This process, as `run.json` names it; `None` where the system does not tell.
#[must_use]
pub fn this_process() -> Option<Process> {
    let pid = std::process::id();
    match seen(pid) {
        Seen::Since(started_ticks) => Some(Process {
            pid,
            started_ticks,
            pid_namespace: pid_namespace(),
        }),
        _ => None,
    }
}

fn seen(pid: u32) -> Seen {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => of_stat(&stat),
        // Where processes of others are hidden, they still are there.
        Err(e) if e.kind() == ErrorKind::NotFound => match is_somebody(pid) {
            true => Seen::Hidden,
            false => Seen::Gone,
        },
        Err(_) => Seen::Hidden,
    }
}

fn is_somebody(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| {
        let tested = rustix::process::test_kill_process(pid);
        tested != Err(rustix::io::Errno::SRCH)
    })
}

/// What `/proc/PID/stat` says: behind the name, which may hold anything, come the state and, as the
/// 22nd field of all, the tick at which the process was started.
fn of_stat(stat: &str) -> Seen {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut fields = fields.split_whitespace();
    let state = fields.next().unwrap_or("X");
    let ticks = fields.nth(18).and_then(|ticks| ticks.parse().ok());
    match ticks {
        // Ended, and not yet taken note of by whoever started it.
        _ if ["Z", "X", "x"].contains(&state) => Seen::Gone,
        Some(ticks) => Seen::Since(ticks),
        None => Seen::Hidden,
    }
}

fn hostname() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_string_lossy().into_owned()
}

fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// In which the numbers of processes count; empty where there are none.
fn pid_namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn a_run_goes_on_as_long_as_the_process_that_makes_it() {
        let mut run = sample::manifest();
        run.exit_reason = ExitReason::Running;
        run.epoch.boot_id = "boot".to_owned();
        run.host.hostname = "one".to_owned();
        run.process = Some(Process {
            pid: 7,
            started_ticks: 500,
            pid_namespace: "pid:[1]".to_owned(),
        });
        let seen = |hostname: &str, boot_id: &str, pid_namespace: &str, of_seven: Seen| {
            let started = |pid| if pid == 7 { of_seven } else { Seen::Gone };
            let here = Here {
                hostname: hostname.to_owned(),
                boot_id: boot_id.to_owned(),
                pid_namespace: pid_namespace.to_owned(),
                started: &started,
            };
            seen_from(&run, &here)
        };
        use ExitReason::{Killed, Running, Unknown};
        use Seen::{Gone, Hidden, Since};
        let table = [
            ("one", "boot", "pid:[1]", Since(500), Running),
            ("one", "boot", "pid:[1]", Since(501), Killed),
            ("one", "boot", "pid:[1]", Gone, Killed),
            ("one", "boot", "pid:[1]", Hidden, Unknown),
            // The machine was renamed; a container of it.
            ("two", "boot", "pid:[1]", Gone, Killed),
            ("one", "boot", "pid:[2]", Gone, Unknown),
            // Started anew; another machine.
            ("one", "later", "pid:[1]", Since(500), Killed),
            ("two", "other", "pid:[1]", Gone, Unknown),
            ("one", "", "pid:[1]", Gone, Unknown),
        ];
        for (hostname, boot, namespace, process, expected) in table {
            let standing = seen(hostname, boot, namespace, process);
            assert_eq!(
                standing, expected,
                "{hostname} {boot} {namespace} {process:?}"
            );
        }
        // Runs of before did not name their process.
        run.process = None;
        let here = |boot_id: &str| Here {
            hostname: "one".to_owned(),
            boot_id: boot_id.to_owned(),
            pid_namespace: "pid:[1]".to_owned(),
            started: &|_| Gone,
        };
        assert_eq!(seen_from(&run, &here("boot")), Unknown);
        assert_eq!(seen_from(&run, &here("later")), Killed);
        assert_eq!(standing(&sample::manifest()), ExitReason::Finished);
    }

    #[test]
    fn the_tick_is_the_22nd_field_whatever_the_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(of_stat(&format!("9 (a) b) {rest}")), Seen::Since(4242));
        let zombie = rest.replacen('S', "Z", 1);
        assert_eq!(of_stat(&format!("9 (a) {zombie}")), Seen::Gone);
        assert_eq!(of_stat("9 (a) S 1"), Seen::Hidden);
    }

    #[test]
    fn this_process_goes_on() {
        let own = this_process().unwrap();
        assert_eq!(seen(own.pid), Seen::Since(own.started_ticks));
    }
}
