//! Messages of protobuf whose types are known at run time: compiled from their sources, encoded from JSON, and read
//! where pointers point without being decoded.

mod compile;
mod field;
mod message;
mod scan;
#[cfg(test)]
mod tests;
mod wire;

pub use compile::ReadProto;
pub(super) use compile::{Method, compile, method};
pub(super) use field::{Path, path};
pub(super) use message::{decode, encode};
pub(super) use scan::Place;
pub(super) use wire::{bytes_at, put_field, put_field_bytes};
