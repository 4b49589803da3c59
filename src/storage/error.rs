//! What can go wrong with a folder in a store, and what to do about it.

use std::io;
use std::path::Path;

use super::cloud::Cloud;

/// Why something could not be read from a store or written to it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A URL that names no folder.
    #[error("{url}: {reason}")]
    Url {
        /// As it was given, without what stands behind `?`.
        url: String,
        /// What is wrong, and what to write.
        reason: String,
    },
    /// Settings of the environment that make no sense.
    #[error("{url}: the settings in the environment cannot be used: {reason}; {advice}")]
    Settings {
        /// The folder.
        url: String,
        /// In the library's words.
        reason: String,
        /// What to set.
        advice: &'static str,
    },
    /// Nothing of this name is there.
    #[error("{url} is not there; check the bucket and the path")]
    NotFound {
        /// The object.
        url: String,
    },
    /// The store knows the caller, or does not, and refuses.
    #[error("{url}: the store refuses to {verb} it: {reason}; {advice}")]
    Refused {
        /// The object.
        url: String,
        /// What was to be done: `read`, `write`, `list`, `delete`.
        verb: &'static str,
        /// In the store's words.
        reason: String,
        /// What to set, or which rights to give.
        advice: String,
    },
    /// Anything else that a store or the way to it does.
    #[error("cannot {verb} {url}: {reason}")]
    Failed {
        /// The object.
        url: String,
        /// What was to be done: `read`, `write`, `list`, `delete`.
        verb: &'static str,
        /// In the library's words.
        reason: String,
    },
    /// More bytes than such a file has.
    #[error("{url} has {bytes} bytes, more than the {limit} that are read of such a file")]
    TooLarge {
        /// The object.
        url: String,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The local disk.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl StorageError {
    /// Whether what was asked for makes no sense, so that it fails each time.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            StorageError::Url { .. }
                | StorageError::Settings { .. }
                | StorageError::NotFound { .. }
        )
    }

    pub(super) fn io(path: &Path, source: io::Error) -> StorageError {
        StorageError::Io {
            path: path.display().to_string(),
            source,
        }
    }

    /// A library's error about the object `url` of a store of this kind.
    pub(super) fn of(
        error: &object_store::Error,
        verb: &'static str,
        url: String,
        cloud: Option<Cloud>,
    ) -> StorageError {
        use object_store::Error;
        let reason = without_queries(&said(error));
        let advice = cloud.map_or("check the rights of the folder", Cloud::credentials);
        match error {
            Error::NotFound { .. } => StorageError::NotFound { url },
            Error::PermissionDenied { .. } => StorageError::Refused {
                url,
                verb,
                reason,
                advice: format!("give this identity the right to {verb} objects there"),
            },
            Error::Unauthenticated { .. } => StorageError::Refused {
                url,
                verb,
                reason,
                advice: advice.to_owned(),
            },
            // A machine without credentials asks its cloud for some, and there is no cloud.
            _ if reason.contains("169.254.169.254") || reason.contains("metadata.google") => {
                StorageError::Refused {
                    url,
                    verb,
                    reason: "no credentials were found".to_owned(),
                    advice: advice.to_owned(),
                }
            }
            _ => StorageError::Failed { url, verb, reason },
        }
    }
}

/// The error and its causes, each once.
fn said(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !said.contains(&words) {
            said = format!("{said}: {words}");
        }
        cause = inner.source();
    }
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `words` whose URLs end before their query, which may hold a signature.
fn without_queries(words: &str) -> String {
    let words = words.split(' ').map(|word| match word.split_once('?') {
        Some((before, _)) if before.contains("://") => format!("{before}?..."),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_in_a_query_is_not_repeated() {
        let said =
            without_queries("PUT https://a.blob.core.windows.net/b?sig=s3cret&x=1 failed: why?");
        assert_eq!(
            said,
            "PUT https://a.blob.core.windows.net/b?... failed: why?"
        );
    }
}
