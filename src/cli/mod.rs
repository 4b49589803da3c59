//! The command line: arguments, and one flow per subcommand. The only room that prints.

pub mod duration;
pub mod exit;
pub mod gateway;
pub mod report;
pub mod stdout;
