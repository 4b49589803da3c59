//! A folder in a store: its objects read, written, created and listed, from threads without a runtime.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig, WriteMultipart,
};
use tokio::io::AsyncReadExt;
use tokio::runtime::{Builder, Runtime};

use super::StorageError;
use super::cloud::Cloud;
use super::location::{Bucket, Location};

/// How long a request that failed is tried again.
const RETRIES: Duration = Duration::from_secs(60);
/// How often.
const MOST_RETRIES: usize = 6;
/// Objects that are read or written side by side.
const SIDE_BY_SIDE: usize = 16;
/// Larger files are written in parts of this size, which every store takes.
const PART: usize = 8 * 1024 * 1024;
/// Parts that are on their way at once.
const PARTS_AHEAD: usize = 4;

/// An object of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name in the folder; parts are separated by `/`.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Changes with each write, where the store says so.
    pub version: String,
}

/// An open folder. Its methods wait, and are for threads that run no runtime.
#[derive(Debug)]
pub struct Store {
    location: Location,
    cloud: Option<Cloud>,
    inner: Arc<dyn ObjectStore>,
    prefix: Key,
    runtime: Runtime,
}

impl Store {
    /// Opens the folder to write into it: like [`Store::open`], and a local one is made.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn make(location: &Location) -> Result<Store, StorageError> {
        if let Location::Folder(folder) = location {
            std::fs::create_dir_all(folder).map_err(|e| StorageError::io(folder, e))?;
        }
        Store::open(location)
    }

    /// Opens the folder. A local one must be there; of another, nothing is asked yet.
    ///
    /// # Errors
    /// Settings of the environment that make no sense, or the system's.
    pub fn open(location: &Location) -> Result<Store, StorageError> {
        let system = |source| StorageError::io(Path::new(&location.to_string()), source);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(system)?;
        let (cloud, inner, prefix) = match location {
            Location::Folder(folder) => {
                if !folder.is_dir() {
                    return Err(StorageError::NotFound {
                        url: location.to_string(),
                    });
                }
                let inner = LocalFileSystem::new_with_prefix(folder)
                    .map_err(|e| StorageError::of(&e, "open", location.to_string(), None))?;
                let inner: Arc<dyn ObjectStore> = Arc::new(inner);
                (None, inner, Key::default())
            }
            Location::Bucket(bucket) => {
                let inner = remote(bucket).map_err(|error| StorageError::Settings {
                    url: location.to_string(),
                    reason: error.to_string(),
                    advice: bucket.cloud.credentials(),
                })?;
                (Some(bucket.cloud), inner, Key::from(bucket.path.as_str()))
            }
        };
        Ok(Store {
            location: location.clone(),
            cloud,
            inner,
            prefix,
            runtime,
        })
    }

    /// The folder.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The whole object `name`, or `None` where there is none; it has at most `limit` bytes.
    ///
    /// # Errors
    /// A larger object, or the store's.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Bytes>, StorageError> {
        self.runtime.block_on(async {
            let found = match self.inner.get(&self.key(name)).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                other => other.map_err(|e| self.error(&e, "read", name))?,
            };
            if found.meta.size > limit {
                return Err(StorageError::TooLarge {
                    url: self.location.join(name).to_string(),
                    bytes: found.meta.size,
                    limit,
                });
            }
            let bytes = found.bytes().await;
            bytes.map(Some).map_err(|e| self.error(&e, "read", name))
        })
    }

    /// Writes the object `name`, in place of one of that name.
    ///
    /// # Errors
    /// The store's.
    pub fn write(&self, name: &str, bytes: Bytes) -> Result<(), StorageError> {
        let key = self.key(name);
        let put = self.inner.put(&key, bytes.into());
        let put = self.runtime.block_on(put);
        put.map(drop).map_err(|e| self.error(&e, "write", name))
    }

    /// Writes the object `name` unless there is one of that name, and says whether it did. A request
    /// that was repeated may find what it wrote itself: who must know reads the object.
    ///
    /// # Errors
    /// The store's.
    pub fn create(&self, name: &str, bytes: Bytes) -> Result<bool, StorageError> {
        let options = PutOptions::from(PutMode::Create);
        let key = self.key(name);
        let put = self.inner.put_opts(&key, bytes.into(), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(false),
            Err(error) => Err(self.error(&error, "write", name)),
        }
    }

    /// All objects of the folder, and of those in it, by name.
    ///
    /// # Errors
    /// The store's.
    pub fn list(&self) -> Result<Vec<Object>, StorageError> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let objects = self.inner.list(prefix).map_ok(|meta| Object {
            name: meta
                .location
                .prefix_match(&self.prefix)
                .map(|parts| {
                    parts
                        .map(|part| part.as_ref().to_owned())
                        .collect::<Vec<_>>()
                })
                .unwrap_or_default()
                .join("/"),
            bytes: meta.size,
            version: meta
                .e_tag
                .unwrap_or_else(|| meta.last_modified.timestamp_micros().to_string()),
        });
        let objects = self.runtime.block_on(objects.try_collect::<Vec<_>>());
        let mut objects = objects.map_err(|e| self.error(&e, "list", ""))?;
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(objects)
    }

    /// Removes objects, also such as are not there.
    ///
    /// # Errors
    /// The store's.
    pub fn delete(&self, names: &[String]) -> Result<(), StorageError> {
        self.each(
            names,
            &async |name: &str| match self.inner.delete(&self.key(name)).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                other => other.map_err(|e| self.error(&e, "delete", name)),
            },
        )
    }

    /// Copies objects into the local folder `to`, each under its name. A file is there as a whole or not
    /// at all.
    ///
    /// # Errors
    /// The first that failed; or the local disk's.
    pub fn download(&self, names: &[String], to: &Path) -> Result<(), StorageError> {
        self.each(names, &async |name: &str| {
            let found = self.inner.get(&self.key(name)).await;
            let found = found.map_err(|e| self.error(&e, "read", name))?;
            let path = to.join(name);
            let local = |source| StorageError::io(&path, source);
            let folder = path.parent().unwrap_or(to);
            std::fs::create_dir_all(folder).map_err(local)?;
            let mut file = tempfile::Builder::new();
            // What the process lets others read is said by its umask.
            let file = file.permissions(Permissions::from_mode(0o666));
            let mut file = file.tempfile_in(folder).map_err(local)?;
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|e| self.error(&e, "read", name))?;
                file.write_all(&piece).map_err(local)?;
            }
            file.persist(&path).map_err(|e| local(e.error))?;
            Ok(())
        })
    }

    /// Copies files of the local folder `from` to the store, each under its name. What was begun of a
    /// large file that failed is taken back.
    ///
    /// # Errors
    /// The first that failed; or the local disk's.
    pub fn upload(&self, from: &Path, names: &[String]) -> Result<(), StorageError> {
        self.each(names, &async |name: &str| {
            let path = from.join(name);
            let local = |source| StorageError::io(&path, source);
            let mut file = tokio::fs::File::open(&path).await.map_err(local)?;
            let mut part = read_part(&mut file).await.map_err(local)?;
            let key = self.key(name);
            let failed = |e: object_store::Error| self.error(&e, "write", name);
            if part.len() < PART {
                let put = self.inner.put(&key, part.into()).await;
                return put.map(drop).map_err(failed);
            }
            let parts = self.inner.put_multipart(&key).await.map_err(failed)?;
            let mut parts = WriteMultipart::new_with_chunk_size(parts, PART);
            let mut sent = Ok(());
            while sent.is_ok() && !part.is_empty() {
                parts.put(part);
                sent = parts.wait_for_capacity(PARTS_AHEAD).await.map_err(failed);
                part = match read_part(&mut file).await {
                    Ok(part) => part,
                    Err(source) => {
                        sent = Err(local(source));
                        Bytes::new()
                    }
                };
            }
            match sent {
                // A store that does not take the last of it is told by the library to forget the others.
                Ok(()) => parts.finish().await.map(drop).map_err(failed),
                Err(error) => {
                    // The first reason is the one to tell.
                    let _ = parts.abort().await;
                    Err(error)
                }
            }
        })
    }

    /// Does `job` for all names, some side by side, up to the first that fails.
    fn each(
        &self,
        names: &[String],
        job: &impl AsyncFn(&str) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let jobs = futures_util::stream::iter(names).map(|name| job(name));
        let all = jobs.buffer_unordered(SIDE_BY_SIDE).try_collect::<()>();
        self.runtime.block_on(all)
    }

    fn key(&self, name: &str) -> Key {
        let parts = name.split('/').map(object_store::path::PathPart::from);
        parts.fold(self.prefix.clone(), Key::join)
    }

    fn error(&self, error: &object_store::Error, verb: &'static str, name: &str) -> StorageError {
        let url = match name {
            "" => self.location.to_string(),
            name => self.location.join(name).to_string(),
        };
        StorageError::of(error, verb, url, self.cloud)
    }
}

/// The next part of a file; shorter than [`PART`] only at its end.
async fn read_part(file: &mut tokio::fs::File) -> io::Result<Bytes> {
    let mut part = Vec::with_capacity(PART);
    file.take(PART as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}

fn remote(bucket: &Bucket) -> object_store::Result<Arc<dyn ObjectStore>> {
    // Who makes the cryptography of TLS is decided once for the process.
    static RING: Once = Once::new();
    RING.call_once(|| {
        // Another part of the process may have decided it, alike.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    });
    let retries = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: MOST_RETRIES,
        retry_timeout: RETRIES,
    };
    let name = bucket.name.as_str();
    Ok(match bucket.cloud {
        Cloud::S3 => {
            let store = AmazonS3Builder::from_env().with_bucket_name(name);
            Arc::new(store.with_retry(retries).build()?)
        }
        Cloud::Google => {
            let store = GoogleCloudStorageBuilder::from_env().with_bucket_name(name);
            Arc::new(store.with_retry(retries).build()?)
        }
        Cloud::Azure => {
            let store = MicrosoftAzureBuilder::from_env().with_container_name(name);
            Arc::new(store.with_retry(retries).build()?)
        }
    })
}
