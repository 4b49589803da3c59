//! `forget`: a bundle without some of its sessions, in the place of the one with them.

use std::collections::HashSet;

use serde_json::json;

use super::carry::Carrier;
use super::cut::listed;
use super::{EditError, Output};
use crate::trace::stream::Bundle;
use crate::trace::writer::BundleWriter;

/// Rewrites the bundle in `output.place`, which `from` reads, without the sessions of these names,
/// and without what the folder holds beyond the others: clips that none of them uses, too.
///
/// # Errors
/// A session that is not there (the bundle then stays as it is), or a bundle that cannot be read or
/// written.
pub fn forget(from: &Bundle, ids: &HashSet<String>, output: &Output) -> Result<Bundle, EditError> {
    let mut writer = BundleWriter::create(&output.place)?;
    let mut carrier = Carrier::new(from);
    let mut missing = ids.clone();
    for rows in from.sessions()? {
        let rows = rows?;
        match ids.contains(&rows.session.session_id) {
            true => drop(missing.remove(&rows.session.session_id)),
            false => carrier.session(rows, &mut writer)?,
        }
    }
    if !missing.is_empty() {
        return Err(EditError::NoSession {
            trace: from.dir.display().to_string(),
            ids: listed(missing),
        });
    }
    let mut manifest = from.manifest.clone();
    let step = output.step("forget", json!({ "sessions": ids.len() }));
    manifest.provenance.push(step);
    Ok(writer.finish(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::{Desk, sessions};
    use std::path::{Path, PathBuf};

    fn files(dir: &Path) -> Vec<PathBuf> {
        let all = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap);
        let files = all.filter(|entry| entry.file_type().is_file());
        files.map(walkdir::DirEntry::into_path).collect()
    }

    fn forget_in(desk: &Desk, ids: &[&str]) -> Result<Bundle, EditError> {
        let from = Bundle::open(&desk.place("a")).unwrap();
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        forget(&from, &ids, &desk.output("a"))
    }

    #[test]
    fn a_forgotten_session_leaves_no_name_and_no_sample() {
        let desk = Desk::new();
        // Samples of the value 0x5a5b are bytes that nothing else holds.
        let from = desk.bundle("a", &[(0, 1), (5, 0x5a5b), (7, 1), (9, 2)]);
        let others: Vec<_> = sessions(&from);
        std::fs::write(from.dir.join("left-over.pcm"), [0x5b, 0x5a].repeat(100)).unwrap();
        let made = forget_in(&desk, &["call-5"]).unwrap();
        let left = sessions(&made);
        let names = |rows: &[crate::trace::model::SessionRows]| {
            let names = rows.iter().map(|rows| rows.session.session_id.clone());
            names.filter(|id| id != "call-5").collect::<Vec<_>>()
        };
        assert_eq!(names(&left), names(&others));
        assert_eq!(made.clips.len(), 2);
        assert_eq!(
            made.manifest.provenance.last().unwrap().settings["sessions"],
            1
        );
        assert_eq!(made.manifest.created_at, from.manifest.created_at);
        let parent = from.dir.parent().unwrap();
        for file in files(parent) {
            let bytes = std::fs::read(&file).unwrap();
            let holds = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
            assert!(!holds(&[0x5b, 0x5a, 0x5b, 0x5a]), "{}", file.display());
            assert!(!file.ends_with("trace.json") || !holds(b"call-5"));
        }
    }

    #[test]
    fn a_clip_that_another_session_says_stays() {
        let desk = Desk::new();
        desk.bundle("a", &[(0, 1), (5, 1)]);
        let made = forget_in(&desk, &["call-5"]).unwrap();
        assert_eq!((sessions(&made).len(), made.clips.len()), (1, 1));
        let made = forget_in(&desk, &["call-0"]).unwrap();
        assert_eq!((sessions(&made).len(), made.clips.len()), (0, 0));
    }

    #[test]
    fn a_session_that_is_not_there_changes_nothing() {
        let desk = Desk::new();
        let from = desk.bundle("a", &[(0, 1), (5, 2)]);
        let refused = forget_in(&desk, &["call-5", "call-6"]).unwrap_err();
        assert!(refused.to_string().contains("holds no session `call-6`;"));
        assert_eq!(Bundle::open(&from.dir).unwrap().manifest, from.manifest);
    }
}
