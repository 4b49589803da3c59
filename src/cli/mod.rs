//! The command line: arguments to settings, one flow for each subcommand.

pub mod exit;
pub mod report;
mod stdout;
