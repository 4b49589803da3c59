//! What the tests stand on.

pub(crate) mod mutate;
pub(crate) mod tls;
