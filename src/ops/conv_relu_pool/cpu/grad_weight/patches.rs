//! How the patches of an image lie in memory, and the sum of scaled patches.

use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::conv_relu_pool::cpu::layout::{filled_up, pad_planes, scatter_columns};
use crate::ops::scratch::{LINE, padded};
use crate::ops::simd::Vector;

/// The layout of the patches under every convolution output that a window may choose.
///
/// With many input channels a patch is `k` runs of a pixel-major image. With few, whose vectors would
/// be mostly padding, all patches are written out one by one (im2col), each a single run.
pub struct Patches {
    /// Runs per patch.
    runs: usize,
    /// Values per run, whole cache lines.
    run: usize,
    /// From one run of a patch to the next.
    run_stride: usize,
    /// From one position to its right and lower neighbour.
    pub steps: [usize; 2],
    /// Values of one image.
    pub image: usize,
    /// Where the pixels go in a pixel-major image.
    pixel_offsets: Vec<u32>,
}

impl Patches {
    pub fn new(shape: &BlockShape) -> Self {
        if shape.writes_patches_out() {
            let run = padded(shape.in_channels * shape.taps() + shape.kernel - 2);
            let row = shape.pool * shape.output_width() * run;
            Self {
                runs: 1,
                run,
                run_stride: 0,
                steps: [run, row],
                image: shape.pool * shape.output_height() * row,
                pixel_offsets: Vec::new(),
            }
        } else {
            let pixel = padded(shape.in_channels);
            let row = shape.padded_width() * pixel;
            Self {
                runs: shape.kernel,
                run: shape.kernel * pixel,
                run_stride: row,
                steps: [pixel, row],
                image: shape.pixel_image(pixel),
                pixel_offsets: shape.pixel_offsets(pixel),
            }
        }
    }

    /// Values per patch.
    pub fn len(&self) -> usize {
        self.runs * self.run
    }

    /// Where the weight of an input channel and tap is in a patch.
    pub fn weight(&self, shape: &BlockShape, channel: usize, tap: usize) -> usize {
        if self.runs == 1 {
            channel * shape.taps() + tap
        } else {
            tap * padded(shape.in_channels) + channel
        }
    }

    /// Length of the buffer for [`Patches::write`].
    pub fn stage(shape: &BlockShape) -> usize {
        padded(shape.in_channels) * shape.padded_plane() + LINE
    }

    /// Writes the patches of an image. The stage and what the patches do not fill must be zero at
    /// the first image of this shape and stays so.
    ///
    /// # Safety
    /// As for [`Vector`].
    #[inline(always)]
    pub unsafe fn write<V: Vector>(
        &self,
        shape: &BlockShape,
        image: &[f32],
        stage: &mut [f32],
        patches: &mut [f32],
    ) {
        if self.runs > 1 {
            let matrix = [padded(shape.in_channels), shape.input_plane()];
            let image = filled_up(image, matrix, stage);
            // SAFETY: the caller promises the instruction set; `stage` ends with a cache line, and
            // `pixel_offsets` was made for a pixel-major image as long as `patches`.
            unsafe { scatter_columns::<V>(image, matrix, patches, &self.pixel_offsets) };
        } else {
            pad_planes(shape, image, stage);
            match shape.kernel {
                3 => self.write_out::<3, 4>(shape, stage, patches),
                _ => self.write_out::<5, 8>(shape, stage, patches),
            }
        }
    }

    /// Writes out every patch as `[Cin][K][K]`. Rows of `K` values are copied as `WIDE` ones: what is
    /// too much is overwritten by the next row or lies behind the last one, where there is room.
    #[inline(always)]
    fn write_out<const K: usize, const WIDE: usize>(
        &self,
        shape: &BlockShape,
        planes: &[f32],
        patches: &mut [f32],
    ) {
        assert!(planes.len() >= shape.in_channels * shape.padded_plane() + WIDE);
        assert!(patches.len() >= self.image && self.run >= shape.in_channels * K * K + WIDE - K);
        for y in 0..shape.pool * shape.output_height() {
            for channel in 0..shape.in_channels {
                for ky in 0..K {
                    let from = channel * shape.padded_plane() + (y + ky) * shape.padded_width();
                    let to = y * self.steps[1] + (channel * K + ky) * K;
                    for x in 0..shape.pool * shape.output_width() {
                        // SAFETY: the row begins inside a plane, which is followed by a cache line,
                        // and lies inside its patch: both asserted above.
                        unsafe {
                            let row = planes.as_ptr().add(from + x).cast::<[f32; WIDE]>().read();
                            let to = patches.as_mut_ptr().add(to + x * self.steps[0]);
                            to.cast::<[f32; WIDE]>().write(row);
                        }
                    }
                }
            }
        }
    }

    /// Adds the patches at the given offsets of an image, scaled by their gradients, to `sums`, in
    /// register blocks of up to three runs by a third of the accumulators.
    ///
    /// # Safety
    /// As for [`Vector`]; the offsets lead to patches inside the image.
    #[inline(always)]
    pub unsafe fn add<V: Vector>(
        &self,
        image: &[f32],
        gradients: &[f32],
        offsets: &[f32],
        sums: &mut [f32],
    ) {
        let widest = (V::ACCUMULATORS / 3).min(6);
        for first_run in (0..self.runs).step_by(3) {
            let runs = (self.runs - first_run).min(3);
            let mut column = 0;
            while column < self.run {
                let vectors = ((self.run - column) / V::LANES).min(widest);
                // SAFETY: the caller promises the instruction set and offsets; `first_run + runs` ≤
                // `self.runs` and `column` + `vectors` · `LANES` ≤ `self.run`.
                unsafe {
                    let image = image.as_ptr().add(first_run * self.run_stride + column);
                    let sums = sums.as_mut_ptr().add(first_run * self.run + column);
                    let block = Block {
                        patches: self,
                        image,
                        gradients,
                        offsets,
                        sums,
                    };
                    match (runs, vectors) {
                        (3, 6) => block.add::<V, 1, 3, 6>(),
                        (3, 5) => block.add::<V, 1, 3, 5>(),
                        (3, 4) => block.add::<V, 1, 3, 4>(),
                        (3, 3) => block.add::<V, 1, 3, 3>(),
                        (3, 2) => block.add::<V, 1, 3, 2>(),
                        (3, _) => block.add::<V, 2, 3, 1>(),
                        (2, 6) => block.add::<V, 1, 2, 6>(),
                        (2, 5) => block.add::<V, 1, 2, 5>(),
                        (2, 4) => block.add::<V, 1, 2, 4>(),
                        (2, 3) => block.add::<V, 1, 2, 3>(),
                        (2, 2) => block.add::<V, 1, 2, 2>(),
                        (2, _) => block.add::<V, 2, 2, 1>(),
                        (_, 6) => block.add::<V, 1, 1, 6>(),
                        (_, 5) => block.add::<V, 1, 1, 5>(),
                        (_, 4) => block.add::<V, 1, 1, 4>(),
                        (_, 3) => block.add::<V, 2, 1, 3>(),
                        (_, 2) => block.add::<V, 3, 1, 2>(),
                        _ => block.add::<V, 4, 1, 1>(),
                    }
                }
                column += vectors * V::LANES;
            }
        }
    }
}

/// A register block of a channel's sums.
struct Block<'a> {
    patches: &'a Patches,
    image: *const f32,
    gradients: &'a [f32],
    offsets: &'a [f32],
    sums: *mut f32,
}

impl Block<'_> {
    /// `CHAINS` entries of the list go to accumulators of their own, so that blocks of few vectors
    /// need not wait for one addition after the other.
    #[inline(always)]
    unsafe fn add<V: Vector, const CHAINS: usize, const RUNS: usize, const VECTORS: usize>(&self) {
        // SAFETY: the caller promises the instruction set and, from `self.sums` on, `RUNS` runs
        // with `VECTORS` vectors; all entries are below the list's length.
        unsafe {
            let mut sums = [[[V::splat(0.0); VECTORS]; RUNS]; CHAINS];
            let whole = self.gradients.len() / CHAINS * CHAINS;
            for first in (0..whole).step_by(CHAINS) {
                for chain in 0..CHAINS {
                    self.add_entry(first + chain, &mut sums[chain]);
                }
            }
            for entry in whole..self.gradients.len() {
                self.add_entry(entry, &mut sums[0]);
            }
            for run in 0..RUNS {
                for v in 0..VECTORS {
                    let at = self.sums.add(run * self.patches.run + v * V::LANES);
                    let mut sum = V::load(at);
                    for chain in 0..CHAINS {
                        sum = sum.add(sums[chain][run][v]);
                    }
                    sum.store(at);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn add_entry<V: Vector, const RUNS: usize, const VECTORS: usize>(
        &self,
        entry: usize,
        sums: &mut [[V; VECTORS]; RUNS],
    ) {
        // SAFETY: the caller promises the instruction set, an entry below the length of both lists,
        // and an offset to a patch with `RUNS` runs and `VECTORS` vectors from `self.image` on.
        unsafe {
            let gradient = V::splat(*self.gradients.get_unchecked(entry));
            let offset = self.offsets.get_unchecked(entry).to_bits() as usize;
            let patch = self.image.add(offset);
            for run in 0..RUNS {
                for v in 0..VECTORS {
                    let x = V::load(patch.add(run * self.patches.run_stride + v * V::LANES));
                    sums[run][v] = gradient.mul_add(x, sums[run][v]);
                }
            }
        }
    }
}
