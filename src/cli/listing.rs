//! `voicelt prepare --list`: what a library holds, as a table or as JSON.

use serde_json::{Value, json};

use crate::audio::list::{ListAudio, ListRow};
use crate::units::{Human, plain};

const HEADER: [&str; 6] = ["NAME", "LENGTH", "CODEC", "RATE", "CHANNELS", "LEVEL"];

/// An aligned table; a file that cannot be read has its reason in place of its properties.
pub(crate) fn table(rows: &[ListRow]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let name = plain(&row.name).into_owned();
        match &row.audio {
            Ok(audio) => [vec![name], properties(audio)].concat(),
            Err(reason) => vec![name, format!("cannot be read: {}", plain(reason))],
        }
    }));
    let width = |column: usize| {
        let whole = lines.iter().filter(|line| line.len() == HEADER.len());
        let names = lines.iter().filter(|_| column == 0);
        let cells = whole.chain(names).map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let padded: Vec<_> = cells
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn properties(audio: &ListAudio) -> Vec<String> {
    vec![
        Human(audio.duration_ns).to_string(),
        audio.codec.clone(),
        format!("{} Hz", audio.rate_hz),
        audio.channels.to_string(),
        format!(
            "{:.1} dBFS, peak {:.1}{}",
            audio.rms_dbfs,
            audio.peak_dbfs,
            audio
                .note
                .as_deref()
                .map_or(String::new(), |note| format!("; {}", plain(note)))
        ),
    ]
}

/// An array of objects: times in nanoseconds, null for the level of digital silence.
pub(crate) fn json(rows: &[ListRow]) -> String {
    let object = |row: &ListRow| match &row.audio {
        Ok(audio) => json!({
            "name": row.name,
            "duration_ns": audio.duration_ns,
            "codec": audio.codec,
            "rate_hz": audio.rate_hz,
            "channels": audio.channels,
            "rms_dbfs": audio.rms_dbfs,
            "peak_dbfs": audio.peak_dbfs,
            "note": audio.note,
        }),
        Err(reason) => json!({ "name": row.name, "problem": reason }),
    };
    let all: Value = rows.iter().map(object).collect();
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<ListRow> {
        let audio = ListAudio {
            duration_ns: 1_500_000_000,
            codec: "mp3".to_owned(),
            rate_hz: 44_100,
            channels: 2,
            rms_dbfs: -20.04,
            peak_dbfs: f64::NEG_INFINITY,
            note: Some("cut short: decoded 1.50 of 3 s".to_owned()),
        };
        vec![
            ListRow {
                name: "a/längste.mp3".to_owned(),
                audio: Ok(audio),
            },
            ListRow {
                name: "b.wav".to_owned(),
                audio: Err("empty (no bytes)".to_owned()),
            },
        ]
    }

    #[test]
    fn columns_are_aligned_and_reasons_do_not_widen_them() {
        let expected = "\
NAME           LENGTH  CODEC  RATE      CHANNELS  LEVEL
a/längste.mp3  1.50 s  mp3    44100 Hz  2         -20.0 dBFS, peak -inf; cut short: decoded 1.50 of 3 s
b.wav          cannot be read: empty (no bytes)
";
        assert_eq!(table(&rows()), expected);
    }

    #[test]
    fn json_holds_the_same() {
        let read: Value = serde_json::from_str(&json(&rows())).unwrap();
        assert_eq!(read[0]["duration_ns"], 1_500_000_000);
        assert_eq!(read[0]["peak_dbfs"], Value::Null);
        assert_eq!(read[1]["problem"], "empty (no bytes)");
    }
}
