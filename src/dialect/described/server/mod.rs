//! The other side of a described dialect: what a server says so that the description's own rules understand it, and
//! what it hears in what clients send as the description has it.

mod draft;
mod kind;
mod line;
mod listener;
mod said;
mod setup;
mod shape;

pub use listener::{Listener, Told};
pub use said::Said;
pub use setup::Server;
