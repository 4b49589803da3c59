//! What tells a command to end: Ctrl-C, SIGTERM, and SIGHUP, which comes when a terminal is closed or
//! a remote shell is lost.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Outcome;

/// Listens for what tells a command to end, from when it is made on.
#[derive(Debug)]
pub(crate) struct Ends {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where whoever started the command had it ignored, as `nohup` does.
    hangup: Option<Signal>,
}

impl Ends {
    /// Must be called in a runtime.
    ///
    /// # Errors
    /// A system that gives no signals.
    pub(crate) fn listen() -> io::Result<Ends> {
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Ends {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// The next one that comes.
    pub(crate) async fn next(&mut self) -> Outcome {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Outcome::Interrupted,
            _ = self.terminate.recv() => Outcome::Terminated,
            _ = hangup => Outcome::Terminated,
        }
    }
}

/// Whether SIGHUP is ignored; where the system does not say, it is not.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored(&status, 1))
}

/// Whether the status of a process says that it ignores the signal of this number.
fn is_ignored(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_a_bit_of_the_status() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n";
        assert!(is_ignored(status, 13));
        assert!(!is_ignored(status, 1));
        assert!(!is_ignored("", 1));
    }
}
