//! What a thread that keeps time asks of the system's scheduler, and what it is granted.
//!
//! All of it is asked for the calling thread alone, and none of it is needed: a refusal makes the
//! thread less punctual, which the calibration and the verdict show. Threads are not pinned: on a
//! machine that is not ours alone, the scheduler knows better which core is free.

use crate::results::settings::Granted;

/// Asks for the least timer slack and the highest priority that this thread may have.
#[cfg(target_os = "linux")]
pub fn request() -> Granted {
    use rustix::process::{getpriority_process, setpriority_process};
    use rustix::thread::set_current_timer_slack;
    use rustix::thread::{CpuSet, current_timer_slack, gettid, sched_getaffinity};

    /// Niceness to ask for, from best to least; each takes a right that the one before may lack.
    const NICE: [i32; 3] = [-10, -5, -1];

    // What is refused is seen in what is read back.
    let _ = set_current_timer_slack(std::num::NonZeroU64::new(1));
    // On Linux the "process" with a thread's id is that thread.
    let thread = Some(gettid());
    let nice = || getpriority_process(thread).ok();
    if let Some(before) = nice() {
        let _ = NICE
            .into_iter()
            .filter(|asked| *asked < before)
            .any(|asked| setpriority_process(thread, asked).is_ok());
    }
    let allowed = sched_getaffinity(None).unwrap_or_default();
    Granted {
        timer_slack_ns: current_timer_slack().ok(),
        nice: nice(),
        cpus: (0..CpuSet::MAX_CPU)
            .filter(|cpu| allowed.is_set(*cpu))
            .filter_map(|cpu| u32::try_from(cpu).ok())
            .collect(),
    }
}

/// Asks for nothing: only Linux has threads with a priority and a timer slack of their own.
#[cfg(not(target_os = "linux"))]
pub fn request() -> Granted {
    Granted::default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_what_the_thread_has_and_no_other_thread() {
        let before = rustix::thread::current_timer_slack().unwrap();
        let granted = std::thread::spawn(|| {
            let granted = request();
            let slack = rustix::thread::current_timer_slack().unwrap();
            let nice =
                rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
            assert_eq!(granted.timer_slack_ns, Some(slack));
            assert_eq!(granted.nice, Some(nice));
            assert_eq!(request(), granted, "asking again changes nothing");
            granted
        });
        let granted = granted.join().unwrap();
        assert_eq!(granted.timer_slack_ns, Some(1));
        let cores = std::thread::available_parallelism().unwrap().get();
        assert!(granted.cpus.len() >= cores, "{:?}", granted.cpus);
        assert_eq!(rustix::thread::current_timer_slack().unwrap(), before);
    }
}
