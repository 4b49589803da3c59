//! The `voicelt` command.

fn main() {}
