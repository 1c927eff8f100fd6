//! The three steps for the tiles of one kind: input transform, products, output transform and pool.

use super::{GROUP, Plan, tiles, transforms};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::conv_relu_pool::cpu::pool::{pooled_directly, relu_max_pool};
use crate::ops::simd::Vector;
use std::ops::Range;

/// Values of a window that differ by less than this factor count as equal.
///
/// Rounding differs between the outputs of a tile, so the four values of a window over a constant
/// region are not exactly equal; this lets the first one win there as with direct summation.
const TIE: f32 = 1.0 - 1.0 / (1 << 18) as f32;

/// The tiles of one kind in a chunk of images.
pub struct Tiles<'a> {
    pub plan: &'a Plan<'a>,
    /// NCHW.
    pub input: &'a [f32],
    /// Pixel-major images.
    pub pixels: &'a [f32],
    /// `[Cout][Cin][3][3]`.
    pub weight: &'a [f32],
    /// The transformed weights of this kind.
    pub transformed: &'a [f32],
    /// Filled up to whole cache lines.
    pub bias: &'a [f32],
    /// Results: window-major images.
    pub values: &'a mut [f32],
    pub argmax: &'a mut [f32],
    /// Transformed tiles, `[element][tile][Cin]`.
    pub tiles_in: &'a mut [f32],
    /// Their products with the weights, `[element][tile][channel of the block]`.
    pub tiles_out: &'a mut [f32],
}

/// Where a tile is: image, and row and column of its first window.
#[derive(Clone, Copy, Default)]
struct Position {
    image: usize,
    row: usize,
    column: usize,
}

impl Position {
    /// Tiles are counted by images, rows and columns.
    fn of_tile<const ROWS: usize, const COLUMNS: usize>(shape: &BlockShape, tile: usize) -> Self {
        let [rows, columns] = tiles(shape, [ROWS, COLUMNS]);
        let (row, column) = (tile / columns % rows, tile % columns);
        Self {
            image: tile / (rows * columns),
            row: if ROWS == 4 {
                2 * row
            } else {
                shape.pooled_height() - 1
            },
            column: if COLUMNS == 4 {
                2 * column
            } else {
                shape.pooled_width() - 1
            },
        }
    }
}

impl Tiles<'_> {
    /// Runs all tiles of the kind.
    ///
    /// # Safety
    /// As for [`Vector`]; the buffers have the sizes that the plan says.
    #[inline(always)]
    pub unsafe fn run<V: Vector, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        images: usize,
    ) {
        let all = images
            * tiles(self.plan.shape, [ROWS, COLUMNS])
                .iter()
                .product::<usize>();
        let mut positions = [Position::default(); GROUP];
        for first in (0..all).step_by(GROUP) {
            let positions = &mut positions[..(all - first).min(GROUP)];
            for (i, position) in positions.iter_mut().enumerate() {
                *position = Position::of_tile::<ROWS, COLUMNS>(self.plan.shape, first + i);
            }
            let count = positions.len();
            // SAFETY: the caller promises the instruction set and buffers; `tile` < `GROUP`,
            // `element` < `ELEMENTS`, and every arm's `VECTORS` is `plan.vectors`.
            unsafe {
                for (tile, position) in positions.iter().enumerate() {
                    self.transform_input::<V, ROWS, COLUMNS>(*position, tile);
                }
                for block in 0..self.plan.out_channels / self.plan.block {
                    for element in 0..(ROWS + 2) * (COLUMNS + 2) {
                        let weights = self.plan.weight_matrix([ROWS, COLUMNS], block, element);
                        // As many rows of tiles as accumulators allow, and fewer at the end.
                        match (self.plan.vectors, V::ACCUMULATORS) {
                            (2, 24..) => self.multiply::<V, 12, 4, 2>(element, weights, count),
                            (2, 12..) => self.multiply::<V, 6, 2, 2>(element, weights, count),
                            (2, _) => self.multiply::<V, 3, 1, 2>(element, weights, count),
                            (_, 12..) => self.multiply::<V, 12, 4, 1>(element, weights, count),
                            _ => self.multiply::<V, 6, 2, 1>(element, weights, count),
                        }
                    }
                    for (tile, position) in positions.iter().enumerate() {
                        for first_lane in (0..self.plan.block).step_by(V::LANES) {
                            let products = tile * self.plan.block + first_lane;
                            let channel = block * self.plan.block + first_lane;
                            self.transform_output::<V, ROWS, COLUMNS>(*position, products, channel);
                        }
                    }
                }
            }
        }
    }

    /// `Bᵀ · d · B` of a tile, for all channels.
    #[inline(always)]
    unsafe fn transform_input<V: Vector, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        position: Position,
        tile: usize,
    ) {
        let (shape, channels) = (self.plan.shape, self.plan.in_channels);
        let row_stride = shape.padded_width() * channels;
        let corner = position.image * shape.pixel_image(channels)
            + 2 * position.row * row_stride
            + 2 * position.column * channels;
        for channel in (0..channels).step_by(V::LANES) {
            // SAFETY: the caller promises the instruction set and `tile` < `GROUP`; a tile's
            // `ROWS + 2` rows and columns lie within the image with its border.
            unsafe {
                let pixels = self.pixels.as_ptr().add(corner + channel);
                let zero = V::splat(0.0);
                let mut rows = [[zero; 6]; 6];
                for x in 0..COLUMNS + 2 {
                    let mut column = [zero; 6];
                    for y in 0..ROWS + 2 {
                        column[y] = V::load(pixels.add(y * row_stride + x * channels));
                    }
                    let column = transforms::input::<V, ROWS>(column);
                    for y in 0..ROWS + 2 {
                        rows[y][x] = column[y];
                    }
                }
                let out = self.tiles_in.as_mut_ptr().add(tile * channels + channel);
                for y in 0..ROWS + 2 {
                    let row = transforms::input::<V, COLUMNS>(rows[y]);
                    for x in 0..COLUMNS + 2 {
                        let element = y * (COLUMNS + 2) + x;
                        row[x].store(out.add(element * self.plan.tiles_in_stride()));
                    }
                }
            }
        }
    }

    /// `[tile][Cin] · [Cin][block]` of one element, `MAIN` tiles at a time and `TAIL` at the end.
    /// Tiles beyond `count` that this includes are computed from leftovers and ignored.
    #[inline(always)]
    unsafe fn multiply<V: Vector, const MAIN: usize, const TAIL: usize, const VECTORS: usize>(
        &mut self,
        element: usize,
        weights: usize,
        count: usize,
    ) {
        const { assert!(GROUP.is_multiple_of(MAIN) && MAIN.is_multiple_of(TAIL)) };
        let Plan {
            shape,
            in_channels,
            block,
            ..
        } = *self.plan;
        // SAFETY: the caller promises the instruction set and this element's weights. `TAIL`
        // divides `MAIN`, which divides `GROUP` ≥ `count`: no row of tiles is behind `GROUP`.
        unsafe {
            let weights = self.transformed.as_ptr().add(weights);
            let tiles_in = self
                .tiles_in
                .as_ptr()
                .add(element * self.plan.tiles_in_stride());
            let tiles_out = self
                .tiles_out
                .as_mut_ptr()
                .add(element * self.plan.tiles_out_stride());
            let mut tile = 0;
            while tile < count {
                let (a, out) = (
                    tiles_in.add(tile * in_channels),
                    tiles_out.add(tile * block),
                );
                if tile + MAIN <= count {
                    product::<V, MAIN, VECTORS>(a, in_channels, weights, shape.in_channels, out);
                    tile += MAIN;
                } else {
                    product::<V, TAIL, VECTORS>(a, in_channels, weights, shape.in_channels, out);
                    tile += TAIL;
                }
            }
        }
    }

    /// `Aᵀ · m · A` of a tile for one vector of output channels, then bias, ReLU and pool.
    #[inline(always)]
    unsafe fn transform_output<V: Vector, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        position: Position,
        products: usize,
        channel: usize,
    ) {
        let Plan {
            shape,
            out_channels,
            ..
        } = *self.plan;
        // SAFETY: the caller promises the instruction set, a position in an image, so
        // `window` < windows, and vectors that end with the block and `out_channels`.
        unsafe {
            let zero = V::splat(0.0);
            let products = self.tiles_out.as_ptr().add(products);
            let mut rows = [[zero; 6]; 4];
            for x in 0..COLUMNS + 2 {
                let mut column = [zero; 6];
                for y in 0..ROWS + 2 {
                    let element = y * (COLUMNS + 2) + x;
                    column[y] = V::load(products.add(element * self.plan.tiles_out_stride()));
                }
                let column = transforms::output::<V, ROWS>(column);
                for y in 0..ROWS {
                    rows[y][x] = column[y];
                }
            }
            let bias = V::load(self.bias.as_ptr().add(channel));
            for row in 0..ROWS / 2 {
                let upper = transforms::output::<V, COLUMNS>(rows[2 * row]);
                let lower = transforms::output::<V, COLUMNS>(rows[2 * row + 1]);
                for column in 0..COLUMNS / 2 {
                    let sums = [
                        upper[2 * column].add(bias),
                        upper[2 * column + 1].add(bias),
                        lower[2 * column].add(bias),
                        lower[2 * column + 1].add(bias),
                    ];
                    let (value, index) = relu_max_pool(sums, TIE);
                    let window =
                        (position.row + row) * shape.pooled_width() + position.column + column;
                    let at =
                        position.image * self.plan.window_image() + window * out_channels + channel;
                    value.store(self.values.as_mut_ptr().add(at));
                    V::index_store(index, self.argmax.as_mut_ptr().add(at).cast());
                    if !V::all_finite(sums) {
                        self.repair(position.image, window, channel..channel + V::LANES);
                    }
                }
            }
        }
    }

    /// Computes a window directly for some output channels.
    #[cold]
    #[inline(never)]
    fn repair(&mut self, image: usize, window: usize, channels: Range<usize>) {
        let Plan {
            shape,
            out_channels,
            ..
        } = *self.plan;
        let input = &self.input[image * shape.input_image()..][..shape.input_image()];
        let filters = self
            .weight
            .chunks_exact(shape.in_channels * shape.taps())
            .enumerate();
        for (channel, filter) in filters.skip(channels.start).take(channels.len()) {
            let bias = self.bias[channel];
            let (value, index) = pooled_directly(shape, input, filter, bias, window);
            let at = image * self.plan.window_image() + window * out_channels + channel;
            self.values[at] = value;
            self.argmax[at] = f32::from_bits(index.into());
        }
    }
}

/// `ROWS` rows of a matrix product with `VECTORS` vectors of columns.
#[inline(always)]
unsafe fn product<V: Vector, const ROWS: usize, const VECTORS: usize>(
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    depth: usize,
    out: *mut f32,
) {
    // SAFETY: the caller promises the instruction set and `ROWS` rows of `depth` values in `a`,
    // `depth` rows of `VECTORS` vectors in `b` and room for `ROWS` such rows in `out`.
    unsafe {
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        for k in 0..depth {
            let mut columns = [V::splat(0.0); VECTORS];
            for v in 0..VECTORS {
                columns[v] = V::load(b.add((k * VECTORS + v) * V::LANES));
            }
            for row in 0..ROWS {
                let x = V::splat(*a.add(row * a_stride + k));
                for v in 0..VECTORS {
                    sums[row][v] = x.mul_add(columns[v], sums[row][v]);
                }
            }
        }
        for row in 0..ROWS {
            for v in 0..VECTORS {
                sums[row][v].store(out.add((row * VECTORS + v) * V::LANES));
            }
        }
    }
}
