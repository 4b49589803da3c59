//! One way to read and write a folder: on a local disk, or in an object store (`s3://`, `gs://`, `az://`).
//!
//! Credentials come from the environment alone, by the names that each cloud's own tools use; none is
//! in a URL, a message or a file. Requests are tried again for a minute, and then fail.

mod cloud;
mod error;
mod location;
mod store;
#[cfg(test)]
mod tests;

pub use cloud::Cloud;
pub use error::StorageError;
pub use location::{Bucket, Location};
pub use store::{Object, Store};
