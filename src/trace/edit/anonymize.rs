//! `anonymize`: what callers do and when, without what they say and who they are.

use serde_json::json;

use super::carry::renumber;
use super::left::Left;
use super::stand_in::StandIns;
use super::{EditError, Output};
use crate::trace::manifest::TraceManifest;
use crate::trace::model::SessionRows;
use crate::trace::model::{EventKind, TraceSource};
use crate::trace::stream::Bundle;
use crate::trace::writer::{BundleWriter, ClipAudio};
use crate::units::{close_code, grpc_code_name};

/// Makes a bundle of the sessions of `from` with other audio (speech of `library`, or synthetic) of
/// the same lengths and extents of speech, with new names, and without texts, paths, origin and
/// history. Returns with it what is left.
///
/// # Errors
/// A library that is itself recorded, or has no speech at a clip's rate; a bundle that cannot be
/// read or written.
pub fn anonymize(
    from: &Bundle,
    library: Option<&Bundle>,
    output: &Output,
) -> Result<(Bundle, Left), EditError> {
    if let Some(library) = library.filter(|l| l.manifest.source == TraceSource::Recorded.name()) {
        return Err(EditError::PrivateLibrary {
            library: library.dir.display().to_string(),
        });
    }
    let mut writer = BundleWriter::create(&output.place)?;
    let stand_ins = StandIns::of(library);
    let mut numbers = vec![None; from.clips.len()];
    let mut left = Left::default();
    for rows in from.sessions()? {
        let mut rows = rows?;
        for turn in rows.turns.iter().filter_map(|turn| turn.clip) {
            stand_in(turn, from, &stand_ins, &mut numbers, &mut writer)?;
        }
        for clip in rows.events.iter().filter_map(|event| event.clip) {
            stand_in(clip, from, &stand_ins, &mut numbers, &mut writer)?;
        }
        renumber(&mut rows, |clip| {
            Ok(numbers.get(clip as usize).copied().flatten())
        })?;
        strip(&mut rows);
        left.take_in(&rows);
        writer.session(rows)?;
    }
    let audio = library.map_or("synthetic", |library| &library.manifest.name);
    let step = output.step("anonymize", json!({ "audio": audio }));
    let bare = TraceManifest {
        contains: vec!["audio".to_owned()],
        origin_at: None,
        seed: None,
        delete_after: None,
        provenance: Vec::new(),
        ..from.manifest.clone()
    };
    let bundle = writer.finish(&output.manifest(&bare, step))?;
    Ok((bundle, left))
}

/// Makes sure that clip `number` of `from` has one that stands in for it.
fn stand_in(
    number: u32,
    from: &Bundle,
    stand_ins: &StandIns<'_>,
    numbers: &mut [Option<u32>],
    writer: &mut BundleWriter,
) -> Result<(), EditError> {
    let index = number as usize;
    if let (Some(clip), Some(taken @ None)) = (from.clips.get(index), numbers.get_mut(index)) {
        let (row, samples) = stand_ins.for_clip(clip)?;
        *taken = Some(writer.clip(row, ClipAudio::Samples(&samples))?);
    }
    Ok(())
}

/// Takes out of a session what tells whose it is and what is said; lengths of texts stay.
fn strip(rows: &mut SessionRows) {
    let session = &mut rows.session;
    session.session_id = format!("s{:06}", session.session);
    session.metadata = None;
    session.recorded_status = session.recorded_status.take().filter(|said| is_code(said));
    for event in &mut rows.events {
        let length = event.text.as_ref().map_or(0, String::len);
        event.text = (event.kind == EventKind::Text).then(|| "x".repeat(length));
    }
    for reply in &mut rows.replies {
        reply.text = None;
    }
}

/// Whether this is the name of a gRPC code or a close code, and not a sentence.
fn is_code(text: &str) -> bool {
    let closed = text.strip_prefix("close ");
    let closed = closed.and_then(|rest| rest.split(' ').next()?.parse().ok());
    closed.is_some_and(|code: u16| close_code(code.into()) == text)
        || (0..=16).any(|code| grpc_code_name(code) == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::{Desk, sessions};
    use crate::trace::manifest::Provenance;
    use crate::trace::model::SpeechMethod;
    use crate::trace::sample;

    fn private() -> TraceManifest {
        TraceManifest {
            contains: vec!["audio".to_owned(), "text".to_owned()],
            origin_at: Some("2026-01-01T12:34:56Z".to_owned()),
            delete_after: Some("2026-03-01T00:00:00Z".to_owned()),
            provenance: vec![Provenance {
                step: "record".to_owned(),
                tool: "a test".to_owned(),
                at: "2026-01-01T12:34:56Z".to_owned(),
                settings: json!({ "upstream": "gateway.secret.example" }),
            }],
            ..sample::manifest("secret-customer")
        }
    }

    /// A bundle whose second session has a text, an odd status and no speech.
    fn bundle(desk: &Desk) -> Bundle {
        let mut writer = BundleWriter::create(&desk.place("a")).unwrap();
        for (start_s, value) in [(0, 1000), (5, 2000), (7, 1000)] {
            let samples = vec![value; 640];
            let mut row = sample::clip(&samples, "secret.wav");
            (row.speech_start_samples, row.speech_end_samples) = (100, 500);
            let mut rows = sample::session(start_s, 0);
            rows.session.session_id = format!("secret-{start_s}");
            if start_s == 5 {
                row.speech_method = SpeechMethod::None;
                rows.session.recorded_status = Some("caller Secret hung up".to_owned());
                rows.events[2].kind = EventKind::Text;
                rows.events[2].text = Some("my secret".to_owned());
            }
            let clip = writer.clip(row, ClipAudio::Samples(&samples)).unwrap();
            renumber(&mut rows, |_| Ok(Some(clip))).unwrap();
            writer.session(rows).unwrap();
        }
        writer.finish(&private()).unwrap()
    }

    #[test]
    fn codes_are_no_words() {
        for code in [
            "OK",
            "CANCELLED",
            "close 4001",
            "close 1013 (try again later)",
        ] {
            assert!(is_code(code), "{code}");
        }
        for words in ["close 4001: quota", "close to midnight", "close 1013", "ok"] {
            assert!(!is_code(words), "{words}");
        }
    }

    #[test]
    fn nothing_of_the_original_is_left_but_its_times() {
        let desk = Desk::new();
        let from = bundle(&desk);
        let (made, left) = anonymize(&from, None, &desk.output("b")).unwrap();
        let all = sessions(&made);
        let said = format!("{all:?}{:?}{:?}", made.clips, made.manifest).to_lowercase();
        let mut hidden = vec!["secret", "hello", "12:34:56", "2026-03-01"];
        hidden.push(&from.manifest.content_blake3);
        hidden.extend(from.clips.iter().map(|clip| clip.clip_id.as_str()));
        for what in hidden {
            assert!(!said.contains(what), "{what}");
        }
        for (new, old) in all.iter().zip(sessions(&from)) {
            assert_eq!(new.turns, old.turns);
            assert_eq!(new.session.start_ns, old.session.start_ns);
            assert_eq!(new.session.recorded_end_ns, old.session.recorded_end_ns);
            let at = |rows: &SessionRows| rows.replies.iter().map(|r| (r.at_ns, r.bytes)).collect();
            let (new, old): (Vec<_>, Vec<_>) = (at(new), at(&old));
            assert_eq!(new, old);
        }
        assert_eq!(all[1].events[2].text.as_deref(), Some("xxxxxxxxx"));
        assert_eq!(
            (left.sessions, left.turns, left.texts, left.replies),
            (3, 3, 1, 12)
        );
        assert_eq!(left.languages["en-US"], 3);
        assert_eq!(left.statuses.keys().collect::<Vec<_>>(), ["OK"]);
    }

    #[test]
    fn stand_ins_speak_where_the_original_did() {
        let desk = Desk::new();
        let from = bundle(&desk);
        let library = desk.bundle_with(
            "l",
            &[(0, 30), (1, 31)],
            &TraceManifest {
                source: "prepared".to_owned(),
                ..sample::manifest("l")
            },
        );
        for (library, name) in [(None, "b"), (Some(&library), "c")] {
            let (made, _) = anonymize(&from, library, &desk.output(name)).unwrap();
            assert_eq!(made.clips.len(), 2);
            for clip in made.clips.iter() {
                let samples = made.clip_samples(clip, 0..clip.samples).unwrap().unwrap();
                assert_eq!(samples.len(), 640);
                let speaks = clip.speech_method != SpeechMethod::None;
                assert_eq!(samples[100..500].iter().any(|s| *s != 0), speaks);
                assert!(
                    samples[..100]
                        .iter()
                        .chain(&samples[500..])
                        .all(|s| *s == 0)
                );
                let from_library = samples[100..500].iter().all(|s| [30, 31].contains(s));
                assert_eq!(from_library, speaks && library.is_some());
            }
        }
    }

    #[test]
    fn recorded_audio_is_no_library() {
        let desk = Desk::new();
        let from = bundle(&desk);
        let library = desk.bundle("l", &[(0, 1)]);
        let refused = anonymize(&from, Some(&library), &desk.output("b")).unwrap_err();
        assert!(matches!(refused, EditError::PrivateLibrary { .. }));
    }
}
