//! Which files the inputs of a conversion are, in an order that does not depend on the system.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::kept::half;
use super::names::escaped;
use super::raw::RawFormat;
use super::sniff::{self, HEAD_BYTES};
use super::untried::Untried;

/// Extensions of files that are taken from folders. Any other file there is audio if it begins like that.
const EXTENSIONS: &[&str] = &[
    "3g2", "3ga", "3gp", "3gpp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "alac", "amr", "ape",
    "asf", "au", "avi", "awb", "bwf", "caf", "dts", "flac", "flv", "g723", "g723_1", "g729", "gsm",
    "m2ts", "m4a", "m4b", "m4p", "m4r", "m4v", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4",
    "mpc", "mpeg", "mpg", "mpga", "nist", "oga", "ogg", "ogv", "opus", "qcp", "ra", "rf64", "shn",
    "snd", "sph", "spx", "ts", "tta", "voc", "vox", "w64", "wav", "wav49", "wave", "weba", "webm",
    "wma", "wmv", "wv",
];

/// Extensions of headerless files, taken from folders when a raw format is given.
const HEADERLESS: &[&str] = &["raw", "pcm"];

/// A file to convert, in few bytes: there may be millions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which of the inputs it is, or is below.
    input: u32,
    /// Its path below the input; empty where it is the input itself.
    inside: Box<Path>,
    /// Why it cannot be looked at: a link that leads nowhere, a folder that is not readable.
    pub(super) problem: Option<Box<str>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Input {
    path: PathBuf,
    /// What the names of its files begin with.
    prefix: PathBuf,
}

/// What there is to convert.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    inputs: Vec<Input>,
    /// Inputs in the order given, each folder's files by their relative paths, byte by byte.
    pub(super) entries: Vec<Entry>,
    /// Files in folders that do not look like audio.
    pub(super) untried: Untried,
}

impl Found {
    fn input(&self, entry: &Entry) -> &Input {
        &self.inputs[entry.input as usize]
    }

    /// Where the file is.
    pub(super) fn path(&self, entry: &Entry) -> PathBuf {
        join(&self.input(entry).path, &entry.inside)
    }

    /// Its name, [`escaped`]: the path relative to the folder that was given, or the file's name where a file was
    /// given. Of several inputs, each puts its own name in front, with as many folders as tell it from the others.
    pub(super) fn name(&self, entry: &Entry) -> String {
        let name = join(&self.input(entry).prefix, &entry.inside);
        match name.as_os_str().is_empty() {
            true => escaped(&self.input(entry).path),
            false => escaped(&name),
        }
    }

    /// Whether a raw format given by the user is for this file: one that is named, or a headerless one.
    pub(super) fn is_headerless(&self, entry: &Entry) -> bool {
        let path = self.path(entry);
        entry.inside.as_os_str().is_empty()
            || has_extension(&path, HEADERLESS)
            || RawFormat::by_extension(&path).is_some()
    }
}

fn join(folder: &Path, inside: &Path) -> PathBuf {
    match inside.as_os_str().is_empty() {
        true => folder.to_owned(),
        false => folder.join(inside),
    }
}

/// Collects the files of `inputs`: folders with all below them, links followed, hidden ones left
/// out, and so are the trace bundles in them, whose clips are audio that was prepared already; each
/// file once, where it comes first. With `raw`, headerless files in folders count too.
pub(super) fn find(inputs: &[PathBuf], raw: bool) -> Found {
    let prefixes = prefixes(inputs);
    let inputs = inputs.iter().zip(prefixes).map(|(path, prefix)| Input {
        path: path.clone(),
        prefix,
    });
    let mut found = Found {
        inputs: inputs.collect(),
        ..Found::default()
    };
    for (number, input) in (0..).zip(&found.inputs) {
        if input.path.is_dir() {
            let first = found.entries.len();
            in_folder(
                &input.path,
                number,
                raw,
                &mut found.entries,
                &mut found.untried,
            );
            found.entries[first..].sort_by(|a, b| bytes(&a.inside).cmp(bytes(&b.inside)));
        } else {
            found.entries.push(Entry {
                input: number,
                inside: Path::new("").into(),
                problem: problem(&input.path).map(Into::into),
            });
        }
    }
    let mut places = Places::default();
    let mut entries = std::mem::take(&mut found.entries);
    entries.retain(|entry| places.is_new(&found.path(entry)));
    found.entries = entries;
    found
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// What the names of each input's files begin with: nothing for a folder that is the only input, else the last part of
/// its path, with as many parts before it as two inputs of one name need.
fn prefixes(inputs: &[PathBuf]) -> Vec<PathBuf> {
    if let [folder] = inputs
        && folder.is_dir()
    {
        return vec![PathBuf::new()];
    }
    let mut prefixes: Vec<PathBuf> = inputs.iter().map(|input| last_parts(input, 1)).collect();
    for parts in 2.. {
        let mut inputs_of: HashMap<&Path, u32> = HashMap::new();
        for prefix in &prefixes {
            *inputs_of.entry(prefix).or_default() += 1;
        }
        let shared: Vec<bool> = prefixes
            .iter()
            .map(|p| inputs_of[p.as_path()] > 1)
            .collect();
        let mut longer = false;
        for ((prefix, input), _) in prefixes.iter_mut().zip(inputs).zip(shared).filter(|x| x.1) {
            let with_more = last_parts(input, parts);
            longer |= with_more != *prefix;
            *prefix = with_more;
        }
        if !longer {
            break;
        }
    }
    prefixes
}

/// The last parts of a path, or all where it has fewer: names of folders and of the file only.
fn last_parts(path: &Path, parts: usize) -> PathBuf {
    use std::path::Component::Normal;
    let named = path.components().filter(|c| matches!(c, Normal(_)));
    let all = named.clone().count();
    named.skip(all.saturating_sub(parts)).collect()
}

/// Why a file that is named cannot be looked at.
fn problem(input: &Path) -> Option<String> {
    let error = std::fs::metadata(input).err()?;
    Some(match error.kind() {
        ErrorKind::NotFound if input.is_symlink() => "the link leads nowhere".to_owned(),
        ErrorKind::NotFound => "there is no file or folder of this name".to_owned(),
        _ => error.to_string(),
    })
}

fn in_folder(
    folder: &Path,
    input: u32,
    raw: bool,
    entries: &mut Vec<Entry>,
    untried: &mut Untried,
) {
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    let visible = walk.filter_entry(|entry| {
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        entry.depth() == 0 || !(hidden || is_bundle(entry.path()))
    });
    for visited in visible {
        let (path, problem) = match visited {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) if is_audio(&entry, raw) => (entry.into_path(), None),
            Ok(entry) => {
                untried.count(entry.path());
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
        entries.push(Entry {
            input,
            inside: path.strip_prefix(folder).unwrap_or(&path).into(),
            problem: problem.map(Into::into),
        });
    }
}

fn is_bundle(path: &Path) -> bool {
    path.join("trace.json").is_file()
}

fn is_audio(entry: &DirEntry, raw: bool) -> bool {
    let path = entry.path();
    has_extension(path, EXTENSIONS)
        || RawFormat::by_extension(path).is_some()
        || (raw && has_extension(path, HEADERLESS))
        // A pipe would be waited for.
        || (entry.file_type().is_file() && begins_like_audio(path))
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    known
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&extension))
}

fn begins_like_audio(path: &Path) -> bool {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let read = File::open(path).and_then(|f| f.take(HEAD_BYTES as u64).read_to_end(&mut head));
    read.is_ok() && sniff::is_surely_audio(&head)
}

/// Where files are that were found so far, each as a hash: two ways may lead to one file.
#[derive(Default)]
struct Places {
    seen: HashSet<[u8; 16]>,
    /// The folder that was looked at last, and where it is.
    folder: Option<(PathBuf, Option<PathBuf>)>,
}

impl Places {
    /// Whether no other path led to the file at `path` before.
    fn is_new(&mut self, path: &Path) -> bool {
        let place = match (path.parent(), path.file_name()) {
            // Most files of a folder are no links, so that where the folder is says where they are.
            (Some(folder), Some(name)) if !path.is_symlink() => {
                if self
                    .folder
                    .as_ref()
                    .is_none_or(|(known, _)| known != folder)
                {
                    let here = match folder.as_os_str().is_empty() {
                        true => Path::new("."),
                        false => folder,
                    };
                    self.folder = Some((folder.to_owned(), here.canonicalize().ok()));
                }
                let folder = self.folder.as_ref().and_then(|(_, place)| place.as_ref());
                folder.map(|folder| folder.join(name))
            }
            _ => path.canonicalize().ok(),
        };
        place.is_none_or(|place| self.seen.insert(half(&blake3::hash(bytes(&place)))))
    }
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

    fn names(found: &Found) -> Vec<String> {
        found.entries.iter().map(|e| found.name(e)).collect()
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
        assert_eq!(found.untried.to_string(), "1 .txt");
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
        assert!(found.is_headerless(&found.entries[0]));
        assert!(!found.is_headerless(&found.entries[1]));
    }

    #[test]
    fn headerless_files_count_when_a_raw_format_is_given() {
        let dir = tempfile::tempdir().unwrap();
        touch(dir.path(), &["a.raw", "b.pcm"]);
        assert_eq!(find(&[dir.path().to_owned()], false).untried.files(), 2);
        let found = find(&[dir.path().to_owned()], true);
        assert_eq!(names(&found), ["a.raw", "b.pcm"]);
        assert!(found.entries.iter().all(|entry| found.is_headerless(entry)));
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
        let of = |nth: usize| found.entries[nth].problem.as_deref().unwrap();
        assert!(of(1).contains("No such file"), "{}", of(1));
        assert_eq!(of(2), "there is no file or folder of this name");
        let link = problem(&dir.path().join("in/gone.wav"));
        assert_eq!(link.as_deref(), Some("the link leads nowhere"));
    }

    #[test]
    fn inputs_of_one_name_are_told_by_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        touch(
            dir.path(),
            &[
                "x/calls/a.wav",
                "y/calls/a.wav",
                "x/b.wav",
                "y/b.wav",
                "c.wav",
            ],
        );
        let at = |name: &str| dir.path().join(name);
        let found = find(
            &["x/calls", "y/calls", "x/b.wav", "y/b.wav", "c.wav"].map(at),
            false,
        );
        let expected = [
            "x/calls/a.wav",
            "y/calls/a.wav",
            "x/b.wav",
            "y/b.wav",
            "c.wav",
        ];
        assert_eq!(names(&found), expected);
        let odd = prefixes(&["../a.wav", "./a.wav", "a.wav"].map(PathBuf::from));
        assert_eq!(
            odd,
            ["a.wav", "a.wav", "a.wav"].map(PathBuf::from),
            "there is no more of them"
        );
    }

    #[test]
    fn what_begins_like_audio_is_tried_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("call.bin", b"RIFF\x24\0\0\0WAVEfmt ");
        write("flac", b"fLaC\0\0\0\x22");
        write("speech.1", b"NIST_1A\n   1024\nchannel_count -i 1\n");
        write("mac.txt", b"MAC addresses of all machines\n");
        write("utf-16.csv", b"\xff\xfef\0i\0l\0e\0,\0");
        write("photo.jpeg", b"\xff\xd8\xff\xe0");
        write("empty", b"");
        let found = find(&[dir.path().to_owned()], false);
        assert_eq!(names(&found), ["call.bin", "flac", "speech.1"]);
        let said = "1 without extension, 1 .csv, 1 .jpeg, 1 .txt";
        assert_eq!(found.untried.to_string(), said);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf_8_stay_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        for name in [&b"\xff.wav"[..], b"\xfe.wav", b"a\\b.wav"] {
            std::fs::write(dir.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        let found = find(&[dir.path().to_owned()], false);
        assert_eq!(names(&found), ["a\\\\b.wav", "\\xfe.wav", "\\xff.wav"]);
    }
}
