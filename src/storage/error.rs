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
        let reason = without_queries(&without_xml(&said(error)));
        let advice = cloud.map_or("check the rights of the folder", Cloud::credentials);
        match error {
            Error::NotFound { .. } => StorageError::NotFound { url },
            _ if NO_BUCKET.iter().any(|code| reason.contains(code)) => {
                StorageError::NotFound { url }
            }
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

/// What stores call it that a bucket is not there.
const NO_BUCKET: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

/// `words` with the code and the message of an answer in XML in its place.
fn without_xml(words: &str) -> String {
    let Some((before, xml)) = words.split_once("<?xml") else {
        return words.to_owned();
    };
    let element = |name: &str| {
        let (_, inner) = xml.split_once(&format!("<{name}>"))?;
        inner.split('<').next()
    };
    let said = [element("Code"), element("Message")];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    format!("{before}{}", said.join(": "))
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
    fn of_an_answer_in_xml_its_words_are_shown() {
        let said = "404 Not Found: <?xml version=\"1.0\"?> <Error><Code>NoSuchBucket</Code>\
                    <Message>It is not there</Message><HostId>x</HostId></Error>";
        assert_eq!(
            without_xml(said),
            "404 Not Found: NoSuchBucket: It is not there"
        );
        assert_eq!(without_xml("timed out"), "timed out");
    }

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
