//! `voicelt import` as users run it, and what its formats must give back.

mod odd;
mod program;
mod properties;
