//! Sessions on their way from one bundle into another: their clips with them, or shifted in time.

use crate::trace::TraceError;
use crate::trace::model::SessionRows;
use crate::trace::stream::Bundle;
use crate::trace::writer::{BundleWriter, ClipAudio};

/// Takes sessions of one bundle into another, and of its clips those that they use.
pub(super) struct Carrier<'a> {
    from: &'a Bundle,
    /// The new number of each clip that was taken.
    numbers: Vec<Option<u32>>,
}

impl<'a> Carrier<'a> {
    pub(super) fn new(from: &'a Bundle) -> Carrier<'a> {
        Carrier {
            from,
            numbers: vec![None; from.clips.len()],
        }
    }

    /// Appends a session.
    ///
    /// # Errors
    /// A clip that cannot be linked or copied, or a table that cannot be written.
    pub(super) fn session(
        &mut self,
        mut rows: SessionRows,
        to: &mut BundleWriter,
    ) -> Result<(), TraceError> {
        renumber(&mut rows, |number| self.clip(number, to))?;
        to.session(rows)
    }

    /// The new number of clip `number`.
    fn clip(&mut self, number: u32, to: &mut BundleWriter) -> Result<Option<u32>, TraceError> {
        let index = number as usize;
        let (Some(row), Some(taken)) = (self.from.clips.get(index), self.numbers.get_mut(index))
        else {
            return Ok(None);
        };
        if taken.is_none() {
            let path = row.file.as_ref().map(|file| self.from.dir.join(file));
            let audio = path.as_deref().map_or(ClipAudio::Unknown, ClipAudio::File);
            *taken = Some(to.clip(row.clone(), audio)?);
        }
        Ok(*taken)
    }
}

/// Replaces the number of each clip that a session uses; `new` says `None` for one that is not
/// there, which only a row that is no audio may name.
pub(super) fn renumber(
    rows: &mut SessionRows,
    mut new: impl FnMut(u32) -> Result<Option<u32>, TraceError>,
) -> Result<(), TraceError> {
    let of_turns = rows.turns.iter_mut().map(|turn| &mut turn.clip);
    let of_events = rows.events.iter_mut().map(|event| &mut event.clip);
    for clip in of_turns.chain(of_events) {
        if let Some(number) = *clip {
            *clip = new(number)?;
        }
    }
    Ok(())
}

/// Moves a session with all that belongs to it by so much.
pub(super) fn shift(rows: &mut SessionRows, by_ns: i64) {
    let session = &mut rows.session;
    session.start_ns += by_ns;
    let recorded = session.recorded_end_ns.iter_mut();
    let turns = rows.turns.iter_mut().flat_map(|turn| {
        let always = [&mut turn.at_ns, &mut turn.end_ns].into_iter();
        always
            .chain(turn.speech_start_ns.iter_mut())
            .chain(turn.speech_end_ns.iter_mut())
    });
    let events = rows.events.iter_mut().map(|event| &mut event.at_ns);
    let replies = rows.replies.iter_mut().map(|reply| &mut reply.at_ns);
    for at_ns in recorded.chain(turns).chain(events).chain(replies) {
        *at_ns += by_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;
    use crate::units::NS_PER_S;

    #[test]
    fn a_shifted_session_is_one_that_started_then() {
        let mut shifted = sample::session(2, 0);
        shift(&mut shifted, 3 * NS_PER_S);
        let mut later = sample::session(5, 0);
        later
            .session
            .session_id
            .clone_from(&shifted.session.session_id);
        assert_eq!(shifted, later);
    }

    #[test]
    fn clips_are_renumbered_wherever_they_are_named() {
        let mut rows = sample::session(0, 4);
        renumber(&mut rows, |number| Ok(Some(number + 1))).unwrap();
        assert_eq!(rows, sample::session(0, 5));
    }
}
