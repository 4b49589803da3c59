//! What the tests stand on.

pub(crate) mod desk;
pub(crate) mod front;
pub(crate) mod mutate;
pub(crate) mod odd;
pub(crate) mod openai;
pub(crate) mod program;
pub(crate) mod relay;
pub(crate) mod sample;

pub(crate) use desk::Desk;
pub(crate) use program::{Output, Running, until};
