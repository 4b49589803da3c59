//! The server's side of it: what clients ask, read, and what a server tells them, written.
//!
//! The event names are those of the generally available interface, or of the beta for clients of that.
//! [`dialogue::Dialogue`] knows in which order a server says things; the rest is what single events are.

pub mod dialogue;
pub mod event;
pub mod fault;
mod ids;
pub mod item;
mod items;
pub mod request;
pub mod response;
pub mod settings;
mod update;
