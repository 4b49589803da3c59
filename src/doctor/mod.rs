//! Whether a load can be made: what lies between this machine and a gateway, and this machine.
//!
//! `addresses` tries where the gateway is; `connection` asks it over HTTP/2 (`health` is one of its questions),
//! `websocket` over one of those; `machine` looks at this one: they measure and decide nothing. `call` makes one call. `judge` makes a list of [`check::Check`]s of
//! what they found, and of the row of the call; it is pure, so that every sentence is tested by equality.
//! `gateway` puts these together.

pub mod addresses;
pub mod call;
pub mod check;
pub mod connection;
pub mod gateway;
pub mod health;
pub mod judge;
pub mod machine;
pub mod websocket;
