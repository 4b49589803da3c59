//! The highest load at which what must hold still holds.

/// What a run at some load showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// All that must hold held.
    Met,
    /// Something did not.
    NotMet,
    /// The load could not be made, so that nothing is known of the gateway at it.
    Untrusted,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The highest load at which all held; `None` when it held at none.
    pub met: Option<u32>,
    /// The lowest load above it at which something did not; `None` when none was found.
    pub not_met: Option<u32>,
    /// The lowest load above it that could not be made; `None` when all could.
    pub untrusted: Option<u32>,
}

impl Bounds {
    /// The load to try next; `None` when the bounds are close enough.
    ///
    /// Loads double until one is too much, and halve until one is not; then the gap is halved until
    /// it is a twentieth of the load, or one.
    fn next(self, first: u32) -> Option<u32> {
        let too_much = self.not_met.into_iter().chain(self.untrusted).min();
        match (self.met, too_much) {
            (None, None) => Some(first),
            (Some(met), None) => met.checked_mul(2),
            (None, Some(1)) => None,
            (None, Some(high)) => Some(high / 2),
            (Some(met), Some(high)) => {
                let gap = high - met;
                let enough = (met / 20).max(1);
                (gap > enough).then_some(met + gap / 2)
            }
        }
    }
}

/// Searches from load `first` on, with a run for each load that is tried.
///
/// Loads are taken to be the harder the higher they are: what holds at one is not tried below it.
///
/// # Errors
/// Those of `probe`, at once.
pub fn search<E>(first: u32, mut probe: impl FnMut(u32) -> Result<Probe, E>) -> Result<Bounds, E> {
    let mut bounds = Bounds::default();
    while let Some(load) = bounds.next(first.max(1)) {
        match probe(load)? {
            Probe::Met => bounds.met = Some(load),
            Probe::NotMet => bounds.not_met = Some(load),
            Probe::Untrusted => bounds.untrusted = Some(load),
        }
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bounds found, and the loads that were tried.
    fn find(first: u32, capacity: u32, makeable: u32) -> (Bounds, Vec<u32>) {
        let mut tried = Vec::new();
        let bounds = search(first, |load| {
            tried.push(load);
            Ok::<_, ()>(match load {
                load if load > makeable => Probe::Untrusted,
                load if load > capacity => Probe::NotMet,
                _ => Probe::Met,
            })
        });
        (bounds.unwrap(), tried)
    }

    #[test]
    fn loads_double_and_then_the_gap_is_halved() {
        let (bounds, tried) = find(4, 41, 1000);
        assert_eq!(tried, [4, 8, 16, 32, 64, 48, 40, 44, 42]);
        assert_eq!((bounds.met, bounds.not_met), (Some(40), Some(42)));
    }

    #[test]
    fn a_gateway_that_holds_at_no_load_is_tried_down_to_one() {
        let (bounds, tried) = find(10, 0, 1000);
        assert_eq!(tried, [10, 5, 2, 1]);
        assert_eq!((bounds.met, bounds.not_met), (None, Some(1)));
    }

    #[test]
    fn the_search_ends_where_the_load_cannot_be_made() {
        let (bounds, _) = find(1, 1000, 30);
        assert_eq!(bounds.met, Some(30));
        assert_eq!((bounds.not_met, bounds.untrusted), (None, Some(31)));
    }

    #[test]
    fn a_run_that_fails_ends_the_search() {
        assert_eq!(search(1, |_| Err("no disk")), Err("no disk"));
    }

    proptest! {
        #[test]
        fn the_capacity_is_found_to_a_twentieth(first in 1_u32..200, capacity in 1_u32..5000) {
            let (bounds, tried) = find(first, capacity, u32::MAX);
            let met = bounds.met.unwrap();
            prop_assert!(met <= capacity && bounds.not_met.unwrap() > capacity);
            prop_assert!(bounds.not_met.unwrap() - met <= (met / 20).max(1));
            prop_assert!(tried.len() <= 30);
        }
    }
}
