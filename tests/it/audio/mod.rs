//! Audio of any kind, as users prepare it.

mod decoders;
mod headers;
mod library_large;
