//! Charts as inline SVG whose exact values can be read by pointer, touch, keyboard and table.

use plotters::coord::ranged1d::{BoldPoints, Ranged, ValueFormatter};
use serde::Serialize;

use crate::report::axis::Axis;
use crate::util::markup;

/// Size of a chart in the units of its drawing.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 300.0;
/// Room for labels around the plot.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;

/// The exact values of a chart: what the page's script shows where the pointer is.
#[derive(Serialize)]
pub struct Readout {
    /// What the horizontal axis shows.
    pub axis: &'static str,
    /// Its value at each position.
    pub heads: Vec<String>,
    /// The positions, in units of the drawing.
    pub x: Vec<f64>,
    /// What has values there.
    pub series: Vec<ReadoutSeries>,
}

/// One value for each position of a [`Readout`].
#[derive(Serialize)]
pub struct ReadoutSeries {
    /// What it is.
    pub name: String,
    /// Its colour and kind of line, as classes of the style sheet; empty if it is not drawn.
    pub class: String,
    /// Where to mark the values, in units of the drawing.
    pub y: Vec<Option<f64>>,
    /// The values as people read them.
    pub text: Vec<String>,
}

/// What a figure says besides its values.
pub struct Labels<'a> {
    /// The quantity, over the plot.
    pub title: &'a str,
    /// What a screen reader says of the picture.
    pub summary: &'a str,
    /// Under the figure.
    pub caption: &'a str,
}

/// Two axes and what is drawn between them.
pub struct Plot {
    x: Axis,
    y: Axis,
    marks: String,
}

impl Plot {
    /// An empty plot.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            marks: String::new(),
        }
    }

    /// The place of a value along the horizontal axis, to a tenth of a unit.
    pub fn x(&self, value: f64) -> f64 {
        place(&self.x, value, LEFT, WIDTH - RIGHT)
    }

    /// The place of a value along the vertical axis, to a tenth of a unit.
    pub fn y(&self, value: f64) -> f64 {
        place(&self.y, value, HEIGHT - BOTTOM, TOP)
    }

    /// A line through points; a single point gets a dot instead.
    pub fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let places: Vec<_> = points
            .iter()
            .map(|&(x, y)| (self.x(x), self.y(y)))
            .collect();
        match places[..] {
            [] => {}
            [(x, y)] => {
                self.marks += &format!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="3"/>"#)
            }
            _ => {
                let list: Vec<_> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
                self.marks +=
                    &format!(r#"<polyline class="{class}" points="{}"/>"#, list.join(" "));
            }
        }
    }

    /// A bar from 0 to `height` that covers a range of the horizontal axis but for a gap.
    pub fn bar(&mut self, class: &str, (from, to): (f64, f64), height: f64) {
        let (left, right, top) = (self.x(from) + 0.5, self.x(to) - 0.5, self.y(height));
        let (width, height) = (right - left, self.y(0.0) - top);
        self.marks += &format!(
            r#"<rect class="{class}" x="{left}" y="{top}" width="{width:.1}" height="{height:.1}"/>"#
        );
    }

    /// The figure: picture, exact values, the same as a table. `id` tells the script which
    /// [`Readout`] is its.
    pub fn figure(&self, id: usize, labels: &Labels, readout: &Readout) -> String {
        format!(
            r#"<figure class="chart" data-chart="{id}">
<p class="chart-title">{title}</p>
{legend}
<div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{summary}">{grid}{marks}<text class="axis-name" x="{middle}" y="{bottom}">{axis}</text></svg></div>
<figcaption>{caption}</figcaption>
{table}
</figure>"#,
            title = markup::text(labels.title),
            summary = markup::text(labels.summary),
            caption = markup::text(labels.caption),
            legend = legend(readout),
            grid = self.grid(),
            marks = self.marks,
            middle = (LEFT + WIDTH - RIGHT) / 2.0,
            bottom = HEIGHT - 6.0,
            axis = readout.axis,
            table = table(readout),
        )
    }

    /// Lines and labels at the axes' round values.
    fn grid(&self) -> String {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut out = String::new();
        for tick in self.y.key_points(BoldPoints(usize::MAX)) {
            let (y, label) = (self.y(tick), self.y.format_ext(&tick));
            out += &format!(
                r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/><text class="y-label" x="{}" y="{y}">{label}</text>"#,
                LEFT - 7.0
            );
        }
        for tick in self.x.key_points(BoldPoints(usize::MAX)) {
            let (x, label) = (self.x(tick), self.x.format_ext(&tick));
            out += &format!(
                r#"<line class="tick" x1="{x}" x2="{x}" y1="{bottom}" y2="{}"/><text class="x-label" x="{x}" y="{}">{label}</text>"#,
                bottom + 4.0,
                bottom + 18.0
            );
        }
        out + &format!(
            r#"<line class="tick" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/><line class="rule" y1="{TOP}" y2="{bottom}" visibility="hidden"/>"#
        )
    }
}

/// `plotters` maps to whole pixels: tenths of a unit are fine enough.
fn place(axis: &Axis, value: f64, start: f64, end: f64) -> f64 {
    let tenths = |length: f64| (10.0 * length) as i32;
    f64::from(axis.map(&value, (tenths(start), tenths(end)))) / 10.0
}

fn legend(readout: &Readout) -> String {
    let entry = |series: &ReadoutSeries| {
        let (class, name) = (&series.class, markup::text(&series.name));
        format!(r#"<li><span class="key {class}"></span>{name}</li>"#)
    };
    let drawn = readout
        .series
        .iter()
        .filter(|series| !series.class.is_empty());
    let entries: String = drawn.map(entry).collect();
    format!(r#"<ul class="legend">{entries}</ul>"#)
}

/// The exact values for whoever cannot point at the picture.
fn table(readout: &Readout) -> String {
    let mut head = format!(r#"<th scope="col">{}</th>"#, readout.axis);
    for series in &readout.series {
        head += &format!(r#"<th scope="col">{}</th>"#, markup::text(&series.name));
    }
    let mut body = String::new();
    for (i, row) in readout.heads.iter().enumerate() {
        body += &format!(r#"<tr><th scope="row">{}</th>"#, markup::text(row));
        for series in &readout.series {
            body += &format!("<td>{}</td>", markup::text(&series.text[i]));
        }
        body += "</tr>";
    }
    format!(
        r#"<details><summary>Values</summary><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"#
    )
}
