//! `voicelt record`, as users run it: what passes it, what it keeps, and what it keeps when it is
//! killed or the disk is full.

mod attributed;
mod conformance;
mod faults;
mod python;
mod raw;
mod realtime;
mod recording;
mod sockets;
mod twilio;
mod websocket;
