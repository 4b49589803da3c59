//! `voicelt replay`, as users run it, against the reference gateway: what it writes, how it stops,
//! and what the receiver says of it.

mod callers;
mod described;
mod diagnosed;
mod faults;
mod moved;
mod odd_servers;
mod outputs;
mod realtime;
mod recorded;
mod served;
mod sessions;
mod silent;
mod stopped;
mod strays;
mod tls;
mod twilio;
mod unread;
mod users;
mod webhook;
mod witnessed;
mod words;

/// A replay of the desk's trace into the folder `run`, whatever the verdict: whether a busy machine
/// kept the schedule is not what is asked.
pub(crate) fn replay_into(target: &str, run: &str) -> String {
    format!("replay calls.vtrace -t {target} -o {run} --quiet --allow-invalid")
}
