//! How far a conversion is, on standard error; nothing where that is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::audio::library::Progress;
use crate::units::Human;

const TEMPLATE: &str = "{bar:24} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left, {msg}";

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
        ConversionBar(ProgressBar::with_draw_target(Some(0), target).with_style(style))
    }

    /// Shows `progress`.
    pub(crate) fn show(&self, progress: Progress) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_length(progress.bytes);
        self.0.set_position(progress.bytes_done);
        self.0.set_message(format!(
            "{} of {} files, {} of audio",
            progress.files_done,
            progress.files,
            Human(progress.audio_ns)
        ));
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}
