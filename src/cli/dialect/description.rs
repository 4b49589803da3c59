//! A description of a dialect from a file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, anyhow};

use crate::cli::exit::BadInput;
use crate::dialect::described::{Described, Surroundings};

/// The largest description, and source of protobuf.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// The dialect that the file at `path` describes; `env` has variables of the environment.
///
/// # Errors
/// [`BadInput`]: a file that cannot be read, and what is wrong in it, with its line.
pub(crate) fn described(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Described, BadInput> {
    let text = read(path).with_context(|| format!("cannot read {}", path.display()));
    let text = text.map_err(BadInput)?;
    let folder: PathBuf = path.parent().unwrap_or(Path::new("")).to_owned();
    let with = Surroundings {
        env,
        file: Rc::new(move |name| read(&folder.join(name))),
    };
    let described = Described::parse(&path.display().to_string(), &text, &with);
    described.map_err(|fault| BadInput(anyhow!(fault.to_string())))
}

/// The text of a file.
///
/// # Errors
/// It cannot be read, is too large, or is no text.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MOST_BYTES {
        true => Err(io::Error::other(format!(
            "it has more than {MOST_BYTES} bytes"
        ))),
        false => Ok(text),
    }
}
