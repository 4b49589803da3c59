//! Recipes: settings in TOML; here those of `prepare`, and what all have in common.

use std::path::Path;

use anyhow::{Context, anyhow};
use serde::de::DeserializeOwned;

use super::exit::BadInput;
use super::settings::Settings;

/// Reads the recipe at `path`; relative paths in it count from its folder.
///
/// # Errors
/// [`BadInput`] for a file that cannot be read, with the line where it can be told.
pub(crate) fn read(path: &Path) -> Result<Settings, BadInput> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("recipe {shown}"));
    let text = text.map_err(BadInput)?;
    let mut settings: Settings = parse(&format!("recipe {shown}"), &text)?;
    if let Some(folder) = path.parent() {
        for path in settings.paths_mut() {
            *path = folder.join(&*path);
        }
    }
    Ok(settings)
}

/// Reads settings from `text`, which messages call `what`.
///
/// # Errors
/// [`BadInput`] for what cannot be understood, with its line.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, BadInput> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = 1 + before.unwrap_or_default().matches('\n').count();
        let message = error.message();
        BadInput(anyhow!("{what}, line {line}: {message}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> (tempfile::TempDir, Result<Settings, BadInput>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recipe.toml");
        std::fs::write(&path, text).unwrap();
        let settings = read(&path);
        (dir, settings)
    }

    #[test]
    fn paths_count_from_the_recipe() {
        let text = "audio = [\"calls\", \"/music\"]\narrivals = \"file:starts.csv\"\n\
                    output = \"x.vtrace\"\nspeech-labels = \"../labels.csv\"\n";
        let (dir, settings) = recipe(text);
        let mut settings = settings.unwrap();
        let paths: Vec<_> = settings.paths_mut().map(|path| path.clone()).collect();
        let here = |name: &str| dir.path().join(name);
        let expected = [
            here("calls"),
            "/music".into(),
            here("x.vtrace"),
            here("../labels.csv"),
            here("starts.csv"),
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let (_dir, settings) = recipe("seed = 1\nspeed = 2\n");
        let error = settings.unwrap_err().to_string();
        assert!(
            error.contains("recipe.toml, line 2: unknown field `speed`"),
            "{error}"
        );
    }
}
