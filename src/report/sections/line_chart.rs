//! A chart of lines, each with its ink and its name.

use crate::report::axis::Axis;
use crate::report::chart::{Chart, Ink, LEFT, Layer};
use crate::report::document::{Figure, Table};

/// A line in stretches without a gap.
pub(super) type Line = Vec<Vec<(f64, f64)>>;

/// A chart of lines: the first is drawn over the others.
pub(super) struct LineChart<'a> {
    pub(super) id: String,
    pub(super) title: &'a str,
    /// What is to be seen in it, for who does not see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<(Ink, String, Line)>,
    /// What is drawn under the lines.
    pub(super) under: Vec<Layer>,
    pub(super) note: String,
    pub(super) table: Table,
}

impl LineChart<'_> {
    pub(super) fn figure(self) -> Figure {
        let mut layers = self.under;
        let mut legend = Vec::new();
        let lines = self.lines.into_iter();
        let drawn = lines.map(|(ink, name, line)| {
            legend.push((ink, name));
            Layer::Lines(line, ink)
        });
        let drawn: Vec<Layer> = drawn.collect();
        layers.extend(drawn.into_iter().rev());
        Figure {
            chart: Chart {
                id: self.id,
                title: self.title.to_owned(),
                description: self.description,
                x: self.x,
                y: self.y,
                height: 220.0,
                left: LEFT,
                layers,
            },
            legend,
            note: self.note,
            table: self.table,
        }
    }
}

/// The highest point of lines; 0 without any.
pub(super) fn highest<'a>(lines: impl IntoIterator<Item = &'a Line>) -> f64 {
    let points = lines.into_iter().flatten().flatten().map(|point| point.1);
    points.fold(0.0, f64::max)
}
