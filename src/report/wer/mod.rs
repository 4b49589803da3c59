//! Word error rate: what the gateway heard beside what was said, where the clips' transcripts tell.
//!
//! (S + D + I) / N over all turns that headline figures are over: words substituted, deleted and
//! inserted by the fewest edits, over the words that were said. A turn whose speech was sent and of which
//! no word came back has all its words deleted, whether it failed or not. Words are compared in lower case and
//! without punctuation (`align`); numbers are not spelt out, and in languages that are written without
//! spaces a clause counts as a word.

mod accumulator;
mod align;

use serde::{Deserialize, Serialize};

pub(in crate::report) use accumulator::WerAccumulator;

/// What is asked of the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WerAsked {
    /// That they be compared.
    pub compared: bool,
    /// That those turns be shown that were heard worst.
    pub texts: bool,
}

/// How well the gateway understood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wer {
    /// The word error rate: above 1 where more was heard than said; null when nothing was compared.
    pub rate: Option<f64>,
    /// Its 95 % confidence interval over clips, since turns of one clip are alike; null with too few.
    pub interval: Option<[f64; 2]>,
    /// Words heard as another.
    pub substitutions: u64,
    /// Words not heard.
    pub deletions: u64,
    /// Words heard that were not said.
    pub insertions: u64,
    /// Words said.
    pub words: u64,
    /// Turns compared.
    pub turns: u64,
    /// Clips that they speak.
    pub clips: u64,
    /// Turns among them that were heard word for word.
    pub exact: u64,
    /// Turns among them of which no word came back: all words are deleted.
    pub unheard: u64,
    /// Turns among those that failed after their speech was sent.
    #[serde(default)]
    pub unheard_failed: u64,
    /// Measured turns left out: their clip has no transcript.
    pub no_reference: u64,
    /// Measured turns left out: they failed before their speech was sent.
    pub failed: u64,
    /// Measured turns left out: the gateway's transcript was too long to be kept whole.
    pub too_long: u64,
    /// For people: why nothing was compared, and what to do; null where something was.
    pub not_known: Option<String>,
    /// The turns that were heard worst, one a clip; only where texts are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<Misheard>,
}

impl Wer {
    /// The same without what was said.
    #[must_use]
    pub fn without_texts(self) -> Wer {
        Wer {
            worst: Vec::new(),
            ..self
        }
    }
}

/// A turn that was not heard as it was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Misheard {
    /// Its session.
    pub session_id: String,
    /// Which of the session's copies.
    pub copy: u32,
    /// Its number in the session.
    pub turn: u32,
    /// What it speaks.
    pub clip_id: String,
    /// Its own word error rate.
    pub rate: f64,
    /// What was said.
    pub said: String,
    /// What was heard.
    pub heard: String,
}

/// A rate, in percent.
pub(in crate::report) fn share(rate: f64) -> String {
    crate::units::share_percent(rate, 1)
}
