//! How far a conversion is, on standard error; nothing where that is no terminal.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::audio::library::Progress;
use crate::units::Human;

const TEMPLATE: &str = "{bar:10} {bytes} of {total_bytes}, {left}; {msg}";

/// A bar that moves with the bytes of the files that are done.
pub(crate) struct ConversionBar(ProgressBar);

impl ConversionBar {
    /// A bar, drawn unless `quiet`.
    pub(crate) fn new(quiet: bool) -> ConversionBar {
        let target = match quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.with_key("left", |state: &ProgressState, text: &mut dyn Write| {
            // Nobody knows before the first file is done. Where writing fails, nothing is shown.
            let _ = match state.pos() {
                0 => write!(text, "? left"),
                _ => write!(text, "{} left", HumanDuration(state.eta())),
            };
        });
        ConversionBar(ProgressBar::with_draw_target(Some(0), target).with_style(style))
    }

    /// Shows `progress`.
    pub(crate) fn show(&self, progress: Progress) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_length(progress.bytes);
        self.0.set_position(progress.bytes_done);
        self.0.set_message(message(progress, self.0.elapsed()));
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}

/// Files done, audio converted, and how many times faster than it is heard.
fn message(progress: Progress, elapsed: Duration) -> String {
    let speed = progress.audio_ns as f64 / elapsed.as_nanos().max(1) as f64;
    format!(
        "{}/{} files, {} of audio at {speed:.0}x",
        progress.files_done,
        progress.files,
        Human(progress.audio_ns)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_audio_over_time() {
        let progress = Progress {
            files: 3,
            files_done: 1,
            audio_ns: 60_000_000_000,
            ..Progress::default()
        };
        let said = message(progress, Duration::from_millis(500));
        assert_eq!(said, "1/3 files, 60.0 s of audio at 120x");
    }
}
