//! A section that counts turns itself: one file takes in turns one by one and gives blocks.

use super::document::Block;
use crate::results::row::RequestRow;

/// What a section says of the turns that it counted.
pub(super) trait Counted: Sized {
    /// What it keeps of them.
    type Counts: Default;

    /// Takes in a turn of a cluster of turns that are alike.
    fn add(counts: &mut Self::Counts, row: &RequestRow, cluster: u32);

    /// Its figures; `None` where the turns do not tell.
    fn finish(counts: Self::Counts) -> Option<Self>;

    /// What it shows.
    fn blocks(&self) -> Vec<Block>;
}
