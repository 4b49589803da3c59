//! Decoding judged by foreign programs: files made by ffmpeg, sox, opusenc, lame and flac must
//! decode to what ffmpeg decodes.
//!
//! Needs the Debian packages ffmpeg, sox, libsox-fmt-all, opus-tools, lame, flac, espeak-ng,
//! asterisk-core-sounds-en-{wav,g722,gsm} and pocketsphinx-testdata:
//! `cargo test --test it foreign:: -- --ignored`.

mod containers;
mod formats;
mod libraries;
mod mutations;
mod streams;
mod telephony;
mod tools;
