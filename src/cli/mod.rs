//! The command line.

pub mod duration;
pub mod gateway;
