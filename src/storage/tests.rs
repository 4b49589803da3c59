//! A store is what it says, on a local folder.

use std::path::Path;

use bytes::Bytes;

use super::{Location, StorageError, Store};

fn store(folder: &Path) -> Store {
    Store::make(&Location::Folder(folder.to_owned())).unwrap()
}

#[test]
fn an_object_is_created_once_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (store(folder.path()), store(folder.path()));
    assert!(one.create("claims/1", Bytes::from("one")).unwrap());
    assert!(!other.create("claims/1", Bytes::from("other")).unwrap());
    let found = other.read("claims/1", 100).unwrap();
    assert_eq!(found.as_deref(), Some(&b"one"[..]));
    assert_eq!(other.read("claims/2", 100).unwrap(), None);
    let said = other.read("claims/1", 2).unwrap_err();
    assert!(
        matches!(said, StorageError::TooLarge { bytes: 3, .. }),
        "{said}"
    );
}

#[test]
fn files_of_any_size_come_back_as_they_went() {
    let [from, at, to] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let large: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
    std::fs::create_dir(from.path().join("clips")).unwrap();
    let names = ["clips/large.wav", "none", "small"].map(str::to_owned);
    for (name, bytes) in names.iter().zip([&large[..], b"", b"x"]) {
        std::fs::write(from.path().join(name), bytes).unwrap();
    }
    let store = store(&at.path().join("new/folder"));
    store.upload(from.path(), &names).unwrap();
    let listed = store.list().unwrap();
    let listed: Vec<_> = listed.iter().map(|o| (o.name.as_str(), o.bytes)).collect();
    let expected = [("clips/large.wav", 9_000_000), ("none", 0), ("small", 1)];
    assert_eq!(listed, expected);
    store.download(&names, to.path()).unwrap();
    for name in &names {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(to.path()) == read(from.path()), "{name} changed");
    }
    store.delete(&names[..1]).unwrap();
    store.delete(&names[..1]).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
    let missing = store.download(&names[..1], to.path()).unwrap_err();
    assert!(
        missing
            .to_string()
            .ends_with("clips/large.wav is not there; check the bucket and the path"),
        "{missing}"
    );
}

#[test]
fn a_folder_that_is_read_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("none");
    let said = Store::open(&Location::Folder(place.clone())).unwrap_err();
    assert!(matches!(said, StorageError::NotFound { .. }), "{said}");
    assert!(!place.exists());
}
