//! The reference gateway: a real server of the protocol with a model where the pipeline would be.
//!
//! It listens as a voice gateway does (endpointing on the audio itself, several turns a stream) and
//! answers after times drawn from distributions, through a limited number of slots, so that
//! latency rises with load. It is a target for trying out traces, and the receiver that witnesses
//! when each chunk arrived. It transcribes nothing: words and sentences are synthetic.

mod answer;
pub mod arrivals;
mod counters;
pub mod distribution;
pub mod embedded;
mod endpoint;
mod inbox;
pub mod metrics;
pub mod model;
mod outbox;
mod script;
mod server;
mod service;
mod session;
mod shared;
mod spec;
mod speech;
mod turn;

pub use counters::GatewayReport;
pub use distribution::Distribution;
pub use embedded::Embedded;
pub use model::ModelSpec;
pub use server::{Gateway, GatewayError};
pub use spec::GatewaySpec;
