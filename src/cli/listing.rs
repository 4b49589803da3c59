//! `voicelt prepare --list`: what a library holds, as a table or as JSON.

use serde_json::{Value, json};

use crate::audio::list::{ListAudio, ListRow};
use crate::units::{Human, columns};

const HEADER: [&str; 6] = ["NAME", "LENGTH", "CODEC", "RATE", "CHANNELS", "LEVEL"];

/// An aligned table; a file that cannot be read has its reason in place of its properties.
pub(crate) fn table(rows: &[ListRow]) -> String {
    let mut lines = vec![HEADER.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let mut line = vec![row.name.clone()];
        match &row.audio {
            Ok(audio) => line.extend(properties(audio)),
            Err(reason) => line.push(format!("cannot be read: {reason}")),
        }
        line
    }));
    columns(&lines, &[])
}

fn properties(audio: &ListAudio) -> [String; 5] {
    [
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
                .map_or(String::new(), |note| format!("; {note}"))
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
