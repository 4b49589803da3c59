//! What `replay` and `run` share: from arguments to runs that are made, and what is said of them.

mod args;
mod bench;
mod failure;
mod place;
mod protocol;
mod signals;
mod spec;
mod target;
mod trace;
mod verbose;
mod watch;

pub(crate) use args::LoadArgs;
pub(crate) use bench::Bench;
pub(crate) use failure::{not_made, unreadable};
pub(crate) use place::number_of;
pub(crate) use protocol::{Protocol, ProtocolArgs};
pub(crate) use target::TargetArgs;
pub(crate) use trace::{bundle_at, open_trace};
