//! Dialects that a file describes: what is sent, and what replies mean, over a WebSocket or gRPC.
//!
//! A description is read once (`parse`), with all that it names: values of templates, pointers into replies, fields
//! of messages. A session then fills templates and looks where pointers point; of gRPC no message is decoded.

mod explain;
mod fault;
mod found;
mod framing;
mod json;
mod message;
mod parse;
mod pointer;
mod protobuf;
mod reader;
mod reply;
mod server;
mod session;
mod setup;
mod template;
#[cfg(test)]
mod tests;
mod toml_table;

pub use explain::understood;
pub use fault::Fault;
pub use parse::Surroundings;
pub use protobuf::ReadProto;
pub use server::{Listener, Said, Server, Told};
pub use session::Session;
pub use setup::Described;
