//! Charts as inline SVG, drawn by plotters and then given the page's colours, so that they follow a
//! light or dark page, scale with its width and are read out.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::axis::Axis;
use super::markup::{Svg, escape};

/// Steps of the drawing in a pixel of the page: plotters draws on whole numbers.
const FINE: i32 = 8;
/// Size of a chart in pixels of the page: text keeps a readable size on a phone.
const WIDTH: i32 = 460;
/// Space for labels on the left.
pub(super) const LEFT: i32 = 54;
/// Space on the right, above and below.
const MARGINS: [i32; 3] = [20, 12, 24];
const FONT: i32 = 12;
/// plotters takes it that a font's size is 1.24 times what SVG calls so.
const FONT_FACTOR: f64 = 1.24;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
type Point = (f64, f64);

/// What something is drawn with: a class of the page's style.
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
    /// Lines of the grid.
    Grid,
    /// Text.
    Text,
}

impl Ink {
    const ALL: [Ink; 10] = [
        Ink::Accent,
        Ink::Second,
        Ink::Soft,
        Ink::Area,
        Ink::Bad,
        Ink::Bad2,
        Ink::Bad3,
        Ink::Bad4,
        Ink::Grid,
        Ink::Text,
    ];

    /// Its class in the page's style: `f-` and `s-` before it fill and stroke.
    pub(super) fn class(self) -> &'static str {
        match self {
            Ink::Accent => "accent",
            Ink::Second => "second",
            Ink::Soft => "soft",
            Ink::Area => "area",
            Ink::Bad => "bad",
            Ink::Bad2 => "bad2",
            Ink::Bad3 => "bad3",
            Ink::Bad4 => "bad4",
            Ink::Grid => "grid",
            Ink::Text => "text",
        }
    }

    /// A colour that stands for it until the drawing is done.
    fn stand_in(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }

    fn stand_in_text(self) -> String {
        format!("#0102{:02X}", self as u8)
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
pub(super) struct Chart<'a> {
    /// Its name in the page, of letters and digits.
    pub(super) id: &'a str,
    /// What it shows.
    pub(super) title: &'a str,
    /// What is to be seen in it, for who does not see it.
    pub(super) description: &'a str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Height in pixels of the page.
    pub(super) height: i32,
    /// Space for the labels of the upright axis: [`LEFT`] has room for figures.
    pub(super) left: i32,
    /// From the bottom to the top.
    pub(super) layers: Vec<Layer>,
}

impl Chart<'_> {
    /// The picture; an empty one should drawing into memory fail.
    pub(super) fn svg(&self) -> Svg {
        let mut drawn = String::new();
        let size = ((WIDTH * FINE) as u32, (self.height * FINE) as u32);
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        let done = self.draw(&area).and_then(|()| area.present());
        drop(area);
        Svg(match done {
            Ok(()) => self.dress(&drawn),
            Err(_) => String::new(),
        })
    }

    fn draw(&self, area: &Canvas<'_>) -> Drawn {
        self.grid(area)?;
        for layer in &self.layers {
            self.layer(area, layer)?;
        }
        Ok(())
    }

    fn margins(&self) -> [i32; 4] {
        let [right, above, below] = MARGINS;
        [self.left, right, above, below]
    }

    fn grid(&self, area: &Canvas<'_>) -> Drawn {
        let [left, right, above, below] = self.margins().map(|margin| margin * FINE);
        let (width, height) = (WIDTH * FINE, self.height * FINE);
        for (value, label) in &self.y.ticks {
            let y = self.pixel((0.0, *value)).1;
            area.draw(&PathElement::new(
                [(left, y), (width - right, y)],
                line(Ink::Grid, 1.0),
            ))?;
            let at = (left - 7 * FINE, y);
            area.draw(&Text::new(
                label.as_str(),
                at,
                text(HPos::Right, VPos::Center),
            ))?;
        }
        let base = height - below;
        for (value, label) in &self.x.ticks {
            let x = left + (self.x.place(*value) * f64::from(width - left - right)).round() as i32;
            area.draw(&PathElement::new(
                [(x, base), (x, base + 4 * FINE)],
                line(Ink::Grid, 1.0),
            ))?;
            let at = (x, base + 8 * FINE);
            area.draw(&Text::new(
                label.as_str(),
                at,
                text(HPos::Center, VPos::Top),
            ))?;
        }
        debug_assert!(above < base, "a chart is higher than its margins");
        Ok(())
    }

    fn layer(&self, area: &Canvas<'_>, layer: &Layer) -> Drawn {
        let pixels = |points: &[Point]| {
            points
                .iter()
                .map(|point| self.pixel(*point))
                .collect::<Vec<_>>()
        };
        let base = (self.height - MARGINS[2]) * FINE;
        match layer {
            Layer::Lines(lines, ink) => {
                for points in lines {
                    match points[..] {
                        [only] => {
                            area.draw(&Circle::new(self.pixel(only), 2 * FINE, fill(*ink)))?;
                        }
                        _ => area.draw(&PathElement::new(pixels(points), line(*ink, 1.75)))?,
                    }
                }
            }
            Layer::Areas(areas, ink) => {
                for points in areas {
                    let top = pixels(points);
                    let (Some(first), Some(last)) = (top.first(), top.last()) else {
                        continue;
                    };
                    let ends = [(last.0, base), (first.0, base)];
                    let outline: Vec<_> = top.iter().copied().chain(ends).collect();
                    area.draw(&Polygon::new(outline, fill(*ink)))?;
                }
            }
            Layer::Band(lower, upper, ink) => {
                let mut outline = pixels(lower);
                outline.extend(pixels(upper).into_iter().rev());
                area.draw(&Polygon::new(outline, fill(*ink)))?;
            }
            Layer::Boxes(boxes, ink) => {
                for (from, to) in boxes {
                    let corners = [self.pixel(*from), self.pixel(*to)];
                    area.draw(&Rectangle::new(corners, fill(*ink)))?;
                }
            }
            Layer::Dots(points, ink, radius) => {
                let radius = (radius * f64::from(FINE)) as i32;
                for point in points {
                    let dot = Circle::new(self.pixel(*point), radius, fill(*ink));
                    area.draw(&dot)?;
                }
            }
            Layer::Upright(x, ink) => {
                let x = self.pixel((*x, 0.0)).0;
                let ends = [(x, MARGINS[1] * FINE), (x, base)];
                area.draw(&PathElement::new(ends, line(*ink, 1.0)))?;
            }
            Layer::Label(point, words) => {
                let (x, y) = self.pixel(*point);
                let style = text(HPos::Left, VPos::Center);
                area.draw(&Text::new(words.as_str(), (x + 5 * FINE, y), style))?;
            }
        }
        Ok(())
    }

    fn pixel(&self, (x, y): Point) -> (i32, i32) {
        let [left, right, above, below] = self.margins();
        let across = f64::from((WIDTH - left - right) * FINE) * self.x.place(x);
        let up = f64::from((self.height - above - below) * FINE) * self.y.place(y);
        let base = (self.height - below) * FINE;
        (
            left * FINE + across.round() as i32,
            base - up.round() as i32,
        )
    }

    /// The drawing with the page's colours and font, without a size of its own, with its title and
    /// description.
    fn dress(&self, drawn: &str) -> String {
        let body = drawn.split_once('>').map_or("", |(_, body)| body);
        let mut body = body
            .replace(" opacity=\"1\"", "")
            .replace(" font-family=\"sans-serif\"", "");
        body = body
            .replace(" stroke=\"none\"", "")
            .replace("\n</text>", "</text>");
        for ink in Ink::ALL {
            let (colour, class) = (ink.stand_in_text(), ink.class());
            body = body.replace(
                &format!("fill=\"{colour}\""),
                &format!("class=\"f-{class}\""),
            );
            body = body.replace(
                &format!("stroke=\"{colour}\""),
                &format!("class=\"s-{class}\""),
            );
        }
        let id = self.id;
        let (width, height) = (WIDTH * FINE, self.height * FINE);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">"
        );
        escape(&mut svg, self.title);
        svg.push_str(&format!("</title><desc id=\"{id}-d\">"));
        escape(&mut svg, self.description);
        svg.push_str("</desc>");
        svg.push_str(&body);
        svg
    }
}

fn fill(ink: Ink) -> ShapeStyle {
    ShapeStyle::from(ink.stand_in()).filled()
}

fn line(ink: Ink, pixels: f64) -> ShapeStyle {
    ShapeStyle::from(ink.stand_in()).stroke_width((pixels * f64::from(FINE)) as u32)
}

fn text(across: HPos, up: VPos) -> TextStyle<'static> {
    let size = f64::from(FONT * FINE) * FONT_FACTOR;
    let font = ("sans-serif", size).into_font();
    TextStyle {
        font,
        color: Ink::Text.stand_in().to_backend_color(),
        pos: Pos::new(across, up),
    }
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
