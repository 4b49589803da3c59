//! The reference gateway: a real server of a protocol (its own over gRPC, OpenAI Realtime or a bot of Twilio Media
//! Streams over WebSocket, or what a file describes over either) with a model where the pipeline would be.
//!
//! It listens as a voice gateway does (endpointing on the audio itself, several turns a stream) and
//! answers after times drawn from distributions, through a limited number of slots, so that
//! latency rises with load. It is a target for trying out traces, and the receiver that witnesses
//! when each chunk arrived. It transcribes nothing: words and sentences are synthetic.

mod answer;
mod answering;
pub mod arrivals;
mod counters;
mod described;
pub mod distribution;
pub mod embedded;
mod endpoint;
mod inbox;
pub mod metrics;
pub mod model;
mod outbox;
mod realtime;
mod replies;
mod script;
mod server;
mod service;
mod session;
mod shared;
mod spec;
mod speech;
mod stream;
mod turn;
mod twilio;
mod websocket;

pub use counters::GatewayReport;
pub use distribution::Distribution;
pub use embedded::Embedded;
pub use model::ModelSpec;
pub use server::{Gateway, GatewayError};
pub use spec::{BotSpec, GatewaySpec, RealtimeSpec, Served};
