//! Judged by foreign programs: files made by ffmpeg, sox, opusenc, lame and flac must decode to what
//! ffmpeg decodes, calls to a server on Python's websockets must come to what it did with them, through the
//! recorder too, and what goes between voicelt and its gateway must be what OpenAI's package takes.
//!
//! Needs the Debian packages ffmpeg, sox, libsox-fmt-all, opus-tools, lame, flac, espeak-ng,
//! asterisk-core-sounds-en-{wav,g722,gsm} and pocketsphinx-testdata, a Python that has
//! `realtime/requirements.txt`, which VOICELT_TEST_WEBSOCKETS names, and one that has
//! `tools/ci/requirements.txt`, which VOICELT_TEST_PYTHON names:
//! `cargo test --test it foreign:: -- --ignored`.

mod containers;
mod formats;
mod libraries;
mod mutations;
mod openai;
mod realtime;
mod recorder;
mod streams;
mod telephony;
mod tools;
