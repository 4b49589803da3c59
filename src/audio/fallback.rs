//! Who decodes a file: this program, and ffmpeg for what it refuses or has doubts of.
//!
//! Whether a decode is plausible is known at its end only. So the work that is done with the samples
//! is an attempt, which may be made twice, and the better one is kept.

use std::path::Path;

use super::decode::Decoder;
use super::error::DecodeError;
use super::guard;
use super::opening::{open_ffmpeg, open_native};
use super::raw::RawFormat;
use super::source_info::SourceInfo;
use super::spec::DecoderChoice;

/// What was made of a file.
pub(super) struct Decoded<T> {
    /// What the attempt made.
    pub(super) made: T,
    /// What is known of the file.
    pub(super) info: SourceInfo,
    /// What was odd about it.
    pub(super) notes: Vec<String>,
    /// Why it may not be the whole file, or not right.
    pub(super) doubt: Option<String>,
    decoded_ns: i64,
    promised_ns: Option<i64>,
    may_err: bool,
}

/// What a decoder's samples made, or why they could not be had; outside of it what is no fault of the
/// decoder.
pub(super) type Attempt<T, E> = Result<Result<T, DecodeError>, E>;

/// Decodes the file at `path`, a headerless one as `raw`, and has `work` do with the decoder what is
/// to be done.
///
/// # Errors
/// Inside, why nobody decodes it; outside, what `work` failed of.
pub(super) fn decode<T, E>(
    path: &Path,
    raw: Option<RawFormat>,
    choice: DecoderChoice,
    mut work: impl FnMut(&mut Decoder) -> Attempt<T, E>,
) -> Attempt<Decoded<T>, E> {
    if choice == DecoderChoice::Ffmpeg {
        return attempt(open_ffmpeg(path, raw), &mut work);
    }
    let ours = attempt(open_native(path, raw), &mut work)?;
    let ask = match &ours {
        Ok(ours) => ours.may_err && ours.doubt.is_some(),
        Err(reason) => reason.may_be_foreign(),
    };
    if choice == DecoderChoice::Native {
        return Ok(ours.map_err(DecodeError::without_ffmpeg));
    }
    if !ask {
        return Ok(ours);
    }
    let theirs = attempt(open_ffmpeg(path, raw), &mut work)?;
    Ok(match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => Ok(ours.or_better(theirs)),
        (Ok(ours), Err(_)) => Ok(ours),
        (Err(reason), Ok(theirs)) => Ok(theirs.instead(&reason)),
        (Err(reason), Err(theirs)) => Err(reason.and_by_ffmpeg(theirs)),
    })
}

fn attempt<T, E>(
    opened: Result<Decoder, DecodeError>,
    work: &mut impl FnMut(&mut Decoder) -> Attempt<T, E>,
) -> Attempt<Decoded<T>, E> {
    let mut decoder = match opened {
        Ok(decoder) => decoder,
        Err(reason) => return Ok(Err(reason)),
    };
    Ok(work(&mut decoder)?.map(|made| Decoded {
        made,
        info: decoder.info().clone(),
        notes: decoder.notes().to_vec(),
        doubt: decoder.doubt().map(str::to_owned),
        decoded_ns: decoder.decoded_ns(),
        promised_ns: decoder.promised_ns(),
        may_err: decoder.may_err(),
    }))
}

impl<T> Decoded<T> {
    /// What ffmpeg made where it is nearer to what the header promises, or longer where that promises
    /// nothing; else this.
    fn or_better(self, theirs: Self) -> Self {
        let better = match self.promised_ns {
            Some(promised) => {
                let far = |decoded_ns: i64| promised.abs_diff(decoded_ns);
                far(theirs.decoded_ns) + guard::TOLERANCE_NS.unsigned_abs() < far(self.decoded_ns)
            }
            None => theirs.decoded_ns > self.decoded_ns + guard::TOLERANCE_NS,
        };
        if !better {
            return self;
        }
        let promised = self.promised_ns;
        let promised = promised.filter(|&promised| guard::is_short(promised, theirs.decoded_ns));
        let short = promised.map(|promised| guard::cut_short(promised, theirs.decoded_ns));
        let doubt = theirs.doubt.clone().or(short);
        let reason = self.doubt.unwrap_or_default();
        let mut theirs = theirs.noted(&reason);
        theirs.doubt = doubt;
        theirs
    }

    /// This, in place of a decode that failed for this reason.
    fn instead(self, reason: &DecodeError) -> Self {
        match reason {
            DecodeError::NoDecoder { .. } | DecodeError::Unrecognized(_) => self,
            reason => self.noted(&reason.to_string()),
        }
    }

    fn noted(mut self, reason: &str) -> Self {
        self.notes.push(format!("not decoded here ({reason})"));
        self
    }

    /// All that is to be said of it.
    pub(super) fn note(&self) -> Option<String> {
        let all: Vec<&str> = self
            .doubt
            .iter()
            .chain(&self.notes)
            .map(String::as_str)
            .collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::DecoderUsed;
    use crate::units::NS_PER_S;

    /// A decode of so many seconds, of so many that the header promises.
    fn decoded(decoder: DecoderUsed, seconds: i64, promised: Option<i64>) -> Decoded<i64> {
        let doubt = promised.filter(|&promised| promised > seconds);
        Decoded {
            made: seconds,
            info: SourceInfo {
                codec: "mp3".to_owned(),
                rate_hz: 8_000,
                channels: 1,
                frames: None,
                exact_16_bit: false,
                decoder,
                trim: None,
            },
            notes: Vec::new(),
            doubt: doubt.map(|_| "cut short".to_owned()),
            decoded_ns: seconds * NS_PER_S,
            promised_ns: promised.map(|promised| promised * NS_PER_S),
            may_err: true,
        }
    }

    #[test]
    fn of_two_decodes_the_one_nearer_to_the_header_is_kept_and_else_the_longer_one() {
        let ours = |seconds, promised| decoded(DecoderUsed::Native, seconds, promised);
        let theirs = |seconds| decoded(DecoderUsed::Ffmpeg, seconds, None);
        for (mine, promised, other, kept) in [
            (61, Some(1_200), 1_200, 1_200),
            (61, Some(1_200), 61, 61),
            (61, Some(1_200), 30, 61),
            // Twice as much is no better than what the header says.
            (9, Some(10), 20, 9),
            (5, None, 6, 6),
            (5, None, 5, 5),
            (5, None, 4, 5),
        ] {
            let better = ours(mine, promised).or_better(theirs(other));
            assert_eq!(better.made, kept, "{mine} {promised:?} {other}");
        }
        let whole = ours(61, Some(1_200)).or_better(theirs(1_200));
        assert_eq!(whole.doubt, None);
        assert_eq!(
            whole.note().as_deref(),
            Some("not decoded here (cut short)")
        );
        let part = ours(61, Some(1_200)).or_better(theirs(100));
        assert_eq!(
            part.doubt.as_deref(),
            Some("cut short: decoded 100 of 1,200 s")
        );
    }
}
