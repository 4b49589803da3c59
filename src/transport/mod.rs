//! What carries a conversation; the only home of HTTP/2, WebSocket, TLS and sockets.
//!
//! `channel` opens HTTP/2 connections to the addresses of an `endpoint` (`resolve`), over `tls` if need
//! be (`certificate` is what a server shows, `pem` reads files, `unverified` trusts it whatever it is,
//! `connect_error` says why there is none, `race` tries several), and `keep_alive` gives them up when the peer is gone.
//! What is sent on a connection is `gathered` before it is written, by its `driver`, and `frame_scanner` and
//! `written` say when the system had all of each frame. `stream` is a session's, whatever carries it and
//! whatever its `outcome` and however it `ended`: one of `http2`, whose messages are `grpc`'s and whose end is a
//! `status`; `sink` is a server that reads and discards.

pub mod certificate;
pub mod channel;
mod connect_error;
mod driver;
pub mod ended;
pub mod endpoint;
mod frame_scanner;
mod gathered;
pub mod grpc;
pub mod http2;
pub mod keep_alive;
pub mod message;
pub mod outcome;
pub mod pem;
pub mod race;
pub mod resolve;
#[cfg(test)]
pub mod scripted;
pub mod secrets;
pub mod sink;
pub mod status;
pub mod stream;
mod tls;
mod unverified;
pub mod websocket;
mod written;
