//! The first pass over a journal: where in it each call is, and how much of each can be used. Of a
//! call that goes on across damage, or whose audio is damaged, what lies before that is used.

use std::collections::HashMap;

use super::Damage;
use crate::trace::TraceError;
use crate::trace::journal::{Batch, Gap, JournalKind, JournalReader, JournalRow};
use crate::trace::recorded::PcmFile;

/// Where in the journal a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) call: u64,
    /// Its first instant.
    start_ns: i64,
    /// Its rows that can be used, from the first one on.
    pub(super) rows: u64,
    /// Utterances in them that the server said it had heard.
    turns: u64,
    /// The number of its first batch.
    first: usize,
    /// The number of its last batch of which rows can be used.
    last: usize,
    /// Whether it is used up to some damage only.
    pub(super) is_cut: bool,
    /// Whether its beginning may be in a gap.
    is_from_gap: bool,
    /// Whether its configuration was read, without which nothing of it can be used.
    is_configured: bool,
    /// Whether its end was read.
    has_ended: bool,
}

/// What was found in a journal.
#[derive(Debug)]
pub(super) struct Survey {
    /// Calls of which something can be used, in order of their start.
    pub(super) places: Vec<Place>,
    /// Calls, with those that are lost.
    pub(super) calls: u64,
    pub(super) damage: Damage,
    /// Where each batch is.
    batches: Vec<u64>,
}

/// Reads all of a journal.
///
/// # Errors
/// The system's, or audio that is missing altogether.
pub(super) fn survey(reader: &mut JournalReader, pcm: &PcmFile) -> Result<Survey, TraceError> {
    let mut taker = Taker::default();
    while let Some(batch) = reader.next_batch()? {
        taker.take(&batch, pcm)?;
    }
    if reader.bytes_left() > 0 {
        taker.gap(
            Gap {
                bytes: reader.bytes_left(),
                held: None,
            },
            None,
        );
    }
    match taker.damage.audio_bytes {
        bytes if bytes > 0 && !pcm.is_there() => Err(TraceError::NoAudio {
            path: pcm.path().display().to_string(),
            bytes,
        }),
        _ => Ok(taker.finish()),
    }
}

#[derive(Default)]
struct Taker {
    places: HashMap<u64, Place>,
    damage: Damage,
    batches: Vec<u64>,
    /// Whether rows are missing before those that come now.
    has_gap: bool,
    /// Calls of which not a row was read, nor that they were opened.
    unseen: u64,
    /// Calls whose opening is missing, but not all of them.
    unopened: u64,
    /// The latest instant so far.
    latest_ns: i64,
}

impl Taker {
    fn take(&mut self, batch: &Batch, pcm: &PcmFile) -> Result<(), TraceError> {
        if let Some(gap) = batch.gap {
            self.gap(gap, batch.rows.iter().map(|row| row.at_ns).min());
        }
        let number = self.batches.len();
        self.batches.push(batch.at);
        for row in &batch.rows {
            self.latest_ns = self.latest_ns.max(row.at_ns);
            let is_heard = pcm.holds(row)?;
            if !is_heard {
                self.damage.chunks += 1;
                self.damage.audio_bytes += u64::from(row.bytes);
                self.damage.missing(row.at_ns, None);
            }
            let is_from_gap = self.has_gap && row.kind != JournalKind::Opened;
            let unopened = &mut self.unopened;
            let place = self.places.entry(row.call).or_insert_with(|| {
                *unopened += u64::from(is_from_gap);
                Place::beginning(row, number, is_from_gap)
            });
            place.is_cut |= !is_heard;
            match place.is_cut {
                true => self.damage.turns_lost += u64::from(row.kind == JournalKind::Processing),
                false => place.take(row, number),
            }
        }
        Ok(())
    }

    /// Something is missing before what was first at `next_ns`.
    fn gap(&mut self, gap: Gap, next_ns: Option<i64>) {
        self.damage.stretch(gap.bytes);
        match gap.held {
            Some(held) if held.rows == 0 => return,
            Some(held) => {
                self.unseen += held.calls;
                self.damage.turns_lost += held.turns;
            }
            None => self.damage.more_may_be_lost = true,
        }
        self.damage.missing(self.latest_ns, next_ns);
        self.has_gap = true;
        for place in self.places.values_mut() {
            // At the end of what there is, a call that is cut is one that was still open.
            place.is_cut |= next_ns.is_some() && !place.has_ended;
        }
    }

    fn finish(mut self) -> Survey {
        let is_lost = |place: &Place| {
            let by_damage = place.is_cut || place.is_from_gap;
            by_damage && !place.is_configured
        };
        let (mut lost, mut turns) = (0, 0);
        for place in self.places.values().filter(|place| is_lost(place)) {
            lost += 1;
            turns += place.turns;
        }
        self.damage.turns_lost += turns;
        // A call whose opening is missing was counted among those that were opened there.
        self.damage.calls_lost = lost + self.unseen.saturating_sub(self.unopened);
        let calls = self.places.len() as u64 + self.damage.calls_lost - lost;
        let mut places: Vec<Place> = self.places.into_values().collect();
        places.retain(|place| !is_lost(place));
        self.damage.calls_cut = places.iter().filter(|place| place.is_cut).count() as u64;
        places.sort_unstable_by_key(|place| (place.start_ns, place.call));
        Survey {
            places,
            calls,
            damage: self.damage,
            batches: self.batches,
        }
    }
}

impl Place {
    /// That of a call whose first row is `row`, in the batch of this number.
    fn beginning(row: &JournalRow, batch: usize, is_from_gap: bool) -> Place {
        Place {
            call: row.call,
            start_ns: row.at_ns,
            rows: 0,
            turns: 0,
            first: batch,
            last: batch,
            is_cut: false,
            is_from_gap,
            is_configured: false,
            has_ended: false,
        }
    }

    fn take(&mut self, row: &JournalRow, batch: usize) {
        self.start_ns = self.start_ns.min(row.at_ns);
        self.rows += 1;
        self.turns += u64::from(row.kind == JournalKind::Processing);
        self.last = batch;
        self.is_configured |= row.kind == JournalKind::Config;
        self.has_ended |= row.kind == JournalKind::Closed;
    }
}

impl Survey {
    /// The rows of each call of `group`, from the stretch of the journal that holds them.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn read_calls(
        &self,
        reader: &JournalReader,
        group: &[Place],
    ) -> Result<HashMap<u64, Vec<JournalRow>>, TraceError> {
        let mut rows: HashMap<u64, (u64, Vec<JournalRow>)> = HashMap::new();
        for place in group {
            let room = usize::try_from(place.rows).unwrap_or(0);
            rows.insert(place.call, (place.rows, Vec::with_capacity(room)));
        }
        let first = group.iter().map(|place| place.first).min().unwrap_or(0);
        let last = group.iter().map(|place| place.last).max().unwrap_or(0);
        for at in self.batches.iter().take(last + 1).skip(first) {
            for row in reader.batch_at(*at)? {
                if let Some((wanted, its)) = rows.get_mut(&row.call)
                    && (its.len() as u64) < *wanted
                {
                    its.push(row);
                }
            }
        }
        let rows = rows.into_iter();
        Ok(rows.map(|(call, (_, rows))| (call, rows)).collect())
    }
}

/// Calls that follow each other, as many as have `most` rows together, but at least one.
pub(super) fn groups(mut places: &[Place], most: u64) -> impl Iterator<Item = &[Place]> {
    std::iter::from_fn(move || {
        let mut rows = 0;
        let fits = |place: &&Place| {
            rows += place.rows;
            rows <= most
        };
        let count = places.iter().take_while(fits).count();
        let (group, rest) = places.split_at(count.max(1).min(places.len()));
        places = rest;
        (!group.is_empty()).then_some(group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::journal::{JournalWriter, Recording};

    #[test]
    fn calls_are_read_group_by_group_from_their_own_stretch_of_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.vtrace");
        let mut writer = JournalWriter::create(&place, &Recording::default()).unwrap();
        // Call n goes on from second n to second 2n.
        let rows_of = |call: u64| (call..=2 * call).map(move |second| (call, second as i64));
        for second in 0..20 {
            for (call, _) in (0..10).flat_map(rows_of).filter(|(_, at)| *at == second) {
                writer.append(JournalRow::new(call, second, JournalKind::Silence), None);
            }
            writer.commit().unwrap();
        }
        let mut reader = JournalReader::open(&place).unwrap();
        let pcm = PcmFile::open(&place).unwrap();
        let survey = survey(&mut reader, &pcm).unwrap();
        let places = &survey.places;
        assert_eq!((places.len(), survey.calls), (10, 10));
        assert_eq!(survey.damage, Damage::default());
        for most in [1, 9, 15, 1000] {
            let mut read = Vec::new();
            for group in groups(places, most) {
                let rows: u64 = group.iter().map(|place| place.rows).sum();
                assert!(rows <= most || group.len() == 1);
                let mut calls = survey.read_calls(&reader, group).unwrap();
                for place in group {
                    let rows = calls.remove(&place.call).unwrap();
                    let rows: Vec<_> = rows.iter().map(|row| (row.call, row.at_ns)).collect();
                    assert_eq!(rows, rows_of(place.call).collect::<Vec<_>>());
                    read.push(place.call);
                }
            }
            assert_eq!(read, (0..10).collect::<Vec<_>>(), "in order of their start");
        }
    }
}
