//! Anti-aliased drawing of filled outlines on a 28×28 canvas.
//!
//! Coverage is exact: each edge adds the signed area between itself and the right border to the
//! pixels it crosses, and a running sum along each row turns that into the covered share of every
//! pixel. Only `+ - * /` and `sqrt` are used, which IEEE 754 defines to the last bit, so drawings
//! are the same on every platform.

use super::{PIXELS, SIDE};

/// A position in pixels; `[0, 0]` is the centre of the canvas, `y` grows downwards.
pub type Point = [f32; 2];

/// An outline under construction: closed by itself when it is filled.
#[derive(Clone, Debug)]
pub struct Path(Vec<Point>);

impl Path {
    const CURVE_STEPS: u16 = 6;

    /// Starts at `point`.
    pub fn from(point: Point) -> Self {
        Self(vec![point])
    }

    /// A closed polygon.
    pub fn polygon(points: &[Point]) -> Self {
        Self(points.to_vec())
    }

    /// Goes on in a straight line.
    pub fn line(mut self, to: Point) -> Self {
        self.0.push(to);
        self
    }

    /// Goes on in a quadratic Bézier curve with control point `by`.
    pub fn curve(mut self, by: Point, to: Point) -> Self {
        let from = self.0.last().copied().unwrap_or(by);
        for step in 1..=Self::CURVE_STEPS {
            let t = f32::from(step) / f32::from(Self::CURVE_STEPS);
            let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            self.0
                .push([0, 1].map(|i| a * from[i] + b * by[i] + c * to[i]));
        }
        self
    }

    /// Adds the mirror image of this outline, which must run from the vertical axis to the vertical
    /// axis.
    pub fn mirrored(mut self) -> Self {
        let other: Vec<Point> = self.0.iter().rev().map(|&[x, y]| [-x, y]).collect();
        self.0.extend(other);
        self
    }

    /// This outline on the other side of the vertical axis.
    pub fn flipped(&self) -> Self {
        Self(self.0.iter().map(|&[x, y]| [-x, y]).collect())
    }

    /// The points so far, for [`Canvas::stroke`].
    pub fn points(&self) -> &[Point] {
        &self.0
    }
}

/// Stretching, turning and shifting, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Transform {
    /// Factors along x and y; negative ones mirror.
    pub stretch: [f32; 2],
    /// Tangent of half the angle.
    pub turn: f32,
    /// Pixels along x and y.
    pub shift: [f32; 2],
}

impl Transform {
    fn apply(&self, [x, y]: Point) -> Point {
        let t = self.turn;
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let (x, y) = (x * self.stretch[0], y * self.stretch[1]);
        [
            cos * x - sin * y + self.shift[0],
            sin * x + cos * y + self.shift[1],
        ]
    }
}

/// A picture in the making.
pub struct Canvas {
    /// Brightness of each pixel; 0 is background.
    pub shade: [f32; PIXELS],
    /// How far each pixel is covered by anything at all.
    pub mask: [f32; PIXELS],
    transform: Transform,
}

impl Canvas {
    /// An empty canvas on which everything is drawn through `transform`.
    pub fn new(transform: Transform) -> Self {
        Self {
            shade: [0.0; PIXELS],
            mask: [0.0; PIXELS],
            transform,
        }
    }

    /// Fills an outline.
    pub fn fill(&mut self, path: &Path, shade: f32) {
        self.cover(path, shade, 1.0);
    }

    /// Cuts an outline out, down to the background.
    pub fn erase(&mut self, path: &Path) {
        self.cover(path, 0.0, 0.0);
    }

    fn cover(&mut self, path: &Path, shade: f32, mask: f32) {
        let outline: Vec<Point> = path.0.iter().map(|&at| self.transform.apply(at)).collect();
        let pixels = self.shade.iter_mut().zip(&mut self.mask);
        for ((old_shade, old_mask), covered) in pixels.zip(coverage(&outline)) {
            *old_shade += (shade - *old_shade) * covered;
            *old_mask += (mask - *old_mask) * covered;
        }
    }

    /// Draws a line of the given width along `points`.
    pub fn stroke(&mut self, points: &[Point], width: f32, shade: f32) {
        for pair in points.windows(2) {
            let ([ax, ay], [bx, by]) = (pair[0], pair[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let length = (dx * dx + dy * dy).sqrt().max(1e-3);
            let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
            let quad = [
                [ax + nx, ay + ny],
                [bx + nx, by + ny],
                [bx - nx, by - ny],
                [ax - nx, ay - ny],
            ];
            self.fill(&Path::polygon(&quad), shade);
        }
    }

    /// Draws a small square, such as a button.
    pub fn dot(&mut self, [x, y]: Point, size: f32, shade: f32) {
        let r = size / 2.0;
        self.fill(
            &Path::polygon(&[
                [x - r, y - r],
                [x + r, y - r],
                [x + r, y + r],
                [x - r, y + r],
            ]),
            shade,
        );
    }
}

/// The covered share of every pixel, for an outline that does not cross itself.
fn coverage(outline: &[Point]) -> [f32; PIXELS] {
    const LIMIT: f32 = SIDE as f32;
    let mut area = [0.0; PIXELS + 1];
    let to_canvas = |point: Point| point.map(|value| (value + LIMIT / 2.0).clamp(0.0, LIMIT));
    let mut from = match outline.last() {
        Some(&last) => to_canvas(last),
        None => return [0.0; PIXELS],
    };
    for &point in outline {
        let to = to_canvas(point);
        add_edge(&mut area, from, to);
        from = to;
    }
    let mut covered = [0.0; PIXELS];
    for row in 0..SIDE {
        let mut sum = 0.0;
        for column in 0..SIDE {
            sum += area[row * SIDE + column];
            covered[row * SIDE + column] = f32::abs(sum).min(1.0);
        }
    }
    covered
}

/// Adds one edge, cut at the borders of the pixels it runs through.
fn add_edge(area: &mut [f32; PIXELS + 1], from: Point, to: Point) {
    let (sign, [mut x, mut y], [end_x, end_y]) = if from[1] <= to[1] {
        (1.0, from, to)
    } else {
        (-1.0, to, from)
    };
    if y == end_y {
        return;
    }
    let slope = (end_x - x) / (end_y - y);
    while y < end_y {
        let row = (y as usize).min(SIDE - 1);
        let row_end = ((row + 1) as f32).min(end_y);
        let row_end_x = if row_end == end_y {
            end_x
        } else {
            x + slope * (row_end - y)
        };
        // Within the row, one piece for each column.
        let (mut x0, mut y0) = (x, y);
        while y0 < row_end {
            let right = row_end_x > x0;
            let column = if right || x0.fract() > 0.0 || x0 == row_end_x {
                (x0 as usize).min(SIDE - 1)
            } else {
                (x0 as usize).saturating_sub(1)
            };
            let border = if right {
                (column + 1) as f32
            } else {
                column as f32
            };
            let leaves = if right {
                row_end_x > border
            } else {
                row_end_x < border
            };
            let (x1, y1) = if leaves {
                (border, (y0 + (border - x0) / slope).clamp(y0, row_end))
            } else {
                (row_end_x, row_end)
            };
            let height = sign * (y1 - y0);
            let inside = (x0 + x1) / 2.0 - column as f32;
            area[row * SIDE + column] += height * (1.0 - inside);
            if column + 1 < SIDE {
                area[row * SIDE + column + 1] += height * inside;
            }
            (x0, y0) = (x1, y1);
            if !leaves {
                break;
            }
        }
        (x, y) = (row_end_x, row_end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The area of a polygon by the shoelace formula.
    fn area(points: &[Point]) -> f32 {
        let next = points.iter().cycle().skip(1);
        let twice: f32 = points
            .iter()
            .zip(next)
            .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
            .sum();
        twice.abs() / 2.0
    }

    #[test]
    fn the_coverage_of_a_polygon_adds_up_to_its_area() {
        let polygons: [&[Point]; 6] = [
            &[[-3.0, -3.0], [3.0, -3.0], [3.0, 3.0], [-3.0, 3.0]],
            &[[-13.7, -2.2], [12.9, -13.1], [4.4, 13.9]],
            &[[4.4, 13.9], [12.9, -13.1], [-13.7, -2.2]],
            &[[0.0, -10.3], [0.4, 0.0], [0.0, 10.3], [-0.4, 0.0]],
            &[[-14.0, -14.0], [14.0, -14.0], [14.0, 14.0], [-14.0, 14.0]],
            &[
                [-9.0, -5.0],
                [0.0, 4.0],
                [9.0, -5.0],
                [6.5, 8.25],
                [-6.5, 8.25],
            ],
        ];
        for polygon in polygons {
            let sum: f32 = coverage(polygon).iter().sum();
            assert!((sum - area(polygon)).abs() < 2e-3, "{sum} for {polygon:?}");
        }
    }

    #[test]
    fn the_coverage_of_each_pixel_is_the_share_of_it_that_is_inside() {
        let polygon = [[-11.3, -7.6], [3.2, -12.4], [12.1, 5.5], [-6.9, 10.8]];
        let inside = |x: f32, y: f32| {
            let next = polygon.iter().cycle().skip(1);
            polygon
                .iter()
                .zip(next)
                .all(|(a, b)| (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0.0)
        };
        const SAMPLES: u16 = 32;
        let offset = |step: u16| (f32::from(step) + 0.5) / f32::from(SAMPLES) - 14.0;
        for (index, covered) in coverage(&polygon).into_iter().enumerate() {
            let (column, row) = ((index % SIDE) as f32, (index / SIDE) as f32);
            let hits = (0..SAMPLES * SAMPLES)
                .filter(|s| inside(column + offset(s % SAMPLES), row + offset(s / SAMPLES)))
                .count();
            let sampled = hits as f32 / f32::from(SAMPLES * SAMPLES);
            assert!(
                (covered - sampled).abs() < 0.02,
                "pixel {index}: {covered}, sampled {sampled}"
            );
        }
    }
}
