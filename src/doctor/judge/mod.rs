//! What is to be said of what was found. Pure: no clock, no socket.

mod addresses;
mod call;
mod connection;
mod machine;
mod websocket;

pub use call::{Asked, call};
pub use connection::connection;
pub use machine::machine;
pub use websocket::websocket;
