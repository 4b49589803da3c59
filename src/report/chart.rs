//! Charts as inline SVG in the classes of a page's style, so that they follow a light or dark page,
//! scale with its width and are read out.

use std::fmt::{Display, Write};

use super::axis::Axis;
use crate::units::html_text;

/// Width of a chart in pixels of the page: text keeps a readable size on a phone.
const WIDTH: f64 = 460.0;
/// Space for labels of figures on the left.
pub(super) const LEFT: f64 = 54.0;
/// Space on the right, above and below.
const RIGHT: f64 = 25.0;
const ABOVE: f64 = 12.0;
const BELOW: f64 = 24.0;
/// From the middle of a line of text down to where its letters stand.
const FOOT: f64 = 4.0;

type Point = (f64, f64);

/// What something is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The figure that matters.
    Accent,
    /// The figure beside it.
    Second,
    /// Figures in the background.
    Soft,
    /// Surfaces under and around lines.
    Area,
    /// What failed, the most frequent first.
    Bad,
    /// Further kinds of failure.
    Bad2,
    /// Further kinds of failure.
    Bad3,
    /// All other failures.
    Bad4,
}

/// The class in the page's style: `f-`, `s-` and `b-` before it fill, stroke and lay a background.
impl Display for Ink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ink::Accent => "accent",
            Ink::Second => "second",
            Ink::Soft => "soft",
            Ink::Area => "area",
            Ink::Bad => "bad",
            Ink::Bad2 => "bad2",
            Ink::Bad3 => "bad3",
            Ink::Bad4 => "bad4",
        })
    }
}

/// One thing that is drawn.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    /// Lines through points; one for each stretch without a gap.
    Lines(Vec<Vec<Point>>, Ink),
    /// Surfaces from the bottom up to points.
    Areas(Vec<Vec<Point>>, Ink),
    /// A surface between lower and upper points.
    Band(Vec<Point>, Vec<Point>, Ink),
    /// Boxes, each given by two corners.
    Boxes(Vec<(Point, Point)>, Ink),
    /// Dots with a radius in pixels of the page.
    Dots(Vec<Point>, Ink, f64),
    /// A line from the bottom to the top.
    Upright(f64, Ink),
    /// Text beside a point on its right.
    Label(Point, String),
}

/// A chart.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// Its name in the report, of letters and digits.
    pub(super) id: String,
    /// What it shows.
    pub(super) title: String,
    /// What is to be seen in it, for who does not see it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Height in pixels of the page.
    pub(super) height: f64,
    /// Space for the labels of the upright axis: [`LEFT`] has room for figures.
    pub(super) left: f64,
    /// From the bottom to the top.
    pub(super) layers: Vec<Layer>,
}

/// A picture: well-formed, and with all text escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Svg(pub(super) String);

impl Chart {
    /// The picture; `prefix` makes its name the only one of a page.
    pub(super) fn svg(&self, prefix: &str) -> Svg {
        let id = format!("{prefix}{}", self.id);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n",
            self.height,
            html_text(&self.title),
            html_text(&self.description)
        );
        let drawn = self.grid()
            + &self
                .layers
                .iter()
                .map(|l| self.layer(l))
                .collect::<String>();
        svg.push_str(&drawn);
        svg.push_str("</svg>\n");
        Svg(svg)
    }

    fn base(&self) -> f64 {
        self.height - BELOW
    }

    fn grid(&self) -> String {
        let mut svg = String::new();
        for (value, label) in &self.y.ticks {
            let y = self.up(*value);
            svg += &stroke(
                "grid",
                1.0,
                &format!("M{} {}H{}", self.left, short(y), WIDTH - RIGHT),
            );
            svg += &text((self.left - 7.0, y + FOOT), "end", label);
        }
        let base = self.base();
        for (value, label) in &self.x.ticks {
            let x = self.across(*value);
            svg += &stroke("grid", 1.0, &format!("M{} {base}v4", short(x)));
            svg += &text((x, base + 18.0), "middle", label);
        }
        svg
    }

    fn layer(&self, layer: &Layer) -> String {
        let base = self.base();
        match layer {
            Layer::Lines(lines, ink) => {
                lines.iter().map(|points| self.line(points, *ink)).collect()
            }
            Layer::Areas(areas, ink) => {
                let area = |points: &Vec<Point>| {
                    let from = points.first().map_or(0.0, |first| first.0);
                    let from = short(self.across(from));
                    format!("{}V{base}H{from}Z", self.path(points.iter()))
                };
                fill(*ink, &areas.iter().map(area).collect::<String>())
            }
            Layer::Band(lower, upper, ink) => fill(
                *ink,
                &(self.path(lower.iter().chain(upper.iter().rev())) + "Z"),
            ),
            Layer::Boxes(boxes, ink) => {
                let rectangle = |(from, to): &(Point, Point)| {
                    let [left, right] = [from, to].map(|point| short(self.across(point.0)));
                    let [low, high] = [from, to].map(|point| short(self.up(point.1)));
                    format!("M{left} {low}H{right}V{high}H{left}Z")
                };
                fill(*ink, &boxes.iter().map(rectangle).collect::<String>())
            }
            Layer::Dots(points, ink, radius) => {
                let dots = points.iter().map(|point| self.dot(*point, *ink, *radius));
                dots.collect()
            }
            Layer::Upright(x, ink) => {
                let x = short(self.across(*x));
                stroke(*ink, 1.0, &format!("M{x} {ABOVE}V{base}"))
            }
            Layer::Label((x, y), words) => {
                text((self.across(*x) + 5.0, self.up(*y) + FOOT), "start", words)
            }
        }
    }

    fn line(&self, points: &[Point], ink: Ink) -> String {
        match points {
            [only] => self.dot(*only, ink, 2.0),
            _ => stroke(ink, 1.75, &self.path(points.iter())),
        }
    }

    fn dot(&self, (x, y): Point, ink: Ink, radius: f64) -> String {
        let (x, y) = (short(self.across(x)), short(self.up(y)));
        format!("<circle class=\"f-{ink}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\n")
    }

    fn path<'a>(&self, points: impl Iterator<Item = &'a Point>) -> String {
        let mut path = String::new();
        for (x, y) in points {
            let to = if path.is_empty() { 'M' } else { 'L' };
            let (x, y) = (short(self.across(*x)), short(self.up(*y)));
            // Writing to memory does not fail.
            let _ = write!(path, "{to}{x} {y}");
        }
        path
    }

    fn across(&self, x: f64) -> f64 {
        self.left + (WIDTH - self.left - RIGHT) * self.x.place(x)
    }

    fn up(&self, y: f64) -> f64 {
        self.base() - (self.base() - ABOVE) * self.y.place(y)
    }
}

/// To a tenth of a pixel.
fn short(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

fn stroke(class: impl Display, width: f64, path: &str) -> String {
    format!("<path class=\"s-{class}\" fill=\"none\" stroke-width=\"{width}\" d=\"{path}\"/>\n")
}

fn fill(ink: Ink, path: &str) -> String {
    match path.is_empty() {
        true => String::new(),
        false => format!("<path class=\"f-{ink}\" d=\"{path}\"/>\n"),
    }
}

fn text((x, y): Point, anchor: &str, words: &str) -> String {
    let (x, y, words) = (short(x), short(y), html_text(words));
    format!(
        "<text class=\"f-text\" x=\"{x}\" y=\"{y}\" font-size=\"12\" text-anchor=\"{anchor}\">{words}</text>\n"
    )
}

/// Points in stretches without a gap, of points of which some are missing.
pub(super) fn stretches(points: impl IntoIterator<Item = (f64, Option<f64>)>) -> Vec<Vec<Point>> {
    let mut all = vec![Vec::new()];
    for (x, y) in points {
        match (y, all.last_mut()) {
            (Some(y), Some(stretch)) => stretch.push((x, y)),
            (None, Some(stretch)) if !stretch.is_empty() => all.push(Vec::new()),
            _ => {}
        }
    }
    all.retain(|stretch| !stretch.is_empty());
    all
}
