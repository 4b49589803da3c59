//! What is to be said of what was found. Pure: no clock, no socket.

mod call;
mod connection;
mod machine;

pub use call::call;
pub use connection::connection;
pub use machine::machine;
