//! Streams that broke off: one for each session, with how far it had come.

use std::collections::HashMap;

use super::failures::{Failure, Sign};
use super::measure::ByMeasure;
use crate::report::end_code::EndCode;
use crate::units::NS_PER_S;

/// What ends sooner, after it began or after the caller had spoken, fails at once, whatever the
/// reason.
pub(super) const YOUNGEST_NS: i64 = NS_PER_S * 9 / 10;

/// A stream that the other side or the network broke off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Broken {
    /// Hash of its session.
    pub(super) session: u64,
    /// When it was opened.
    pub(super) opened_ns: i64,
    /// How old it became.
    pub(super) age_ns: i64,
    /// How far it had come by each measure, where that is known.
    pub(super) figures: ByMeasure<Option<i64>>,
    /// The code it ended with.
    pub(super) code: EndCode,
    /// It was reset.
    pub(super) is_reset: bool,
}

impl Broken {
    fn of(failure: &Failure) -> Option<Broken> {
        let (Ok(code), Sign::None | Sign::Reset) = (failure.code, failure.sign) else {
            return None;
        };
        let (opened_ns, ended_ns) = (failure.opened_ns?, failure.broken_ns?);
        let age_ns = ended_ns - opened_ns;
        let since_request = failure.last_chunk_sent_ns.map(|sent_ns| ended_ns - sent_ns);
        // Once all is sent, a limit on what is sent no longer ends it.
        let bytes = failure.stream_bytes.filter(|_| since_request.is_none());
        Some(Broken {
            session: failure.session,
            opened_ns,
            age_ns,
            figures: [Some(age_ns), since_request, bytes],
            code,
            is_reset: failure.sign == Sign::Reset,
        })
    }
}

/// The streams that broke off, each once, by its oldest failure.
pub(super) fn broken_streams<'a>(failures: impl Iterator<Item = &'a Failure>) -> Vec<Broken> {
    let mut oldest: HashMap<u64, Broken> = HashMap::new();
    for broken in failures.filter_map(Broken::of) {
        let known = oldest.entry(broken.session).or_insert(broken);
        if broken.age_ns > known.age_ns {
            *known = broken;
        }
    }
    let mut streams: Vec<Broken> = oldest.into_values().collect();
    streams.retain(|stream| stream.age_ns >= YOUNGEST_NS);
    streams.sort_unstable_by_key(|stream| (stream.opened_ns, stream.session));
    streams
}
