//! Where a folder is, from what a user wrote.

use std::fmt;
use std::path::{Path, PathBuf};

use super::StorageError;
use super::cloud::Cloud;

/// A folder in an object store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Whose store.
    pub cloud: Cloud,
    /// The bucket, or the container.
    pub name: String,
    /// The folder in it, without a slash at either end; empty for the bucket itself.
    pub path: String,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.cloud.scheme(), self.name)?;
        match self.path.is_empty() {
            true => Ok(()),
            false => write!(f, "/{}", self.path),
        }
    }
}

/// Where a folder is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// On a disk of this machine, or one that is mounted.
    Folder(PathBuf),
    /// In an object store.
    Bucket(Bucket),
}

impl Location {
    /// What `text` names: a path, or a URL of a known scheme.
    ///
    /// # Errors
    /// Another scheme, no bucket, or credentials in the URL.
    pub fn parse(text: &str) -> Result<Location, StorageError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Location::Folder(PathBuf::from(text)));
        };
        let shown = text.split(['?', '#']).next().unwrap_or_default();
        let wrong = |reason: String| {
            let url = match shown.rsplit_once('@') {
                Some((_, after)) => format!("{scheme}://...@{after}"),
                None => shown.to_owned(),
            };
            Err(StorageError::Url { url, reason })
        };
        if scheme.eq_ignore_ascii_case("file") {
            return match rest.starts_with('/') {
                true => Ok(Location::Folder(PathBuf::from(rest))),
                false => wrong("write file:///PATH, with the whole path from the root".to_owned()),
            };
        }
        let known = Cloud::ALL.into_iter();
        let mut known = known.filter(|cloud| cloud.scheme().eq_ignore_ascii_case(scheme));
        let Some(cloud) = known.next() else {
            return wrong(format!(
                "there is no storage `{scheme}://`; write s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, file:///PATH or a folder"
            ));
        };
        if text.contains(['?', '#', '@']) {
            return wrong(format!(
                "a URL of a folder has no user, query or fragment; {}",
                cloud.credentials()
            ));
        }
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        let of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if name.is_empty() || !name.chars().all(of_name) {
            return wrong(format!("name the bucket: {}://BUCKET/PATH", cloud.scheme()));
        }
        let path = path.trim_matches('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if !path.is_empty() && path.split('/').any(odd) {
            return wrong("the path has an empty part, `.` or `..`".to_owned());
        }
        Ok(Location::Bucket(Bucket {
            cloud,
            name: name.to_owned(),
            path: path.to_owned(),
        }))
    }

    /// What the path `path`, as it came from a command line, names.
    ///
    /// # Errors
    /// As for [`Location::parse`].
    pub fn of_path(path: &Path) -> Result<Location, StorageError> {
        match path.to_str() {
            Some(text) => Location::parse(text),
            None => Ok(Location::Folder(path.to_owned())),
        }
    }

    /// The file or folder `name` in it; parts are separated by `/`.
    #[must_use]
    pub fn join(&self, name: &str) -> Location {
        match self {
            Location::Folder(folder) => Location::Folder(folder.join(name)),
            Location::Bucket(bucket) => Location::Bucket(Bucket {
                path: format!("{}/{name}", bucket.path)
                    .trim_matches('/')
                    .to_owned(),
                ..bucket.clone()
            }),
        }
    }

    /// Its last part.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Location::Folder(folder) => {
                let name = folder.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            Location::Bucket(bucket) => match bucket.path.rsplit('/').next() {
                Some(name) if !name.is_empty() => name.to_owned(),
                _ => bucket.name.clone(),
            },
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(folder) => folder.display().fmt(f),
            Location::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_store_and_anything_else_a_folder() {
        let table = [
            ("runs/monday", "runs/monday", "monday"),
            ("file:///tmp/a", "/tmp/a", "a"),
            (
                "s3://loads/runs/monday/",
                "s3://loads/runs/monday",
                "monday",
            ),
            ("S3://loads", "s3://loads", "loads"),
            ("gs://loads/a", "gs://loads/a", "a"),
            ("az://loads/a", "az://loads/a", "a"),
        ];
        for (text, shown, name) in table {
            let location = Location::parse(text).unwrap();
            assert_eq!(location.to_string(), shown);
            assert_eq!(location.name(), name, "{text}");
        }
        let in_it = Location::parse("s3://loads").unwrap().join("a/b");
        assert_eq!(in_it.to_string(), "s3://loads/a/b");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_secrets() {
        let table = [
            ("ftp://a/b", "there is no storage `ftp://`"),
            ("s3:///b", "name the bucket: s3://BUCKET/PATH"),
            ("s3://key:s3cret@a/b", "AWS_ACCESS_KEY_ID"),
            ("az://a/b?sig=s3cret", "AZURE_STORAGE_ACCOUNT_NAME"),
            ("gs://a/../b", "an empty part, `.` or `..`"),
            ("file://a/b", "write file:///PATH"),
        ];
        for (text, expected) in table {
            let said = Location::parse(text).unwrap_err().to_string();
            assert!(said.contains(expected), "{text}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
