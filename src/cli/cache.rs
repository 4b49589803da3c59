//! Where copies of what is in a store are kept on this machine.

use std::path::PathBuf;

/// The folder for `what`: in `$XDG_CACHE_HOME/voicelt`, or `~/.cache/voicelt`, or that for temporary files.
pub(crate) fn folder(what: &str) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
    let of_home = || set("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or_else(of_home).unwrap_or_else(std::env::temp_dir);
    cache.join("voicelt").join(what)
}
