//! What ffmpeg says while it decodes, line by line (`-v level+info`): the codec and length of what it
//! reads, and its complaints.

use crate::units::{NS_PER_MS, NS_PER_S, grouped};

/// What has been understood so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The codec of the first audio track.
    pub(super) codec: Option<String>,
    /// The length that the container states; none where it has pictures, whose length may be another,
    /// and where it is a guess.
    duration_ns: Option<i64>,
    is_guess: bool,
    has_pictures: bool,
    /// The first complaint.
    pub(super) complaint: Option<String>,
    /// How many there were.
    pub(super) complaints: u64,
    /// It found no audio track.
    pub(super) no_track: bool,
    /// What follows is about the output.
    is_past_input: bool,
}

impl Words {
    /// Takes in one line.
    pub(super) fn take(&mut self, line: &str) {
        let (level, text) = labelled(line);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.no_track |= text.contains("matches no streams");
        self.is_guess |= text.contains("Estimating duration from bitrate");
        match level {
            "info" => self.take_description(text),
            "warning" | "verbose" | "debug" => {}
            // Errors, and what is not labelled: it never came as far as to log.
            _ => {
                self.complaints += 1;
                self.complaint.get_or_insert_with(|| text.to_owned());
            }
        }
    }

    fn take_description(&mut self, text: &str) {
        self.is_past_input |= text.starts_with("Output #") || text.starts_with("Stream mapping");
        if self.is_past_input {
            return;
        }
        if let Some(duration) = text.strip_prefix("Duration: ") {
            self.duration_ns = self.duration_ns.or_else(|| duration_ns(duration));
        } else if text.starts_with("Stream #") {
            self.has_pictures |= text.contains(": Video: ");
            if let Some((_, track)) = text.split_once(": Audio: ") {
                let codec = track.split([' ', ',']).next().unwrap_or_default();
                self.codec.get_or_insert_with(|| codec.to_owned());
            }
        }
    }

    /// That it complained, if it did.
    pub(super) fn note(&self) -> Option<String> {
        let first = self.complaint.as_deref()?;
        Some(match self.complaints {
            1 => format!("ffmpeg says: {first}"),
            n => format!("ffmpeg says: {first} (and {} more)", grouped(n - 1)),
        })
    }

    /// The length that the container states, where it is one of its audio.
    pub(super) fn stated_ns(&self) -> Option<i64> {
        let says = !self.is_guess && !self.has_pictures;
        self.duration_ns.filter(|_| says)
    }
}

/// The level of a line, and its text without what logged it: `[aac @ 0x55d0] [error] text`.
fn labelled(line: &str) -> (&str, &str) {
    let mut rest = line;
    while let Some((label, text)) = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "))
    {
        if label.contains(" @ ") {
            rest = text;
        } else {
            return (label, text);
        }
    }
    ("", rest)
}

/// Reads `00:20:00.52, start: 0.0`; none for `N/A`.
fn duration_ns(text: &str) -> Option<i64> {
    let text = text.split(',').next()?;
    let (clock, hundredths) = text.split_once('.')?;
    let mut seconds = 0_i64;
    for part in clock.split(':') {
        let part: u32 = part.parse().ok()?;
        seconds = seconds.checked_mul(60)?.checked_add(part.into())?;
    }
    let hundredths: u8 = hundredths.parse().ok()?;
    let ns = seconds.checked_mul(NS_PER_S)?;
    ns.checked_add(i64::from(hundredths) * 10 * NS_PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        let mut words = Words::default();
        text.lines().for_each(|line| words.take(line));
        words
    }

    const PHONE: &str = "\
[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'a.3gp':
[info]   Metadata:
[info]     title           : Duration: 09:00:00.00
[info]   Duration: 00:20:03.50, start: 0.000000, bitrate: 14 kb/s
[info]   Stream #0:0[0x1](und): Audio: amr_nb (samr / 0x726D6173), 8000 Hz, mono, fltp, 12 kb/s
[info] Stream mapping:
[info]   Stream #0:0(und): Audio: pcm_f32le ([3][0][0][0] / 0x0003), 8000 Hz, mono
[warning] a warning
";

    #[test]
    fn codec_and_length_of_the_input_are_understood() {
        let words = words(PHONE);
        assert_eq!(words.codec.as_deref(), Some("amr_nb"));
        assert_eq!(words.stated_ns(), Some(1_203 * NS_PER_S + 500 * NS_PER_MS));
        assert_eq!((words.complaints, words.no_track), (0, false));
    }

    #[test]
    fn a_length_that_is_a_guess_or_of_pictures_is_none_of_audio() {
        let guess =
            "[mp3 @ 0x5] [warning] Estimating duration from bitrate, this may be inaccurate";
        assert_eq!(words(&format!("{guess}\n{PHONE}")).stated_ns(), None);
        let video = "[info]   Stream #0:1: Video: h264, yuv420p";
        assert_eq!(words(&format!("{video}\n{PHONE}")).stated_ns(), None);
        assert_eq!(duration_ns("N/A, bitrate: N/A"), None);
        assert_eq!(duration_ns("999999999999:00:00.00"), None);
    }

    #[test]
    fn the_first_complaint_is_kept_and_all_are_counted() {
        let words = words("[aac @ 0x55] [error] first\n[error] second\nffmpeg: third");
        assert_eq!(words.complaint.as_deref(), Some("first"));
        assert_eq!(words.complaints, 3);
        let none = "[error] Stream map '0:a:0' matches no streams.";
        assert!(super::tests::words(none).no_track);
    }
}
