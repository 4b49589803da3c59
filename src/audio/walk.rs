//! Which files the inputs of a conversion are, in an order that does not depend on the system.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::raw::RawFormat;

/// Extensions of files that are taken from folders. Any other file is audio only if it is named.
const EXTENSIONS: &[&str] = &[
    "3gp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "alac", "amr", "ape", "au", "avi", "awb",
    "caf", "dts", "flac", "flv", "g723", "g723_1", "g729", "gsm", "m2ts", "m4a", "m4b", "m4p",
    "m4v", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4", "mpeg", "mpg", "mpga", "oga", "ogg",
    "ogv", "opus", "ra", "rf64", "shn", "snd", "spx", "ts", "tta", "voc", "w64", "wav", "wave",
    "weba", "webm", "wma", "wmv", "wv",
];

/// Extensions of headerless files, taken from folders when a raw format is given.
const HEADERLESS: &[&str] = &["raw", "pcm"];

/// A file to convert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its path relative to the folder that was given; the file's name where a file was given.
    /// Below a folder that is not the only input, the folder's name comes first.
    pub(super) name: String,
    /// Whether it was named itself, not found in a folder.
    pub(super) named: bool,
    /// Why it cannot be looked at: a link that leads nowhere, a folder that is not readable.
    pub(super) problem: Option<String>,
}

/// What there is to convert.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Inputs in the order given, each folder's files by their relative paths, byte by byte.
    pub(super) entries: Vec<Entry>,
    /// Files in folders whose extension is not one of audio.
    pub(super) ignored: u64,
}

/// Collects the files of `inputs`: folders with all below them, links followed, hidden ones left
/// out, and so are the trace bundles in them, whose clips are audio that was prepared already; each
/// file once, where it comes first. With `raw`, headerless files in folders count too.
pub(super) fn find(inputs: &[PathBuf], raw: bool) -> Found {
    let mut found = Found::default();
    for input in inputs {
        let mut entries = if input.is_dir() {
            let prefix = match inputs {
                [_] => None,
                _ => input.file_name().map(PathBuf::from),
            };
            in_folder(input, prefix.as_deref(), raw, &mut found.ignored)
        } else {
            vec![named(input)]
        };
        entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        found.entries.append(&mut entries);
    }
    let mut seen = HashSet::new();
    found.entries.retain(|entry| {
        let place = entry.path.canonicalize();
        place.map_or(true, |place| seen.insert(place))
    });
    found
}

fn named(input: &Path) -> Entry {
    let name = input.file_name().unwrap_or(input.as_os_str());
    Entry {
        path: input.to_owned(),
        name: name.to_string_lossy().into_owned(),
        named: true,
        problem: std::fs::metadata(input).err().map(|e| match e.kind() {
            ErrorKind::NotFound if input.is_symlink() => "the link leads nowhere".to_owned(),
            ErrorKind::NotFound => "there is no file or folder of this name".to_owned(),
            _ => e.to_string(),
        }),
    }
}

fn in_folder(folder: &Path, prefix: Option<&Path>, raw: bool, ignored: &mut u64) -> Vec<Entry> {
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    let visible = walk.filter_entry(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        entry.depth() == 0 || !(hidden || is_bundle(entry.path()))
    });
    let mut entries = Vec::new();
    for visited in visible {
        let (path, problem) = match visited {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) if is_audio(entry.path(), raw) => (entry.into_path(), None),
            Ok(_) => {
                *ignored += 1;
                continue;
            }
            // A link back to a folder that holds it: everything behind it is seen anyway.
            Err(e) if e.loop_ancestor().is_some() => continue,
            Err(e) => {
                let path = e.path().unwrap_or(folder).to_owned();
                let reason = e.into_io_error().map(|e| e.to_string());
                (path, Some(reason.unwrap_or_default()))
            }
        };
        let inside = path.strip_prefix(folder).unwrap_or(&path);
        let name = prefix.map_or_else(|| inside.to_owned(), |prefix| prefix.join(inside));
        entries.push(Entry {
            name: name.to_string_lossy().into_owned(),
            path,
            named: false,
            problem,
        });
    }
    entries
}

fn is_bundle(path: &Path) -> bool {
    path.join("trace.json").is_file()
}

fn is_audio(path: &Path, raw: bool) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is = |known: &&str| known.eq_ignore_ascii_case(&extension);
    EXTENSIONS.iter().any(is)
        || RawFormat::by_extension(path).is_some()
        || (raw && HEADERLESS.iter().any(is))
}

/// Whether a raw format given by the user is for this file: one that is named, or a headerless one.
pub(super) fn is_headerless(entry: &Entry) -> bool {
    let extension = entry.path.extension().unwrap_or_default().to_string_lossy();
    let is = |known: &&str| known.eq_ignore_ascii_case(&extension);
    entry.named || HEADERLESS.iter().any(is) || RawFormat::by_extension(&entry.path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(folder: &Path, names: &[&str]) {
        for name in names {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
    }

    fn names(found: &Found) -> Vec<&str> {
        found.entries.iter().map(|e| e.name.as_str()).collect()
    }

    #[test]
    fn folders_are_walked_by_bytes_hidden_files_left_out_and_others_counted() {
        let dir = tempfile::tempdir().unwrap();
        touch(
            dir.path(),
            &[
                "b.wav",
                "a/2.MP3",
                "a/10.flac",
                "a.b/x.ulaw",
                ".h/z.wav",
                "a/.y.wav",
                "t.txt",
                "Z.ogg",
            ],
        );
        let found = find(&[dir.path().to_owned()], false);
        assert_eq!(
            names(&found),
            ["Z.ogg", "a.b/x.ulaw", "a/10.flac", "a/2.MP3", "b.wav"]
        );
        assert_eq!(found.ignored, 1);
    }

    #[test]
    fn the_bundle_that_was_made_of_a_folder_is_not_part_of_it() {
        let dir = tempfile::tempdir().unwrap();
        touch(
            dir.path(),
            &["a.wav", "made.vtrace/trace.json", "made.vtrace/clips/b.wav"],
        );
        assert_eq!(names(&find(&[dir.path().to_owned()], false)), ["a.wav"]);
        let bundle = find(&[dir.path().join("made.vtrace")], false);
        assert_eq!(names(&bundle), ["clips/b.wav"]);
    }

    #[test]
    fn what_is_named_is_tried_and_everything_only_once() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), &["x/a.wav", "y/a.wav", "notes.txt"]);
        let at = |name: &str| dir.path().join(name);
        let found = find(&[at("notes.txt"), at("x"), at("y"), at("x/a.wav")], false);
        assert_eq!(names(&found), ["notes.txt", "x/a.wav", "y/a.wav"]);
        assert!(found.entries[0].named && is_headerless(&found.entries[0]));
        assert!(!is_headerless(&found.entries[1]));
    }

    #[test]
    fn headerless_files_count_when_a_raw_format_is_given() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), &["a.raw", "b.pcm"]);
        assert_eq!(find(&[dir.path().to_owned()], false).ignored, 2);
        let found = find(&[dir.path().to_owned()], true);
        assert_eq!(names(&found), ["a.raw", "b.pcm"]);
        assert!(found.entries.iter().all(is_headerless));
    }

    #[cfg(unix)]
    #[test]
    fn loops_end_and_links_to_nowhere_are_named() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), &["in/a.wav"]);
        symlink(dir.path().join("in"), dir.path().join("in/again")).unwrap();
        symlink("nowhere", dir.path().join("in/gone.wav")).unwrap();
        let found = find(&[dir.path().join("in"), dir.path().join("none.wav")], false);
        assert_eq!(names(&found), ["in/a.wav", "in/gone.wav", "none.wav"]);
        assert!(found.entries[0].problem.is_none());
        let problem = |nth: usize| found.entries[nth].problem.as_deref().unwrap();
        assert!(problem(1).contains("No such file"), "{}", problem(1));
        assert_eq!(problem(2), "there is no file or folder of this name");
        let link = named(&dir.path().join("in/gone.wav"));
        assert_eq!(link.problem.as_deref(), Some("the link leads nowhere"));
    }
}
