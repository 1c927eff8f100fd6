//! The tiles of one kind: their input transform and products; the rest is in `outputs.rs`.

use super::transforms::{Input, nested};
use super::{GROUP, Plan, tiles};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::simd::Vector;

/// The tiles of one kind in a chunk of images.
pub struct Tiles<'a> {
    pub plan: &'a Plan<'a>,
    /// Pixel-major images.
    pub pixels: &'a [f32],
    /// `[Cout][Cin][3][3]`.
    pub weight: &'a [f32],
    /// The transformed weights of each block, from those of this kind on.
    pub transformed: &'a [f32],
    /// Filled up to whole cache lines.
    pub bias: &'a [f32],
    /// Results: window-major images. Without a pool there is no argmax.
    pub values: &'a mut [f32],
    pub argmax: &'a mut [f32],
    /// Transformed tiles, `[element][tile][Cin]`.
    pub tiles_in: &'a mut [f32],
    /// Their products with the weights, `[element][tile][channel of the block]`.
    pub tiles_out: &'a mut [f32],
}

/// Where a tile is: image, and row and column of its first block.
#[derive(Clone, Copy, Default)]
pub struct Position {
    pub image: usize,
    pub row: usize,
    pub column: usize,
}

impl Position {
    /// Tiles are counted by images, rows and columns.
    fn of_tile<const ROWS: usize, const COLUMNS: usize>(shape: &BlockShape, tile: usize) -> Self {
        let [rows, columns] = tiles(shape, [ROWS, COLUMNS]);
        let [down, across] = shape.blocks();
        let (row, column) = (tile / columns % rows, tile % columns);
        Self {
            image: tile / (rows * columns),
            row: if ROWS == 4 { 2 * row } else { down - 1 },
            column: if COLUMNS == 4 { 2 * column } else { across - 1 },
        }
    }

    /// The block in the given row and column of the tile.
    #[inline(always)]
    pub fn block(self, row: usize, column: usize) -> Self {
        Self {
            image: self.image,
            row: self.row + row,
            column: self.column + column,
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
        let block_weights = self.plan.block_weights();
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
                        let weights = block * block_weights + element * self.plan.weight_stride();
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
        let steps = [shape.padded_width() * channels, channels];
        let corner = self.corner(position);
        for channel in (0..channels).step_by(V::LANES) {
            // SAFETY: the caller promises the instruction set and `tile` < `GROUP`; a tile's
            // `ROWS + 2` rows and columns lie within the image with its border.
            unsafe {
                let from = self.pixels.as_ptr().add(corner + channel);
                let to = self.tiles_in.as_mut_ptr().add(tile * channels + channel);
                let stride = self.plan.tiles_in_stride();
                nested::<V, Input<ROWS>, Input<COLUMNS>>(from, steps, to, stride);
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

    /// Where the patch of the input under a block begins in the pixel-major images.
    #[inline(always)]
    pub fn corner(&self, block: Position) -> usize {
        let (shape, channels) = (self.plan.shape, self.plan.in_channels);
        block.image * shape.pixel_image(channels)
            + 2 * (block.row * shape.padded_width() + block.column) * channels
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
