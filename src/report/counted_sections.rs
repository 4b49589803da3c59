//! The sections that count turns themselves: a line each. Their figures are fields of the summary.

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::document::Block;
use super::recorded_baseline::RecordedBaseline;
use super::waterfall::Waterfall;
use crate::results::row::RequestRow;

macro_rules! sections {
    ($( $(#[$about:meta])+ $name:ident: $section:ty, )+) => {
        /// What all of them keep of the turns.
        #[derive(Debug, Default)]
        pub(super) struct Counts {
            $( $name: <$section as Counted>::Counts, )+
        }

        impl Counts {
            /// Takes in a turn of a cluster of turns that are alike.
            pub(super) fn add(&mut self, row: &RequestRow, cluster: u32) {
                $( <$section>::add(&mut self.$name, row, cluster); )+
            }

            /// The figures of all.
            pub(super) fn finish(self) -> Sections {
                Sections {
                    $( $name: <$section>::finish(self.$name), )+
                }
            }
        }

        /// The figures of each, absent where the turns do not tell.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Sections {
            $(
                $(#[$about])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$section>,
            )+
        }

        impl Sections {
            /// What all of them show, in order.
            pub(super) fn blocks(&self) -> Vec<Block> {
                let each = [ $( self.$name.as_ref().map(<$section>::blocks), )+ ];
                each.into_iter().flatten().flatten().collect()
            }
        }
    };
}

sections! {
    /// Where the time of answers goes.
    waterfall: Waterfall,
    /// Recorded traces: latencies as recorded and as replayed, by name.
    recorded: RecordedBaseline,
}
