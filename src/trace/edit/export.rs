//! `export`: a trace as JSON Lines, one line an event.

use std::io::{self, Write};

use serde::Serialize;

use super::EditError;
use crate::trace::stream::Bundle;
use crate::units::plain_json;

/// An event as a line of JSON. Absent values are left out.
#[derive(Serialize)]
struct Line<'a> {
    session: u32,
    session_id: &'a str,
    turn: u32,
    at_ns: i64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clip_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_bytes: Option<u64>,
    chunk_bytes: u32,
    interval_ns: i64,
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// Writes each event of `bundle` as a line, by session and time.
///
/// # Errors
/// A bundle that cannot be read, or an `out` that cannot be written to.
pub fn export(bundle: &Bundle, out: &mut dyn Write) -> Result<(), EditError> {
    for rows in bundle.sessions()? {
        let rows = rows?;
        for event in &rows.events {
            let clip = event.clip.and_then(|clip| bundle.clips.get(clip as usize));
            let line = Line {
                session: event.session,
                session_id: &rows.session.session_id,
                turn: event.turn,
                at_ns: event.at_ns,
                kind: event.kind.name(),
                clip_id: clip.map(|clip| clip.clip_id.as_str()),
                offset_bytes: clip.map(|_| event.offset_bytes),
                chunk_bytes: event.chunk_bytes,
                interval_ns: event.interval_ns,
                count: event.count,
                text: event.text.as_deref(),
            };
            write_line(&line, out).map_err(EditError::Export)?;
        }
    }
    Ok(())
}

fn write_line(line: &Line<'_>, out: &mut dyn Write) -> io::Result<()> {
    let line = serde_json::to_string(line)?;
    out.write_all(plain_json(&line).as_bytes())?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::edit::testing::Desk;

    #[test]
    fn each_event_is_a_line_with_the_clip_it_says() {
        let desk = Desk::new();
        let bundle = desk.bundle("a", &[(0, 1), (5, 2)]);
        let mut out = Vec::new();
        export(&bundle, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let kinds: Vec<_> = lines
            .iter()
            .map(|line| line["kind"].as_str().unwrap())
            .collect();
        let call = ["config", "audio", "half_close"];
        assert_eq!(kinds, [call, call].concat());
        assert_eq!(lines[4]["clip_id"], bundle.clips[1].clip_id.as_str());
        assert_eq!(lines[4]["at_ns"], 5_000_000_000_i64);
        assert_eq!(lines[4]["session_id"], "call-5");
        assert!(lines[3].get("clip_id").is_none() && lines[3].get("text").is_none());
    }

    #[test]
    fn a_name_from_outside_steers_no_terminal_and_stays_itself() {
        let line = Line {
            session: 0,
            session_id: "a\u{9b}2J\u{202e}",
            turn: 0,
            at_ns: 0,
            kind: "audio",
            clip_id: None,
            offset_bytes: None,
            chunk_bytes: 0,
            interval_ns: 0,
            count: 0,
            text: None,
        };
        let mut out = Vec::new();
        write_line(&line, &mut out).unwrap();
        assert!(out.is_ascii());
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read["session_id"], line.session_id);
    }
}
