//! Threads that must not disturb others: they show what goes on, or tidy up behind it.

/// Lets all other threads of the machine go before the calling one, where the system allows it.
#[cfg(target_os = "linux")]
pub fn lower_priority() {
    /// Low, but not starved.
    const NICE: i32 = 10;

    // On Linux the "process" with a thread's id is that thread.
    let thread = Some(rustix::thread::gettid());
    let _ = rustix::process::setpriority_process(thread, NICE);
}

/// Only Linux has threads with a priority of their own.
#[cfg(not(target_os = "linux"))]
pub fn lower_priority() {}
