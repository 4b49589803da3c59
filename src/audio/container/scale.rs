//! Times in other units.

/// `time` in units of `from` a second, in units of `to`, to the nearest.
pub(super) fn scaled(time: u64, from: u64, to: u64) -> u64 {
    let from = u128::from(from.max(1));
    let scaled = (u128::from(time) * u128::from(to) + from / 2) / from;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
