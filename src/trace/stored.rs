//! A trace in a store: put there as a whole, read by way of a folder on this machine.
//!
//! What is fetched is checked by its hash before it has its name, so that a file that is there is whole,
//! and several processes may fetch into one folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::TraceError;
use super::manifest::{MANIFEST, MAX_MANIFEST_BYTES, TraceManifest};
use super::model::ClipRow;
use super::seal::sealed_files;
use super::staging::Staging;
use super::stream::Bundle;
use super::verify::verify_clip;
use crate::storage::{Location, Store};
use crate::table::blake3_of;

/// Clips that are fetched before they are hashed.
const FETCHED_TOGETHER: usize = 256;

/// A trace in a store, of which `trace.json` was read.
#[derive(Debug)]
pub struct Stored {
    store: Store,
    json: Bytes,
    manifest: TraceManifest,
}

impl Stored {
    /// Looks at the trace at `location`.
    ///
    /// # Errors
    /// No trace there, one that is not sealed, a damaged or newer `trace.json`, or the store's.
    pub fn find(location: &Location) -> Result<Stored, TraceError> {
        let store = Store::open(location)?;
        let url = location.to_string();
        let Some(json) = store.read(MANIFEST, MAX_MANIFEST_BYTES)? else {
            // Of a bucket that is not there, or may not be listed, the store says so.
            store.list()?;
            return Err(TraceError::NotStored(url));
        };
        let manifest = TraceManifest::parse(Path::new(&url), &json)?;
        if manifest.tables.is_empty() {
            return Err(TraceError::Edited(url));
        }
        Ok(Stored {
            store,
            json,
            manifest,
        })
    }

    /// What `trace.json` says.
    #[must_use]
    pub fn manifest(&self) -> &TraceManifest {
        &self.manifest
    }

    /// A name that no other trace has, for a folder that keeps several.
    #[must_use]
    pub fn key(&self) -> String {
        blake3::hash(&self.json).to_hex()[..32].to_owned()
    }

    /// Opens the trace in the folder `dir`, where its tables are copied to if they are not there; its
    /// clips come when [`Bundle::fetch`] asks for them.
    ///
    /// # Errors
    /// Tables that are not those of `trace.json`, the store's, the system's, or those of [`Bundle::open`].
    pub fn open(self, dir: &Path) -> Result<Bundle, TraceError> {
        let tables = sealed_files();
        let tables = tables.filter_map(|name| self.manifest.tables.get_key_value(&name));
        for (name, hash) in tables {
            let path = dir.join(name);
            if !path.exists() {
                self.store.download(std::slice::from_ref(name), dir)?;
            }
            let found = blake3_of(&path).map_err(|e| TraceError::io(&path, e))?;
            if found != *hash {
                let _ = std::fs::remove_file(&path);
                return Err(TraceError::NotAsSealed {
                    url: self.store.location().join(name).to_string(),
                });
            }
        }
        let path = dir.join(MANIFEST);
        if std::fs::read(&path).ok().as_deref() != Some(&self.json[..]) {
            self.store.download(&[MANIFEST.to_owned()], dir)?;
        }
        let mut bundle = Bundle::open(dir)?;
        bundle.store = Some(Arc::new(self.store));
        Ok(bundle)
    }

    /// Copies the whole trace to `place`, in place of an older one.
    ///
    /// # Errors
    /// As for [`Stored::open`], [`Bundle::fetch`] and [`Staging::begin`].
    pub fn pull(self, place: &Path) -> Result<Bundle, TraceError> {
        let staging = Staging::begin(place)?;
        self.open(staging.dir())?.fetch_all()?;
        staging.commit()?;
        Bundle::open(place)
    }
}

impl Bundle {
    /// Has the files of these clips, by their numbers, on this machine: at once where they are.
    ///
    /// # Errors
    /// Audio that is not that of its clip, the store's, or the system's.
    pub fn fetch(&self, clips: impl IntoIterator<Item = u32>) -> Result<(), TraceError> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let clips = clips.into_iter();
        let clips = clips.filter_map(|clip| self.clips.get(clip as usize));
        let clips = clips.filter_map(|clip| Some((clip, clip.file.clone()?)));
        // Several clips may be one file.
        let missing: BTreeMap<String, &ClipRow> = clips
            .filter(|(_, file)| !self.dir.join(file).exists())
            .map(|(clip, file)| (file, clip))
            .collect();
        let missing: Vec<_> = missing.into_iter().collect();
        // A folder of its own until the audio was hashed.
        let unchecked = self.dir.join(format!(".fetched-{}", std::process::id()));
        let fetched = (|| {
            for some in missing.chunks(FETCHED_TOGETHER) {
                let files: Vec<String> = some.iter().map(|(file, _)| file.clone()).collect();
                store.download(&files, &unchecked)?;
                for (file, clip) in some {
                    verify_clip(&unchecked, clip)?;
                    let (from, to) = (unchecked.join(file), self.dir.join(file));
                    let folder = to.parent().map_or_else(PathBuf::new, Path::to_owned);
                    std::fs::create_dir_all(&folder)
                        .and_then(|()| std::fs::rename(&from, &to))
                        .map_err(|e| TraceError::io(&to, e))?;
                }
            }
            Ok(())
        })();
        let _ = std::fs::remove_dir_all(&unchecked);
        fetched
    }

    /// Has the files of all clips on this machine.
    ///
    /// # Errors
    /// As for [`Bundle::fetch`].
    pub fn fetch_all(&self) -> Result<(), TraceError> {
        self.fetch(self.clips.iter().map(|clip| clip.clip))
    }

    /// Whether the clips of the trace are fetched when they are needed.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.store.is_some()
    }

    /// Copies the trace to `location`, its `trace.json` last, and says how many files were missing there.
    ///
    /// # Errors
    /// Another trace there, a clip that cannot be read, or the store's.
    pub fn push(&self, location: &Location) -> Result<usize, TraceError> {
        self.fetch_all()?;
        self.find_clips()?;
        let store = Store::make(location)?;
        let path = self.dir.join(MANIFEST);
        let json = std::fs::read(&path).map_err(|e| TraceError::io(&path, e))?;
        let there = store.read(MANIFEST, MAX_MANIFEST_BYTES)?;
        let is_there = match &there {
            Some(there) if there[..] == json[..] => true,
            Some(_) => return Err(TraceError::OtherStored(location.to_string())),
            None => false,
        };
        let listed = store.list()?;
        let has = |name: &str, bytes: u64| {
            let found = listed.binary_search_by(|object| object.name.as_str().cmp(name));
            found.is_ok_and(|k| listed[k].bytes == bytes)
        };
        // A clip is named after its audio; a table of before may have the same size.
        let clips = self.clips.iter().filter_map(|clip| clip.file.clone());
        let clips = clips.filter(|name| {
            let size = std::fs::metadata(self.dir.join(name)).map_or(0, |file| file.len());
            !has(name, size)
        });
        let tables = self.manifest.tables.keys().filter(|_| !is_there).cloned();
        // Several clips may be one file.
        let missing: BTreeSet<String> = clips.chain(tables).collect();
        let missing: Vec<String> = missing.into_iter().collect();
        store.upload(&self.dir, &missing)?;
        if !is_there && !store.create(MANIFEST, json.into())? {
            return Err(TraceError::OtherStored(location.to_string()));
        }
        Ok(missing.len() + usize::from(!is_there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;
    use crate::trace::writer::{BundleWriter, ClipAudio};

    /// A bundle of one call that says each of `tones`, in `dir`.
    fn bundle(dir: &Path, name: &str, tones: &[i16]) -> Bundle {
        let mut writer = BundleWriter::create(&dir.join(name)).unwrap();
        for (k, tone) in (0..).zip(tones) {
            let samples = vec![*tone; 640];
            let row = sample::clip(&samples, name);
            let clip = writer.clip(row, ClipAudio::Samples(&samples)).unwrap();
            writer.session(sample::session(k, clip)).unwrap();
        }
        writer.finish(&sample::manifest(name)).unwrap()
    }

    #[test]
    fn a_trace_comes_back_as_it_went_and_only_the_clips_that_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let ours = bundle(dir.path(), "a", &[1, 2, 3]);
        let store = Location::Folder(dir.path().join("store/a"));
        assert_eq!(ours.push(&store).unwrap(), 3 + 5 + 1);
        assert_eq!(ours.push(&store).unwrap(), 0, "it is there already");

        let stored = Stored::find(&store).unwrap();
        let cache = dir.path().join("cache").join(stored.key());
        let theirs = stored.open(&cache).unwrap();
        assert_eq!(theirs.manifest, ours.manifest);
        assert!(theirs.find_clips().is_err());
        theirs.fetch([1, 1, 99]).unwrap();
        let has = |clip: usize| cache.join(ours.clips[clip].file.as_ref().unwrap()).exists();
        assert_eq!([has(0), has(1), has(2)], [false, true, false]);
        theirs.fetch_all().unwrap();
        theirs.verify().unwrap();

        let whole = Stored::find(&store).unwrap();
        let whole = whole.pull(&dir.path().join("b")).unwrap();
        assert_eq!(whole.verify().unwrap(), ours.extent().unwrap());
    }

    #[test]
    fn what_is_not_as_it_was_sealed_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let ours = bundle(dir.path(), "a", &[1, 2]);
        let place = dir.path().join("store");
        let store = Location::Folder(place.clone());
        std::fs::create_dir(&place).unwrap();
        let empty = Stored::find(&store).unwrap_err().to_string();
        assert!(empty.contains("voicelt trace push"), "{empty}");
        ours.push(&store).unwrap();
        let other = bundle(dir.path(), "b", &[3]).push(&store).unwrap_err();
        assert!(matches!(other, TraceError::OtherStored(_)), "{other}");

        // A clip with the audio of another.
        let [one, two] = [0, 1].map(|k| ours.clips[k].file.clone().unwrap());
        std::fs::copy(place.join(&one), place.join(&two)).unwrap();
        let cache = dir.path().join("cache");
        let theirs = Stored::find(&store).unwrap().open(&cache).unwrap();
        theirs.fetch([0]).unwrap();
        let said = theirs.fetch([1]).unwrap_err();
        assert!(matches!(said, TraceError::Clip { .. }), "{said}");
        assert!(!cache.join(&two).exists());
        let hidden = std::fs::read_dir(&cache).unwrap();
        let hidden = hidden.filter(|e| {
            e.as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with('.')
        });
        assert_eq!(hidden.count(), 0);

        std::fs::write(place.join("turns.parquet"), "other").unwrap();
        let cache = dir.path().join("anew");
        let said = Stored::find(&store).unwrap().open(&cache).unwrap_err();
        assert!(matches!(said, TraceError::NotAsSealed { .. }), "{said}");
        assert!(!cache.join("turns.parquet").exists());
    }
}
